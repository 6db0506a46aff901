//! What people read: `report.md` and the summary on the terminal. Pure: facts in, text out.

pub mod drift;
mod markdown;
mod names;
pub mod plan;
mod text;

pub use markdown::markdown;
pub use names::{code_span, short, visible};
pub use text::text;

use crate::counts::LabelCounts;
use crate::findings::Finding;
use crate::measures::{LabelMeasure, Measures};
use crate::row_measures::RowMeasures;
use crate::weights::Weights;

/// Labels shown at each end where there are too many for all.
const ENDS: usize = 10;

/// What a report is made of.
#[derive(Debug)]
pub struct Report<'a> {
    /// Counts of all rows.
    pub counts: &'a LabelCounts,
    /// Their weights.
    pub weights: &'a Weights,
    /// Their measures.
    pub measures: &'a Measures,
    /// What rows say beside counts, where that is known.
    pub rows: Option<&'a RowMeasures>,
    /// Everything odd.
    pub findings: &'a [Finding],
    /// Where the counts come from: `16 shards, layout wide`.
    pub source: String,
    /// Groups of `--by`: name and counts.
    pub groups: Vec<(String, &'a LabelCounts)>,
}

impl Report<'_> {
    /// A measure of one label.
    fn of_label(&self, index: usize, measure: LabelMeasure) -> Option<f64> {
        self.measures.of_label(self.counts, index, measure)
    }

    /// Label indices from the most to the least frequent, equals in label order: all of them where they
    /// are at most `all`, else the first and the last `ends`.
    fn by_frequency(&self, all: usize, ends: usize) -> (Vec<usize>, Vec<usize>) {
        let before =
            |a: &usize, b: &usize| self.counts.sides(*b).0.total_cmp(&self.counts.sides(*a).0).then(a.cmp(b));
        let mut most: Vec<usize> = (0..self.counts.len()).collect();
        let mut least = Vec::new();
        if most.len() > all {
            // The ends are found without putting millions of labels between them in order.
            let tail = most.len() - ends;
            most.select_nth_unstable_by(tail, before);
            least = most.split_off(tail);
            most.select_nth_unstable_by(ends, before);
            most.truncate(ends);
        }
        most.sort_unstable_by(before);
        least.sort_unstable_by(before);
        (most, least)
    }
}

/// A whole number with thousands set apart: `4 000 000`.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A number with about four telling digits.
fn brief(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e7).contains(&size) {
        format!("{x:.3e}")
    } else if size >= 1000.0 {
        format!("{x:.0}")
    } else {
        let digits = [(100.0, 1), (10.0, 2), (1.0, 3), (0.1, 4), (0.01, 5)];
        let places = digits.iter().find(|(from, _)| size >= *from).map_or(6, |(_, places)| *places);
        let text = format!("{x:.places$}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |p| format!("{} %", brief(100.0 * p)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let measures = crate::measures::measure(&counts);
        let (source, groups) = (String::new(), Vec::new());
        let report = Report {
            counts: &counts,
            weights: &weights,
            measures: &measures,
            rows: None,
            findings: &[],
            source,
            groups,
        };
        let (all, none) = report.by_frequency(10, 2);
        assert_eq!(all, [1, 8, 5, 0, 3, 6, 7, 2, 9, 4]);
        assert!(none.is_empty());
        for ends in 1..5 {
            let (most, least) = report.by_frequency(9, ends);
            assert_eq!(most, all[..ends]);
            assert_eq!(least, all[10 - ends..]);
        }
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1 000", "1 234 567"]);
        assert_eq!(
            [0.0, 3.0, 0.25, 123.456, 99_999.4, 1e8, 0.000_012].map(brief),
            ["0", "3", "0.25", "123.5", "99999", "1.000e8", "1.200e-5"]
        );
    }
}
