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

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, PrimitiveArray, RecordBatch, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Field, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Schema, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{BrotliLevel, Compression, Encoding};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::{WriterProperties, WriterVersion};
use posweight::counts::{Cell, Tally};
use posweight::pages::{
    Chunk, FlatCount, LabelSet, Outcome, SetCount, SetCounter, Value, VectorCount, Workspace, check_footer,
    count_flat, count_sets, count_vector,
};
use proptest::prelude::*;

use crate::generate::{Rows, Settings, TYPES, array, codes, label_array, lists, rows, settings};

/// A Parquet file of one column.
struct Shard {
    bytes: Bytes,
    meta: ParquetMetaData,
}

impl Shard {
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
        self.meta.row_groups().iter().map(|group| {
            let meta = group.column(0);
            let (start, len) = meta.byte_range();
            let bytes = &self.bytes[start as usize..(start + len) as usize];
            Chunk { bytes, meta, rows: group.num_rows() as u64 }
        })
    }

    /// What the Arrow reader gives.
    fn arrays(&self) -> Vec<ArrayRef> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(self.bytes.clone()).unwrap().build().unwrap();
        reader.map(|batch| batch.unwrap().column(0).clone()).collect()
    }
}

/// The value of one row, read from the array.
fn value(array: &ArrayRef, row: usize) -> Option<Value<'_>> {
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
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => Value::Int(int::<Int8Type>(array, row)),
        DataType::Int16 => Value::Int(int::<Int16Type>(array, row)),
        DataType::Int32 => Value::Int(int::<Int32Type>(array, row)),
        DataType::Int64 => Value::Int(int::<Int64Type>(array, row)),
        DataType::UInt8 => Value::UInt(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Value::UInt(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Value::UInt(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => Value::UInt(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float16 => Value::Float(array.as_primitive::<Float16Type>().value(row).into()),
        DataType::Float32 => Value::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            let units = array.as_primitive::<Decimal128Type>().value(row);
            let one = 10_i128.pow(u32::try_from(*scale).unwrap());
            if units % one == 0 {
                Value::Int((units / one) as i64)
            } else {
                Value::Float(units as f64 / one as f64)
            }
        }
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row).as_bytes()),
        DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(row).as_bytes()),
        DataType::Utf8View => Value::Text(array.as_string_view().value(row).as_bytes()),
        DataType::Binary => Value::Text(array.as_binary::<i32>().value(row)),
        other => panic!("{other}"),
    })
}

/// Every side has values of every type.
fn cell(value: Value<'_>) -> Cell {
    match value {
        Value::Bool(true) | Value::Int(1) | Value::UInt(1) | Value::Float(1.0) | Value::Text(b"1") => {
            Cell::Positive
        }
        Value::Bool(false) | Value::Int(0) | Value::UInt(0) | Value::Float(0.0) | Value::Text(b"0") => {
            Cell::Negative
        }
        Value::Float(x) if x.is_nan() => Cell::Missing,
        Value::Int(-1) | Value::UInt(2) | Value::Float(0.1 | 0.5) | Value::Text(b"maybe") => Cell::Uncertain,
        _ => Cell::Invalid,
    }
}

fn counted<T>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Counted(count) => count,
        Outcome::Unsupported(reason) => panic!("not counted: {reason}"),
    }
}

fn flat(shard: &Shard, workspace: &mut Workspace) -> FlatCount {
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
        let shard = Shard::write(&array(kind, &codes), settings.properties().build());
        let mut expected = Tally::default();
        for array in shard.arrays() {
            (0..array.len()).for_each(|row| expected.add(value(&array, row).map_or(Cell::Missing, cell), 1));
        }
        let found = flat(&shard, &mut Workspace::default());
        prop_assert_eq!(found.tally, expected);
        prop_assert_eq!(found.first_invalid.is_some(), expected.invalid > 0);
    }
}

/// Labels for ints and texts; what they are is decided by a number, so that all kinds of mappings occur.
#[derive(Debug, Clone)]
struct Rules {
    bound: Option<u32>,
    /// Values from here on are invalid.
    invalid: i64,
    /// Two values stand for one label each below, for two labels from here on.
    two: i64,
    /// Values 1 and 2 stand for the same label.
    alike: bool,
}

impl Rules {
    fn number(value: Value<'_>) -> Result<i64, String> {
        match value {
            Value::Int(int) => Ok(int),
            Value::UInt(int) => i64::try_from(int).map_err(|e| e.to_string()),
            Value::Text(text) => Ok(text.len() as i64),
            other => Err(other.to_string()),
        }
    }
}

impl LabelSet for Rules {
    fn labels(&mut self, value: Value<'_>, out: &mut Vec<u32>) -> Result<(), String> {
        let number = Self::number(value)?;
        match u32::try_from(number) {
            Err(_) => {}
            Ok(label)
                if self.bound.is_some_and(|bound| label < bound) && !matches!(value, Value::Text(_)) =>
            {
                out.push(label);
            }
            _ if number >= self.invalid => return Err(format!("{number} is not a label")),
            Ok(label) if number >= self.two => out.extend([label, label / 2, label]),
            Ok(2) if self.alike => out.push(1),
            Ok(label) => out.push(label),
        }
        Ok(())
    }

    fn identity_bound(&self) -> Option<u32> {
        self.bound
    }
}

fn rules() -> impl Strategy<Value = Rules> {
    let never = 1000_i64;
    (
        prop_oneof![Just(None), Just(Some(4)), Just(Some(50))],
        prop_oneof![3 => Just(never), 1 => Just(9)],
        prop_oneof![3 => Just(never), 1 => Just(7)],
        prop_oneof![3 => Just(false), 1 => Just(true)],
    )
        .prop_map(|(bound, invalid, two, alike)| Rules { bound, invalid, two, alike })
}

/// What the labels of rows, each a list of values, add up to.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    positives: Vec<u64>,
    count: SetCount,
}

impl Expected {
    fn row<'v>(&mut self, values: Option<impl Iterator<Item = Option<Value<'v>>>>, rules: &mut Rules) {
        self.count.rows += 1;
        let Some(values) = values else {
            self.count.null_rows += 1;
            return;
        };
        let (mut labels, mut invalid) = (Vec::new(), false);
        for value in values {
            match value {
                None => self.count.null_elements += 1,
                Some(value) => invalid |= rules.labels(value, &mut labels).is_err(),
            }
        }
        if invalid {
            self.count.invalid_rows += 1;
            return;
        }
        for label in labels.into_iter().collect::<BTreeSet<_>>() {
            let label = label as usize;
            self.positives.resize(self.positives.len().max(label + 1), 0);
            self.positives[label] += 1;
        }
    }
}

fn sets(shard: &Shard, rules: &mut dyn LabelSet) -> Expected {
    let (mut workspace, mut counter, mut sum) =
        (Workspace::default(), SetCounter::new(), SetCount::default());
    for chunk in shard.chunks() {
        let count = counted(count_sets(&chunk, &mut workspace, rules, &mut counter).unwrap());
        assert_eq!(count.first_invalid.is_some(), count.invalid_rows > 0);
        sum.rows += count.rows;
        sum.null_rows += count.null_rows;
        sum.null_elements += count.null_elements;
        sum.invalid_rows += count.invalid_rows;
    }
    Expected { positives: trimmed(counter.take()), count: sum }
}

/// Without labels that no row has at the end.
fn trimmed(mut positives: Vec<u64>) -> Vec<u64> {
    while positives.last() == Some(&0) {
        positives.pop();
    }
    positives
}

proptest! {
    #[test]
    fn labels_of_lists_are_counted_as_arrow_reads_them(
        list in proptest::sample::select(&["list", "large list"][..]),
        kind in proptest::sample::select(&["i32", "i64", "u16", "text"][..]),
        rows in rows(0..9_usize), mut rules in rules(), settings in settings(),
    ) {
        let array = lists(list, &rows, |codes| label_array(kind, codes));
        let shard = Shard::write(&array, settings.properties().build());
        let mut expected = Expected::default();
        for array in shard.arrays() {
            for row in 0..array.len() {
                let items = array.is_valid(row).then(|| match array.data_type() {
                    DataType::List(_) => array.as_list::<i32>().value(row),
                    _ => array.as_list::<i64>().value(row),
                });
                expected.row(items.as_ref().map(|items| (0..items.len()).map(|i| value(items, i))), &mut rules);
            }
        }
        prop_assert_eq!(sets(&shard, &mut rules), expected);
    }

    #[test]
    fn labels_of_single_values_are_counted_as_arrow_reads_them(
        kind in proptest::sample::select(&["i32", "i64", "u16", "text"][..]),
        codes in proptest::collection::vec(proptest::option::weighted(0.9, 0..12_u8), 0..500),
        mut rules in rules(), settings in settings(),
    ) {
        let shard = Shard::write(&label_array(kind, &codes), settings.properties().build());
        let mut expected = Expected::default();
        for array in shard.arrays() {
            for row in 0..array.len() {
                expected.row(value(&array, row).map(|value| std::iter::once(Some(value))), &mut rules);
            }
        }
        prop_assert_eq!(sets(&shard, &mut rules), expected);
    }
}

/// Splits at `|`; a label is named by its length.
struct Delimited;

impl LabelSet for Delimited {
    fn labels(&mut self, value: Value<'_>, out: &mut Vec<u32>) -> Result<(), String> {
        let Value::Text(text) = value else { return Err(value.to_string()) };
        out.extend(
            text.split(|byte| *byte == b'|').filter(|part| !part.is_empty()).map(|part| part.len() as u32),
        );
        Ok(())
    }
}

#[test]
fn a_delimited_string_stands_for_several_labels() {
    let texts = [Some("a|bb"), None, Some(""), Some("bb|bb|a"), Some("ccc"), Some("a|bb")];
    let array: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    for dictionary in [true, false] {
        let settings = Settings { dictionary, ..Settings::plain() };
        let found = sets(&Shard::write(&array, settings.properties().build()), &mut Delimited);
        assert_eq!(found.positives, [0, 3, 3, 1]);
        assert_eq!((found.count.rows, found.count.null_rows, found.count.invalid_rows), (6, 1, 0));
    }
}

const WIDTH: usize = 5;

/// Lists of one length without nulls inside, or anything.
fn vectors() -> impl Strategy<Value = Rows> {
    let even = proptest::collection::vec(
        prop_oneof![
            9 => proptest::collection::vec(prop_oneof![3 => Just(Some(0)), 1 => (1..6_u8).prop_map(Some)], WIDTH).prop_map(Some),
            1 => Just(None),
        ],
        0..150,
    );
    prop_oneof![
        even,
        rows(Just(WIDTH)).prop_map(|mut rows| {
            rows.iter_mut().flatten().flatten().flatten().for_each(|code| *code %= 6);
            rows
        })
    ]
}

/// Positions differ in what they take for positive.
fn cell_at(position: usize, value: Value<'_>) -> Cell {
    match (position, cell(value)) {
        (0, Cell::Positive) => Cell::Uncertain,
        (_, cell) => cell,
    }
}

fn vector(shard: &Shard) -> (Vec<Tally>, VectorCount) {
    let (mut workspace, mut tallies, mut sum) =
        (Workspace::default(), vec![Tally::default(); WIDTH], VectorCount::default());
    for chunk in shard.chunks() {
        let count = counted(count_vector(&chunk, &mut workspace, &cell_at, &mut tallies).unwrap());
        sum.first_wrong = sum.first_wrong.or(count.first_wrong.map(|mut wrong| {
            wrong.row += sum.rows;
            wrong
        }));
        sum.rows += count.rows;
        sum.null_rows += count.null_rows;
        sum.wrong_rows += count.wrong_rows;
        sum.first_invalid = sum.first_invalid.or(count.first_invalid);
    }
    assert!(tallies.iter().all(|tally| tally.total() == Some(sum.rows)));
    (tallies, sum)
}

proptest! {
    #[test]
    fn vectors_are_tallied_as_arrow_reads_them(
        kind in proptest::sample::select(&TYPES[..]), rows in vectors(), settings in settings(),
    ) {
        let shard = Shard::write(&lists("list", &rows, |codes| array(kind, codes)), settings.properties().build());
        let (mut tallies, mut count) = (vec![Tally::default(); WIDTH], VectorCount::default());
        for array in shard.arrays() {
            for row in 0..array.len() {
                count.rows += 1;
                let items = array.as_list::<i32>().value(row);
                if array.is_null(row) {
                    count.null_rows += 1;
                    for tally in &mut tallies {
                        tally.add(Cell::Missing, 1);
                    }
                } else if items.len() != WIDTH {
                    count.wrong_rows += 1;
                    for tally in &mut tallies {
                        tally.add(Cell::Invalid, 1);
                    }
                } else {
                    for (position, tally) in tallies.iter_mut().enumerate() {
                        tally.add(value(&items, position).map_or(Cell::Missing, |value| cell_at(position, value)), 1);
                    }
                }
            }
        }
        let (found, found_count) = vector(&shard);
        prop_assert_eq!(&found, &tallies);
        prop_assert_eq!((found_count.rows, found_count.null_rows, found_count.wrong_rows), (count.rows, count.null_rows, count.wrong_rows));
        let first = rows.iter().position(|row| row.as_ref().is_some_and(|row| row.len() != WIDTH));
        prop_assert_eq!(found_count.first_wrong.map(|wrong| wrong.row as usize), first);
        let invalid: u64 = tallies.iter().map(|tally| tally.invalid - count.wrong_rows).sum();
        prop_assert_eq!(found_count.first_invalid.is_some(), invalid > 0);
    }
}

#[test]
fn lists_of_fixed_size_may_be_null() {
    let values: ArrayRef = Arc::new(PrimitiveArray::<Float32Type>::from_iter_values([
        1., 0., 0., 0., 0., 9., 9., 9., 9., 9., 0., 1., 1., 0., 0.,
    ]));
    let field = Arc::new(Field::new("element", DataType::Float32, true));
    let nulls = NullBuffer::from(vec![true, false, true]);
    let array: ArrayRef = Arc::new(FixedSizeListArray::new(field, WIDTH as i32, values, Some(nulls)));
    let (tallies, count) = vector(&Shard::write(&array, Settings::plain().properties().build()));
    assert_eq!((count.rows, count.null_rows, count.wrong_rows), (3, 1, 0));
    assert_eq!(
        tallies.iter().map(|t| (t.positives + t.uncertain, t.negatives, t.missing)).collect::<Vec<_>>(),
        [(1, 1, 1), (1, 1, 1), (1, 1, 1), (0, 2, 1), (0, 2, 1)]
    );
}

#[test]
fn what_is_not_known_is_left_to_arrow_and_counts_nothing() {
    let codes: Vec<_> = (0..200).map(|i| Some(i % 2)).collect();
    let ints =
        lists("list", &codes.chunks(5).map(|row| Some(row.to_vec())).collect(), |codes| array("i32", codes));
    let plain = Settings { dictionary: false, ..Settings::plain() };
    let brotli = Settings { codec: Compression::BROTLI(BrotliLevel::default()), ..plain.clone() };
    for (properties, reason) in [
        (
            plain.properties().set_encoding(Encoding::DELTA_BINARY_PACKED).build(),
            "encoding DELTA_BINARY_PACKED",
        ),
        (plain.properties().set_encoding(Encoding::BYTE_STREAM_SPLIT).build(), "encoding BYTE_STREAM_SPLIT"),
        (brotli.properties().build(), "codec BROTLI(BrotliLevel(1))"),
    ] {
        let shard = Shard::write(&ints, properties);
        let chunk = shard.chunks().next().unwrap();
        let (mut workspace, mut counter, mut tallies) =
            (Workspace::default(), SetCounter::new(), [Tally::default(); WIDTH]);
        let mut rules = Rules { bound: Some(9), invalid: 99, two: 99, alike: false };
        let found = count_sets(&chunk, &mut workspace, &mut rules, &mut counter).unwrap();
        assert_eq!(found, Outcome::Unsupported(reason.to_owned()));
        let found = count_vector(&chunk, &mut workspace, &cell_at, &mut tallies).unwrap();
        assert_eq!(found, Outcome::Unsupported(reason.to_owned()));
        assert_eq!((trimmed(counter.take()), tallies), (vec![], [Tally::default(); WIDTH]));
    }
    let shard = Shard::write(&ints, plain.properties().build());
    let chunk = shard.chunks().next().unwrap();
    let found = count_flat(&chunk, &mut Workspace::default(), &cell).unwrap();
    assert_eq!(found, Outcome::Unsupported("a list where a column of single values was expected".to_owned()));
}

/// Bytes of a chunk changed at some places.
fn damage(bytes: &[u8], flips: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, bits) in flips {
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8 * ProptestConfig::default().cases, ..ProptestConfig::default() })]

    #[test]
    fn damaged_pages_give_an_error_or_counts_that_add_up(
        kind in proptest::sample::select(&TYPES[..]), codes in codes(300), settings in settings(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
        width in 1..5_usize,
    ) {
        let mut workspace = Workspace::default();
        let shard = Shard::write(&array(kind, &codes), settings.properties().build());
        for chunk in shard.chunks() {
            let bytes = damage(chunk.bytes, &flips);
            if let Ok(Outcome::Counted(count)) = count_flat(&Chunk { bytes: &bytes, ..chunk }, &mut workspace, &cell) {
                prop_assert_eq!(count.tally.total(), Some(chunk.rows));
            }
        }
        let rows: Rows = codes.chunks(width).map(|row| Some(row.to_vec())).collect();
        let shard = Shard::write(&lists("list", &rows, |codes| array(kind, codes)), settings.properties().build());
        let mut rules = Rules { bound: Some(3), invalid: 100, two: 99, alike: false };
        for chunk in shard.chunks() {
            let bytes = damage(chunk.bytes, &flips);
            let damaged = Chunk { bytes: &bytes, ..chunk };
            let mut counter = SetCounter::new();
            let outcome = count_sets(&damaged, &mut workspace, &mut rules, &mut counter);
            let positives = counter.take();
            match outcome {
                Ok(Outcome::Counted(count)) => {
                    prop_assert_eq!(count.rows, chunk.rows);
                    let known = count.rows - count.null_rows - count.invalid_rows;
                    prop_assert!(positives.iter().all(|rows| *rows <= known));
                }
                _ => prop_assert!(positives.iter().all(|rows| *rows == 0), "half counted"),
            }
            let mut tallies = vec![Tally::default(); width];
            let outcome = count_vector(&damaged, &mut workspace, &cell_at, &mut tallies);
            let total = if matches!(outcome, Ok(Outcome::Counted(_))) { chunk.rows } else { 0 };
            prop_assert!(tallies.iter().all(|tally| tally.total() == Some(total)));
        }
    }
}

#[test]
fn every_beginning_of_a_chunk_is_refused() {
    let codes: Vec<_> = (0..300_u32).map(|i| Some((i * i % 6) as u8)).collect();
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let settings = Settings { version, page_rows: 50, ..Settings::plain() };
        let shard = Shard::write(&array("i32", &codes), settings.properties().build());
        let chunk = shard.chunks().next().unwrap();
        for end in 0..chunk.bytes.len() {
            let cut = Chunk { bytes: &chunk.bytes[..end], ..chunk };
            let error = count_flat(&cut, &mut Workspace::default(), &cell).unwrap_err().to_string();
            assert!(error.starts_with("corrupt column chunk: "), "{error}");
        }
    }
}

#[test]
fn a_footer_that_lies_about_rows_is_refused() {
    let shard = Shard::write(&array("u8", &[Some(1); 20]), Settings::plain().properties().build());
    let chunk = shard.chunks().next().unwrap();
    let mut tallies = [Tally::default()];
    let error = count_flat(&Chunk { rows: 21, ..chunk }, &mut Workspace::default(), &cell).unwrap_err();
    assert_eq!(error.to_string(), "corrupt column chunk: 20 values in a row group of 21 rows");
    let rows = vec![Some(vec![Some(1)]); 20];
    let shard = Shard::write(
        &lists("list", &rows, |codes| array("u8", codes)),
        Settings::plain().properties().build(),
    );
    for rows in [19, 21] {
        let chunk = Chunk { rows, ..shard.chunks().next().unwrap() };
        let expected = format!("corrupt column chunk: 20 lists in a row group of {rows} rows");
        let error = count_vector(&chunk, &mut Workspace::default(), &cell_at, &mut tallies).unwrap_err();
        assert_eq!(error.to_string(), expected);
        let mut counter = SetCounter::new();
        let mut rules = Rules { bound: None, invalid: 9, two: 9, alike: false };
        let error = count_sets(&chunk, &mut Workspace::default(), &mut rules, &mut counter).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(trimmed(counter.take()), Vec::<u64>::new());
    }
}
