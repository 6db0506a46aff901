//! Groups of rows that stay together: rows with the same value of a column.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::task::{RowNumbering, SamplingTask};
use crate::engine::group_values::each_group;
use crate::error::{Error, Result};
use crate::source::listing::hive_text;
use crate::source::row_reader::{Enough, RowChoice, read_columns};
use crate::source::schema::plain_type;
use crate::source::shards::Shard;

/// A column, whose values are the groups.
pub(super) struct Grouping {
    shards: Arc<Vec<Shard>>,
    numbering: Arc<RowNumbering>,
    column: String,
    /// On which the shards agreed; none if the column is a key of folders.
    data_type: Option<DataType>,
    limit: usize,
}

impl Grouping {
    /// By `column`; the values may take `limit` bytes.
    pub(super) fn of(task: &SamplingTask<'_>, column: &str, limit: usize) -> Self {
        let dataset = task.request.dataset;
        let field = dataset.schema.field_with_name(column).ok();
        Self {
            shards: Arc::clone(&dataset.shards),
            numbering: Arc::clone(&task.numbering),
            column: column.to_owned(),
            data_type: field.map(|field| field.data_type().clone()),
            limit,
        }
    }

    /// The group of each row in `numbers`, from 0. Rows without a value, be it NULL or NaN, are groups of one. Values are compared by a
    /// hash of their text: two that are the same by chance put two groups into one fold.
    ///
    /// # Errors
    /// [`Error::Input`] naming a shard without the column, [`Error::Resource`] when the values do not fit.
    pub(super) fn groups(&self, numbers: &[u64]) -> Result<Vec<u32>> {
        let all = usize::try_from(self.numbering.rows).unwrap_or(usize::MAX);
        if all.saturating_mul(size_of::<u64>()) > self.limit {
            return Err(Error::resource("--groups: the groups of all rows do not fit in memory")
                .hint("raise --memory-limit"));
        }
        let mut keys: Vec<Option<u64>> = vec![None; all];
        for (shard, base) in self.shards.iter().zip(&self.numbering.bases) {
            let base = usize::try_from(*base).unwrap_or(usize::MAX);
            let rows = usize::try_from(shard.rows).unwrap_or(usize::MAX);
            if let Some(own) = keys.get_mut(base..base.saturating_add(rows)) {
                self.read(shard, own)?;
            }
        }
        let mut known: HashMap<u64, u32> = HashMap::new();
        let mut next = 0_u32;
        let mut new = || {
            let group = next;
            next = next
                .checked_add(1)
                .ok_or_else(|| Error::resource("--groups: there are more than 2^32 groups"))?;
            Ok(group)
        };
        let group = |number: &u64| {
            let key = usize::try_from(*number).ok().and_then(|number| *keys.get(number)?);
            let Some(key) = key else { return new() };
            if let Some(group) = known.get(&key) {
                return Ok(*group);
            }
            let group = new()?;
            known.insert(key, group);
            Ok(group)
        };
        numbers.iter().map(group).collect()
    }

    /// Fills in the values of the rows of a shard.
    fn read(&self, shard: &Shard, keys: &mut [Option<u64>]) -> Result<()> {
        let hash = |text: &str| {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            hasher.finish()
        };
        let Some(column) = shard.schema.fields().iter().position(|field| *field.name() == self.column) else {
            let folder = shard.hive.iter().find(|(key, _)| *key == self.column);
            let (_, value) = folder.ok_or_else(|| {
                Error::input(format!("{}: there is no column {:?}", shard.name, self.column))
                    .at("--groups")
                    .hint("name a column that all shards have, such as the id of a patient")
            })?;
            keys.fill(hive_text(value).map(|text| hash(&text)));
            return Ok(());
        };
        let name = shard.schema.field(column).name();
        let mut next = 0;
        read_columns(shard, RowChoice::All, &|wanted| wanted == name, &mut |batch| {
            let values = batch.column_by_name(name).unwrap_or_else(|| batch.column(0));
            // The same value of other types has another text: 7 and 7.0.
            let values = match &self.data_type {
                Some(agreed) if plain_type(values.data_type()) != *agreed => {
                    &cast(values, agreed).map_err(|cause| Error::internal(cause.to_string()))?
                }
                _ => values,
            };
            each_group(values, &mut |text| {
                if let Some(key) = keys.get_mut(next) {
                    *key = text.map(hash);
                }
                next += 1;
                Ok(())
            })?;
            Ok(Enough::No)
        })
    }
}
