//! Everything odd that a person should know, as values: what, where, why it matters, what to do.

use serde::{Deserialize, Serialize};

use crate::consequences::FP16_MAX;
use crate::counts::{LabelCounts, as_f64};
use crate::groups::GroupMeasures;
use crate::weights::{Kind, Status, Weights};

/// Fewer positives than this are too few to learn from or to weigh by.
pub const RARE_POSITIVES: u64 = 10;
/// A positive weighing more than this many negatives makes gradients jump.
pub const EXTREME_WEIGHT: f64 = 1000.0;
/// Labels of which more than this share of rows is unknown.
pub const MOSTLY_MISSING: f64 = 0.5;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The result may not be what was meant.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// Lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What was found. One row of [`FINDINGS`] each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// No row was counted.
    NoRows,
    /// Labels that no row has.
    NoPositives,
    /// Labels that every known row has.
    NoNegatives,
    /// Labels of which nothing is known.
    NoKnownRows,
    /// Labels under `--min-positives`.
    BelowMinPositives,
    /// Labels with very few positives.
    RareLabel,
    /// Very large weights.
    ExtremeWeight,
    /// Weights that half precision cannot hold.
    Fp16Overflow,
    /// Labels mostly unknown.
    MostlyMissing,
    /// Labels that no row of a group has.
    LabelAbsentInGroup,
    /// Labels far more or far less frequent in a group.
    LabelShiftInGroup,
    /// Weights changed by `--clip`.
    ClippedWeights,
    /// Layout `long` without the true number of rows.
    RowsUnknown,
    /// Null elements inside lists.
    NullElements,
    /// The number of labels was taken from the largest index.
    LabelsInferred,
    /// Columns that some shards lack.
    AbsentColumns,
    /// Shards that could not be read.
    SkippedShards,
}

/// One row of `posweight list findings`.
#[derive(Debug)]
pub struct FindingInfo {
    /// The kind.
    pub kind: FindingKind,
    /// Name in files.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Why it matters.
    pub cause: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// Every finding, the gravest first.
#[rustfmt::skip]
pub const FINDINGS: [FindingInfo; 17] = [
    FindingInfo { kind: FindingKind::NoRows, id: "NO_ROWS", severity: Severity::Warning, cause: "no row was counted, so every weight is the policy's", remedy: "check the sources and --where" },
    FindingInfo { kind: FindingKind::SkippedShards, id: "SKIPPED_SHARDS", severity: Severity::Warning, cause: "shards that cannot be read were left out, so their rows are not counted", remedy: "write them again; drop --on-bad-shard skip to make this an error" },
    FindingInfo { kind: FindingKind::NoKnownRows, id: "NO_KNOWN_ROWS", severity: Severity::Warning, cause: "nothing is known of the label", remedy: "check --missing-values, or drop the label" },
    FindingInfo { kind: FindingKind::NoPositives, id: "NO_POSITIVES", severity: Severity::Warning, cause: "no row has the label, so it cannot be learned; its weight is the policy's", remedy: "collect examples, drop the label, or choose its weight with --zero-positives" },
    FindingInfo { kind: FindingKind::NoNegatives, id: "NO_NEGATIVES", severity: Severity::Warning, cause: "every known row has the label; its weight is the policy's", remedy: "check whether missing rows are really negatives, or choose its weight with --zero-negatives" },
    FindingInfo { kind: FindingKind::Fp16Overflow, id: "FP16_OVERFLOW", severity: Severity::Warning, cause: "half precision holds at most 65504, so the weight becomes infinite in mixed-precision training", remedy: "limit weights with --clip 0,1000" },
    FindingInfo { kind: FindingKind::ExtremeWeight, id: "EXTREME_WEIGHT", severity: Severity::Warning, cause: "one positive weighs as much as 1000 negatives, which makes training unstable", remedy: "limit weights with --clip 0,100, or damp them with --scheme sqrt" },
    FindingInfo { kind: FindingKind::RareLabel, id: "RARE_LABEL", severity: Severity::Warning, cause: "fewer than 10 positives: the weight is mostly chance", remedy: "collect examples, or treat it as absent with --min-positives 10" },
    FindingInfo { kind: FindingKind::MostlyMissing, id: "MOSTLY_MISSING", severity: Severity::Warning, cause: "more than half of the rows say nothing about the label", remedy: "mask missing targets in the loss; check --missing-values" },
    FindingInfo { kind: FindingKind::LabelAbsentInGroup, id: "LABEL_ABSENT_IN_GROUP", severity: Severity::Warning, cause: "a group has no row with the label, so nothing can be learned of it, or measured on it, there", remedy: "split anew, stratified by label, or join groups" },
    FindingInfo { kind: FindingKind::LabelShiftInGroup, id: "LABEL_SHIFT_IN_GROUP", severity: Severity::Warning, cause: "the label is more than twice or less than half as frequent in a group as in all rows, beyond chance", remedy: "split anew, stratified by label; weights fit the group they are made of" },
    FindingInfo { kind: FindingKind::RowsUnknown, id: "ROWS_UNKNOWN", severity: Severity::Warning, cause: "layout long lists only rows that have a label; rows without any are not counted as negatives", remedy: "give the number of all rows with --num-rows" },
    FindingInfo { kind: FindingKind::NullElements, id: "NULL_ELEMENTS", severity: Severity::Warning, cause: "lists hold null elements, which name no label and were passed over", remedy: "check how the lists are written" },
    FindingInfo { kind: FindingKind::AbsentColumns, id: "ABSENT_COLUMNS", severity: Severity::Warning, cause: "shards without the column count as missing there, as declared", remedy: "drop --missing-columns to make this an error" },
    FindingInfo { kind: FindingKind::BelowMinPositives, id: "BELOW_MIN_POSITIVES", severity: Severity::Note, cause: "fewer positives than --min-positives; the weight is that of --zero-positives", remedy: "lower --min-positives to weigh the label" },
    FindingInfo { kind: FindingKind::ClippedWeights, id: "CLIPPED_WEIGHTS", severity: Severity::Note, cause: "weights lay outside --clip and were set to its ends", remedy: "widen --clip, or damp weights with --scheme sqrt" },
    FindingInfo { kind: FindingKind::LabelsInferred, id: "LABELS_INFERRED", severity: Severity::Note, cause: "the number of labels is the largest index found plus one, so labels beyond it that never occur are not in the vector", remedy: "give the number of labels with --num-labels, or their names with --vocabulary" },
];

impl FindingKind {
    /// The kind's row in [`FINDINGS`].
    #[must_use]
    pub fn info(self) -> &'static FindingInfo {
        FINDINGS.iter().find(|info| info.kind == self).unwrap_or(&FINDINGS[0])
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What was found.
    pub kind: FindingKind,
    /// Indices of the labels concerned; empty when it concerns the whole set.
    pub labels: Vec<usize>,
    /// What was observed, in numbers.
    pub observed: String,
}

/// What the scan knows beside the counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RowFacts {
    /// Layout `long` without `--num-rows`.
    pub rows_unknown: bool,
    /// The number of labels was taken from the largest index.
    pub labels_inferred: bool,
    /// Null elements inside lists.
    pub null_elements: u64,
    /// Label columns that some shards lack.
    pub absent_columns: Vec<String>,
    /// Shards that could not be read.
    pub skipped_shards: usize,
    /// Groups of `--by`, against all rows; made again where counts are merged.
    #[serde(skip)]
    pub groups: Vec<GroupMeasures>,
}

/// Everything odd about counts and weights, the gravest first.
#[must_use]
pub fn find(counts: &LabelCounts, weights: &Weights, facts: &RowFacts) -> Vec<Finding> {
    FINDINGS.iter().filter_map(|info| find_one(info.kind, counts, weights, facts)).collect()
}

fn find_one(kind: FindingKind, counts: &LabelCounts, weights: &Weights, facts: &RowFacts) -> Option<Finding> {
    let with_status = |status: Status| labels_with(counts, |i| weights.status[i] == status);
    let primary = weights.primary();
    let is_weight = primary.kind != Kind::Additive;
    let whole = |is: bool, observed: String| is.then_some(Finding { kind, labels: Vec::new(), observed });
    let labels = match kind {
        FindingKind::NoRows => return whole(counts.rows() == 0, "0 rows".to_owned()),
        FindingKind::RowsUnknown => {
            return whole(facts.rows_unknown, format!("{} rows listed", counts.rows()));
        }
        FindingKind::LabelsInferred => {
            return whole(facts.labels_inferred, format!("{} labels", counts.len()));
        }
        FindingKind::NullElements => {
            return whole(facts.null_elements > 0, format!("{} null elements", facts.null_elements));
        }
        FindingKind::AbsentColumns => {
            let shown: Vec<&str> = facts.absent_columns.iter().take(5).map(String::as_str).collect();
            return whole(
                !shown.is_empty(),
                format!("{} columns: {}", facts.absent_columns.len(), shown.join(", ")),
            );
        }
        FindingKind::SkippedShards => {
            return whole(facts.skipped_shards > 0, format!("{} shards", facts.skipped_shards));
        }
        FindingKind::ClippedWeights => {
            let clipped: u64 = weights.vectors.iter().map(|vector| vector.clipped).sum();
            return whole(clipped > 0, format!("{clipped} weights"));
        }
        FindingKind::LabelAbsentInGroup => return in_groups(kind, counts, facts, |group| &group.absent),
        FindingKind::LabelShiftInGroup => return in_groups(kind, counts, facts, |group| &group.shifted),
        // With no rows at all, every label would repeat what NO_ROWS says.
        FindingKind::NoKnownRows if counts.rows() == 0 => Vec::new(),
        FindingKind::NoKnownRows => with_status(Status::NoKnownRows),
        FindingKind::NoPositives => with_status(Status::NoPositives),
        FindingKind::NoNegatives => with_status(Status::NoNegatives),
        FindingKind::BelowMinPositives => with_status(Status::BelowMinPositives),
        FindingKind::RareLabel => labels_with(counts, |i| {
            weights.status[i] == Status::Ok && counts.tallies()[i].positives < RARE_POSITIVES
        }),
        FindingKind::ExtremeWeight => labels_with(counts, |i| {
            is_weight && primary.values[i] > EXTREME_WEIGHT && primary.values[i] <= FP16_MAX
        }),
        FindingKind::Fp16Overflow => labels_with(counts, |i| is_weight && primary.values[i] > FP16_MAX),
        FindingKind::MostlyMissing => labels_with(counts, |i| {
            let tally = &counts.tallies()[i];
            weights.status[i] != Status::NoKnownRows
                && as_f64(tally.missing + tally.uncertain) > MOSTLY_MISSING * as_f64(counts.rows())
        }),
    };
    let observed = format!("{} of {} labels", labels.len(), counts.len());
    (!labels.is_empty()).then_some(Finding { kind, labels, observed })
}

/// Labels for which `is` holds.
fn labels_with(counts: &LabelCounts, is: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..counts.len()).filter(|&i| is(i)).collect()
}

/// Labels that some group is odd about.
fn in_groups(
    kind: FindingKind,
    counts: &LabelCounts,
    facts: &RowFacts,
    of: impl Fn(&GroupMeasures) -> &Vec<usize>,
) -> Option<Finding> {
    let odd: Vec<&GroupMeasures> = facts.groups.iter().filter(|group| !of(group).is_empty()).collect();
    let mut labels: Vec<usize> = odd.iter().flat_map(|group| of(group)).copied().collect();
    labels.sort_unstable();
    labels.dedup();
    let observed = format!(
        "{} of {} labels, in {} of {} groups",
        labels.len(),
        counts.len(),
        odd.len(),
        facts.groups.len()
    );
    (!labels.is_empty()).then_some(Finding { kind, labels, observed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Labels, Tally};
    use crate::weights::{Adjust, Policy, Scheme, Weighing, weigh};

    #[test]
    fn ids_are_unique_and_each_kind_has_its_row() {
        for (i, info) in FINDINGS.iter().enumerate() {
            assert_eq!(info.kind.info().id, info.id);
            assert!(FINDINGS[..i].iter().all(|other| other.id != info.id && other.severity <= info.severity));
        }
    }

    #[test]
    fn oddities_are_found_with_their_labels() {
        let sides = [(0, 1_000_000), (5, 999_995), (400_000, 600_000), (0, 0), (500, 499), (1_000_000, 0)];
        let tallies = sides.map(|(positives, negatives)| Tally {
            positives,
            negatives,
            missing: 1_000_000 - positives - negatives,
            ..Tally::default()
        });
        let counts = LabelCounts::new(1_000_000, Labels::indices(6), tallies.to_vec(), None).unwrap();
        let weighing = Weighing {
            schemes: vec![Scheme::Ratio { epsilon: 0.0 }],
            adjust: Adjust::default(),
            policy: Policy::default(),
        };
        let weights = weigh(&counts, &weighing).unwrap();
        let found = find(&counts, &weights, &RowFacts { rows_unknown: true, ..RowFacts::default() });
        let found: Vec<_> = found.iter().map(|f| (f.kind.info().id, f.labels.clone())).collect();
        let expected = [
            ("NO_KNOWN_ROWS", vec![3]),
            ("NO_POSITIVES", vec![0]),
            ("NO_NEGATIVES", vec![5]),
            ("FP16_OVERFLOW", vec![1]),
            ("RARE_LABEL", vec![1]),
            ("MOSTLY_MISSING", vec![4]),
            ("ROWS_UNKNOWN", vec![]),
        ];
        assert_eq!(found, expected);
    }
}
