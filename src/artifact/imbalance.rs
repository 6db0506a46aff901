//! `imbalance.json`: the measures of a set and of every label.

use std::io::Write;

use super::{FORMAT_VERSION, json_array, unwritable};
use crate::counts::LabelCounts;
use crate::error::{Error, Result};
use crate::measures::{LABEL_MEASURES, Measures};

/// Writes `imbalance.json`, streamed; `null` where a measure is not defined.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails.
pub fn write(out: &mut dyn Write, counts: &LabelCounts, measures: &Measures) -> Result<()> {
    let put = |out: &mut dyn Write, text: &str| out.write_all(text.as_bytes()).map_err(|c| unwritable(&c));
    put(out, &format!("{{\n\"version\":\"{FORMAT_VERSION}\""))?;
    for (name, value) in &measures.values {
        let value = number(*value)?;
        put(out, &format!(",\n\"{name}\":{value}"))?;
    }
    put(out, ",\n\"label_names\":")?;
    json_array(out, counts.labels().iter())?;
    for (i, (name, measure)) in LABEL_MEASURES.into_iter().enumerate() {
        put(out, if i == 0 { ",\n\"per_label\":{\n" } else { ",\n" })?;
        put(out, &format!("\"{name}\":"))?;
        json_array(out, (0..counts.len()).map(|label| measures.of_label(counts, label, measure)))?;
    }
    put(out, "}}\n")
}

/// Whole numbers without a fraction, as counts are read.
fn number(value: Option<f64>) -> Result<String> {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number below 2^53")]
        Some(x) if x.fract() == 0.0 && x.abs() < 9e15 => Ok((x as i64).to_string()),
        other => serde_json::to_string(&other).map_err(|cause| Error::internal(cause.to_string())),
    }
}
