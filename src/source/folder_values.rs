//! Keys of `key=value` folders that are columns of the files as well.

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
    Error::together(errors, "shards").map_or(Ok(()), Err)
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
