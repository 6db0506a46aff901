//! What comes after columns were read as they are offered: results, plans and queries.

use std::process::Command;

use arrow::array::{ArrayRef, Float64Array, Int8Array, NullArray, StringArray};
use serde_json::{Value, json};

use crate::detection::put;
use crate::readings::{bit, offered, paste, question};
use crate::support::{Ended, Place, array, write};

#[test]
fn a_result_of_a_query_is_applied_to_the_rows_of_the_query() {
    let place = Place::new();
    put(&place, "a.csv", "Tags", 60, &|i| ["<c++><sql>", "<sql>", "<c++>"][i % 3].to_owned());
    let asked = question(&place, &["a.csv"]);
    let flags = &offered(&asked)[0];
    assert!(flags.contains("--query"), "{asked}");
    assert_eq!(paste(&place, "a.csv", flags).code, 0);
    let refused = place.run(&["apply", "out", "a.csv", "--targets", "indices", "--out", "o"]);
    assert!(refused.code == 2 && refused.stderr.contains("through --query"), "{}", refused.stderr);
    let command = refused.stderr.split("of the query: posweight ").nth(1).unwrap();
    let command = command.split("; and apply").next().unwrap();
    let program = env!("CARGO_BIN_EXE_posweight");
    let shell =
        |line: String| Command::new("sh").args(["-c", &line]).current_dir(place.dir.path()).output().unwrap();
    let written = Ended::of(&shell(format!("'{program}' {command}")));
    assert_eq!(written.code, 0, "{command}: {}", written.stderr);
    let arguments =
        ["apply", "out", "rows.parquet", "--layout", "delimited", "--targets", "indices", "--out", "o"];
    let applied = place.run(&arguments);
    assert_eq!(applied.code, 0, "{}", applied.stderr);
}

#[test]
fn groups_are_no_difference_of_two_results() {
    let place = Place::new();
    put(&place, "a.csv", "cat,dog,split", 60, &|i| {
        format!("{},{},{}", bit(i, 0), bit(i, 1), ["a", "b"][i % 2])
    });
    for (out, flags) in [("one", &[][..]), ("two", &["--by", "split"])] {
        let given = ["compute", "a.csv", "--labels", "cat,dog", "--layout", "wide", "--out", out];
        assert_eq!(place.run(&[&given[..], flags].concat()).code, 0);
    }
    let told = place.run(&["diff", "one", "two"]);
    assert!(told.code == 0 && !told.stdout.contains("alike"), "{}", told.stdout);
}

#[test]
fn a_plan_of_long_does_not_name_a_flag_that_it_refuses() {
    let place = Place::new();
    put(&place, "a.csv", "id,label", 90, &|i| format!("u{},{}", i / 2, ["cat", "dog", "bird"][i * 7 % 3]));
    let given = ["sample", "a.csv", "--layout", "long", "--id", "id", "--labels", "label"];
    let told = place.run(&[&given[..], &["--plan", "repeat-factor:threshold=0.3", "--out", "o"]].concat());
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stdout.contains("joined to the plan by id"), "{}", told.stdout);
    assert!(!told.stdout.contains("--materialize"), "{}", told.stdout);
}

#[test]
fn row_ids_that_are_fractions_are_made_texts() {
    let place = Place::new();
    let ids = (0..90_u32).map(|i| (i != 5).then(|| f64::from(i / 3))).collect::<Float64Array>();
    let labels = (0..90).map(|i| Some(["cat", "dog", "bird"][i * 7 % 4 % 3])).collect::<StringArray>();
    write(&place.path("a.parquet"), vec![("user_id", array(ids)), ("label", array(labels))]);
    let asked = question(&place, &["a.parquet"]);
    let flags = &offered(&asked)[0];
    assert!(flags.starts_with("--labels label --layout long --id user_id --query "), "{asked}");
    let ended = paste(&place, "a.parquet", flags);
    assert!(ended.code == 0 && place.json("out/weights.json")["rows"] == json!(30), "{}", ended.stderr);
}

#[test]
fn a_column_without_values_is_described_as_such() {
    let place = Place::new();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("v", array(NullArray::new(40))),
        ("w", array(Int8Array::new_null(40))),
        ("t", array(StringArray::new_null(40))),
    ];
    write(&place.path("a.parquet"), columns);
    let asked = question(&place, &["a.parquet"]);
    assert!(!asked.contains("from 0 to 1") && !asked.contains("index"), "{asked}");
    assert!(asked.contains("no cell that was looked at holds a value"), "{asked}");
    assert!(!asked.contains("--labels t"), "{asked}");
    for flags in offered(&asked) {
        assert_eq!(paste(&place, "a.parquet", &flags).code, 0, "{flags}");
        let weights: Value = place.json("out/weights.json");
        assert_eq!(weights["status"], json!(["no_known_rows"]), "{flags}");
    }
}
