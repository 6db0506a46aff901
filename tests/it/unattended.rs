//! Nights that nobody watches: nothing else is overwritten, and what was asked for is not ignored.

use std::fs;

use arrow::array::BooleanArray;

use crate::support::{Ended, Place, array, write};

fn ok(ended: &Ended) {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

fn wrong(ended: &Ended, code: i32, says: &[&str]) {
    assert_eq!(ended.code, code, "{}", ended.stderr);
    for text in says {
        assert!(ended.stderr.contains(text), "{text:?} is not in {}", ended.stderr);
    }
}

fn shard(place: &Place, name: &str) {
    write(&place.path(name), vec![("a", array(BooleanArray::from(vec![true, false, true])))]);
}

#[test]
fn files_beside_a_result_take_the_place_of_nothing_else() {
    let place = Place::new();
    shard(&place, "in/x.parquet");
    fs::write(place.path("notes.txt"), "mine\n").unwrap();
    fs::write(place.path("empty"), "").unwrap();
    let run = |more: &[&str]| {
        let fixed = ["compute", "in", "--layout", "wide", "--out", "w", "--overwrite", "--state", "w.state"];
        place.run(&[&fixed[..], more].concat())
    };
    // Before there is a result: its files, and those that are still to be written.
    for (flag, path) in [("--summary-json", "w/weights.json"), ("--metrics-textfile", "./w/report.html")] {
        wrong(&run(&[flag, path]), 2, &[flag, "the result has a file of this name"]);
    }
    wrong(&run(&["--summary-json", "./w.state"]), 2, &["--summary-json and --state name the same file"]);
    wrong(&run(&["--summary-json", "s", "--openlineage", "file:s"]), 2, &["name the same file"]);
    assert!(!place.path("w/weights.json").exists() && !place.path("w.state").exists());
    ok(&run(&["--summary-json", "empty", "--metrics-textfile", "m.prom", "--openlineage", "file:e.jsonl"]));
    let files =
        ["in/x.parquet", "notes.txt", "w/weights.json", "w/run_results.json", "w.state", "m.prom", "e.jsonl"];
    let held = |name: &str| fs::read(place.path(name)).unwrap();
    let before: Vec<_> = files.iter().map(|name| held(name)).collect();
    for name in files {
        wrong(&run(&["--summary-json", name]), 2, &["--summary-json", name]);
        if name != "m.prom" {
            wrong(&run(&["--metrics-textfile", name]), 2, &["--metrics-textfile", name]);
        }
        if name != "e.jsonl" {
            wrong(&run(&["--openlineage", &format!("file:{name}")]), 2, &["--openlineage", name]);
        }
    }
    for (name, before) in files.iter().zip(before) {
        // Each run leaves an account of itself.
        assert!(*name == "w/run_results.json" || held(name) == before, "{name}");
    }
    // A pipeline file that is wrong is reported, but not into itself.
    let text = "shards = 'in'\nlayot = 'wide'\nsummary_json = 'p.toml'\n";
    fs::write(place.path("p.toml"), text).unwrap();
    wrong(&place.run(&["run", "p.toml"]), 2, &["layot"]);
    assert_eq!(held("p.toml"), text.as_bytes());
    ok(&run(&["--summary-json", "empty", "--metrics-textfile", "m.prom", "--openlineage", "file:e.jsonl"]));
}

#[test]
fn a_variable_that_is_set_is_used() {
    let place = Place::new();
    shard(&place, "day=1/x.parquet");
    let text = "shards = 'day=${day}'\nlayout = 'wide'\nout = 'w'\noverwrite = true\n# ${comment}\n";
    fs::write(place.path("p.toml"), text).unwrap();
    ok(&place.run(&["run", "p.toml", "--set", "DAY=1"]));
    for set in ["days=1", "comment=1"] {
        let ended = place.run(&["run", "p.toml", "--set", "day=1", "--set", set]);
        wrong(&ended, 2, &["the pipeline file has no ${", "hint: "]);
    }
    fs::write(place.path("p.toml"), text.replace("day=${day}", "day=1")).unwrap();
    wrong(&place.run(&["run", "p.toml", "--set", "day=1"]), 2, &["--set day", "no ${day}"]);
}

#[test]
fn a_check_that_cannot_fail_is_refused() {
    let place = Place::new();
    shard(&place, "x.parquet");
    let run = |check: &str| {
        let text = format!(
            "shards = 'x.parquet'\nlayout = 'wide'\nout = 'w'\noverwrite = true\n[checks]\n{check}\n"
        );
        fs::write(place.path("p.toml"), text).unwrap();
        place.run(&["run", "p.toml"])
    };
    wrong(&run("max_missing_share = 50"), 2, &["would never fail", "50 % is max_missing_share = 0.5"]);
    wrong(&run("max_jensen_shannon = 1"), 2, &["its value is from 0 to 1", "below 1"]);
    ok(&run("max_missing_share = 0.5\nmax_prevalence_change = 20\nmax_clipped_share = 0"));
    wrong(&place.run(&["run", "p.toml", "--out", "-"]), 2, &["max_prevalence_change needs a result"]);
}

#[test]
fn shards_that_are_text_are_skipped_as_others_are() {
    let place = Place::new();
    fs::create_dir(place.path("in")).unwrap();
    fs::write(place.path("in/a.csv"), "l,m\n1,0\n0,1\n").unwrap();
    fs::write(place.path("in/b.csv"), "").unwrap();
    fs::write(place.path("in/c.csv"), "l,m\n1,1\n").unwrap();
    fs::write(place.path("rows.jsonl"), "{\"l\": 1}\n{\"l\": 0}\n").unwrap();
    fs::write(place.path("cut.jsonl"), "{\"l\": 0}\n{\"l\": \n").unwrap();
    let run = |shards: &[&str], more: &[&str]| {
        let fixed = ["--layout", "wide", "--labels", "l", "--out", "w", "--overwrite"];
        place.run(&[&["compute"], shards, &fixed, more].concat())
    };
    let skip = ["--on-bad-shard", "skip", "--max-bad-shards", "1"];
    assert_eq!(run(&["in"], &[]).code, 4);
    let ended = run(&["in"], &skip);
    ok(&ended);
    assert!(ended.stderr.contains("skipped: in/b.csv"), "{}", ended.stderr);
    assert_eq!(place.json("w/weights.json")["positives"][0], 2);
    let results = place.json("w/run_results.json");
    assert_eq!((&results["status"], results["shards"].as_array().unwrap().len()), (&"partial".into(), 3));
    // A file counts as a whole or not at all.
    ok(&run(&["rows.jsonl", "cut.jsonl"], &skip));
    assert_eq!(place.json("w/weights.json")["rows"], 2);
    // So it is with a value that says nothing.
    fs::write(place.path("odd.csv"), "l,m\n1,1\n7,0\n").unwrap();
    assert_eq!(run(&["in/a.csv", "odd.csv"], &[]).code, 4);
    let ended = run(&["in/a.csv", "odd.csv"], &skip);
    ok(&ended);
    assert!(
        ended.stderr.contains("skipped: odd.csv") && ended.stderr.contains("value 7 is"),
        "{}",
        ended.stderr
    );
    fs::write(place.path("in/d.csv"), "").unwrap();
    wrong(&run(&["in"], &skip), 4, &["2 shards are wrong", "in/b.csv", "in/d.csv"]);
}

#[cfg(unix)]
#[test]
fn saved_counts_stay_readable_for_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    // Counts of shards with many labels, so that those of deleted shards are worth removing.
    for name in ["x", "y", "z"] {
        shard(&place, &format!("in/{name}.parquet"));
    }
    let run =
        || place.run(&["compute", "in", "--layout", "wide", "--out", "w", "--overwrite", "--state", "s"]);
    ok(&run());
    fs::set_permissions(place.path("s"), fs::Permissions::from_mode(0o664)).unwrap();
    fs::remove_file(place.path("in/y.parquet")).unwrap();
    ok(&run());
    assert_eq!(fs::metadata(place.path("s")).unwrap().permissions().mode() & 0o777, 0o664);
}
