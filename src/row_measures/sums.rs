//! Sums over rows: all row measures except label sets.

use super::{Labelset, Labelsets, PAIRS_LABELS_MAX, RowMeasures, Scumble, Spread, Unknown, units};
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
    scumble_of_label: Vec<Spread>,
    pairs: Option<Pairs>,
    /// Pairs with missing labels, if there are any.
    unknown: Option<[Pairs; 2]>,
    /// Rows that are missing for every label.
    silent: u64,
}

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
            scumble_of_label: vec![Spread::default(); n],
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

    /// Adds the rows of `sets` that are `taken`. Of rows with several labels, but no more than `few`, only what they do
    /// not know: their labels are to be added by [`Self::add_alike`].
    pub(crate) fn add(&mut self, sets: &LabelSets, few: usize, taken: impl Fn(usize) -> bool) {
        let mut has_more = false;
        for row in (0..sets.rows()).filter(|row| taken(*row)) {
            match sets.positives(row) {
                [] => self.empty += 1,
                [label] => self.single[*label as usize] += 1,
                labels if labels.len() <= few => {}
                labels => {
                    has_more = true;
                    self.add_labels(labels, 1);
                }
            }
        }
        let n = self.scumble_of.labels();
        let is_silent = |row: usize| n > 0 && sets.unknown(row).len() == n;
        if !sets.all_known() {
            self.silent += (0..sets.rows()).filter(|row| taken(*row) && is_silent(*row)).count() as u64;
        }
        let Some(pairs) = &mut self.pairs else { return };
        if has_more {
            pairs.add(sets, |row| taken(row) && sets.positives(row).len() > few.max(1));
        }
        if sets.all_known() {
            return;
        }
        let unknown = self
            .unknown
            .get_or_insert_with(|| [Sides::Unknown, Sides::Mixed].map(|sides| Pairs::new(n, sides)));
        unknown.iter_mut().for_each(|pairs| pairs.add(sets, |row| taken(row) && !is_silent(row)));
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

    /// Adds rows of several labels.
    #[inline]
    fn add_labels(&mut self, labels: &[u32], rows: u64) {
        let k = labels.len();
        if self.cardinalities.len() <= k {
            self.cardinalities.resize(k + 1, 0);
        }
        self.cardinalities[k] += rows;
        let scumble = self.scumble_of.of(labels);
        let [value, square] =
            [units(scumble), units(scumble * scumble)].map(|units| i128::from(units) * i128::from(rows));
        self.scumble.add(value, square, rows);
        for &label in labels {
            self.scumble_of_label[label as usize].add(value, square, rows);
        }
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
        self.scumble_of_label.iter_mut().zip(&other.scumble_of_label).for_each(|(sum, more)| sum.merge(more));
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
        self.scumble_of_label.iter_mut().zip(&self.single).for_each(|(spread, rows)| spread.add_zeros(*rows));
        let single = self.single;
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
            scumble_of_label: self.scumble_of_label,
            pairs: self.pairs.map(|pairs| {
                let mut pairs = pairs.finish();
                pairs.add_to_diagonal(&single);
                pairs
            }),
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
