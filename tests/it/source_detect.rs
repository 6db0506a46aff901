use arrow::array::{
    ArrayRef, BinaryArray, Float32Array, Float64Array, Int8Array, Int64Array, ListArray, StringArray,
    UInt8Array,
};
use arrow::datatypes::{Float32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use serde_json::json;

use crate::support::{Ended, Place, array, root, write, write_with};

fn texts(values: Vec<&str>) -> ArrayRef {
    array(StringArray::from(values))
}

fn compute(place: &Place, arguments: &[&str]) -> Ended {
    place.run(&[&["compute"], arguments, &["--overwrite", "--out", "out"]].concat())
}

/// The layout that was detected, or the question.
fn layout(place: &Place, arguments: &[&str]) -> String {
    let ended = compute(place, arguments);
    match ended.code {
        0 => place.json("out/run_results.json")["counting"]["layout"].as_str().unwrap().to_owned(),
        2 => ended.stderr,
        code => panic!("exit {code}: {}", ended.stderr),
    }
}

/// Runs every set of flags that a question offers.
fn offered(question: &str) -> Vec<Vec<String>> {
    let lines = question.lines().map(str::trim).filter(|line| line.starts_with("--labels "));
    lines.map(|line| line.split(' ').map(|word| word.trim_matches('\'').to_owned()).collect()).collect()
}

#[test]
fn names_with_blanks_are_classes() {
    let place = Place::new();
    write(
        &place.path("a.parquet"),
        vec![("label", texts(vec!["No Finding", "No Finding", "Pleural Effusion"]))],
    );
    let weights = place.weights(&["a.parquet"]);
    assert_eq!(weights["labels"], json!(["No Finding", "Pleural Effusion"]));
}

#[test]
fn names_with_commas_are_asked_about_with_flags_that_work() {
    let place = Place::new();
    let names = vec!["tench, Tinca tinca", "tench, Tinca tinca", "goldfish, Carassius", "shark"];
    write(&place.path("a.parquet"), vec![("label", texts(names))]);
    let question = layout(&place, &["a.parquet"]);
    assert!(question.contains("how are") || question.contains("which columns"), "{question}");
    assert!(question.contains("cells: \"tench, Tinca tinca\""), "{question}");
    let choices = offered(&question);
    assert_eq!(choices.len(), 2, "{question}");
    assert!(choices[0].ends_with(&["--layout".to_owned(), "class".to_owned()]), "{choices:?}");
    let flags: Vec<&str> = choices[0].iter().map(String::as_str).collect();
    assert_eq!(layout(&place, &[&["a.parquet"], &flags[..]].concat()), "class");
}

#[test]
fn strings_with_a_syntax_are_never_split() {
    let place = Place::new();
    for (cells, expected) in
        [(vec!["[\"a\", \"b\"]", "[\"a\"]", "[]"], "list"), (vec!["1,0,0", "0,0,1", "0,0,0"], "vector")]
    {
        write(&place.path("a.parquet"), vec![("tags", texts(cells.clone()))]);
        let found = layout(&place, &["a.parquet", "--labels", "tags"]);
        assert!(found.contains(expected), "{cells:?}\n{found}");
    }
}

#[test]
fn objects_are_maps_if_their_values_have_a_meaning() {
    let place = Place::new();
    let read = |name: &str, cells: Vec<&str>, labels: &[&str]| {
        write(&place.path("a.parquet"), vec![(name, texts(cells))]);
        layout(&place, &[&["a.parquet"], labels].concat())
    };
    let objects = vec!["{\"cat\": 1}", "{'cat': 0, 'dog': None}", "{}"];
    assert_eq!(read("labels", objects.clone(), &[]), "map");
    assert_eq!(read("notes", objects.clone(), &["--labels", "notes"]), "map");
    // Nothing says that this column holds labels.
    let question = read("notes", objects, &[]);
    assert!(question.contains("--labels notes --layout map"), "{question}");
    let sizes = vec!["{\"width\": 640}", "{\"width\": 480}"];
    let question = read("notes", sizes, &[]);
    assert!(question.contains("--layout map --threshold=560"), "{question}");
}

#[test]
fn cells_far_from_the_first_row_are_seen() {
    let place = Place::new();
    let many = |first: &'static str, last: &'static str| {
        let cells: Vec<&str> =
            std::iter::repeat_n(first, 5000).chain(std::iter::repeat_n(last, 100)).collect();
        texts(cells)
    };
    write(&place.path("a.parquet"), vec![("tags", many("cat", "cat|dog"))]);
    assert_eq!(layout(&place, &["a.parquet", "--labels", "tags"]), "delimited");
    // The same without a dictionary: the last rows are looked at too.
    let plain = WriterProperties::builder().set_dictionary_enabled(false).build();
    write_with(&place.path("b.parquet"), vec![("tags", many("cat", "cat|dog"))], plain);
    assert_eq!(layout(&place, &["b.parquet", "--labels", "tags"]), "delimited");
    // In the middle of a row group and rare: only its statistics show it.
    let mut classes = vec![0_i64; 9000];
    classes[4000] = 2;
    classes[4001] = 1;
    write(&place.path("c.parquet"), vec![("label", array(Int64Array::from(classes)))]);
    assert_eq!(layout(&place, &["c.parquet", "--labels", "label"]), "class");
    // In the last shard.
    write(&place.path("d/0.parquet"), vec![("tags", texts(vec!["cat", "dog"]))]);
    write(&place.path("d/1.parquet"), vec![("tags", texts(vec!["cat", "dog"]))]);
    write(&place.path("d/2.parquet"), vec![("tags", texts(vec!["cat|dog", "dog"]))]);
    assert_eq!(layout(&place, &["d"]), "delimited");
}

#[test]
fn declared_values_make_label_columns_and_undeclared_ones_are_asked_about() {
    let place = Place::new();
    let ints = |values: Vec<i8>| array(Int8Array::from(values));
    let columns = vec![
        ("a", ints(vec![1, 0, 0])),
        ("b", ints(vec![0, 1, 0])),
        ("c", ints(vec![-1, 1, 0])),
        ("age", ints(vec![31, 45, 60])),
    ];
    write(&place.path("w.parquet"), columns);
    let question = layout(&place, &["w.parquet"]);
    assert!(question.contains("is column \"c\" a label? it holds -1"), "{question}");
    assert!(question.contains("--uncertain-values=-1") && question.contains("--labels a,b"), "{question}");
    let weights = place.weights(&["w.parquet", "--uncertain-values=-1", "--uncertain-as", "missing"]);
    assert_eq!(weights["labels"], json!(["a", "b", "c"]));
    assert_eq!(weights["missing"], json!([0, 0, 1]));
    let ended = compute(&place, &["w.parquet", "--missing-values=-1"]);
    assert!(ended.stdout.contains("a, b, c"), "every column is named\n{}", ended.stdout);
}

#[test]
fn a_label_column_beside_many_flags_is_asked_about() {
    let place = Place::new();
    let bits = || array(UInt8Array::from(vec![1, 0, 0]));
    let columns = vec![
        ("is_new", bits()),
        ("is_paid", bits()),
        ("label", texts(vec!["cat", "dog", "cat"])),
        ("n", bits()),
    ];
    write(&place.path("w.parquet"), columns);
    let question = layout(&place, &["w.parquet"]);
    assert!(question.contains("3 readings are possible"), "{question}");
    for flags in offered(&question) {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let chosen = layout(&place, &[&["w.parquet"], &flags[..]].concat());
        assert!(["wide", "class"].contains(&chosen.as_str()), "{chosen}");
    }
}

#[test]
fn images_and_embeddings_are_no_labels() {
    let place = Place::new();
    let image = vec![0xff_u8; 6000];
    let images = BinaryArray::from_iter_values([&image[..], &image[..]]);
    let vectors = ListArray::from_iter_primitive::<Float32Type, _, _>(vec![
        Some(vec![Some(0.31), Some(-1.7)]),
        Some(vec![Some(2.5), Some(0.1)]),
    ]);
    let columns =
        vec![("image", array(images)), ("embedding", array(vectors)), ("label", texts(vec!["cat", "dog"]))];
    write(&place.path("a.parquet"), columns);
    let weights = place.weights(&["a.parquet"]);
    assert_eq!(weights["labels"], json!(["cat", "dog"]));
}

#[test]
fn lists_are_read_by_their_numbers() {
    let place = Place::new();
    let ints = |rows: Vec<Vec<i64>>| {
        let rows = rows.into_iter().map(|row| Some(row.into_iter().map(Some).collect::<Vec<_>>()));
        array(ListArray::from_iter_primitive::<Int64Type, _, _>(rows))
    };
    let floats = |rows: Vec<Vec<f32>>| {
        let rows = rows.into_iter().map(|row| Some(row.into_iter().map(Some).collect::<Vec<_>>()));
        array(ListArray::from_iter_primitive::<Float32Type, _, _>(rows))
    };
    for (column, expected) in [
        (ints(vec![vec![0, 1, 0], vec![1, 0, 0]]), "vector"),
        (ints(vec![vec![0, 5], vec![1]]), "list"),
        (floats(vec![vec![0.0, 1.0], vec![1.0, 1.0]]), "vector"),
        (floats(vec![vec![0.0, 7.0], vec![3.0]]), "list"),
        (ints(vec![vec![0, 1, 1], vec![1]]), "one reading is possible, but not sure"),
    ] {
        write(&place.path("a.parquet"), vec![("labels", column)]);
        let found = layout(&place, &["a.parquet"]);
        assert!(found.contains(expected), "{expected}\n{found}");
    }
    let pairs = ints(vec![vec![-1, 1], vec![0, 1]]);
    write(&place.path("a.parquet"), vec![("labels", pairs)]);
    assert_eq!(layout(&place, &["a.parquet", "--missing-values=-1"]), "vector");
}

#[test]
fn float_columns_are_classes_where_whole_and_targets_where_between() {
    let place = Place::new();
    write(&place.path("a.parquet"), vec![("label", array(Float64Array::from(vec![0.0, 2.0, f64::NAN])))]);
    assert_eq!(layout(&place, &["a.parquet", "--labels", "label"]), "class");
    write(&place.path("b.parquet"), vec![("p", array(Float32Array::from(vec![0.25, 0.5])))]);
    assert_eq!(layout(&place, &["b.parquet", "--labels", "p", "--soft"]), "wide");
    assert_eq!(layout(&place, &["b.parquet", "--labels", "p", "--threshold", "0.5"]), "wide");
}

#[test]
fn inspect_shows_cells_and_readings() {
    let place = Place::new();
    write(
        &place.path("a.parquet"),
        vec![("id", array(Int64Array::from(vec![1, 2]))), ("label", texts(vec!["a", "b"]))],
    );
    let ended = place.run(&["inspect", "a.parquet"]);
    assert_eq!(ended.code, 0);
    assert!(ended.stderr.contains("\"a\", \"b\"") && ended.stderr.contains("1, 2"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("--layout class") && ended.stderr.contains("--layout long --id id"),
        "{}",
        ended.stderr
    );
}

#[test]
fn sample_data_is_read_as_before() {
    let place = Place::new();
    for name in ["wide", "labels270", "vector", "list", "delimited", "long"] {
        let folder = root().join("sample_data").join(name);
        let expected = if name == "labels270" { "wide" } else { name };
        assert_eq!(layout(&place, &[folder.to_str().unwrap()]), expected);
    }
    let folder = root().join("sample_data/map");
    assert_eq!(layout(&place, &[folder.to_str().unwrap(), "--threshold", "0.5"]), "map");
    let folder = root().join("sample_data/class");
    let question = layout(&place, &[folder.to_str().unwrap()]);
    assert!(question.contains("--labels class --layout class"), "{question}");
}

#[test]
fn the_length_of_vectors_is_that_of_the_first_one_however_late_it_comes() {
    let place = Place::new();
    let vectors = |nulls: usize, then: Option<[i64; 3]>| {
        let lists = std::iter::repeat_n(None, nulls)
            .chain(then.map(Some))
            .map(|list| list.map(|list| list.map(Some)));
        array(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))
    };
    let small_groups = || WriterProperties::builder().set_max_row_group_row_count(Some(1)).build();
    let flags = ["--layout", "vector", "--labels", "y"];
    write_with(&place.path("a.parquet"), vec![("y", vectors(2, Some([0, 1, 1])))], small_groups());
    assert_eq!(place.weights(&[&["a.parquet"], &flags[..]].concat())["missing"], json!([2, 2, 2]));
    write_with(&place.path("b.parquet"), vec![("y", vectors(3, None))], small_groups());
    let refused = compute(&place, &[&["b.parquet"], &flags[..]].concat());
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("no list was found in column \"y\""), "{}", refused.stderr);
    let counted = place.weights(&[&["b.parquet", "--num-labels", "3"], &flags[..]].concat());
    assert_eq!(counted["missing"], json!([3, 3, 3]));
}
