//! `weights.parquet` and `weights.json`: counts and weights side by side.

use std::io::Write;

use serde_json::Value as Json;

use super::counts::CountsFile;
use super::{FORMAT_VERSION, json_array, table, unwritable};
use crate::error::{Error, Result};
use crate::weights::Weights;

/// Where the JSON Schema of `weights.json` is described.
const SCHEMA: &str = "https://json-schema.org/draft/2020-12/schema";

/// Writes `weights.parquet`: the counts, one column per vector, and the status; encoded by `threads` threads.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails.
pub fn write_parquet(
    out: impl Write + Send,
    file: &CountsFile,
    weights: &Weights,
    threads: usize,
) -> Result<()> {
    let metadata = [
        ("posweight.version", FORMAT_VERSION.to_owned()),
        ("posweight.rows", file.counts.rows().to_string()),
        ("posweight.layout", file.layout.clone()),
        ("posweight.fingerprint", file.fingerprint.clone()),
        ("posweight.pos_weight", weights.primary().name.clone()),
    ];
    table::write(out, &file.counts, Some(weights), &metadata, threads)
}

/// Writes `weights.json`, streamed. `spec` is what the run was asked for.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails; [`Error::Internal`] for a number that
/// is not finite, which JSON cannot hold.
pub fn write_json(out: &mut dyn Write, file: &CountsFile, weights: &Weights, spec: &Json) -> Result<()> {
    let counts = &file.counts;
    let tallies = counts.tallies();
    let mut object = Object { out, first: true };
    object.value("$schema", &SCHEMA)?;
    object.value("version", &FORMAT_VERSION)?;
    object.value("rows", &counts.rows())?;
    object.array("labels", counts.labels().iter())?;
    object.array("positives", tallies.iter().map(|t| t.positives))?;
    object.array("negatives", tallies.iter().map(|t| t.negatives))?;
    object.array("uncertain", tallies.iter().map(|t| t.uncertain))?;
    object.array("missing", tallies.iter().map(|t| t.missing))?;
    if let Some(masses) = counts.masses() {
        object.array("positives_mass", masses.iter().map(|m| m.positives.to_f64()))?;
        object.array("negatives_mass", masses.iter().map(|m| m.negatives.to_f64()))?;
    }
    object.numbers("pos_weight", &weights.primary().values)?;
    object.key("weights")?;
    let mut inner = Object { out: object.out, first: true };
    for vector in &weights.vectors {
        inner.numbers(&vector.name, &vector.values)?;
    }
    put(object.out, "}")?;
    object.array("status", weights.status.iter().map(|status| status.as_str()))?;
    object.numbers_one("global_pos_weight", weights.global_pos_weight)?;
    object.value("spec", spec)?;
    object.value("fingerprint", &file.fingerprint)?;
    put(object.out, "}\n")
}

pub(super) fn put(out: &mut dyn Write, text: &str) -> Result<()> {
    out.write_all(text.as_bytes()).map_err(|cause| unwritable(&cause))
}

/// A JSON object written key by key, one key a line.
pub(super) struct Object<'a> {
    pub(super) out: &'a mut dyn Write,
    pub(super) first: bool,
}

impl Object<'_> {
    pub(super) fn key(&mut self, key: &str) -> Result<()> {
        let before = if self.first { "{\n" } else { ",\n" };
        self.first = false;
        let key = serde_json::to_string(key).map_err(|cause| Error::internal(cause.to_string()))?;
        put(self.out, &format!("{before}{key}:"))
    }

    pub(super) fn value(&mut self, key: &str, value: &impl serde::Serialize) -> Result<()> {
        self.key(key)?;
        put(self.out, &serde_json::to_string(value).map_err(|cause| Error::internal(cause.to_string()))?)
    }

    pub(super) fn array<T: serde::Serialize>(
        &mut self,
        key: &str,
        items: impl Iterator<Item = T>,
    ) -> Result<()> {
        self.key(key)?;
        json_array(self.out, items)
    }

    fn numbers(&mut self, key: &str, numbers: &[f64]) -> Result<()> {
        if let Some(wrong) = numbers.iter().find(|x| !x.is_finite()) {
            return Err(Error::internal(format!("{key} holds {wrong}")));
        }
        self.array(key, numbers.iter())
    }

    fn numbers_one(&mut self, key: &str, number: f64) -> Result<()> {
        if !number.is_finite() {
            return Err(Error::internal(format!("{key} is {number}")));
        }
        self.value(key, &number)
    }
}
