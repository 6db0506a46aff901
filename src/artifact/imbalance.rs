//! `imbalance.json`: everything a report tells, for machines.

use std::io::Write;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{FORMAT_VERSION, json_array, unwritable};
use crate::consequences::FACTS;
use crate::error::{Error, Result};
use crate::findings::Finding;
use crate::groups::{farthest, mean};
use crate::measures::{LABEL_MEASURES, MEASURES, measure};
use crate::posterior::{LEVEL, PRIOR};
use crate::report::{LD, LPD, Report, TCS, drift};
use crate::row_measures::ROW_MEASURES;

/// Labels up to which what weights do is told of each, and groups label by label; it follows from the counts.
const EACH_LABEL_MAX: usize = 100_000;
/// Labels that are named with a finding or a group.
const NAMED_MAX: usize = 10_000;
/// Labels whose drift is told, those that changed most.
const DRIFT_MAX: usize = 1000;

/// Keys beside measures, and what they hold.
pub const KEYS: [(&str, &str); 17] = [
    ("version", "of this format"),
    ("source", "where the counts come from"),
    ("compat", "how labels without positives are read: mulan or mldr"),
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
    ("labels_by_positives", "labels with 0, 1 … 10, 11 … 100, … positives"),
    ("findings", "everything odd, the gravest first"),
    ("groups", "groups of --by against all rows; everything of each is in by/"),
    ("drift", "against the result of --against: the labels that changed most"),
    ("weights", "of what per_label.weight and what follows from it are: scheme, batch_size, level and prior"),
    ("label_names", "in label order"),
    ("per_label", "one list per measure, in label order"),
];
/// Keys of `per_label` beside measures and facts.
pub const LABEL_KEYS: [(&str, &str); 4] = [
    ("weight", "of the primary scheme"),
    ("fp16_overflow", "half precision holds no such weight"),
    ("scumble", "SCUMBLE over the rows that have the label (mldr)"),
    ("scumble_cv", "standard deviation (n - 1) / mean of that (mldr)"),
];

/// What stands beside the measures of a set, with `per_label.` before what is a list of labels.
pub fn keys() -> impl Iterator<Item = (String, &'static str)> {
    let of_labels = LABEL_MEASURES.iter().map(|(name, about, _)| (*name, *about));
    let facts = FACTS.iter().map(|fact| (fact.name, fact.formula));
    let of_labels = of_labels.chain(facts).chain(LABEL_KEYS);
    let of_labels = of_labels.map(|(name, about)| (format!("per_label.{name}"), about));
    KEYS.into_iter().map(|(name, about)| (name.to_owned(), about)).chain(of_labels)
}

/// The JSON Schema of the file.
#[must_use]
pub fn schema() -> Json {
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
                "version" | "source" | "compat" => json!({ "type": "string" }),
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

/// Writes `imbalance.json`, streamed; `null` where a measure is not defined. What needs rows is there where rows
/// were measured.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails.
pub fn write(out: &mut dyn Write, report: &Report<'_>) -> Result<()> {
    let mut file = Keys { out, before: "{\n" };
    file.put("version", &FORMAT_VERSION)?;
    file.put("source", &report.source)?;
    file.put("compat", &report.measures.compat.to_string())?;
    for (name, value) in &report.measures.values {
        file.put(name, &number(*value))?;
    }
    if let Some(rows) = report.rows {
        for (measure, value) in ROW_MEASURES.iter().zip(&rows.values) {
            file.put(measure.name, &number(*value))?;
        }
        if report.features.is_some() {
            file.put("tcs", &report.tcs())?;
        }
        file.put("rows_by_number_of_labels", &rows.cardinalities)?;
        file.put("top_labelsets", &rows.top_labelsets)?;
        file.put("closest_pairs", &rows.closest_pairs)?;
        file.put("cooccurrence", &rows.cooccurrence)?;
    }
    file.put("labels_by_positives", &report.buckets())?;
    file.list("findings", report.findings.iter().map(finding))?;
    if !report.groups.is_empty() {
        file.put("ld", &mean(report.group_measures, |group| group.ld))?;
        file.put("lpd", &mean(report.group_measures, |group| group.lpd))?;
        file.list("groups", (0..report.groups.len()).map(|at| group(report, at)))?;
    }
    if let Some((against, found)) = report.drift {
        let mut found = drift::json(found, DRIFT_MAX);
        found["against"] = against.into();
        file.put("drift", &found)?;
    }
    let vector = report.weights.primary();
    file.put(
        "weights",
        &json!({
            "scheme": vector.scheme.to_string(), "kind": vector.kind.to_string(),
            "batch_size": report.consequences.batch_size, "level": LEVEL, "prior": PRIOR,
        }),
    )?;
    file.list("label_names", report.counts.labels().iter())?;
    file.key("per_label")?;
    let mut labels = Keys { out: file.out, before: "{\n" };
    for (name, measure) in report.measures.label_measures() {
        let each = (0..report.counts.len()).map(|i| report.measures.of_label(report.counts, i, measure));
        labels.list(name, each)?;
    }
    labels.list("weight", vector.values.iter())?;
    if report.counts.len() <= EACH_LABEL_MAX {
        let all = report.consequences.all();
        for fact in &FACTS {
            labels.list(fact.name, all.iter().map(fact.of))?;
        }
        labels.list("fp16_overflow", all.iter().map(|one| one.fp16_overflow))?;
    }
    if let Some(rows) = report.rows {
        labels.put("scumble", &rows.scumble)?;
        labels.put("scumble_cv", &rows.scumble_cv)?;
    }
    labels.text("}}\n")
}

fn finding(finding: &Finding) -> Json {
    let info = finding.kind.info();
    let named = &finding.labels[..finding.labels.len().min(NAMED_MAX)];
    json!({
        "id": info.id, "severity": info.severity.as_str(), "observed": finding.observed,
        "cause": info.cause, "remedy": info.remedy, "labels": named,
    })
}

fn group(report: &Report<'_>, at: usize) -> Json {
    let (group, found) = (&report.groups[at], &report.group_measures[at]);
    let counts = group.counts;
    let named = |labels: &[usize]| labels[..labels.len().min(NAMED_MAX)].to_vec();
    let mut json = json!({
        "name": group.name, "rows": counts.rows(), "ld": found.ld, "lpd": found.lpd,
        "labels_absent": found.absent.len(), "absent": named(&found.absent),
        "labels_shifted": found.shifted.len(), "shifted": named(&found.shifted),
        "farthest": farthest(report.counts, counts),
        "mean_ir": measure(counts, report.measures.compat).get("mean_ir"),
    });
    if counts.len() <= EACH_LABEL_MAX {
        json["per_label"] = json!({
            "positives": counts.tallies().iter().map(|tally| tally.positives).collect::<Vec<_>>(),
            "negatives": counts.tallies().iter().map(|tally| tally.negatives).collect::<Vec<_>>(),
            "weight": group.weights.primary().values,
        });
    }
    json
}

/// Whole numbers without a fraction, as counts are read.
fn number(value: Option<f64>) -> Json {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number below 2^53")]
        Some(x) if x.fract() == 0.0 && x.abs() < 9e15 => (x as i64).into(),
        other => other.into(),
    }
}

/// An object written key by key, one a line.
struct Keys<'a> {
    out: &'a mut dyn Write,
    before: &'static str,
}

impl Keys<'_> {
    fn text(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes()).map_err(|cause| unwritable(&cause))
    }

    fn key(&mut self, key: &str) -> Result<()> {
        let before = std::mem::replace(&mut self.before, ",\n");
        self.text(&format!("{before}\"{key}\":"))
    }

    fn put(&mut self, key: &str, value: &impl Serialize) -> Result<()> {
        self.key(key)?;
        let text = serde_json::to_string(value).map_err(|cause| Error::internal(cause.to_string()))?;
        self.text(&text)
    }

    fn list<T: Serialize>(&mut self, key: &str, items: impl Iterator<Item = T>) -> Result<()> {
        self.key(key)?;
        json_array(self.out, items)
    }
}
