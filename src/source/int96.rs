//! INT96 timestamps, which Spark, Hive and Impala write: nanoseconds within a day, and the day.
//!
//! ```text
//! 12 bytes:  nanoseconds within the day, 8 bytes │ Julian day, 4 bytes
//! ```
//!
//! They are read as microseconds, which hold every date that Spark writes; nanoseconds end in the year 2262. The
//! Parquet reader wraps what its unit cannot hold, so the values themselves are looked at before.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, TimeUnit};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{LogicalType, TimeUnit as ParquetUnit, Type};
use parquet::column::reader::{ColumnReader, get_column_reader};
use parquet::data_type::Int96;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::SchemaDescriptor;

use super::copied_columns::copied_columns;
use super::readable::with_wide_decimals;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::store::{Place, Reader};

/// The Julian day of 1970-01-01.
const EPOCH_DAY: i128 = 2_440_588;
const NANOSECONDS_PER_DAY: i128 = 86_400_000_000_000;
/// Values that are looked at together.
const BATCH_ROWS: usize = 8192;

/// Whether a file has INT96 columns.
#[must_use]
pub(crate) fn has_int96(descriptor: &SchemaDescriptor) -> bool {
    descriptor.columns().iter().any(|column| column.physical_type() == Type::INT96)
}

/// The columns of a file with microseconds in the place of INT96; `None` if it has no INT96 columns.
#[must_use]
pub(crate) fn in_microseconds(schema: &Schema, descriptor: &SchemaDescriptor) -> Option<Schema> {
    with_units(schema, descriptor, &to_read).map(|(schema, _)| schema)
}

/// INT96 leaves of a file, by their number.
type Int96Leaves = BTreeMap<usize, Time>;

/// How an INT96 leaf is read.
#[derive(Debug, Clone, Copy)]
struct Time {
    unit: TimeUnit,
    has_zone: bool,
}

/// Arrow's own schema in a footer may name a zone and a unit. Without one, the reader gives nanoseconds.
fn is_open(given: Time) -> bool {
    given.unit == TimeUnit::Nanosecond && !given.has_zone
}

fn to_read(_: usize, given: Time) -> TimeUnit {
    if is_open(given) { TimeUnit::Microsecond } else { given.unit }
}

/// The schema with INT96 leaves in the units that `unit` says, and those leaves.
fn with_units(
    schema: &Schema,
    descriptor: &SchemaDescriptor,
    unit: &dyn Fn(usize, Time) -> TimeUnit,
) -> Option<(Schema, Int96Leaves)> {
    if !has_int96(descriptor) {
        return None;
    }
    let mut leaves = Leaves { descriptor, leaf: 0, unit, found: BTreeMap::new() };
    let fields: Vec<FieldRef> = schema.fields().iter().map(|field| leaves.changed(field)).collect();
    Some((Schema::new_with_metadata(fields, schema.metadata().clone()), leaves.found))
}

/// Goes through the columns of a schema in the order of the leaves of its file.
struct Leaves<'a> {
    descriptor: &'a SchemaDescriptor,
    leaf: usize,
    unit: &'a dyn Fn(usize, Time) -> TimeUnit,
    found: Int96Leaves,
}

impl Leaves<'_> {
    fn changed(&mut self, field: &FieldRef) -> FieldRef {
        let data_type = match field.data_type() {
            DataType::Struct(fields) => {
                DataType::Struct(fields.iter().map(|field| self.changed(field)).collect())
            }
            DataType::List(item) => DataType::List(self.changed(item)),
            DataType::LargeList(item) => DataType::LargeList(self.changed(item)),
            DataType::ListView(item) => DataType::ListView(self.changed(item)),
            DataType::LargeListView(item) => DataType::LargeListView(self.changed(item)),
            DataType::FixedSizeList(item, width) => DataType::FixedSizeList(self.changed(item), *width),
            DataType::Map(entries, sorted) => DataType::Map(self.changed(entries), *sorted),
            other => self.leaf(other),
        };
        Arc::new(field.as_ref().clone().with_data_type(data_type))
    }

    fn leaf(&mut self, data_type: &DataType) -> DataType {
        let leaf = self.leaf;
        self.leaf += 1;
        let is_int96 = leaf < self.descriptor.num_columns()
            && self.descriptor.column(leaf).physical_type() == Type::INT96;
        match data_type {
            DataType::Timestamp(unit, zone) if is_int96 => {
                let has_zone = zone.is_some();
                let unit = (self.unit)(leaf, Time { unit: *unit, has_zone });
                self.found.insert(leaf, Time { unit, has_zone });
                DataType::Timestamp(unit, zone.clone())
            }
            other => other.clone(),
        }
    }
}

/// What the Parquet reader is to know of a file.
///
/// # Errors
/// Those of the reader.
pub(crate) fn reader_metadata(metadata: &Arc<ParquetMetaData>) -> ParquetResult<ArrowReaderMetadata> {
    let (read, _) = in_units(metadata, &to_read)?;
    let wide = with_wide_decimals(read.schema());
    if wide == **read.schema() {
        return Ok(read);
    }
    ArrowReaderMetadata::try_new(Arc::clone(metadata), ArrowReaderOptions::new().with_schema(Arc::new(wide)))
}

fn in_units(
    metadata: &Arc<ParquetMetaData>,
    unit: &dyn Fn(usize, Time) -> TimeUnit,
) -> ParquetResult<(ArrowReaderMetadata, Int96Leaves)> {
    let plain = ArrowReaderMetadata::try_new(Arc::clone(metadata), ArrowReaderOptions::new())?;
    match with_units(plain.schema(), plain.parquet_schema(), unit) {
        Some((schema, leaves)) => {
            let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
            Ok((ArrowReaderMetadata::try_new(Arc::clone(metadata), options)?, leaves))
        }
        None => Ok((plain, Int96Leaves::new())),
    }
}

/// Makes sure that the INT96 values of some columns are read as they are, in one row group of a file whose columns
/// are `schema`. Files without INT96 columns are not read.
///
/// # Errors
/// [`Error::Input`] naming a column with a value that its unit cannot hold; it does not name the file.
pub(crate) fn check_row_group(
    place: &Place,
    metadata: &ParquetMetaData,
    schema: &Schema,
    group: usize,
    roots: &[usize],
) -> Result<()> {
    let descriptor = metadata.file_metadata().schema_descr();
    let Some((_, leaves)) = with_units(schema, descriptor, &to_read) else { return Ok(()) };
    let is_below = |leaf: &usize| roots.contains(&descriptor.get_column_root_idx(*leaf));
    for (leaf, Time { unit, .. }) in leaves.into_iter().filter(|(leaf, _)| is_below(leaf)) {
        let path = descriptor.column(leaf).path().clone();
        // DataFusion's reader leaves nanoseconds in lists that were written as Hive does.
        let is_old = path.parts().iter().any(|part| part == "bag" || part == "array");
        let unit = if is_old { TimeUnit::Nanosecond } else { unit };
        each_value(place, metadata.row_group(group), leaf, &mut |value| {
            if fits(value, unit) {
                return Ok(());
            }
            Err(Error::input(format!(
                "column {:?} holds a time that {} cannot hold: INT96 with Julian day {}",
                path.string(),
                name(unit),
                value.data()[2].cast_signed()
            ))
            .hint("leave this column out, or write the shard again with dates before the year 290000"))
        })?;
    }
    Ok(())
}

fn name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "seconds",
        TimeUnit::Millisecond => "milliseconds",
        TimeUnit::Microsecond => "microseconds",
        TimeUnit::Nanosecond => "nanoseconds",
    }
}

/// The Julian day, and nanoseconds within it.
fn parts(value: &Int96) -> (i128, i128) {
    let [low, high, day] = [0, 1, 2].map(|i| value.data()[i]);
    let within = (i64::from(high.cast_signed()) << 32) + i64::from(low);
    (i128::from(day.cast_signed()), i128::from(within))
}

fn fits(value: &Int96, unit: TimeUnit) -> bool {
    let (day, within) = parts(value);
    let units = match unit {
        TimeUnit::Second | TimeUnit::Millisecond => return true,
        // Spark counts microseconds from the Julian day 0, and beyond the last ones goes on with the first ones, as
        // the reader does when it counts from 1970.
        TimeUnit::Microsecond => (day * NANOSECONDS_PER_DAY + within) / 1000,
        TimeUnit::Nanosecond => (day - EPOCH_DAY) * NANOSECONDS_PER_DAY + within,
    };
    i64::try_from(units).is_ok()
}

/// Calls `each` with all values of a leaf that are there.
fn each_value(
    place: &Place,
    group: &RowGroupMetaData,
    leaf: usize,
    each: &mut dyn FnMut(&Int96) -> Result<()>,
) -> Result<()> {
    let broken = |cause: &dyn std::fmt::Display| {
        Error::input(format!("a page cannot be decoded: {cause}"))
            .hint("write the shard again, or leave it out of the sources")
    };
    let behind =
        |cause: &(dyn std::error::Error + 'static)| Error::behind(cause).unwrap_or_else(|| broken(&cause));
    let chunk = group.column(leaf);
    let mut file = place.open().map_err(|cause| place.failed(&cause))?;
    let (start, bytes) = chunk.byte_range();
    file.prefetch(start..start + bytes)?;
    let rows = usize::try_from(group.num_rows()).unwrap_or(0);
    let mut values = Vec::with_capacity(BATCH_ROWS);
    let (mut definition, mut repetition) = (Vec::new(), Vec::new());
    // The decoders of some encodings panic on damaged pages.
    let opened = guarded(|| -> ParquetResult<ColumnReader> {
        let pages = SerializedPageReader::<Reader>::new(Arc::new(file), chunk, rows, None)?;
        Ok(get_column_reader(chunk.column_descr_ptr(), Box::new(pages)))
    });
    let opened = opened.ok_or_else(|| broken(&"the decoder gave up"))?.map_err(|cause| behind(&cause))?;
    let ColumnReader::Int96ColumnReader(mut reader) = opened else { return Ok(()) };
    loop {
        values.clear();
        definition.clear();
        repetition.clear();
        let read = guarded(|| {
            let levels = (Some(&mut definition), Some(&mut repetition));
            reader.read_records(BATCH_ROWS, levels.0, levels.1, &mut values)
        });
        let read = read.ok_or_else(|| broken(&"the decoder gave up"))?.map_err(|cause| behind(&cause))?;
        values.iter().try_for_each(&mut *each)?;
        if read.0 == 0 {
            return Ok(());
        }
    }
}

/// How a shard is read to be copied with all its values: INT96 as microseconds, or as nanoseconds where its values
/// need them; and the columns of the copy, with INT64 in the place of INT96, which the Parquet writer lacks.
///
/// # Errors
/// [`Error::Input`] naming a column with values that no unit holds, and those of the reader; it does not name the
/// file.
pub(crate) fn for_copy(
    place: &Place,
    metadata: &Arc<ParquetMetaData>,
) -> Result<(ArrowReaderMetadata, SchemaDescriptor)> {
    let damaged = |cause: parquet::errors::ParquetError| {
        Error::behind(&cause).unwrap_or_else(|| Error::input(format!("a page cannot be decoded: {cause}")))
    };
    let descriptor = metadata.file_metadata().schema_descr();
    let mut units = BTreeMap::new();
    for leaf in 0..descriptor.num_columns() {
        if descriptor.column(leaf).physical_type() == Type::INT96 {
            units.insert(leaf, unit_of(place, metadata, leaf)?);
        }
    }
    let unit = |leaf: usize, given: Time| match given.unit {
        _ if is_open(given) => units.get(&leaf).copied().unwrap_or(TimeUnit::Microsecond),
        // Parquet has no seconds.
        TimeUnit::Second => TimeUnit::Millisecond,
        unit => unit,
    };
    let (read, leaves) = in_units(metadata, &unit).map_err(damaged)?;
    let times = leaves.iter().map(|(leaf, time)| (*leaf, logical(*time))).collect();
    Ok((read, copied_columns(descriptor, &times).map_err(damaged)?))
}

fn logical(time: Time) -> LogicalType {
    let unit = match time.unit {
        TimeUnit::Nanosecond => ParquetUnit::NANOS,
        TimeUnit::Microsecond => ParquetUnit::MICROS,
        TimeUnit::Millisecond | TimeUnit::Second => ParquetUnit::MILLIS,
    };
    LogicalType::timestamp(time.has_zone, unit)
}

/// The unit that holds all values of an INT96 leaf.
fn unit_of(place: &Place, metadata: &ParquetMetaData, leaf: usize) -> Result<TimeUnit> {
    // Whether some value needs nanoseconds, and whether some value needs microseconds.
    let (mut fine, mut far) = (false, false);
    for group in metadata.row_groups() {
        each_value(place, group, leaf, &mut |value| {
            fine |= parts(value).1 % 1000 != 0;
            far |= !fits(value, TimeUnit::Nanosecond);
            if (fine && far) || !fits(value, TimeUnit::Microsecond) {
                let path = metadata.file_metadata().schema_descr().column(leaf).path().string();
                return Err(Error::input(format!(
                    "column {path:?} holds INT96 times that neither microseconds nor nanoseconds hold"
                ))
                .hint("leave --materialize out, or write the column as another type"));
            }
            Ok(())
        })?;
    }
    Ok(if fine { TimeUnit::Nanosecond } else { TimeUnit::Microsecond })
}
