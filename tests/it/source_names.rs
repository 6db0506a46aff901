use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListArray, StringArray, StructArray, UInt8Array};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde_json::json;

use crate::support::{Place, array, write, write_with};

/// Properties of a shard whose footer names the classes of column `label`.
fn named(classes: &[&str]) -> WriterProperties {
    let feature = json!({ "names": classes, "_type": "ClassLabel" });
    let entry = json!({ "info": { "features": { "label": feature } } }).to_string();
    let pair = KeyValue { key: "huggingface".to_owned(), value: Some(entry) };
    WriterProperties::builder().set_key_value_metadata(Some(vec![pair])).build()
}

fn classes(place: &Place, name: &str, names: &[&str], values: Vec<i64>) {
    write_with(&place.path(name), vec![("label", array(Int64Array::from(values)))], named(names));
}

fn texts(place: &Place, name: &str, column: &str, values: Vec<&str>) {
    write(&place.path(name), vec![(column, array(StringArray::from(values)))]);
}

#[test]
fn class_names_of_all_footers_must_agree() {
    let place = Place::new();
    classes(&place, "d/0.parquet", &["neg", "pos"], vec![0, 0, 0, 1]);
    classes(&place, "d/1.parquet", &["neg", "pos", "both"], vec![2]);
    let weights = place.weights(&["d", "--labels", "label", "--layout", "class"]);
    assert_eq!(
        (&weights["labels"], &weights["positives"]),
        (&json!(["neg", "pos", "both"]), &json!([3, 1, 1]))
    );
    classes(&place, "d/2.parquet", &["pos", "neg"], vec![1]);
    let ended = place.run(&["compute", "d", "--labels", "label", "--layout", "class", "--out", "x"]);
    assert_eq!(ended.code, 4);
    assert!(ended.stderr.contains("1.parquet has [neg, pos, both]"), "{}", ended.stderr);
    assert!(ended.stderr.contains("2.parquet has [pos, neg]"), "{}", ended.stderr);
}

#[test]
fn class_names_reach_columns_inside_others_and_are_merged_alike() {
    let place = Place::new();
    let write_named = |name: &str, class: i64, names: &[&str]| {
        let inside: ArrayRef = array(Int64Array::from(vec![class, class]));
        let category = Arc::new(Field::new("category", DataType::Int64, true));
        let meta: ArrayRef = array(StructArray::from(vec![(Arc::clone(&category), Arc::clone(&inside))]));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, 1, 2]));
        let structs = Arc::new(Field::new("item", meta.data_type().clone(), true));
        let objects: ArrayRef = array(ListArray::new(structs, offsets.clone(), Arc::clone(&meta), None));
        let item = Arc::new(Field::new("item", DataType::Int64, true));
        let list: ArrayRef = array(ListArray::new(item, offsets, inside, None));
        let of_lists = Arc::new(Field::new("category", list.data_type().clone(), true));
        let page: ArrayRef = array(StructArray::from(vec![(of_lists, list)]));
        let class = json!({ "names": names, "_type": "ClassLabel" });
        let features = json!({
            "meta": { "category": class },
            "objects": { "feature": { "category": class }, "_type": "Sequence" },
            "page": { "category": { "feature": class, "_type": "List" } },
        });
        let entry = json!({ "info": { "features": features } }).to_string();
        let pair = KeyValue { key: "huggingface".to_owned(), value: Some(entry) };
        let properties = WriterProperties::builder().set_key_value_metadata(Some(vec![pair])).build();
        write_with(&place.path(name), vec![("meta", meta), ("objects", objects), ("page", page)], properties);
    };
    write_named("d/0.parquet", 0, &["neg", "pos"]);
    write_named("d/1.parquet", 2, &["neg", "pos", "both"]);
    let ways = [("meta.category", "class"), ("objects.category", "list"), ("page.category", "list")];
    for (column, layout) in ways {
        let weights = place.weights(&["d", "--labels", column, "--layout", layout]);
        assert_eq!(weights["labels"], json!(["neg", "pos", "both"]), "{column}");
        assert_eq!(weights["positives"], json!([2, 0, 2]), "{column}");
    }
    write_named("d/2.parquet", 0, &["pos", "neg"]);
    for (column, layout) in ways {
        let ended =
            place.run(&["compute", "d", "--labels", column, "--layout", layout, "--out", "x", "--overwrite"]);
        assert!(ended.code == 4 && ended.stderr.contains("2.parquet has [pos, neg]"), "{}", ended.stderr);
    }
}

#[test]
fn a_column_of_two_classes_is_class_and_wide_alike() {
    let place = Place::new();
    classes(&place, "d/0.parquet", &["neg", "pos"], vec![0, 0, 0, 1]);
    for layout in [&[][..], &["--layout", "class"]] {
        let weights = place.weights(&[&["d", "--labels", "label"], layout].concat());
        assert_eq!((&weights["labels"], &weights["positives"]), (&json!(["neg", "pos"]), &json!([3, 1])));
    }
    let weights = place.weights(&["d", "--labels", "label", "--layout", "wide"]);
    assert_eq!((&weights["labels"], &weights["positives"]), (&json!(["label"]), &json!([1])));
}

#[test]
fn names_that_are_found_sort_by_code_point_and_integers_by_number() {
    let place = Place::new();
    texts(&place, "t.parquet", "label", vec!["10", "2", "2", "0389", "b", "B"]);
    let order =
        |arguments: &[&str]| place.weights(&[&["t.parquet", "--layout", "class"], arguments].concat());
    assert_eq!(order(&[])["labels"], json!(["0389", "10", "2", "B", "b"]));
    assert_eq!(order(&["--order", "number"])["labels"], json!(["2", "10", "0389", "B", "b"]));
    let frequent = order(&["--order", "frequency"]);
    assert_eq!(frequent["labels"], json!(["2", "0389", "10", "B", "b"]));
    assert_eq!(frequent["positives"], json!([2, 1, 1, 1, 1]));
    write(&place.path("i.parquet"), vec![("label", array(Int64Array::from(vec![10, 2, -3])))]);
    let weights = place.weights(&["i.parquet", "--layout", "class", "--label-kind", "name"]);
    assert_eq!(weights["labels"], json!(["-3", "2", "10"]));
}

#[test]
fn merged_counts_keep_their_order() {
    let place = Place::new();
    texts(&place, "a.parquet", "label", vec!["10", "9", "x"]);
    texts(&place, "b.parquet", "label", vec!["9", "10", "9", "0389"]);
    for (order, expected) in [
        ("name", json!(["0389", "10", "9", "x"])),
        ("number", json!(["9", "10", "0389", "x"])),
        ("frequency", json!(["9", "10", "0389", "x"])),
    ] {
        let flags = ["--layout", "class", "--order", order, "--overwrite", "--out"];
        for (shard, out) in [("a.parquet", "a"), ("b.parquet", "b")] {
            let ended = place.run(&[&["compute", shard], &flags[..], &[out]].concat());
            assert_eq!(ended.code, 0, "{}", ended.stderr);
        }
        let ended = place.run(&["weigh", "a", "b", "--out", "both", "--overwrite"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let merged = place.json("both/weights.json");
        let whole = place.weights(&["a.parquet", "b.parquet", "--layout", "class", "--order", order]);
        assert_eq!(merged["labels"], expected, "{order}");
        assert_eq!((&merged["labels"], &merged["positives"]), (&whole["labels"], &whole["positives"]));
    }
    let flags = ["--layout", "class", "--order", "number", "--overwrite", "--out", "a"];
    assert_eq!(place.run(&[&["compute", "a.parquet"], &flags[..]].concat()).code, 0);
    let ended = place.run(&["weigh", "a", "b", "--out", "both", "--overwrite"]);
    assert!(ended.code == 4 && ended.stderr.contains("different orders"), "{}", ended.stderr);
}

#[test]
fn groups_have_the_labels_of_the_whole_in_its_order() {
    let place = Place::new();
    let columns = vec![
        ("label", array(StringArray::from(vec!["b", "b", "a", "A"]))),
        ("split", array(StringArray::from(vec!["x", "x", "y", "y"]))),
    ];
    write(&place.path("g.parquet"), columns);
    let flags = ["g.parquet", "--layout", "class", "--labels", "label", "--by", "split"];
    let weights = place.weights(&[&flags[..], &["--order", "frequency", "--ignore-case"]].concat());
    assert_eq!((&weights["labels"], &weights["positives"]), (&json!(["a", "b"]), &json!([2, 2])));
    let weights = place.weights(&[&flags[..], &["--order", "frequency"]].concat());
    assert_eq!(weights["labels"], json!(["b", "A", "a"]));
    let group = place.json("out/by/split=y/weights.json");
    assert_eq!((&group["labels"], &group["positives"]), (&json!(["b", "A", "a"]), &json!([0, 1, 1])));
}

#[test]
fn an_order_that_is_given_is_not_changed() {
    let place = Place::new();
    let wide = vec![("dog", array(UInt8Array::from(vec![1]))), ("cat", array(UInt8Array::from(vec![0])))];
    write(&place.path("w.parquet"), wide);
    assert_eq!(place.weights(&["w.parquet", "--layout", "wide"])["labels"], json!(["dog", "cat"]));
    let sorted = place.weights(&["w.parquet", "--layout", "wide", "--order", "name"]);
    assert_eq!((&sorted["labels"], &sorted["positives"]), (&json!(["cat", "dog"]), &json!([0, 1])));
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1)])]);
    write(&place.path("l.parquet"), vec![("tags", array(lists))]);
    texts(&place, "t.parquet", "label", vec!["a"]);
    for (arguments, says) in [
        (&["w.parquet", "--layout", "wide", "--order", "frequency"][..], "layout wide"),
        (&["l.parquet", "--layout", "list", "--order", "name"], "indices of the labels are their order"),
        (&["t.parquet", "--layout", "class", "--order", "given"], "give their order with --vocabulary"),
        (&["t.parquet", "--layout", "class", "--order", "alphabet"], "use given, name, number or frequency"),
    ] {
        let ended = place.run(&[&["compute"], arguments, &["--out", "x"]].concat());
        assert!(ended.code == 2 && ended.stderr.contains(says), "{}", ended.stderr);
    }
}

#[test]
fn shards_with_columns_in_another_order_are_reported() {
    let place = Place::new();
    let bits = || array(UInt8Array::from(vec![1, 0]));
    write(&place.path("d/0.parquet"), vec![("dog", bits()), ("cat", bits())]);
    write(&place.path("d/1.parquet"), vec![("cat", bits()), ("dog", bits())]);
    let found = |arguments: &[&str]| {
        place.weights(&[&["d"], arguments].concat());
        place.json("out/run_results.json")["findings"].to_string()
    };
    let findings = found(&[]);
    assert!(findings.contains("COLUMN_ORDER"), "{findings}");
    assert!(findings.contains("0.parquet") && findings.contains("1.parquet"), "{findings}");
    assert!(!found(&["--labels", "cat,dog"]).contains("COLUMN_ORDER"));
    assert!(!found(&["--order", "name"]).contains("COLUMN_ORDER"));
}

#[test]
fn the_heading_of_a_vocabulary_is_seen_or_asked_for() {
    let place = Place::new();
    write(&place.path("c.parquet"), vec![("label", array(Int64Array::from(vec![0, 0, 1])))]);
    let run = |names: &str, more: &[&str]| {
        std::fs::write(place.path("names.csv"), names).unwrap();
        let flags = ["compute", "c.parquet", "--layout", "class", "--overwrite", "--out", "out"];
        place.run(&[&flags[..], more].concat())
    };
    for (names, more) in [
        ("tag\ncat\ndog\n", &["--vocabulary", "names.csv"][..]),
        ("animal\ncat\ndog\n", &["--vocabulary", "names.csv:animal"]),
        ("animal\ncat\ndog\n", &["--vocabulary", "names.csv", "--num-labels", "2"]),
        ("cat\ndog\n", &["--vocabulary", "names.csv", "--num-labels", "2"]),
    ] {
        let ended = run(names, more);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(place.json("out/weights.json")["labels"], json!(["cat", "dog"]), "{names}");
    }
    let ended = run("animal\ncat\ndog\n", &["--vocabulary", "names.csv"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("is \"animal\", on the first line, a heading"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--vocabulary names.csv:animal"), "{}", ended.stderr);
}

#[test]
fn a_blank_line_of_a_vocabulary_moves_no_name() {
    let place = Place::new();
    write(&place.path("c.parquet"), vec![("label", array(Int64Array::from(vec![0, 2, 2])))]);
    let run = |file: &str, names: &str| {
        std::fs::write(place.path(file), names).unwrap();
        let flags = ["compute", "c.parquet", "--layout", "class", "--overwrite", "--out", "out"];
        place.run(&[&flags[..], &["--vocabulary", file]].concat())
    };
    for (file, names, line) in [
        ("names.txt", "background\n\ncat\ndog\n", 2),
        ("names.txt", "background\r\n\r\ncat\r\n", 2),
        ("names.txt", "\ncat\ndog\n", 1),
        ("names.csv", "label\nbackground\n\ncat\n", 3),
        ("names.csv", "label\r\nbackground\r\n\r\ncat\r\n", 3),
        ("names.csv", "label,kind\nbackground,a\n\n\ncat,b\n", 3),
    ] {
        let ended = run(file, names);
        assert_eq!(ended.code, 4, "{names:?}: {}", ended.stderr);
        let expected = format!("{file}: line {line} is blank, and names follow it");
        assert!(ended.stderr.contains(&expected), "{names:?}: {}", ended.stderr);
    }
    for (file, names) in [
        ("names.txt", "background\nunused\ncat\n\n\n"),
        ("names.csv", "label\r\nbackground\r\nunused\r\ncat\r\n\r\n"),
        ("names.csv", "id,label\n2,cat\n\n0,background\n1,unused\n"),
        ("names.csv", "label\nbackground\n\"unused\"\ncat"),
    ] {
        let ended = run(file, names);
        assert_eq!(ended.code, 0, "{names:?}: {}", ended.stderr);
        let labels = &place.json("out/weights.json")["labels"];
        assert_eq!(*labels, json!(["background", "unused", "cat"]), "{names:?}");
    }
}

#[test]
fn a_vocabulary_is_found_in_the_json_files_that_models_and_data_sets_have() {
    let place = Place::new();
    write(&place.path("c.parquet"), vec![("label", array(Int64Array::from(vec![0, 0, 1])))]);
    let run = |names: &str| {
        std::fs::write(place.path("names.json"), names).unwrap();
        place.run(&[
            "compute",
            "c.parquet",
            "--layout",
            "class",
            "--vocabulary",
            "names.json",
            "--overwrite",
            "--out",
            "out",
        ])
    };
    for names in [
        r#"{"id2label": {"1": "dog", "0": "cat"}, "label2id": {"cat": 0, "dog": 1}, "hidden_size": 8}"#,
        r#"{"label2id": {"cat": 0, "dog": 1}, "model_type": "x"}"#,
        r#"[{"id": 1, "name": "dog", "supercategory": "animal"}, {"id": 0, "name": "cat"}]"#,
        r#"{"images": [], "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]}"#,
        r#"[{"name": "cat"}, {"name": "dog"}]"#,
    ] {
        let ended = run(names);
        assert_eq!(ended.code, 0, "{names}: {}", ended.stderr);
        let weights = place.json("out/weights.json");
        assert_eq!(
            (&weights["labels"], &weights["positives"]),
            (&json!(["cat", "dog"]), &json!([2, 1])),
            "{names}"
        );
    }
    for (names, expected) in [
        (
            r#"{"id2label": {"0": "cat", "1": "dog"}, "label2id": {"cat": 1, "dog": 0}}"#,
            "in different orders",
        ),
        (r#"[{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]"#, "index 0 is left out"),
        (r#"[{"id": 0, "name": "cat"}, {"name": "dog"}]"#, "expected a list of names"),
        (r#"[{"id": 0, "name": "cat"}, "dog"]"#, "expected a list of names"),
        (r#"[{"id": 0}]"#, "expected a list of names"),
    ] {
        let ended = run(names);
        assert_eq!(ended.code, 4, "{names}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{names}: {}", ended.stderr);
    }
}

#[test]
fn a_shard_without_rows_names_no_label() {
    let place = Place::new();
    let empty = StringArray::from(Vec::<&str>::new());
    write(&place.path("d/0.parquet"), vec![("label", array(empty))]);
    texts(&place, "d/1.parquet", "label", vec!["b", "a"]);
    let weights = place.weights(&["d", "--layout", "class", "--ignore-case"]);
    assert_eq!(weights["labels"], json!(["a", "b"]));
}
