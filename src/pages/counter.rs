//! Positives per label, a label twice in a row counted once.

/// Positives of one thread, per label id. Counts of a chunk are kept apart until the chunk is done, so
/// that a chunk that turns out to be damaged leaves no trace.
#[derive(Debug, Default)]
pub struct SetCounter {
    positives: Vec<u64>,
    slots: Vec<Slot>,
    /// Labels whose slot has a count.
    touched: Vec<u32>,
    /// Number of the current row, never 0 within one.
    row: u32,
}

/// One label in the chunk at hand.
#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    /// The last row that had the label.
    row: u32,
    /// Rows that had it.
    count: u32,
}

impl SetCounter {
    /// A counter that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Rows that hold each label, by label id. Labels above the highest id seen are absent.
    #[must_use]
    pub fn positives(&self) -> &[u64] {
        &self.positives
    }

    /// Rows that hold each label, by label id; the counter starts anew.
    #[must_use]
    pub fn take(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.positives)
    }

    /// Prepares for a chunk of fewer than 2³¹ rows and as many dictionary entries.
    pub(super) fn begin(&mut self) {
        self.rollback();
        if self.row > u32::MAX >> 3 {
            self.row = 0;
            self.slots.iter_mut().for_each(|slot| slot.row = 0);
        }
    }

    /// Adds the counts of the chunk to the positives.
    pub(super) fn commit(&mut self) {
        self.positives.resize(self.positives.len().max(self.slots.len()), 0);
        for label in self.touched.drain(..) {
            let label = label as usize;
            self.positives[label] += u64::from(std::mem::take(&mut self.slots[label].count));
        }
    }

    /// Forgets the counts of the chunk.
    pub(super) fn rollback(&mut self) {
        for label in self.touched.drain(..) {
            self.slots[label as usize].count = 0;
        }
    }

    /// Makes room for `label`.
    pub(super) fn admit(&mut self, label: u32) {
        if label as usize >= self.slots.len() {
            self.slots.resize(label as usize + 1, Slot::default());
        }
    }

    /// Counts `rows` rows with these labels each.
    pub(super) fn add(&mut self, labels: &[u32], rows: u32) {
        self.row += 1;
        for &label in labels {
            self.admit(label);
            let slot = &mut self.slots[label as usize];
            if slot.row != self.row && rows > 0 {
                slot.row = self.row;
                if slot.count == 0 {
                    self.touched.push(label);
                }
                slot.count += rows;
            }
        }
    }

    /// Counts slots of lists. A bit of `starts` says that a row starts in the slot, one of `values` that
    /// the slot has the next of `labels`. Labels that were not admitted are passed over.
    pub(super) fn add_slots(&mut self, starts: &[u64], values: &[u64], labels: &[u32]) {
        let Self { slots, touched, row, .. } = self;
        let mut see = |label: u32, row: u32| {
            if let Some(slot) = slots.get_mut(label as usize)
                && slot.row != row
            {
                slot.row = row;
                if slot.count == 0 {
                    touched.push(label);
                }
                slot.count += 1;
            }
        };
        let mut labels = labels;
        for (&starts, &values) in starts.iter().zip(values) {
            let mut starts = starts;
            if values == u64::MAX {
                let (word, rest) = labels.split_at(64);
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_counts_once_per_row() {
        let mut counter = SetCounter::new();
        counter.begin();
        counter.add(&[2, 0, 2], 3);
        counter.add(&[2], 1);
        assert!(counter.positives().is_empty(), "not before the chunk is done");
        counter.commit();
        assert_eq!(counter.positives(), [3, 0, 4]);
        assert_eq!(counter.take(), [3, 0, 4]);
        assert!(counter.positives().is_empty());
    }

    #[test]
    fn a_chunk_given_up_leaves_no_trace() {
        let mut counter = SetCounter::new();
        counter.begin();
        counter.add(&[1], 5);
        counter.begin();
        counter.add(&[0], 1);
        counter.commit();
        assert_eq!(counter.positives(), [1, 0]);
    }

    #[test]
    fn slots_give_rows_their_labels() {
        let mut counter = SetCounter::new();
        counter.begin();
        (0..3).for_each(|label| counter.admit(label));
        // Rows [0, 0, 1], [], [9, 0] and, over the end of the words, [2].
        counter.add_slots(&[0b11001], &[0b110111], &[0, 0, 1, 9, 0]);
        counter.add_slots(&[1], &[1], &[2]);
        // 64 slots with a value each, two rows of 32.
        counter.add_slots(&[1 | 1 << 32], &[u64::MAX], &[1; 64]);
        counter.commit();
        assert_eq!(counter.positives(), [2, 3, 1]);
    }

    #[test]
    fn row_numbers_may_start_again() {
        let mut counter = SetCounter::new();
        counter.add(&[0], 1);
        counter.row = u32::MAX >> 2;
        counter.begin();
        counter.add(&[0], 1);
        counter.commit();
        assert_eq!(counter.positives(), [1]);
    }
}
