//! The folds of rows: those of a plan, and random ones to compare them with.

use super::task::SamplingTask;
use crate::engine::rows::block::Row;
use crate::error::{Error, Result};
use crate::sampling::draw::Stream;
use crate::sampling::{Draw, Shift};

/// Draws of random folds, at most.
const DRAWS_MAX: usize = 8;
/// Numbers that the counts of all random folds may take.
const NUMBERS_MAX: usize = 1 << 20;
/// Bits of an entry that hold the fold.
const FOLD_BITS: u32 = u16::BITS;

/// The fold of a row, and the group that the row is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dealt {
    pub(super) fold: u16,
    pub(super) group: Option<u32>,
}

impl Dealt {
    /// Of a row that is in no group.
    pub(super) fn row(fold: u16) -> Self {
        Self { fold, group: None }
    }

    /// As one number.
    pub(super) fn entry(self) -> u64 {
        let group = self.group.map_or(0, |group| u64::from(group) + 1);
        (group << FOLD_BITS) | u64::from(self.fold)
    }

    fn of(entry: u64) -> Option<Self> {
        let fold = u16::try_from(entry & u64::from(u16::MAX)).ok()?;
        let group = (entry >> FOLD_BITS).checked_sub(1).map(u32::try_from).transpose().ok()?;
        Some(Self { fold, group })
    }
}

/// Counts of folds, and of random ones, from the rows that one thread reads.
#[derive(Debug, Default)]
pub(super) struct FoldCounts {
    folds: Vec<Shift>,
    random: Vec<Vec<Shift>>,
}

impl FoldCounts {
    /// For that many folds, of the labels of a task. How often random folds are drawn depends on nothing else, so that
    /// they are the same wherever the plan is made.
    pub(super) fn new(task: &SamplingTask<'_>, folds: usize) -> Self {
        let labels = task.asked.counts.len();
        let draws = NUMBERS_MAX.checked_div(folds * labels).map_or(0, |draws| draws.clamp(1, DRAWS_MAX));
        let empty = vec![Shift::new(labels); folds];
        Self { random: vec![empty.clone(); draws], folds: empty }
    }

    /// Adds a row: its `entry`, and the random numbers of its shard with its place there. Gives its fold.
    pub(super) fn add(
        &mut self,
        row: &Row<'_>,
        entry: Option<u64>,
        shares: &[f64],
        draw: Draw,
        (stream, place): (Stream, u64),
    ) -> Result<u32> {
        let dealt = entry.and_then(Dealt::of);
        let fold = dealt.and_then(|dealt| self.folds.get_mut(usize::from(dealt.fold)));
        let (Some(dealt), Some(fold)) = (dealt, fold) else {
            return Err(Error::changed("the sampling plan found a row that was not there before")
                .hint("run again once nothing writes to the shards"));
        };
        fold.add(row.positives, row.unknown);
        // Rows that stay together are drawn together.
        let own = dealt.group.map_or_else(|| stream.again(place), |group| draw.group(group.into()));
        for (number, folds) in (0..).zip(&mut self.random) {
            if let Some(fold) = folds.get_mut(random_fold(shares, own.unit(number))) {
                fold.add(row.positives, row.unknown);
            }
        }
        Ok(dealt.fold.into())
    }

    /// Adds those of another thread.
    pub(super) fn merge(&mut self, other: &Self) {
        let pairs = self.random.iter_mut().flatten().zip(other.random.iter().flatten());
        for (sum, part) in self.folds.iter_mut().zip(&other.folds).chain(pairs) {
            sum.merge(part);
        }
    }

    /// The counts of the folds, and those of each draw of random folds.
    pub(super) fn finish(self) -> (Vec<Shift>, Vec<Vec<Shift>>) {
        (self.folds, self.random)
    }
}

/// The fold at `unit`, a number from 0 to 1.
fn random_fold(shares: &[f64], unit: f64) -> usize {
    let mut sum = 0.0;
    let behind = shares.iter().position(|share| {
        sum += share;
        unit < sum
    });
    behind.unwrap_or(shares.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_holds_fold_and_group() {
        for dealt in [
            Dealt::row(0),
            Dealt::row(u16::MAX),
            Dealt { fold: 3, group: Some(0) },
            Dealt { fold: u16::MAX, group: Some(u32::MAX) },
        ] {
            assert_eq!(Dealt::of(dealt.entry()), Some(dealt));
        }
    }

    #[test]
    fn random_folds_have_their_shares() {
        let shares = [0.5, 0.3, 0.2];
        assert_eq!(
            [0.0, 0.49, 0.5, 0.79, 0.8, 1.0].map(|unit| random_fold(&shares, unit)),
            [0, 0, 1, 1, 2, 2]
        );
    }
}
