//! The part of a report about rows: sets of labels, pairs of labels, SCUMBLE.

use crate::counts::LabelCounts;
use crate::row_measures::{CLOSEST_PAIRS, Labelset, PAIR_ROWS_MIN, Pair, ROW_MEASURES, RowMeasures, Spread};

/// Most labels whose pairs are all shown.
const HEAT_LABELS: usize = 24;

/// The part of [`RowMeasures`] in a report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowReport {
    /// By number of labels k, from 0: rows that have k.
    pub cardinalities: Vec<u64>,
    /// The most frequent sets of labels.
    pub top_labelsets: Vec<Labelset>,
    /// The pairs of labels that go together most.
    pub closest_pairs: Vec<Pair>,
    /// All pairs of the labels that matter, where pairs were counted.
    pub cooccurrence: Option<Heat>,
    /// Values of [`ROW_MEASURES`], in its order.
    pub values: Vec<Option<f64>>,
    /// SCUMBLE of each label.
    pub scumble: Vec<Option<f64>>,
    /// Its coefficient of variation.
    pub scumble_cv: Vec<Option<f64>>,
}

/// How often some labels occur together. The matrices are row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heat {
    /// Positions of the labels, those that go together side by side.
    pub labels: Vec<usize>,
    /// Rows that have both; on the diagonal, the label.
    pub together: Vec<Vec<u64>>,
    /// Part of the rows with the label of the line that have the label of the column.
    pub conditional: Vec<Vec<Option<f64>>>,
    /// Correlation.
    pub phi: Vec<Vec<Option<f64>>>,
}

impl RowReport {
    /// Of `rows`, whose counts are `counts`.
    #[must_use]
    pub(crate) fn of(rows: &RowMeasures, counts: &LabelCounts) -> Self {
        let closest_pairs = rows.closest_pairs(counts, PAIR_ROWS_MIN, CLOSEST_PAIRS);
        Self {
            cardinalities: rows.cardinalities.clone(),
            top_labelsets: rows.top_labelsets.clone(),
            cooccurrence: Heat::of(rows, counts, &closest_pairs),
            closest_pairs,
            values: ROW_MEASURES.iter().map(|measure| (measure.of)(rows)).collect(),
            scumble: rows.scumble_of_label.iter().map(Spread::mean).collect(),
            scumble_cv: rows.scumble_of_label.iter().map(Spread::variation).collect(),
        }
    }

    /// The pairs that go together: those with a phi of 0 or less occur together by chance, or avoid each other.
    pub(super) fn pairs_together(&self) -> Vec<&Pair> {
        self.closest_pairs.iter().filter(|pair| pair.phi.is_some_and(|phi| phi > 0.0)).collect()
    }

    /// The value of the measure `name` of [`ROW_MEASURES`].
    #[must_use]
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        let at = ROW_MEASURES.iter().position(|measure| measure.name == name)?;
        self.values.get(at).copied().flatten()
    }

    /// All rows.
    #[must_use]
    pub(crate) fn rows(&self) -> u64 {
        self.cardinalities.iter().fold(0, |sum, rows| sum.saturating_add(*rows))
    }
}

impl Heat {
    /// Of the labels of the closest pairs, and after them the most frequent.
    fn of(rows: &RowMeasures, counts: &LabelCounts, closest: &[Pair]) -> Option<Self> {
        rows.pairs.as_ref()?;
        let mut labels: Vec<usize> = Vec::new();
        let mut by_frequency: Vec<usize> = (0..counts.len()).collect();
        let positives = |i: usize| counts.tallies()[i].positives;
        by_frequency.sort_by(|a, b| positives(*b).cmp(&positives(*a)).then(a.cmp(b)));
        let frequent = by_frequency.into_iter().filter(|&i| positives(i) > 0);
        for label in closest.iter().flat_map(|pair| pair.labels).chain(frequent) {
            if labels.len() < HEAT_LABELS && !labels.contains(&label) {
                labels.push(label);
            }
        }
        if labels.len() < 2 {
            return None;
        }
        let phi = |one: usize, other: usize| rows.pair(counts, one, other).and_then(|pair| pair.phi);
        let labels = side_by_side(labels, |one, other| phi(one, other).unwrap_or(0.0));
        let all = |of: &dyn Fn(usize, usize) -> Option<f64>| -> Vec<Vec<Option<f64>>> {
            labels.iter().map(|&one| labels.iter().map(|&other| of(one, other)).collect()).collect()
        };
        let conditional = |one: usize, other: usize| {
            if one == other {
                return Some(1.0).filter(|_| positives(one) > 0);
            }
            rows.pair(counts, one, other)?.conditional[usize::from(one > other)]
        };
        let phi = |one: usize, other: usize| if one == other { Some(1.0) } else { phi(one, other) };
        let together = |one: usize, other: usize| {
            if one == other {
                return positives(one);
            }
            rows.pair(counts, one, other).map_or(0, |pair| pair.together)
        };
        let together =
            labels.iter().map(|&one| labels.iter().map(|&other| together(one, other)).collect()).collect();
        Some(Self { together, conditional: all(&conditional), phi: all(&phi), labels })
    }
}

/// Each label next to the one closest to it: from the first, the closest of those left at either end.
fn side_by_side(mut left: Vec<usize>, closeness: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    let mut line = std::collections::VecDeque::from([left.remove(0)]);
    while !left.is_empty() {
        let ends = [line[0], line[line.len() - 1]];
        let mut best = (0, 0, f64::NEG_INFINITY);
        for (at, &label) in left.iter().enumerate() {
            for (end, &with) in ends.iter().enumerate() {
                let closeness = closeness(label, with);
                if closeness > best.2 {
                    best = (at, end, closeness);
                }
            }
        }
        let label = left.remove(best.0);
        if best.1 == 0 && line.len() > 1 { line.push_front(label) } else { line.push_back(label) }
    }
    line.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Labels, Tally};
    use crate::row_measures::RowPass;

    #[test]
    fn labels_that_go_together_stand_side_by_side() {
        // 0 with 3 and 1 with 2.
        let rows: [&[u32]; 6] = [&[], &[0, 3], &[0, 3], &[1, 2], &[1, 2], &[3]];
        let has = |label: u32| rows.iter().filter(|row| row.contains(&label)).count() as u64;
        let tally = |p: u64| Tally { positives: p, negatives: 6 - p, ..Tally::default() };
        let tallies = (0..4).map(|label| tally(has(label))).collect();
        let counts = LabelCounts::new(6, Labels::indices(4), tallies, None).unwrap();
        let mut pass = RowPass::new(&counts);
        rows.iter().for_each(|row| pass.add(row, &[], 1));
        let told = RowReport::of(&pass.finish(), &counts);
        let heat = told.cooccurrence.as_ref().unwrap();
        let at = |label: usize| heat.labels.iter().position(|&l| l == label).unwrap();
        assert_eq!((at(0).abs_diff(at(3)), at(1).abs_diff(at(2))), (1, 1));
        assert_eq!(heat.together[at(3)][at(0)], 2);
        assert_eq!(
            (heat.conditional[at(3)][at(0)], heat.conditional[at(0)][at(3)]),
            (Some(2.0 / 3.0), Some(1.0))
        );
        assert_eq!((heat.phi[at(1)][at(2)], heat.together[at(1)][at(1)]), (Some(1.0), 2));
        assert_eq!((told.rows(), told.get("max_labels_per_row")), (6, Some(2.0)));
    }
}
