//! Every layout, physical type and value rule gives the counts that can be worked by hand.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, FixedSizeListArray, Float32Array, Float64Array,
    Int8Array, Int32Array, Int64Array, LargeListArray, LargeStringArray, ListArray, StringArray,
    StringViewArray, UInt8Array, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type};
use serde_json::{Value, json};

use crate::support::{Place, array, write};

fn sides(weights: &Value) -> [Vec<u64>; 3] {
    ["positives", "negatives", "missing"]
        .map(|key| weights[key].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect())
}

/// 1, 0, 1, NULL in every type that can hold it.
#[test]
fn wide_reads_every_type() {
    let bits = [Some(1), Some(0), Some(1), None];
    let ints: Int64Array = bits.iter().copied().collect();
    let ints: ArrayRef = Arc::new(ints);
    let texts: StringArray = bits.iter().map(|bit| bit.map(|b| b.to_string())).collect();
    let dictionary: DictionaryArray<Int32Type> = texts.iter().collect();
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("utf8".into(), array(texts.clone())),
        ("dictionary".into(), array(dictionary)),
        ("decimal".into(), cast(&ints, &DataType::Decimal128(9, 2)).unwrap()),
        ("large_utf8".into(), array(texts.iter().collect::<LargeStringArray>())),
        ("view".into(), array(texts.iter().collect::<StringViewArray>())),
    ];
    for data_type in [
        DataType::Boolean,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float16,
        DataType::Float32,
        DataType::Float64,
    ] {
        columns.push((format!("{data_type}"), cast(&ints, &data_type).unwrap()));
    }
    let n = columns.len();
    let place = Place::new();
    write(
        &place.path("w.parquet"),
        columns.iter().map(|(name, array)| (name.as_str(), Arc::clone(array))).collect(),
    );
    let weights = place.weights(&["w.parquet", "--layout", "wide", "--labels", "*"]);
    assert_eq!(sides(&weights), [vec![2; n], vec![1; n], vec![1; n]]);
    let detected = place.weights(&["w.parquet"]);
    assert_eq!(detected["labels"].as_array().unwrap().len(), n);
}

#[test]
fn nan_is_missing_and_soft_values_count_in_part() {
    let place = Place::new();
    let values = vec![Some(0.25), Some(1.0), Some(f64::NAN), None, Some(0.5), Some(-0.0)];
    write(&place.path("s.parquet"), vec![("p", array(Float64Array::from(values)))]);
    let soft = place.weights(&["s.parquet", "--layout", "wide", "--labels", "p", "--soft"]);
    assert_eq!((&soft["positives"], &soft["missing"]), (&json!([2]), &json!([2])));
    assert_eq!((&soft["positives_mass"], &soft["negatives_mass"]), (&json!([1.75]), &json!([2.25])));
    let hard = place.weights(&["s.parquet", "--layout", "wide", "--labels", "p", "--threshold", "0.5"]);
    assert_eq!(
        (&hard["positives"], &hard["negatives"], &hard["missing"]),
        (&json!([2]), &json!([2]), &json!([2]))
    );
}

#[test]
fn weights_of_rows_add_up_exactly() {
    let place = Place::new();
    let columns = vec![
        ("a", array(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)]))),
        ("w", array(Float32Array::from(vec![0.5, 0.25, 4.0, 2.0]))),
    ];
    write(&place.path("x.parquet"), columns);
    let weights = place.weights(&["x.parquet", "--labels", "a", "--sample-weight", "w"]);
    assert_eq!((&weights["positives_mass"], &weights["negatives_mass"]), (&json!([2.5]), &json!([0.25])));
    assert_eq!(weights["pos_weight"], json!([0.1]));
    let lists = vec![Some(vec![Some(0)]), Some(vec![]), None, Some(vec![Some(1), Some(0), Some(1)])];
    let columns = vec![
        ("labels", array(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))),
        ("w", array(Float32Array::from(vec![0.5, 0.25, 4.0, 2.0]))),
    ];
    write(&place.path("l.parquet"), columns);
    let weights = place.weights(&["l.parquet", "--layout", "list", "--sample-weight", "w"]);
    assert_eq!(
        (&weights["positives_mass"], &weights["negatives_mass"]),
        (&json!([2.5, 2.0]), &json!([0.25, 0.75]))
    );
    assert_eq!(sides(&weights), [vec![2, 1], vec![1, 2], vec![1, 1]]);
}

/// [0, 2], [], NULL, [2, 2, 1] in every kind of list and integer.
#[test]
fn lists_of_every_kind_count_a_repeated_label_once() {
    let lists =
        || vec![Some(vec![Some(0), Some(2)]), Some(vec![]), None, Some(vec![Some(2), Some(2), Some(1)])];
    let list: ArrayRef = array(ListArray::from_iter_primitive::<Int32Type, _, _>(lists()));
    let large: ArrayRef = array(LargeListArray::from_iter_primitive::<Int32Type, _, _>(lists()));
    let item = |data_type| Arc::new(Field::new("item", data_type, true));
    let small = cast(&list, &DataType::List(item(DataType::UInt8))).unwrap();
    let texts = cast(&list, &DataType::List(item(DataType::Utf8))).unwrap();
    for (name, column) in [("list", list), ("large", large), ("u8", small), ("texts", texts)] {
        let place = Place::new();
        write(&place.path("l.parquet"), vec![("labels", column)]);
        let weights = place.weights(&["l.parquet", "--layout", "list"]);
        assert_eq!(weights["labels"], json!(["0", "1", "2"]), "{name}");
        assert_eq!(sides(&weights), [vec![1, 1, 2], vec![2, 2, 1], vec![1, 1, 1]], "{name}");
    }
}

#[test]
fn vectors_count_by_position() {
    let place = Place::new();
    let values = Float32Array::from(vec![1.0, 0.0, f32::NAN, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
    let field = Arc::new(Field::new("item", DataType::Float32, true));
    let nulls = arrow::buffer::NullBuffer::from(vec![true, false, true]);
    let list = FixedSizeListArray::new(field, 3, Arc::new(values), Some(nulls));
    let as_list =
        cast(&list, &DataType::List(Arc::new(Field::new("item", DataType::Float32, true)))).unwrap();
    for column in [array(list), as_list] {
        write(&place.path("v.parquet"), vec![("y", column)]);
        let weights = place.weights(&["v.parquet"]);
        assert_eq!(sides(&weights), [vec![2, 1, 0], vec![0, 1, 1], vec![1, 1, 2]]);
    }
    let uneven = vec![Some(vec![Some(1)]), Some(vec![Some(1), Some(0)])];
    write(
        &place.path("v.parquet"),
        vec![("y", array(ListArray::from_iter_primitive::<Int32Type, _, _>(uneven)))],
    );
    let ended = place.run(&["compute", "v.parquet", "--layout", "vector", "--out", "x"]);
    assert_eq!(ended.code, 4);
    assert!(ended.stderr.contains("a list of 2 values, but there is 1 label"), "{}", ended.stderr);
}

#[test]
fn classes_and_delimited_strings() {
    let place = Place::new();
    write(
        &place.path("c.parquet"),
        vec![("class", array(Int8Array::from(vec![Some(2), Some(0), None, Some(-1)])))],
    );
    let weights =
        place.weights(&["c.parquet", "--layout", "class", "--num-labels", "4", "--missing-values", "-1"]);
    assert_eq!(sides(&weights), [vec![1, 0, 1, 0], vec![1, 2, 1, 2], vec![2; 4]]);
    let texts = StringArray::from(vec![Some("b|a"), Some(""), None, Some("a||a|"), Some("b")]);
    write(&place.path("d.parquet"), vec![("tags", array(texts))]);
    let weights = place.weights(&["d.parquet", "--delimiter", "|"]);
    assert_eq!(weights["labels"], json!(["a", "b"]));
    assert_eq!(sides(&weights), [vec![2, 2], vec![2, 2], vec![1, 1]]);
    write(&place.path("i.parquet"), vec![("id", array(UInt64Array::from(vec![u64::MAX, 7, 10])))]);
    let weights =
        place.weights(&["i.parquet", "--layout", "class", "--labels", "id", "--label-kind", "name"]);
    assert_eq!(weights["labels"], json!(["7", "10", "18446744073709551615"]));
}

#[test]
fn long_rows_straddle_shards() {
    let place = Place::new();
    let shard = |name: &str, rows: &[(i64, &str, u8)]| {
        let columns = vec![
            ("id", array(rows.iter().map(|r| r.0).collect::<Int64Array>())),
            ("label", array(StringArray::from_iter_values(rows.iter().map(|r| r.1)))),
            ("is", array(rows.iter().map(|r| r.2).collect::<UInt8Array>())),
        ];
        write(&place.path(name), columns);
    };
    shard("d/0.parquet", &[(1, "cat", 1), (1, "dog", 0), (2, "cat", 0)]);
    shard("d/1.parquet", &[(1, "cat", 1), (3, "dog", 1), (2, "cat", 1)]);
    let plain =
        place.weights(&["d", "--layout", "long", "--id", "id", "--labels", "label", "--num-rows", "5"]);
    assert_eq!((plain["rows"].as_u64(), sides(&plain)), (Some(5), [vec![2, 2], vec![3, 3], vec![0, 0]]));
    let valued =
        place.weights(&["d", "--layout", "long", "--id", "id", "--labels", "label", "--value", "is"]);
    assert_eq!((valued["rows"].as_u64(), sides(&valued)), (Some(3), [vec![2, 1], vec![0, 1], vec![1, 1]]));
    std::fs::write(place.path("names.txt"), "cat\nbird\n").unwrap();
    let ended = place.run(&[
        "compute",
        "d",
        "--layout",
        "long",
        "--id",
        "id",
        "--labels",
        "label",
        "--vocabulary",
        "names.txt",
        "--out",
        "x",
    ]);
    assert_eq!(ended.code, 4);
    assert!(
        ended.stderr.contains("0.parquet: column \"label\": label \"dog\" is not in the vocabulary"),
        "{}",
        ended.stderr
    );
}

#[test]
fn filters_groups_and_hive_folders() {
    let place = Place::new();
    for (split, bits) in [("train", [true, true, false]), ("test", [false, false, true])] {
        let columns = vec![
            ("a", array(BooleanArray::from(bits.to_vec()))),
            ("n", array(Int32Array::from(vec![1, 2, 3]))),
        ];
        write(&place.path(&format!("d/split={split}/x.parquet")), columns);
    }
    let base = ["d", "--layout", "wide", "--labels", "a"];
    let weights = place.weights(&[&base[..], &["--by", "split"]].concat());
    assert_eq!(sides(&weights), [vec![3], vec![3], vec![0]]);
    let train = place.json("out/by/split=train/weights.json");
    assert_eq!((&train["positives"], &train["pos_weight"]), (&json!([2]), &json!([0.5])));
    let weights = place.weights(&[&base[..], &["--where", "split = 'train' AND n > 1"]].concat());
    assert_eq!(sides(&weights), [vec![1], vec![1], vec![0]]);
    let weights = place.weights(&[&base[..], &["--by", "n"]].concat());
    assert_eq!(weights["rows"], 6);
    assert_eq!(place.json("out/by/n=3/weights.json")["positives"], json!([1]));
}

#[test]
fn types_that_differ_between_shards_widen() {
    let place = Place::new();
    write(&place.path("d/0.parquet"), vec![("a", array(Int8Array::from(vec![1, 0])))]);
    write(&place.path("d/1.parquet"), vec![("a", array(Int64Array::from(vec![1, 1])))]);
    write(&place.path("d/2.parquet"), vec![("a", array(BooleanArray::from(vec![true, false])))]);
    let weights = place.weights(&["d", "--labels", "a", "--layout", "wide"]);
    assert_eq!(sides(&weights), [vec![4], vec![2], vec![0]]);
    write(
        &place.path("d/3.parquet"),
        vec![("a", array(Decimal128Array::from(vec![1, 0]).with_precision_and_scale(9, 0).unwrap()))],
    );
    assert_eq!(place.run(&["compute", "d", "--labels", "a", "--out", "x"]).code, 4);
}

#[test]
fn a_label_may_have_values_of_its_own() {
    let place = Place::new();
    let columns =
        vec![("a", array(Int32Array::from(vec![1, -1, 0]))), ("b", array(Int32Array::from(vec![1, -1, 0])))];
    write(&place.path("x.parquet"), columns);
    let spec = "shards = \"x.parquet\"\nout = \"o\"\nlabels = [\"a\", \"b\"]\nuncertain_values = -1\n\
                [label.b]\nuncertain_as = \"positive\"\n";
    std::fs::write(place.path("s.toml"), spec).unwrap();
    assert_eq!(place.run(&["run", "s.toml", "--quiet"]).code, 0);
    let weights = place.json("o/weights.json");
    assert_eq!((&weights["positives"], &weights["uncertain"]), (&json!([1, 2]), &json!([1, 0])));
}
