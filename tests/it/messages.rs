//! Small things that messages and summaries must get right.

use std::process::Command;

use arrow::array::{Float32Array, Int32Array, Int64Array, ListArray, StringArray};
use arrow::datatypes::{Int32Type, Int64Type};

use crate::support::{Place, array, left_out, on_terminal, write};

/// What a run that fails says.
fn said(place: &Place, arguments: &[&str], code: i32) -> String {
    let ended = place.run(&[&["compute"], arguments, &["--out", "w"]].concat());
    assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
    ended.stderr
}

#[test]
fn bad_values_have_a_row_and_how_many_more_there_are() {
    let place = Place::new();
    write(&place.path("wide/a.parquet"), vec![("x", array(Int32Array::from(vec![0, 1, 0])))]);
    let bad: Vec<i32> =
        (0..30_000).map(|row| if row > 20_000 && row % 1000 == 7 { 9 - row % 2 } else { row % 2 }).collect();
    write(&place.path("wide/b.parquet"), vec![("x", array(Int32Array::from(bad)))]);
    let lists = (0..100_i32).map(|row| Some(vec![Some(0), (row != 3).then_some(i32::from(row > 40) * 5)]));
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
    write(&place.path("v/a.parquet"), vec![("y", array(lists))]);
    for engine in ["encoded", "plain"] {
        let wide = said(&place, &["wide", "--layout", "wide", "--labels", "x", "--engine", engine], 4);
        let expected = "wide/b.parquet: column \"x\": row 20007 (from 0): value 8 is neither positive nor negative (and 9 more)";
        assert!(wide.contains(expected), "{wide}");
        let vector = said(&place, &["v", "--layout", "vector", "--labels", "y", "--engine", engine], 4);
        let expected =
            "v/a.parquet: column \"y\", element 1: row 41 (from 0): value 5 is neither positive nor negative";
        assert!(vector.contains(expected), "{vector}");
    }
    // A condition may leave out the first of them.
    let kept = said(&place, &["wide", "--layout", "wide", "--labels", "x", "--where", "x > 7 OR x < 2"], 4);
    assert!(kept.contains("value") && !kept.contains("row 20007"), "{kept}");
}

#[test]
fn a_soft_label_beyond_one_says_what_soft_labels_are() {
    let place = Place::new();
    write(&place.path("s.parquet"), vec![("x", array(Float32Array::from(vec![0.5, 1.0, 1.5])))]);
    let soft = said(&place, &["s.parquet", "--layout", "wide", "--labels", "x", "--soft"], 4);
    assert!(soft.contains("row 2 (from 0): value 1.5 is no soft label from 0 to 1"), "{soft}");
    let (_, hint) = soft.split_once("hint:").unwrap();
    assert!(hint.contains("--threshold") && !hint.contains("or --soft"), "{hint}");
}

#[test]
fn ancestors_beside_a_number_of_labels_say_which_of_both_is_wrong() {
    let place = Place::new();
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(0), Some(2)])]);
    write(&place.path("l.parquet"), vec![("y", array(lists))]);
    std::fs::write(place.path("up.csv"), "child,parent\n2,5\n").unwrap();
    std::fs::write(place.path("names.csv"), "child,parent\ndog,pet\n").unwrap();
    let run = |file| {
        let flags =
            ["l.parquet", "--layout", "list", "--labels", "y", "--num-labels", "3", "--ancestors", file];
        said(&place, &flags, 4)
    };
    let high = run("up.csv");
    assert!(
        high.contains("label index 5, but there are 3 labels") && high.contains("--num-labels 6"),
        "{high}"
    );
    let names = run("names.csv");
    assert!(names.contains("\"dog\" is not a label index") && names.contains("--num-labels says"), "{names}");
}

#[test]
fn one_of_a_kind_is_no_plural() {
    let place = Place::new();
    write(&place.path("d/a.parquet"), vec![("x", array(Int64Array::from(vec![1])))]);
    write(&place.path("c/a.parquet"), vec![("k", array(StringArray::from(vec!["a"])))]);
    let mut texts = Vec::new();
    let mut run = |arguments: &[&str]| {
        let ended = place.run(arguments);
        texts.push(ended.stdout + &ended.stderr);
    };
    run(&["compute", "d", "--labels", "x", "--out", "w", "--batch-size", "1", "--num-features", "1"]);
    run(&["compute", "c", "--layout", "class", "--labels", "k", "--out", "k"]);
    run(&["compute", "d", "--labels", "x", "--where", "x = 3", "--out", "n"]);
    run(&["inspect", "d"]);
    run(&["inspect", "d", "--plan", "--executors", "1"]);
    run(&["sample", "d", "--labels", "x", "--plan", "ml-ros", "--plan", "lp-ros", "--dry-run"]);
    run(&["sample", "d", "--labels", "x", "--plan", "lp-ros:percent=100", "--dry-run"]);
    run(&["sample", "d", "--labels", "x", "--plan", "stratified-split:folds=2", "--dry-run"]);
    run(&["diff", "w", "w"]);
    run(&["report", "w"]);
    run(&["report", "w", "--format", "markdown"]);
    run(&["weigh", "w", "--out", "again"]);
    let page = std::fs::read_to_string(place.path("w/report.html")).unwrap();
    texts.push(page.split_once("<main").map_or(page.clone(), |(_, main)| main.to_owned()));
    for text in texts {
        for (at, _) in text.match_indices("1 ") {
            let before = text[..at].chars().last();
            let word: String = text[at + 2..].chars().take_while(char::is_ascii_lowercase).collect();
            let is_one = before.is_none_or(|c| !c.is_ascii_digit() && c != '.');
            let plural = word.len() > 3
                && word.ends_with('s')
                && !["positives", "is", "has", "class", "counts"].contains(&word.as_str());
            assert!(!is_one || !plural, "\"1 {word}\" in {text}");
        }
    }
}

#[test]
fn schemes_have_one_spelling_and_the_older_one_is_read() {
    let place = Place::new();
    write(&place.path("d/a.parquet"), vec![("x", array(Int64Array::from(vec![1, 0, 0])))]);
    let flags =
        ["--scheme", "ratio", "--scheme", "effective-number", "--scheme", "inverse-frequency:reference=rows"];
    let weights = place.weights(&[&["d", "--labels", "x"][..], &flags].concat());
    let names: Vec<&String> = weights["weights"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["ratio", "effective-number", "inverse-frequency_reference_rows"]);
    let query = "SELECT \"effective-number\" AS w FROM weights";
    assert_eq!(place.run(&["sql", "--run", "out", "-c", query]).stdout, "w\n1.0\n");
    std::fs::write(
        place.path("old.toml"),
        "shards = \"d\"\nlabels = \"x\"\nscheme = [\"effective_number\"]\nout = \"old\"\n",
    )
    .unwrap();
    let ended = place.run(&["run", "old.toml"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let ended = place.run(&["weigh", "out", "--scheme", "effective_number:beta=0.9", "--out", "again"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        place.json("again/weights.json")["weights"].as_object().unwrap().keys().next().unwrap(),
        "effective-number_beta_0.9"
    );
}

#[test]
fn a_word_for_no_label_among_joined_names_becomes_an_empty_cell_as_the_hint_says() {
    let place = Place::new();
    let cells = StringArray::from(vec!["cat|dog", "None", "cat", "None"]);
    write(&place.path("d/a.parquet"), vec![("the labels", array(cells))]);
    std::fs::write(place.path("v.txt"), "cat\ndog\n").unwrap();
    let asked =
        "compute d --layout delimited --delimiter '|' --labels 'the labels' --vocabulary v.txt --out o";
    let sh =
        |line: String| Command::new("sh").args(["-c", &line]).current_dir(place.dir.path()).output().unwrap();
    let program = env!("CARGO_BIN_EXE_posweight");
    let refused = sh(format!("{program} {asked}"));
    assert_eq!(refused.status.code(), Some(4));
    let said = String::from_utf8(refused.stderr).unwrap();
    let query = said.split_once("--query ").unwrap().1.lines().next().unwrap();
    let ended = sh(format!("{program} {asked} --query {query}"));
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let weights = place.json("o/weights.json");
    assert_eq!(weights["positives"], serde_json::json!([2, 1]));
    assert_eq!(weights["negatives"], serde_json::json!([2, 3]));
}

#[test]
fn inspect_does_not_send_to_itself() {
    let place = Place::new();
    let texts = |n: i64| {
        array(StringArray::from_iter_values((0..40).map(|row| format!("{},{}", (row + n) % 7, row % 3))))
    };
    write(&place.path("d/a.parquet"), vec![("a", texts(1)), ("b", texts(2)), ("c", texts(5))]);
    let ended = place.run(&["compute", "d", "--layout", "delimited", "--out", "w"]);
    assert!(ended.code == 2 && ended.stderr.contains("posweight inspect"), "{}", ended.stderr);
    let ended = place.run(&["inspect", "d", "--layout", "delimited"]);
    assert!(!ended.stderr.contains("posweight inspect"), "{}", ended.stderr);
}

#[test]
fn checks_that_only_warn_are_in_the_result_and_apart_from_errors() {
    let place = Place::new();
    write(&place.path("d/a.parquet"), vec![("x", array(Int64Array::from(vec![1, 0, 0])))]);
    let spec = |rows: u64| {
        let head = "shards = \"d\"\nlabels = \"x\"\nout = \"w\"\noverwrite = true\n[checks]\n";
        let warn = "min_positives = { limit = 5, severity = \"warn\" }\n";
        std::fs::write(place.path("c.toml"), format!("{head}{warn}min_rows = {rows}\n")).unwrap();
    };
    spec(1);
    let ended = place.run(&["run", "c.toml"]);
    let failed = "min_positives = 5: 1 for \"x\"";
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains(&format!("a check of severity warn failed: {failed}")), "{}", ended.stdout);
    let page = std::fs::read_to_string(place.path("w/report.html")).unwrap();
    assert!(page.contains("1 check of severity warn failed") && !page.contains("should not be used"));
    // Read back.
    let report = place.run(&["report", "w", "--format", "markdown"]).stdout;
    assert!(
        report.contains("Warning: 1 check of severity warn failed.") && report.contains(failed),
        "{report}"
    );
    spec(10);
    let ended = place.run(&["run", "c.toml"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("1 of 2 checks failed (1 more of severity warn)"), "{}", ended.stderr);
    let refused = place.run(&["report", "w", "--refused"]).stdout;
    assert!(
        refused.contains("**Error: 1 check failed") && refused.contains("Warning: 1 check of severity warn"),
        "{refused}"
    );
}

#[test]
fn the_table_has_as_many_labels_as_the_terminal_holds() {
    let place = Place::new();
    let columns: Vec<(String, _)> = (0..60)
        .map(|label| {
            (
                format!("l{label:02}"),
                array(Int64Array::from_iter_values((0..100).map(|row| i64::from(row % 61 <= label)))),
            )
        })
        .collect();
    write(
        &place.path("d/a.parquet"),
        columns.iter().map(|(name, column)| (name.as_str(), column.clone())).collect(),
    );
    place.weights(&["d", "--labels", "l*"]);
    let shown = |lines: &str| {
        let (_, text) = on_terminal(&place, lines, &[env!("CARGO_BIN_EXE_posweight"), "report", "out"])?;
        Some(
            text.lines()
                .filter(|line| {
                    line.trim_start().starts_with('l') && line.trim_start().as_bytes()[1].is_ascii_digit()
                })
                .count(),
        )
    };
    let Some(high) = shown("50") else {
        left_out("the table on a terminal", "Python has no pty");
        return;
    };
    assert!((20..50).contains(&high), "{high}");
    assert_eq!(shown("12"), Some(10));
    assert_eq!(shown("200"), Some(60));
    assert_eq!(place.run(&["report", "out"]).stdout.matches("\n l").count(), 11, "ten labels and the header");
}
