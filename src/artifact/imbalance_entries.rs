//! Records of `imbalance.json`. Their field names are what readers of the file rely on; the types of other modules
//! may be renamed without changing it.

use serde::{Deserialize, Serialize};

use crate::drift::{Drift, LabelDrift, Side};
use crate::findings::Finding;
use crate::groups::{GroupMeasures, farthest};
use crate::measures::measure;
use crate::report::{FrequencyBucket, HeadLine, Heat, Report};
use crate::row_measures::{Labelset, Pair};

/// Labels up to which groups are written label by label; that follows from the counts.
pub(super) const EACH_LABEL_MAX: usize = 100_000;
/// Labels that are named with a finding or a group.
const NAMED_MAX: usize = 10_000;

fn named(labels: &[usize]) -> &[usize] {
    &labels[..labels.len().min(NAMED_MAX)]
}

/// An element of `heads`.
#[derive(Debug, Serialize)]
pub(super) struct HeadLineEntry {
    column: String,
    start: usize,
    length: usize,
    missing: u64,
    mean_ir: Option<f64>,
    max_ir: Option<f64>,
}

impl From<HeadLine<'_>> for HeadLineEntry {
    fn from(line: HeadLine<'_>) -> Self {
        let HeadLine { column, start, length, missing, mean_ir, max_ir } = line;
        Self { column: column.to_owned(), start, length, missing, mean_ir, max_ir }
    }
}

/// An element of `top_labelsets`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LabelsetEntry {
    labels: Vec<u32>,
    rows: u64,
}

impl From<&Labelset> for LabelsetEntry {
    fn from(set: &Labelset) -> Self {
        Self { labels: set.labels.clone(), rows: set.rows }
    }
}

impl From<LabelsetEntry> for Labelset {
    fn from(entry: LabelsetEntry) -> Self {
        Self { labels: entry.labels, rows: entry.rows }
    }
}

/// An element of `closest_pairs`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PairEntry {
    labels: [usize; 2],
    together: u64,
    known: u64,
    conditional: [Option<f64>; 2],
    phi: Option<f64>,
}

impl From<&Pair> for PairEntry {
    fn from(pair: &Pair) -> Self {
        let Pair { labels, together, known, conditional, phi } = *pair;
        Self { labels, together, known, conditional, phi }
    }
}

impl From<PairEntry> for Pair {
    fn from(entry: PairEntry) -> Self {
        let PairEntry { labels, together, known, conditional, phi } = entry;
        Self { labels, together, known, conditional, phi }
    }
}

/// `cooccurrence`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CooccurrenceEntry {
    labels: Vec<usize>,
    together: Vec<Vec<u64>>,
    conditional: Vec<Vec<Option<f64>>>,
    phi: Vec<Vec<Option<f64>>>,
}

impl From<&Heat> for CooccurrenceEntry {
    fn from(heat: &Heat) -> Self {
        let Heat { labels, together, conditional, phi } = heat.clone();
        Self { labels, together, conditional, phi }
    }
}

impl From<CooccurrenceEntry> for Heat {
    fn from(entry: CooccurrenceEntry) -> Self {
        let CooccurrenceEntry { labels, together, conditional, phi } = entry;
        Self { labels, together, conditional, phi }
    }
}

/// An element of `labels_by_positives`.
#[derive(Debug, Serialize)]
pub(super) struct BucketEntry {
    from: u64,
    to: u64,
    labels: u64,
}

impl From<FrequencyBucket> for BucketEntry {
    fn from(FrequencyBucket { from, to, labels }: FrequencyBucket) -> Self {
        Self { from, to, labels }
    }
}

/// An element of `findings`.
#[derive(Debug, Serialize)]
pub(super) struct FindingEntry<'a> {
    id: &'static str,
    severity: &'static str,
    count: u64,
    unit: &'static str,
    observed: &'a str,
    cause: &'static str,
    remedy: &'static str,
    labels: &'a [usize],
}

impl<'a> From<&'a Finding> for FindingEntry<'a> {
    fn from(finding: &'a Finding) -> Self {
        let info = finding.kind.info();
        Self {
            id: info.id,
            severity: info.severity.as_str(),
            count: finding.count,
            unit: finding.kind.unit(),
            observed: &finding.observed,
            cause: info.cause,
            remedy: info.remedy,
            labels: named(&finding.labels),
        }
    }
}

/// An element of `groups`.
#[derive(Debug, Serialize)]
pub(super) struct GroupEntry<'a> {
    name: &'a str,
    rows: u64,
    ld: Option<f64>,
    lpd: Option<f64>,
    labels_absent: usize,
    absent: &'a [usize],
    labels_shifted: usize,
    shifted: &'a [usize],
    farthest: Option<usize>,
    mean_ir: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_label: Option<GroupLabelsEntry<'a>>,
}

/// `per_label` of a group.
#[derive(Debug, Serialize)]
struct GroupLabelsEntry<'a> {
    positives: Vec<u64>,
    negatives: Vec<u64>,
    weight: &'a [f64],
}

impl<'a> GroupEntry<'a> {
    /// Of the group at position `at` of `report`.
    pub(super) fn of(report: &'a Report<'_>, at: usize) -> Self {
        let (group, found): (_, &GroupMeasures) = (&report.groups[at], &report.group_measures[at]);
        let counts = group.counts;
        Self {
            name: group.name,
            rows: counts.rows(),
            ld: found.ld,
            lpd: found.lpd,
            labels_absent: found.absent.len(),
            absent: named(&found.absent),
            labels_shifted: found.shifted.len(),
            shifted: named(&found.shifted),
            farthest: farthest(report.counts, counts),
            mean_ir: measure(counts, report.measures.compat).get("mean_ir"),
            per_label: (counts.len() <= EACH_LABEL_MAX).then(|| GroupLabelsEntry {
                positives: counts.tallies().iter().map(|tally| tally.positives).collect(),
                negatives: counts.tallies().iter().map(|tally| tally.negatives).collect(),
                weight: &group.weights.primary().values,
            }),
        }
    }
}

/// `weights`: which vector `per_label.weight` is.
#[derive(Debug, Serialize)]
pub(super) struct WeightsEntry {
    pub(super) scheme: String,
    pub(super) kind: String,
    pub(super) batch_size: u64,
    pub(super) level: f64,
    pub(super) prior: &'static str,
}

/// `drift`, and what `diff --format json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct DriftEntry<'a> {
    rows: [u64; 2],
    weights: [&'a str; 2],
    added: usize,
    removed: usize,
    moved: usize,
    jensen_shannon: Option<f64>,
    labels: Vec<DriftLabelEntry<'a>>,
    /// How the results were made differently.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    differences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<&'a str>,
}

/// One label; `change` is null for a label that is new or gone.
#[derive(Debug, Serialize)]
struct DriftLabelEntry<'a> {
    label: &'a str,
    before: Option<DriftSideEntry>,
    after: Option<DriftSideEntry>,
    change: Option<f64>,
}

/// What one of the two results has of a label.
#[derive(Debug, Serialize)]
struct DriftSideEntry {
    label_index: usize,
    positives: u64,
    negatives: u64,
    missing: u64,
    prevalence: Option<f64>,
    weight: f64,
}

impl DriftSideEntry {
    fn of(side: Side<'_>, label: usize) -> Self {
        let tally = side.counts.tallies()[label];
        Self {
            label_index: label,
            positives: tally.positives,
            negatives: tally.negatives,
            missing: tally.missing,
            prevalence: side.prevalence(label),
            weight: side.weights.primary().values[label],
        }
    }
}

impl<'a> DriftEntry<'a> {
    /// The `top` labels that changed most; `against` names the earlier result.
    #[must_use]
    pub(crate) fn of(drift: &'a Drift<'_>, top: usize, against: Option<&'a str>) -> Self {
        let label = |label: &LabelDrift| DriftLabelEntry {
            label: drift.name(label),
            before: label.before.map(|i| DriftSideEntry::of(drift.before, i)),
            after: label.after.map(|i| DriftSideEntry::of(drift.after, i)),
            change: label.change.is_finite().then_some(label.change),
        };
        Self {
            rows: [drift.before.counts.rows(), drift.after.counts.rows()],
            weights: [&drift.before.weights.primary().name, &drift.after.weights.primary().name],
            added: drift.added,
            removed: drift.removed,
            moved: drift.moved,
            jensen_shannon: drift.jensen_shannon,
            labels: drift.labels.iter().take(top).map(label).collect(),
            differences: &drift.differences,
            against,
        }
    }
}
