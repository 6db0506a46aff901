//! One schema for many shards: columns that differ in type widen without loss, or are refused.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

use super::shards::Shard;
use super::tables::table::Table;
use super::type_words::type_words;
use crate::error::{Error, Result};

/// What a run needs of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: where shards disagree, the type of the first one stays.
    Nothing,
    /// Every value as it is.
    Exact,
    /// Labels or their values: whole numbers may be stored as floating-point numbers in some shards.
    Labels,
}

/// Where one column was first seen, and with which type after widening.
struct Seen {
    field: FieldRef,
    /// Shard in which the widest type so far was seen.
    shard: usize,
    /// Number of shards that have the column.
    shards: usize,
}

/// The columns of all shards with types that hold every shard's values, in order of first sight.
///
/// Dictionary and run-end encodings are seen through. [`Agreement::absent`] has the columns that some shard lacks;
/// what a file lacks and its table has is NULL.
#[derive(Debug, Clone)]
pub(crate) struct Agreement {
    /// All columns.
    pub schema: SchemaRef,
    /// Column → a shard that lacks it.
    pub absent: HashMap<String, String>,
}

/// Makes the shards' schemas one.
///
/// # Errors
/// [`Error::Input`] naming the column, both shards and both types where no lossless common type
/// exists, or a column name that appears twice in one shard. Columns that are not needed may disagree.
pub(crate) fn agree(shards: &[Shard], need: &dyn Fn(&str) -> Need) -> Result<Agreement> {
    let mut order: Vec<String> = Vec::new();
    let mut seen: HashMap<String, Seen> = HashMap::new();
    let mut known: Vec<(SchemaRef, usize)> = Vec::new();
    for (i, shard) in shards.iter().enumerate() {
        // Shards of one writer share one schema: compare it once.
        let is_known = |schema: &SchemaRef| *schema == shard.schema && shard.encrypted.is_empty();
        if let Some((_, same)) = known.iter_mut().find(|(schema, _)| is_known(schema)) {
            *same += 1;
            continue;
        }
        known.push((Arc::clone(&shard.schema), 1));
        for (position, field) in shard.schema.fields().iter().enumerate() {
            let name = field.name();
            if shard.schema.fields()[..position].iter().any(|f| f.name() == name) {
                if need(name) != Need::Nothing {
                    return Err(Error::input(format!("column {name:?} appears twice"))
                        .at(&shard.name)
                        .hint("rename one of the two columns"));
                }
                continue;
            }
            if need(name) != Need::Nothing && shard.encrypted.contains(name) {
                return Err(Error::input(format!("column {name:?} is encrypted"))
                    .at(&shard.name)
                    .hint("encrypted columns are not read: write this column to unencrypted shards"));
            }
            let plain = Arc::new(Field::new(name, plain_type(field.data_type()), true));
            let Some(before) = seen.get_mut(name) else {
                order.push(name.clone());
                seen.insert(name.clone(), Seen { field: plain, shard: i, shards: 0 });
                continue;
            };
            let (a, b) = (before.field.data_type(), plain.data_type());
            let wide = widen(a, b).or_else(|| widen_labels(a, b).filter(|_| need(name) == Need::Labels));
            match wide {
                Some(wide) if wide == *before.field.data_type() => {}
                Some(wide) => {
                    before.field = Arc::new(Field::new(name, wide, true));
                    before.shard = i;
                }
                None if need(name) != Need::Nothing => {
                    return Err(disagreement(name, &shards[before.shard], before, shard, &plain));
                }
                None => {}
            }
        }
    }
    for (schema, times) in &known {
        for field in schema.fields() {
            if let Some(column) = seen.get_mut(field.name()) {
                column.shards += times;
            }
        }
    }
    for field in declared(shards, &|name| seen.contains_key(name)) {
        order.push(field.name().clone());
        seen.insert(field.name().clone(), Seen { field, shard: 0, shards: 0 });
    }
    let absent = seen
        .iter()
        .filter(|(_, column)| column.shards < shards.len())
        .filter_map(|(name, _)| {
            let declares = |shard: &Shard| shard.table.as_ref().is_some_and(|t| t.table.columns().has(name));
            let lacks = |shard: &&Shard| shard.schema.field_with_name(name).is_err() && !declares(shard);
            let lacking = shards.iter().find(lacks)?;
            Some((name.clone(), lacking.name.clone()))
        })
        .collect();
    if let Some(table) = shards.first().and_then(|shard| shard.table.as_ref()) {
        // Files of one table have their columns in the order of the time when they were written.
        order.sort_by_key(|name| table.table.columns().position(name).unwrap_or(usize::MAX));
    }
    let fields: Vec<FieldRef> =
        order.iter().filter_map(|name| seen.get(name).map(|column| Arc::clone(&column.field))).collect();
    Ok(Agreement { schema: Arc::new(Schema::new(fields)), absent })
}

/// The columns that tables have in their schemas, but none of their files has yet: they are NULL in all rows.
fn declared(shards: &[Shard], is_seen: &dyn Fn(&str) -> bool) -> Vec<FieldRef> {
    let mut tables: Vec<&dyn Table> = Vec::new();
    for table in shards.iter().filter_map(|shard| shard.table.as_ref()) {
        if tables.iter().all(|known| known.version() != table.table.version()) {
            tables.push(table.table.as_ref());
        }
    }
    // Columns by which a table is partitioned are keys of folders.
    let is_key = |name: &str| shards.iter().any(|shard| shard.hive.iter().any(|(key, _)| key == name));
    let mut new: Vec<FieldRef> = Vec::new();
    for field in tables.iter().flat_map(|table| &table.columns().all) {
        let name = field.name();
        if !is_seen(name) && new.iter().all(|known| known.name() != name) && !is_key(name) {
            new.push(Arc::new(Field::new(name, plain_type(field.data_type()), true)));
        }
    }
    new
}

fn disagreement(name: &str, a: &Shard, seen: &Seen, b: &Shard, plain: &Field) -> Error {
    let types = [seen.field.data_type(), plain.data_type()];
    let words = types.map(type_words);
    // Several types have one word, such as times of different steps.
    let [one, other] = if words[0] == words[1] { types.map(DataType::to_string) } else { words };
    Error::input(format!(
        "column {name:?} is {one} in {} and {other} in {}, which have no common type without loss",
        a.name, b.name
    ))
    .hint("write the shards with one type, or count them in separate runs")
}

/// The type of the values, seen through dictionary, run-end and view encodings.
#[must_use]
pub(crate) fn plain_type(data_type: &DataType) -> DataType {
    let item = |field: &FieldRef| Arc::new(Field::new("item", plain_type(field.data_type()), true));
    match data_type {
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::RunEndEncoded(_, values) => plain_type(values.data_type()),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => DataType::BinaryView,
        DataType::List(field) | DataType::ListView(field) => DataType::List(item(field)),
        DataType::LargeList(field) | DataType::LargeListView(field) => DataType::LargeList(item(field)),
        DataType::FixedSizeList(field, width) => DataType::FixedSizeList(item(field), *width),
        other => other.clone(),
    }
}

/// The narrowest type that holds every value of both, or `None`.
///
/// ```text
/// bool ─▶ int ─▶ wider int (u32 + i32 ─▶ i64) ;  int ≤ 32 bit or bool + float ─▶ f64 ;  null ─▶ any
/// s ─▶ ms ─▶ µs ;  decimal(10, 2) + decimal(8, 4) ─▶ decimal(12, 4)
/// ```
#[must_use]
pub(crate) fn widen(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{
        Boolean, FixedSizeList, Float64, Int64, LargeList, List, Map, Null, Struct, Timestamp, UInt64,
    };
    if a == b {
        return Some(a.clone());
    }
    let item = |x: &FieldRef, y: &FieldRef| {
        Some(Arc::new(Field::new("item", widen(x.data_type(), y.data_type())?, true)))
    };
    match (a, b) {
        (Null, other) | (other, Null) => Some(other.clone()),
        (List(x) | FixedSizeList(x, _), List(y) | FixedSizeList(y, _)) => Some(List(item(x, y)?)),
        (List(x) | LargeList(x) | FixedSizeList(x, _), List(y) | LargeList(y) | FixedSizeList(y, _)) => {
            Some(LargeList(item(x, y)?))
        }
        (Struct(x), Struct(y)) => {
            let same = x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.name() == y.name());
            let fields = x.iter().zip(y).filter(|_| same).map(|(x, y)| {
                let (a, b) = (x.data_type(), y.data_type());
                let wide = if a == b { a.clone() } else { widen(&plain_type(a), &plain_type(b))? };
                Some(Field::new(x.name(), wide, x.is_nullable() || y.is_nullable()))
            });
            same.then(|| fields.collect::<Option<Vec<_>>>().map(|fields| Struct(fields.into()))).flatten()
        }
        (Map(x, ordered), Map(y, _)) => {
            let entries = widen(x.data_type(), y.data_type())?;
            Some(Map(Arc::new(Field::new(x.name(), entries, x.is_nullable())), *ordered))
        }
        (Boolean, other) | (other, Boolean) if other.is_numeric() => Some(other.clone()),
        (x, y) if x.is_integer() && y.is_integer() => match (x, y) {
            (UInt64, signed) | (signed, UInt64) if signed.is_signed_integer() => None,
            (UInt64, _) | (_, UInt64) => Some(UInt64),
            _ => Some(Int64),
        },
        (x, y) if x.is_floating() && y.is_floating() => Some(Float64),
        // A zone is how an instant is shown.
        (Timestamp(unit, zone), Timestamp(other, other_zone)) if zone.is_some() == other_zone.is_some() => {
            let zone = if zone == other_zone { zone.clone() } else { Some("UTC".into()) };
            Some(Timestamp(finer(*unit, *other)?, zone))
        }
        (x, y) if x.is_decimal() && y.is_decimal() => widen_decimals(x, y),
        (float, int) | (int, float) if float.is_floating() && int.is_integer() => {
            (int.primitive_width()? <= 4).then_some(Float64)
        }
        _ => None,
    }
}

/// The finer of two units of times; nanoseconds do not hold what other units do.
fn finer(one: TimeUnit, other: TimeUnit) -> Option<TimeUnit> {
    match (one, other) {
        _ if one == other => Some(one),
        (TimeUnit::Nanosecond, _) | (_, TimeUnit::Nanosecond) => None,
        (TimeUnit::Second, finer) | (finer, TimeUnit::Second) => Some(finer),
        _ => Some(TimeUnit::Microsecond),
    }
}

/// The decimal of as many digits before and after the point as either has.
fn widen_decimals(one: &DataType, other: &DataType) -> Option<DataType> {
    let parts = |of: &DataType| match of {
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale) => Some((i16::from(*digits) - i16::from(*scale), *scale)),
        _ => None,
    };
    let ((whole, scale), (other_whole, other_scale)) = (parts(one)?, parts(other)?);
    let scale = scale.max(other_scale);
    let digits = u8::try_from(whole.max(other_whole) + i16::from(scale)).ok()?;
    (digits <= DECIMAL128_MAX_PRECISION).then_some(DataType::Decimal128(digits, scale))
}

/// The type of labels that are integers of 64 bits in some shards and floating-point numbers in others, or text
/// in some and bytes in others. Numbers that this type cannot hold exactly are refused where they are counted.
fn widen_labels(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{BinaryView, FixedSizeList, Float64, LargeList, List, Utf8View};
    let item = |x: &FieldRef, y: &FieldRef| {
        let (x, y) = (x.data_type(), y.data_type());
        Some(Arc::new(Field::new("item", widen(x, y).or_else(|| widen_labels(x, y))?, true)))
    };
    match (a, b) {
        (List(x) | FixedSizeList(x, _), List(y) | FixedSizeList(y, _)) => Some(List(item(x, y)?)),
        (List(x) | LargeList(x) | FixedSizeList(x, _), List(y) | LargeList(y) | FixedSizeList(y, _)) => {
            Some(LargeList(item(x, y)?))
        }
        (Utf8View, BinaryView) | (BinaryView, Utf8View) => Some(BinaryView),
        (float, int) | (int, float) if float.is_floating() && int.is_integer() => Some(Float64),
        _ => None,
    }
}
