//! Rows become sums: everything but which sets of labels there are.

use std::sync::Arc;

use super::{Labelset, Labelsets, PAIRS_LABELS_MAX, RowMeasures, Spread, Unknown, units};
use crate::cooccurrence::{Pairs, Sides};
use crate::counts::{LabelCounts, as_f64};
use crate::label_sets::LabelSets;

/// Sums over rows, block by block. Those of several threads are merged, in any order.
#[derive(Debug, Clone)]
pub struct RowSums {
    /// IRLbl of every label and its logarithm; 0 without positives.
    irlbl: Arc<[(f64, f64)]>,
    rows: u64,
    cardinalities: Vec<u64>,
    scumble: Spread,
    scumble_of_label: Vec<Spread>,
    pairs: Option<Pairs>,
    /// Pairs with unknown labels, once there is one.
    unknown: Option<[Pairs; 2]>,
    /// Rows that say nothing of any label.
    silent: u64,
}

impl RowSums {
    /// Nothing yet of rows whose counts are `counts`.
    #[must_use]
    pub fn new(counts: &LabelCounts) -> Self {
        let most = counts.tallies().iter().map(|tally| tally.positives).max().unwrap_or(0);
        let irlbl = |positives: u64| {
            let irlbl = if positives == 0 { 0.0 } else { as_f64(most) / as_f64(positives) };
            (irlbl, if positives == 0 { 0.0 } else { irlbl.ln() })
        };
        let n = counts.len();
        Self {
            irlbl: counts.tallies().iter().map(|tally| irlbl(tally.positives)).collect(),
            rows: 0,
            cardinalities: Vec::new(),
            scumble: Spread::default(),
            scumble_of_label: vec![Spread::default(); n],
            pairs: (n <= PAIRS_LABELS_MAX).then(|| Pairs::new(n, Sides::Positives)),
            unknown: None,
            silent: 0,
        }
    }

    /// Rows added so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds the rows of `sets` that are `taken`.
    pub fn add(&mut self, sets: &LabelSets, taken: impl Fn(usize) -> bool) {
        for row in (0..sets.rows()).filter(|row| taken(*row)) {
            self.add_row(sets.positives(row));
        }
        let Some(pairs) = &mut self.pairs else { return };
        pairs.add(sets, &taken);
        if sets.all_known() {
            return;
        }
        let n = self.irlbl.len();
        let is_silent = |row: usize| n > 0 && sets.unknown(row).len() == n;
        self.silent += (0..sets.rows()).filter(|row| taken(*row) && is_silent(*row)).count() as u64;
        let unknown = self
            .unknown
            .get_or_insert_with(|| [Sides::Unknown, Sides::Mixed].map(|sides| Pairs::new(n, sides)));
        unknown.iter_mut().for_each(|pairs| pairs.add(sets, |row| taken(row) && !is_silent(row)));
    }

    #[inline]
    fn add_row(&mut self, labels: &[u32]) {
        self.rows += 1;
        let k = labels.len();
        if self.cardinalities.len() <= k {
            self.cardinalities.resize(k + 1, 0);
        }
        self.cardinalities[k] += 1;
        let scumble = self.scumble(labels);
        let [value, square] = [units(scumble), units(scumble * scumble)];
        self.scumble.add(value, square);
        for &label in labels {
            self.scumble_of_label[label as usize].add(value, square);
        }
    }

    /// SCUMBLE of a row: 1 − geometric mean / mean of the IRLbl of its labels, 0 without labels (Charte et al.
    /// 2014, as the R package mldr has it).
    #[inline]
    fn scumble(&self, labels: &[u32]) -> f64 {
        if labels.len() < 2 {
            return 0.0;
        }
        let of = labels.iter().map(|&label| self.irlbl[label as usize]);
        let (sum, logs) = of.fold((0.0, 0.0), |(sum, logs), (irlbl, ln)| (sum + irlbl, logs + ln));
        let k = labels.len() as f64;
        (1.0 - (logs / k).exp() / (sum / k)).max(0.0)
    }

    /// Adds all that `other` has added.
    pub fn merge(&mut self, other: Self) {
        self.rows += other.rows;
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

    /// The measures of all rows that were added; `sets` are theirs.
    #[must_use]
    pub fn finish(self, sets: Labelsets) -> RowMeasures {
        let unknown = self.unknown.map(|pairs| {
            let [mut both, second] = pairs.map(Pairs::finish);
            both.add_to_all(self.silent);
            Unknown { both, second }
        });
        RowMeasures {
            rows: self.rows,
            cardinalities: self.cardinalities,
            distinct_labelsets: sets.distinct,
            single_labelsets: sets.single,
            top_labelsets: sets.top,
            scumble: self.scumble,
            scumble_of_label: self.scumble_of_label,
            pairs: self.pairs.map(Pairs::finish),
            unknown,
        }
    }
}

/// Takes rows one by one and gives their measures; keeps all sets of labels in memory.
#[derive(Debug, Clone)]
pub struct RowPass {
    sums: RowSums,
    block: LabelSets,
    sets: std::collections::BTreeMap<Vec<u32>, u64>,
}

impl RowPass {
    /// Of rows whose counts are `counts`.
    #[must_use]
    pub fn new(counts: &LabelCounts) -> Self {
        let mut block = LabelSets::default();
        block.clear(counts.len());
        Self { sums: RowSums::new(counts), block, sets: std::collections::BTreeMap::new() }
    }

    /// Adds `rows` rows that have the labels `positives` and say nothing of the labels `unknown`, both ascending.
    pub fn add(&mut self, positives: &[u32], unknown: &[u32], rows: u64) {
        for _ in 0..rows {
            positives.iter().for_each(|&label| self.block.add(label));
            unknown.iter().for_each(|&label| self.block.add_unknown(label));
            self.block.end_row();
        }
        *self.sets.entry(positives.to_vec()).or_insert(0) += rows;
        self.sums.add(&self.block, |_| true);
        self.block.clear(self.sums.irlbl.len());
    }

    /// The measures of all rows that were added.
    #[must_use]
    pub fn finish(self) -> RowMeasures {
        let mut sets = Labelsets { distinct: self.sets.len() as u64, ..Labelsets::default() };
        for (labels, rows) in self.sets {
            sets.single += u64::from(rows == 1);
            sets.offer(Labelset { labels, rows });
        }
        self.sums.finish(sets)
    }
}
