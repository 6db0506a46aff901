//! What is read again is what was written: results know how they were counted and weighed, from which shards, and of
//! which groups.

use std::fs;

use arrow::array::{BooleanArray, StringArray};
use serde_json::{Value as Json, json};

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

/// A shard of one label with positives, negatives and NULL, in this order.
fn shard(place: &Place, name: &str, cells: [usize; 3]) {
    let values = [Some(true), Some(false), None];
    let column = values.iter().zip(cells).flat_map(|(value, count)| std::iter::repeat_n(*value, count));
    write(&place.path(name), vec![("a", array(column.collect::<BooleanArray>()))]);
}

const MADE: [&str; 7] = ["--layout", "wide", "--null-as", "negative", "--clip", "0,2.5", "--scheme=sqrt"];

fn compute(place: &Place, shards: &[&str], out: &str, more: &[&str]) {
    ok(&place.run(&[&["compute"], shards, &["--out", out, "--overwrite", "--quiet"], &MADE, more].concat()));
}

fn spec_of(place: &Place, out: &str) -> Json {
    place.json(&format!("{out}/weights.json"))["spec"].clone()
}

fn weight_of(place: &Place, out: &str) -> f64 {
    place.json(&format!("{out}/weights.json"))["pos_weight"][0].as_f64().unwrap()
}

#[test]
fn counts_say_how_they_were_read_and_weighed() {
    let place = Place::new();
    shard(&place, "x.parquet", [2, 4, 2]);
    compute(&place, &["x.parquet"], "all", &[]);
    compute(&place, &["x.parquet"], "few", &["--formats", "parquet"]);
    assert!(!place.path("few/weights.json").exists());
    fs::create_dir(place.path("alone")).unwrap();
    fs::copy(place.path("all/counts.parquet"), place.path("alone/c.parquet")).unwrap();
    // sqrt(6 / 2), as `weights.json` has it; a NULL is negative.
    let expected = place.json("all/weights.json")["pos_weight"][0].as_f64().unwrap();
    assert!((expected - 3_f64.sqrt()).abs() < 1e-12);
    for result in ["all", "few", "few/weights.parquet", "alone/c.parquet"] {
        let ended = place.run(&["diff", "all", result, "--format", "json"]);
        ok(&ended);
        let drift: Json = serde_json::from_str(&ended.stdout).unwrap();
        assert!(drift["differences"].as_array().is_none_or(Vec::is_empty), "{result}: {drift}");
        ok(&place.run(&[
            "apply",
            result,
            "x.parquet",
            "--column",
            "loss_weights",
            "--out",
            "applied",
            "--overwrite",
        ]));
        let query = "SELECT sum(loss_weights[1]) FROM 'applied/applied/x.parquet'";
        let sum = place.run(&["sql", "--format", "csv", "-c", query]);
        let sum: f64 =
            sum.stdout.lines().last().unwrap().parse().unwrap_or_else(|_| panic!("{}", sum.stderr));
        assert!((sum - (2.0 * expected + 6.0)).abs() < 1e-4, "{result}: {sum}");
    }
}

#[test]
fn a_merge_keeps_what_its_results_share_and_says_what_not() {
    let place = Place::new();
    shard(&place, "x.parquet", [2, 4, 2]);
    shard(&place, "y.parquet", [1, 4, 3]);
    compute(&place, &["x.parquet"], "x", &[]);
    compute(&place, &["y.parquet"], "y", &[]);
    compute(&place, &["x.parquet", "y.parquet"], "both", &[]);
    ok(&place.run(&["weigh", "x", "y", "--out", "merged"]));
    assert_eq!(spec_of(&place, "merged"), spec_of(&place, "both"));
    assert_eq!(weight_of(&place, "merged"), weight_of(&place, "both"));
    let bytes = |out: &str| fs::read(place.path(out).join("counts.parquet")).unwrap();
    assert!(bytes("merged") == bytes("both"));
    // Another scheme is weighed anew; values are read as before.
    let ended = place.run(&["weigh", "x", "--scheme", "ratio", "--out", "ratio"]);
    ok(&ended);
    assert!(ended.stderr.contains("--clip of the results is not kept"), "{}", ended.stderr);
    assert_eq!(weight_of(&place, "ratio"), 3.0);
    let spec = spec_of(&place, "ratio");
    assert_eq!(
        (&spec["null_as"], &spec["scheme"], &spec["clip"]),
        (&json!("negative"), &json!("ratio"), &Json::Null)
    );
    // What the results do not share is not guessed.
    ok(&place.run(&["compute", "y.parquet", "--layout", "wide", "--out", "z", "--quiet"]));
    let ended = place.run(&["weigh", "x", "z", "--out", "mixed"]);
    ok(&ended);
    assert!(ended.stderr.contains("null_as is \"negative\" in x/counts.parquet"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("the results were not weighed alike (--scheme, --clip)"),
        "{}",
        ended.stderr
    );
    let apply = ["apply", "mixed", "x.parquet", "--column", "loss_weights", "--out", "applied"];
    wrong(&place.run(&apply), 4, &["mixed: ", "do not agree in null_as", "--null-as"]);
    ok(&place.run(&[&apply[..], &["--null-as", "missing"]].concat()));
}

#[test]
fn no_row_counts_twice() {
    let place = Place::new();
    shard(&place, "in/x.parquet", [2, 4, 2]);
    shard(&place, "in/y.parquet", [1, 4, 3]);
    compute(&place, &["in/x.parquet"], "monday", &[]);
    compute(&place, &["in/y.parquet"], "new", &[]);
    // A result of all shards so far has those of the night before.
    compute(&place, &["in"], "tuesday", &[]);
    let weigh = |runs: &[&str]| place.run(&[&["weigh", "--out", "m", "--overwrite"], runs].concat());
    wrong(
        &weigh(&["monday", "tuesday"]),
        2,
        &["1 shard of tuesday/counts.parquet is also in monday", "twice"],
    );
    // The same shards, weighed differently.
    ok(&place.run(&["compute", "in", "--layout", "wide", "--clip", "0,9", "--out", "other", "--quiet"]));
    wrong(&weigh(&["tuesday", "other"]), 2, &["counts of the same shards"]);
    // A running total that is made again.
    ok(&place.run(&["weigh", "monday", "new", "--out", "total"]));
    wrong(&place.run(&["weigh", "total", "new", "--out", "total", "--overwrite"]), 2, &["is also in total"]);
    // Some rows beside all rows; but conditions may exclude each other.
    compute(&place, &["in"], "yes", &["--where", "a"]);
    compute(&place, &["in"], "no", &["--where", "NOT a"]);
    wrong(&weigh(&["tuesday", "yes"]), 2, &["counts of the same shards"]);
    let ended = weigh(&["yes", "no"]);
    ok(&ended);
    assert!(
        ended.stderr.contains("have 2 shards in common: a row that meets the --where of both"),
        "{}",
        ended.stderr
    );
    assert_eq!(place.json("m/weights.json")["rows"], 11);
}

#[test]
fn a_job_is_not_taken_for_the_whole() {
    let place = Place::new();
    shard(&place, "in/x.parquet", [2, 4, 2]);
    shard(&place, "in/y.parquet", [1, 4, 3]);
    for job in ["0", "1"] {
        compute(&place, &["in"], job, &["--shard-index", job, "--shard-count", "2"]);
    }
    let whole = ["job 1 of 2", "posweight weigh"];
    wrong(&place.run(&["apply", "1", "in", "--column", "loss_weights", "--out", "o"]), 4, &whole);
    wrong(&place.run(&["report", "0", "--against", "1"]), 4, &whole);
    wrong(&place.run(&["compute", "in", "--layout", "wide", "--out", "o", "--against", "1"]), 4, &whole);
    let report = place.run(&["report", "1"]).stdout;
    assert!(report.contains("job 1 of 2: the shards of the other jobs are not in it"), "{report}");
    let diff = place.run(&["diff", "0", "1"]).stdout;
    assert!(diff.starts_with("warning: ") && diff.contains("shards: job 0 of 2 → job 1 of 2"), "{diff}");
    // Jobs that start before and after midnight would count other rows.
    let now = ["--where", "now() > '2026-01-01'", "--shard-index", "0", "--shard-count", "2"];
    let ended = place.run(&[&["compute", "in", "--layout", "wide", "--out", "o"][..], &now].concat());
    wrong(&ended, 2, &["asks for the time", "job"]);
}

#[test]
fn a_change_of_weights_is_measured_whatever_the_formats() {
    let place = Place::new();
    shard(&place, "x.parquet", [2, 40, 2]);
    let spec = |more: &str| {
        let text = format!(
            "shards = 'x.parquet'\nlayout = 'wide'\nout = 'w'\noverwrite = true\nformats = ['parquet']\n{more}\n[checks]\n\
             max_weight_change = 0.01\n"
        );
        fs::write(place.path("p.toml"), text).unwrap();
    };
    spec("scheme = 'sqrt'\nclip = [0, 3]");
    ok(&place.run(&["run", "p.toml"]));
    ok(&place.run(&["run", "p.toml"]));
    spec("scheme = 'ratio'");
    wrong(&place.run(&["run", "p.toml"]), 3, &["max_weight_change = 0.01", "(3 → 20"]);
    // What cannot be compared with says how to go on.
    fs::write(place.path("w/counts.parquet"), "none").unwrap();
    wrong(&place.run(&["run", "p.toml"]), 4, &["the previous result at w", "delete w"]);
    fs::remove_dir_all(place.path("w")).unwrap();
    ok(&place.run(&["run", "p.toml"]));
}

#[test]
fn groups_have_folders_of_their_own_and_stay_in_a_merge() {
    let place = Place::new();
    let put = |name: &str, groups: Vec<Option<&str>>| {
        let cells = groups.iter().map(|group| Some(group.is_none())).collect::<BooleanArray>();
        write(&place.path(name), vec![("a", array(cells)), ("g", array(StringArray::from(groups)))]);
    };
    put("x.parquet", vec![None, Some("NULL"), Some("p,q=r"), Some("\u{1F600}"), Some("\u{1F}600")]);
    put("y.parquet", vec![None, Some("NULL"), Some("new"), Some("new")]);
    let by = ["--labels", "a", "--by", "g", "--row-measures", "off"];
    compute(&place, &["x.parquet"], "x", &by);
    compute(&place, &["y.parquet"], "y", &by);
    compute(&place, &["x.parquet", "y.parquet"], "both", &by);
    let folders = |out: &str| fs::read_dir(place.path(out).join("by")).unwrap().count();
    assert_eq!((folders("x"), folders("y"), folders("both")), (5, 3, 6));
    assert!(place.path("x/by/g=__HIVE_DEFAULT_PARTITION__/weights.json").exists());
    let positives = |folder: &str| place.json(&format!("{folder}/weights.json"))["positives"][0].clone();
    assert_eq!(positives("both/by/g=__HIVE_DEFAULT_PARTITION__"), 2);
    assert_eq!(positives("both/by/g=NULL"), 0);
    let report = place.run(&["report", "x"]).stdout;
    assert_eq!(report.matches("group g=").count(), 5, "{report}");
    ok(&place.run(&["weigh", "x", "y", "--out", "merged", "--quiet"]));
    for name in
        ["counts.parquet", "by/g=NULL/counts.parquet", "by/g=new/weights.json", "by/g=p%2Cq%3Dr/weights.json"]
    {
        let [one, other] = ["both", "merged"].map(|out| fs::read(place.path(out).join(name)).unwrap());
        assert!(one == other, "{name}");
    }
    // Groups of one result alone would not be those of all rows.
    compute(&place, &["y.parquet"], "plain", &["--labels", "a"]);
    let ended = place.run(&["weigh", "x", "plain", "--out", "left"]);
    ok(&ended);
    assert!(ended.stderr.contains("the groups of --by are left out"), "{}", ended.stderr);
    assert!(!place.path("left/by").exists());
    // Without `imbalance.json`, a report still has them.
    compute(&place, &["x.parquet"], "few", &[&by[..], &["--formats", "parquet"]].concat());
    let report = place.run(&["report", "few"]).stdout;
    assert_eq!(report.matches("group g=").count(), 5, "{report}");
}

#[test]
fn a_program_opens_what_was_written() {
    let place = Place::new();
    let of = |at: i32, n: i32| Some(at % n == 0);
    let columns = vec![
        ("a", array((0..60).map(|at| of(at, 2)).collect::<BooleanArray>())),
        ("b", array((0..60).map(|at| of(at, 3)).collect::<BooleanArray>())),
        ("g", array((0..60).map(|at| Some(if at % 5 == 0 { "x" } else { "y" })).collect::<StringArray>())),
    ];
    write(&place.path("x.parquet"), columns);
    compute(&place, &["x.parquet"], "out", &["--labels", "a,b", "--by", "g"]);
    for run in ["out", "out/counts.parquet"] {
        let opened = posweight::library::open(&place.path(run)).unwrap();
        let folders = ["", "by/g=x/", "by/g=y/"];
        let views = [opened.all(), opened.group("g=x").unwrap(), opened.group("g=y").unwrap()];
        for (folder, view) in folders.into_iter().zip(views) {
            for name in ["cooccurrence.npy", "weights.json", "pos_weight.npy"] {
                let written = fs::read(place.path(&format!("out/{folder}{name}"))).unwrap();
                assert_eq!(view.file(name).unwrap(), written, "{run} {folder}{name}");
            }
            let imbalance: Json = serde_json::from_slice(&view.file("imbalance.json").unwrap()).unwrap();
            let written = place.json(&format!("out/{folder}imbalance.json"));
            for key in ["scumble", "distinct_labelsets", "rows_by_number_of_labels", "findings", "source"] {
                assert!(!imbalance[key].is_null(), "{run} {folder} {key}");
                assert_eq!(imbalance[key], written[key], "{run} {folder} {key}");
            }
        }
        for name in ["plan.json", "_SUCCESS", "by"] {
            let error = opened.all().file(name).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{name}: {error}");
        }
    }
}
