//! The effect of a plan: counts before and after.

use crate::counts::{LabelCounts, Tally};
use crate::error::{Error, Result};
use crate::measures::{Compat, Measures, measure};

use super::Rarity;

/// The difference between the counts of an epoch and the counts of the rows. Shifts of parts add up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    rows: i64,
    positives: Vec<i64>,
    unknown: Vec<i64>,
}

impl Shift {
    /// No shift, for `labels` labels.
    #[must_use]
    pub(crate) fn new(labels: usize) -> Self {
        Self { rows: 0, positives: vec![0; labels], unknown: vec![0; labels] }
    }

    /// A row with positive labels `labels` and missing labels `unknown` occurs `repeats` times instead of once.
    #[inline]
    pub(crate) fn repeat(&mut self, positives: &[u32], unknown: &[u32], repeats: u32) {
        if repeats == 1 {
            return;
        }
        let more = i64::from(repeats) - 1;
        self.rows += more;
        positives.iter().for_each(|label| self.positives[*label as usize] += more);
        unknown.iter().for_each(|label| self.unknown[*label as usize] += more);
    }

    /// A row becomes two that share its labels; `unknown` is missing in both.
    pub(crate) fn split(&mut self, unknown: &[u32]) {
        self.repeat(&[], unknown, 2);
    }

    /// Adds a row, for counts that start at zero.
    pub(crate) fn add(&mut self, positives: &[u32], unknown: &[u32]) {
        self.repeat(positives, unknown, 2);
    }

    /// Adds the shift of other rows.
    pub(crate) fn merge(&mut self, other: &Self) {
        let add =
            |to: &mut Vec<i64>, from: &[i64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        self.rows += other.rows;
        add(&mut self.positives, &other.positives);
        add(&mut self.unknown, &other.unknown);
    }

    /// Rows of the epoch of `rows` rows.
    #[must_use]
    pub(crate) fn rows_after(&self, rows: u64) -> u64 {
        rows.saturating_add_signed(self.rows)
    }

    /// Counts of the epoch; `before` are the counts of the rows. Uncertain cells count as missing.
    ///
    /// # Errors
    /// [`Error::Internal`] if the plan drops more rows than there are.
    pub(crate) fn after(&self, before: &LabelCounts) -> Result<LabelCounts> {
        let moved = |count: u64, by: i64| {
            count
                .checked_add_signed(by)
                .ok_or_else(|| Error::internal("a plan drops more rows than there are"))
        };
        let rows = moved(before.rows(), self.rows)?;
        let tallies = before.tallies().iter().enumerate().map(|(label, tally)| {
            let positives = moved(tally.positives, self.positives[label])?;
            let lost = tally.missing.saturating_add(tally.uncertain);
            let missing = moved(lost, self.unknown[label])?;
            let negatives = rows.checked_sub(positives).and_then(|rest| rest.checked_sub(missing));
            let negatives = negatives.ok_or_else(|| Error::internal("a plan adds more labels than rows"))?;
            Ok(Tally { positives, negatives, missing, ..Tally::default() })
        });
        LabelCounts::new(rows, before.labels().clone(), tallies.collect::<Result<_>>()?, None)
    }
}

/// A label up to MeanIR that a plan adds positives to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dragged {
    /// Index of the label.
    pub label: usize,
    /// Positives that the epoch has more.
    pub added: u64,
}

/// The effect of a plan.
#[derive(Debug)]
pub(crate) struct Preview {
    /// Counts of the rows.
    pub before: LabelCounts,
    /// Their measures.
    pub measures_before: Measures,
    /// Counts of an epoch.
    pub after: LabelCounts,
    /// Their measures.
    pub measures_after: Measures,
    /// SCUMBLE of the rows and of an epoch, where the plan computes both.
    pub scumble: Option<[f64; 2]>,
}

impl Preview {
    /// For rows with the counts `before` and the shift of a plan.
    ///
    /// # Errors
    /// [`Error::Internal`] if counts and shift do not match.
    pub(crate) fn new(before: &LabelCounts, shift: &Shift, scumble: Option<[f64; 2]>) -> Result<Self> {
        let after = shift.after(before)?;
        Ok(Self {
            measures_before: measure(before, Compat::default()),
            measures_after: measure(&after, Compat::default()),
            before: before.clone(),
            after,
            scumble,
        })
    }

    /// MeanIR of the rows, the number of labels above it before the plan, and of these after it: labels whose IRLbl in
    /// the epoch is still above that MeanIR.
    #[must_use]
    pub(crate) fn beyond(&self) -> (f64, usize, usize) {
        let (before, after) = (Rarity::of(&self.before), Rarity::of(&self.after));
        let minority = before.minority();
        let is_above = |label: &&u32| after.irlbl(**label as usize).is_none_or(|ir| ir > before.mean_ir);
        let left = minority.iter().filter(is_above).count();
        (before.mean_ir, minority.len(), left)
    }

    /// MeanIR of the rows, the number of labels below it before the plan, and how many of these are still below it in the
    /// epoch, and how many above it, by the positives of the most frequent label before the plan.
    #[must_use]
    pub(crate) fn passed(&self) -> (f64, usize, [usize; 2]) {
        let (before, after) = (Rarity::of(&self.before), Rarity::of(&self.after));
        let majority = before.majority();
        let after = Rarity { most: before.most, ..after };
        let of = |is: &dyn Fn(f64) -> bool| {
            let irlbl = |label: &&u32| is(after.irlbl(**label as usize).unwrap_or(f64::INFINITY));
            majority.iter().filter(irlbl).count()
        };
        let counts = [of(&|ir| ir < before.mean_ir), of(&|ir| ir > before.mean_ir)];
        (before.mean_ir, majority.len(), counts)
    }

    /// Labels with IRLbl up to MeanIR that have more positives than before, the largest gain first.
    #[must_use]
    pub(crate) fn dragged(&self) -> Vec<Dragged> {
        let rarity = Rarity::of(&self.before);
        let added = |label: usize| {
            let [before, after] = [&self.before, &self.after].map(|side| side.tallies()[label].positives);
            after.checked_sub(before).filter(|added| *added > 0)
        };
        let majority =
            (0..self.before.len()).filter(|&l| rarity.irlbl(l).is_some_and(|ir| ir <= rarity.mean_ir));
        let mut all: Vec<Dragged> =
            majority.filter_map(|label| Some(Dragged { label, added: added(label)? })).collect();
        all.sort_by_key(|dragged| (std::cmp::Reverse(dragged.added), dragged.label));
        all
    }
}

/// The counts of a fold, from a shift that starts at zero.
///
/// # Errors
/// As [`Shift::after`].
pub(crate) fn counts_of(part: &Shift, all: &LabelCounts) -> Result<LabelCounts> {
    part.after(&LabelCounts::empty(all.labels().clone(), false))
}

/// Labels that other rows of `all` have, but no row of `fold`.
pub(crate) fn absent(fold: &LabelCounts, all: &LabelCounts) -> impl Iterator<Item = usize> {
    let both = fold.tallies().iter().zip(all.tallies()).enumerate();
    both.filter(|(_, (fold, all))| fold.positives == 0 && all.positives > 0).map(|(label, _)| label)
}

/// Labels that no row of `fold` is known to lack, though other rows of `all` are.
pub(crate) fn full(fold: &LabelCounts, all: &LabelCounts) -> impl Iterator<Item = usize> {
    let both = fold.tallies().iter().zip(all.tallies()).enumerate();
    both.filter(|(_, (fold, all))| fold.negatives == 0 && all.negatives > 0).map(|(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Labels;

    #[test]
    fn counts_follow_rows() {
        // Rows {0}, {0, 1}, {} that says nothing of 1.
        let tally =
            |positives, negatives, missing| Tally { positives, negatives, missing, ..Tally::default() };
        let before =
            LabelCounts::new(3, Labels::indices(2), vec![tally(2, 1, 0), tally(1, 1, 1)], None).unwrap();
        let mut shift = Shift::new(2);
        shift.repeat(&[0], &[], 0);
        let mut more = Shift::new(2);
        more.repeat(&[0, 1], &[], 3);
        more.repeat(&[], &[1], 2);
        shift.merge(&more);
        let preview = Preview::new(&before, &shift, None).unwrap();
        assert_eq!(preview.after.rows(), 5);
        assert_eq!(preview.after.tallies(), [tally(3, 2, 0), tally(3, 0, 2)]);
        assert_eq!(preview.dragged(), [Dragged { label: 0, added: 1 }]);
        // IRLbl 2 / 2 and 2 / 1, MeanIR 1.5; no row of label 0 is left.
        let mut dropped = Shift::new(2);
        dropped.repeat(&[0], &[], 0);
        dropped.repeat(&[0, 1], &[], 0);
        let preview = Preview::new(&before, &dropped, None).unwrap();
        assert_eq!(preview.passed(), (1.5, 1, [0, 1]));
        let preview = Preview::new(&before, &Shift::new(2), None).unwrap();
        assert_eq!(preview.passed(), (1.5, 1, [1, 0]));
        let fold = |positives, negatives| {
            LabelCounts::new(
                2,
                Labels::indices(1),
                vec![tally(positives, negatives, 2 - positives - negatives)],
                None,
            )
            .unwrap()
        };
        assert_eq!(full(&fold(1, 0), &fold(1, 1)).collect::<Vec<_>>(), [0]);
        assert_eq!(full(&fold(2, 0), &fold(2, 0)).count() + full(&fold(1, 1), &fold(1, 1)).count(), 0);
        shift.repeat(&[0], &[], 0);
        shift.repeat(&[0], &[], 0);
        shift.repeat(&[0], &[], 0);
        assert!(shift.after(&before).is_err());
    }
}
