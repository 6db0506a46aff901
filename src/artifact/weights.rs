//! `weights.parquet` and `weights.json`: counts and weights side by side.

use std::io::Write;

use serde_json::{Value as Json, json};

use super::counts::{CountsFile, metadata};
use super::files::FORMAT_VERSION;
use super::json::JsonObject;
use super::table;
use crate::counts::CountUnit;
use crate::error::{Error, Result};
use crate::weights::Weights;

/// Where the JSON Schema of `weights.json` is described.
const SCHEMA: &str = "https://json-schema.org/draft/2020-12/schema";

/// Writes `weights.parquet`: the counts, one column per vector, and the status; encoded by `threads` threads.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails.
pub(crate) fn write_parquet(
    out: impl Write + Send,
    file: &CountsFile,
    weights: &Weights,
    threads: usize,
) -> Result<()> {
    let mut metadata = metadata(file)?;
    metadata.push(("posweight.pos_weight", weights.primary().name.clone()));
    table::write(out, &file.counts, Some(weights), file.grouped.as_ref(), &metadata, threads)
}

/// Writes `weights.json`, streamed. `failed_checks` did not pass, and `spec` is what the run was asked for.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails; [`Error::Internal`] for a number that
/// is not finite, which JSON cannot hold.
pub(crate) fn write_json(
    out: &mut dyn Write,
    file: &CountsFile,
    weights: &Weights,
    failed_checks: &[String],
    spec: &Json,
) -> Result<()> {
    let counts = &file.counts;
    let tallies = counts.tallies();
    let mut object = JsonObject::new(out);
    object.value("$schema", &SCHEMA)?;
    object.value("version", &FORMAT_VERSION)?;
    if file.unit != CountUnit::default() {
        object.value("unit", &file.unit.as_str())?;
    }
    if !failed_checks.is_empty() {
        object.value("failed_checks", &failed_checks)?;
    }
    object.value("rows", &counts.rows())?;
    object.array("labels", counts.labels().iter())?;
    if !counts.heads().is_empty() {
        let heads = counts
            .heads()
            .iter()
            .map(|head| json!({ "column": head.column, "start": head.start, "length": head.length }));
        object.array("heads", heads)?;
    }
    object.array("positives", tallies.iter().map(|t| t.positives))?;
    object.array("negatives", tallies.iter().map(|t| t.negatives))?;
    object.array("uncertain", tallies.iter().map(|t| t.uncertain))?;
    object.array("missing", tallies.iter().map(|t| t.missing))?;
    if let Some(grouped) = &file.grouped {
        object.value("groups", &json!({ "column": grouped.column, "count": grouped.groups }))?;
        object.array("positives_groups", grouped.positives.iter())?;
    }
    if let Some(masses) = counts.masses() {
        object.array("positives_mass", masses.iter().map(|m| m.positives.to_f64()))?;
        object.array("negatives_mass", masses.iter().map(|m| m.negatives.to_f64()))?;
    }
    finite(&mut object, "pos_weight", &weights.primary().values)?;
    let mut vectors = object.object("weights")?;
    for vector in &weights.vectors {
        finite(&mut vectors, &vector.name, &vector.values)?;
    }
    vectors.text("}")?;
    object.array("status", weights.status.iter().map(|status| status.as_str()))?;
    if !weights.global_pos_weight.is_finite() {
        return Err(Error::internal(format!("global_pos_weight is {}", weights.global_pos_weight)));
    }
    object.value("global_pos_weight", &weights.global_pos_weight)?;
    object.value("spec", spec)?;
    object.value("fingerprint", &file.fingerprint)?;
    object.text("}\n")
}

/// Adds `numbers`, all of which must be finite.
fn finite(object: &mut JsonObject<'_>, key: &str, numbers: &[f64]) -> Result<()> {
    if let Some(wrong) = numbers.iter().find(|x| !x.is_finite()) {
        return Err(Error::internal(format!("{key} holds {wrong}")));
    }
    object.array(key, numbers.iter())
}
