//! Labels inside other columns: fields of structs, of lists of structs, lists in structs.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder, Int64Array, ListArray, MapBuilder, StringBuilder};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::json::ReaderBuilder;
use parquet::file::properties::{WriterProperties, WriterVersion};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Place, array, cases, write, write_with};

/// A column of this type from one JSON value per row.
pub(crate) fn column(data_type: &DataType, rows: &[Value]) -> ArrayRef {
    let schema = Schema::new(vec![Field::new("c", data_type.clone(), true)]);
    let lines: String = rows.iter().map(|row| format!("{}\n", json!({ "c": row }))).collect();
    let reader = ReaderBuilder::new(Arc::new(schema)).with_batch_size(rows.len().max(1));
    let mut batches = reader.build(lines.as_bytes()).unwrap();
    Arc::clone(batches.next().unwrap().unwrap().column(0))
}

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

pub(crate) fn list(element: DataType) -> DataType {
    DataType::List(Arc::new(field("element", element)))
}

pub(crate) fn fields(of: &[(&str, DataType)]) -> DataType {
    DataType::Struct(of.iter().map(|(name, data_type)| field(name, data_type.clone())).collect())
}

/// Runs compute; labels with their counts, or exit code and message.
fn counts(place: &Place, arguments: &[&str]) -> Result<Value, (i32, String)> {
    let ended = place.run(&[&["compute", "--out", "out", "--overwrite"], arguments].concat());
    if ended.code != 0 {
        return Err((ended.code, ended.stderr));
    }
    let weights = place.json("out/weights.json");
    Ok(json!(["rows", "labels", "positives", "negatives", "missing"].map(|key| weights[key].clone())))
}

/// The same from pages, from arrays, and from rows that meet a condition.
fn each_way(place: &Place, arguments: &[&str]) -> Value {
    let ways = [&["--engine", "encoded"][..], &["--engine", "plain"], &["--where", "id >= 0"]];
    let [encoded, plain, filtered] = ways.map(|way| counts(place, &[arguments, way].concat()).unwrap());
    assert_eq!(encoded, plain, "{arguments:?}: the engines differ");
    assert_eq!(encoded, filtered, "{arguments:?}: a condition that all rows meet changes the counts");
    encoded
}

fn shard(path: &Path, columns: &[(&str, ArrayRef)], version_2: bool) {
    let version = if version_2 { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 };
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_max_row_group_row_count(Some(40))
        .set_data_page_row_count_limit(7)
        .set_write_batch_size(7)
        .build();
    let rows = i64::try_from(columns[0].1.len()).unwrap();
    let id = array(Int64Array::from_iter_values(0..rows));
    let mut all = vec![("id", id)];
    all.extend(columns.iter().map(|(name, column)| (*name, Arc::clone(column))));
    write_with(path, all, properties);
}

fn maybe(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    prop_oneof![1 => Just(Value::Null), 6 => value].boxed()
}

proptest! {
    #![proptest_config(cases(8))]

    /// The labels of a struct are counted as columns beside it would be.
    #[test]
    fn fields_of_a_struct_count_as_columns_do(
        rows in prop::collection::vec(
            maybe((maybe((0..2_i64).prop_map(Value::from)), maybe((0..2_i64).prop_map(Value::from)))
                .prop_map(|(cat, dog)| json!({ "cat": cat, "dog": dog }))),
            1..120,
        ),
        version_2: bool,
    ) {
        let place = Place::new();
        let target = column(&fields(&[("cat", DataType::Int64), ("dog", DataType::Int64)]), &rows);
        let flat = |name: &str| {
            let cells = rows.iter().map(|row| row[name].as_i64());
            array(cells.collect::<Int64Array>())
        };
        let columns =
            [("target", Arc::clone(&target)), ("target_cat", flat("cat")), ("target_dog", flat("dog"))];
        shard(&place.path("in/0.parquet"), &columns, version_2);
        let mut nested = each_way(&place, &["in", "--layout", "wide", "--labels", "target.*"]);
        let beside = each_way(&place, &["in", "--layout", "wide", "--labels", "target_cat,target_dog"]);
        prop_assert_eq!(&nested[1], &json!(["target.cat", "target.dog"]));
        nested[1] = beside[1].clone();
        prop_assert_eq!(nested, beside);
    }

    /// A field of a list of structs, and lists inside lists, are sets of labels, as one list would be.
    #[test]
    fn fields_of_a_list_of_structs_count_as_a_list_does(
        rows in prop::collection::vec(
            maybe(prop::collection::vec(maybe(maybe((0..5_i64).prop_map(Value::from))
                .prop_map(|category| json!({ "box": [1], "category": category }))), 0..4)
                .prop_map(Value::from)),
            1..120,
        ),
        version_2: bool,
    ) {
        let place = Place::new();
        let object = fields(&[("box", list(DataType::Int64)), ("category", DataType::Int64)]);
        let categories = |row: &Value| {
            let objects = row.as_array()?;
            Some(objects.iter().map(|object| object["category"].as_i64()).collect::<Vec<_>>())
        };
        let flat = ListArray::from_iter_primitive::<Int64Type, _, _>(rows.iter().map(categories));
        let halves = rows.iter().map(|row| {
            let Some(objects) = row.as_array() else { return json!({ "parts": null }) };
            let halves = objects.chunks(2).map(|half| {
                half.iter().map(|object| object["category"].clone()).collect::<Vec<_>>()
            });
            json!({ "parts": halves.collect::<Vec<_>>() })
        });
        let halves: Vec<Value> = halves.collect();
        let columns = [
            ("objects", column(&list(object), &rows)),
            ("page", column(&fields(&[("parts", list(list(DataType::Int64)))]), &halves)),
            ("flat", array(flat)),
        ];
        shard(&place.path("in/0.parquet"), &columns, version_2);
        let of = |labels: &str| {
            each_way(&place, &["in", "--layout", "list", "--labels", labels, "--num-labels", "5"])
        };
        prop_assert_eq!(of("objects.category"), of("flat"));
        prop_assert_eq!(of("page.parts"), of("flat"));
    }
}

#[test]
fn lists_inside_lists_are_read_from_pages() {
    let place = Place::new();
    let rows: Vec<Value> =
        (0..100).map(|i| json!({ "parts": [[i % 3], [], null, [i % 5, null, i % 3]] })).collect();
    let page = column(&fields(&[("parts", list(list(DataType::Int64)))]), &rows);
    shard(&place.path("in/0.parquet"), &[("page", page)], false);
    let counted =
        each_way(&place, &["in", "--layout", "list", "--labels", "page.parts", "--num-labels", "5"]);
    assert_eq!(counted[2], json!([47, 46, 46, 20, 20]));
    counts(&place, &["in", "--layout", "list", "--labels", "page.parts", "--num-labels", "5"]).unwrap();
    let counting = &place.json("out/run_results.json")["counting"];
    for way in ["way", "rows_way"] {
        let column = &counting[way]["columns"][0];
        assert!(column["encoded"].as_u64() > Some(0) && column["arrays"].is_null(), "{way}: {column}");
    }
}

#[test]
fn a_shard_without_the_field_is_asked_about() {
    let place = Place::new();
    let cells = |name: &str| fields(&[(name, DataType::Int64)]);
    shard(&place.path("in/0.parquet"), &[("t", column(&cells("cat"), &[json!({"cat": 1})]))], false);
    shard(&place.path("in/1.parquet"), &[("t", column(&cells("dog"), &[json!({"dog": 1})]))], false);
    let (code, says) = counts(&place, &["in", "--layout", "wide", "--labels", "t.cat"]).unwrap_err();
    assert!(code == 4 && says.contains("in/1.parquet: there is no column \"t.cat\""), "{says}");
    let missing = ["in", "--layout", "wide", "--labels", "t.cat", "--missing-columns", "missing"];
    assert_eq!(counts(&place, &missing).unwrap(), json!([2, ["t.cat"], [1], [0], [1]]));
}

#[test]
fn a_path_that_leads_nowhere_names_the_fields_there_are() {
    let place = Place::new();
    let target = column(&fields(&[("cat", DataType::Int64)]), &[json!({"cat": 1})]);
    write(&place.path("in/0.parquet"), vec![("target", target)]);
    let (code, says) = counts(&place, &["in", "--labels", "target.bird"]).unwrap_err();
    assert!(code == 4 && says.contains("target.cat"), "{says}");
    let (code, says) = counts(&place, &["in", "--labels", "target", "--layout", "wide"]).unwrap_err();
    assert!(code == 4 && says.contains("--labels target.cat"), "{says}");
}

#[test]
fn a_column_whose_own_name_has_the_dot_wins() {
    let place = Place::new();
    let target = column(&fields(&[("cat", DataType::Int64)]), &[json!({"cat": 1}), json!({"cat": 1})]);
    let own = array(Int64Array::from(vec![0, 1]));
    write(&place.path("in/0.parquet"), vec![("target", target), ("target.cat", own)]);
    let counted = counts(&place, &["in", "--labels", "target.cat", "--layout", "wide"]).unwrap();
    assert_eq!(counted, json!([2, ["target.cat"], [1], [1], [0]]));
}

#[test]
fn a_value_column_is_refused_where_the_layout_has_none() {
    let place = Place::new();
    let scored = fields(&[("name", DataType::Utf8), ("score", DataType::Float64)]);
    let rows = [json!({"name": "cat", "score": 0.9}), json!({"name": "dog", "score": 0.2})];
    write(&place.path("in/0.parquet"), vec![("labels", column(&scored, &rows))]);
    let arguments = ["in", "--labels", "labels.name", "--value", "labels.score", "--threshold", "0.5"];
    let (code, says) = counts(&place, &arguments).unwrap_err();
    assert!(code == 2 && says.contains("--value"), "{says}");
}

#[test]
fn the_keys_of_a_map_are_no_labels_without_their_values() {
    let place = Place::new();
    let mut scores = MapBuilder::new(None, StringBuilder::new(), Float64Builder::new());
    for (name, score) in [("cat", 1.0), ("dog", 0.0)] {
        scores.keys().append_value(name);
        scores.values().append_value(score);
        scores.append(true).unwrap();
    }
    write(&place.path("in/0.parquet"), vec![("scores", array(scores.finish()))]);
    for labels in ["scores.key", "scores.*"] {
        let (code, says) = counts(&place, &["in", "--labels", labels]).unwrap_err();
        assert!(code == 4 && says.contains("in/0.parquet") && says.contains("inside a map"), "{says}");
        assert!(says.contains("--labels scores --layout map"), "{says}");
    }
}

#[test]
fn copies_keep_the_columns_as_they_are() {
    let place = Place::new();
    let rows: Vec<Value> = (0..20).map(|i| json!({ "cat": i64::from(i == 3), "dog": i % 2 })).collect();
    let target = column(&fields(&[("cat", DataType::Int64), ("dog", DataType::Int64)]), &rows);
    write(&place.path("in/0.parquet"), vec![("target", target)]);
    let sample = |plan: &str| {
        place.run(&[
            "sample",
            "in",
            "--layout",
            "wide",
            "--labels",
            "target.*",
            "--plan",
            plan,
            "--materialize",
            "--out",
            "s",
            "--overwrite",
        ])
    };
    let ended = sample("stratified-split:folds=2");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let split = counts(&place, &["s/sampled", "--layout", "wide", "--labels", "target.*"]).unwrap();
    assert_eq!(split, json!([20, ["target.cat", "target.dog"], [1, 10], [19, 10], [0, 0]]));
    let ended = sample("remedial");
    assert!(ended.code == 2 && ended.stderr.contains("inside another column"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("--materialize"), "{}", ended.stderr);
}
