//! Columns that name their values by keys, as Polars writes categories and enums, are counted as their values are.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, ListArray, NullArray, RecordBatch, StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter, encode_arrow_schema};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use crate::support::{Place, array, some, write};

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

/// A column of categories without a value, as pandas writes it, beside two columns of labels.
fn without_categories(place: &Place, name: &str) {
    let nulls: ArrayRef = Arc::new(NullArray::new(4));
    let columns: [(&str, ArrayRef); 3] = [
        ("a", array(Int64Array::from(vec![0, 1, 0, 1]))),
        ("b", array(Int64Array::from(vec![1, 1, 1, 0]))),
        ("site", nulls),
    ];
    let rows =
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap();
    let written = rows.schema();
    let fields = written.fields().iter().map(|field| match field.data_type() {
        DataType::Null => Arc::new(Field::new(
            field.name(),
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Null)),
            true,
        )),
        _ => Arc::clone(field),
    });
    let schema = encode_arrow_schema(&Schema::new(fields.collect::<Vec<_>>()));
    let entry = KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), schema);
    let properties = WriterProperties::builder().set_key_value_metadata(Some(vec![entry])).build();
    let options = ArrowWriterOptions::new().with_skip_arrow_metadata(true).with_properties(properties);
    let file = File::create(place.path(name)).unwrap();
    let mut writer = ArrowWriter::try_new_with_options(file, rows.schema(), options).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
}

#[test]
fn categories_without_any_value_are_null() {
    let place = Place::new();
    std::fs::create_dir(place.path("in")).unwrap();
    without_categories(&place, "in/none.parquet");
    for is_beside in [false, true] {
        if is_beside {
            let sites = array(StringArray::from(vec!["x", "y", "x"]));
            let labels = |all: Vec<i64>| array(Int64Array::from(all));
            let columns = vec![("a", labels(vec![1, 0, 0])), ("b", labels(vec![0, 0, 1])), ("site", sites)];
            write(&place.path("in/some.parquet"), columns);
        }
        let rows = if is_beside { 7 } else { 4 };
        for engine in ["encoded", "plain"] {
            let flags =
                ["--layout", "wide", "--labels", "a,b", "--engine", engine, "--out", "out", "--overwrite"];
            let run = |more: &[&str]| {
                let ended = place.run(&[&["compute", "in"], &flags[..], more].concat());
                assert_eq!(ended.code, 0, "{engine} {more:?}: {}", ended.stderr);
                found(&place)
            };
            let all = if is_beside { [3, 4] } else { [2, 3] };
            assert_eq!(run(&["--by", "site"])[1], json!(all));
            assert_eq!(run(&["--where", "site IS NULL"])[4], 4);
            if is_beside {
                assert_eq!(run(&["--where", "site = 'x'"])[4], 2);
            }
            assert_eq!(run(&["--groups", "site"])[4], rows);
        }
        let query = "SELECT site, count(*) AS n FROM 'in/none.parquet' GROUP BY site";
        let ended = place.run(&["sql", "-c", query, "--format", "csv"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (0, "site,n\n,4\n"), "{}", ended.stderr);
    }
}
