//! Keys of `key=value` folders that are columns of the files as well.

use std::collections::BTreeSet;

use arrow::datatypes::{DataType, Schema};
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime};
use parquet::basic::{ConvertedType, IntType, LogicalType, TimeUnit};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;

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
        let of = schema.field(place).data_type();
        if of.is_nested() {
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
            let column = group.column(leaf);
            let held = column.statistics().and_then(|statistics| held(statistics, column.column_descr(), of));
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

/// Texts that mean the same: `01` is 1, and a time may be written with a `T`.
fn is_same(held: &str, said: &str) -> bool {
    let plain =
        |text: &str| text.trim_end_matches('Z').replace('T', " ").trim_end_matches(" 00:00:00").to_owned();
    held == said
        || plain(held) == plain(said)
        || matches!((held.parse::<f64>(), said.parse::<f64>()), (Ok(a), Ok(b)) if (a - b).abs() < f64::EPSILON)
}

/// What the numbers of a column mean.
fn held(statistics: &Statistics, column: &ColumnDescriptor, kind: &DataType) -> Option<Held> {
    let of = |least: String, largest: String| {
        Some(if least == largest { Held::One(least) } else { Held::Several(least, largest) })
    };
    if !(statistics.min_is_exact() && statistics.max_is_exact()) {
        return None;
    }
    match statistics {
        Statistics::Int32(values) => {
            let shown = |value: i32| shown(i64::from(value), i64::from(value.cast_unsigned()), column);
            of(shown(*values.min_opt()?)?, shown(*values.max_opt()?)?)
        }
        Statistics::Int64(values) => {
            let shown = |value: i64| match u64::try_from(value) {
                // Its milliseconds are numbers in the file.
                _ if *kind == DataType::Date64 => time(value, TimeUnit::MILLIS),
                Err(_) if is_unsigned(column) => Some(value.cast_unsigned().to_string()),
                _ => shown(value, value, column),
            };
            of(shown(*values.min_opt()?)?, shown(*values.max_opt()?)?)
        }
        Statistics::ByteArray(values) => {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
            of(text(values.min_opt()?.data())?, text(values.max_opt()?.data())?)
        }
        _ => None,
    }
}

fn is_unsigned(column: &ColumnDescriptor) -> bool {
    matches!(column.logical_type_ref(), Some(LogicalType::Integer(IntType { is_signed: false, .. })))
        || matches!(
            column.converted_type(),
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64
        )
}

/// A whole number of a column as folders write what it means; `None` where they have no one way to write it. `unsigned`
/// is the same number without a sign.
fn shown(value: i64, unsigned: i64, column: &ColumnDescriptor) -> Option<String> {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Date), _) | (None, ConvertedType::DATE) => date(value),
        (Some(LogicalType::Timestamp(of)), _) => time(value, of.unit),
        (None, ConvertedType::TIMESTAMP_MILLIS) => time(value, TimeUnit::MILLIS),
        (None, ConvertedType::TIMESTAMP_MICROS) => time(value, TimeUnit::MICROS),
        _ if is_unsigned(column) => Some(unsigned.to_string()),
        (Some(LogicalType::Integer(_)), _)
        | (
            None,
            ConvertedType::NONE
            | ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::INT_64,
        ) => Some(value.to_string()),
        _ => None,
    }
}

fn date(days: i64) -> Option<String> {
    let first = NaiveDate::default();
    let date = match u64::try_from(days) {
        Ok(days) => first.checked_add_days(Days::new(days)),
        Err(_) => first.checked_sub_days(Days::new(days.unsigned_abs())),
    };
    date.map(|date| date.to_string())
}

/// A time; midnight is the date alone.
fn time(value: i64, unit: TimeUnit) -> Option<String> {
    let time: NaiveDateTime = match unit {
        TimeUnit::MILLIS => DateTime::from_timestamp_millis(value)?.naive_utc(),
        TimeUnit::MICROS => DateTime::from_timestamp_micros(value)?.naive_utc(),
        TimeUnit::NANOS => DateTime::from_timestamp_nanos(value).naive_utc(),
    };
    let midnight = time.date().and_hms_opt(0, 0, 0)?;
    Some(if time == midnight { time.date().to_string() } else { time.to_string() })
}
