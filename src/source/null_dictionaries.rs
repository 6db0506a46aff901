//! Columns of categories without any value: pandas writes them as dictionaries of NULL, at which readers fail.

use std::sync::Arc;

use arrow::datatypes::Schema;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, encode_arrow_schema, parquet_to_arrow_schema};
use parquet::file::metadata::{FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataBuilder};

use super::readable::without_null_dictionaries;
use crate::error::{Error, Result};

/// The footer with such columns as NULL, where `schema`, which is that of the file, has some.
///
/// # Errors
/// [`Error::Input`] when the schema cannot be decoded.
pub(super) fn as_nulls(metadata: &ParquetMetaData, schema: &Schema) -> Result<Option<Arc<ParquetMetaData>>> {
    if without_null_dictionaries(schema) == *schema {
        return Ok(None);
    }
    let file = metadata.file_metadata();
    let stored =
        parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata()).map_err(|cause| {
            Error::input(format!("not a readable Parquet file: {cause}")).hint("write the shard again")
        })?;
    let stored = encode_arrow_schema(&without_null_dictionaries(&stored));
    let others =
        file.key_value_metadata().into_iter().flatten().filter(|pair| pair.key != ARROW_SCHEMA_META_KEY);
    let pairs: Vec<KeyValue> =
        others.cloned().chain([KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), stored)]).collect();
    let file = FileMetaData::new(
        file.version(),
        file.num_rows(),
        file.created_by().map(str::to_owned),
        Some(pairs),
        file.schema_descr_ptr(),
        file.column_orders().cloned(),
    );
    let whole = ParquetMetaDataBuilder::new(file).set_row_groups(metadata.row_groups().to_vec()).build();
    Ok(Some(Arc::new(whole)))
}
