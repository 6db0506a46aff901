//! Positives per label, a label twice in a row counted once.

/// A dictionary entry and the rows that had it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Slot {
    /// The last row that had it.
    pub(super) row: u32,
    /// Rows that had it.
    pub(super) count: u32,
}

/// Counts dictionary entries of lists. A bit of `starts` says that a row starts in the slot, one of
/// `values` that the slot has the next of `entries`. `row` is the number of the row at hand. Entries
/// without a place in `slots` are passed over.
pub(super) fn count_entries(
    slots: &mut [Slot],
    row: &mut u32,
    starts: &[u64],
    values: &[u64],
    entries: &[u32],
) {
    // No branch on what a slot holds: those of rare entries are far away in memory, and a wrong guess
    // would wait for each of them.
    let mut see = |entry: u32, row: u32| {
        if let Some(slot) = slots.get_mut(entry as usize) {
            let new = u32::from(slot.row != row);
            slot.row = row;
            slot.count = slot.count.wrapping_add(new);
        }
    };
    let mut entries = entries;
    for (&starts, &values) in starts.iter().zip(values) {
        let mut starts = starts;
        if values == u64::MAX {
            let (word, rest) = entries.split_at(64.min(entries.len()));
            for &entry in word {
                *row += u32::from(starts & 1 == 1);
                starts >>= 1;
                see(entry, *row);
            }
            entries = rest;
            continue;
        }
        let mut values = values;
        while starts | values != 0 {
            *row += u32::from(starts & 1 == 1);
            if values & 1 == 1
                && let Some((&entry, rest)) = entries.split_first()
            {
                see(entry, *row);
                entries = rest;
            }
            starts >>= 1;
            values >>= 1;
        }
    }
}

/// Labels of one row that are kept beside each other; a row that has more marks them.
const SHORT: usize = 32;

/// The labels of the row at hand. Most rows have few: whether a label is among them is known without
/// asking memory that is far away.
#[derive(Debug)]
struct Here {
    /// Number of the row.
    row: u32,
    len: usize,
    /// A bit for every label seen, by its last six bits.
    seen: u64,
    labels: [u32; SHORT],
    /// Whether marks know the labels.
    marked: bool,
}

impl Here {
    const NOTHING: Self = Self { row: 0, len: 0, seen: 0, labels: [0; SHORT], marked: false };

    /// Starts row `row`.
    fn start(&mut self, row: u32) {
        (self.row, self.len, self.seen, self.marked) = (row, 0, 0, false);
    }

    /// Notes that the row has `label`; false when it had it already.
    fn note(&mut self, label: u32, marks: &mut Marks) -> bool {
        let bit = 1 << (label & 63);
        if self.seen & bit != 0 && self.labels[..self.len].contains(&label) {
            return false;
        }
        if let Some(place) = self.labels.get_mut(self.len) {
            *place = label;
            (self.len, self.seen) = (self.len + 1, self.seen | bit);
            return true;
        }
        self.note_marked(label, marks)
    }

    #[cold]
    fn note_marked(&mut self, label: u32, marks: &mut Marks) -> bool {
        if !self.marked {
            (self.marked, self.seen) = (true, 0);
            for label in self.labels {
                marks.mark(label, self.row);
            }
        }
        marks.mark(label, self.row)
    }
}

/// Per label, the last row that was marked with it.
#[derive(Debug, Default)]
struct Marks(Vec<u32>);

impl Marks {
    /// False when the row was marked with the label already.
    fn mark(&mut self, label: u32, row: u32) -> bool {
        let label = label as usize;
        if label >= self.0.len() {
            self.0.resize(label + 1, 0);
        }
        std::mem::replace(&mut self.0[label], row) != row
    }
}

/// Positives per label id, from one chunk after the other.
///
/// A chunk that turns out to be damaged leaves no trace: it is read once more, and what was added the
/// first time is taken away.
#[derive(Debug)]
pub struct SetCounter {
    positives: Vec<u64>,
    /// Per label, what is not yet in `positives`.
    counts: Vec<u32>,
    marks: Marks,
    here: Here,
    /// A bit per label that [`Self::add_distinct`] was given since [`Self::start_distinct`].
    distinct: Vec<u64>,
    /// Rows that may be in `counts`.
    rows: u64,
    /// Number of the row at hand. No number is used twice, unless `marks` forget it in between.
    row: u32,
    /// Whether this chunk added anything, and whether that is being taken back.
    added: bool,
    undoing: bool,
}

/// Rows of a chunk have to be fewer. It may take four numbers for each of them, and 2³² there are.
pub(super) const ROWS_MAX: u64 = 1 << 29;

impl Default for SetCounter {
    fn default() -> Self {
        Self::new()
    }
}

impl SetCounter {
    /// A counter that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            positives: Vec::new(),
            counts: Vec::new(),
            marks: Marks::default(),
            here: Here::NOTHING,
            distinct: Vec::new(),
            rows: 0,
            row: 0,
            added: false,
            undoing: false,
        }
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

    /// Moves all counts to the positives.
    fn flush(&mut self) {
        self.positives.resize(self.positives.len().max(self.counts.len()), 0);
        for (positives, count) in self.positives.iter_mut().zip(&mut self.counts) {
            *positives += u64::from(std::mem::take(count));
        }
        self.marks.0.fill(0);
        self.here = Here::NOTHING;
        (self.rows, self.row) = (0, 0);
    }

    /// Makes room for `label`.
    pub(super) fn admit(&mut self, label: u32) {
        if label as usize >= self.counts.len() {
            self.counts.resize(label as usize + 1, 0);
        }
    }

    /// Number of the row at hand.
    pub(super) fn row(&mut self) -> &mut u32 {
        &mut self.row
    }

    /// Counts `rows` rows with these labels each.
    pub(super) fn add(&mut self, labels: &[u32], rows: u32) {
        let weight = self.weight();
        self.row += 1;
        self.here.start(self.row);
        for &label in labels {
            self.admit(label);
            if self.here.note(label, &mut self.marks) {
                let count = &mut self.counts[label as usize];
                *count = count.wrapping_add(rows.wrapping_mul(weight));
            }
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
            let count = &mut self.counts[label as usize];
            *count = count.wrapping_add(rows.wrapping_mul(weight));
        }
        new
    }

    /// Adds all that `other` has counted.
    pub fn absorb(&mut self, mut other: Self) {
        self.flush();
        other.flush();
        self.positives.resize(self.positives.len().max(other.positives.len()), 0);
        for (positives, more) in self.positives.iter_mut().zip(&other.positives) {
            *positives += more;
        }
    }

    /// Notes that the row at hand has a label which is counted elsewhere; false when it has it already.
    pub(super) fn mark(&mut self, label: u32) -> bool {
        self.at_hand();
        self.here.note(label, &mut self.marks)
    }

    /// Makes sure that `here` is about the row at hand.
    fn at_hand(&mut self) {
        if self.here.row != self.row {
            self.here.start(self.row);
        }
    }

    /// Counts lists. A bit of `starts` says that a row starts in the slot, one of `values` that the slot
    /// has the next of `labels`. Labels that were not admitted are passed over.
    pub(super) fn add_rows(&mut self, starts: &[u64], values: &[u64], labels: &[u32]) {
        let weight = self.weight();
        self.at_hand();
        let Self { counts, marks, here, row, .. } = self;
        let mut see = |label: u32, here: &mut Here| {
            if let Some(count) = counts.get_mut(label as usize)
                && here.note(label, marks)
            {
                *count = count.wrapping_add(weight);
            }
        };
        let mut labels = labels;
        for (&starts, &values) in starts.iter().zip(values) {
            let (mut starts, mut values) = (starts, values);
            while starts | values != 0 {
                if starts & 1 == 1 {
                    *row += 1;
                    here.start(*row);
                }
                if values & 1 == 1
                    && let Some((&label, rest)) = labels.split_first()
                {
                    see(label, here);
                    labels = rest;
                }
                starts >>= 1;
                values >>= 1;
            }
        }
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
    fn a_row_may_have_many_labels_over_many_blocks() {
        let mut counter = SetCounter::new();
        counted(&mut counter, |counter| {
            counter.admit(299);
            let labels: Vec<u32> = (0..64).collect();
            // One row of 0..64, 0..64 again, 64..128; then one of 0..64.
            counter.add_rows(&[1], &[u64::MAX], &labels);
            assert!(!counter.mark(40) && counter.mark(299));
            let more: Vec<u32> = labels.iter().map(|label| label + 64).collect();
            counter.add_rows(&[0, 0], &[u64::MAX; 2], &[&labels[..], &more].concat());
            counter.add_rows(&[1], &[u64::MAX], &labels);
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
        // Counts that would pass 32 bits go to the positives in time.
        counter.rows = u64::from(u32::MAX);
        counter.counts[0] = u32::MAX;
        counted(&mut counter, |counter| counter.add(&[0], 9));
        assert_eq!(counter.take(), [1 + u64::from(u32::MAX) + 9, 9]);
    }
}
