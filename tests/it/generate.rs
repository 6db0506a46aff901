//! Columns and files as writers may write them.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "test helpers: a surprise is a failed test"
)]

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float16Array, LargeListArray, LargeStringArray,
    ListArray, PrimitiveArray, StringArray, StringViewArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use parquet::basic::{Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use proptest::prelude::*;

/// How a file is written.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) version: WriterVersion,
    pub(crate) codec: Compression,
    pub(crate) dictionary: bool,
    /// Small limits make a chunk fall back from its dictionary to plain values.
    pub(crate) dictionary_bytes: usize,
    pub(crate) page_rows: usize,
    pub(crate) group_rows: usize,
}

pub(crate) fn settings() -> impl Strategy<Value = Settings> {
    let codecs = vec![
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
        Compression::GZIP(GzipLevel::default()),
    ];
    (
        prop_oneof![Just(WriterVersion::PARQUET_1_0), Just(WriterVersion::PARQUET_2_0)],
        proptest::sample::select(codecs),
        any::<bool>(),
        prop_oneof![Just(8), Just(1 << 20)],
        prop_oneof![3..40_usize, Just(1000)],
        prop_oneof![10..100_usize, Just(1000)],
    )
        .prop_map(|(version, codec, dictionary, dictionary_bytes, page_rows, group_rows)| Settings {
            version,
            codec,
            dictionary,
            dictionary_bytes,
            page_rows,
            group_rows,
        })
}

impl Settings {
    pub(crate) fn plain() -> Self {
        Self {
            version: WriterVersion::PARQUET_1_0,
            codec: Compression::UNCOMPRESSED,
            dictionary: true,
            dictionary_bytes: 1 << 20,
            page_rows: 1000,
            group_rows: 1000,
        }
    }

    pub(crate) fn properties(&self) -> WriterPropertiesBuilder {
        WriterProperties::builder()
            .set_writer_version(self.version)
            .set_compression(self.codec)
            .set_dictionary_enabled(self.dictionary)
            .set_dictionary_page_size_limit(self.dictionary_bytes)
            .set_data_page_row_count_limit(self.page_rows)
            .set_write_batch_size(7)
            .set_max_row_group_row_count(Some(self.group_rows))
            // Version 2 would otherwise choose delta encodings.
            .set_encoding(Encoding::PLAIN)
    }
}

/// Runs of equal codes, so that both kinds of runs are written; `None` is NULL.
pub(crate) fn codes(len: usize) -> impl Strategy<Value = Vec<Option<u8>>> {
    let code =
        prop_oneof![4 => Just(Some(0)), 3 => Just(Some(1)), 1 => (2..6_u8).prop_map(Some), 1 => Just(None)];
    let never_null = prop_oneof![3 => Just(Some(0)), 2 => Just(Some(1)), 1 => (2..6_u8).prop_map(Some)];
    let run = |code: BoxedStrategy<Option<u8>>| (code, prop_oneof![1..4_usize, 1..40_usize]);
    let runs = |code: BoxedStrategy<Option<u8>>| proptest::collection::vec(run(code), 0..40);
    prop_oneof![runs(code.boxed()), runs(never_null.boxed())].prop_map(move |runs| {
        runs.into_iter().flat_map(|(code, times)| std::iter::repeat_n(code, times)).take(len).collect()
    })
}

pub(crate) fn primitive<T: ArrowPrimitiveType>(codes: &[Option<u8>], values: [T::Native; 6]) -> ArrayRef {
    Arc::new(codes.iter().map(|code| code.map(|c| values[usize::from(c)])).collect::<PrimitiveArray<T>>())
}

/// Types that a label column may have.
pub(crate) const TYPES: [&str; 19] = [
    "bool",
    "i8",
    "u8",
    "i16",
    "u16",
    "i32",
    "u32",
    "i64",
    "u64",
    "f16",
    "f32",
    "f64",
    "decimal32",
    "decimal64",
    "decimal128",
    "text",
    "large text",
    "text view",
    "binary",
];

pub(crate) fn array(kind: &str, codes: &[Option<u8>]) -> ArrayRef {
    const TEXTS: [&str; 6] = ["0", "1", "maybe", "", "a longer text than twelve bytes", "é"];
    let text = |code: &Option<u8>| code.map(|c| TEXTS[usize::from(c)]);
    let decimals = |precision, scale, one: i128| -> ArrayRef {
        let values = [0, one, -one, one / 2, 7 * one, one + 1];
        let array: Decimal128Array = codes.iter().map(|code| code.map(|c| values[usize::from(c)])).collect();
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
    };
    match kind {
        "bool" => Arc::new(codes.iter().map(|code| code.map(|c| c % 2 == 1)).collect::<BooleanArray>()),
        "i8" => primitive::<Int8Type>(codes, [0, 1, -1, 2, -128, 127]),
        "u8" => primitive::<UInt8Type>(codes, [0, 1, 2, 3, 128, 255]),
        "i16" => primitive::<Int16Type>(codes, [0, 1, -1, 2, i16::MIN, i16::MAX]),
        "u16" => primitive::<UInt16Type>(codes, [0, 1, 2, 3, 4, u16::MAX]),
        "i32" => primitive::<Int32Type>(codes, [0, 1, -1, 2, i32::MIN, i32::MAX]),
        "u32" => primitive::<UInt32Type>(codes, [0, 1, 2, 3, 4, u32::MAX]),
        "i64" => primitive::<Int64Type>(codes, [0, 1, -1, 2, i64::MIN, i64::MAX]),
        "u64" => primitive::<UInt64Type>(codes, [0, 1, 2, 3, 4, u64::MAX]),
        "f16" => {
            let values = [0.0, 1.0, f64::NAN, -0.0, 0.5, 1e-6].map(half::f16::from_f64);
            Arc::new(codes.iter().map(|code| code.map(|c| values[usize::from(c)])).collect::<Float16Array>())
        }
        "f32" => primitive::<Float32Type>(codes, [0.0, 1.0, f32::NAN, -0.0, 0.1, f32::INFINITY]),
        "f64" => primitive::<Float64Type>(codes, [0.0, 1.0, f64::NAN, -0.0, 0.1, -f64::NAN]),
        "decimal32" => decimals(5, 2, 100),
        "decimal64" => decimals(17, 3, 1000),
        "decimal128" => decimals(35, 1, 10),
        "text" => Arc::new(codes.iter().map(text).collect::<StringArray>()),
        "large text" => Arc::new(codes.iter().map(text).collect::<LargeStringArray>()),
        "text view" => Arc::new(codes.iter().map(text).collect::<StringViewArray>()),
        _ => Arc::new(codes.iter().map(|c| text(c).map(str::as_bytes)).collect::<BinaryArray>()),
    }
}

/// Rows of labels: a null list, or elements that may be null.
pub(crate) type Rows = Vec<Option<Vec<Option<u8>>>>;

pub(crate) fn rows(width: impl Strategy<Value = usize> + 'static) -> impl Strategy<Value = Rows> {
    let element = prop_oneof![8 => (0..12_u8).prop_map(Some), 1 => Just(None)];
    let solid = (0..12_u8).prop_map(Some);
    let same = (0..12_u8).prop_flat_map(|code| proptest::collection::vec(Just(Some(code)), 0..30));
    let list = move |element: BoxedStrategy<Option<u8>>, width: BoxedStrategy<usize>| {
        width.prop_flat_map(move |width| proptest::collection::vec(element.clone(), width))
    };
    let width = width.boxed();
    let mixed = prop_oneof![
        6 => list(solid.clone().boxed(), width.clone()).prop_map(Some),
        2 => list(element.boxed(), width.clone()).prop_map(Some),
        1 => same.prop_map(Some),
        1 => Just(None),
    ];
    let clean = list(solid.boxed(), width).prop_map(Some);
    prop_oneof![proptest::collection::vec(mixed, 0..120), proptest::collection::vec(clean, 0..120)]
}

/// Lists of the elements that `inner` makes of all codes.
pub(crate) fn lists(kind: &str, rows: &Rows, inner: impl Fn(&[Option<u8>]) -> ArrayRef) -> ArrayRef {
    let elements: Vec<_> = rows.iter().flatten().flatten().copied().collect();
    let values = inner(&elements);
    let lengths = rows.iter().map(|row| row.as_ref().map_or(0, Vec::len));
    let nulls: NullBuffer = rows.iter().map(Option::is_some).collect();
    let field = Arc::new(Field::new("element", values.data_type().clone(), true));
    match kind {
        "list" => Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), values, Some(nulls))),
        _ => Arc::new(LargeListArray::new(field, OffsetBuffer::from_lengths(lengths), values, Some(nulls))),
    }
}

pub(crate) fn label_array(kind: &str, codes: &[Option<u8>]) -> ArrayRef {
    let numbers = codes.iter().map(|code| code.map(|c| i64::from(c) - 1));
    match kind {
        "i32" => Arc::new(numbers.map(|n| n.map(|n| n as i32)).collect::<PrimitiveArray<Int32Type>>()),
        "i64" => Arc::new(numbers.collect::<PrimitiveArray<Int64Type>>()),
        "u16" => {
            Arc::new(codes.iter().map(|code| code.map(u16::from)).collect::<PrimitiveArray<UInt16Type>>())
        }
        _ => Arc::new(codes.iter().map(|code| code.map(|c| "x".repeat(c.into()))).collect::<StringArray>()),
    }
}
