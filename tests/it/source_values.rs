use arrow::array::{
    BinaryArray, BooleanArray, Decimal128Array, Float16Array, Float32Array, Float64Array, Int8Array,
    Int64Array, ListArray, StringArray, UInt8Array,
};
use arrow::datatypes::{Float16Type, Float32Type, Float64Type, Int64Type};
use half::f16;
use serde_json::{Value, json};

use crate::support::{Ended, Place, array, write};

/// Positives, negatives and missing rows of every label.
fn sides(weights: &Value) -> [Vec<u64>; 3] {
    ["positives", "negatives", "missing"]
        .map(|side| weights[side].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect())
}

fn refused(place: &Place, arguments: &[&str]) -> Ended {
    let ended = place.run(&[&["compute"], arguments, &["--out", "refused"]].concat());
    assert!(!place.path("refused/weights.json").exists());
    ended
}

fn scored(place: &Place) {
    let a = Float32Array::from(vec![Some(1.0), Some(0.0), None, Some(f32::NAN)]);
    let b = Int8Array::from(vec![Some(1), None, None, Some(0)]);
    write(&place.path("w.parquet"), vec![("a", array(a)), ("b", array(b))]);
}

#[test]
fn null_and_nan_count_as_asked_whatever_the_engine() {
    let place = Place::new();
    scored(&place);
    for (side, expected) in [
        ("missing", [vec![1, 1], vec![1, 1], vec![2, 2]]),
        ("negative", [vec![1, 1], vec![3, 3], vec![0, 0]]),
        ("positive", [vec![3, 3], vec![1, 1], vec![0, 0]]),
    ] {
        for engine in ["auto", "plain"] {
            let weights =
                place.weights(&["w.parquet", "--labels", "a,b", "--null-as", side, "--engine", engine]);
            assert_eq!(sides(&weights), expected, "{side} {engine}");
        }
        // The pass over rows sees the same sides.
        let labels = if side == "positive" { 6.0 } else { 2.0 };
        let cardinality = place.json("out/imbalance.json")["cardinality"].as_f64().unwrap();
        assert!((cardinality - labels / 4.0).abs() < 1e-12, "{side} {cardinality}");
    }
}

#[test]
fn nan_among_declared_values_is_another_spelling_of_it() {
    let place = Place::new();
    scored(&place);
    let weights = place.weights(&["w.parquet", "--labels", "a,b", "--negative-values", "0,nan"]);
    assert_eq!(sides(&weights)[1], [3, 3]);
    let weights = place.weights(&[
        "w.parquet",
        "--labels",
        "a,b",
        "--uncertain-values",
        "NULL",
        "--uncertain-as",
        "positive",
    ]);
    assert_eq!(sides(&weights)[0], [3, 3]);
    let ended = refused(
        &place,
        &["w.parquet", "--labels", "a", "--negative-values", "0,nan", "--null-as", "positive"],
    );
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("--negative-values has nan, but --null-as says"), "{}", ended.stderr);
    let ended = refused(&place, &["w.parquet", "--labels", "a", "--null-as", "zero"]);
    assert!(
        ended.code == 2 && ended.stderr.contains("use missing, negative or positive"),
        "{}",
        ended.stderr
    );
}

#[test]
fn null_as_is_refused_where_null_stands_for_a_row() {
    let place = Place::new();
    write(&place.path("c.parquet"), vec![("label", array(StringArray::from(vec![Some("cat"), None])))]);
    let ended = refused(&place, &["c.parquet", "--layout", "class", "--null-as", "negative"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("--null-as negative does not apply to layout class"), "{}", ended.stderr);
}

#[test]
fn elements_of_a_vector_may_be_null_and_its_row_stays_missing() {
    let place = Place::new();
    let rows = vec![Some(vec![Some(1), None]), None, Some(vec![Some(0), Some(1)])];
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(rows);
    write(&place.path("v.parquet"), vec![("y", array(lists))]);
    let weights = place.weights(&["v.parquet", "--layout", "vector", "--null-as", "negative"]);
    assert_eq!(sides(&weights), [vec![1, 1], vec![1, 1], vec![1, 1]]);
}

#[test]
fn a_class_that_was_declared_missing_is_no_label() {
    let place = Place::new();
    write(&place.path("c.parquet"), vec![("label", array(UInt8Array::from(vec![0, 0, 1, 1, 2])))]);
    let arguments = ["c.parquet", "--layout", "class", "--missing-values", "0"];
    let weights = place.weights(&[&arguments[..], &["--row-measures", "on"]].concat());
    assert_eq!(weights["labels"], json!(["1", "2"]));
    assert_eq!(sides(&weights), [vec![2, 1], vec![1, 2], vec![2, 2]]);
    let weights = place.weights(&[&arguments[..], &["--num-labels", "3"]].concat());
    assert_eq!(weights["labels"], json!(["0", "1", "2"]));
    // Between labels it keeps its place: the model has an output for it.
    for engine in ["auto", "plain"] {
        let between = ["c.parquet", "--layout", "class", "--missing-values", "1", "--engine", engine];
        let weights = place.weights(&[&between[..], &["--row-measures", "on"]].concat());
        assert_eq!(weights["labels"], json!(["0", "1", "2"]));
        assert_eq!(sides(&weights), [vec![2, 0, 1], vec![1, 3, 2], vec![2, 2, 2]]);
        assert_eq!(weights["status"][1], "no_positives");
    }
    // Of a layout whose cells are values, 0 has a meaning already.
    write(&place.path("w.parquet"), vec![("a", array(UInt8Array::from(vec![0, 1])))]);
    let ended = refused(&place, &["w.parquet", "--labels", "a", "--layout", "wide", "--missing-values", "0"]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("0 appears in both --missing-values and --negative-values"),
        "{}",
        ended.stderr
    );
}

#[test]
fn whole_numbers_are_classes_and_indices_in_columns_of_floats() {
    let place = Place::new();
    let classes = Float64Array::from(vec![Some(0.0), Some(2.0), Some(2.0), None, Some(f64::NAN)]);
    let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(vec![
        Some(vec![Some(0.0)]),
        Some(vec![Some(2.0), Some(0.0), Some(0.0)]),
        Some(vec![]),
        None,
        Some(vec![Some(f64::NAN)]),
    ]);
    write(&place.path("f.parquet"), vec![("class", array(classes)), ("list", array(lists))]);
    for engine in ["auto", "plain"] {
        let class = ["f.parquet", "--labels", "class", "--layout", "class", "--engine", engine];
        assert_eq!(sides(&place.weights(&class)), [vec![1, 0, 2], vec![2, 3, 1], vec![2; 3]], "{engine}");
        let list = ["f.parquet", "--labels", "list", "--layout", "list", "--engine", engine];
        assert_eq!(sides(&place.weights(&list)), [vec![2, 0, 1], vec![2, 4, 3], vec![1; 3]], "{engine}");
        let names = place.weights(&[&class[..], &["--label-kind", "name"]].concat());
        assert_eq!(names["labels"], json!(["0", "2"]));
    }
    for bad in [0.5, 9_007_199_254_740_993.0] {
        write(&place.path("b.parquet"), vec![("c", array(Float64Array::from(vec![1.0, bad])))]);
        let ended = refused(&place, &["b.parquet", "--layout", "class", "--label-kind", "name"]);
        assert!(ended.code == 4 && ended.stderr.contains("is not a whole number"), "{}", ended.stderr);
    }
}

#[test]
fn integers_beside_floats_count_together() {
    let place = Place::new();
    let ints = || array(Int64Array::from(vec![1, 0]));
    write(&place.path("d/0.parquet"), vec![("y", ints()), ("z", ints())]);
    let floats = Float64Array::from(vec![Some(1.0), None]);
    write(&place.path("d/1.parquet"), vec![("y", array(floats)), ("z", ints())]);
    for engine in ["auto", "plain"] {
        let weights = place.weights(&["d", "--labels", "y,z", "--engine", engine]);
        assert_eq!(sides(&weights), [vec![2, 2], vec![1, 2], vec![1, 0]], "{engine}");
    }
    let weights = place.weights(&["d", "--labels", "y", "--layout", "class"]);
    assert_eq!(sides(&weights)[0], [1, 2]);
    // Two integers that one float stands for must not become one name.
    let large = Int64Array::from(vec![(1_i64 << 53) + 1, 1 << 53]);
    write(&place.path("e/0.parquet"), vec![("y", array(large))]);
    write(&place.path("e/1.parquet"), vec![("y", array(Float64Array::from(vec![1.0])))]);
    let ended = refused(&place, &["e", "--layout", "class", "--label-kind", "name"]);
    assert!(ended.code == 4 && ended.stderr.contains("0.parquet"), "{}", ended.stderr);
    // A row id is never widened.
    write(&place.path("l/0.parquet"), vec![("id", ints()), ("label", ints())]);
    let ids = array(Float64Array::from(vec![3.0, 4.0]));
    write(&place.path("l/1.parquet"), vec![("id", ids), ("label", ints())]);
    let ended = refused(&place, &["l", "--layout", "long", "--id", "id", "--labels", "label"]);
    assert!(ended.code == 4 && ended.stderr.contains("no common type without loss"), "{}", ended.stderr);
}

#[test]
fn bytes_are_text_where_they_are_utf8() {
    let place = Place::new();
    let bytes = BinaryArray::from_iter_values([b"cat".as_slice(), b"cat", "é|dog".as_bytes()]);
    write(&place.path("d/0.parquet"), vec![("label", array(bytes))]);
    write(&place.path("d/1.parquet"), vec![("label", array(StringArray::from(vec!["dog"])))]);
    for engine in ["auto", "plain"] {
        let weights = place.weights(&["d", "--labels", "label", "--layout", "class", "--engine", engine]);
        assert_eq!(weights["labels"], json!(["cat", "dog", "é|dog"]));
        assert_eq!(sides(&weights)[0], [2, 1, 1], "{engine}");
        let weights = place.weights(&["d", "--labels", "label", "--delimiter", "|", "--engine", engine]);
        assert_eq!(weights["labels"], json!(["cat", "dog", "é"]));
    }
    let broken = BinaryArray::from_iter_values([b"cat".as_slice(), b"dog", b"\xff\xfe"]);
    write(&place.path("d/2.parquet"), vec![("label", array(broken))]);
    for engine in ["auto", "plain"] {
        let ended = refused(&place, &["d", "--labels", "label", "--layout", "class", "--engine", engine]);
        assert_eq!(ended.code, 4);
        assert!(ended.stderr.contains("2.parquet: column \"label\": row 2 (from 0):"), "{}", ended.stderr);
        assert!(ended.stderr.contains("is not UTF-8"), "{}", ended.stderr);
    }
}

#[test]
fn blanks_and_case_are_ignored_when_asked_and_reported_otherwise() {
    let place = Place::new();
    let tags = ["Cat, dog", "cat ,Dog", " CAT,Cat", "nan", ""];
    write(&place.path("t.parquet"), vec![("tags", array(StringArray::from_iter_values(tags)))]);
    let arguments = ["t.parquet", "--layout", "delimited", "--labels", "tags", "--delimiter", ","];
    for engine in ["auto", "plain"] {
        let asked = ["--trim", "--ignore-case", "--missing-values", "NaN", "--engine", engine];
        let weights = place.weights(&[&arguments[..], &asked].concat());
        assert_eq!(weights["labels"], json!(["Cat", "dog"]), "{engine}");
        assert_eq!(sides(&weights), [vec![3, 2], vec![1, 2], vec![1, 1]], "{engine}");
        let sets = place.json("out/imbalance.json");
        assert_eq!(sets["max_labels_per_row"], 2, "a label in two spellings counts once");
    }
    let weights = place.weights(&arguments);
    assert_eq!(weights["labels"].as_array().unwrap().len(), 6);
    let results = place.json("out/run_results.json").to_string();
    assert!(results.contains("SIMILAR_LABELS") && results.contains("MISSING_AS_LABEL"), "{results}");
}

#[test]
fn the_first_spelling_names_a_label_whatever_the_threads_and_the_order_of_shards() {
    let place = Place::new();
    let shard = |name: &str, labels: Vec<&str>| {
        write(&place.path(name), vec![("label", array(StringArray::from(labels)))]);
    };
    shard("a.parquet", vec!["dog", "STRASSE"]);
    shard("b.parquet", vec!["Dog", "Straße", "bird", "Bird"]);
    shard("c.parquet", vec!["DOG", "BIRD"]);
    let arguments = ["--layout", "class", "--ignore-case"];
    for (shards, threads) in
        [(["a.parquet", "b.parquet", "c.parquet"], "1"), (["c.parquet", "b.parquet", "a.parquet"], "4")]
    {
        let weights = place.weights(&[&shards[..], &arguments, &["--threads", threads]].concat());
        assert_eq!(weights["labels"], json!(["STRASSE", "bird", "dog"]));
        assert_eq!(sides(&weights)[0], [2, 3, 3]);
    }
    std::fs::write(place.path("names.txt"), "Bird\ndOg\nStrasse\n").unwrap();
    let shards = ["a.parquet", "b.parquet", "c.parquet"];
    let weights = place.weights(&[&shards[..], &arguments, &["--vocabulary", "names.txt"]].concat());
    assert_eq!(weights["labels"], json!(["Bird", "dOg", "Strasse"]));
    assert_eq!(sides(&weights)[0], [3, 3, 2]);
    std::fs::write(place.path("names.txt"), "Bird\nbird\n").unwrap();
    let ended = refused(&place, &[&shards[..], &arguments, &["--vocabulary", "names.txt"]].concat());
    assert!(ended.code == 4 && ended.stderr.contains("are one label with --ignore-case"), "{}", ended.stderr);
}

#[test]
fn a_changed_spelling_discards_saved_counts() {
    let place = Place::new();
    write(&place.path("a.parquet"), vec![("label", array(StringArray::from(vec!["a", "A", "b "])))]);
    let arguments = ["a.parquet", "--layout", "class", "--state", "s"];
    assert_eq!(place.weights(&arguments)["labels"], json!(["A", "a", "b "]));
    let asked = [&arguments[..], &["--trim", "--ignore-case"]].concat();
    for _ in 0..2 {
        assert_eq!(place.weights(&asked)["labels"], json!(["a", "b"]));
    }
    assert!(place.json("out/run_results.json").to_string().contains("reused"));
}

#[test]
fn a_condition_that_no_row_meets_is_refused_with_what_the_column_holds() {
    let place = Place::new();
    for split in ["train", "test"] {
        let columns = vec![
            ("a", array(UInt8Array::from(vec![1, 0]))),
            ("year", array(Int64Array::from(vec![2020, 2024]))),
            ("site", array(StringArray::from(vec!["north", "south"]))),
        ];
        write(&place.path(&format!("d/split={split}/p.parquet")), columns);
    }
    for (condition, says) in [
        ("site = 'North'", "column site holds 'north', 'south'; did you mean 'north'?"),
        ("split = 'Train'", "column split holds 'test', 'train'; did you mean 'train'?"),
        ("year > 3000", "column year holds numbers from 2020 to 2024"),
    ] {
        let arguments = ["d", "--labels", "a", "--where", condition];
        let ended = refused(&place, &arguments);
        assert_eq!(ended.code, 4);
        assert!(ended.stderr.contains("leaves 0 rows of 4"), "{}", ended.stderr);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
        let weights = place.weights(&[&arguments[..], &["--allow-empty"]].concat());
        assert_eq!(weights["rows"], 0);
    }
}

#[test]
fn the_summary_shows_what_soft_weights_are_made_of() {
    let place = Place::new();
    write(&place.path("s.parquet"), vec![("a", array(Float64Array::from(vec![0.9, 0.3])))]);
    let ended = place.run(&["compute", "s.parquet", "--labels", "a", "--soft", "--out", "out"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let row = ended.stdout.lines().find(|line| line.trim_start().starts_with("a ")).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert!(
        ended.stdout.contains("pos. mass") && cells.contains(&"1.2") && cells.contains(&"0.8"),
        "{}",
        ended.stdout
    );
}

#[test]
fn new_flags_are_keys_of_the_emitted_spec() {
    let place = Place::new();
    scored(&place);
    let flags = [
        "compute",
        "w.parquet",
        "--labels",
        "a,b",
        "--null-as",
        "negative",
        "--trim",
        "--ignore-case",
        "--order",
        "name",
        "--allow-empty",
        "--out",
        "out",
    ];
    let emitted = place.run(&[&flags[..], &["--emit-spec"]].concat());
    for key in [
        "null_as = \"negative\"",
        "trim = true",
        "ignore_case = true",
        "order = \"name\"",
        "allow_empty = true",
    ] {
        assert!(emitted.stdout.contains(key), "{key}\n{}", emitted.stdout);
    }
    std::fs::write(place.path("p.toml"), &emitted.stdout).unwrap();
    let ended = place.run(&["run", "p.toml"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(sides(&place.json("out/weights.json"))[1], [3, 3]);
}

#[test]
fn what_is_declared_missing_of_masks_and_values_takes_no_label_away() {
    let place = Place::new();
    let masks = Int64Array::from(vec![Some(1), Some(2), Some(3), Some(8), None]);
    write(&place.path("bits.parquet"), vec![("m", array(masks))]);
    let ids = Int64Array::from(vec![1, 1, 1, 2, 2, 3]);
    let labels = Int64Array::from(vec![0, 1, 2, 2, 3, 1]);
    let values = Int64Array::from(vec![1, 0, 2, 1, 0, 1]);
    let columns = vec![("id", array(ids)), ("l", array(labels)), ("v", array(values))];
    write(&place.path("pairs.parquet"), columns);
    for engine in ["auto", "plain"] {
        let bits = ["bits.parquet", "--layout", "bits", "--labels", "m", "--missing-values", "3"];
        let weights = place.weights(&[&bits[..], &["--engine", engine]].concat());
        assert_eq!(weights["labels"], json!(["0", "1", "2", "3"]), "{engine}");
        assert_eq!(sides(&weights), [vec![1, 1, 0, 1], vec![2, 2, 3, 2], vec![2, 2, 2, 2]], "{engine}");
        let pairs = ["pairs.parquet", "--layout", "long", "--id", "id", "--labels", "l", "--value", "v"];
        let weights = place.weights(&[&pairs[..], &["--missing-values", "2", "--engine", engine]].concat());
        assert_eq!(weights["labels"], json!(["0", "1", "2", "3"]), "{engine}");
        assert_eq!(sides(&weights), [vec![1, 1, 1, 0], vec![0, 1, 0, 1], vec![2, 1, 2, 2]], "{engine}");
    }
}

#[test]
fn a_threshold_of_32_bit_floats_is_that_of_numpy() {
    let place = Place::new();
    let scores = Float32Array::from(vec![0.7, 0.699, 0.9, 0.1]);
    let lists = ListArray::from_iter_primitive::<Float32Type, _, _>(
        [[0.7, 0.1], [0.699, 0.7]].map(|row| Some(row.map(Some))),
    );
    write(&place.path("w.parquet"), vec![("a", array(scores))]);
    write(&place.path("v.parquet"), vec![("y", array(lists))]);
    for engine in ["auto", "plain"] {
        let flags = ["--threshold", "0.7", "--engine", engine];
        let weights = place.weights(&[&["w.parquet", "--labels", "a"], &flags[..]].concat());
        assert_eq!(weights["positives"], json!([2]), "{engine}");
        let weights =
            place.weights(&[&["v.parquet", "--layout", "vector", "--labels", "y"], &flags[..]].concat());
        assert_eq!(weights["positives"], json!([1, 1]), "{engine}");
    }
}

/// A threshold decides about 1 and 0, too, in every layout and type, on every path.
#[test]
fn a_threshold_decides_about_every_number_that_is_not_declared() {
    let place = Place::new();
    let numbers = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let columns = vec![
        ("i", array(Int64Array::from_iter_values(0..6))),
        ("f", array(Float64Array::from(numbers.to_vec()))),
        ("h", array(Float16Array::from_iter_values(numbers.map(f16::from_f64)))),
        (
            "d",
            array(
                Decimal128Array::from_iter_values((0..6).map(|x| x * 100))
                    .with_precision_and_scale(9, 2)
                    .unwrap(),
            ),
        ),
        ("t", array(StringArray::from(vec!["0", "1", "2.0", "3", "4", "true"]))),
        ("b", array(BooleanArray::from(vec![false, true, true, true, false, false]))),
    ];
    write(&place.path("w.parquet"), columns);
    let lists =
        ListArray::from_iter_primitive::<Float64Type, _, _>(numbers.map(|x| Some([Some(x), Some(5.0 - x)])));
    write(&place.path("v.parquet"), vec![("y", array(lists))]);
    let (ids, labels): (Vec<i64>, Vec<i64>) = (0..6).map(|i| (i, i % 2)).unzip();
    let columns = vec![
        ("id", array(Int64Array::from(ids))),
        ("l", array(Int64Array::from(labels))),
        ("v", array(Float64Array::from(numbers.to_vec()))),
    ];
    write(&place.path("p.parquet"), columns);
    let maps = numbers.map(|x| format!("{{\"a\": {x}}}"));
    write(&place.path("m.parquet"), vec![("m", array(StringArray::from(maps.to_vec())))]);
    std::fs::write(
        place.path("own.toml"),
        "shards = 'w.parquet'\nlayout = 'wide'\nlabels = ['i', 'f']\nthreshold = 3\n\n[label]\nf.positive_values = 1\n",
    )
    .unwrap();
    for engine in ["auto", "encoded", "plain"] {
        let positives = |flags: &[&str], threshold: &str| {
            let asked = [flags, &["--threshold", threshold, "--engine", engine]].concat();
            sides(&place.weights(&asked))[..2].to_vec()
        };
        let wide = ["w.parquet", "--layout", "wide", "--labels", "i,f,h,d,t,b"];
        // A truth is no number.
        assert_eq!(positives(&wide, "3")[0], [3, 3, 3, 3, 3, 3], "{engine}");
        assert_eq!(positives(&wide, "0")[0], [6, 6, 6, 6, 6, 3], "{engine}");
        assert_eq!(positives(&wide, "-1")[0], [6, 6, 6, 6, 6, 3], "{engine}");
        let declared = [&wide[..4], &["i,f", "--positive-values", "1", "--negative-values", "5"]].concat();
        assert_eq!(positives(&declared, "3"), [[3, 3], [3, 3]], "{engine}");
        // 0 may say nothing where it is not negative.
        let missing = [&wide[..4], &["i,f,t", "--missing-values", "0"]].concat();
        assert_eq!(positives(&missing, "3"), [[3, 3, 3], [2, 2, 2]], "{engine}");
        let vector = ["v.parquet", "--layout", "vector", "--labels", "y"];
        assert_eq!(positives(&vector, "3"), [[3, 3], [3, 3]], "{engine}");
        assert_eq!(positives(&vector, "0")[0], [6, 6], "{engine}");
        if engine == "encoded" {
            continue;
        }
        let long = ["p.parquet", "--layout", "long", "--id", "id", "--labels", "l", "--value", "v"];
        assert_eq!(positives(&long, "3"), [[1, 2], [2, 1]], "{engine}");
        let map = ["m.parquet", "--layout", "map", "--labels", "m"];
        assert_eq!(positives(&map, "3"), [[3], [3]], "{engine}");
    }
    // What one label declares does not concern the others.
    let ended = place.run(&["run", "own.toml", "--out", "own"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(sides(&place.json("own/weights.json"))[0], [3, 4]);
    let both = ["w.parquet", "--layout", "wide", "--labels", "i", "--threshold", "3", "--soft"];
    assert!(refused(&place, &both).stderr.contains("--threshold and --soft exclude each other"));
}

#[test]
fn declared_numbers_are_those_of_16_bit_floats() {
    let place = Place::new();
    let scores = [0.1, 0.0999, 0.9, 0.6, 1.0].map(f16::from_f64);
    let lists = ListArray::from_iter_primitive::<Float16Type, _, _>(scores.map(|x| Some([Some(x)])));
    let columns = vec![("a", array(Float16Array::from(scores.to_vec()))), ("y", array(lists))];
    write(&place.path("h.parquet"), columns);
    for engine in ["auto", "plain"] {
        for reading in [["--layout", "wide", "--labels", "a"], ["--layout", "vector", "--labels", "y"]] {
            let count = |flags: &[&str]| {
                let asked = [&["h.parquet", "--engine", engine][..], &reading, flags].concat();
                sides(&place.weights(&asked)).map(|side| side[0])
            };
            assert_eq!(count(&["--threshold", "0.1"]), [4, 1, 0], "{engine} {reading:?}");
            let declared = ["--positive-values", "0.6,0.9,1", "--negative-values", "0.1,0.0999"];
            assert_eq!(count(&declared), [3, 2, 0], "{engine} {reading:?}");
        }
    }
}

#[test]
fn a_query_without_rows_is_bad_input_unless_allowed() {
    let place = Place::new();
    scored(&place);
    let query = ["w.parquet", "--labels", "a,b", "--query", "SELECT a, b FROM shards WHERE b > 7"];
    let ended = refused(&place, &query);
    assert!(ended.code == 4 && ended.stderr.contains("0 rows") && ended.stderr.contains("--allow-empty"));
    let weights = place.weights(&[&query[..], &["--allow-empty"]].concat());
    assert_eq!(weights["rows"], 0);
}
