//! Positives per label; a label that a row repeats counts once.

use super::carry::CarryCounts;
use super::repeats::{Here, LastRows, ascend, ends};
use crate::pages::format::limits::highest;
use crate::pages::lookup::NO_LABEL;

/// So many labels that the last row of each stays close to the processor.
const FEW: usize = 1 << 12;

/// Positives per label id, summed over chunks.
///
/// A corrupt chunk adds nothing: it is read a second time, and what was added the first time is subtracted.
#[derive(Debug)]
pub(crate) struct SetCounter {
    counts: CarryCounts,
    marks: LastRows,
    here: Here,
    /// A bit per label that [`Self::add_distinct`] was given since [`Self::start_distinct`].
    distinct: Vec<u64>,
    /// Number of the row at hand. No number is used twice, unless `marks` forget it in between.
    row: u32,
    /// Whether this chunk added anything, and whether that is being taken back.
    added: bool,
    undoing: bool,
}

impl Default for SetCounter {
    fn default() -> Self {
        Self::new()
    }
}

impl SetCounter {
    /// A counter without any count.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self {
            counts: CarryCounts::default(),
            marks: LastRows::default(),
            here: Here::NOTHING,
            distinct: Vec::new(),
            row: 0,
            added: false,
            undoing: false,
        }
    }

    /// Returns the number of rows that have each label, by label id up to the highest that was counted, and
    /// resets the counter.
    #[must_use]
    pub(crate) fn take(&mut self) -> Vec<u64> {
        self.counts.take()
    }

    /// Label ids that can have a count.
    #[must_use]
    pub(crate) fn labels(&self) -> usize {
        self.counts.len()
    }

    /// The number of rows so far that have a label.
    #[must_use]
    pub(crate) fn rows_with(&self, label: usize) -> u64 {
        self.counts.get(label)
    }

    /// Counts a chunk of fewer than [`ROWS_MAX`] rows. When `count` gives `None` or fails, it is called again
    /// to take back what it added, so it has to do the same every time.
    pub(super) fn attempt<T, E>(
        &mut self,
        mut count: impl FnMut(&mut Self) -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        if self.row > u32::MAX >> 2 {
            self.marks.forget();
            (self.here, self.row) = (Here::NOTHING, 0);
        }
        self.added = false;
        let counted = count(self);
        if !matches!(counted, Ok(Some(_))) && self.added {
            self.undoing = true;
            // It ends as it did before, which is known already.
            let _ = count(self);
            self.undoing = false;
        }
        counted
    }

    /// Makes room for `label`.
    pub(super) fn admit(&mut self, label: u32) {
        self.counts.admit(label);
    }

    /// Makes room for all of `labels`.
    pub(super) fn admit_all(&mut self, labels: &[u32]) {
        if !labels.is_empty() {
            self.admit(highest(labels));
        }
    }

    /// Number of the row at hand.
    pub(crate) fn row(&mut self) -> &mut u32 {
        &mut self.row
    }

    /// Counts `rows` rows with these labels each.
    #[inline]
    pub(crate) fn add(&mut self, labels: &[u32], rows: u32) {
        let more = self.weight() * i64::from(rows);
        self.row += 1;
        // Labels that ascend are all different. Of the first labels it takes no longer to ask which row had each last.
        if self.counts.len() > FEW && labels.is_sorted_by(|a, b| a < b) {
            if let Some(highest) = labels.last() {
                self.admit(*highest);
            }
            labels.iter().for_each(|label| self.counts.add(*label, more));
            return;
        }
        for &label in labels {
            self.admit(label);
            let is_new = if (label as usize) < FEW {
                self.marks.mark(label, self.row)
            } else {
                self.at_hand();
                self.here.note(label, &mut self.marks)
            };
            if is_new {
                self.counts.add(label, more);
            }
        }
    }

    /// Counts texts with these labels, some of which are [`NO_LABEL`]; `lasts` says of each whether it is the last of its
    /// text, and `rows` how many rows hold each text, if not one.
    pub(super) fn add_parts(
        &mut self,
        labels: &[u32],
        lasts: impl Iterator<Item = bool>,
        rows: Option<&[u64]>,
    ) {
        // As NO_LABEL is the highest number, the one behind it is 0.
        let bound = labels.iter().fold(0, |bound, label| label.wrapping_add(1).max(bound));
        if let Some(highest) = bound.checked_sub(1) {
            self.admit(highest);
        }
        if rows.is_some() || self.counts.len() > FEW {
            let (mut begin, mut text) = (0, 0);
            for (end, _) in lasts.enumerate().filter(|(_, is_last)| *is_last) {
                let labels = &labels[begin..=end];
                let rows = rows.map_or(1, |rows| u32::try_from(rows[text]).unwrap_or(u32::MAX));
                if labels.contains(&NO_LABEL) {
                    let some = labels.iter().copied().filter(|label| *label != NO_LABEL);
                    self.add(&some.collect::<Vec<_>>(), rows);
                } else {
                    self.add(labels, rows);
                }
                (begin, text) = (end + 1, text + 1);
            }
            return;
        }
        let weight = self.weight();
        let Self { counts, marks, row, .. } = self;
        *row += 1;
        for (&label, is_last) in labels.iter().zip(lasts) {
            if label != NO_LABEL && marks.mark(label, *row) {
                counts.add(label, weight);
            }
            *row += u32::from(is_last);
        }
    }

    /// Forgets which labels [`Self::add_distinct`] was given.
    pub(super) fn start_distinct(&mut self) {
        self.distinct.fill(0);
    }

    /// Counts labels with their numbers of rows; false when one of them was given before.
    pub(super) fn add_distinct(&mut self, labels: &[(u32, u32)]) -> bool {
        if let Some(highest) = labels.iter().map(|(label, _)| *label).max() {
            self.admit(highest);
        }
        self.distinct.resize(self.counts.len().div_ceil(64), 0);
        let (weight, mut new) = (self.weight(), true);
        // A short loop, so that much memory is fetched at the same time.
        for &(label, rows) in labels {
            let (word, bit) = (&mut self.distinct[label as usize / 64], 1_u64 << (label % 64));
            new &= *word & bit == 0;
            *word |= bit;
            self.counts.add(label, weight * i64::from(rows));
        }
        new
    }

    /// Adds rows that were counted elsewhere.
    pub(crate) fn add_counted(&mut self, label: u32, rows: u64) {
        self.admit(label);
        self.counts.add(label, i64::try_from(rows).unwrap_or(i64::MAX));
    }

    /// Adds the counts of `other`.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.counts.absorb(&other.counts);
    }

    /// Notes that the row at hand has a label which is counted elsewhere; false when it has it already.
    pub(crate) fn mark(&mut self, label: u32) -> bool {
        self.at_hand();
        self.here.note(label, &mut self.marks)
    }

    /// Makes sure that `here` is about the row at hand.
    fn at_hand(&mut self) {
        if self.here.row() != self.row {
            self.here.start(self.row);
        }
    }

    /// Counts lists. A bit of `firsts` says that a label is the first of its row; labels before the first
    /// of them go on with the row at hand. Labels that were not admitted are passed over.
    pub(super) fn add_rows(&mut self, firsts: &[u64], labels: &[u32]) {
        let Some((begin, last)) = ends(firsts, labels.len()).filter(|_| ascend(firsts, labels)) else {
            return self.add_each(firsts, labels);
        };
        self.add_each(&[], &labels[..begin]);
        let weight = self.weight();
        let whole = &labels[begin..];
        match weight {
            1 => self.counts.add_all(whole),
            _ => whole.iter().for_each(|label| self.counts.add(*label, weight)),
        }
        self.row += firsts.iter().map(|word| word.count_ones()).sum::<u32>();
        // The last row may go on.
        self.at_hand();
        for &label in labels[last..].iter().filter(|label| (**label as usize) < self.counts.len()) {
            self.here.note(label, &mut self.marks);
        }
    }

    /// The same, asking of each label whether its row has it already.
    fn add_each(&mut self, firsts: &[u64], labels: &[u32]) {
        let weight = self.weight();
        self.at_hand();
        let Self { counts, marks, here, row, .. } = self;
        for (number, labels) in labels.chunks(64).enumerate() {
            let mut firsts = firsts.get(number).copied().unwrap_or(0);
            for &label in labels {
                if firsts & 1 == 1 {
                    *row += 1;
                    here.start(*row);
                }
                firsts >>= 1;
                if (label as usize) < counts.len() && here.note(label, marks) {
                    counts.add(label, weight);
                }
            }
        }
    }

    /// What to add for every row: 1, or when taking back -1.
    fn weight(&mut self) -> i64 {
        self.added = true;
        if self.undoing { -1 } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(counter: &mut SetCounter, mut count: impl FnMut(&mut SetCounter)) {
        let outcome = counter.attempt(|counter| {
            count(counter);
            Ok::<_, ()>(Some(()))
        });
        assert_eq!(outcome, Ok(Some(())));
    }

    #[test]
    fn a_label_counts_once_per_row() {
        let mut counter = SetCounter::new();
        counted(&mut counter, |counter| {
            counter.add(&[2, 0, 2], 3);
            counter.add(&[2], 1);
        });
        assert_eq!(counter.take(), [3, 0, 4]);
        assert!(counter.take().iter().all(|positives| *positives == 0), "starts anew");
    }

    #[test]
    fn a_row_has_labels_near_and_far() {
        let (mut counter, far) = (SetCounter::new(), u32::try_from(FEW).unwrap());
        let many: Vec<u32> = (0..100).map(|label| far + label).collect();
        counted(&mut counter, |counter| {
            counter.add(&[far + 7, 3, far + 7, 3, far - 1], 1);
            counter.add(&[3, far - 1, far, far + 7], 2);
            counter.add(&[far + 7, 3], 4);
            counter.add(&[&many[..], &[3], &many, &[3]].concat(), 8);
            counter.add(&many, 16);
        });
        let positives = counter.take();
        assert_eq!([3, FEW - 1, FEW, FEW + 7, FEW + 99].map(|label| positives[label]), [15, 3, 26, 31, 24]);
        assert_eq!(positives.len(), FEW + 100);
    }

    #[test]
    fn a_chunk_given_up_leaves_no_trace() {
        for broken in [Ok(None), Err("damaged")] {
            let mut counter = SetCounter::new();
            counted(&mut counter, |counter| counter.add(&[1], 5));
            let found: Result<Option<()>, _> = counter.attempt(|counter| {
                counter.add(&[1, 1, 2], 7);
                counter.add_rows(&[0b101], &[2, 2, 1]);
                counter.add(&[3], 1);
                broken
            });
            assert_eq!(found, broken);
            counted(&mut counter, |counter| counter.add(&[0], 1));
            assert_eq!(counter.take(), [1, 5, 0, 0]);
        }
    }

    #[test]
    fn slots_give_rows_their_labels() {
        let mut counter = SetCounter::new();
        counted(&mut counter, |counter| {
            (0..3).for_each(|label| counter.admit(label));
            // Rows [0, 0, 1], [9, 0] and [2]; then two rows of 32.
            counter.add_rows(&[0b1001], &[0, 0, 1, 9, 0]);
            counter.add_rows(&[1], &[2]);
            counter.add_rows(&[1 | 1 << 32], &[1; 64]);
        });
        assert_eq!(counter.take(), [2, 3, 1]);
    }

    #[test]
    fn a_row_goes_on_from_labels_that_ascend_to_any_and_back() {
        let mut counter = SetCounter::new();
        counted(&mut counter, |counter| {
            counter.admit(9);
            // Rows [1, 3], [2, 5, | 7, 2, 7], [4, 9, | 9, 4], [6, |] and [6].
            counter.add_rows(&[0b101], &[1, 3, 2, 5]);
            counter.add_rows(&[0b1000], &[7, 2, 7, 4, 9]);
            counter.add_rows(&[0b100], &[9, 4, 6]);
            counter.add_rows(&[1], &[6]);
        });
        assert_eq!(counter.take(), [0, 1, 1, 1, 1, 1, 2, 1, 0, 1]);
    }

    #[test]
    fn a_row_may_have_many_labels_over_many_blocks() {
        let mut counter = SetCounter::new();
        counted(&mut counter, |counter| {
            counter.admit(299);
            let labels: Vec<u32> = (0..64).collect();
            // One row of 0..64, 0..64 again, 64..128; then one of 0..64.
            counter.add_rows(&[1], &labels);
            assert!(!counter.mark(40) && counter.mark(299));
            let more: Vec<u32> = labels.iter().map(|label| label + 64).collect();
            counter.add_rows(&[0, 0], &[&labels[..], &more].concat());
            counter.add_rows(&[1], &labels);
        });
        let positives = counter.take();
        assert!(
            positives[..64].iter().all(|rows| *rows == 2) && positives[64..128].iter().all(|rows| *rows == 1)
        );
        assert_eq!(positives[128..], [0; 172]);
    }

    #[test]
    fn numbers_that_run_out_start_again() {
        let mut counter = SetCounter::new();
        counted(&mut counter, |counter| counter.add(&[0], 1));
        counter.row = u32::MAX - 5;
        counted(&mut counter, |counter| counter.add(&[0, 1], 9));
        counted(&mut counter, |counter| counter.add(&[0], 9));
        assert_eq!(counter.take(), [19, 9]);
    }
}
