//! `imbalance.json`: everything in a report, for machines.

use std::io::Write;

use serde_json::{Value as Json, json};

use super::files::FORMAT_VERSION;
use super::imbalance_entries::{
    BucketEntry, CooccurrenceEntry, DriftEntry, EACH_LABEL_MAX, FindingEntry, GroupEntry, HeadLineEntry,
    LabelsetEntry, PairEntry, WeightsEntry,
};
use super::json::JsonObject;
use crate::consequences::FACTS;
use crate::counts::CountUnit;
use crate::error::Result;
use crate::groups::mean;
use crate::measures::{LABEL_MEASURES, MEASURES};
use crate::posterior::{LEVEL, PRIOR};
use crate::report::{LD, LPD, Report, TCS};
use crate::row_measures::ROW_MEASURES;

/// Labels in `drift`, those that changed most.
const DRIFT_MAX: usize = 1000;

/// Keys beside measures, and what they hold.
pub(crate) const KEYS: [(&str, &str); 21] = [
    ("version", "of this format"),
    ("source", "where the counts come from"),
    ("unit", "element where elements of lists are counted; rows are then elements"),
    ("compat", "how labels without positives are read: mulan or mldr"),
    ("failed_checks", "checks of severity error that failed, if the result is published in spite of them"),
    ("warned_checks", "checks of severity warn that failed"),
    ("tcs", TCS),
    ("ld", LD),
    ("lpd", LPD),
    ("rows_by_number_of_labels", "rows that have 0, 1, 2, … labels"),
    ("top_labelsets", "the most frequent sets of labels, as label indices"),
    (
        "closest_pairs",
        "pairs of labels by phi: rows together and known, the part of the one that has the other, phi",
    ),
    (
        "cooccurrence",
        "all pairs of the labels that matter most, row by row; all labels are in cooccurrence.npy",
    ),
    ("labels_by_positives", "labels with 0, 1 … 10, 11 … 100, … positive rows"),
    ("heads", "of several class columns: column, positions of its labels, missing rows, imbalance by itself"),
    ("findings", "all findings, the most severe first"),
    ("groups", "groups of --by against all rows; everything of each is in by/"),
    ("drift", "against the result of --against: the labels that changed most"),
    ("weights", "of what per_label.weight and what follows from it are: scheme, batch_size, level and prior"),
    ("label_names", "in label order"),
    ("per_label", "one list per measure, in label order"),
];
/// Keys of `per_label` beside measures and facts.
pub(crate) const LABEL_KEYS: [(&str, &str); 4] = [
    ("weight", "of the primary scheme"),
    ("fp16_overflow", "half precision holds no such weight"),
    ("scumble", "SCUMBLE over the rows that have the label (mldr)"),
    ("scumble_cv", "standard deviation (n - 1) / mean of that (mldr)"),
];

/// The keys beside measures, those of lists by label with `per_label.` in front.
pub(crate) fn keys() -> impl Iterator<Item = (String, &'static str)> {
    let of_labels = LABEL_MEASURES.iter().map(|(name, about, _)| (*name, *about));
    let facts = FACTS.iter().map(|fact| (fact.name, fact.formula));
    let of_labels = of_labels.chain(facts).chain(LABEL_KEYS);
    let of_labels = of_labels.map(|(name, about)| (format!("per_label.{name}"), about));
    KEYS.into_iter().map(|(name, about)| (name.to_owned(), about)).chain(of_labels)
}

/// The JSON Schema of the file.
#[must_use]
pub(crate) fn schema() -> Json {
    let of_set = MEASURES.iter().map(|measure| (measure.name, measure.formula));
    let of_rows = ROW_MEASURES.iter().map(|measure| (measure.name, measure.formula));
    let number = json!({ "type": ["number", "null"] });
    let mut properties = serde_json::Map::new();
    for (name, about) in of_set.chain(of_rows) {
        properties.insert(name.to_owned(), described(number.clone(), about));
    }
    let mut of_labels = serde_json::Map::new();
    for (name, about) in keys() {
        if let Some(name) = name.strip_prefix("per_label.") {
            let kind = if name == "fp16_overflow" { json!({ "type": "boolean" }) } else { number.clone() };
            of_labels.insert(name.to_owned(), described(json!({ "type": "array", "items": kind }), about));
        } else {
            let kind = match name.as_str() {
                "version" | "source" | "unit" | "compat" => json!({ "type": "string" }),
                "tcs" | "ld" | "lpd" => number.clone(),
                "drift" | "weights" | "per_label" => json!({ "type": "object" }),
                "cooccurrence" => json!({ "type": ["object", "null"] }),
                _ => json!({ "type": "array" }),
            };
            properties.insert(name, described(kind, about));
        }
    }
    properties["per_label"]["properties"] = of_labels.into();
    let required: Vec<&str> =
        MEASURES.iter().map(|measure| measure.name).chain(["version", "per_label"]).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "posweight imbalance.json",
        "type": "object", "additionalProperties": false, "required": required, "properties": properties,
    })
}

fn described(mut kind: Json, about: &str) -> Json {
    kind["description"] = about.into();
    kind
}

/// Writes `imbalance.json`, streamed; `null` where a measure is not defined. What needs rows is written only if rows
/// were measured.
///
/// # Errors
/// [`crate::error::Error::Output`] or [`crate::error::Error::Resource`] when writing fails.
pub(crate) fn write(out: &mut dyn Write, report: &Report<'_>) -> Result<()> {
    let mut file = JsonObject::new(out);
    file.value("version", &FORMAT_VERSION)?;
    file.value("source", &report.source)?;
    if report.unit != CountUnit::default() {
        file.value("unit", &report.unit.as_str())?;
    }
    file.value("compat", &report.measures.compat.to_string())?;
    if !report.failed_checks.is_empty() {
        file.value("failed_checks", &report.failed_checks)?;
    }
    if !report.warned_checks.is_empty() {
        file.value("warned_checks", &report.warned_checks)?;
    }
    for (name, value) in &report.measures.values {
        file.value(name, &number(*value))?;
    }
    row_measures(&mut file, report)?;
    file.array("labels_by_positives", report.buckets().into_iter().map(BucketEntry::from))?;
    if !report.counts.heads().is_empty() {
        file.array("heads", report.heads().into_iter().map(HeadLineEntry::from))?;
    }
    file.array("findings", report.findings.iter().map(FindingEntry::from))?;
    if !report.groups.is_empty() {
        file.value("ld", &mean(report.group_measures, |group| group.ld))?;
        file.value("lpd", &mean(report.group_measures, |group| group.lpd))?;
        file.array("groups", (0..report.groups.len()).map(|at| GroupEntry::of(report, at)))?;
    }
    if let Some((against, found)) = report.drift {
        file.value("drift", &DriftEntry::of(found, DRIFT_MAX, Some(against)))?;
    }
    let vector = report.weights.primary();
    let weights = WeightsEntry {
        scheme: vector.scheme.to_string(),
        kind: vector.kind.to_string(),
        batch_size: report.consequences.batch_size,
        level: LEVEL,
        prior: PRIOR,
    };
    file.value("weights", &weights)?;
    file.array("label_names", report.counts.labels().iter())?;
    let mut labels = file.object("per_label")?;
    for (name, measure) in report.measures.label_measures() {
        let each = (0..report.counts.len()).map(|i| report.measures.of_label(report.counts, i, measure));
        labels.array(name, each)?;
    }
    labels.array("weight", vector.values.iter())?;
    if report.counts.len() <= EACH_LABEL_MAX {
        let all = report.consequences.all();
        for fact in &FACTS {
            labels.array(fact.name, all.iter().map(fact.of))?;
        }
        labels.array("fp16_overflow", all.iter().map(|one| one.fp16_overflow))?;
    }
    if let Some(rows) = report.rows {
        labels.value("scumble", &rows.scumble)?;
        labels.value("scumble_cv", &rows.scumble_cv)?;
    }
    labels.text("}}\n")
}

/// The keys that need rows.
fn row_measures(file: &mut JsonObject<'_>, report: &Report<'_>) -> Result<()> {
    let Some(rows) = report.rows else { return Ok(()) };
    for (measure, value) in ROW_MEASURES.iter().zip(&rows.values) {
        file.value(measure.name, &number(*value))?;
    }
    if report.features.is_some() {
        file.value("tcs", &report.tcs())?;
    }
    file.value("rows_by_number_of_labels", &rows.cardinalities)?;
    file.array("top_labelsets", rows.top_labelsets.iter().map(LabelsetEntry::from))?;
    file.array("closest_pairs", rows.closest_pairs.iter().map(PairEntry::from))?;
    file.value("cooccurrence", &rows.cooccurrence.as_ref().map(CooccurrenceEntry::from))
}

/// Whole numbers without a fraction, as counts are read.
fn number(value: Option<f64>) -> Json {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number below 2^53")]
        Some(x) if x.fract() == 0.0 && x.abs() < 9e15 => (x as i64).into(),
        other => other.into(),
    }
}
