//! Types of columns that come from other programs, and those that are kept of them: what Parquet writers and readers lack
//! is replaced by a type with the same values.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::error::ArrowError;

/// `schema` with types that all later steps read.
pub(super) fn readable(schema: &Schema) -> Schema {
    let fields: Vec<FieldRef> = schema.fields().iter().map(readable_field).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

/// Rows with the types of [`readable`].
///
/// # Errors
/// Those of a cast.
pub(super) fn as_readable(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let wanted = readable(&schema);
    if wanted == *schema {
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

fn readable_field(field: &FieldRef) -> FieldRef {
    let wanted = readable_type(field.data_type());
    if wanted == *field.data_type() {
        return FieldRef::clone(field);
    }
    Arc::new(Field::new(field.name(), wanted, field.is_nullable()).with_metadata(field.metadata().clone()))
}

fn readable_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(key, values) => match &**values {
            DataType::Utf8View => DataType::Dictionary(key.clone(), Box::new(DataType::Utf8)),
            DataType::BinaryView => DataType::Dictionary(key.clone(), Box::new(DataType::Binary)),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => {
                data_type.clone()
            }
            other => readable_type(other),
        },
        DataType::List(item) => DataType::List(readable_field(item)),
        DataType::LargeList(item) => DataType::LargeList(readable_field(item)),
        DataType::FixedSizeList(item, width) => DataType::FixedSizeList(readable_field(item), *width),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(readable_field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(readable_field(entries), *sorted),
        other => other.clone(),
    }
}
