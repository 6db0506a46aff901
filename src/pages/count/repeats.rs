//! Labels that a row repeats.
//!
//! Most shards have none: labels that ascend in every row are all different, which is fast to check. All
//! other rows are read label by label.

/// Where the first and the last row begin that begin among `len` labels.
pub(crate) fn ends(firsts: &[u64], len: usize) -> Option<(usize, usize)> {
    let first = firsts.iter().position(|word| *word != 0)?;
    let last = firsts.iter().rposition(|word| *word != 0)?;
    let begin = first * 64 + firsts[first].trailing_zeros() as usize;
    let end = last * 64 + 63 - firsts[last].leading_zeros() as usize;
    (end < len).then_some((begin, end))
}

/// True when the labels of every row that begins here ascend. A bit of `firsts` says that a label is the
/// first of its row.
pub(super) fn ascend(firsts: &[u64], labels: &[u32]) -> bool {
    let Some((begin, _)) = ends(firsts, labels.len()) else { return false };
    // Places where labels do not ascend, which have to be those where rows begin.
    let rest = &labels[begin..];
    let all: u32 = rest.iter().zip(rest.get(1..).unwrap_or(&[])).map(|(a, b)| u32::from(b <= a)).sum();
    let mut between = 0;
    for (number, &firsts) in firsts.iter().enumerate() {
        let mut firsts = firsts;
        while firsts != 0 {
            let at = number * 64 + firsts.trailing_zeros() as usize;
            if at > begin
                && let Some([a, b]) = labels.get(at - 1..=at)
            {
                between += u32::from(b <= a);
            }
            firsts &= firsts - 1;
        }
    }
    all == between
}

/// Labels of one row that are kept beside each other; a row that has more marks them.
const SHORT: usize = 32;

/// The labels of the row at hand. Most rows have few: whether a label is among them is known without
/// asking memory that is far away.
#[derive(Debug)]
pub(crate) struct Here {
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
    pub(super) const NOTHING: Self = Self { row: 0, len: 0, seen: 0, labels: [0; SHORT], marked: false };

    /// Number of the row.
    pub(crate) fn row(&self) -> u32 {
        self.row
    }

    /// Starts row `row`.
    pub(crate) fn start(&mut self, row: u32) {
        (self.row, self.len, self.seen, self.marked) = (row, 0, 0, false);
    }

    /// Notes that the row has `label`; false when it had it already.
    pub(super) fn note(&mut self, label: u32, marks: &mut LastRows) -> bool {
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
    fn note_marked(&mut self, label: u32, marks: &mut LastRows) -> bool {
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
pub(super) struct LastRows(Vec<u32>);

impl LastRows {
    /// Forgets all rows.
    pub(super) fn forget(&mut self) {
        self.0.fill(0);
    }

    /// False when the row was marked with the label already.
    #[inline]
    pub(super) fn mark(&mut self, label: u32, row: u32) -> bool {
        let label = label as usize;
        if label >= self.0.len() {
            self.0.resize(label + 1, 0);
        }
        std::mem::replace(&mut self.0[label], row) != row
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_ascend_that_are_sorted_and_have_no_label_twice(
            rows in proptest::collection::vec(proptest::collection::vec(0..9_u32, 1..5), 1..40),
            sorted in any::<bool>(), skip in 0..4_usize,
        ) {
            let rows: Vec<Vec<u32>> = rows.into_iter().map(|mut row| {
                if sorted {
                    row.sort_unstable();
                    row.dedup();
                }
                row
            }).collect();
            let mut firsts = [0; 4];
            let mut at = 0;
            for row in &rows {
                firsts[at / 64] |= 1_u64 << (at % 64);
                at += row.len();
            }
            // The first row began before.
            let skip = skip.min(rows[0].len() - 1);
            let labels = &rows.concat()[skip..];
            let shifted: Vec<u64> = (0..4).map(|word| {
                let above = firsts.get(word + 1).map_or(0, |above| above << (63 - skip) << 1);
                firsts[word] >> skip | above
            }).collect();
            let whole = if skip == 0 { &rows[..] } else { &rows[1..] };
            let expected = whole.iter().all(|row| row.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(ascend(&shifted, labels), expected && !whole.is_empty());
        }
    }
}
