//! Files beside the shards that hold something else, such as the names of classes.

use arrow::datatypes::Schema;

use super::layout::Layout;
use super::shards::Shard;
use crate::error::{Error, Result, for_shell};

/// Asks where two files have a column each that the other lacks: one of them may hold no rows of labels. Columns that were
/// added, or left out, are no question.
///
/// # Errors
/// [`Error::Usage`] with the two files.
pub(super) fn check_columns(shards: &[Shard], layout: &Layout, flags: &str) -> Result<()> {
    let Some(widest) = shards.iter().max_by_key(|shard| shard.schema.fields().len()) else { return Ok(()) };
    let has = |schema: &Schema, name: &str| schema.field_with_name(name).is_ok();
    let lacks = |one: &Shard, other: &Shard| {
        let is_beside = |name: &&String| !layout.labels.contains(name) && !has(&other.schema, name);
        one.schema.fields().iter().map(|field| field.name()).find(is_beside).cloned()
    };
    for shard in shards.iter().filter(|shard| shard.table.is_none() && shard.schema != widest.schema) {
        let (Some(own), Some(other)) = (lacks(shard, widest), lacks(widest, shard)) else { continue };
        let first = for_shell(&widest.name);
        return Err(Error::usage(format!(
            "do both hold rows with labels? {:?} has a column {own:?} and none {other:?}, and in {:?} it is the other way round",
            shard.name, widest.name
        ))
        .hint(format!("name the shards alone, such as {first}; if both do, say so with {flags}")));
    }
    Ok(())
}
