//! What a person who runs many pipelines every night reads of them: shards that are skipped, checks against a result
//! that was made otherwise, states, jobs, globs over folders.

use std::fs;
use std::path::Path;

use arrow::array::BooleanArray;
use serde_json::{Value as Json, json};

use crate::support::{Ended, Place, array, write};

/// Rows of a shard.
const ROWS: usize = 4000;

fn shard(path: &Path) {
    let column =
        |of: usize| array((0..ROWS).map(|row| Some((row * 7 + row / 9) % of == 0)).collect::<BooleanArray>());
    write(path, vec![("l_a", column(3)), ("l_b", column(5))]);
}

/// Shards `good`, `cut`, whose footer is gone, and `page`, with a damaged page.
fn damaged(place: &Place) {
    for name in ["good", "cut", "page"] {
        shard(&place.path(&format!("in/{name}.parquet")));
    }
    let cut = fs::read(place.path("in/cut.parquet")).unwrap();
    fs::write(place.path("in/cut.parquet"), &cut[..cut.len() / 2]).unwrap();
    let mut page = fs::read(place.path("in/page.parquet")).unwrap();
    page[4..40].fill(0xff);
    fs::write(place.path("in/page.parquet"), page).unwrap();
}

fn compute(place: &Place, flags: &[&str]) -> Ended {
    let fixed = ["compute", "in", "--labels", "l*", "--layout", "wide", "--out", "out", "--overwrite"];
    place.run(&[&fixed[..], flags].concat())
}

fn ok(ended: &Ended) {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn shards_that_are_skipped_are_no_inputs() {
    let place = Place::new();
    damaged(&place);
    let skip = ["--on-bad-shard", "skip", "--max-bad-shards", "2", "--openlineage", "file:events"];
    ok(&compute(&place, &skip));
    let inputs = place.json("out/run_results.json")["inputs"].clone();
    let bytes = fs::metadata(place.path("in/good.parquet")).unwrap().len();
    assert_eq!(
        [&inputs["shards"], &inputs["bytes"], &inputs["rows"]],
        [&json!(1), &json!(bytes), &json!(ROWS)]
    );
    let events = fs::read_to_string(place.path("events")).unwrap();
    let last: Json = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    let told = last.to_string();
    assert!(told.contains(&format!("\"bytes\":{bytes},")), "{told}");
}

#[test]
fn more_bad_shards_than_may_be_skipped_are_all_named_with_the_limit() {
    let place = Place::new();
    damaged(&place);
    let ended = compute(&place, &["--on-bad-shard", "skip", "--max-bad-shards", "1"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    for word in
        ["--max-bad-shards 1: 2 shards are wrong", "in/cut.parquet", "in/page.parquet", "--max-bad-shards 2"]
    {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    for name in ["one", "two"] {
        fs::write(place.path(&format!("in/{name}.parquet")), "nothing").unwrap();
    }
    let ended = compute(&place, &["--on-bad-shard", "skip", "--max-bad-shards", "2"]);
    assert!(
        ended.code == 4 && ended.stderr.contains("--max-bad-shards 2: 3 shards are wrong"),
        "{}",
        ended.stderr
    );
    let ended = compute(&place, &[]);
    assert!(ended.code == 4 && !ended.stderr.contains("--max-bad-shards"), "{}", ended.stderr);
}

#[test]
fn shards_that_will_be_skipped_are_explained() {
    let place = Place::new();
    damaged(&place);
    let spec = "shards = 'in'\nlabels = 'l*'\nlayout = 'wide'\nout = 'out'\nstate = 's'\non_bad_shard = 'skip'\nmax_bad_shards = 2\n";
    fs::write(place.path("p.toml"), spec).unwrap();
    let said = place.run(&["run", "p.toml", "--explain"]).stdout;
    let line = said.lines().find(|line| line.contains("cut.parquet")).unwrap_or_default();
    assert!(line.starts_with("skipped  in/cut.parquet  (this is a Parquet file that is cut off"), "{said}");
    assert!(said.contains("new      in/good.parquet"), "{said}");
}

#[test]
fn a_failed_check_against_a_result_that_was_made_otherwise_says_so_first() {
    let place = Place::new();
    shard(&place.path("in/a.parquet"));
    let run = |more: &str, flags: &[&str]| {
        let head =
            "shards = 'in'\nlabels = 'l*'\nlayout = 'wide'\nout = 'out'\noverwrite = true\nstate = 's'\n";
        fs::write(place.path("p.toml"), format!("{head}{more}")).unwrap();
        place.run(&[&["run", "p.toml"], flags].concat())
    };
    ok(&run("", &[]));
    let json = run("scheme = 'sqrt'\n[checks]\nmax_weight_change = 0.1\n", &["--log-format", "json"]);
    assert_eq!(json.code, 3, "{}", json.stderr);
    let lines = json.stderr.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let error = lines.map(|line| line["fields"].clone()).find(|fields| fields["code"] == 3).unwrap();
    assert_eq!(error["place"], "out");
    let message = error["message"].as_str().unwrap();
    let first = "out: not published: the results were not counted and weighed alike";
    assert!(message.starts_with(first) && message.contains("scheme: default → \"sqrt\""), "{message}");
    // One of severity warn is said once, and saved counts of other labels in words.
    let warn = "where = 'l_a'\n[checks]\nmax_prevalence_change = { limit = 0.1, severity = 'warn' }\n";
    let ended = run(warn, &[]);
    ok(&ended);
    let all = format!("{}{}", ended.stdout, ended.stderr);
    assert_eq!(all.matches("max_prevalence_change").count(), 1, "{all}");
    assert!(ended.stdout.contains("warn failed: the results were not counted and weighed alike"), "{all}");
    assert!(ended.stderr.contains("warning: --state ") && !all.contains("WARN"), "{all}");
    // Where both were made alike, there is nothing to say.
    let ended = run("where = 'l_a'\n[checks]\nmin_rows = 1_000_000\n", &[]);
    assert!(ended.code == 3 && !ended.stderr.contains("alike"), "{}", ended.stderr);
}

#[test]
fn a_file_beside_the_result_is_no_shard_of_the_next_run() {
    let place = Place::new();
    shard(&place.path("in/a.parquet"));
    for (flag, file) in
        [("--state", "in/s.parquet"), ("--state", "./in/deep/s.arrow"), ("--metrics-textfile", "in/m.csv")]
    {
        let ended = compute(&place, &[flag, file]);
        assert!(
            ended.code == 2 && ended.stderr.contains(&format!("{flag} {file}: the next run over in")),
            "{}",
            ended.stderr
        );
        assert!(!place.path(file).exists() && !place.path("out").exists());
    }
    // These are passed over.
    for file in ["in/_s.parquet", "in/s.state", "s.parquet"] {
        for _ in 0..2 {
            ok(&compute(&place, &["--state", file]));
        }
    }
}

#[test]
fn jobs_may_share_a_state_one_after_the_other() {
    let place = Place::new();
    for name in 0..5 {
        shard(&place.path(&format!("in/{name}.parquet")));
    }
    let statuses = |index: &str| {
        ok(&compute(&place, &["--shard-index", index, "--shard-count", "2", "--state", "s"]));
        let shards = place.json("out/run_results.json")["shards"].clone();
        let of = |shard: &Json| shard["status"].as_str().unwrap().to_owned();
        let mut all: Vec<String> = shards.as_array().unwrap().iter().map(of).collect();
        all.dedup();
        all
    };
    for expected in ["counted", "reused"] {
        assert_eq!([statuses("0"), statuses("1")], [[expected], [expected]]);
    }
    let text = "shards = 'in'\nlabels = 'l*'\nlayout = 'wide'\nout = 'o'\nstate = 's'\nshard_index = 0\nshard_count = 2\n";
    fs::write(place.path("p.toml"), text).unwrap();
    let explained = place.run(&["run", "p.toml", "--explain"]).stdout;
    assert!(explained.contains("reused") && !explained.contains("removed"), "{explained}");
    // What is gone is forgotten.
    fs::remove_file(place.path("in/1.parquet")).unwrap();
    assert!(place.run(&["run", "p.toml", "--explain"]).stdout.contains("removed"));
}

#[test]
fn keys_of_folders_that_a_glob_does_not_take_are_told() {
    let place = Place::new();
    for (folder, name) in [("l_part=0", "a"), ("l_part=1", "b")] {
        shard(&place.path(&format!("in/{folder}/{name}.parquet")));
    }
    let ids = || {
        let findings = place.json("out/run_results.json")["findings"].clone();
        findings.as_array().unwrap().iter().any(|one| one["id"] == "FOLDER_NAMES")
    };
    let labels = |names: &str| {
        ok(&place.run(&[
            "compute",
            "in",
            "--labels",
            names,
            "--layout",
            "wide",
            "--out",
            "out",
            "--overwrite",
        ]));
        place.json("out/weights.json")["labels"].clone()
    };
    assert_eq!(labels("l*"), json!(["l_a", "l_b"]));
    assert!(ids());
    assert_eq!(labels("l*,l_part"), json!(["l_a", "l_b", "l_part"]));
    assert!(!ids());
    ok(&compute(&place, &["--by", "l_part"]));
    assert!(!ids());
}
