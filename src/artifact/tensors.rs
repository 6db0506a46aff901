//! `pos_weight.safetensors` and `pos_weight.npy`: what a training loop loads.

use std::collections::BTreeMap;
use std::io::Write;

use npyz::WriterBuilder;
use serde_json::json;

use super::counts::CountsFile;
use super::{FORMAT_VERSION, unwritable};
use crate::error::{Error, Result};
use crate::weights::Weights;

/// Most bytes of label names put into the header, which readers limit to 100 MB.
const HEADER_LABEL_BYTES_MAX: usize = 50 << 20;

/// Writes the vectors as f32 tensors of shape `[C]` (`pos_weight`, one per further scheme, `prior_bias`)
/// and the counts as i64 (`positives`, `negatives`); label order, scheme and fingerprint are in
/// `__metadata__`. The bytes depend on nothing but the values.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails.
pub fn write_safetensors(out: &mut dyn Write, file: &CountsFile, weights: &Weights) -> Result<()> {
    let n = file.counts.len();
    let mut tensors: Vec<(String, &'static str, Vec<u8>)> = Vec::new();
    for (i, vector) in weights.vectors.iter().enumerate() {
        let name = if i == 0 { "pos_weight".to_owned() } else { vector.name.clone() };
        tensors.push((name, "F32", narrow(&vector.values)));
    }
    tensors.push(("prior_bias".to_owned(), "F32", narrow(&weights.prior_bias)));
    let counts = |of: fn(&crate::counts::Tally) -> u64| -> Vec<u8> {
        file.counts.tallies().iter().flat_map(|t| of(t).cast_signed().to_le_bytes()).collect()
    };
    tensors.push(("positives".to_owned(), "I64", counts(|t| t.positives)));
    tensors.push(("negatives".to_owned(), "I64", counts(|t| t.negatives)));
    // Eight-byte tensors first keeps every tensor aligned; names decide among equals.
    tensors.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(&b.0)));
    let mut metadata = BTreeMap::from([
        ("fingerprint", file.fingerprint.clone()),
        ("posweight_version", FORMAT_VERSION.to_owned()),
        ("scheme", weights.primary().scheme.to_string()),
    ]);
    let labels: Vec<&str> = file.counts.labels().iter().collect();
    let labels = serde_json::to_string(&labels).map_err(|cause| Error::internal(cause.to_string()))?;
    if labels.len() <= HEADER_LABEL_BYTES_MAX {
        metadata.insert("labels", labels);
    } else {
        metadata.insert("labels_file", "weights.parquet".to_owned());
    }
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_owned(), json!(metadata));
    let mut offset = 0;
    for (name, dtype, bytes) in &tensors {
        let end = offset + bytes.len();
        header.insert(name.clone(), json!({"dtype": dtype, "shape": [n], "data_offsets": [offset, end]}));
        offset = end;
    }
    let mut header = serde_json::to_vec(&header).map_err(|cause| Error::internal(cause.to_string()))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(|cause| unwritable(&cause));
    put(&(header.len() as u64).to_le_bytes())?;
    put(&header)?;
    tensors.iter().try_for_each(|(_, _, bytes)| put(bytes))
}

/// Writes the primary vector as a one-dimensional f32 array.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails.
pub fn write_npy(out: &mut dyn Write, weights: &Weights) -> Result<()> {
    let values = &weights.primary().values;
    let write = || -> std::io::Result<()> {
        let options = npyz::WriteOptions::new().default_dtype().shape(&[values.len() as u64]).writer(out);
        let mut writer = options.begin_nd()?;
        writer.extend(values.iter().map(|&w| to_f32(w)))?;
        writer.finish()
    };
    write().map_err(|cause| unwritable(&cause))
}

fn narrow(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|&w| to_f32(w).to_le_bytes()).collect()
}

/// Rounded once, to the nearest.
fn to_f32(value: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "weights are checked to be finite as f32")]
    let narrow = value as f32;
    narrow
}
