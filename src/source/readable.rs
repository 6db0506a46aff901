//! Types of columns that come from other programs, and those that are kept of them: what Parquet writers and readers lack
//! is replaced by a type with the same values.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Schema, TimeUnit};
use arrow::error::ArrowError;

/// `schema` with types that all later steps read.
pub(super) fn readable(schema: &Schema) -> Schema {
    with_types(schema, &readable_type)
}

/// Rows with the types of [`readable`].
///
/// # Errors
/// Those of a cast.
pub(super) fn as_readable(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let wanted = readable(&batch.schema());
    with_schema(batch, wanted)
}

/// The columns of a Parquet file, whose decimals have 128 bits: queries cut those of fewer bits beside integers.
pub(super) fn with_wide_decimals(schema: &Schema) -> Schema {
    with_types(schema, &wide_decimal)
}

/// The same with NULL for dictionaries of NULL.
pub(super) fn without_null_dictionaries(schema: &Schema) -> Schema {
    let null = |data_type: &DataType| match data_type {
        DataType::Dictionary(_, values) if **values == DataType::Null => Some(DataType::Null),
        _ => None,
    };
    with_types(schema, &null)
}

/// Columns that Parquet has types for: it has no seconds, and dates that are days.
#[must_use]
pub(crate) fn storable(schema: &Schema) -> Schema {
    with_types(schema, &storable_type)
}

/// Rows with the types of [`storable`].
///
/// # Errors
/// Those of a cast.
pub(crate) fn as_storable(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let wanted = storable(&batch.schema());
    with_schema(batch, wanted)
}

fn with_schema(batch: RecordBatch, wanted: Schema) -> Result<RecordBatch, ArrowError> {
    if wanted == *batch.schema() {
        return Ok(batch);
    }
    let columns = batch.columns().iter().zip(wanted.fields()).map(|(column, field)| {
        if column.data_type() == field.data_type() {
            return Ok(ArrayRef::clone(column));
        }
        cast(column, field.data_type())
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(wanted), columns, &options)
}

/// A type in the place of another one; none where it stays.
type InPlace = dyn Fn(&DataType) -> Option<DataType>;

fn with_types(schema: &Schema, in_place: &InPlace) -> Schema {
    let fields: Vec<FieldRef> = schema.fields().iter().map(|field| with_type(field, in_place)).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

fn with_type(field: &FieldRef, in_place: &InPlace) -> FieldRef {
    let wanted = changed(field.data_type(), in_place);
    if wanted == *field.data_type() {
        return FieldRef::clone(field);
    }
    Arc::new(field.as_ref().clone().with_data_type(wanted))
}

/// The type with others in it, also within lists, structs and maps.
fn changed(data_type: &DataType, in_place: &InPlace) -> DataType {
    if let Some(other) = in_place(data_type) {
        return other;
    }
    match data_type {
        DataType::Dictionary(_, values) => in_place(values).unwrap_or_else(|| data_type.clone()),
        DataType::List(item) => DataType::List(with_type(item, in_place)),
        DataType::LargeList(item) => DataType::LargeList(with_type(item, in_place)),
        DataType::FixedSizeList(item, width) => DataType::FixedSizeList(with_type(item, in_place), *width),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| with_type(field, in_place)).collect())
        }
        DataType::Map(entries, sorted) => DataType::Map(with_type(entries, in_place), *sorted),
        other => other.clone(),
    }
}

fn readable_type(data_type: &DataType) -> Option<DataType> {
    let DataType::Dictionary(key, values) = data_type else { return wide_decimal(data_type) };
    Some(match &**values {
        DataType::Utf8View => DataType::Dictionary(key.clone(), Box::new(DataType::Utf8)),
        DataType::BinaryView => DataType::Dictionary(key.clone(), Box::new(DataType::Binary)),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => data_type.clone(),
        other => changed(other, &readable_type),
    })
}

/// The decimal of 128 bits for one of fewer.
pub(crate) fn wide_decimal(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Decimal32(digits, scale) | DataType::Decimal64(digits, scale) => {
            Some(DataType::Decimal128(*digits, *scale))
        }
        _ => None,
    }
}

fn storable_type(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Date64 => Some(DataType::Date32),
        DataType::Time32(TimeUnit::Second) => Some(DataType::Time32(TimeUnit::Millisecond)),
        DataType::Timestamp(TimeUnit::Second, zone) => {
            Some(DataType::Timestamp(TimeUnit::Millisecond, zone.clone()))
        }
        _ => None,
    }
}
