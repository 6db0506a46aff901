//! Measures that need rows, not only counts: labels per row, label sets, co-occurrence and SCUMBLE.
//!
//! A row has positive labels and missing labels; every other label is negative. Fractions are summed as whole
//! numbers of 2⁻⁶⁰, so that sums do not depend on the order of rows.

mod label_spreads;
mod scumble;
mod sums;

use crate::cooccurrence::Together;
use crate::counts::{LabelCounts, as_f64};

pub(crate) use scumble::Scumble;
pub(crate) use sums::{RowPass, RowSums};

/// Number of label sets reported, the most frequent ones.
pub const TOP_LABELSETS: usize = 20;
/// Number of label pairs reported, the most correlated ones.
pub(crate) const CLOSEST_PAIRS: usize = 100;
/// Minimum rows of a reported pair; fewer are mostly chance.
pub(crate) const PAIR_ROWS_MIN: u64 = 5;
/// Maximum number of labels for counting pairs: the matrix takes 8 C² bytes.
pub(crate) const PAIRS_LABELS_MAX: usize = 4096;

/// A label set and the number of rows with exactly these labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelset {
    /// Positions of the labels, ascending.
    pub labels: Vec<u32>,
    /// Rows.
    pub rows: u64,
}

/// The label sets of some rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Labelsets {
    /// Distinct sets, including the empty set.
    pub distinct: u64,
    /// Sets that occur in one row.
    pub single: u64,
    /// Up to [`TOP_LABELSETS`] sets, the most frequent first, ties by labels.
    pub top: Vec<Labelset>,
}

impl Labelsets {
    /// Inserts a set among the most frequent ones.
    pub(crate) fn offer(&mut self, set: Labelset) {
        let place = self.top.partition_point(|other| (other.rows, &set.labels) > (set.rows, &other.labels));
        if place < TOP_LABELSETS {
            self.top.insert(place, set);
            self.top.truncate(TOP_LABELSETS);
        }
    }
}

/// Measures of rows besides counts. All values are exact.
#[derive(Debug, Clone, PartialEq)]
pub struct RowMeasures {
    /// Rows.
    pub rows: u64,
    /// Entry k: number of rows with k labels.
    pub cardinalities: Vec<u64>,
    /// Rows in which every label is missing; they count among the rows without any label.
    pub unknown_rows: u64,
    /// Distinct label sets, including the empty set.
    pub distinct_labelsets: u64,
    /// Sets that occur in one row.
    pub single_labelsets: u64,
    /// The most frequent label sets, the most frequent first, ties by labels.
    pub top_labelsets: Vec<Labelset>,
    /// SCUMBLE over all rows.
    pub scumble: Spread,
    /// SCUMBLE of each label, over the rows that have it.
    pub scumble_of_label: Vec<Spread>,
    /// Rows that have both labels of each pair; `None` above [`PAIRS_LABELS_MAX`] labels.
    pub pairs: Option<Together>,
    /// Rows in which both labels, or one of them, are missing; `None` if no cell is missing.
    pub unknown: Option<Unknown>,
}

/// Missing cells of label pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Unknown {
    /// Rows in which both are missing.
    both: Together,
    /// Rows that have the first label while the second is missing.
    second: Together,
}

/// A count of values, their sum and the sum of their squares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    values: u64,
    sum: i128,
    squares: i128,
}

/// Units per 1 in sums.
const ONE: f64 = (1_u64 << 60) as f64;

/// What a sum of squares and the square of a mean may differ by when all values are the same, as a share of them; beside that,
/// each value and each square was rounded to a unit.
const ROUNDING: f64 = 8.0 * f64::EPSILON;

/// A number 0 … 1 in these units.
#[inline]
fn units(value: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "value is 0 … 1")]
    let units = (value * ONE + 0.5) as u64;
    units
}

/// A number of units, so many times.
#[inline]
fn times(units: u64, rows: u64) -> i128 {
    i128::from(units) * i128::from(rows)
}

impl Spread {
    /// Adds `times` values, given their sum and the sum of their squares, both in [`units`].
    #[inline]
    fn add(&mut self, sum: i128, squares: i128, times: u64) {
        self.values += times;
        self.sum += sum;
        self.squares += squares;
    }

    /// Adds this many zeros.
    fn add_zeros(&mut self, times: u64) {
        self.values += times;
    }

    fn merge(&mut self, other: &Self) {
        self.values += other.values;
        self.sum += other.sum;
        self.squares += other.squares;
    }

    /// The mean without `zeros` of the values, which are 0; `None` if no value is left.
    fn mean_without(&self, zeros: u64) -> Option<f64> {
        let values = self.values.saturating_sub(zeros);
        (values > 0).then(|| self.sum as f64 / ONE / as_f64(values))
    }

    /// The mean; `None` without values.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.values > 0).then(|| self.sum as f64 / ONE / as_f64(self.values))
    }

    /// Sample standard deviation (n − 1) over mean: `None` for fewer than two values, 0 if the mean is 0, and where the
    /// values differ by no more than doubles tell.
    #[must_use]
    pub fn variation(&self) -> Option<f64> {
        let mean = self.mean().filter(|_| self.values > 1)?;
        if mean == 0.0 {
            return Some(0.0);
        }
        let n = as_f64(self.values);
        let (all, of_mean) = (self.squares as f64 / ONE, n * mean * mean);
        let rounding = ROUNDING * of_mean + 2.0 * n / ONE;
        let squares = if all - of_mean > rounding { all - of_mean } else { 0.0 };
        Some((squares / (n - 1.0)).sqrt() / mean)
    }
}

/// How often two labels occur together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Positions of the labels, the lower first.
    pub labels: [usize; 2],
    /// Rows that have both.
    pub together: u64,
    /// Rows in which neither is missing.
    pub known: u64,
    /// Share of the rows with the first label that have the second, and vice versa; `None` without rows.
    pub conditional: [Option<f64>; 2],
    /// Correlation phi, −1 … 1; `None` if a label is constant.
    pub phi: Option<f64>,
}

impl RowMeasures {
    /// Rows without any label.
    #[must_use]
    pub fn empty_rows(&self) -> u64 {
        self.cardinalities.first().copied().unwrap_or(0)
    }

    /// Mean number of labels in the rows in which a label is known.
    fn cardinality_known(&self) -> Option<f64> {
        let known = self.rows.saturating_sub(self.unknown_rows);
        let each = self.cardinalities.iter().enumerate();
        (known > 0).then(|| each.map(|(k, &rows)| k as f64 * as_f64(rows)).sum::<f64>() / as_f64(known))
    }

    /// Largest number of labels in a row.
    #[must_use]
    pub fn max_labels_per_row(&self) -> usize {
        self.cardinalities.len().saturating_sub(1)
    }

    /// The standard deviation (n − 1) of the number of labels per row, or a standardised moment of higher `order`;
    /// `None` if all rows have the same number, or for fewer than two rows.
    fn moment(&self, order: i32) -> Option<f64> {
        let n = as_f64(self.rows);
        let each = || self.cardinalities.iter().enumerate().map(|(k, &rows)| (k as f64, as_f64(rows)));
        let mean = each().map(|(k, rows)| k * rows).sum::<f64>() / n;
        let central = |order: i32| each().map(|(k, rows)| (k - mean).powi(order) * rows).sum::<f64>();
        match order {
            2 => (self.rows > 1).then(|| (central(2) / (n - 1.0)).sqrt()),
            _ => Some(central(order) / n / (central(2) / n).powf(f64::from(order) / 2.0))
                .filter(|moment| moment.is_finite()),
        }
    }

    /// A pair of labels; `counts` are the counts of the same rows. Rows in which one of the two is missing are
    /// excluded from the correlation (pairwise complete rows).
    #[must_use]
    pub fn pair(&self, counts: &LabelCounts, one: usize, other: usize) -> Option<Pair> {
        let pairs = self.pairs.as_ref()?;
        let (one, other) = (one.min(other), one.max(other));
        let together = pairs.get(one, other);
        let tally = |label: usize| &counts.tallies()[label];
        let unknown = |label: usize| self.rows - tally(label).known();
        let (both, [lost, other_lost]) = self.unknown.as_ref().map_or((0, [0, 0]), |unknown| {
            (unknown.both.get(one, other), [unknown.second.get(one, other), unknown.second.get(other, one)])
        });
        let known = (self.rows + both).saturating_sub(unknown(one) + unknown(other));
        let [a, b] = [tally(one).positives - lost, tally(other).positives - other_lost];
        let share = |of: u64| (of > 0).then(|| as_f64(together) / as_f64(of));
        let n = as_f64(known);
        let spread = |positives: u64| as_f64(positives) * (n - as_f64(positives));
        let below = (spread(a) * spread(b)).sqrt();
        let above = as_f64(together) * n - as_f64(a) * as_f64(b);
        let phi = (below > 0.0).then(|| above / below);
        Some(Pair { labels: [one, other], together, known, conditional: [share(a), share(b)], phi })
    }

    /// The most correlated pairs by phi, among pairs that occur in at least `least` rows.
    #[must_use]
    pub fn closest_pairs(&self, counts: &LabelCounts, least: u64, most: usize) -> Vec<Pair> {
        let Some(pairs) = &self.pairs else { return Vec::new() };
        let n = counts.len();
        let all = (0..n).flat_map(|one| (one + 1..n).map(move |other| (one, other)));
        let often = all.filter(|&(one, other)| pairs.get(one, other) >= least.max(1));
        let mut found: Vec<Pair> = often.filter_map(|(one, other)| self.pair(counts, one, other)).collect();
        let phi = |pair: &Pair| pair.phi.unwrap_or(f64::NEG_INFINITY);
        found.sort_by(|a, b| phi(b).total_cmp(&phi(a)).then(a.labels.cmp(&b.labels)));
        found.truncate(most);
        found
    }
}

/// One measure of rows, with its key in `imbalance.json`.
#[derive(Debug)]
pub struct RowMeasure {
    /// Key in `imbalance.json`.
    pub name: &'static str,
    /// Smallest and largest value.
    pub range: &'static str,
    /// Its definition.
    pub formula: &'static str,
    /// Its source.
    pub source: &'static str,
    /// The value; `None` where it is undefined.
    pub of: fn(&RowMeasures) -> Option<f64>,
}

const fn row(
    name: &'static str,
    range: &'static str,
    formula: &'static str,
    source: &'static str,
    of: fn(&RowMeasures) -> Option<f64>,
) -> RowMeasure {
    RowMeasure { name, range, formula, source, of }
}

/// Every measure that needs rows.
#[rustfmt::skip]
pub const ROW_MEASURES: [RowMeasure; 14] = [
    row("empty_rows", "0 … N", "rows without any positive label, rows that know no label among them", "MEKA", |m| Some(as_f64(m.empty_rows()))),
    row("unknown_rows", "0 … N", "rows that know no label: every label is missing", "", |m| Some(as_f64(m.unknown_rows))),
    row("cardinality_known", "0 … C", "positives / (N - unknown_rows), the mean number of labels over rows that know a label; like all measures of rows it counts each row once, also with --sample-weight", "", RowMeasures::cardinality_known),
    row("max_labels_per_row", "0 … C", "largest number of labels in a row", "", |m| Some(m.max_labels_per_row() as f64)),
    row("cardinality_sd", "0 … C", "standard deviation (n - 1) of the number of labels per row, over all N rows", "MLDA", |m| m.moment(2)),
    row("cardinality_skewness", "", "third standardised moment of the number of labels per row", "", |m| m.moment(3)),
    row("cardinality_kurtosis", "1 …", "fourth standardised moment of the number of labels per row; 3 for a normal distribution", "", |m| m.moment(4)),
    row("distinct_labelsets", "0 … N", "distinct label sets, including the empty set", "mldr, MULAN, MEKA", |m| Some(as_f64(m.distinct_labelsets))),
    row("distinct_nonempty_labelsets", "0 … N", "distinct label sets, without the empty set", "", |m| Some(as_f64(m.distinct_labelsets - u64::from(m.empty_rows() > 0)))),
    row("single_labelsets", "0 … N", "label sets that occur in one row", "mldr", |m| Some(as_f64(m.single_labelsets))),
    row("max_labelset_frequency", "0 … N", "rows of the most frequent label set", "mldr", |m| m.top_labelsets.first().map(|set| as_f64(set.rows))),
    row("scumble", "0 … 1", "mean over all N rows of 1 - geometric mean / mean of IRLbl of the row's labels; 0 for rows without labels; rows and positives count once each, also with --sample-weight", "Charte et al. 2014, mldr", |m| m.scumble.mean()),
    row("scumble_known", "0 … 1", "the same over the N - unknown_rows rows that know a label", "", |m| m.scumble.mean_without(m.unknown_rows)),
    row("scumble_cv", "0 …", "standard deviation (n - 1) / mean of scumble over all N rows; 0 where no row has two labels", "mldr", |m| m.scumble.variation()),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Labels, Tally};

    /// Rows as (labels, unknown), and what follows by definition.
    fn pass(labels: usize, rows: &[(&[u32], &[u32])]) -> (LabelCounts, RowMeasures) {
        let mut tallies = vec![Tally::default(); labels];
        for (label, tally) in (0_u32..).zip(&mut tallies) {
            for (positives, unknown) in rows {
                match (positives.contains(&label), unknown.contains(&label)) {
                    (true, _) => tally.positives += 1,
                    (_, true) => tally.missing += 1,
                    _ => tally.negatives += 1,
                }
            }
        }
        let counts = LabelCounts::new(rows.len() as u64, Labels::indices(labels), tallies, None).unwrap();
        let mut pass = RowPass::new(&counts);
        let mut sorted = rows.to_vec();
        sorted.sort();
        sorted.iter().for_each(|(positives, unknown)| pass.add(positives, unknown, 1));
        (counts, pass.finish())
    }

    #[test]
    fn a_small_set_by_hand() {
        // IRLbl: 4/4, 4/2, 4/1.
        let rows: [(&[u32], &[u32]); 6] =
            [(&[0], &[]), (&[0], &[]), (&[0, 1], &[]), (&[0, 1, 2], &[]), (&[], &[]), (&[], &[])];
        let (counts, measures) = pass(3, &rows);
        assert_eq!(measures.cardinalities, [2, 2, 1, 1]);
        assert_eq!((measures.distinct_labelsets, measures.single_labelsets), (4, 2));
        // Mean 7/6; of 0 0 1 1 2 3.
        let [sd, skewness, kurtosis] = [2, 3, 4].map(|order| measures.moment(order).unwrap());
        assert!((sd - (41.0_f64 / 30.0).sqrt()).abs() < 1e-12, "{sd}");
        assert!((skewness - 0.487_566_4).abs() < 1e-6 && (kurtosis - 1.989_887_0).abs() < 1e-6);
        let top: Vec<_> = measures.top_labelsets.iter().map(|set| (set.rows, set.labels.clone())).collect();
        assert_eq!(top, [(2, vec![]), (2, vec![0]), (1, vec![0, 1]), (1, vec![0, 1, 2])]);
        let two = 1.0 - 2.0_f64.sqrt() / 1.5;
        let three = 1.0 - 8.0_f64.cbrt() / (7.0 / 3.0);
        assert!((measures.scumble.mean().unwrap() - (two + three) / 6.0).abs() < 1e-15);
        assert!((measures.scumble_of_label[1].mean().unwrap() - f64::midpoint(two, three)).abs() < 1e-15);
        assert_eq!(measures.scumble_of_label[2].variation(), None);
        let pair = measures.pair(&counts, 1, 0).unwrap();
        assert_eq!((pair.labels, pair.together, pair.conditional), ([0, 1], 2, [Some(0.5), Some(1.0)]));
        // (2·6 − 4·2) / √(4·2·2·4)
        assert!((pair.phi.unwrap() - 0.5).abs() < 1e-15);
    }

    #[test]
    fn values_that_are_all_the_same_do_not_vary() {
        for rows in [2_u64, 3, 7, 300, 1_000_003] {
            for value in [0.1, 0.333_333_333, 0.687_294_1, 1e-3] {
                let mut spread = Spread::default();
                spread.add(times(units(value), rows), times(units(value * value), rows), rows);
                assert_eq!(spread.variation(), Some(0.0), "{rows} × {value}");
                spread.add(
                    times(units(value * 1.001), rows),
                    times(units((value * 1.001).powi(2)), rows),
                    rows,
                );
                let n = as_f64(rows) * 2.0;
                let expected = 0.000_5 / 1.000_5 * (n / (n - 1.0)).sqrt();
                assert!((spread.variation().unwrap() / expected - 1.0).abs() < 1e-6, "{rows} × {value}");
            }
        }
    }

    #[test]
    fn pairs_are_of_rows_that_know_both() {
        let rows: [(&[u32], &[u32]); 6] =
            [(&[0, 1], &[]), (&[0], &[1]), (&[], &[0, 1]), (&[1], &[0]), (&[], &[]), (&[0], &[])];
        let (counts, measures) = pass(2, &rows);
        let pair = measures.pair(&counts, 0, 1).unwrap();
        // Of the rows that know both, (1,1), (0,0), (1,0) are left.
        assert_eq!((pair.known, pair.together, pair.conditional), (3, 1, [Some(0.5), Some(1.0)]));
        assert!((pair.phi.unwrap() - 0.5).abs() < 1e-15);
        // The third row knows neither label.
        let known = |name: &str| {
            let measure = ROW_MEASURES.iter().find(|measure| measure.name == name).unwrap();
            (measure.of)(&measures).unwrap()
        };
        assert_eq!((known("unknown_rows"), known("empty_rows")), (1.0, 2.0));
        assert!((known("cardinality_known") - 1.0).abs() < 1e-15);
        assert!((known("scumble_known") - 6.0 / 5.0 * known("scumble")).abs() < 1e-15);
    }

    #[test]
    fn nothing_is_defined_of_nothing() {
        let (_, measures) = pass(2, &[]);
        let defined = ROW_MEASURES.iter().filter(|measure| (measure.of)(&measures).is_some());
        let defined: Vec<_> = defined.map(|measure| measure.name).collect();
        let sizes = [
            "empty_rows",
            "unknown_rows",
            "distinct_labelsets",
            "distinct_nonempty_labelsets",
            "single_labelsets",
            "max_labels_per_row",
        ];
        let sorted =
            |names: &[&'static str]| names.iter().copied().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(sorted(&defined), sorted(&sizes));
    }
}
