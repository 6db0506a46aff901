//! Sampling plans: how often a row occurs in an epoch, or to which fold it belongs.
//!
//! ```text
//! counts ─┐
//!         ├▶ Method ─▶ per row: a repeat count, a weight and a repeat count, or a fold ─▶ Preview
//! rows ───┘
//! ```
//!
//! [`method`] names and parameters of plans · [`draw`] random numbers as hashes of shard name and row number ·
//! [`repeat_factor`], [`row_weight`], [`ml`], [`lp`], [`remedial`], [`stratify`] one family of plans each ·
//! [`even_groups`] groups that change folds ·
//! [`preview`] counts before and after the plan · [`row_columns`] columns that rows get beside a plan,
//! [`cell_weight`] their values
//!
//! No decision depends on threads, memory or the order of shards: a row is identified by the name of its shard
//! and its number in it, and everything with an order follows the order of shard names.

pub(crate) mod cell_weight;
mod decisions;
pub(crate) mod draw;
pub(crate) mod even_groups;
pub(crate) mod lp;
pub(crate) mod method;
pub(crate) mod ml;
pub(crate) mod preview;
pub(crate) mod remedial;
pub(crate) mod repeat_factor;
pub(crate) mod row_columns;
pub(crate) mod row_weight;
pub(crate) mod stratify;

pub(crate) use decisions::{Decisions, Values};
pub use draw::Draw;
pub use method::METHODS;
pub(crate) use method::Method;
pub(crate) use preview::{Preview, Shift};

use crate::counts::{LabelCounts, as_f64};

/// How rare each label is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rarity {
    /// Rows, N.
    pub rows: u64,
    /// Positives of each label.
    pub positives: Vec<u64>,
    /// Positives of the most frequent label.
    pub most: u64,
    /// MeanIR: mean IRLbl of the labels with positives; 0 if there are none.
    pub mean_ir: f64,
}

impl Rarity {
    /// For labels with the counts `counts`.
    #[must_use]
    pub(crate) fn of(counts: &LabelCounts) -> Self {
        let positives: Vec<u64> = counts.tallies().iter().map(|tally| tally.positives).collect();
        let most = positives.iter().copied().max().unwrap_or(0);
        let present = positives.iter().filter(|positives| **positives > 0);
        let sum: f64 = present.clone().map(|positives| as_f64(most) / as_f64(*positives)).sum();
        let n = present.count();
        let mean_ir = if n == 0 { 0.0 } else { sum / n as f64 };
        Self { rows: counts.rows(), positives, most, mean_ir }
    }

    /// Positives of the most frequent label / positives; `None` without positives.
    #[must_use]
    pub(crate) fn irlbl(&self, label: usize) -> Option<f64> {
        let positives = *self.positives.get(label)?;
        (positives > 0).then(|| as_f64(self.most) / as_f64(positives))
    }

    /// Labels whose IRLbl is above MeanIR.
    #[must_use]
    pub(crate) fn minority(&self) -> Vec<u32> {
        self.labels(|irlbl| irlbl > self.mean_ir)
    }

    /// Labels whose IRLbl is below MeanIR.
    #[must_use]
    pub(crate) fn majority(&self) -> Vec<u32> {
        self.labels(|irlbl| irlbl < self.mean_ir)
    }

    /// Labels that occur in more than half of the rows.
    #[must_use]
    pub(crate) fn frequent(&self) -> Vec<u32> {
        let all = (0_u32..).zip(&self.positives);
        all.filter(|(_, positives)| **positives > self.rows / 2).map(|(label, _)| label).collect()
    }

    fn labels(&self, is: impl Fn(f64) -> bool) -> Vec<u32> {
        let all = (0_u32..).zip(0..self.positives.len());
        all.filter(|(_, label)| self.irlbl(*label).is_some_and(&is)).map(|(label, _)| label).collect()
    }

    /// `percent` of all rows, rounded down.
    #[must_use]
    pub(crate) fn share(&self, percent: f64) -> u64 {
        whole(as_f64(self.rows) * percent / 100.0)
    }
}

/// A number that is not negative, rounded down.
#[must_use]
pub(crate) fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casts of doubles are clamped to the range of the type"
    )]
    let whole = value.floor() as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Labels, Tally};

    #[test]
    fn labels_without_positives_are_neither() {
        let tally = |positives| Tally { positives, negatives: 100 - positives, ..Tally::default() };
        let counts =
            LabelCounts::new(100, Labels::indices(4), [80, 40, 0, 4].map(tally).to_vec(), None).unwrap();
        let rarity = Rarity::of(&counts);
        assert!((rarity.mean_ir - 23.0 / 3.0).abs() < 1e-12);
        assert_eq!((rarity.minority(), rarity.majority()), (vec![3], vec![0, 1]));
        assert_eq!(rarity.frequent(), [0]);
        assert_eq!((rarity.irlbl(2), rarity.irlbl(3)), (None, Some(20.0)));
        assert_eq!([0.0, 12.5, 100.0].map(|percent| rarity.share(percent)), [0, 12, 100]);
    }
}
