//! What is counted: shards and the columns they agree on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};

use crate::engine::group_key::GroupKey;
use crate::error::{Error, Result};
use crate::source::folder_types::{FolderType, folder_types};
use crate::source::group_outline::GroupOutline;
use crate::source::listing;
use crate::source::row_stream::SharedRows;
use crate::source::shards::Shard;

/// Shards with the schema they agree on.
#[derive(Debug)]
pub(crate) struct Dataset {
    /// The shards, in order; whoever reads them shares them.
    pub shards: Arc<Vec<Shard>>,
    /// The columns of the files.
    pub schema: SchemaRef,
    /// Hive keys that no file column hides.
    pub hive: Vec<String>,
    /// What their values are, where they are not text.
    pub(super) folder_types: BTreeMap<String, FolderType>,
    /// Rows that come once and are counted instead of those of the one shard, which holds the first of them.
    pub coming: Option<SharedRows>,
    /// By shard: only the row groups that begin in this range are meant; all of them without one. A shard may be there
    /// several times, with another range each.
    pub(super) parts: Vec<Option<(i64, i64)>>,
}

impl Dataset {
    /// Shards whose columns make `schema`.
    #[must_use]
    pub(crate) fn new(shards: Vec<Shard>, schema: SchemaRef) -> Self {
        let keys: BTreeSet<&String> =
            shards.iter().flat_map(|shard| shard.hive.iter().map(|(key, _)| key)).collect();
        let hive = keys.into_iter().filter(|key| schema.field_with_name(key).is_err()).cloned().collect();
        let folder_types = folder_types(&shards);
        Self { shards: Arc::new(shards), schema, hive, folder_types, coming: None, parts: Vec::new() }
    }

    /// The columns of the files alone, without label columns inside them.
    pub(super) fn own_schema(&self) -> SchemaRef {
        let nested: BTreeSet<&str> = self.shards.iter().flat_map(Shard::nested_names).collect();
        if nested.is_empty() {
            return Arc::clone(&self.schema);
        }
        let own = self.schema.fields().iter().filter(|field| !nested.contains(field.name().as_str()));
        Arc::new(Schema::new(own.cloned().collect::<Vec<_>>()))
    }

    /// What the values of a key of folders are; `None` for text.
    pub(super) fn folder_type(&self, key: &str) -> Option<FolderType> {
        self.folder_types.get(key).copied()
    }

    /// The columns of the files, and the keys of folders that are not text: what the meaning of a condition depends on.
    #[must_use]
    pub(crate) fn schema_with_keys(&self) -> Schema {
        let keys = self.folder_types.iter().filter(|(key, _)| self.hive.contains(key));
        let keys = keys.map(|(key, of)| Arc::new(Field::new(key, of.data_type(), true)));
        Schema::new(self.schema.fields().iter().cloned().chain(keys).collect::<Vec<_>>())
    }

    /// Other shards with the same columns and keys.
    pub(super) fn with(&self, shards: impl Into<Arc<Vec<Shard>>>) -> Self {
        let shards = shards.into();
        let (schema, folder_types) = (Arc::clone(&self.schema), self.folder_types.clone());
        let (hive, coming) = (self.hive.clone(), self.coming.clone());
        Self { shards, schema, hive, folder_types, coming, parts: Vec::new() }
    }

    fn part(&self, shard: usize) -> Option<(i64, i64)> {
        self.parts.get(shard).copied().flatten()
    }

    /// Whether a row group of a shard is among those that are meant.
    pub(super) fn has(&self, shard: usize, group: &GroupOutline) -> bool {
        let begins = || i64::try_from(group.start).unwrap_or(i64::MAX);
        self.part(shard).is_none_or(|(from, to)| (from..to).contains(&begins()))
    }

    /// How a shard may be cut: `cut`, or the part that is meant.
    pub(super) fn cut(&self, shard: usize, cut: Cut) -> Cut {
        match (self.part(shard), cut) {
            (Some((from, to)), Cut::Split | Cut::Whole) => Cut::Part(from, to),
            (_, cut) => cut,
        }
    }
}

/// What may be done with a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// It is left out.
    Skip,
    /// One thread reads all of it.
    Whole,
    /// Threads may share its row groups.
    Split,
    /// One thread reads the row groups that begin in this range.
    Part(i64, i64),
}

/// The number of a shard as partial counts have it.
pub(super) fn shard_number(number: usize) -> Result<u32> {
    u32::try_from(number).map_err(|_| Error::input("there are more than 2^32 shards"))
}

/// The value of a hive key of a shard.
pub(super) fn hive_value(shard: &Shard, key: &str) -> Option<String> {
    listing::hive_value(&shard.hive, key)
}

/// The group of a shard, where all `by` columns are hive keys.
pub(super) fn group_of(shard: &Shard, by: &[String]) -> GroupKey {
    by.iter().map(|key| hive_value(shard, key)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use arrow::array::{ArrayRef, Int32Array, StringArray};

    use super::*;
    use crate::source::shards::tests::{bits, shard};

    /// Two shards in folders `split=test` and `split=train`.
    pub(crate) fn dataset(folder: &Path) -> Dataset {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["cat", "dog", "cat"]));
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
        let columns = || {
            let flags = bits([true, false, true]);
            vec![
                ("x", Arc::clone(&flags)),
                ("y", flags),
                ("id", Arc::clone(&numbers)),
                ("name", Arc::clone(&texts)),
            ]
        };
        let shards =
            ["test", "train"].map(|split| shard(folder, &format!("split={split}/a.parquet"), columns()));
        let schema = Arc::clone(&shards[0].schema);
        Dataset::new(shards.to_vec(), schema)
    }

    #[test]
    fn folders_are_keys_unless_a_column_hides_them() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = dataset(folder.path());
        assert_eq!(dataset.hive, ["split"]);
        let hiding = shard(folder.path(), "x=1/y=2/a.parquet", vec![("x", bits([true]))]);
        let schema = Arc::clone(&hiding.schema);
        assert_eq!(Dataset::new(vec![hiding], schema).hive, ["y"]);
    }
}
