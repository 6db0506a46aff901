//! Keys of `key=value` folders that are columns of the files as well.

use std::collections::BTreeSet;

use arrow::datatypes::Schema;
use parquet::file::statistics::Statistics;

use super::listing::hive_value;
use super::shards::Shard;
use crate::error::{Error, Result};

/// What a column holds in all rows of a row group, by its statistics.
enum Held {
    /// One value, as folders would write it.
    One(String),
    /// Several values, of which these are two.
    Several(String, String),
}

/// The folders of a shard and its columns must say the same, as far as the statistics of the footer tell.
///
/// # Errors
/// [`Error::Input`] naming the shard, the key and both values.
pub(crate) fn check_folders(shards: &[Shard]) -> Result<()> {
    let errors = shards.iter().filter_map(contradiction).collect();
    Error::together(errors, "shards").map_or(Ok(()), Err)?;
    half_held(shards).map_or(Ok(()), Err)
}

/// A partition column of a table that some of its files hold and others do not.
fn half_held(shards: &[Shard]) -> Option<Error> {
    let of_table = |shard: &&Shard| shard.table.is_some();
    let own = |shard: &'_ Shard| -> Vec<String> {
        let live = shard.table.as_ref().and_then(|table| table.live());
        let partition = live.into_iter().flat_map(|live| live.partition.told.iter().map(|(key, _)| key));
        partition.filter(|key| shard.hive.iter().any(|(said, _)| said == *key)).cloned().collect()
    };
    let keys: BTreeSet<String> = shards.iter().flat_map(own).collect();
    let holds = |key: &str| shards.iter().filter(of_table).find(|s| s.schema.field_with_name(key).is_ok());
    let (key, shard) = keys.iter().find_map(|key| Some((key, holds(key)?)))?;
    Some(
        Error::input(format!(
            "{}: the file holds partition column {key:?}, but others of its table do not",
            shard.name
        ))
        .hint("write the files of the table again with one partition spec"),
    )
}

fn contradiction(shard: &Shard) -> Option<Error> {
    let schema: &Schema = &shard.schema;
    let leaves = shard.leaves();
    for (key, _) in &shard.hive {
        let (Ok(place), Some(said)) = (schema.index_of(key), hive_value(&shard.hive, key)) else { continue };
        if schema.field(place).data_type().is_nested() {
            continue;
        }
        let Some(leaf) = leaves.get(place).filter(|leaves| leaves.len() == 1).map(|leaves| leaves.start)
        else {
            continue;
        };
        let shard = match shard.with_footer() {
            Ok(shard) => shard,
            Err(error) => return Some(error),
        };
        for group in shard.metadata.row_groups() {
            let held = group.column(leaf).statistics().and_then(held);
            let other = match held {
                Some(Held::One(value)) if !is_same(&value, &said) => value,
                Some(Held::Several(a, b)) => {
                    if is_same(&a, &said) {
                        b
                    } else {
                        a
                    }
                }
                _ => continue,
            };
            return Some(
                Error::input(format!(
                    "{}: the folder says {key}={said}, but column {key:?} holds {other}",
                    shard.name
                ))
                .hint(format!("rename the folder {key}={said}, or write the shard without column {key:?}")),
            );
        }
    }
    None
}

/// Texts that mean the same: `01` is 1.
fn is_same(held: &str, said: &str) -> bool {
    held == said
        || matches!((held.parse::<f64>(), said.parse::<f64>()), (Ok(a), Ok(b)) if (a - b).abs() < f64::EPSILON)
}

fn held(statistics: &Statistics) -> Option<Held> {
    let of = |least: String, largest: String| {
        Some(if least == largest { Held::One(least) } else { Held::Several(least, largest) })
    };
    if !(statistics.min_is_exact() && statistics.max_is_exact()) {
        return None;
    }
    match statistics {
        Statistics::Int32(values) => of(values.min_opt()?.to_string(), values.max_opt()?.to_string()),
        Statistics::Int64(values) => of(values.min_opt()?.to_string(), values.max_opt()?.to_string()),
        Statistics::ByteArray(values) => {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
            of(text(values.min_opt()?.data())?, text(values.max_opt()?.data())?)
        }
        _ => None,
    }
}
