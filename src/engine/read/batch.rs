//! Arrays of one shard as rows that counters take.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{Field, Schema};

use crate::engine::dataset::shard_number;
use crate::engine::group_key::GroupKey;
use crate::error::{Error, Result};

/// `[columns…, by…, shard]`, all rows of group `key` and of one shard.
pub(crate) fn rows_of_shard(columns: &[ArrayRef], key: &GroupKey, shard: usize) -> Result<RecordBatch> {
    let rows = columns.first().map_or(0, |column| column.len());
    let mut all = columns.to_vec();
    all.extend(key.iter().map(|value| Arc::new(StringArray::from(vec![value.as_deref(); rows])) as ArrayRef));
    all.push(Arc::new(UInt32Array::from(vec![shard_number(shard)?; rows])));
    let field = |(i, column): (usize, &ArrayRef)| Field::new(i.to_string(), column.data_type().clone(), true);
    let schema = Schema::new(all.iter().enumerate().map(field).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), all).map_err(|cause| Error::internal(cause.to_string()))
}
