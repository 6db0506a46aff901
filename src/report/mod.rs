//! What people read: `report.html`, `report.md` and the summary on the terminal. Pure: facts in, text out.

pub(crate) mod drift;
pub(crate) mod folds;
mod heads;
mod html;
mod label_ranks;
mod markdown;
mod names;
pub(crate) mod numbers;
pub(crate) mod plan;
pub(crate) mod plans;
mod pytorch;
mod rows;
mod text;

pub(crate) use heads::HeadLine;
pub(crate) use html::html;
pub(crate) use markdown::markdown;
pub(crate) use names::{code_span, short, visible};
pub(crate) use rows::{Heat, RowReport};
pub(crate) use text::{findings, text};

use std::cmp::Ordering;

use numbers::{counted, thousands};

use crate::consequences::Consequences;
use crate::counts::{CountUnit, GroupedPositives, LabelCounts, as_f64};
use crate::drift::Drift;
use crate::findings::{Finding, Severity};
use crate::groups::{Group, GroupMeasures, mean};
use crate::measures::{LabelMeasure, MEASURES, Measures};
use crate::row_measures::ROW_MEASURES;
use crate::weights::Weights;

/// Labels shown at each end where there are too many for all.
const ENDS: usize = 10;

/// What `ld` is.
pub(crate) const LD: &str = "mean over groups of their label distribution distance to all rows";
/// What `lpd` is.
pub(crate) const LPD: &str = "the same of pairs of labels";
/// What `tcs` is.
pub(crate) const TCS: &str = "ln(num_features C distinct_labelsets), the theoretical complexity score (mldr)";

/// What a report is made of. `report.md`, `report.html`, the terminal and `imbalance.json` are made of this.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// What the rows of the counts are.
    pub unit: CountUnit,
    /// The layout of the labels, by its name.
    pub layout: &'a str,
    /// Counts of all rows.
    pub counts: &'a LabelCounts,
    /// The groups that have a positive, where these were counted.
    pub grouped: Option<&'a GroupedPositives>,
    /// Their weights.
    pub weights: &'a Weights,
    /// What the weights do.
    pub consequences: Consequences<'a>,
    /// Measures of the counts.
    pub measures: &'a Measures,
    /// Measures of rows, if rows were measured.
    pub rows: Option<&'a RowReport>,
    /// Input features, for TCS, where they are known.
    pub features: Option<u64>,
    /// Checks of severity error that failed, in words.
    pub failed_checks: &'a [String],
    /// Checks of severity warn that failed, in words.
    pub warned_checks: &'a [String],
    /// The sampling plan that the result has, in words.
    pub plan: Option<&'a str>,
    /// Findings.
    pub findings: &'a [Finding],
    /// Where the counts come from: `16 shards, layout wide`.
    pub source: String,
    /// Groups of `--by`.
    pub groups: Vec<Group<'a>>,
    /// The same against all rows.
    pub group_measures: &'a [GroupMeasures],
    /// The result that this one is compared with, by a name, and how it differs.
    pub drift: Option<(&'a str, &'a Drift<'a>)>,
}

/// One line of a table of measures.
struct MeasureLine {
    name: &'static str,
    value: Option<f64>,
    formula: &'static str,
}

/// Labels by their positives, 0 and then decade by decade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrequencyBucket {
    /// The fewest positives.
    pub from: u64,
    /// The most positives.
    pub to: u64,
    /// Labels in this range.
    pub labels: u64,
}

impl FrequencyBucket {
    /// `11 … 100`
    fn range(&self) -> String {
        if self.to == 0 {
            "0".to_owned()
        } else {
            format!("{} … {}", thousands(self.from), thousands(self.to))
        }
    }
}

impl Report<'_> {
    /// A measure of one label.
    fn of_label(&self, index: usize, measure: LabelMeasure) -> Option<f64> {
        self.measures.of_label(self.counts, index, measure)
    }

    /// IRLbl of one label, as labels without positives are read.
    fn irlbl(&self, index: usize) -> Option<f64> {
        self.of_label(index, self.measures.compat.irlbl())
    }

    /// ln(features × labels × distinct sets), where all are known.
    #[must_use]
    pub(crate) fn tcs(&self) -> Option<f64> {
        tcs(self.features?, self.counts.len(), self.rows?.get("distinct_labelsets")?)
    }

    /// Every measure of the set.
    fn lines(&self) -> Vec<MeasureLine> {
        let of_counts = MEASURES
            .iter()
            .zip(&self.measures.values)
            .map(|(measure, (name, value))| MeasureLine { name, value: *value, formula: measure.formula });
        let rows = self.rows.map(|rows| ROW_MEASURES.iter().zip(&rows.values));
        let of_rows = rows.into_iter().flatten().map(|(measure, value)| MeasureLine {
            name: measure.name,
            value: *value,
            formula: measure.formula,
        });
        let tcs = self.features.and(self.rows).map(|_| MeasureLine {
            name: "tcs",
            value: self.tcs(),
            formula: TCS,
        });
        let mut distances = Vec::new();
        if !self.group_measures.is_empty() {
            distances.push(MeasureLine {
                name: "ld",
                value: mean(self.group_measures, |g| g.ld),
                formula: LD,
            });
            distances.push(MeasureLine {
                name: "lpd",
                value: mean(self.group_measures, |g| g.lpd),
                formula: LPD,
            });
        }
        of_counts.chain(of_rows).chain(tcs).chain(distances).collect()
    }

    /// The heading of failed checks; `None` if none failed.
    #[must_use]
    fn failed(&self) -> Option<String> {
        let n = self.failed_checks.len() as u64;
        (n > 0).then(|| format!("{} failed; this result should not be used", counted(n, "check")))
    }

    /// The heading of failed checks that only warn; `None` if none failed.
    #[must_use]
    fn warned(&self) -> Option<String> {
        let n = self.warned_checks.len() as u64;
        (n > 0).then(|| format!("{} of severity warn failed", counted(n, "check")))
    }

    /// What the column of groups says; `None` without one.
    #[must_use]
    fn groups_line(&self, show: impl Fn(&str) -> String) -> Option<String> {
        let grouped = self.grouped?;
        let (column, groups) = (show(&grouped.column), counted(grouped.groups, "group"));
        Some(format!("{groups} of {column}; the column groups has those with a positive of the label"))
    }

    /// How many findings of each severity there are, in words.
    fn verdict(&self) -> String {
        let of = |severity: Severity| {
            self.findings.iter().filter(|finding| finding.kind.info().severity == severity).count()
        };
        let (warnings, notes) = (of(Severity::Warning), of(Severity::Note));
        let s = |n: usize| if n == 1 { "" } else { "s" };
        match (warnings, notes) {
            (0, 0) => "No findings".to_owned(),
            (0, notes) => format!("No warnings, {notes} note{}", s(notes)),
            (warnings, 0) => format!("{warnings} warning{}", s(warnings)),
            (warnings, notes) => {
                format!("{warnings} warning{}, {notes} note{}", s(warnings), s(notes))
            }
        }
    }

    /// Whether some cells are uncertain, so that they have a column of their own.
    fn has_uncertain(&self) -> bool {
        self.counts.tallies().iter().any(|tally| tally.uncertain > 0)
    }

    /// Labels without a positive in most batches.
    fn labels_seldom_in_batch(&self) -> u64 {
        const MOST: f64 = 0.5;
        let is_seldom =
            |label: &usize| self.consequences.no_positive_in_batch(*label).is_some_and(|p| p > MOST);
        (0..self.counts.len()).filter(is_seldom).count() as u64
    }

    /// Labels by their positives.
    #[must_use]
    pub(crate) fn buckets(&self) -> Vec<FrequencyBucket> {
        buckets(self.counts).collect()
    }

    /// The labels with the largest `of`, the largest first, equals in label order.
    fn largest(&self, most: usize, of: impl Fn(usize) -> Option<f64>) -> Vec<usize> {
        let all = (0..self.counts.len()).filter_map(|label| Some((of(label)?, label)));
        first(all, most, larger_first).into_iter().map(|(_, label)| label).collect()
    }

    /// Label indices from the most to the least frequent, equals in label order: all of them where they
    /// are at most `all`, else the first and the last `ends`.
    fn by_frequency(&self, all: usize, ends: usize) -> (Vec<usize>, Vec<usize>) {
        let of = |label: usize| Some(self.counts.sides(label).0);
        if self.counts.len() <= all {
            return (self.largest(usize::MAX, of), Vec::new());
        }
        let each = (0..self.counts.len()).map(|label| (self.counts.sides(label).0, label));
        let least = first(each, ends, |a, b| larger_first(b, a));
        (self.largest(ends, of), least.into_iter().rev().map(|(_, label)| label).collect())
    }
}

/// The order of labels with a value: the largest first, equals in label order.
fn larger_first(a: &(f64, usize), b: &(f64, usize)) -> Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// The first `most` of `all`, in order. The others are not put in order, and of millions none but these are kept.
fn first<T: Copy>(all: impl Iterator<Item = T>, most: usize, before: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    /// Elements that are kept at least before some are dropped.
    const KEPT: usize = 64;
    let (mut kept, mut behind): (Vec<T>, Option<T>) = (Vec::new(), None);
    for one in all {
        if behind.is_some_and(|behind| before(&one, &behind).is_ge()) {
            continue;
        }
        kept.push(one);
        if kept.len() > most.saturating_mul(2).max(KEPT) {
            behind = Some(*kept.select_nth_unstable_by(most, &before).1);
            kept.truncate(most);
        }
    }
    kept.sort_unstable_by(before);
    kept.truncate(most);
    kept
}

fn buckets(counts: &LabelCounts) -> impl Iterator<Item = FrequencyBucket> {
    let mut labels: Vec<u64> = Vec::new();
    for tally in counts.tallies() {
        let decade = match tally.positives {
            0 => 0,
            positives => (positives - 1).max(1).ilog10() as usize + 1,
        };
        labels.resize(labels.len().max(decade + 1), 0);
        labels[decade] += 1;
    }
    let bucket = |(decade, labels): (u32, u64)| {
        let to = if decade == 0 { 0 } else { 10_u64.saturating_pow(decade) };
        let from = if decade < 2 { u64::from(decade) } else { to / 10 + 1 };
        FrequencyBucket { from, to, labels }
    };
    (0..).zip(labels).map(bucket)
}

/// Theoretical complexity score: ln(features × labels × distinct label sets).
#[must_use]
pub(crate) fn tcs(features: u64, labels: usize, labelsets: f64) -> Option<f64> {
    let product = as_f64(features) * labels as f64 * labelsets;
    (product > 0.0).then(|| product.ln())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consequences::LastLayer;

    #[test]
    fn the_ends_are_those_of_the_whole_order() {
        use crate::counts::{Labels, Tally};
        let tally = |positives| Tally { positives, negatives: 9 - positives, ..Tally::default() };
        let tallies = [3, 9, 1, 3, 0, 7, 3, 2, 9, 1].map(tally).to_vec();
        let counts = LabelCounts::new(9, Labels::indices(10), tallies, None).unwrap();
        let weighing = crate::weights::Weighing {
            schemes: vec!["ratio".parse().unwrap()],
            adjust: crate::weights::Adjust::default(),
            policy: crate::weights::Policy::default(),
        };
        let weights = crate::weights::weigh(&counts, &weighing).unwrap();
        let measures = crate::measures::measure(&counts, crate::measures::Compat::default());
        let report = Report {
            unit: crate::counts::CountUnit::default(),
            layout: "wide",
            counts: &counts,
            grouped: None,
            weights: &weights,
            consequences: Consequences::new(&counts, &weights, LastLayer::Sigmoids, 1),
            measures: &measures,
            rows: None,
            features: None,
            failed_checks: &[],
            warned_checks: &[],
            plan: None,
            findings: &[],
            source: String::new(),
            groups: Vec::new(),
            group_measures: &[],
            drift: None,
        };
        let (all, none) = report.by_frequency(10, 2);
        assert_eq!(all, [1, 8, 5, 0, 3, 6, 7, 2, 9, 4]);
        assert!(none.is_empty());
        assert!((1..300).all(|most| {
            // As many as are kept, more and fewer.
            let found = super::first((0..300_u32).map(|i| i * 7919 % 300), most, u32::cmp);
            found.iter().copied().eq(0..u32::try_from(most).unwrap())
        }));
        for ends in 1..5 {
            let (most, least) = report.by_frequency(9, ends);
            assert_eq!(most, all[..ends]);
            assert_eq!(least, all[10 - ends..]);
        }
    }

    #[test]
    fn labels_fall_into_decades() {
        use crate::counts::{Labels, Tally};
        let tally = |positives| Tally { positives, negatives: 5000 - positives, ..Tally::default() };
        let tallies = [0, 1, 10, 11, 100, 101, 5000].map(tally).to_vec();
        let counts = LabelCounts::new(5000, Labels::indices(7), tallies, None).unwrap();
        let found = buckets(&counts).map(|bucket| (bucket.range(), bucket.labels));
        let expected = [("0", 1), ("1 … 10", 2), ("11 … 100", 2), ("101 … 1 000", 1), ("1 001 … 10 000", 1)];
        assert_eq!(found.collect::<Vec<_>>(), expected.map(|(range, labels)| (range.to_owned(), labels)));
    }
}
