//! Groups of rows, such as train and test, compared with all rows: absent labels, shifts and distances.
//!
//! The distances are those of iterative stratification: LD (Sechidis et al. 2011) over labels, LPD (Szymański &
//! Kajdanowicz 2017) over pairs of labels, each the mean difference between the odds in a group and in all rows.
//! Odds are positives over negatives; without negatives they are undefined, and the label is excluded from the
//! mean of that group.

use crate::counts::LabelCounts;
use crate::measures::prevalence;
use crate::posterior::interval;
use crate::row_measures::RowMeasures;
use crate::weights::Weights;

/// A prevalence above this multiple of the prevalence in all rows, or below its inverse, is a shift.
pub(crate) const SHIFT: f64 = 2.0;

/// One group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'a> {
    /// `split=train`.
    pub name: &'a str,
    /// Counts of its rows, for the same labels as all rows.
    pub counts: &'a LabelCounts,
    /// Their weights.
    pub weights: &'a Weights,
    /// Measures of its rows, if they were computed.
    pub rows: Option<&'a RowMeasures>,
}

/// A group compared with all rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct GroupMeasures {
    /// `split=train`.
    pub name: String,
    /// Labels that occur in other rows, but not in the group.
    pub absent: Vec<usize>,
    /// Labels far more or far less frequent than in all rows: the whole interval of their prevalence is beyond
    /// [`SHIFT`].
    pub shifted: Vec<usize>,
    /// Label distribution distance; `None` if it is undefined for every label.
    pub ld: Option<f64>,
    /// Label pair distance, over the pairs that occur; `None` if pairs were not counted.
    pub lpd: Option<f64>,
}

/// Compares each group with all rows.
#[must_use]
pub(crate) fn compare(
    counts: &LabelCounts,
    rows: Option<&RowMeasures>,
    groups: &[Group<'_>],
) -> Vec<GroupMeasures> {
    let labels = |is: &dyn Fn(usize) -> bool| (0..counts.len()).filter(|&i| is(i)).collect::<Vec<usize>>();
    let of = |group: &Group<'_>| GroupMeasures {
        name: group.name.to_owned(),
        absent: labels(&|i| counts.sides(i).0 > 0.0 && group.counts.sides(i).0 <= 0.0),
        shifted: labels(&|i| is_shifted(counts.sides(i), group.counts.sides(i))),
        ld: label_distance(counts, group.counts),
        lpd: rows.zip(group.rows).and_then(|(all, part)| pair_distance(counts, all, group.counts, part)),
    };
    groups.iter().map(of).collect()
}

/// The mean over groups: the distance of the split as a whole.
#[must_use]
pub(crate) fn mean(groups: &[GroupMeasures], of: impl Fn(&GroupMeasures) -> Option<f64>) -> Option<f64> {
    let (sum, n) = groups.iter().filter_map(of).fold((0.0, 0_u32), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}

/// The label distribution distance (LD) of a split: the mean over its folds, as [`compare`] gives it for groups.
#[must_use]
pub(crate) fn label_distribution(folds: &[LabelCounts], all: &LabelCounts) -> Option<f64> {
    let each = folds.iter().filter_map(|fold| label_distance(all, fold));
    let (sum, n) = each.fold((0.0, 0_u32), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}

/// Label distribution distance of one group; missing cells are on neither side of the odds.
fn label_distance(all: &LabelCounts, group: &LabelCounts) -> Option<f64> {
    distance((0..all.len()).map(|i| (all.sides(i), group.sides(i))))
}

/// The label whose prevalence differs most from its prevalence in all rows, and the ratio of the two.
#[must_use]
pub(crate) fn farthest(counts: &LabelCounts, group: &LabelCounts) -> Option<usize> {
    let away = |i: usize| {
        let [all, part] = [counts, group].map(|of| of.sides(i)).map(|(p, n)| prevalence(p, n, 0.0));
        let (all, part) = all.zip(part)?;
        // Add one row, so that a single row decides little.
        let least = 0.5 / (group.tallies()[i].known() as f64 + 1.0);
        (all > 0.0).then(|| ((part + least) / (all + least)).ln().abs())
    };
    let all = (0..counts.len()).filter_map(|i| Some((away(i)?, i)));
    all.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1))).filter(|(away, _)| *away > 0.0).map(|(_, i)| i)
}

fn is_shifted(all: (f64, f64), part: (f64, f64)) -> bool {
    let (Some(p), Some(q)) = (prevalence(all.0, all.1, 0.0), prevalence(part.0, part.1, 0.0)) else {
        return false;
    };
    // Compute the interval only where it can decide.
    let is_beyond = |q: f64| q > SHIFT * p || q * SHIFT < p;
    is_beyond(q) && interval(part.0, part.1).is_some_and(|[low, high]| low > SHIFT * p || high * SHIFT < p)
}

/// Mean difference of odds, where both are defined.
fn distance(sides: impl Iterator<Item = ((f64, f64), (f64, f64))>) -> Option<f64> {
    let odds = |(positives, negatives): (f64, f64)| (negatives > 0.0).then(|| positives / negatives);
    let apart = sides.filter_map(|(all, part)| Some((odds(all)? - odds(part)?).abs()));
    let (sum, n) = apart.fold((0.0, 0_u32), |(sum, n), apart| (sum + apart, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}

fn pair_distance(
    counts: &LabelCounts,
    all: &RowMeasures,
    group: &LabelCounts,
    part: &RowMeasures,
) -> Option<f64> {
    let together = all.pairs.as_ref()?;
    let pairs = (0..counts.len()).flat_map(|one| (one + 1..counts.len()).map(move |other| (one, other)));
    let sides = |rows: &RowMeasures, counts: &LabelCounts, (one, other): (usize, usize)| {
        let pair = rows.pair(counts, one, other)?;
        Some((pair.together as f64, (pair.known - pair.together) as f64))
    };
    distance(
        pairs
            .filter(|&(one, other)| together.get(one, other) > 0)
            .filter_map(|pair| Some((sides(all, counts, pair)?, sides(part, group, pair)?))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Labels, Tally};
    use crate::row_measures::RowPass;
    use crate::weights::{Adjust, Policy, Weighing, weigh};

    fn counts(rows: u64, positives: &[u64]) -> LabelCounts {
        let tally = |&p: &u64| Tally { positives: p, negatives: rows - p, ..Tally::default() };
        let labels = Labels::indices(positives.len());
        LabelCounts::new(rows, labels, positives.iter().map(tally).collect(), None).unwrap()
    }

    fn weights(counts: &LabelCounts) -> Weights {
        let schemes = vec!["ratio".parse().unwrap()];
        weigh(counts, &Weighing { schemes, adjust: Adjust::default(), policy: Policy::default() }).unwrap()
    }

    #[test]
    fn the_distance_of_folds_takes_missing_cells_for_neither_side() {
        let fold = |positives, negatives, missing| {
            let tally = Tally { positives, negatives, missing, ..Tally::default() };
            LabelCounts::new(positives + negatives + missing, Labels::indices(1), vec![tally], None).unwrap()
        };
        // Odds 1/3, 2/2 and 3/5, whatever is missing.
        let expected = f64::midpoint(0.6 - 1.0 / 3.0, 0.4);
        let folds = [fold(1, 3, 0), fold(2, 2, 90)];
        assert!((label_distribution(&folds, &fold(3, 5, 90)).unwrap() - expected).abs() < 1e-15);
        assert_eq!(label_distribution(&[fold(1, 0, 0)], &fold(1, 0, 0)), None);
    }

    /// Rows as labels, sorted; with their counts.
    fn rows(labels: usize, rows: &[&[u32]]) -> (LabelCounts, RowMeasures) {
        let has = |label: u32| rows.iter().filter(|row| row.contains(&label)).count() as u64;
        let positives: Vec<u64> = (0..u32::try_from(labels).unwrap()).map(has).collect();
        let counts = counts(rows.len() as u64, &positives);
        let mut pass = RowPass::new(&counts);
        rows.iter().for_each(|row| pass.add(row, &[], 1));
        let measures = pass.finish();
        (counts, measures)
    }

    #[test]
    fn distances_by_hand() {
        let (all, all_rows) = rows(2, &[&[], &[], &[0], &[0, 1], &[0, 1], &[1]]);
        let (one, one_rows) = rows(2, &[&[], &[0], &[0, 1]]);
        let (other, other_rows) = rows(2, &[&[], &[0, 1], &[1]]);
        let (w, v) = (weights(&one), weights(&other));
        let groups = [
            Group { name: "one", counts: &one, weights: &w, rows: Some(&one_rows) },
            Group { name: "other", counts: &other, weights: &v, rows: Some(&other_rows) },
        ];
        let found = compare(&all, Some(&all_rows), &groups);
        // Odds: 3/3, 3/3; 2/1, 1/2; 1/2, 2/1. Of the pair: 2/4; 1/2; 1/2.
        assert_eq!((found[0].ld, found[1].ld), (Some(0.75), Some(0.75)));
        assert_eq!((found[0].lpd, found[1].lpd), (Some(0.0), Some(0.0)));
        assert_eq!(mean(&found, |group| group.ld), Some(0.75));
        assert!(compare(&all, None, &groups)[0].lpd.is_none());
    }

    #[test]
    fn what_no_odds_are_defined_for_is_left_out() {
        let all = counts(100, &[50, 100, 0, 10]);
        let part = counts(10, &[10, 10, 0, 0]);
        let w = weights(&part);
        let of = |counts, weights| Group { name: "part", counts, weights, rows: None };
        let found = &compare(&all, None, &[of(&part, &w)])[0];
        // Left: the labels 2 and 3.
        assert_eq!(found.ld, Some(10.0 / 90.0 / 2.0));
        assert_eq!((&found.absent, found.lpd), (&vec![3], None));
        let only = counts(100, &[100]);
        let w = weights(&only);
        assert_eq!(compare(&only, None, &[of(&only, &w)])[0].ld, None);
        assert_eq!(mean(&[], |group| group.ld), None);
    }

    #[test]
    fn a_shift_is_beyond_twice_and_beyond_chance() {
        let all = counts(100_000, &[1000, 1000, 1000, 1000]);
        // 1 % in all; here 2.5 %, 4 %, 0.3 % and 1.2 %.
        let part = counts(10_000, &[250, 400, 30, 120]);
        let few = counts(50, &[1, 2, 0, 1]);
        let (w, v) = (weights(&part), weights(&few));
        let groups = [
            Group { name: "part", counts: &part, weights: &w, rows: None },
            Group { name: "few", counts: &few, weights: &v, rows: None },
        ];
        let found = compare(&all, None, &groups);
        assert_eq!((found[0].shifted.as_slice(), found[1].shifted.len()), ([0, 1, 2].as_slice(), 0));
        assert_eq!((found[0].absent.len(), found[1].absent.as_slice()), (0, [2].as_slice()));
        assert_eq!((farthest(&all, &part), farthest(&all, &all)), (Some(1), None));
    }
}
