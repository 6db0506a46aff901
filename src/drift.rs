//! How two results differ: new and gone labels, changed prevalences and weights.

use std::collections::HashMap;

use crate::counts::{LabelCounts, as_f64};
use crate::letter_case::fold;
use crate::measures::prevalence;
use crate::weights::Weights;

/// One of two results that are compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'a> {
    /// The counts.
    pub counts: &'a LabelCounts,
    /// Their weights; the primary vector is compared.
    pub weights: &'a Weights,
    /// Whether names are the same whatever their case: a label has the spelling that came first, which may be another in
    /// the next result.
    pub ignores_case: bool,
}

impl Side<'_> {
    /// Positives / known rows of a label, in 0 … 1; `None` without known rows.
    #[must_use]
    pub(crate) fn prevalence(&self, label: usize) -> Option<f64> {
        let (positives, negatives) = self.counts.sides(label);
        prevalence(positives, negatives, 0.0)
    }
}

/// A label of one or both results.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LabelDrift {
    /// Its index before; `None` for a label that is new.
    pub before: Option<usize>,
    /// Its index after; `None` for a label that is gone.
    pub after: Option<usize>,
    /// Prevalence after / before - 1; infinite where it was 0, and for a label that is new or gone.
    pub change: f64,
}

/// How two results differ.
#[derive(Debug)]
pub(crate) struct Drift<'a> {
    /// The earlier result.
    pub before: Side<'a>,
    /// The later result.
    pub after: Side<'a>,
    /// Every label, the largest change first, ties in label order.
    pub labels: Vec<LabelDrift>,
    /// Labels that are new.
    pub added: usize,
    /// Labels that are gone.
    pub removed: usize,
    /// Labels at another index than before.
    pub moved: usize,
    /// Jensen–Shannon distance between the shares that labels have in all positives, in 0 … 1: the root of
    /// the divergence to base 2 (Endres & Schindelin 2003). `None` where a result has no positives.
    pub jensen_shannon: Option<f64>,
    /// How the results were made differently, where that is known.
    pub differences: Vec<String>,
}

/// Compares two results label by label, by name, whatever its case where the later result ignores it.
#[must_use]
pub(crate) fn compare<'a>(before: Side<'a>, after: Side<'a>) -> Drift<'a> {
    let places = before.counts.labels().positions();
    let names = (0..).zip(before.counts.labels().iter());
    let keys: HashMap<_, usize> = if after.ignores_case {
        names.map(|(index, name)| (fold(name), index)).collect()
    } else {
        HashMap::new()
    };
    let mut known = vec![false; before.counts.len()];
    let mut labels = Vec::with_capacity(after.counts.len());
    for (index, name) in after.counts.labels().iter().enumerate() {
        let was = places.get(name).or_else(|| keys.get(&fold(name))).copied();
        if let Some(known) = was.and_then(|was| known.get_mut(was)) {
            *known = true;
        }
        let change = was.map_or(f64::INFINITY, |was| change(before.prevalence(was), after.prevalence(index)));
        labels.push(LabelDrift { before: was, after: Some(index), change });
    }
    let gone = (0..known.len()).filter(|was| !known[*was]);
    labels.extend(gone.map(|was| LabelDrift { before: Some(was), after: None, change: f64::INFINITY }));
    let jensen_shannon = jensen_shannon(&labels, before, after);
    let count = |is: &dyn Fn(&LabelDrift) -> bool| labels.iter().filter(|label| is(label)).count();
    let added = count(&|label| label.before.is_none());
    let removed = count(&|label| label.after.is_none());
    let moved = count(&|label| label.before != label.after) - added - removed;
    labels.sort_by(|a, b| b.change.abs().total_cmp(&a.change.abs()));
    Drift { before, after, labels, added, removed, moved, jensen_shannon, differences: Vec::new() }
}

/// Relative change; 0 if both prevalences are unknown or 0.
fn change(before: Option<f64>, after: Option<f64>) -> f64 {
    match (before, after) {
        (Some(before), Some(after)) if before > 0.0 => after / before - 1.0,
        (Some(_), Some(after)) if after > 0.0 => f64::INFINITY,
        (Some(_), Some(_)) | (None, None) => 0.0,
        _ => f64::INFINITY,
    }
}

fn jensen_shannon(labels: &[LabelDrift], before: Side<'_>, after: Side<'_>) -> Option<f64> {
    let positives = |side: Side<'_>, label: Option<usize>| label.map_or(0.0, |i| side.counts.sides(i).0);
    let all = |side: Side<'_>| (0..side.counts.len()).map(|i| side.counts.sides(i).0).sum::<f64>();
    let (sum_before, sum_after) = (all(before), all(after));
    if sum_before <= 0.0 || sum_after <= 0.0 {
        return None;
    }
    let part = |share: f64, middle: f64| if share > 0.0 { share * (share / middle).log2() } else { 0.0 };
    let divergence: f64 = labels
        .iter()
        .map(|label| {
            let p = positives(before, label.before) / sum_before;
            let q = positives(after, label.after) / sum_after;
            let middle = f64::midpoint(p, q);
            f64::midpoint(part(p, middle), part(q, middle))
        })
        .sum();
    Some(divergence.clamp(0.0, 1.0).sqrt())
}

impl Drift<'_> {
    /// Relative change of rows; `None` if there were none before.
    #[must_use]
    pub(crate) fn rows_change(&self) -> Option<f64> {
        let (before, after) = (as_f64(self.before.counts.rows()), as_f64(self.after.counts.rows()));
        (before > 0.0).then(|| after / before - 1.0)
    }

    /// The name of a label.
    #[must_use]
    pub(crate) fn name(&self, label: &LabelDrift) -> &str {
        match (label.after, label.before) {
            (Some(after), _) => self.after.counts.labels().name(after),
            (None, Some(before)) => self.before.counts.labels().name(before),
            (None, None) => "",
        }
    }

    /// How many labels changed by more than `limit`, up or down.
    #[must_use]
    pub(crate) fn over(&self, limit: f64) -> usize {
        self.labels.iter().take_while(|label| label.change.abs() > limit).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Labels, Tally};
    use crate::weights::{Adjust, Policy, Scheme, Weighing, weigh};

    fn result(labels: &[(&str, u64)], rows: u64) -> (LabelCounts, Weights) {
        let tally = |&(_, positives): &(&str, u64)| Tally {
            positives,
            negatives: rows - positives,
            ..Tally::default()
        };
        let names: Labels = labels.iter().map(|(name, _)| *name).collect();
        let counts = LabelCounts::new(rows, names, labels.iter().map(tally).collect(), None).unwrap();
        let schemes = vec![Scheme::Ratio { epsilon: 0.0 }];
        let weighing = Weighing { schemes, adjust: Adjust::default(), policy: Policy::default() };
        let weights = weigh(&counts, &weighing).unwrap();
        (counts, weights)
    }

    fn side((counts, weights): &(LabelCounts, Weights), ignores_case: bool) -> Side<'_> {
        Side { counts, weights, ignores_case }
    }

    #[test]
    fn a_label_that_is_spelled_otherwise_is_the_same_where_case_is_ignored() {
        let (a, b) = (result(&[("cat", 50), ("dog", 20)], 100), result(&[("Dog", 20), ("cat", 50)], 100));
        let ignored = compare(side(&a, false), side(&b, true));
        assert_eq!((ignored.added, ignored.removed, ignored.jensen_shannon), (0, 0, Some(0.0)));
        assert!(ignored.labels.iter().all(|label| label.change == 0.0));
        let minded = compare(side(&a, true), side(&b, false));
        assert_eq!((minded.added, minded.removed), (1, 1));
    }

    #[test]
    fn labels_are_compared_by_name_the_largest_change_first() {
        let a = result(&[("cat", 50), ("dog", 20), ("fox", 0), ("gnu", 7)], 100);
        let b = result(&[("dog", 44), ("cat", 100), ("fox", 0), ("emu", 1)], 200);
        let drift = compare(side(&a, false), side(&b, false));
        let names: Vec<_> = drift.labels.iter().map(|label| (drift.name(label), label.change)).collect();
        let infinity = f64::INFINITY;
        assert_eq!(names[..2], [("emu", infinity), ("gnu", infinity)]);
        assert_eq!((names[2].0, names[3], names[4]), ("dog", ("cat", 0.0), ("fox", 0.0)));
        assert!((names[2].1 - 0.1).abs() < 1e-12);
        assert_eq!((drift.added, drift.removed, drift.moved), (1, 1, 2));
        assert_eq!((drift.over(0.05), drift.over(0.2), drift.rows_change()), (3, 2, Some(1.0)));
    }

    #[test]
    fn the_distance_is_that_of_jensen_and_shannon() {
        let distance = |a: &[(&str, u64)], b: &[(&str, u64)]| {
            let (a, b) = (result(a, 1000), result(b, 1000));
            compare(side(&a, false), side(&b, false)).jensen_shannon
        };
        assert_eq!(distance(&[("a", 5)], &[("a", 50)]), Some(0.0));
        assert_eq!(distance(&[("a", 5)], &[("b", 5)]), Some(1.0));
        assert_eq!(distance(&[("a", 0)], &[("a", 5)]), None);
        // Of shares ½, ½ and 0.9, 0.1.
        let found = distance(&[("a", 50), ("b", 50)], &[("a", 90), ("b", 10)]).unwrap();
        assert!((found - 0.383_135_879_859_942_24).abs() < 1e-12, "{found}");
    }
}
