//! What is counted: shards and the columns they agree on.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use parquet::file::metadata::RowGroupMetaData;

use super::pieces::{self, Cut};
use crate::source::shards::Shard;

/// Shards with the schema they agree on.
#[derive(Debug)]
pub struct Dataset {
    /// The shards, in order.
    pub shards: Vec<Shard>,
    /// The columns of the files.
    pub schema: SchemaRef,
    /// Hive keys that no file column hides.
    pub hive: Vec<String>,
    /// Of the one shard there is, only the row groups that begin in this range are meant.
    pub(super) part: Option<(i64, i64)>,
}

impl Dataset {
    /// Shards whose columns make `schema`.
    #[must_use]
    pub fn new(shards: Vec<Shard>, schema: SchemaRef) -> Self {
        let keys: BTreeSet<&String> =
            shards.iter().flat_map(|shard| shard.hive.iter().map(|(key, _)| key)).collect();
        let hive = keys.into_iter().filter(|key| schema.field_with_name(key).is_err()).cloned().collect();
        Self { shards, schema, hive, part: None }
    }

    /// Other shards with the same columns and keys.
    pub(super) fn with(&self, shards: Vec<Shard>) -> Self {
        Self { shards, schema: Arc::clone(&self.schema), hive: self.hive.clone(), part: None }
    }

    /// Whether a row group is among those that are meant.
    pub(super) fn has(&self, group: &RowGroupMetaData) -> bool {
        let begins = || i64::try_from(pieces::start(group)).unwrap_or(i64::MAX);
        self.part.is_none_or(|(from, to)| (from..to).contains(&begins()))
    }

    /// What may be done with a shard of which `cut` may be done when all of it is meant.
    pub(super) fn cut(&self, cut: Cut) -> Cut {
        match (self.part, cut) {
            (Some((from, to)), Cut::Split | Cut::Whole) => Cut::Part(from, to),
            (_, cut) => cut,
        }
    }
}
