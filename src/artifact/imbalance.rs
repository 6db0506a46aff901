//! `imbalance.json`: the measures of a set and of every label.

use std::io::Write;

use serde_json::json;

use super::{FORMAT_VERSION, json_array, unwritable};
use crate::counts::LabelCounts;
use crate::error::{Error, Result};
use crate::measures::{LABEL_MEASURES, Measures};
use crate::row_measures::{CLOSEST_PAIRS, PAIR_ROWS_MIN, ROW_MEASURES, RowMeasures, Spread, tcs};

/// Writes `imbalance.json`, streamed; `null` where a measure is not defined. What needs rows is there where `rows`
/// is; TCS where the number of input `features` is known too.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails.
pub fn write(
    out: &mut dyn Write,
    counts: &LabelCounts,
    measures: &Measures,
    rows: Option<&RowMeasures>,
    features: Option<u64>,
) -> Result<()> {
    let put = |out: &mut dyn Write, text: &str| out.write_all(text.as_bytes()).map_err(|c| unwritable(&c));
    put(out, &format!("{{\n\"version\":\"{FORMAT_VERSION}\""))?;
    for (name, value) in &measures.values {
        let value = number(*value)?;
        put(out, &format!(",\n\"{name}\":{value}"))?;
    }
    if let Some(rows) = rows {
        for measure in &ROW_MEASURES {
            let value = number((measure.of)(rows))?;
            put(out, &format!(",\n\"{}\":{value}", measure.name))?;
        }
        if let Some(features) = features {
            put(out, &format!(",\n\"tcs\":{}", number(tcs(rows, features, counts.len()))?))?;
        }
        put(out, ",\n\"rows_by_number_of_labels\":")?;
        json_array(out, rows.cardinalities.iter())?;
        put(out, ",\n\"top_labelsets\":")?;
        json_array(
            out,
            rows.top_labelsets.iter().map(|set| json!({ "labels": set.labels, "rows": set.rows })),
        )?;
        put(out, ",\n\"closest_pairs\":")?;
        let pairs = rows.closest_pairs(counts, PAIR_ROWS_MIN, CLOSEST_PAIRS);
        json_array(
            out,
            pairs.iter().map(|pair| {
                json!({
                    "labels": pair.labels, "together": pair.together, "known": pair.known,
                    "conditional": pair.conditional, "phi": pair.phi
                })
            }),
        )?;
    }
    put(out, ",\n\"label_names\":")?;
    json_array(out, counts.labels().iter())?;
    for (i, (name, measure)) in LABEL_MEASURES.into_iter().enumerate() {
        put(out, if i == 0 { ",\n\"per_label\":{\n" } else { ",\n" })?;
        put(out, &format!("\"{name}\":"))?;
        json_array(out, (0..counts.len()).map(|label| measures.of_label(counts, label, measure)))?;
    }
    if let Some(rows) = rows {
        let spread = &rows.scumble_of_label;
        put(out, ",\n\"scumble\":")?;
        json_array(out, spread.iter().map(Spread::mean))?;
        put(out, ",\n\"scumble_cv\":")?;
        json_array(out, spread.iter().map(Spread::variation))?;
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
