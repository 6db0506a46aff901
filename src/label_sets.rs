//! The labels of consecutive rows.

/// The positive and the missing labels of each row, both ascending. Every other label is negative.
#[derive(Debug, Default, Clone)]
pub(crate) struct LabelSets {
    /// Positive labels, row after row.
    positives: Vec<u32>,
    /// Where the positive labels of each row end.
    ends: Vec<usize>,
    unknown: Vec<u32>,
    /// Where the positive labels of the current row begin.
    unknown_start: usize,
    /// Where the missing labels of each row begin and end; rows after the last entry have none.
    spans: Vec<(usize, usize)>,
    /// All labels, if some row is missing for every label.
    all: Vec<u32>,
    labels: usize,
    /// Length from which duplicates of the current row are dropped, so that a long list needs memory only for
    /// distinct labels.
    limit: usize,
}

/// The span of a row that is missing for every label.
const SILENT: (usize, usize) = (usize::MAX, usize::MAX);
/// Duplicates of a row before they are dropped.
const REPEATED_MAX: usize = 1024;

impl LabelSets {
    /// Removes all rows; later rows have `labels` labels.
    pub(crate) fn clear(&mut self, labels: usize) {
        self.positives.clear();
        self.ends.clear();
        self.unknown.clear();
        self.spans.clear();
        (self.labels, self.limit, self.unknown_start) = (labels, REPEATED_MAX, 0);
    }

    /// Number of rows.
    #[must_use]
    pub(crate) fn rows(&self) -> usize {
        self.ends.len()
    }

    /// Number of positive labels in all rows.
    #[must_use]
    pub(crate) fn size(&self) -> usize {
        self.positives.len()
    }

    /// The positive labels of a row.
    #[must_use]
    #[inline]
    pub(crate) fn positives(&self, row: usize) -> &[u32] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.positives[start..self.ends[row]]
    }

    /// The positive labels of a row and of all rows behind it.
    #[must_use]
    #[inline]
    pub(crate) fn positives_from(&self, row: usize) -> &[u32] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.positives[start..]
    }

    /// The missing labels of a row.
    #[must_use]
    #[inline]
    pub(crate) fn unknown(&self, row: usize) -> &[u32] {
        match self.spans.get(row) {
            None => &[],
            Some(&SILENT) => &self.all,
            Some(&(start, end)) => &self.unknown[start..end],
        }
    }

    /// True for a row that is missing for every label, see [`Self::end_silent_row`].
    #[must_use]
    pub(crate) fn is_silent(&self, row: usize) -> bool {
        self.spans.get(row) == Some(&SILENT)
    }

    /// True if no row has a missing label.
    #[must_use]
    pub(crate) fn all_known(&self) -> bool {
        self.spans.is_empty()
    }

    /// Adds a positive label to the current row.
    #[inline]
    pub(crate) fn add(&mut self, label: u32) {
        self.positives.push(label);
        self.limit_row();
    }

    /// Drops duplicates of the current row if it is long.
    #[inline]
    fn limit_row(&mut self) {
        let start = self.ends.last().copied().unwrap_or(0);
        if self.positives.len() - start > self.limit {
            self.sort(start);
            self.limit = (self.positives.len() - start).max(REPEATED_MAX) * 2;
        }
    }

    /// Adds positive labels to the current row.
    #[inline]
    pub(crate) fn extend(&mut self, labels: &[u32]) {
        for labels in labels.chunks(REPEATED_MAX) {
            self.positives.extend_from_slice(labels);
            self.limit_row();
        }
    }

    /// Adds rows whose positive labels ascend, one row after the other, and of which none is missing; `ends` says where
    /// each ends. There is no current row.
    pub(crate) fn add_ascending(&mut self, labels: &[u32], ends: impl Iterator<Item = usize>) {
        let start = self.positives.len();
        self.positives.extend_from_slice(labels);
        self.ends.extend(ends.map(|end| start + end));
    }

    /// Adds a missing label to the current row; call in ascending order.
    #[inline]
    pub(crate) fn add_unknown(&mut self, label: u32) {
        self.unknown.push(label);
    }

    /// Ends the current row. Its positive labels may have been added in any order, with duplicates.
    #[inline]
    pub(crate) fn end_row(&mut self) {
        let start = self.ends.last().copied().unwrap_or(0);
        if !self.positives[start..].is_sorted_by(|a, b| a < b) {
            self.sort(start);
        }
        if self.unknown.len() > self.unknown_start {
            self.spans.resize(self.ends.len(), (0, 0));
            self.spans.push((self.unknown_start, self.unknown.len()));
            self.unknown_start = self.unknown.len();
        }
        self.limit = REPEATED_MAX;
        self.ends.push(self.positives.len());
    }

    /// Ends a row that is missing for every label.
    pub(crate) fn end_silent_row(&mut self) {
        if self.all.len() != self.labels {
            self.all = (0..).take(self.labels).collect();
        }
        self.spans.resize(self.ends.len(), (0, 0));
        self.spans.push(SILENT);
        self.end_row();
    }

    /// Sorts the current row and drops duplicates.
    fn sort(&mut self, start: usize) {
        self.positives[start..].sort_unstable();
        let mut kept = start;
        for at in start..self.positives.len() {
            if at == start || self.positives[at] != self.positives[kept - 1] {
                self.positives[kept] = self.positives[at];
                kept += 1;
            }
        }
        self.positives.truncate(kept);
    }

    /// Adds `rows` rows from pairs (row, label), the labels of a row ascending.
    pub(crate) fn set(&mut self, rows: usize, positives: &[(u32, u32)], unknown: &[(u32, u32)]) {
        self.positives.clear();
        self.positives.resize(positives.len(), 0);
        self.ends = by_row(rows, positives, &mut self.positives, std::mem::take(&mut self.ends));
        self.spans.clear();
        if !unknown.is_empty() {
            self.unknown.clear();
            self.unknown.resize(unknown.len(), 0);
            let ends = by_row(rows, unknown, &mut self.unknown, Vec::new());
            let mut start = 0;
            self.spans.extend(ends.into_iter().map(|end| (std::mem::replace(&mut start, end), end)));
        }
    }
}

/// Sorts labels by row, and returns where the labels of each row end.
fn by_row(rows: usize, found: &[(u32, u32)], labels: &mut [u32], mut ends: Vec<usize>) -> Vec<usize> {
    // Holds first the number of labels of the row before, then where a row begins, finally where it ends.
    ends.clear();
    ends.resize(rows + 1, 0);
    for (row, _) in found {
        ends[*row as usize + 1] += 1;
    }
    let mut sum = 0;
    for end in &mut ends {
        sum += *end;
        *end = sum;
    }
    for &(row, label) in found {
        let place = &mut ends[row as usize];
        labels[*place] = label;
        *place += 1;
    }
    ends.truncate(rows);
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(sets: &LabelSets) -> Vec<(Vec<u32>, Vec<u32>)> {
        (0..sets.rows()).map(|row| (sets.positives(row).to_vec(), sets.unknown(row).to_vec())).collect()
    }

    #[test]
    fn rows_are_sets_whatever_their_lists_repeat() {
        let mut sets = LabelSets::default();
        sets.clear(3);
        [2, 0, 2, 0].into_iter().for_each(|label| sets.add(label));
        sets.end_row();
        sets.end_row();
        assert!(sets.all_known());
        sets.end_silent_row();
        sets.add(2);
        sets.add_unknown(0);
        sets.add_unknown(1);
        sets.end_row();
        sets.end_row();
        let expected = [
            (vec![0, 2], vec![]),
            (vec![], vec![]),
            (vec![], vec![0, 1, 2]),
            (vec![2], vec![0, 1]),
            (vec![], vec![]),
        ];
        assert_eq!((rows(&sets), sets.size()), (expected.to_vec(), 3));
        sets.clear(2);
        sets.end_silent_row();
        assert_eq!(rows(&sets), [(vec![], vec![0, 1])]);
    }

    #[test]
    fn columns_become_rows() {
        let mut sets = LabelSets::default();
        sets.clear(3);
        sets.set(4, &[(0, 0), (3, 0), (3, 1), (0, 2)], &[(2, 1), (2, 2)]);
        let expected = [(vec![0, 2], vec![]), (vec![], vec![]), (vec![], vec![1, 2]), (vec![0, 1], vec![])];
        assert_eq!(rows(&sets), expected);
        sets.set(2, &[], &[]);
        assert_eq!(rows(&sets), [(vec![], vec![]), (vec![], vec![])]);
    }

    #[test]
    fn a_long_list_needs_no_more_memory_than_its_labels() {
        let mut sets = LabelSets::default();
        sets.clear(3);
        (0..100_000).for_each(|i| sets.add(i % 3));
        sets.end_row();
        (0..1000).for_each(|_| sets.extend(&[0, 2].repeat(100)));
        sets.end_row();
        assert_eq!((sets.positives(0), sets.positives(1)), (&[0, 1, 2][..], &[0, 2][..]));
        assert!(sets.positives.capacity() < 10_000);
    }
}
