//! The Parquet columns that counts and weights share.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::counts::{LabelCounts, Mass};
use crate::error::{Error, Result};
use crate::weights::Weights;

/// Labels per batch.
const BATCH_LABELS: usize = 1 << 16;

/// Writes one row per label: the counts, and the weights where there are such.
pub(super) fn write(
    out: impl Write + Send,
    counts: &LabelCounts,
    weights: Option<&Weights>,
    metadata: &[(&str, String)],
) -> Result<()> {
    let schema = schema(counts, weights);
    let metadata = metadata.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone()));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        // No value of these stands twice.
        .set_column_dictionary_enabled("label_index".into(), false)
        .set_column_dictionary_enabled("label".into(), false)
        .set_column_encoding("label_index".into(), Encoding::DELTA_BINARY_PACKED)
        .set_created_by("posweight".to_owned())
        .set_key_value_metadata(Some(metadata.collect()))
        .build();
    let bad = |cause: parquet::errors::ParquetError| match cause {
        parquet::errors::ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(cause) => super::unwritable(&cause),
            Err(other) => Error::output(other.to_string()),
        },
        other => Error::output(other.to_string()),
    };
    let mut writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(bad)?;
    for start in (0..counts.len()).step_by(BATCH_LABELS) {
        let end = counts.len().min(start + BATCH_LABELS);
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns(counts, weights, start..end));
        writer.write(&batch.map_err(|cause| Error::internal(cause.to_string()))?).map_err(bad)?;
    }
    writer.close().map_err(bad)?;
    Ok(())
}

/// One row per label, as the files hold it: the counts, and the weights where there are such.
///
/// # Errors
/// [`Error::Internal`] when weights and counts are of different labels.
pub fn rows(counts: &LabelCounts, weights: Option<&Weights>) -> Result<RecordBatch> {
    RecordBatch::try_new(schema(counts, weights), columns(counts, weights, 0..counts.len()))
        .map_err(|cause| Error::internal(cause.to_string()))
}

fn schema(counts: &LabelCounts, weights: Option<&Weights>) -> SchemaRef {
    let number = |name: &str| Field::new(name, DataType::UInt64, false);
    let mut fields = vec![
        number("label_index"),
        Field::new("label", DataType::Utf8, false),
        number("positives"),
        number("negatives"),
        number("uncertain"),
        number("missing"),
        number("invalid"),
    ];
    if counts.masses().is_some() {
        let mass = |name: &str| Field::new(name, DataType::Decimal128(38, 18), false);
        fields.extend([mass("positives_mass"), mass("negatives_mass")]);
    }
    if let Some(weights) = weights {
        fields
            .extend(weights.vectors.iter().map(|vector| Field::new(&vector.name, DataType::Float64, false)));
        fields.push(Field::new("status", DataType::Utf8, false));
    }
    Arc::new(Schema::new(fields))
}

fn columns(counts: &LabelCounts, weights: Option<&Weights>, range: std::ops::Range<usize>) -> Vec<ArrayRef> {
    let tallies = &counts.tallies()[range.clone()];
    let count = |of: fn(&crate::counts::Tally) -> u64| -> ArrayRef {
        Arc::new(tallies.iter().map(of).collect::<UInt64Array>())
    };
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(range.clone().map(|i| i as u64).collect::<UInt64Array>()),
        Arc::new(StringArray::from_iter_values(range.clone().map(|i| counts.labels().name(i)))),
        count(|t| t.positives),
        count(|t| t.negatives),
        count(|t| t.uncertain),
        count(|t| t.missing),
        count(|t| t.invalid),
    ];
    if let Some(masses) = counts.masses() {
        let mass = |of: fn(&crate::counts::MassTally) -> Mass| -> ArrayRef {
            let units: Decimal128Array = masses[range.clone()].iter().map(|m| Some(of(m).units())).collect();
            Arc::new(units.with_data_type(DataType::Decimal128(38, 18)))
        };
        columns.extend([mass(|m| m.positives), mass(|m| m.negatives)]);
    }
    if let Some(weights) = weights {
        for vector in &weights.vectors {
            columns.push(Arc::new(Float64Array::from(vector.values[range.clone()].to_vec())));
        }
        let status = weights.status[range].iter().map(|status| status.as_str());
        columns.push(Arc::new(StringArray::from_iter_values(status)));
    }
    columns
}
