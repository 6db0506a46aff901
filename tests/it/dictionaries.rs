//! Columns that name their values by keys, as Polars writes categories and enums, are counted as their values are.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use serde_json::{Value, json};

use crate::support::{Place, array, some};

/// Types of values that are names, and those that are numbers.
const NAMES: [DataType; 6] = [
    DataType::Utf8,
    DataType::LargeUtf8,
    DataType::Utf8View,
    DataType::Binary,
    DataType::LargeBinary,
    DataType::BinaryView,
];
const NUMBERS: [DataType; 5] =
    [DataType::Int8, DataType::Int64, DataType::UInt32, DataType::Float32, DataType::Boolean];
const KEYS: [DataType; 8] = [
    DataType::Int8,
    DataType::Int16,
    DataType::Int32,
    DataType::Int64,
    DataType::UInt8,
    DataType::UInt16,
    DataType::UInt32,
    DataType::UInt64,
];

/// Three values, the first of which is also the fourth, by keys of a type.
fn dictionary(key: &DataType, values: &DataType) -> ArrayRef {
    let (keys, all): (ArrayRef, ArrayRef) = if NAMES.contains(values) {
        (array(Int64Array::from(vec![0, 1, 1, 0])), array(StringArray::from(vec!["cat", "dog"])))
    } else {
        (array(Int64Array::from(vec![0, 1, 1, 0])), array(BooleanArray::from(vec![true, false])))
    };
    let (keys, all) = (cast(&keys, key).unwrap(), cast(&all, values).unwrap());
    let data_type = DataType::Dictionary(Box::new(key.clone()), Box::new(values.clone()));
    let data = keys.to_data().into_builder().data_type(data_type).add_child_data(all.to_data()).build();
    arrow::array::make_array(data.unwrap())
}

/// The column as itself, in lists and in structs, beside others.
fn rows(column: &ArrayRef) -> RecordBatch {
    let field = Arc::new(Field::new("item", column.data_type().clone(), true));
    let lists = ListArray::new(field, OffsetBuffer::from_lengths([1, 2, 0, 1]), Arc::clone(column), None);
    let inside = StructArray::from(vec![(
        Arc::new(Field::new("f", column.data_type().clone(), true)),
        Arc::clone(column),
    )]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("d", Arc::clone(column)),
        ("l", array(lists)),
        ("s", array(inside)),
        ("id", array(Int64Array::from(vec![1, 1, 2, 3]))),
        ("label", array(StringArray::from(vec!["a", "b", "a", "b"]))),
        ("y", array(Int64Array::from(vec![0, 1, 1, 0]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// The same rows as a file, as a stream that is saved, and as bytes of a stream.
fn put(place: &Place, rows: &RecordBatch) -> Vec<u8> {
    let mut file = FileWriter::try_new(File::create(place.path("a.arrow")).unwrap(), &rows.schema()).unwrap();
    file.write(rows).unwrap();
    file.finish().unwrap();
    let mut stream = StreamWriter::try_new(Vec::new(), &rows.schema()).unwrap();
    stream.write(rows).unwrap();
    stream.finish().unwrap();
    stream.into_inner().unwrap()
}

fn found(place: &Place) -> Value {
    let found = place.json("out/weights.json");
    let keys = ["labels", "positives", "negatives", "missing", "rows"];
    Value::Array(keys.map(|key| found[key].clone()).to_vec())
}

#[test]
fn dictionaries_of_every_type_are_counted_from_arrow_files_and_streams() {
    let place = Place::new();
    let names: [(&[&str], Value); 7] = [
        (&["--labels", "d", "--layout", "class"], json!([["cat", "dog"], [2, 2], [2, 2], [0, 0], 4])),
        (&["--labels", "l", "--layout", "list"], json!([["cat", "dog"], [2, 1], [2, 3], [0, 0], 4])),
        (&["--labels", "s.f", "--layout", "class"], json!([["cat", "dog"], [2, 2], [2, 2], [0, 0], 4])),
        (
            &["--labels", "label", "--layout", "long", "--id", "d"],
            json!([["a", "b"], [2, 2], [0, 0], [0, 0], 2]),
        ),
        (
            &[
                "--labels",
                "label",
                "--layout",
                "long",
                "--id",
                "id",
                "--value",
                "d",
                "--positive-values=cat",
                "--negative-values=dog",
            ],
            json!([["a", "b"], [1, 1], [1, 1], [1, 1], 3]),
        ),
        (&["--labels", "y", "--layout", "wide", "--where", "d = 'cat'"], json!([["y"], [0], [2], [0], 2])),
        (&["--labels", "y", "--layout", "wide", "--by", "d"], json!([["y"], [2], [2], [0], 4])),
    ];
    let numbers: [(&[&str], Value); 3] = [
        (&["--labels", "d", "--layout", "wide"], json!([["d"], [2], [2], [0], 4])),
        (
            &["--labels", "label", "--layout", "long", "--id", "id", "--value", "d"],
            json!([["a", "b"], [1, 1], [1, 1], [1, 1], 3]),
        ),
        (&["--labels", "y", "--layout", "wide", "--by", "d"], json!([["y"], [2], [2], [0], 4])),
    ];
    for (types, uses) in [(&NAMES[..], &names[..]), (&NUMBERS[..], &numbers[..])] {
        for (at, values) in some(types.iter().enumerate()) {
            let is_view = *values == DataType::Utf8View;
            // Every type of keys with a type that needs a change, and one with each of the others.
            let keys = if is_view { &KEYS[..] } else { &KEYS[at..=at] };
            for (nth, key) in keys.iter().enumerate() {
                let stream = put(&place, &rows(&dictionary(key, values)));
                for (flags, expected) in uses.iter().take(if nth == 0 { uses.len() } else { 2 }) {
                    let out = ["--out", "out", "--overwrite"];
                    let ended = place.run(&[&["compute", "a.arrow"], *flags, &out].concat());
                    assert_eq!(ended.code, 0, "{key} {values} {flags:?}: {}", ended.stderr);
                    assert_eq!(found(&place), *expected, "{key} {values} {flags:?}");
                    if is_view {
                        let (code, _, told) =
                            place.run_on(&stream, &[&["compute", "-"], *flags, &out].concat());
                        assert_eq!(code, 0, "{key} {values} {flags:?}: {told}");
                        assert_eq!(found(&place), *expected, "{key} {values} {flags:?}, stdin");
                    }
                }
            }
        }
    }
    // Nothing panics where the layout is asked for.
    let ended = place.run(&["compute", "a.arrow", "--out", "out", "--overwrite"]);
    assert!(matches!(ended.code, 0 | 2), "{}", ended.stderr);
}
