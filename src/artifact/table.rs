//! The Parquet columns that counts and weights share.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::compute_leaves;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::files::unwritable;
use crate::counts::{GroupedPositives, LabelCounts, Mass, MassTally, Tally};
use crate::error::{Error, Result};
use crate::threads::in_order;
use crate::weights::Weights;

/// Columns of integers; the label's name comes after the first.
const INTEGERS: [&str; 6] = ["label_index", "positives", "negatives", "uncertain", "missing", "invalid"];

/// Groups with a positive.
pub(super) const POSITIVES_GROUPS: &str = "positives_groups";

/// Labels per row group.
const GROUP_LABELS: usize = 1 << 20;
/// Labels per batch.
const BATCH_LABELS: usize = 1 << 16;

/// Writes one row per label: the counts, and the weights and groups where there are such. Columns are encoded by
/// `threads` threads; how many there are changes no byte.
pub(super) fn write(
    out: impl Write + Send,
    counts: &LabelCounts,
    weights: Option<&Weights>,
    grouped: Option<&GroupedPositives>,
    metadata: &[(&str, String)],
    threads: usize,
) -> Result<()> {
    let metadata = metadata.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone()));
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        // Its values are unique.
        .set_column_dictionary_enabled("label".into(), false)
        .set_created_by("posweight".to_owned())
        .set_key_value_metadata(Some(metadata.collect()));
    for name in INTEGERS {
        properties = properties
            .set_column_dictionary_enabled(name.into(), false)
            .set_column_encoding(name.into(), Encoding::DELTA_BINARY_PACKED);
    }
    write_groups(out, &columns(counts, weights, grouped), counts.len(), properties.build(), threads).map_err(
        |cause| match cause {
            ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
                Ok(cause) => unwritable(&cause),
                Err(other) => Error::output(other.to_string()),
            },
            other => Error::output(other.to_string()),
        },
    )
}

fn write_groups(
    out: impl Write + Send,
    columns: &[Column<'_>],
    labels: usize,
    properties: WriterProperties,
    threads: usize,
) -> Result<(), ParquetError> {
    let writer = ArrowWriter::try_new(out, schema(columns), Some(properties))?;
    let (mut file, factory) = writer.into_serialized_writer()?;
    for (number, start) in (0..labels).step_by(GROUP_LABELS).enumerate() {
        let range = start..labels.min(start + GROUP_LABELS);
        let threads = if range.len() > BATCH_LABELS { threads } else { 1 };
        let writers = factory.create_column_writers(number)?;
        let chunks = in_order(columns.iter().zip(writers).collect(), threads, |(column, mut writer)| {
            for start in range.clone().step_by(BATCH_LABELS) {
                let array = (column.values)(start..range.end.min(start + BATCH_LABELS));
                for leaf in compute_leaves(&column.field, &array)? {
                    writer.write(&leaf)?;
                }
            }
            writer.close()
        });
        let mut group = file.next_row_group()?;
        for chunk in chunks {
            chunk?.append_to_row_group(&mut group)?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(())
}

/// One row per label, as the files hold it: the counts, and the weights and groups where there are such.
///
/// # Errors
/// [`Error::Internal`] when weights and counts are of different labels.
pub(crate) fn rows(
    counts: &LabelCounts,
    weights: Option<&Weights>,
    grouped: Option<&GroupedPositives>,
) -> Result<RecordBatch> {
    let columns = columns(counts, weights, grouped);
    let values = columns.iter().map(|column| (column.values)(0..counts.len()));
    RecordBatch::try_new(schema(&columns), values.collect())
        .map_err(|cause| Error::internal(cause.to_string()))
}

fn schema(columns: &[Column<'_>]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|column| column.field.clone()).collect::<Vec<_>>()))
}

/// A column, and its values for some of the labels.
struct Column<'c> {
    field: Field,
    values: Box<dyn Fn(Range<usize>) -> ArrayRef + Sync + 'c>,
}

impl<'c> Column<'c> {
    fn new(name: &str, data_type: DataType, values: impl Fn(Range<usize>) -> ArrayRef + Sync + 'c) -> Self {
        Self { field: Field::new(name, data_type, false), values: Box::new(values) }
    }
}

fn columns<'c>(
    counts: &'c LabelCounts,
    weights: Option<&'c Weights>,
    grouped: Option<&'c GroupedPositives>,
) -> Vec<Column<'c>> {
    let count = |name: &str, of: fn(&Tally) -> u64| {
        Column::new(name, DataType::UInt64, move |range| {
            Arc::new(UInt64Array::from_iter_values(counts.tallies()[range].iter().map(of)))
        })
    };
    let [index, positives, negatives, uncertain, missing, invalid] = INTEGERS;
    let mut columns = vec![
        Column::new(index, DataType::UInt64, |range| {
            Arc::new(UInt64Array::from_iter_values(range.map(|label| label as u64)))
        }),
        Column::new("label", DataType::Utf8, |range| {
            Arc::new(StringArray::from_iter_values(range.map(|label| counts.labels().name(label))))
        }),
        count(positives, |tally| tally.positives),
        count(negatives, |tally| tally.negatives),
        count(uncertain, |tally| tally.uncertain),
        count(missing, |tally| tally.missing),
        count(invalid, |tally| tally.invalid),
    ];
    if let Some(grouped) = grouped {
        columns.push(Column::new(POSITIVES_GROUPS, DataType::UInt64, |range| {
            Arc::new(UInt64Array::from(grouped.positives[range].to_vec()))
        }));
    }
    if let Some(masses) = counts.masses() {
        let mass = |name: &str, of: fn(&MassTally) -> Mass| {
            Column::new(name, DataType::Decimal128(38, 18), move |range| {
                let units = Decimal128Array::from_iter_values(masses[range].iter().map(|m| of(m).units()));
                Arc::new(units.with_data_type(DataType::Decimal128(38, 18)))
            })
        };
        columns.extend([mass("positives_mass", |m| m.positives), mass("negatives_mass", |m| m.negatives)]);
    }
    if let Some(weights) = weights {
        columns.extend(weights.vectors.iter().map(|vector| {
            Column::new(&vector.name, DataType::Float64, |range| {
                Arc::new(Float64Array::from(vector.values[range].to_vec()))
            })
        }));
        columns.push(Column::new("status", DataType::Utf8, |range| {
            Arc::new(StringArray::from_iter_values(weights.status[range].iter().map(|s| s.as_str())))
        }));
    }
    columns
}
