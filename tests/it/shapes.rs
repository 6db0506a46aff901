//! The same rows in every shape that people store: the same counts, weights and measures.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, MapArray, StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::generate::{Settings, settings};
use crate::support::{Place, array, cases, write_with};

/// Label names with what makes text hard to read.
const NAMES: [&str; 6] = ["a", "b, c", "it's", "say \"x\"", "zoë \\ n", "[0]"];

/// Which labels a row has.
type Row = [bool; NAMES.len()];
type Rows = Vec<Row>;

fn names_of(row: Row) -> Vec<&'static str> {
    (0..NAMES.len()).filter(|label| row[*label]).map(|label| NAMES[label]).collect()
}

/// A string as Python's `repr` writes it.
fn python(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let escaped = text.replace('\\', "\\\\");
    let escaped = if quote == '\'' { escaped.replace('\'', "\\'") } else { escaped };
    format!("{quote}{escaped}{quote}")
}

fn texts(rows: &Rows, text: impl Fn(Row) -> String) -> ArrayRef {
    array(rows.iter().map(|row| Some(text(*row))).collect::<StringArray>())
}

fn bits(rows: &Rows, label: usize) -> ArrayRef {
    array(rows.iter().map(|row| Some(row[label])).collect::<BooleanArray>())
}

/// One list of `values` per row, `length` of each.
fn lists(values: ArrayRef, name: &str, lengths: impl Iterator<Item = usize>) -> ListArray {
    let field = Arc::new(Field::new(name, values.data_type().clone(), true));
    ListArray::new(field, OffsetBuffer::from_lengths(lengths), values, None)
}

fn of_fields(columns: Vec<(&str, ArrayRef)>) -> StructArray {
    let fields: Fields =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    StructArray::new(fields, columns.into_iter().map(|(_, column)| column).collect(), None)
}

/// Every positive, and every third negative that a map may leave out.
fn entries(row: Row) -> Vec<(&'static str, f64)> {
    let all = NAMES.iter().zip(row).enumerate();
    let kept = all.filter(|(label, (_, is))| *is || label % 3 == 0);
    kept.map(|(_, (name, is))| (*name, f64::from(u8::from(is)))).collect()
}

fn map(rows: &Rows) -> ArrayRef {
    let all: Vec<(&str, f64)> = rows.iter().copied().flat_map(entries).collect();
    let keys = array(all.iter().map(|(name, _)| Some(*name)).collect::<StringArray>());
    let values = array(all.iter().map(|(_, value)| Some(*value)).collect::<Float64Array>());
    let fields = vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Float64, true)];
    let pairs = StructArray::new(fields.into(), vec![keys, values], None);
    let field = Arc::new(Field::new("entries", pairs.data_type().clone(), false));
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(|row| entries(*row).len()));
    Arc::new(MapArray::new(field, offsets, pairs, None, false))
}

/// Columns of one shard, and the flags that read them.
type Shape = (Vec<(&'static str, ArrayRef)>, Vec<&'static str>);

/// All shapes but `wide`; row ids begin at `first`.
fn shapes(rows: &Rows, first: usize) -> Vec<(&'static str, Shape)> {
    let fields = || NAMES.iter().enumerate().map(|(label, name)| (*name, bits(rows, label))).collect();
    let all: Vec<&str> = rows.iter().copied().flat_map(names_of).collect();
    let names = || array(StringArray::from(all.clone()));
    let lengths = || rows.iter().map(|row| names_of(*row).len());
    let objects = of_fields(vec![
        ("box", array(vec![0.5; all.len()].into_iter().collect::<Float64Array>())),
        ("name", names()),
    ]);
    let values: Vec<f64> = rows.iter().flatten().map(|is| f64::from(u8::from(*is))).collect();
    let vector = lists(array(Float64Array::from(values)), "item", rows.iter().map(|_| NAMES.len()));
    let masks =
        rows.iter().map(|row| (0..NAMES.len()).map(|label| i64::from(row[label]) << label).sum::<i64>());
    let ids = rows
        .iter()
        .enumerate()
        .flat_map(|(row, labels)| names_of(*labels).into_iter().map(move |_| row + first));
    let ids = ids.map(|id| i64::try_from(id).unwrap()).collect::<Int64Array>();
    let cells = |row: Row| row.map(|is| u8::from(is).to_string());
    let object = |row: Row| {
        let pairs = entries(row).into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
        Value::Object(pairs.collect()).to_string()
    };
    let y = |column: ArrayRef, layout: &'static str| {
        (vec![("y", column)], vec!["--labels", "y", "--layout", layout])
    };
    vec![
        ("struct", (vec![("y", array(of_fields(fields())))], vec!["--labels", "y.*", "--layout", "wide"])),
        ("list", y(array(lists(names(), "item", lengths())), "list")),
        (
            "list of structs",
            (
                vec![("y", array(lists(array(objects), "item", lengths())))],
                vec!["--labels", "y.name", "--layout", "list"],
            ),
        ),
        ("vector", y(array(vector), "vector")),
        ("JSON lists", y(texts(rows, |row| json!(names_of(row)).to_string()), "list")),
        (
            "Python lists",
            y(
                texts(rows, |row| {
                    format!("[{}]", names_of(row).into_iter().map(python).collect::<Vec<_>>().join(", "))
                }),
                "list",
            ),
        ),
        ("multi-hot texts", y(texts(rows, |row| cells(row).join(",")), "vector")),
        (
            "multi-hot texts in brackets",
            y(texts(rows, |row| format!("[{}]", cells(row).join(" "))), "vector"),
        ),
        ("delimited", y(texts(rows, |row| names_of(row).join("|")), "delimited")),
        ("bits", y(array(masks.collect::<Int64Array>()), "bits")),
        ("map", y(map(rows), "map")),
        ("JSON objects", y(texts(rows, object), "map")),
        (
            "long",
            (
                vec![("id", array(ids)), ("y", names())],
                vec!["--labels", "y", "--id", "id", "--layout", "long"],
            ),
        ),
    ]
}

/// What must not differ: counts and weights, and measures of rows.
fn results(place: &Place, folder: &str, flags: &[&str]) -> (Value, Value) {
    let given = ["compute", folder, "--row-measures", "on", "--out", "out", "--overwrite"];
    let ended = place.run(&[&given[..], flags].concat());
    assert_eq!(ended.code, 0, "{folder} {flags:?}: {}", ended.stderr);
    let (weights, mut measures) = (place.json("out/weights.json"), place.json("out/imbalance.json"));
    let keys = ["rows", "positives", "negatives", "missing", "pos_weight", "status"];
    let weights = keys.map(|key| weights[key].clone()).into_iter().collect();
    for key in ["source", "findings", "label_names"] {
        measures.as_object_mut().unwrap().remove(key);
    }
    (weights, measures)
}

fn check(shards: &[Rows], settings: &Settings) {
    let place = Place::new();
    std::fs::write(place.path("names.json"), json!(NAMES).to_string()).unwrap();
    let dotted: Vec<String> = NAMES.iter().map(|name| format!("y.{name}")).collect();
    std::fs::write(place.path("dotted.json"), json!(dotted).to_string()).unwrap();
    let all: usize = shards.iter().map(Vec::len).sum();
    let mut before = 0;
    let mut flags_of: Vec<(&str, Vec<&str>)> = Vec::new();
    for (i, rows) in shards.iter().enumerate() {
        let wide = NAMES.iter().enumerate().map(|(label, name)| (*name, bits(rows, label))).collect();
        write_with(&place.path(&format!("wide/{i}.parquet")), wide, settings.properties().build());
        flags_of.clear();
        for (shape, (columns, flags)) in shapes(rows, before) {
            let path = place.path(&format!("{shape}/{i}.parquet"));
            write_with(&path, columns, settings.properties().build());
            flags_of.push((shape, flags));
        }
        before += rows.len();
    }
    let expected = results(&place, "wide", &["--layout", "wide", "--vocabulary", "names.json"]);
    let number = all.to_string();
    for (shape, flags) in flags_of {
        for engine in ["auto", "plain"] {
            let mut flags = [&flags[..], &["--engine", engine]].concat();
            flags.extend(["--vocabulary", if shape == "struct" { "dotted.json" } else { "names.json" }]);
            match shape {
                "delimited" => flags.extend(["--delimiter", "|"]),
                "long" => flags.extend(["--num-rows", &number]),
                _ => {}
            }
            assert_eq!(results(&place, shape, &flags), expected, "{shape}, {engine}");
        }
    }
}

#[test]
fn rows_by_hand_are_the_same_in_every_shape() {
    let row = |mask: usize| std::array::from_fn(|label| mask >> label & 1 == 1);
    let rows: Rows = (0..200).map(|i| row(if i % 5 == 0 { 0 } else { i * 7 % 64 })).collect();
    check(&[rows[..90].to_vec(), rows[90..].to_vec()], &Settings { group_rows: 40, ..Settings::plain() });
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn random_rows_are_the_same_in_every_shape(
        shards in proptest::collection::vec(
            proptest::collection::vec(proptest::array::uniform6(proptest::bool::weighted(0.3)), 1..150), 1..3,
        ),
        settings in settings(),
    ) {
        check(&shards, &settings);
    }
}
