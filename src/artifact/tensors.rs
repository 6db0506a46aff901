//! `pos_weight.safetensors` and `pos_weight.npy`: what a training loop loads.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Write};
use std::path::Path;

use npyz::WriterBuilder;
use serde_json::json;

use super::counts::CountsFile;
use super::files::{FORMAT_VERSION, unwritable};
use crate::cooccurrence::Together;
use crate::counts::Tally;
use crate::error::{Error, Result};
use crate::weights::Weights;

/// Most bytes of label names put into the header: readers parse it whole, and limit it to 100 MB.
const HEADER_LABEL_BYTES_MAX: usize = 8 << 20;

/// Writes the vectors as f32 tensors of shape `[C]` (`pos_weight`, one per further scheme, `prior_bias`)
/// and the counts as i64 (`positives`, `negatives`), and of several heads `pos_weight.<column>` each; label order, scheme and fingerprint are in
/// `__metadata__`. The bytes depend on nothing but the values.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails.
pub(crate) fn write_safetensors(out: &mut dyn Write, file: &CountsFile, weights: &Weights) -> Result<()> {
    let n = file.counts.len();
    let mut tensors: Vec<(String, Tensor<'_>)> = Vec::new();
    for (i, vector) in weights.vectors.iter().enumerate() {
        let name = if i == 0 { "pos_weight".to_owned() } else { vector.name.clone() };
        tensors.push((name, Tensor::F32(&vector.values)));
    }
    for head in file.counts.heads() {
        let values = &weights.primary().values[head.range()];
        tensors.push((format!("pos_weight.{}", head.column), Tensor::F32(values)));
    }
    tensors.push(("prior_bias".to_owned(), Tensor::PriorBias));
    tensors.push(("positives".to_owned(), Tensor::I64(|tally| tally.positives)));
    tensors.push(("negatives".to_owned(), Tensor::I64(|tally| tally.negatives)));
    // Eight-byte tensors first keeps every tensor aligned; names decide among equals.
    tensors.sort_by(|a, b| b.1.width().cmp(&a.1.width()).then_with(|| a.0.cmp(&b.0)));
    let mut metadata = BTreeMap::from([
        ("fingerprint", file.fingerprint.clone()),
        ("posweight_version", FORMAT_VERSION.to_owned()),
        ("scheme", weights.primary().scheme.to_string()),
    ]);
    if file.counts.labels().iter().map(|name| name.len() + 3).sum::<usize>() <= HEADER_LABEL_BYTES_MAX {
        let labels: Vec<&str> = file.counts.labels().iter().collect();
        let labels = serde_json::to_string(&labels).map_err(|cause| Error::internal(cause.to_string()))?;
        metadata.insert("labels", labels);
    } else {
        metadata.insert("labels_file", "weights.parquet".to_owned());
    }
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_owned(), json!(metadata));
    let mut offset = 0;
    for (name, tensor) in &tensors {
        let length = tensor.length(n);
        let end = offset + length * tensor.width();
        let dtype = tensor.dtype();
        header
            .insert(name.clone(), json!({"dtype": dtype, "shape": [length], "data_offsets": [offset, end]}));
        offset = end;
    }
    let mut header = serde_json::to_vec(&header).map_err(|cause| Error::internal(cause.to_string()))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(|cause| unwritable(&cause));
    put(&(header.len() as u64).to_le_bytes())?;
    put(&header)?;
    for (_, tensor) in &tensors {
        match tensor {
            Tensor::F32(values) => values.iter().try_for_each(|&w| put(&to_f32(w).to_le_bytes()))?,
            Tensor::PriorBias => (0..n)
                .try_for_each(|label| put(&to_f32(weights.prior_bias(&file.counts, label)).to_le_bytes()))?,
            Tensor::I64(of) => {
                file.counts.tallies().iter().try_for_each(|t| put(&of(t).cast_signed().to_le_bytes()))?;
            }
        }
    }
    Ok(())
}

/// Where the numbers of a tensor come from.
enum Tensor<'a> {
    F32(&'a [f64]),
    /// The initial bias, as 32-bit floats.
    PriorBias,
    I64(fn(&Tally) -> u64),
}

impl Tensor<'_> {
    fn dtype(&self) -> &'static str {
        match self {
            Self::F32(_) | Self::PriorBias => "F32",
            Self::I64(_) => "I64",
        }
    }

    /// Its length, of `labels` labels.
    fn length(&self, labels: usize) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::PriorBias | Self::I64(_) => labels,
        }
    }

    /// Bytes per number.
    fn width(&self) -> usize {
        match self {
            Self::F32(_) | Self::PriorBias => 4,
            Self::I64(_) => 8,
        }
    }
}

/// Writes the primary vector as a one-dimensional f32 array.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails.
pub(crate) fn write_npy(out: &mut dyn Write, weights: &Weights) -> Result<()> {
    let values = &weights.primary().values;
    let write = || -> std::io::Result<()> {
        let options = npyz::WriteOptions::new().default_dtype().shape(&[values.len() as u64]).writer(out);
        let mut writer = options.begin_nd()?;
        writer.extend(values.iter().map(|&w| to_f32(w)))?;
        writer.finish()
    };
    write().map_err(|cause| unwritable(&cause))
}

/// Writes how many rows have both of two labels, as an i64 array of shape [C, C] whose diagonal is the positives.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails.
pub(crate) fn write_together(out: &mut dyn Write, together: &Together, labels: usize) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let shape = [labels as u64, labels as u64];
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(out).begin_nd()?;
        writer.extend(together.counts().iter().map(|&rows| rows.cast_signed()))?;
        writer.finish()
    };
    write().map_err(|cause| unwritable(&cause))
}

/// Reads back what [`write_together`] wrote; `None` where there is no file.
///
/// # Errors
/// [`Error::Input`] for a file that is not of `labels` labels.
pub(crate) fn read_together(path: &Path, labels: usize) -> Result<Option<Together>> {
    let file = match File::open(path) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|cause| Error::reading(path, &cause))?,
    };
    let damaged = |what: String| {
        Error::input(what).at(path.display()).hint("compute the result again, or delete this file of it")
    };
    let file = npyz::NpyFile::new(BufReader::new(file)).map_err(|cause| damaged(cause.to_string()))?;
    if file.shape() != [labels as u64; 2] {
        return Err(damaged(format!("the shape is {:?}, but there are {labels} labels", file.shape())));
    }
    let counts = file.into_vec::<i64>().map_err(|cause| damaged(cause.to_string()))?;
    let counts = counts.into_iter().map(u64::try_from).collect::<std::result::Result<Vec<_>, _>>();
    let counts = counts.map_err(|_| damaged("a number of rows is negative".to_owned()))?;
    Ok(Some(Together::of(labels, counts)))
}

/// Rounded once, to the nearest.
fn to_f32(value: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "weights are checked to be finite as f32")]
    let narrow = value as f32;
    narrow
}
