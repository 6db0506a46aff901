//! Counting encoded pages gives what reading arrays gives, on whatever a writer may write.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::float_cmp,
    reason = "test helpers: a surprise is a failed test"
)]

use std::sync::Arc;

use crate::counts::{Cell, Tally};
use crate::pages::{Chunk, ChunkOutcome, FlatCount, StoredValue, Workspace, check_footer, count_flat};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Field, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Schema, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use crate::pages::generate::{TYPES, array, codes, settings};

mod chosen;
mod damage;
mod nested;
mod sets;
mod vectors;

/// A Parquet file of one column.
struct ColumnFile {
    bytes: Bytes,
    meta: ParquetMetaData,
}

impl ColumnFile {
    fn write(array: &ArrayRef, properties: WriterProperties) -> Self {
        let schema = Arc::new(Schema::new(vec![Field::new("label", array.data_type().clone(), true)]));
        let batch = RecordBatch::try_new(schema.clone(), vec![array.clone()]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let bytes = Bytes::from(bytes);
        let tail = bytes.len() - 8;
        let footer = u32::from_le_bytes(bytes[tail..tail + 4].try_into().unwrap()) as usize;
        check_footer(&bytes[tail - footer..tail]).unwrap();
        let meta = ParquetMetaDataReader::new().parse_and_finish(&bytes).unwrap();
        Self { bytes, meta }
    }

    /// The label column of every row group.
    fn chunks(&self) -> impl Iterator<Item = Chunk<'_>> {
        self.leaf(0)
    }

    /// A leaf of the label column in every row group.
    fn leaf(&self, leaf: usize) -> impl Iterator<Item = Chunk<'_>> {
        self.meta.row_groups().iter().map(move |group| {
            let meta = group.column(leaf);
            let (start, len) = meta.byte_range();
            let bytes = &self.bytes[start as usize..(start + len) as usize];
            Chunk { bytes, meta, rows: group.num_rows() as u64, clock: None }
        })
    }

    /// What the Arrow reader gives.
    fn arrays(&self) -> Vec<ArrayRef> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(self.bytes.clone()).unwrap().build().unwrap();
        reader.map(|batch| batch.unwrap().column(0).clone()).collect()
    }
}

/// The value of one row, read from the array.
fn value(array: &ArrayRef, row: usize) -> Option<StoredValue<'_>> {
    fn int<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> i64
    where
        T::Native: Into<i64>,
    {
        array.as_primitive::<T>().value(row).into()
    }
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Boolean => StoredValue::Bool(array.as_boolean().value(row)),
        DataType::Int8 => StoredValue::Int(int::<Int8Type>(array, row)),
        DataType::Int16 => StoredValue::Int(int::<Int16Type>(array, row)),
        DataType::Int32 => StoredValue::Int(int::<Int32Type>(array, row)),
        DataType::Int64 => StoredValue::Int(int::<Int64Type>(array, row)),
        DataType::UInt8 => StoredValue::UInt(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => StoredValue::UInt(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => StoredValue::UInt(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => StoredValue::UInt(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float16 => StoredValue::Half(array.as_primitive::<Float16Type>().value(row).into()),
        DataType::Float32 => StoredValue::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => StoredValue::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            let units = array.as_primitive::<Decimal128Type>().value(row);
            let one = 10_i128.pow(u32::try_from(*scale).unwrap());
            if units % one == 0 {
                StoredValue::Int((units / one) as i64)
            } else {
                StoredValue::Float(units as f64 / one as f64)
            }
        }
        DataType::Utf8 => StoredValue::Text(array.as_string::<i32>().value(row).as_bytes()),
        DataType::LargeUtf8 => StoredValue::Text(array.as_string::<i64>().value(row).as_bytes()),
        DataType::Utf8View => StoredValue::Text(array.as_string_view().value(row).as_bytes()),
        DataType::Binary => StoredValue::Text(array.as_binary::<i32>().value(row)),
        other => panic!("{other}"),
    })
}

/// Every side has values of every type.
fn cell(value: StoredValue<'_>) -> Cell {
    match value {
        StoredValue::Bool(true)
        | StoredValue::Int(1)
        | StoredValue::UInt(1)
        | StoredValue::Float(1.0)
        | StoredValue::Half(1.0)
        | StoredValue::Text(b"1") => Cell::Positive,
        StoredValue::Bool(false)
        | StoredValue::Int(0)
        | StoredValue::UInt(0)
        | StoredValue::Float(0.0)
        | StoredValue::Half(0.0)
        | StoredValue::Text(b"0") => Cell::Negative,
        StoredValue::Float(x) | StoredValue::Half(x) if x.is_nan() => Cell::Missing,
        StoredValue::Int(-1)
        | StoredValue::UInt(2)
        | StoredValue::Float(0.1 | 0.5)
        | StoredValue::Half(0.5)
        | StoredValue::Text(b"maybe") => Cell::Uncertain,
        _ => Cell::Invalid,
    }
}

fn counted<T>(outcome: ChunkOutcome<T>) -> T {
    match outcome {
        ChunkOutcome::Counted(count) => count,
        ChunkOutcome::Unsupported(reason) => panic!("not counted: {reason}"),
    }
}

fn flat(shard: &ColumnFile, workspace: &mut Workspace) -> FlatCount {
    let mut sum = FlatCount::default();
    for chunk in shard.chunks() {
        let count = counted(count_flat(&chunk, workspace, &cell).unwrap());
        assert_eq!(count.tally.total(), Some(chunk.rows));
        sum.tally = sum.tally.checked_add(&count.tally).unwrap();
        sum.first_invalid = sum.first_invalid.or(count.first_invalid);
    }
    sum
}

proptest! {
    #[test]
    fn a_flat_column_is_tallied_as_arrow_reads_it(
        kind in proptest::sample::select(&TYPES[..]), codes in codes(700), settings in settings(),
    ) {
        let shard = ColumnFile::write(&array(kind, &codes), settings.properties().build());
        let mut expected = Tally::default();
        for array in shard.arrays() {
            (0..array.len()).for_each(|row| expected.add(value(&array, row).map_or(Cell::Missing, cell), 1));
        }
        let found = flat(&shard, &mut Workspace::default());
        prop_assert_eq!(found.tally, expected);
        prop_assert_eq!(found.first_invalid.is_some(), expected.invalid > 0);
    }
}
