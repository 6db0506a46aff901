//! Columns that nearly name each row, beside classes that were guessed: whether rows of one value have different labels,
//! as pairs of row id and label have.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use arrow::array::{Array, ArrayRef, AsArray, LargeBinaryArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::column_names::{COLUMNS_MAX, is_id_name, is_row_name};
use super::evidence::{CELLS_MIN, ColumnEvidence};
use super::layout::{Layout, LayoutKind, is_text};
use super::long_readings::PAIR_COLUMNS;
use super::look::Look;
use super::row_reader::{Enough, RowChoice, read_columns};
use super::schema::plain_type;
use super::shards::Shard;
use crate::error::Result;

/// Columns at most that are compared.
const KEYS_MAX: usize = 3;
/// Rows at most of each value of a column that nearly names each row, on average.
const EACH: u64 = 3;

/// What all rows say of a column that nearly names each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepeatedKeys {
    /// The column.
    pub(crate) column: String,
    /// Its distinct values.
    pub(crate) values: u64,
    /// Those whose rows have different labels.
    pub(crate) torn: u64,
}

impl Look<'_> {
    /// The columns beside the classes of a layout whose values nearly all differ where they were looked at.
    pub(super) fn nearly_unique(&self, layout: &Layout) -> Vec<String> {
        let [label] = &layout.labels[..] else { return Vec::new() };
        if layout.kind != LayoutKind::Class || !self.given.labels.is_empty() {
            return Vec::new();
        }
        let columns = self.columns_in_use();
        let keys = self.free_fields().filter(|field| {
            let (name, data_type) = (field.name(), plain_type(field.data_type()));
            // Among other columns, texts and numbers may be features that rows share by chance.
            let is_named = is_id_name(name) || is_row_name(name);
            let can_be_id = is_text(&data_type) && (is_named || columns <= COLUMNS_MAX)
                || data_type.is_integer() && (is_named || columns <= PAIR_COLUMNS);
            let is_key = |found: &ColumnEvidence| found.is_full || found.distinct() * EACH >= found.cells;
            let enough = |found: &&ColumnEvidence| found.cells >= CELLS_MIN;
            name != label && can_be_id && self.found.get(name).filter(enough).is_some_and(is_key)
        });
        keys.map(|field| field.name().clone()).take(KEYS_MAX).collect()
    }
}

/// Compares the rows of each value of the columns `keys` by their labels; of the first whose rows have different ones.
/// `None` where one of the columns names every row, or rows of one value have one label.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) naming a shard that cannot be read.
pub(crate) fn repeated_keys(shards: &[Shard], keys: &[String], label: &str) -> Result<Option<RepeatedKeys>> {
    let mut first = None;
    for key in keys {
        let (found, is_unique) = compared(shards, key, label)?;
        if is_unique {
            return Ok(None);
        }
        first = first.or(Some(found).filter(|found| found.torn > 0));
    }
    Ok(first)
}

/// What the rows of a column say, and whether each has a value of its own.
fn compared(shards: &[Shard], key: &str, label: &str) -> Result<(RepeatedKeys, bool)> {
    let mut rows: Vec<(u64, u32)> = Vec::new();
    for shard in shards.iter().filter(|shard| shard.rows > 0) {
        read_columns(shard, RowChoice::All, &|name| name == key || name == label, &mut |batch| {
            let columns = [key, label].map(|name| batch.column_by_name(name).and_then(bytes));
            if let [Some(keys), Some(labels)] = &columns {
                let both = keys.iter().zip(labels.iter());
                let known = both.filter_map(|(key, label)| Some((hash(key?), hash(label?))));
                // Half of a hash is enough to tell the labels of one value apart.
                rows.extend(known.map(|(key, label)| (key, u32::try_from(label >> 32).unwrap_or(0))));
            }
            Ok(Enough::No)
        })?;
    }
    rows.sort_unstable();
    let all = rows.len();
    rows.dedup();
    let values = rows.chunk_by(|a, b| a.0 == b.0);
    let (mut distinct, mut torn) = (0, 0);
    for value in values {
        distinct += 1;
        torn += u64::from(value.len() > 1);
    }
    let is_unique = distinct == all as u64;
    Ok((RepeatedKeys { column: key.to_owned(), values: distinct, torn }, is_unique))
}

/// The cells as bytes, numbers as they are written.
fn bytes(array: &ArrayRef) -> Option<LargeBinaryArray> {
    let text = if is_text(&plain_type(array.data_type())) {
        array.clone()
    } else {
        cast(array, &DataType::LargeUtf8).ok()?
    };
    cast(&text, &DataType::LargeBinary).ok()?.as_binary_opt::<i64>().cloned()
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
