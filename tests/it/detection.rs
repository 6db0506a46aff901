//! What nothing says clearly is asked about, or told: columns without values, rare values, rows without labels.

use std::fmt::Write as _;

use arrow::array::{
    Array, ArrayRef, Decimal128Array, Float64Array, Int8Array, Int64Array, ListArray, MapArray, NullArray,
    StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type};
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use serde_json::json;

use crate::readings::{bit, compute, offered, paste, question};
use crate::support::{Place, array, cases, some, write, write_with};

/// Rows of the files made here: more than the distinct cells that are remembered.
const ROWS: usize = 5000;

/// A file of text: a heading, and rows.
pub(crate) fn put(place: &Place, name: &str, heading: &str, rows: usize, row: &dyn Fn(usize) -> String) {
    let mut text = format!("{heading}\n");
    (0..rows).for_each(|i| writeln!(text, "{}", row(i)).unwrap());
    std::fs::create_dir_all(place.path(name).parent().unwrap()).unwrap();
    std::fs::write(place.path(name), text).unwrap();
}

/// What a finding of the last run observed.
fn finding(place: &Place, id: &str) -> Option<String> {
    let results = place.json("out/run_results.json");
    let found = results["findings"].as_array().unwrap().iter().find(|one| one["id"] == id)?;
    Some(found["observed"].as_str().unwrap().to_owned())
}

#[test]
fn a_column_without_values_that_is_named_as_labels_are_keeps_its_place() {
    let place = Place::new();
    put(&place, "a.csv", "id,l_a,l_m,l_b,comment", 60, &|i| format!("{i},{},,{},", bit(i, 0), bit(i, 1)));
    put(&place, "n.csv", "x1,x2,x3", 60, &|i| format!("{},{},", bit(i, 0), bit(i, 1)));
    let line =
        |i| format!("{{\"l_a\": {}, \"l_m\": null, \"l_b\": {}, \"comment\": null}}", bit(i, 0), bit(i, 1));
    put(&place, "j.jsonl", "{\"l_a\": 0, \"l_m\": null, \"l_b\": 0, \"comment\": null}", 60, &line);
    let bits = |column| array((0..60).map(|i| Some(i64::from(bit(i, column)))).collect::<Int64Array>());
    let none: ArrayRef = array(NullArray::new(60));
    let nan = array(Float64Array::from(vec![f64::NAN; 60]));
    write(
        &place.path("p.parquet"),
        vec![("l_a", bits(0)), ("l_m", none), ("l_b", bits(1)), ("comment", nan)],
    );
    for (source, labels) in [
        ("a.csv", json!(["l_a", "l_m", "l_b"])),
        ("j.jsonl", json!(["l_a", "l_m", "l_b"])),
        ("p.parquet", json!(["l_a", "l_m", "l_b"])),
        ("n.csv", json!(["x1", "x2", "x3"])),
    ] {
        let weights = place.weights(&[source]);
        assert_eq!(weights["labels"], labels, "{source}");
        assert!(
            weights["status"].as_array().unwrap().contains(&json!("no_known_rows")),
            "{source}: {weights}"
        );
        let left_out = finding(&place, "LEFT_OUT_COLUMNS");
        assert_eq!(left_out.is_some_and(|text| text.contains("\"comment\"")), source != "n.csv", "{source}");
        // The names say all, so nothing is left out.
        place.weights(&[source, "--labels", if source == "n.csv" { "x*" } else { "l_*" }]);
        assert_eq!(finding(&place, "LEFT_OUT_COLUMNS"), None, "{source}");
    }
}

#[test]
fn a_column_without_values_between_labels_is_asked_about_and_others_are_told() {
    let place = Place::new();
    put(&place, "mid.csv", "cat,dog,bird", 60, &|i| format!("{},,{}", bit(i, 0), bit(i, 1)));
    let asked = question(&place, &["mid.csv"]);
    assert!(asked.contains("is column \"dog\" a label? no cell that was looked at holds a value"), "{asked}");
    assert_eq!(
        offered(&asked),
        ["--labels cat,dog,bird --layout wide", "--labels cat,bird --layout wide"],
        "{asked}"
    );
    for (flags, labels) in offered(&asked).iter().zip([3, 2]) {
        assert_eq!(paste(&place, "mid.csv", flags).code, 0, "{flags}");
        assert_eq!(place.json("out/weights.json")["labels"].as_array().unwrap().len(), labels);
    }
    assert!(question(&place, &["mid.csv", "--layout", "wide"]).contains("is column \"dog\" a label?"));
    // Beside labels, or with the name of a remark.
    for (name, heading) in [("end.csv", "cat,bird,dog"), ("note.csv", "cat,notes,bird")] {
        put(&place, name, heading, 60, &|i| {
            let (a, b) = (bit(i, 0), bit(i, 1));
            if name == "end.csv" { format!("{a},{b},") } else { format!("{a},,{b}") }
        });
        assert_eq!(place.weights(&[name])["labels"], json!(["cat", "bird"]), "{name}");
        let told = finding(&place, "LEFT_OUT_COLUMNS").unwrap();
        assert!(told.starts_with("column \"") && told.contains("holds no value"), "{told}");
    }
    // Where values have to be declared, the question says what is left out.
    put(&place, "odd.csv", "cat,dog,bird", 60, &|i| {
        format!("{},,{}", if i % 9 == 0 { -1 } else { i64::from(bit(i, 0)) }, bit(i, 1))
    });
    let asked = question(&place, &["odd.csv"]);
    assert!(asked.contains("; without dog, which holds no value"), "{asked}");
    for flags in offered(&asked) {
        assert_eq!(paste(&place, "odd.csv", &flags).code, 0, "{flags}");
    }
}

#[test]
fn a_column_without_a_name_that_holds_labels_is_told() {
    let place = Place::new();
    put(&place, "a.csv", "cat,dog,", 60, &|i| format!("{},{},{}", bit(i, 0), bit(i, 1), bit(i, 2)));
    assert_eq!(place.weights(&["a.csv"])["labels"], json!(["cat", "dog"]));
    assert_eq!(finding(&place, "LEFT_OUT_COLUMNS").unwrap(), "a column without a name holds only 0 and 1");
    put(&place, "b.csv", ",cat,dog", 60, &|i| format!("{i},{},{}", bit(i, 0), bit(i, 1)));
    place.weights(&["b.csv"]);
    assert_eq!(finding(&place, "LEFT_OUT_COLUMNS"), None);
}

/// Columns that hold no label in any row, with the layout that reads them.
fn without_labels() -> Vec<(&'static str, ArrayRef)> {
    let lists = |empty: bool| {
        let rows = (0..40).map(|i| (empty || i % 2 == 0).then(Vec::<Option<i32>>::new));
        ListArray::from_iter_primitive::<Int32Type, _, _>(rows.collect::<Vec<_>>())
    };
    let names = arrow::compute::cast(&lists(true), &DataType::new_list(DataType::Utf8, true)).unwrap();
    vec![
        ("class", array(StringArray::new_null(40))),
        ("class", array(Int64Array::new_null(40))),
        ("delimited", array(StringArray::new_null(40))),
        ("list", array(lists(true))),
        ("list", array(lists(false))),
        ("list", names),
        ("list", array(StringArray::from(vec!["[]"; 40]))),
        ("bits", array(Int64Array::from(vec![0; 40]))),
        ("map", array(StringArray::from(vec!["{}"; 40]))),
    ]
}

#[test]
fn rows_without_a_label_are_an_error_unless_labels_are_named() {
    let place = Place::new();
    std::fs::write(place.path("names.txt"), "cat\ndog\n").unwrap();
    for (layout, column) in without_labels() {
        write(&place.path("a.parquet"), vec![("label", column.clone())]);
        let what = format!("{layout} {}", column.data_type());
        let mut flags = vec!["a.parquet", "--labels", "label", "--layout", layout];
        if layout == "delimited" {
            flags.extend(["--delimiter", "|"]);
        }
        let ended = compute(&place, &flags);
        assert_eq!(ended.code, 4, "{what}: {}", ended.stderr);
        for word in ["no label found", "\"label\"", "40 rows", "--vocabulary", "--allow-empty"] {
            assert!(ended.stderr.contains(word), "{what}: {word}: {}", ended.stderr);
        }
        let weights = place.weights(&[&flags[..], &["--allow-empty"]].concat());
        assert_eq!((&weights["labels"], &weights["rows"]), (&json!([]), &json!(40)), "{what}");
        assert_eq!(finding(&place, "NO_LABELS").as_deref(), Some("40 rows"), "{what}");
        let named = place.weights(&[&flags[..], &["--vocabulary", "names.txt"]].concat());
        assert_eq!(named["labels"], json!(["cat", "dog"]), "{what}");
        let measures = place.json("out/imbalance.json");
        let nulls = column.null_count();
        let empty = |key: &str| measures["measures"][key].as_f64().or(measures[key].as_f64());
        assert_eq!(empty("unknown_rows"), Some(nulls as f64), "{what}: {measures}");
        assert_eq!(empty("empty_rows"), Some(40.0), "{what}: {measures}");
    }
    let color = array(StringArray::from(vec!["red"; 40]));
    write(&place.path("h.parquet"), vec![("color", color), ("shape", array(StringArray::new_null(40)))]);
    let heads = ["h.parquet", "--layout", "class", "--labels", "color,shape"];
    let ended = compute(&place, &heads);
    assert!(ended.code == 4 && ended.stderr.contains("column \"shape\" names none"), "{}", ended.stderr);
    place.weights(&[&heads[..], &["--allow-empty"]].concat());
}

#[test]
fn a_rare_third_value_of_a_label_column_is_asked_about() {
    let place = Place::new();
    for name in ["label", "y"] {
        let stray = |i: usize| if i == 1234 { 2 } else { bit(i, 0) };
        put(&place, "a.csv", &format!("{name},text"), 3000, &|i| format!("{},w{i}", stray(i)));
        put(&place, "b.csv", &format!("{name},z"), 3000, &|i| format!("{},{}", stray(i), bit(i, 1)));
        for source in ["a.csv", "b.csv"] {
            let asked = question(&place, &[source]);
            assert!(asked.contains(&format!("is column {name:?} a label? it holds 2")), "{asked}");
            assert!(asked.contains(&format!("--labels {name} --layout class")), "{asked}");
            for flags in offered(&asked) {
                assert_eq!(paste(&place, source, &flags).code, 0, "{flags}");
            }
        }
        assert!(question(&place, &["a.csv", "--labels", name]).contains("--missing-values=2"));
        // A third class has more rows.
        put(&place, "c.csv", name, 3000, &|i| (i % 31 % 3).to_string());
        assert_eq!(place.weights(&["c.csv"])["labels"], json!(["0", "1", "2"]));
    }
}

#[test]
fn words_in_several_spellings_are_declared_together() {
    let place = Place::new();
    put(&place, "a.csv", "resp_a,resp_b,resp_c", 90, &|i| {
        let a = ["Yes", "No", "\"no \"", "", "N/A", "YES"][i % 6];
        format!("{a},{},{}", ["Yes", "No", "yes"][i % 3], ["yes", "no"][i % 2])
    });
    let texts = |of: [&'static str; 4]| array((0..90).map(|i| Some(of[i % 4])).collect::<StringArray>());
    let columns =
        vec![("cat", texts([" 1", "0 ", "0", "1"])), ("dog", texts(["TRUE", " FALSE", "TRUE ", "FALSE"]))];
    write(&place.path("b.parquet"), columns);
    let asked = question(&place, &["a.csv"]);
    let first = "--labels resp_a,resp_b,resp_c --layout wide --trim --ignore-case --positive-values=YES \
                 --negative-values=No --missing-values=N/A";
    assert_eq!(offered(&asked)[0], first, "{asked}");
    assert_eq!(paste(&place, "a.csv", first).code, 0);
    let weights = place.json("out/weights.json");
    assert_eq!(weights["positives"], json!([30, 60, 45]));
    assert_eq!(weights["missing"], json!([30, 0, 0]));
    let asked = question(&place, &["b.parquet"]);
    let first = &offered(&asked)[0];
    assert!(first.starts_with("--labels cat,dog --layout wide --trim"), "{asked}");
    assert_eq!(paste(&place, "b.parquet", first).code, 0);
    // What was said is not said again.
    let asked = question(&place, &["a.csv", "--trim", "--ignore-case"]);
    assert!(!asked.contains(" --trim") && asked.contains("--positive-values=YES"), "{asked}");
}

#[test]
fn boxes_that_are_ticked_or_empty_are_labels() {
    let place = Place::new();
    put(&place, "a.csv", "file,cat,dog", 90, &|i| {
        let mark = |every: usize| if i % every == 0 { "x" } else { "" };
        format!("{i}.jpg,{},{}", mark(3), mark(5))
    });
    let asked = question(&place, &["a.csv"]);
    let flags = "--labels cat,dog --layout wide --positive-values=x --null-as negative";
    assert_eq!(offered(&asked)[0], flags, "{asked}");
    assert_eq!(paste(&place, "a.csv", flags).code, 0);
    let weights = place.json("out/weights.json");
    assert_eq!((&weights["positives"], &weights["negatives"]), (&json!([30, 18]), &json!([60, 72])));
}

#[test]
fn folders_may_be_classes() {
    let place = Place::new();
    for (class, rows) in [("cat", 20), ("dog", 10)] {
        put(&place, &format!("d/class={class}/split=a/0.csv"), "w", rows, &|i| format!("0.{}", i + 10));
    }
    let asked = question(&place, &["d"]);
    assert_eq!(offered(&asked)[0], "--labels class --layout class", "{asked}");
    assert!(!asked.contains("split"), "{asked}");
    for flags in offered(&asked) {
        assert_eq!(paste(&place, "d", &flags).code, 0, "{flags}");
    }
    paste(&place, "d", "--labels class --layout class");
    assert_eq!(place.json("out/weights.json")["positives"], json!([20, 10]));
    assert!(!question(&place, &["d", "--by", "class"]).contains("--layout class"));
}

/// Numbers without a pattern.
fn noise(i: usize, column: usize) -> u64 {
    let mixed = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(column as u64 * 77_777);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11
}

/// A number from 0 to 1 with all its digits.
fn share(i: usize, column: usize) -> f64 {
    noise(i, column) as f64 / (1_u64 << 53) as f64
}

const KINDS: usize = 30;

/// A column of some kind.
fn column(kind: usize, n: usize) -> ArrayRef {
    let numbers = |of: &dyn Fn(usize) -> Option<f64>| array((0..ROWS).map(of).collect::<Float64Array>());
    let ints = |of: &dyn Fn(usize) -> Option<i64>| array((0..ROWS).map(of).collect::<Int64Array>());
    let texts =
        |of: &dyn Fn(usize) -> Option<&'static str>| array((0..ROWS).map(of).collect::<StringArray>());
    let made = |of: &dyn Fn(usize) -> String| array((0..ROWS).map(|i| Some(of(i))).collect::<StringArray>());
    let among = |i: usize, some: &[&'static str]| some[usize::try_from(noise(i, n)).unwrap() % some.len()];
    let bit = |i: usize| i64::from(noise(i, n).is_multiple_of(3));
    let rare = |i: usize| i % 701 == 9;
    let lists = |of: &dyn Fn(usize, usize) -> f64| {
        let rows = (0..ROWS).map(|i| Some((0..3).map(|j| Some(of(i, j))).collect::<Vec<_>>()));
        array(ListArray::from_iter_primitive::<Float64Type, _, _>(rows.collect::<Vec<_>>()))
    };
    let index_lists = |of: &dyn Fn(usize, usize) -> i32, length: &dyn Fn(usize) -> usize| {
        let rows = (0..ROWS).map(|i| Some((0..length(i)).map(|j| Some(of(i, j))).collect::<Vec<_>>()));
        array(ListArray::from_iter_primitive::<Int32Type, _, _>(rows.collect::<Vec<_>>()))
    };
    match kind {
        0 => numbers(&|i| Some(share(i, n))),
        1 => numbers(&|i| Some(if rare(i) { -1.0 } else { share(i, n) })),
        2 => numbers(&|i| (i % 5 != 0).then(|| share(i, n))),
        3 => arrow::compute::cast(&numbers(&|i| Some(share(i, n))), &DataType::Float32).unwrap(),
        4 => numbers(&|i| Some(share(i, n) * 9.0 - 4.0)),
        5 => numbers(&|i| Some((share(i, n) * 4.0).round() / 4.0)),
        6 => lists(&|i, j| share(i, n + j)),
        7 => lists(&|i, j| if rare(i + j) { -1.0 } else { share(i, n + j) }),
        8 => map(&|i, j| share(i, n + j)),
        9 => map(&|i, j| f64::from(u8::from(share(i, n + j) > 0.7))),
        10 => map(&|i, j| share(i, n + j) * 7.0),
        11 => texts(&|i| (i % 7 != 0).then(|| among(i, &["Yes", "No", "no ", "YES", "N/A"]))),
        12 => texts(&|i| Some(among(i, &["y", "n", "Y", "unknown"]))),
        13 => texts(&|i| Some(among(i, &["1", "0", " 0", "?"]))),
        14 => ints(&|i| Some(if rare(i) { 2 } else { bit(i) })),
        15 => ints(&|i| Some(if rare(i) { -1 } else { bit(i) })),
        16 => ints(&|i| (!rare(i)).then(|| bit(i))),
        17 => ints(&|i| Some(bit(i) * 2 - 1)),
        18 => ints(&|i| Some(i64::try_from(noise(i, n) % 5).unwrap())),
        19 => ints(&|i| Some(i64::try_from(i).unwrap())),
        20 => array(NullArray::new(ROWS)),
        21 => array(Int8Array::new_null(ROWS)),
        22 => array(StringArray::new_null(ROWS)),
        23 => numbers(&|_| Some(f64::NAN)),
        24 => texts(&|i| Some(among(i, &["cat", "dog", "cat;dog", "bird"]))),
        25 => texts(&|i| Some(among(i, &["red car", "blue car", "red bus"]))),
        26 => made(&|i| format!("{{\"cat\": {}, \"dog\": {}}}", share(i, n), share(i, n + 1))),
        27 => made(&|i| format!("word{i}")),
        28 => index_lists(&|i, j| i32::try_from(noise(i, n + j) % 9).unwrap(), &|i| i % 4),
        29 => {
            let cents = (0..ROWS).map(|i| i128::from(noise(i, n) % 10_001));
            array(Decimal128Array::from_iter_values(cents).with_precision_and_scale(9, 4).unwrap())
        }
        _ => unreachable!("KINDS says how many there are"),
    }
}

/// A map from three names to numbers.
fn map(value: &dyn Fn(usize, usize) -> f64) -> ArrayRef {
    let keys = (0..ROWS * 3).map(|i| Some(["cat", "dog", "bird"][i % 3])).collect::<StringArray>();
    let values = (0..ROWS * 3).map(|i| Some(value(i / 3, i % 3))).collect::<Float64Array>();
    let fields = vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Float64, true)];
    let pairs = StructArray::new(fields.into(), vec![array(keys), array(values)], None);
    let field = std::sync::Arc::new(Field::new("entries", pairs.data_type().clone(), false));
    array(MapArray::new(field, OffsetBuffer::from_lengths(vec![3; ROWS]), pairs, None, false))
}

/// Runs every reading that is offered for columns of some kinds, and what is decided; the faults.
fn faults_of(columns: &[(&str, usize)], group_rows: usize) -> String {
    let place = Place::new();
    let made = columns.iter().enumerate().map(|(n, (name, kind))| (*name, column(*kind, n))).collect();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows));
    write_with(&place.path("a.parquet"), made, properties.build());
    let inspected = place.run(&["inspect", "a.parquet"]);
    let mut all = offered(&inspected.stderr);
    // What is decided by itself.
    if inspected.stdout.contains("# layout") {
        all.push(String::new());
    }
    let mut faults = String::new();
    for flags in all {
        let ended = paste(&place, "a.parquet", &flags);
        let holds_nothing = ended.code == 4 && ended.stderr.contains("no label found");
        if !(ended.code == 0 || ended.code == 6 || holds_nothing) {
            writeln!(faults, "{columns:?} {group_rows} {flags}: {} {}", ended.code, ended.stderr).unwrap();
        }
    }
    faults
}

#[test]
fn every_kind_of_column_is_read_as_it_is_offered() {
    let faults: String = some(0..KINDS).map(|kind| faults_of(&[("v", kind)], 1500)).collect();
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn probabilities_with_all_their_digits_are_offered_with_flags() {
    for (kind, flags) in [
        (0, "--labels v --layout wide --soft"),
        (1, "--labels v --layout wide --missing-values=-1 --soft"),
        (6, "--labels v --layout vector --soft"),
        (7, "--labels v --layout vector --missing-values=-1 --soft"),
        (8, "--labels v --layout map --soft"),
        (26, "--labels v --layout map --soft"),
    ] {
        let place = Place::new();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1500));
        write_with(&place.path("a.parquet"), vec![("v", column(kind, 0))], properties.build());
        let asked = question(&place, &["a.parquet"]);
        assert_eq!(offered(&asked).first().map(String::as_str), Some(flags), "{kind}: {asked}");
        assert!(asked.contains("--threshold 0.5"), "{kind}: {asked}");
    }
    let place = Place::new();
    let columns = vec![("p_a", column(0, 0)), ("p_m", column(20, 0)), ("p_b", column(1, 1))];
    write(&place.path("a.parquet"), columns);
    let asked = question(&place, &["a.parquet"]);
    let flags = "--labels p_a,p_m,p_b --layout wide --missing-values=-1 --soft";
    assert_eq!(offered(&asked)[0], flags, "{asked}");
    assert_eq!(paste(&place, "a.parquet", flags).code, 0);
}

proptest! {
    #![proptest_config(cases(6))]

    #[test]
    fn whatever_columns_hold_what_is_offered_works(
        names in Just(["label", "y", "p_a", "p_b", "cat", "dog", "score", "tags", "notes", "l_1", "l_2", "user_id"])
            .prop_shuffle(),
        kinds in prop::collection::vec(0..KINDS, 2..5),
        group_rows in prop::sample::select(vec![1500_usize, 5000]),
    ) {
        let columns: Vec<(&str, usize)> = names.into_iter().zip(kinds).collect();
        let faults = faults_of(&columns, group_rows);
        prop_assert!(faults.is_empty(), "{}", faults);
    }
}

#[test]
fn a_threshold_takes_the_place_of_soft_values() {
    let place = Place::new();
    put(&place, "a.csv", "p,q", 60, &|i| format!("0.{},0.{}", 1 + i % 9, 1 + i * 7 % 9));
    let run = |arguments: &[&str]| {
        let ended = place.run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    };
    run(&["compute", "a.csv", "--labels", "p,q", "--layout", "wide", "--soft", "--out", "soft"]);
    let refused = place.run(&["apply", "soft", "a.csv", "--targets", "dense", "--out", "o"]);
    assert!(refused.code == 2 && refused.stderr.contains("--threshold 0.5"), "{}", refused.stderr);
    run(&["apply", "soft", "a.csv", "--targets", "dense", "--threshold", "0.5", "--out", "o"]);
    // The same of one label.
    let spec = |label: &str| {
        format!(
            "shards = [\"a.csv\"]\nout = \"l\"\noverwrite = true\nlabels = [\"p\", \"q\"]\nlayout = \"wide\"\n{label}"
        )
    };
    std::fs::write(place.path("l.toml"), spec("soft = true\n[label.p]\nthreshold = 0.5\n")).unwrap();
    run(&["run", "l.toml"]);
    assert_eq!(place.json("l/weights.json")["positives"], json!([32, 33]));
    std::fs::write(place.path("l.toml"), spec("threshold = 0.5\n[label.p]\nsoft = true\n")).unwrap();
    run(&["run", "l.toml"]);
    run(&["apply", "l", "a.csv", "--targets", "dense", "--threshold", "0.5", "--out", "o2"]);
}
