//! What messages say of types, conditions and places, and hints that work.

use std::fs;

use arrow::array::{Float64Array, Int64Array};
use serde_json::{Value, json};

use crate::support::{Place, array, write};
use crate::wording::{bits, found, has, refused, texts};

#[test]
fn types_that_do_not_agree_are_named_in_words() {
    let place = Place::new();
    write(&place.path("d/0.parquet"), vec![("a", array(Float64Array::from(vec![1.0])))]);
    write(&place.path("d/1.parquet"), vec![("a", texts(&["1"]))]);
    let ended = refused(&place, &["d", "--labels", "a"]);
    assert!(
        ended.stderr.contains("is 64-bit float in") && ended.stderr.contains("and text in"),
        "{}",
        ended.stderr
    );
    let time = |unit| {
        let times = Int64Array::from(vec![1]);
        array(arrow::compute::cast(&times, &arrow::datatypes::DataType::Timestamp(unit, None)).unwrap())
    };
    write(
        &place.path("d/0.parquet"),
        vec![("a", bits(&[1])), ("t", time(arrow::datatypes::TimeUnit::Second))],
    );
    let ended = refused(&place, &["d/0.parquet", "--layout", "wide", "--labels", "t"]);
    assert!(ended.stderr.contains("column \"t\" is time, but"), "{}", ended.stderr);
}

#[test]
fn a_condition_may_begin_with_a_minus() {
    let place = Place::new();
    write(
        &place.path("d.parquet"),
        vec![("a", bits(&[1, 0, 1])), ("x", array(Int64Array::from(vec![1, -200, -300])))],
    );
    let weights = place.weights(&["d.parquet", "--labels", "a", "--where", "-x > 100"]);
    assert_eq!(weights["rows"], 2);
    let ended = refused(&place, &["d.parquet", "--labels", "a", "--clip", "-1,2"]);
    assert!(ended.stderr.contains("--clip -1,2 is not a range"), "{}", ended.stderr);
    let ended = place.run(&["sql", "-c", "-- all rows\nSELECT count(*) AS n FROM 'd.parquet'"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "n\n3\n"), "{}", ended.stderr);
    // A flag in place of a condition is no condition.
    let ended = refused(&place, &["d.parquet", "--labels", "a", "--where", "--soft"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
}

#[test]
fn a_field_of_a_struct_becomes_a_column_by_a_query() {
    let place = Place::new();
    let field = |name: &str| {
        std::sync::Arc::new(arrow::datatypes::Field::new(name, arrow::datatypes::DataType::Utf8, true))
    };
    let inner = arrow::array::StructArray::from(vec![(field("k"), texts(&["u", "v", "u"]))]);
    write(&place.path("d.parquet"), vec![("a", bits(&[1, 0, 1])), ("st", array(inner))]);
    let query = "SELECT *, st['k'] AS st_k FROM shards";
    for flag in ["--by", "--groups"] {
        let ended = refused(&place, &["d.parquet", "--labels", "a", flag, "st.k"]);
        assert!(ended.stderr.contains(&format!("--query \"{query}\"")), "{}", ended.stderr);
        assert!(
            ended.stderr.contains(&format!("{flag}: \"st.k\" is inside column \"st\"")),
            "{}",
            ended.stderr
        );
    }
    place.weights(&["d.parquet", "--query", query, "--labels", "a", "--layout", "wide", "--by", "st_k"]);
    assert_eq!(place.json("out/by/st_k=u/weights.json")["rows"], 2);
}

#[test]
fn places_of_errors_are_in_the_log() {
    let place = Place::new();
    write(&place.path("d.parquet"), vec![("a", bits(&[1, 0]))]);
    fs::write(place.path("file"), "x").unwrap();
    for (arguments, at, hint) in [
        (&["none.parquet", "--out", "out"][..], "none.parquet", "check the path"),
        (&["d.parquet", "--out", "file/out"], "file", "choose an --out"),
        (&["d.parquet", "--out", "out", "--state", "file/x/state"], "--state: file", "choose a --state"),
        (
            &["d.parquet", "--out", "out", "--spill-dir", "file/spill"],
            "--spill-dir: file/spill",
            "choose a --spill-dir",
        ),
    ] {
        let ended = place.run(
            &[&["compute", "--labels", "a", "--layout", "wide"], arguments, &["--log-format", "json"]]
                .concat(),
        );
        let last: Value = serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap();
        let last = &last["fields"];
        let found = last["place"].as_str().unwrap_or_default();
        assert!(found.contains(at), "{arguments:?}: {last}");
        assert!(last["hint"].as_str().unwrap_or_default().starts_with(hint), "{arguments:?}: {last}");
    }
}

#[test]
fn a_minus_stands_for_stdout_in_files_beside_the_result() {
    let place = Place::new();
    write(&place.path("d.parquet"), vec![("a", bits(&[1, 0]))]);
    let run = |more: &[&str]| {
        let given =
            ["compute", "d.parquet", "--labels", "a", "--layout", "wide", "--out", "out", "--overwrite"];
        place.run(&[&given[..], more].concat())
    };
    let ended = run(&["--summary-json", "-"]);
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &summary["status"]), (0, &json!("done")), "{}", ended.stdout);
    assert!(ended.stderr.contains("2 rows"), "{}", ended.stderr);
    let ended = run(&["--metrics-textfile", "-"]);
    assert!(ended.stdout.starts_with("# HELP posweight_"), "{}", ended.stdout);
    let ended = run(&["--openlineage", "file:-"]);
    assert_eq!(ended.stdout.matches("eventType").count(), 2, "{}", ended.stdout);
    // What a script writes behind it stands behind it.
    for stdout in ["-", "/dev/stdout"] {
        let program = env!("CARGO_BIN_EXE_posweight");
        let flags = "--labels a --layout wide --out out --overwrite --quiet";
        let line = format!(
            "(echo before; '{program}' compute d.parquet {flags} --summary-json {stdout}; echo behind) > written"
        );
        let shell = std::process::Command::new("sh").args(["-c", &line]).current_dir(place.path("")).status();
        assert!(shell.unwrap().success());
        let written = fs::read_to_string(place.path("written")).unwrap();
        let [before, summary, behind] = written.lines().collect::<Vec<_>>()[..] else { panic!("{written}") };
        let summary: Value = serde_json::from_str(summary).unwrap();
        assert_eq!((before, &summary["status"], behind), ("before", &json!("done"), "behind"));
    }
    for (more, says) in [
        (&["--summary-json", "-", "--metrics-textfile", "-"][..], "name the same file"),
        (&["--summary-json", "-", "--out", "-"], "both write to stdout"),
        (&["--state", "-"], "not on stdout"),
    ] {
        let given = ["compute", "d.parquet", "--labels", "a"];
        let out = if more.contains(&"--out") { &[][..] } else { &["--out", "out", "--overwrite"] };
        let ended = place.run(&[&given[..], out, more].concat());
        assert!(ended.code == 2 && ended.stderr.contains(says), "{more:?}: {}", ended.stderr);
    }
    assert!(!place.path("-").exists());
}

#[test]
fn names_that_are_lists_or_globs_too_are_told() {
    let place = Place::new();
    let columns = ["a", "b", "a,b", "l*", "lx"].map(|name| (name, bits(&[1, 0])));
    write(&place.path("d.parquet"), columns.to_vec());
    for (labels, taken, more) in [("a,b", "a,b", true), ("l*", "l*", true), ("a", "a", false)] {
        let found = found(&place, &["d.parquet", "--layout", "wide", "--labels", labels]);
        assert_eq!(place.json("out/weights.json")["labels"], json!([taken]));
        assert_eq!(has(&found, "EXACT_NAMES"), more, "{labels}: {found:?}");
    }
}

#[test]
fn soft_values_that_round_to_nothing_are_told() {
    let place = Place::new();
    let column = |value: f64| vec![("a", array(Float64Array::from(vec![value; 3])))];
    let said = |value: f64, more: &[&str]| {
        write(&place.path("d.parquet"), column(value));
        found(&place, &[&["d.parquet", "--layout", "wide", "--labels", "a"], more].concat());
        place.json("out/run_results.json")["findings"].to_string()
    };
    assert!(said(1e-20, &["--soft"]).contains("1 of 1 label; soft values are rounded to 1e-18"));
    assert!(!said(0.0, &[]).contains("rounded"));
}
