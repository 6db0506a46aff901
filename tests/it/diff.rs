//! `posweight diff`: what changed between two results, in every format, and when that is a failure.

use arrow::array::BooleanArray;

use crate::support::{Ended, Place, array, write};

/// A shard of 100 rows; label i is positive in `labels[i].1` of them.
fn shard(place: &Place, name: &str, labels: &[(&str, usize)]) {
    let column =
        |positives: usize| array((0..100).map(|row| Some(row < positives)).collect::<BooleanArray>());
    let columns = labels.iter().map(|(label, positives)| (*label, column(*positives)));
    write(&place.path(&format!("{name}.parquet")), columns.collect());
    let run = place.run(&["compute", &format!("{name}.parquet"), "--out", name, "--quiet"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

fn diff(place: &Place, more: &[&str]) -> Ended {
    place.run(&[&["diff", "a", "b"], more].concat())
}

fn two() -> Place {
    let place = Place::new();
    shard(&place, "a", &[("cat", 50), ("dog|s", 20), ("gnu", 7)]);
    shard(&place, "b", &[("cat", 50), ("dog|s", 22), ("emu", 1)]);
    place
}

#[test]
fn every_format_says_what_changed() {
    let place = two();
    let text = diff(&place, &["--top", "3"]).stdout;
    let summary = "rows 100 → 100 (+0.0 %), labels 3 → 3 (1 new, 1 gone, 0 moved), Jensen–Shannon distance ";
    assert!(text.starts_with(summary), "{text}");
    let line = |start: &str| text.lines().find(|line| line.trim_start().starts_with(start)).unwrap();
    assert!(line("dog|s").contains("+10.0 %") && line("emu").contains("new") && line("gnu").contains("gone"));
    assert!(text.ends_with("… 1 more labels, changed less\n"), "{text}");
    let markdown = diff(&place, &["--format", "markdown"]).stdout;
    assert!(markdown.contains("| `dog\\|s` | 20 | 22 | 20 % | 22 % | +10.0 % |"), "{markdown}");
    let csv = diff(&place, &["--format", "csv"]).stdout;
    let (header, lines) = csv.split_once('\n').unwrap();
    assert!(header.starts_with("label,positives_before,positives_after,prevalence_before"));
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], "emu,,1,,0.01,,,99");
    assert_eq!(lines[3], "cat,50,50,0.5,0.5,0,1,1");
    let json: serde_json::Value = serde_json::from_str(&diff(&place, &["--format", "json"]).stdout).unwrap();
    assert_eq!((&json["added"], &json["removed"], &json["moved"]), (&1.into(), &1.into(), &0.into()));
    assert_eq!(json["labels"][0]["before"], serde_json::Value::Null);
    assert_eq!(json["labels"][2]["after"]["positives"], 22);
    assert_eq!(json["weights"], serde_json::json!(["ratio", "ratio"]));
}

#[test]
fn counts_alone_can_be_compared_and_equals_do_not_differ() {
    let place = two();
    let same = place.run(&["diff", "a/counts.parquet", "a", "--fail-over", "0", "--format", "json"]);
    assert_eq!(same.code, 0, "{}", same.stderr);
    let json: serde_json::Value = serde_json::from_str(&same.stdout).unwrap();
    assert_eq!(json["jensen_shannon"], 0.0);
    assert!(json["labels"].as_array().unwrap().iter().all(|label| label["change"] == 0.0));
}

#[test]
fn more_than_the_limit_is_exit_3() {
    let place = two();
    shard(&place, "c", &[("cat", 50), ("dog|s", 22), ("gnu", 7)]);
    let ended = |limit: &str| place.run(&["diff", "a", "c", "--fail-over", limit]);
    let over = ended("0.05");
    assert_eq!(over.code, 3);
    assert!(over.stderr.contains("the prevalence of 1 of 3 labels changed by more"), "{}", over.stderr);
    assert!(over.stdout.contains("+10.0 %"), "what changed is shown all the same");
    assert_eq!(ended("0.2").code, 0);
    assert_eq!(diff(&place, &["--fail-over", "1000000"]).code, 3, "new and gone labels are over any limit");
}

#[test]
fn what_is_no_result_is_named() {
    let place = two();
    for (arguments, code, says) in [
        (["diff", "a", "nosuch"], 4, "nosuch"),
        (["diff", "a.parquet", "a"], 4, "a.parquet: not a counts file"),
    ] {
        let ended = place.run(&arguments);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert!(ended.stderr.contains(says) && ended.stderr.contains("hint:"), "{}", ended.stderr);
    }
    assert_eq!(diff(&place, &["--fail-over", "-1"]).code, 2);
}

#[test]
fn results_that_were_made_differently_say_so_first() {
    let place = Place::new();
    let column = array((0..40).map(|row| Some(row % 4 == 0)).collect::<BooleanArray>());
    write(&place.path("x.parquet"), vec![("a", column)]);
    for (out, more) in [("one", &[][..]), ("two", &["--scheme", "sqrt", "--clip", "0,2"]), ("three", &[])] {
        let ended = place.run(&[&["compute", "x.parquet", "--layout", "wide", "--out", out], more].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
    let shown = |format: &str| place.run(&["diff", "one", "two", "--format", format]);
    let text = shown("table").stdout;
    assert!(text.starts_with("warning: ") && text.contains("clip: default → "), "{text}");
    assert!(text.contains("scheme: default → ") && text.contains("sqrt"), "{text}");
    assert!(shown("markdown").stdout.starts_with("# Drift\n\n**Warning: "));
    let json: serde_json::Value = serde_json::from_str(&shown("json").stdout).unwrap();
    assert_eq!(json["differences"].as_array().unwrap().len(), 2);
    assert!(shown("csv").stderr.starts_with("warning: ") && shown("csv").stdout.starts_with("label,"));
    assert!(place.run(&["diff", "one", "three"]).stdout.starts_with("rows 40"));
}

#[test]
fn a_text_in_a_file_and_a_flag_say_the_same() {
    let place = two();
    let text =
        "shards = \"a.parquet\"\nout = \"file\"\noverwrite = true\nlayout = \"wide\"\nlabels = \"*\"\n";
    std::fs::write(place.path("night.toml"), text).unwrap();
    assert_eq!(place.run(&["run", "night.toml"]).code, 0);
    let flags = ["compute", "a.parquet", "--layout", "wide", "--labels", "*", "--out", "flags"];
    assert_eq!(place.run(&flags).code, 0);
    let ended = place.run(&["diff", "file", "flags"]);
    assert!(ended.code == 0 && !ended.stderr.contains("alike"), "{}", ended.stderr);
    assert_eq!(place.run(&[&flags[..6], &["--out", "file", "--overwrite"]].concat()).code, 0);
    assert_eq!(place.run(&["run", "night.toml", "--skip-exit-code", "99"]).code, 99);
}
