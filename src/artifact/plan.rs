//! The rows of a sampling plan: `plan/part-*.parquet`, one file per shard; one file for rows that are known by an id.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Field, Int16Type, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::files::{FORMAT_VERSION, unwritable};
use crate::error::{Error, Result};
use crate::sampling::{Decisions, Method};

/// Rows per row group.
const GROUP_ROWS: usize = 1 << 22;

/// The file of shard number `shard` of `shards`, inside the output folder; in the order of names they are in
/// the order of the shards.
#[must_use]
pub(crate) fn file_name(shard: usize, shards: usize) -> String {
    let width = shards.saturating_sub(1).to_string().len().max(5);
    format!("plan/part-{shard:0width$}.parquet")
}

/// What a plan gives for each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlanValue {
    Repeats,
    Weights,
    Folds,
}

fn says(method: &Method) -> PlanValue {
    match method {
        Method::StratifiedSplit { .. } => PlanValue::Folds,
        _ if method.weighs().is_some() => PlanValue::Weights,
        _ => PlanValue::Repeats,
    }
}

/// How a plan names its rows.
pub(crate) enum PlanRows<'a> {
    /// By their places in the shard of this name, whose first row has this position.
    Places { name: &'a str, first_position: u64 },
    /// By ids of this type, of which the function gives the next.
    Ids { data_type: DataType, next: &'a mut dyn FnMut(usize) -> Result<ArrayRef> },
}

/// The columns of a plan, and what each holds; `by_id` where an id names a row.
#[must_use]
pub(crate) fn columns(method: &Method, by_id: bool) -> Vec<(&'static str, &'static str)> {
    let mut columns = if by_id {
        vec![("id", "id of the row, as in the column \"id_column\" of the shards")]
    } else {
        vec![
            ("shard", "name of the shard"),
            ("row", "number of the row in the shard, from 0"),
            ("position", "number of the row over all rows of all shards, in the order of \"shards\", from 0"),
        ]
    };
    match (says(method), method) {
        (PlanValue::Folds, _) => columns.push(("fold", "name of the fold")),
        (_, Method::Remedial { .. }) => {
            columns.push(("repeat", "2 for a row that becomes two with some of its labels each, else 1; not how often to see the row"));
        }
        (PlanValue::Repeats, _) => columns.push(("repeat", "how often the row is seen in the epoch")),
        (PlanValue::Weights, _) => {
            columns.push(("repeat", "how often the row is seen in the epoch, by its weight and chance"));
            columns.push(("weight", "what the row weighs in a sampler that draws with replacement"));
        }
    }
    columns
}

fn schema(method: &Method, rows: &PlanRows<'_>) -> SchemaRef {
    let id = match rows {
        PlanRows::Places { .. } => None,
        PlanRows::Ids { data_type, .. } => Some(data_type),
    };
    let word = DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Utf8));
    let field = |(name, _): (&'static str, &'static str)| {
        let data_type = match name {
            "row" | "position" => DataType::Int64,
            "repeat" => DataType::Int32,
            "weight" => DataType::Float64,
            "id" => id.cloned().unwrap_or(DataType::Null),
            _ => word.clone(),
        };
        Field::new(name, data_type, false)
    };
    Arc::new(Schema::new(columns(method, id.is_some()).into_iter().map(field).collect::<Vec<_>>()))
}

/// Writes what was decided of `rows`.
///
/// # Errors
/// Those of `blocks` and of ids; [`Error::Output`] or [`Error::Resource`] when writing fails.
pub(crate) fn write_rows<D: std::borrow::Borrow<Decisions>>(
    out: impl Write + Send,
    method: &Method,
    mut rows: PlanRows<'_>,
    blocks: impl Iterator<Item = Result<D>>,
) -> Result<()> {
    let metadata = [("posweight.version", FORMAT_VERSION.to_owned()), ("posweight.plan", method.to_string())];
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by("posweight".to_owned())
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_column_dictionary_enabled("row".into(), false)
        .set_column_encoding("row".into(), Encoding::DELTA_BINARY_PACKED)
        .set_column_dictionary_enabled("position".into(), false)
        .set_column_encoding("position".into(), Encoding::DELTA_BINARY_PACKED)
        .set_key_value_metadata(Some(metadata.into()))
        .build();
    let schema = schema(method, &rows);
    let folds: ArrayRef = Arc::new(StringArray::from(method.folds()));
    // Readers take words for texts, so that parts are one table and names of shards can be joined on.
    let of_places = matches!(rows, PlanRows::Places { .. });
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(of_places);
    let mut writer = ArrowWriter::try_new_with_options(out, Arc::clone(&schema), options).map_err(failed)?;
    for block in blocks {
        let block = block?;
        let mut columns = keys(block.borrow(), &mut rows)?;
        columns.extend(values(block.borrow(), says(method), &folds)?);
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)
            .map_err(|cause| Error::internal(cause.to_string()))?;
        writer.write(&batch).map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    Ok(())
}

/// Words by their numbers.
fn words(numbers: Vec<i16>, words: &ArrayRef) -> Result<ArrayRef> {
    let array = DictionaryArray::<Int16Type>::try_new(numbers.into(), Arc::clone(words));
    Ok(Arc::new(array.map_err(|cause| Error::internal(cause.to_string()))?))
}

/// What names each row.
fn keys(decisions: &Decisions, rows: &mut PlanRows<'_>) -> Result<Vec<ArrayRef>> {
    let n = decisions.values.len();
    let (name, first_position) = match rows {
        PlanRows::Ids { next, .. } => return Ok(vec![next(n)?]),
        PlanRows::Places { name, first_position } => (*name, *first_position),
    };
    let names: ArrayRef = Arc::new(StringArray::from(vec![name]));
    let signed = |row: u64| i64::try_from(row).unwrap_or(i64::MAX);
    let rows = Int64Array::from_iter_values((0..n).map(|place| signed(decisions.row(place))));
    let position = |place: usize| signed(first_position.saturating_add(decisions.row(place)));
    let positions = Int64Array::from_iter_values((0..n).map(position));
    Ok(vec![words(vec![0; n], &names)?, Arc::new(rows), Arc::new(positions)])
}

/// What was decided of each row.
fn values(decisions: &Decisions, says: PlanValue, folds: &ArrayRef) -> Result<Vec<ArrayRef>> {
    let values = (0..decisions.values.len()).map(|place| decisions.values.get(place));
    if says == PlanValue::Folds {
        return Ok(vec![words(values.map(|fold| i16::try_from(fold).unwrap_or(0)).collect(), folds)?]);
    }
    let repeats = Int32Array::from_iter_values(values.map(|value| i32::try_from(value).unwrap_or(i32::MAX)));
    let mut columns: Vec<ArrayRef> = vec![Arc::new(repeats)];
    if says == PlanValue::Weights {
        let weights = decisions.weights.clone().unwrap_or_default();
        columns.push(Arc::new(Float64Array::new(ScalarBuffer::from(weights), None)));
    }
    Ok(columns)
}

/// An error of a Parquet writer.
pub(super) fn failed(cause: ParquetError) -> Error {
    match cause {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(cause) => unwritable(&cause),
            Err(other) => Error::output(other.to_string()),
        },
        other => Error::output(other.to_string()),
    }
}
