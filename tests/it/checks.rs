//! `[checks]` of a pipeline file: what passes, what is refused, and what then becomes of the result.

use arrow::array::BooleanArray;
use serde_json::Value as Json;

use crate::support::{Ended, Place, array, write};

/// `in.parquet` of 100 rows with two labels.
fn shard(place: &Place, cat: usize, dog: usize) {
    let column =
        |positives: usize| array((0..100).map(|row| Some(row < positives)).collect::<BooleanArray>());
    write(&place.path("in.parquet"), vec![("cat", column(cat)), ("dog", column(dog))]);
}

fn run(place: &Place, checks: &str, more: &[&str]) -> Ended {
    let spec = format!("shards = 'in.parquet'\nout = 'out'\noverwrite = true\n[checks]\n{checks}\n");
    std::fs::write(place.path("nightly.toml"), spec).unwrap();
    place.run(&[&["run", "nightly.toml", "--quiet"], more].concat())
}

fn results(place: &Place) -> Json {
    place.json("out/run_results.json")
}

fn positives(place: &Place) -> Json {
    place.json("out/weights.json")["positives"].clone()
}

#[test]
fn a_failed_check_keeps_the_last_result() {
    let place = Place::new();
    shard(&place, 50, 20);
    assert_eq!(run(&place, "min_rows = 100\nmax_prevalence_change = 0.2", &[]).code, 0);
    let checks = results(&place)["checks"].clone();
    let status = |checks: &Json, i: usize| checks[i]["status"].as_str().unwrap().to_owned();
    assert_eq!(
        (checks[0]["id"].as_str(), status(&checks, 0)),
        (Some("max_prevalence_change"), "skipped".into())
    );
    assert_eq!((checks[1]["id"].as_str(), status(&checks, 1)), (Some("min_rows"), "passed".into()));

    shard(&place, 50, 30);
    let refused = run(&place, "min_rows = 100\nmax_prevalence_change = 0.2", &[]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("1 of 2 checks failed"), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("max_prevalence_change = 0.2: 0.") && refused.stderr.contains("for \"dog\"")
    );
    assert!(refused.stderr.contains("out: not published") && refused.stderr.contains("hint:"));
    let account = results(&place);
    assert_eq!((account["status"].as_str(), account["exit_code"].as_u64()), (Some("checks_failed"), Some(3)));
    assert_eq!(account["checks"][0]["status"], "failed");
    assert_eq!(account["checks"][0]["label"], "dog");
    assert_eq!(positives(&place), serde_json::json!([50, 20]), "the last result stays");

    let published = run(&place, "max_prevalence_change = 0.2", &["--publish-on-check-failure"]);
    assert_eq!(published.code, 3, "{}", published.stderr);
    assert_eq!(positives(&place), serde_json::json!([50, 30]));
    assert_eq!(results(&place)["status"], "checks_failed");
    // It is the last result now, so nothing has drifted.
    assert_eq!(run(&place, "max_prevalence_change = 0.2", &[]).code, 0);
    assert_eq!(results(&place)["checks"][0]["observed"], 0.0);
}

#[test]
fn a_result_that_failed_a_check_says_so_first_wherever_it_is_read() {
    let place = Place::new();
    shard(&place, 50, 3);
    let checks = "min_positives = 10\nmin_rows = { limit = 1000, severity = 'warn' }";
    let refused = run(&place, checks, &[]);
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains("posweight report out --refused"), "{}", refused.stderr);
    let shown = place.run(&["report", "out", "--refused"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let start = "# Label imbalance\n\n**Error: 1 check failed; this result should not be used.**";
    assert!(
        shown.stdout.starts_with(start) && shown.stdout.contains("min_positives = 10: 3"),
        "{}",
        shown.stdout
    );

    let published = run(&place, checks, &["--publish-on-check-failure"]);
    assert_eq!(published.code, 3);
    assert!(published.stderr.contains("out: published in spite of failed checks"), "{}", published.stderr);
    assert!(!published.stderr.contains("publishes anyway"), "{}", published.stderr);
    for file in ["weights.json", "imbalance.json"] {
        let failed = place.json(&format!("out/{file}"))["failed_checks"].clone();
        assert!(failed[0].as_str().unwrap().starts_with("min_positives = 10: 3"), "{file}: {failed}");
        assert_eq!(failed.as_array().unwrap().len(), 1);
    }
    let read = |name: &str| std::fs::read_to_string(place.path(name)).unwrap();
    assert!(read("out/report.md").starts_with(start));
    let html = read("out/report.html");
    assert!(html.find("1 check failed").unwrap() < html.find("Labels per row").unwrap());
    let text = place.run(&["report", "out"]).stdout;
    assert!(text.starts_with("error: 1 check failed; this result should not be used\n"), "{text}");
    // A run that passes leaves nothing of this behind.
    assert_eq!(run(&place, "min_rows = 1", &[]).code, 0);
    assert!(place.json("out/weights.json").get("failed_checks").is_none());
    let none = place.run(&["report", "out", "--refused"]);
    assert!(none.code == 4 && none.stderr.contains("hint"), "{}", none.stderr);
}

#[test]
fn drift_names_the_worst_labels_with_their_values() {
    let place = Place::new();
    shard(&place, 50, 20);
    assert_eq!(run(&place, "min_rows = 100", &[]).code, 0);
    shard(&place, 10, 30);
    let checks = "max_prevalence_change = 0.2\nmin_positives = { limit = 40, severity = 'warn' }";
    let ended = run(&place, checks, &[]);
    let line = "1 of 2 checks failed (1 more of severity warn):\n  max_prevalence_change = 0.2: 0.8 for \"cat\" \
                (50 % → 10 %, -80 %); 2 labels are beyond it, after this one \"dog\" (20 % → 30 %, +50 %)\n";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
    let aloud = place.run(&["run", "nightly.toml"]);
    let warn = "severity warn failed: min_positives = 40: 10 for \"cat\"; 2 labels are beyond it, \
                after this one \"dog\" with 30";
    assert!(aloud.stderr.contains(warn), "{}", aloud.stderr);
    let worst = results(&place)["checks"][0]["worst"].clone();
    assert_eq!((&worst[0]["label"], &worst[1]["label"]), (&"cat".into(), &"dog".into()));
    assert_eq!((&worst[1]["before"], &worst[1]["after"]), (&0.2.into(), &0.3.into()));
    place.run(&["run", "nightly.toml", "--summary-json", "s.json"]);
    let short = place.json("s.json");
    assert_eq!(short["checks_failed"], serde_json::json!(["max_prevalence_change"]));
    assert_eq!(short["checks_warned"], serde_json::json!(["min_positives"]));
}

#[test]
fn a_warning_is_said_and_published() {
    let place = Place::new();
    shard(&place, 50, 3);
    let warned = run(&place, "min_positives = { limit = 10, severity = 'warn' }", &[]);
    assert_eq!(warned.code, 0, "{}", warned.stderr);
    assert_eq!(results(&place)["status"], "done");
    assert_eq!(results(&place)["checks"][0]["status"], "failed");
    let aloud = place.run(&["run", "nightly.toml"]);
    // Once, in the summary.
    let says = "check of severity warn failed: min_positives = 10: 3 for \"dog\"";
    assert!(aloud.stdout.contains(says) && !aloud.stderr.contains("severity"), "{}", aloud.stderr);
    let json = place.run(&["run", "nightly.toml", "--log-format", "json"]).stderr;
    assert!(json.contains("severity warn failed") && json.contains("\"WARN\""), "{json}");
}

#[test]
fn wrong_checks_are_named_before_anything_is_read() {
    let place = Place::new();
    for (checks, says) in [
        ("min_row = 1", "unknown check \"min_row\""),
        ("min_rows = -1", "min_rows = -1 is not a valid limit"),
        ("min_rows = 'many'", "a limit is a number or { limit = NUMBER, severity = \"warn\" }"),
        ("min_rows = { limit = 1, severity = 'fatal' }", "a limit is a number or"),
    ] {
        let ended = run(&place, checks, &[]);
        assert_eq!(ended.code, 2, "{checks}: {}", ended.stderr);
        assert!(ended.stderr.contains(says) && ended.stderr.contains("hint:"), "{checks}: {}", ended.stderr);
    }
}
