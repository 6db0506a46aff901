//! Types that differ between shards, columns without a type, and the types of keys of folders.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, BooleanArray, Float32Builder, Float64Builder, Int64Array, ListArray, MapBuilder,
    NullArray, StringArray, StringBuilder, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Place, array, cases, write};

/// A row names labels with a value each, or is NULL.
type Row = Option<Vec<(u8, Option<f64>)>>;

const NAMES: [&str; 3] = ["a", "b", "c"];

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let value = prop::option::weighted(0.9, prop::sample::select(vec![0.0, 0.25, 0.5, 0.75, 1.0]));
    let row = prop::collection::btree_map(0..3_u8, value, 0..4).prop_map(|row| row.into_iter().collect());
    prop::collection::vec(prop::option::weighted(0.9, row), 1..12)
}

fn maps(rows: &[Row], wide: bool) -> ArrayRef {
    macro_rules! build {
        ($values:expr, $of:expr) => {{
            let mut maps = MapBuilder::new(None, StringBuilder::new(), $values);
            for row in rows {
                for (label, value) in row.iter().flatten() {
                    maps.keys().append_value(NAMES[usize::from(*label)]);
                    maps.values().append_option(value.map($of));
                }
                maps.append(row.is_some()).unwrap();
            }
            array(maps.finish())
        }};
    }
    #[expect(clippy::cast_possible_truncation, reason = "the values are exact in both types")]
    let narrow = |value: f64| value as f32;
    if wide {
        build!(Float64Builder::new(), |value: f64| value)
    } else {
        build!(Float32Builder::new(), narrow)
    }
}

/// The same as lists of structs.
fn structs(rows: &[Row], wide: bool) -> ArrayRef {
    let entries: Vec<_> = rows.iter().flatten().flatten().collect();
    let names: ArrayRef =
        array(entries.iter().map(|entry| Some(NAMES[usize::from(entry.0)])).collect::<StringArray>());
    let values: ArrayRef = array(entries.iter().map(|entry| entry.1).collect::<arrow::array::Float64Array>());
    let of = if wide { DataType::Float64 } else { DataType::Float32 };
    let values = cast(&values, &of).unwrap();
    let fields = vec![
        (Arc::new(Field::new("name", DataType::Utf8, true)), names),
        (Arc::new(Field::new("score", of, true)), values),
    ];
    let all = StructArray::from(fields);
    let lengths = OffsetBuffer::from_lengths(rows.iter().map(|row| row.as_ref().map_or(0, Vec::len)));
    let nulls = rows.iter().map(Option::is_some).collect::<Vec<_>>().into();
    array(ListArray::new(
        Arc::new(Field::new("item", all.data_type().clone(), true)),
        lengths,
        array(all),
        Some(nulls),
    ))
}

fn numbers(rows: usize) -> ArrayRef {
    array((0..i64::try_from(rows).unwrap()).collect::<Int64Array>())
}

/// What a run says of labels.
fn counts(place: &Place, arguments: &[&str]) -> Value {
    let weights = place.weights(arguments);
    ["rows", "labels", "positives", "negatives", "missing"].map(|key| weights[key].clone()).into()
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn floats_of_two_widths_and_columns_without_a_type_are_one_column(
        shards in prop::collection::vec((rows(), any::<bool>()), 2..4), is_map: bool, untyped in 0..3_usize,
    ) {
        prop_assume!(shards.iter().any(|(rows, _)| rows.iter().flatten().flatten().count() > 0));
        let place = Place::new();
        let column = |rows: &[Row], wide| if is_map { maps(rows, wide) } else { structs(rows, wide) };
        let labels: &[&str] =
            if is_map { &["--labels", "y"] } else { &["--labels", "y.name", "--value", "y.score"] };
        let write_all = |folder: &str, differ: bool| {
            for (number, (rows, wide)) in shards.iter().enumerate() {
                let columns = vec![("y", column(rows, *wide || !differ)), ("k", numbers(rows.len()))];
                write(&place.path(&format!("{folder}/{number}.parquet")), columns);
            }
            // A shard whose rows are all NULL.
            let nulls: ArrayRef = if differ { array(NullArray::new(untyped)) } else { column(&vec![None; untyped], true) };
            if untyped > 0 {
                write(&place.path(&format!("{folder}/null.parquet")), vec![("y", nulls), ("k", numbers(untyped))]);
            }
        };
        write_all("same", false);
        write_all("differ", true);
        let map = [&["--layout", "map", "--threshold", "0.5"][..], labels].concat();
        for more in [&[][..], &["--engine", "plain"], &["--where", "k <> 1"]] {
            let of = |folder: &str| counts(&place, &[&[folder][..], &map, more].concat());
            prop_assert_eq!(of("differ"), of("same"), "{:?}", more);
        }
    }

    #[test]
    fn keys_of_folders_are_compared_as_what_all_of_them_are(
        values in prop::sample::select(vec![
            &["1", "20", "3"][..], &["0.5", "2", "10"], &["1", "x", "10"], &["01", "2", "10"], &["-1", "1e1", "0.1"],
            &["2024-01-31", "2023-12-01", "2024-02-01"], &["true", "false", "true"],
        ]),
        bound in prop::sample::select(vec!["1", "2.5", "10"]), more: bool,
    ) {
        let place = Place::new();
        let bits = || array(BooleanArray::from(vec![true, false, true]));
        for (number, value) in values.iter().enumerate() {
            write(&place.path(&format!("in/key={value}/{number}.parquet")), vec![("l", bits())]);
        }
        let is_number = |value: &&str| value.parse::<f64>().is_ok();
        let number = |value: &str| value.parse::<f64>().unwrap();
        let has_zero = values.contains(&"01");
        let (condition, kept): (String, usize) = if values[0] == "true" {
            ("key".to_owned(), 2)
        } else if values[0].starts_with("2024") {
            ("key >= '2024-01-01' AND key < date '2024-02-01'".to_owned(), 1)
        } else if values.iter().all(is_number) && !has_zero {
            (format!("key >= {bound}"), values.iter().filter(|value| number(value) >= number(bound)).count())
        } else {
            // Text is compared with text, by code point.
            (format!("key >= '{bound}'"), values.iter().filter(|value| **value >= bound).count())
        };
        let whole = ["in", "--layout", "wide", "--labels", "l", "--allow-empty"];
        // A column of the files asks for rows, and folders alone for whole shards.
        let condition = if more { format!("({condition}) AND l IS NOT NULL") } else { condition };
        for engine in ["auto", "plain"] {
            let weights = place.weights(&[&whole[..], &["--where", &condition, "--engine", engine]].concat());
            prop_assert_eq!(weights["rows"].as_u64(), Some(3 * kept as u64), "{}", condition);
            // Rows read one by one, too.
            let measured = place.json("out/imbalance.json");
            prop_assert_eq!(measured["rows"].as_u64(), Some(3 * kept as u64), "{}", condition);
        }
    }
}

#[test]
fn keys_keep_their_spelling_as_labels_and_groups_and_in_conditions_on_text() {
    let place = Place::new();
    for value in ["0.50", "2"] {
        let bits = array(BooleanArray::from(vec![true, false]));
        write(&place.path(&format!("in/w={value}/a.parquet")), vec![("l", bits)]);
    }
    let wide = ["in", "--layout", "wide", "--labels", "l"];
    let rows = |more: &[&str]| place.weights(&[&wide[..], more].concat())["rows"].clone();
    assert_eq!(rows(&["--where", "w > 1"]), 2);
    assert_eq!(rows(&["--where", "w = 0.5"]), 2);
    assert_eq!(rows(&["--where", "w LIKE '0.5_'"]), 2);
    assert_eq!(rows(&["--by", "w", "--where", "w < 1"]), 2);
    assert!(place.path("out/by/w=0.50").exists());
    let class = place.weights(&["in", "--layout", "class", "--labels", "w", "--where", "w >= 0.5"]);
    assert_eq!(class["labels"], json!(["0.50", "2"]));
    let ended = place.run(&[&["compute"][..], &wide, &["--where", "w > 7", "--out", "x"]].concat());
    assert!(ended.code == 4 && ended.stderr.contains("0.50"), "{}", ended.stderr);
}

#[test]
fn saved_counts_are_not_used_when_a_key_becomes_text() {
    let place = Place::new();
    let shard = |value: &str| {
        let bits = array(BooleanArray::from(vec![true, false]));
        write(&place.path(&format!("in/key={value}/a.parquet")), vec![("l", bits)]);
    };
    shard("1");
    shard("20");
    let wide = ["in", "--layout", "wide", "--labels", "l", "--where", "key > '3' AND l IS NOT NULL"];
    let saved = [&wide[..], &["--state", "state"]].concat();
    assert_eq!(place.weights(&saved)["rows"], 2);
    // As text, 20 is before 3.
    shard("x");
    assert_eq!(place.weights(&wide)["rows"], 2);
    assert_eq!(place.weights(&saved)["rows"], 2);
    shard("4");
    assert_eq!((&place.weights(&saved)["rows"], &place.weights(&wide)["rows"]), (&json!(4), &json!(4)));
}
