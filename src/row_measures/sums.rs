//! Sums over rows: all row measures except label sets.

use super::label_spreads::LabelSpreads;
use super::{Labelset, Labelsets, PAIRS_LABELS_MAX, RowMeasures, Scumble, Spread, Unknown, times, units};
use crate::cooccurrence::{Pairs, Sides};
use crate::counts::LabelCounts;
use crate::label_sets::LabelSets;

/// Sums over rows, block by block. Sums of several threads are merged, in any order.
#[derive(Debug, Clone)]
pub(crate) struct RowSums {
    scumble_of: Scumble,
    /// Rows without any label, and rows with exactly one label, by label: these need no further work.
    empty: u64,
    single: Vec<u64>,
    /// Other rows by number of labels; the sums below are of these rows, too.
    cardinalities: Vec<u64>,
    scumble: Spread,
    /// Those of some sets.
    scumbles: Vec<f64>,
    /// The rows of a block: without a label, with one, with several, with more than few.
    by_size: [Vec<usize>; 4],
    scumble_of_label: LabelSpreads,
    pairs: Option<Pairs>,
    /// Pairs with missing labels, if there are any.
    unknown: Option<[Pairs; 2]>,
    /// Rows that are missing for every label.
    silent: u64,
}

/// Places of rows of several labels, and of those of more than few.
const SEVERAL: usize = 2;
const MORE: usize = 3;

impl RowSums {
    /// Empty sums for rows whose counts are `counts`.
    #[must_use]
    pub(crate) fn new(counts: &LabelCounts) -> Self {
        let n = counts.len();
        Self {
            scumble_of: Scumble::new(counts.tallies().iter().map(|tally| tally.positives)),
            empty: 0,
            single: vec![0; n],
            cardinalities: Vec::new(),
            scumble: Spread::default(),
            scumbles: Vec::new(),
            by_size: Default::default(),
            scumble_of_label: LabelSpreads::new(n),
            pairs: (n <= PAIRS_LABELS_MAX).then(|| Pairs::new(n, Sides::Positives)),
            unknown: None,
            silent: 0,
        }
    }

    /// Rows without any label, and rows with exactly one label, by label.
    #[must_use]
    pub(crate) fn smallest(&self) -> (u64, &[u64]) {
        (self.empty, &self.single)
    }

    /// Of the rows that [`Self::add`] took last: those of several labels, but few; and those of more.
    #[must_use]
    pub(crate) fn last_rows(&self) -> (&[usize], &[usize]) {
        (&self.by_size[SEVERAL], &self.by_size[MORE])
    }

    /// Adds the rows of `sets` that are `taken`. Of rows with several labels, but no more than `few`, only what they do
    /// not know: their labels are to be added by [`Self::add_sets`] or [`Self::add_alike`].
    pub(crate) fn add(&mut self, sets: &LabelSets, few: usize, taken: impl Fn(usize) -> bool) {
        let (mut by_size, mut scumbles) =
            (std::mem::take(&mut self.by_size), std::mem::take(&mut self.scumbles));
        by_size.iter_mut().for_each(Vec::clear);
        for row in (0..sets.rows()).filter(|row| taken(*row)) {
            // Sizes cannot be foreseen, so that nothing depends on them but which list takes the row.
            let size = sets.positives(row).len();
            by_size[if size > few.max(1) { MORE } else { size.min(SEVERAL) }].push(row);
        }
        let [empty, single, _, more] = &by_size;
        self.empty += empty.len() as u64;
        for label in single.iter().filter_map(|row| sets.positives(*row).first()) {
            self.single[*label as usize] += 1;
        }
        let labels_of_more = || more.iter().map(|row| sets.positives(*row));
        self.scumble_of.of_each(labels_of_more(), &mut scumbles);
        labels_of_more().zip(&scumbles).for_each(|(labels, scumble)| self.add_scumble(labels, *scumble, 1));
        if let Some(pairs) = &mut self.pairs
            && !more.is_empty()
        {
            pairs.add(sets, &more.iter().copied());
        }
        (self.by_size, self.scumbles) = (by_size, scumbles);
        let n = self.scumble_of.labels();
        let is_silent = |row: usize| n > 0 && sets.unknown(row).len() == n;
        if !sets.all_known() {
            self.silent += (0..sets.rows()).filter(|row| taken(*row) && is_silent(*row)).count() as u64;
        }
        if self.pairs.is_none() || sets.all_known() {
            return;
        }
        let unknown = self
            .unknown
            .get_or_insert_with(|| [Sides::Unknown, Sides::Mixed].map(|sides| Pairs::new(n, sides)));
        let known = || (0..sets.rows()).filter(|row| taken(*row) && !is_silent(*row));
        unknown.iter_mut().for_each(|pairs| pairs.add(sets, &known()));
    }

    /// Adds `rows` rows that have no label. Rows that are `silent` know nothing of any label.
    pub(crate) fn add_empty(&mut self, rows: u64, silent: bool) {
        let unknown: Vec<u32> = (0..).take(if silent { self.scumble_of.labels() } else { 0 }).collect();
        self.add_alike(&[], &unknown, rows);
    }

    /// Adds `rows` identical rows.
    pub(crate) fn add_alike(&mut self, positives: &[u32], unknown: &[u32], rows: u64) {
        match positives {
            [] => self.empty += rows,
            [label] => self.single[*label as usize] += rows,
            labels => self.add_labels(labels, rows),
        }
        let n = self.scumble_of.labels();
        let is_silent = n > 0 && unknown.len() == n;
        if is_silent {
            self.silent += rows;
        }
        let Some(pairs) = &mut self.pairs else { return };
        if positives.len() > 1 {
            pairs.add_alike(positives, positives, rows);
        }
        if unknown.is_empty() {
            return;
        }
        let [both, second] = self
            .unknown
            .get_or_insert_with(|| [Sides::Unknown, Sides::Mixed].map(|sides| Pairs::new(n, sides)));
        if !is_silent {
            both.add_alike(unknown, unknown, rows);
            second.add_alike(positives, unknown, rows);
        }
    }

    /// Adds sets of `size` labels each, which are several, and all known: their labels, one set after the other, and
    /// the rows of each.
    pub(crate) fn add_sets(&mut self, size: usize, labels: &[u32], rows: &[u64]) {
        let mut scumbles = std::mem::take(&mut self.scumbles);
        self.scumble_of.of_each(labels.chunks_exact(size), &mut scumbles);
        for ((labels, &scumble), &rows) in labels.chunks_exact(size).zip(&scumbles).zip(rows) {
            self.add_scumble(labels, scumble, rows);
        }
        self.scumbles = scumbles;
        let Some(pairs) = &mut self.pairs else { return };
        labels.chunks_exact(size).zip(rows).for_each(|(labels, rows)| pairs.add_alike(labels, labels, *rows));
    }

    /// Adds rows of several labels.
    #[inline]
    fn add_labels(&mut self, labels: &[u32], rows: u64) {
        self.add_scumble(labels, self.scumble_of.of(labels), rows);
    }

    #[inline]
    fn add_scumble(&mut self, labels: &[u32], scumble: f64, rows: u64) {
        let k = labels.len();
        if self.cardinalities.len() <= k {
            self.cardinalities.resize(k + 1, 0);
        }
        self.cardinalities[k] += rows;
        let (value, square) = (units(scumble), units(scumble * scumble));
        self.scumble.add(times(value, rows), times(square, rows), rows);
        self.scumble_of_label.add(labels, [value, square], rows);
    }

    /// Adds the sums of `other`.
    pub(crate) fn merge(&mut self, other: Self) {
        self.empty += other.empty;
        self.single.iter_mut().zip(&other.single).for_each(|(rows, more)| *rows += more);
        self.silent += other.silent;
        if self.cardinalities.len() < other.cardinalities.len() {
            self.cardinalities.resize(other.cardinalities.len(), 0);
        }
        self.cardinalities.iter_mut().zip(&other.cardinalities).for_each(|(rows, more)| *rows += more);
        self.scumble.merge(&other.scumble);
        self.scumble_of_label.merge(other.scumble_of_label);
        if let (Some(pairs), Some(more)) = (&mut self.pairs, other.pairs) {
            pairs.merge(more);
        }
        match (&mut self.unknown, other.unknown) {
            (Some(pairs), Some(more)) => {
                pairs.iter_mut().zip(more).for_each(|(pairs, more)| pairs.merge(more));
            }
            (none @ None, more) => *none = more,
            (_, None) => {}
        }
    }

    /// The measures of all rows added; `sets` are the label sets of the same rows.
    #[must_use]
    pub(crate) fn finish(mut self, sets: Labelsets) -> RowMeasures {
        let singles = self.single.iter().sum();
        for (k, rows) in [(0, self.empty), (1, singles)].into_iter().filter(|(_, rows)| *rows > 0) {
            self.cardinalities.resize(self.cardinalities.len().max(k + 1), 0);
            self.cardinalities[k] += rows;
            self.scumble.add_zeros(rows);
        }
        let mut scumble_of_label = self.scumble_of_label.finish();
        scumble_of_label.iter_mut().zip(&self.single).for_each(|(spread, rows)| spread.add_zeros(*rows));
        let unknown = self.unknown.map(|pairs| {
            let [mut both, second] = pairs.map(Pairs::finish);
            both.add_to_all(self.silent);
            Unknown { both, second }
        });
        RowMeasures {
            rows: self.cardinalities.iter().sum(),
            cardinalities: self.cardinalities,
            unknown_rows: self.silent,
            distinct_labelsets: sets.distinct,
            single_labelsets: sets.single,
            top_labelsets: sets.top,
            scumble: self.scumble,
            pairs: self.pairs.map(|pairs| {
                let mut pairs = pairs.finish();
                pairs.add_to_diagonal(scumble_of_label.iter().map(|spread| spread.values));
                pairs
            }),
            scumble_of_label,
            unknown,
        }
    }
}

/// Takes rows grouped by label set, and returns their measures.
#[derive(Debug, Clone)]
pub(crate) struct RowPass {
    sums: RowSums,
    sets: Labelsets,
    /// The set whose rows are being added.
    current: Option<Labelset>,
}

impl RowPass {
    /// For rows whose counts are `counts`.
    #[must_use]
    pub(crate) fn new(counts: &LabelCounts) -> Self {
        Self { sums: RowSums::new(counts), sets: Labelsets::default(), current: None }
    }

    /// Adds `rows` rows with positive labels `positives` and missing labels `unknown`, both ascending. Rows with
    /// the same positives must be added one after the other.
    pub(crate) fn add(&mut self, positives: &[u32], unknown: &[u32], rows: u64) {
        self.sums.add_alike(positives, unknown, rows);
        match &mut self.current {
            Some(set) if set.labels == positives => set.rows += rows,
            _ => {
                self.close();
                self.current = Some(Labelset { labels: positives.to_vec(), rows });
            }
        }
    }

    /// Ends the current label set.
    fn close(&mut self) {
        if let Some(set) = self.current.take() {
            self.sets.distinct += 1;
            self.sets.single += u64::from(set.rows == 1);
            self.sets.offer(set);
        }
    }

    /// The measures of all rows added.
    #[must_use]
    pub(crate) fn finish(mut self) -> RowMeasures {
        self.close();
        self.sums.finish(self.sets)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::counts::{Labels, Tally};

    /// The labels of a row: about half of some, seldom of the others.
    fn labels_of(row: u64) -> Vec<u32> {
        let scattered = |bits: u64| (bits ^ bits >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let random = |label: u32| scattered(scattered(row * 40 + u64::from(label))) >> 58;
        (0..40).filter(|&label| random(label) < if label < 8 { 30 } else { 3 }).collect()
    }

    #[test]
    fn rows_are_added_one_by_one_or_set_by_set() {
        let rows: Vec<Vec<u32>> = (0..3000).map(|row| labels_of(row % 1700)).collect();
        let mut positives = [0; 40];
        rows.iter().flatten().for_each(|label| positives[*label as usize] += 1);
        let tally = |positives: u64| Tally { positives, negatives: 3000 - positives, ..Tally::default() };
        let counts =
            LabelCounts::new(3000, Labels::indices(40), positives.map(tally).to_vec(), None).unwrap();
        let mut one_by_one = RowSums::new(&counts);
        rows.iter().for_each(|labels| one_by_one.add_alike(labels, &[], 1));
        let expected = one_by_one.finish(Labelsets::default());
        assert_eq!((expected.rows, expected.cardinalities.len() > 8), (3000, true));
        for few in [0, 1, 4, 40] {
            let (mut sums, mut sets) = (RowSums::new(&counts), LabelSets::default());
            let mut by_size: BTreeMap<usize, (Vec<u32>, Vec<u64>)> = BTreeMap::new();
            for rows in rows.chunks(1000) {
                sets.clear(40);
                for labels in rows {
                    sets.extend(labels);
                    sets.end_row();
                    if labels.len() > 1 && labels.len() <= few {
                        let (of_size, times) = by_size.entry(labels.len()).or_default();
                        of_size.extend(labels);
                        times.push(1);
                    }
                }
                sums.add(&sets, few, |row| row % 2 == 0);
                sums.add(&sets, few, |row| row % 2 == 1);
            }
            let mut of_sets = RowSums::new(&counts);
            by_size.iter().for_each(|(size, (labels, times))| of_sets.add_sets(*size, labels, times));
            sums.merge(of_sets);
            assert_eq!(sums.finish(Labelsets::default()), expected, "{few}");
        }
    }
}
