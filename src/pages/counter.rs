//! Positives per label, a label twice in a row counted once.

/// A label, or a dictionary entry, and the rows that had it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Slot {
    /// The last row that had it.
    pub(super) row: u32,
    /// Rows that had it.
    pub(super) count: u32,
}

/// Counts slots of lists, `weight` for each row that has a label. A bit of `starts` says that a row
/// starts in the slot, one of `values` that the slot has the next of `labels`. `row` is the number of
/// the row at hand. Labels without a slot are passed over.
pub(super) fn count_rows(
    slots: &mut [Slot],
    row: &mut u32,
    weight: u32,
    starts: &[u64],
    values: &[u64],
    labels: &[u32],
) {
    // No branch on what a slot holds: those of rare labels are far away in memory, and a wrong guess
    // would wait for each of them.
    let mut see = |label: u32, row: u32| {
        if let Some(slot) = slots.get_mut(label as usize) {
            let new = if slot.row == row { 0 } else { weight };
            slot.row = row;
            slot.count = slot.count.wrapping_add(new);
        }
    };
    let mut labels = labels;
    for (&starts, &values) in starts.iter().zip(values) {
        let mut starts = starts;
        if values == u64::MAX {
            let (word, rest) = labels.split_at(64.min(labels.len()));
            for &label in word {
                *row += u32::from(starts & 1 == 1);
                starts >>= 1;
                see(label, *row);
            }
            labels = rest;
            continue;
        }
        let mut values = values;
        while starts | values != 0 {
            *row += u32::from(starts & 1 == 1);
            if values & 1 == 1
                && let Some((&label, rest)) = labels.split_first()
            {
                see(label, *row);
                labels = rest;
            }
            starts >>= 1;
            values >>= 1;
        }
    }
}

/// Positives per label id, from one chunk after the other.
///
/// A chunk that turns out to be damaged leaves no trace: it is read once more, and what was added the
/// first time is taken away.
#[derive(Debug, Default)]
pub struct SetCounter {
    positives: Vec<u64>,
    /// Per label, what is not yet in `positives`.
    slots: Vec<Slot>,
    /// Rows that may be in `slots`.
    rows: u64,
    /// Number of the row at hand. No number is used twice, unless `slots` forget it in between.
    row: u32,
    /// Whether this chunk added anything, and whether that is being taken back.
    added: bool,
    undoing: bool,
}

/// Rows of a chunk have to be fewer. It may take four numbers for each of them, and 2³² there are.
pub(super) const ROWS_MAX: u64 = 1 << 29;

impl SetCounter {
    /// A counter that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Rows that hold each label, by label id; ids above the highest one seen are absent. The counter
    /// starts anew.
    #[must_use]
    pub fn take(&mut self) -> Vec<u64> {
        self.flush();
        std::mem::take(&mut self.positives)
    }

    /// Counts a chunk of `rows` rows. When `count` gives `None` or fails, it is called again to take back
    /// what it added, so it has to do the same every time.
    pub(super) fn attempt<T, E>(
        &mut self,
        rows: u64,
        mut count: impl FnMut(&mut Self) -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        if self.rows + rows > u64::from(u32::MAX) || self.row > u32::MAX >> 2 {
            self.flush();
        }
        self.rows += rows;
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

    /// Moves the counts of all slots to the positives.
    fn flush(&mut self) {
        self.positives.resize(self.positives.len().max(self.slots.len()), 0);
        for (positives, slot) in self.positives.iter_mut().zip(&mut self.slots) {
            *positives += u64::from(slot.count);
            *slot = Slot::default();
        }
        (self.rows, self.row) = (0, 0);
    }

    /// Makes room for `label`.
    pub(super) fn admit(&mut self, label: u32) {
        if label as usize >= self.slots.len() {
            self.slots.resize(label as usize + 1, Slot::default());
        }
    }

    /// Number of the row at hand.
    pub(super) fn row(&mut self) -> &mut u32 {
        &mut self.row
    }

    /// Counts `rows` rows with these labels each.
    pub(super) fn add(&mut self, labels: &[u32], rows: u32) {
        self.row += 1;
        for &label in labels {
            self.add_distinct(&[(label, rows)]);
        }
    }

    /// Counts labels with their numbers of rows; false when the row at hand has one of them already.
    pub(super) fn add_distinct(&mut self, labels: &[(u32, u32)]) -> bool {
        if let Some(highest) = labels.iter().map(|(label, _)| *label).max() {
            self.admit(highest);
        }
        let (weight, row, mut new) = (self.weight(), self.row, true);
        // A short loop, so that many slots are fetched at the same time.
        for &(label, rows) in labels {
            let slot = &mut self.slots[label as usize];
            let here = slot.row != row;
            slot.row = row;
            slot.count = slot.count.wrapping_add(if here { rows.wrapping_mul(weight) } else { 0 });
            new &= here;
        }
        new
    }

    /// Notes that the row at hand has a label which is counted elsewhere; false when it has it already.
    pub(super) fn mark(&mut self, label: u32) -> bool {
        self.admit(label);
        let slot = &mut self.slots[label as usize];
        std::mem::replace(&mut slot.row, self.row) != self.row
    }

    /// Counts slots of lists like [`count_rows`]. Labels that were not admitted are passed over.
    pub(super) fn add_rows(&mut self, starts: &[u64], values: &[u64], labels: &[u32]) {
        let weight = self.weight();
        count_rows(&mut self.slots, &mut self.row, weight, starts, values, labels);
    }

    /// What to add for every row: 1, or when taking back -1.
    fn weight(&mut self) -> u32 {
        self.added = true;
        if self.undoing { u32::MAX } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(counter: &mut SetCounter, mut count: impl FnMut(&mut SetCounter)) {
        let outcome = counter.attempt(10, |counter| {
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
    fn a_chunk_given_up_leaves_no_trace() {
        for broken in [Ok(None), Err("damaged")] {
            let mut counter = SetCounter::new();
            counted(&mut counter, |counter| counter.add(&[1], 5));
            let found: Result<Option<()>, _> = counter.attempt(10, |counter| {
                counter.add(&[1, 1, 2], 7);
                counter.add_rows(&[0b101], &[0b111], &[2, 2, 1]);
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
            // Rows [0, 0, 1], [], [9, 0] and, over the end of the words, [2].
            counter.add_rows(&[0b11001], &[0b11_0111], &[0, 0, 1, 9, 0]);
            counter.add_rows(&[1], &[1], &[2]);
            // 64 slots with a value each, two rows of 32.
            counter.add_rows(&[1 | 1 << 32], &[u64::MAX], &[1; 64]);
        });
        assert_eq!(counter.take(), [2, 3, 1]);
    }

    #[test]
    fn numbers_that_run_out_start_again() {
        let mut counter = SetCounter::new();
        counted(&mut counter, |counter| counter.add(&[0], 1));
        counter.row = u32::MAX - 5;
        counted(&mut counter, |counter| counter.add(&[0, 1], 9));
        // Counts that would pass 32 bits go to the positives in time.
        counter.rows = u64::from(u32::MAX);
        counter.slots[0].count = u32::MAX;
        counted(&mut counter, |counter| counter.add(&[0], 9));
        assert_eq!(counter.take(), [1 + u64::from(u32::MAX) + 9, 9]);
    }
}
