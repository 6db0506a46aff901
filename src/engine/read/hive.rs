//! Conditions on hive keys alone, answered for whole shards.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, UInt32Type};
use datafusion::prelude::SessionContext;

use crate::engine::dataset::{Dataset, hive_value};
use crate::engine::errors::ours;
use crate::engine::read::condition_text::parsed;
use crate::engine::read::table::SHARD_COLUMN;
use crate::error::{Error, Result};

/// Which shards meet `condition`; `None` when it asks for anything but their hive keys, or is no
/// condition at all.
pub(crate) async fn kept(
    context: &SessionContext,
    dataset: &Dataset,
    condition: &str,
) -> Result<Option<Vec<bool>>> {
    let table = context.read_batch(keys(dataset)?).map_err(|cause| ours(&cause))?;
    let Ok(expression) = parsed(&table, dataset, condition) else { return Ok(None) };
    let Ok(rows) = table.filter(expression) else { return Ok(None) };
    let batches = rows.collect().await.map_err(|cause| of_folder(dataset, ours(&cause)))?;
    let mut kept = vec![false; dataset.shards.len()];
    for batch in batches {
        let numbers = batch.column_by_name(SHARD_COLUMN).and_then(|c| c.as_primitive_opt::<UInt32Type>());
        let numbers = numbers.ok_or_else(|| Error::internal("the shard column is lost"))?;
        for number in numbers.values() {
            if let Some(kept) = kept.get_mut(*number as usize) {
                *kept = true;
            }
        }
    }
    Ok(Some(kept))
}

/// The error for the value of a folder that a condition cannot read.
fn of_folder(dataset: &Dataset, error: Error) -> Error {
    let Error::Input(detail) = &error else { return error };
    let mut folders =
        dataset.shards.iter().flat_map(|shard| dataset.hive.iter().map(move |key| (shard, key)));
    let named = folders.find_map(|(shard, key)| {
        let value = hive_value(shard, key).filter(|value| detail.message.contains(&format!("'{value}'")))?;
        Some((&shard.name, key, value))
    });
    let Some((name, key, value)) = named else { return error };
    Error::input(format!(
        "{name}: the folder says {key}={value}, but --where compares it with another kind of value"
    ))
    .hint(format!(
        "rename the folder as the others are, leave it out, or compare texts, such as {key} >= 'TEXT'"
    ))
}

/// One row per shard: its hive keys and its number.
pub(crate) fn keys(dataset: &Dataset) -> Result<RecordBatch> {
    let mut fields: Vec<Field> =
        dataset.hive.iter().map(|key| Field::new(key, DataType::Utf8, true)).collect();
    let mut columns: Vec<ArrayRef> = dataset
        .hive
        .iter()
        .map(|key| {
            let values: StringArray = dataset.shards.iter().map(|shard| hive_value(shard, key)).collect();
            Arc::new(values) as _
        })
        .collect();
    fields.push(Field::new(SHARD_COLUMN, DataType::UInt32, false));
    let numbers = (0_u32..).take(dataset.shards.len());
    columns.push(Arc::new(UInt32Array::from_iter_values(numbers)));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|c| Error::internal(c.to_string()))
}
