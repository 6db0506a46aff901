//! Nights that went wrong: what was noticed too late, or not at all.

use std::fs;
use std::path::Path;

use arrow::array::{
    BooleanArray, Date32Array, Date64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use serde_json::{Value as Json, json};

use crate::support::{Ended, Place, array, write};

fn ok(ended: &Ended) {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

fn wrong(ended: &Ended, code: i32, says: &[&str]) {
    assert_eq!(ended.code, code, "{}", ended.stderr);
    for says in says {
        assert!(ended.stderr.contains(says), "{says:?} is not in {}", ended.stderr);
    }
}

/// `rows` rows with the label `a`, which every other row has.
fn shard(path: &Path, rows: usize) {
    write(path, vec![("a", array((0..rows).map(|row| Some(row % 2 == 0)).collect::<BooleanArray>()))]);
}

fn spec(place: &Place, name: &str, text: &str) {
    fs::write(place.path(name), text).unwrap();
}

#[test]
fn a_link_stays_a_link_and_a_pipe_a_pipe() {
    let place = Place::new();
    shard(&place.path("x.parquet"), 4);
    fs::create_dir(place.path("told")).unwrap();
    let files = ["s.json", "m.prom", "e.jsonl"];
    #[cfg(unix)]
    for file in files {
        std::os::unix::fs::symlink(format!("told/{file}"), place.path(file)).unwrap();
    }
    let tell = ["--summary-json", "s.json", "--metrics-textfile", "m.prom", "--openlineage", "file:e.jsonl"];
    for _ in 0..2 {
        let run = ["compute", "x.parquet", "--layout", "wide", "--out", "w", "--overwrite"];
        ok(&place.run(&[&run[..], &tell].concat()));
    }
    #[cfg(unix)]
    for file in files {
        assert!(place.path(file).is_symlink(), "{file}");
        assert!(fs::metadata(place.path("told").join(file)).unwrap().len() > 0, "{file}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        let made = std::process::Command::new("mkfifo").arg(place.path("pipe")).status();
        if !made.is_ok_and(|made| made.success()) {
            return crate::support::left_out("a_link_stays_a_link_and_a_pipe_a_pipe", "there is no mkfifo");
        }
        let reader = std::thread::spawn({
            let path = place.path("pipe");
            move || fs::read_to_string(path).unwrap()
        });
        let run = [
            "compute",
            "x.parquet",
            "--layout",
            "wide",
            "--out",
            "w",
            "--overwrite",
            "--summary-json",
            "pipe",
        ];
        ok(&place.run(&run));
        let summary: Json = serde_json::from_str(&reader.join().unwrap()).unwrap();
        assert_eq!(summary["status"], "done");
        assert!(fs::symlink_metadata(place.path("pipe")).unwrap().file_type().is_fifo());
    }
}

#[test]
fn what_decides_a_result_is_not_nothing_to_do() {
    let place = Place::new();
    let words = |words: &[&str]| vec![("w", array(StringArray::from(words.to_vec())))];
    write(&place.path("in/x.parquet"), words(&["cat", "dog", "dog"]));
    fs::write(place.path("v.txt"), "cat\ndog\n").unwrap();
    let vocabulary = ["--layout", "class", "--labels", "w", "--vocabulary", "v.txt"];
    for state in [&[][..], &["--state", "s"]] {
        fs::write(place.path("v.txt"), "cat\ndog\n").unwrap();
        let out = if state.is_empty() { "without" } else { "with" };
        let run = || {
            let skip = ["--out", out, "--overwrite", "--skip-exit-code", "99"];
            place.run(&[&["compute", "in"][..], &vocabulary, &skip, state].concat())
        };
        ok(&run());
        assert_eq!(run().code, 99);
        fs::write(place.path("v.txt"), "dog\ncat\n").unwrap();
        ok(&run());
        let weights = place.json(&format!("{out}/weights.json"));
        assert_eq!((&weights["labels"], &weights["positives"]), (&json!(["dog", "cat"]), &json!([2, 1])));
        assert_eq!(run().code, 99);
    }

    // What is published, and whether it is.
    shard(&place.path("y/x.parquet"), 4);
    ok(&place.run(&["compute", "y", "--layout", "wide", "--out", "other"]));
    let night = |more: &str| {
        let text = format!(
            "shards = 'y'\nlayout = 'wide'\nout = 'w'\noverwrite = true\nskip_exit_code = 99\n{more}"
        );
        spec(&place, "n.toml", &text);
        place.run(&["run", "n.toml"]).code
    };
    assert_eq!([night(""), night("")], [0, 99]);
    assert_eq!([night("formats = 'json'"), night("formats = 'json'")], [0, 99]);
    assert!(!place.path("w/report.md").exists());
    assert_eq!([night("against = 'other'"), night("against = 'other'")], [0, 99]);
    ok(&place.run(&["compute", "y", "--layout", "wide", "--out", "other", "--overwrite"]));
    assert_eq!([night("against = 'other'"), night("against = 'other'")], [0, 99]);
    assert_eq!(night("[checks]\nmin_rows = 5"), 3);
    assert_eq!([night("[checks]\nmin_rows = 4"), night("[checks]\nmin_rows = 4")], [0, 99]);
    // A result without a shard is none for a run that allows no such thing.
    fs::write(place.path("y/bad.parquet"), "PAR1 nothing PAR1").unwrap();
    let skip = "on_bad_shard = 'skip'\nmax_bad_shards = 1\n";
    assert_eq!([night(skip), night(skip), night("")], [0, 99, 4]);
}

#[test]
fn groups_do_not_change_the_totals_of_pairs() {
    let place = Place::new();
    let pairs = |name: &str, ids: &[i64], labels: &[&str], kinds: &[&str]| {
        let columns = vec![
            ("id", array(Int64Array::from(ids.to_vec()))),
            ("label", array(StringArray::from(labels.to_vec()))),
            ("kind", array(StringArray::from(kinds.to_vec()))),
        ];
        write(&place.path(name), columns);
    };
    pairs("in/day=1/a.parquet", &[1, 1, 2, 3], &["u", "v", "u", "w"], &["x", "y", "x", "x"]);
    pairs("in/day=2/a.parquet", &[3, 4, 1], &["u", "v", "u"], &["x", "x", "y"]);
    let long = ["in", "--layout", "long", "--id", "id", "--labels", "label"];
    let totals = |weights: &Json| {
        ["rows", "labels", "positives", "negatives", "pos_weight"].map(|key| weights[key].clone())
    };
    for order in ["name", "frequency"] {
        for engine in ["auto", "plain"] {
            let flags = ["--order", order, "--engine", engine];
            let alone = place.weights(&[&long[..], &flags].concat());
            let rows_alone = place.json("out/imbalance.json")["rows"].clone();
            assert_eq!(alone["rows"], 4);
            for (by, groups) in
                [("day", [("day=1", 3), ("day=2", 3)]), ("kind", [("kind=x", 4), ("kind=y", 1)])]
            {
                for more in [&[][..], &["--state", "s", "--row-measures", "off"]] {
                    let split = place.weights(&[&long[..], &flags, &["--by", by], more].concat());
                    assert_eq!(totals(&split), totals(&alone), "{order} {engine} {by} {more:?}");
                    for (group, rows) in groups {
                        let of_group = place.json(&format!("out/by/{group}/weights.json"));
                        assert_eq!(
                            (&of_group["rows"], &of_group["labels"]),
                            (&json!(rows), &alone["labels"])
                        );
                    }
                    if more.is_empty() {
                        assert_eq!(
                            place.json("out/imbalance.json")["rows"],
                            rows_alone,
                            "{order} {engine} {by}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_condition_compares_dates_with_dates() {
    let place = Place::new();
    for day in ["2026-11-04", "2026-11-05"] {
        shard(&place.path(&format!("in/date={day}/x.parquet")), 4);
    }
    let days = |days: &[i32]| {
        let texts: Vec<&str> = days.iter().map(|_| "7").collect();
        vec![
            ("a", array(BooleanArray::from(vec![true; days.len()]))),
            ("day", array(Date32Array::from(days.to_vec()))),
            ("t", array(StringArray::from(texts))),
        ]
    };
    write(&place.path("y.parquet"), days(&[20_761, 20_762]));
    let run = |from: &str, condition: &str| {
        place.run(&[
            "compute",
            from,
            "--labels",
            "a",
            "--layout",
            "wide",
            "--out",
            "w",
            "--overwrite",
            "--where",
            condition,
        ])
    };
    for (from, condition, says) in [
        ("in", "date >= 2026-11-05", "--where \"date >= '2026-11-05'\""),
        ("in", "date >= 2026-11-5 and date < 2027-01-01", "date >= '2026-11-05' and date < '2027-01-01'"),
        ("in", "2026-11-05 <= date", "'2026-11-05' <= date"),
        ("in", "date BETWEEN 2026-11-04 AND 2026-11-05", "date BETWEEN '2026-11-04' AND '2026-11-05'"),
        ("in", "date IN (2026-11-04)", "date IN ('2026-11-04')"),
        ("in", "date = 20261105", "date = '2026-11-05'"),
        ("in", "date >= 2026-11-05 OR a", "date >= '2026-11-05' OR a"),
        ("y.parquet", "day >= 2026-11-05", "day >= '2026-11-05'"),
        ("y.parquet", "t > 10", "'10'"),
    ] {
        wrong(&run(from, condition), 2, &["--where", says]);
    }
    for (from, condition, value) in [
        ("in", "date >= '2026-13-45'", "'2026-13-45'"),
        ("in", "date >= DATE 'tomorrow'", "'tomorrow'"),
        ("in", "date >= DATE ''", "'' is no date"),
        ("y.parquet", "day >= '2026-13-45'", "'2026-13-45' is no date"),
        ("y.parquet", "day >= DATE 'tomorrow' AND a", "'tomorrow'"),
    ] {
        wrong(&run(from, condition), 2, &["--where", value, "'2026-11-29'"]);
    }
    for (from, condition, rows) in [
        ("in", "date >= '2026-11-05'", 4),
        ("in", "date LIKE '2026-11-%'", 8),
        ("in", "date > '2026-11-03' AND date <> DATE '2026-11-05'", 4),
        ("y.parquet", "day >= '2026-11-05'", 1),
        ("y.parquet", "t = '7'", 2),
        ("y.parquet", "CAST(t AS INT) > 5", 2),
    ] {
        ok(&run(from, condition));
        assert_eq!(place.json("w/weights.json")["rows"], rows, "{condition}");
    }
}

#[test]
fn a_folder_and_a_column_may_both_hold_the_date() {
    let place = Place::new();
    let day = 20_761;
    let micros = i64::from(day) * 86_400_000_000;
    let dates = |day: i32| {
        let micros = i64::from(day) * 86_400_000_000;
        [
            array(Date32Array::from(vec![day])),
            array(Date64Array::from(vec![micros / 1000])),
            array(TimestampMicrosecondArray::from(vec![micros])),
        ]
    };
    let put = |column| {
        write(
            &place.path("in/date=2026-11-04/x.parquet"),
            vec![("a", array(BooleanArray::from(vec![true]))), ("date", column)],
        );
    };
    let run =
        || place.run(&["compute", "in", "--labels", "a", "--layout", "wide", "--out", "w", "--overwrite"]);
    for column in dates(day) {
        put(column);
        ok(&run());
    }
    for column in dates(day + 1) {
        put(column);
        wrong(&run(), 4, &["date=2026-11-04", "holds 2026-11-05"]);
    }
    put(array(TimestampMicrosecondArray::from(vec![micros + 1_000_000])));
    wrong(&run(), 4, &["holds 2026-11-04 00:00:01"]);
    put(array(Int64Array::from(vec![5])));
    wrong(&run(), 4, &["holds 5"]);
}

#[test]
fn one_odd_folder_is_named() {
    let place = Place::new();
    for day in ["2026-11-01", "2026-11-02", "2026-11-03", "2026-11-4"] {
        shard(&place.path(&format!("in/date={day}/x.parquet")), 4);
    }
    let run = |more: &[&str]| {
        place.run(
            &[&["compute", "in", "--labels", "a", "--layout", "wide", "--out", "w", "--overwrite"][..], more]
                .concat(),
        )
    };
    let ended = run(&["--where", "date >= '2026-11-02'"]);
    ok(&ended);
    assert!(
        ended.stdout.contains("ODD_FOLDER") && ended.stdout.contains("date=2026-11-4"),
        "{}",
        ended.stdout
    );
    fs::rename(place.path("in/date=2026-11-4"), place.path("in/date=unknown")).unwrap();
    wrong(
        &run(&["--where", "date >= DATE '2026-11-02'"]),
        4,
        &["in/date=unknown/x.parquet", "--where", "rename"],
    );
    fs::rename(place.path("in/date=unknown"), place.path("in/date=2026-11-04")).unwrap();
    let ended = run(&[]);
    assert!(ended.code == 0 && !ended.stdout.contains("ODD_FOLDER"), "{}", ended.stdout);
}

#[test]
fn a_pipeline_file_is_told_of_its_keys() {
    let place = Place::new();
    shard(&place.path("in/a.parquet"), 4);
    let column = || array(BooleanArray::from(vec![true, false]));
    write(&place.path("in/b.parquet"), vec![("a", column()), ("new", column())]);
    spec(&place, "p.toml", "shards = 'in'\nlayout = 'wide'\nlabels = ['a', 'new']\nout = 'w'\n");
    let ended = place.run(&["run", "p.toml"]);
    wrong(&ended, 4, &["in/a.parquet", "in/b.parquet has it", "missing_columns = \"missing\""]);
    assert!(!ended.stderr.contains("--missing-columns"), "{}", ended.stderr);
    let ended = place.run(&["compute", "in", "--layout", "wide", "--labels", "a,new", "--out", "w"]);
    wrong(&ended, 4, &["--missing-columns missing"]);
    for (text, says) in [
        ("label = 'l*'", "to name the label columns, write labels"),
        ("[checks]\nmin_row = 1", "p.toml: line 2, column 1: unknown check \"min_row\""),
        ("[checks]\nmin_row = 1", "did you mean min_rows?"),
        ("[checks]\nmin_rows = { limit = 1, severity = 'warning' }", "not \"warning\""),
    ] {
        spec(&place, "p.toml", text);
        wrong(&place.run(&["run", "p.toml"]), 2, &[says]);
    }
    let jobs = ["compute", "in", "--labels", "a", "--out", "n", "--shard-index", "0", "--shard-count", "0"];
    wrong(&place.run(&jobs), 2, &["there is at least one job"]);
}

#[test]
fn a_summary_tells_of_a_run_that_could_not_begin() {
    let place = Place::new();
    shard(&place.path("in/a.parquet"), 4);
    let good = "shards = 'in'\nlayout = 'wide'\nout = 'w'\noverwrite = true\nsummary_json = 't/s.json'\n";
    spec(&place, "p.toml", good);
    let status = || place.json("t/s.json")["exit_code"].clone();
    for (text, more) in [
        (format!("{good}laout = 'wide'"), &[][..]),
        (format!("{good}layout = "), &[]),
        (good.replace("'in'", "'${nowhere_set}'"), &[]),
        (good.replace("'in'", "'in/${sub}'"), &["--set", "sub="]),
        (good.to_owned(), &["--set", "sub"]),
    ] {
        spec(&place, "p.toml", good);
        ok(&place.run(&["run", "p.toml"]));
        assert_eq!(status(), 0);
        spec(&place, "p.toml", &text);
        assert_eq!(place.run(&[&["run", "p.toml"], more].concat()).code, 2, "{text}");
        assert_eq!(status(), 2, "{text}");
    }
    assert_eq!(place.run(&["run", "lost.toml", "--summary-json", "t/lost.json"]).code, 2);
    assert_eq!(place.json("t/lost.json")["exit_code"], 2);
    assert_eq!(place.json("t/lost.json")["shards"]["counted"], 0);
    // An empty value in a path is said, and in a condition it is a value.
    spec(&place, "p.toml", &good.replace("'in'", "'in/${sub}'"));
    wrong(&place.run(&["run", "p.toml", "--set", "sub="]), 2, &["key \"shards\"", "${sub} is empty"]);
}

#[test]
fn a_file_beside_the_result_does_not_fail_it() {
    let place = Place::new();
    shard(&place.path("in/a.parquet"), 4);
    fs::write(place.path("file"), "x").unwrap();
    let run = |more: &[&str]| {
        place.run(&[&["compute", "in", "--layout", "wide", "--out", "w", "--overwrite"][..], more].concat())
    };
    // What can be known before is said before anything is read or published.
    for flag in ["--summary-json", "--metrics-textfile"] {
        wrong(&run(&[flag, "file/below"]), 7, &[flag, "name a file for"]);
        assert!(!place.path("w/_SUCCESS").exists());
    }
    // A pipe that nobody reads is known when it is written: the result is there.
    #[cfg(unix)]
    if std::process::Command::new("mkfifo").arg(place.path("pipe")).status().is_ok_and(|made| made.success())
    {
        let ended = run(&["--metrics-textfile", "pipe", "--quiet"]);
        assert!(
            ended.code == 0 && ended.stderr.contains("--metrics-textfile: pipe: no program reads"),
            "{}",
            ended.stderr
        );
        assert!(place.path("w/_SUCCESS").exists());
    }
}

#[test]
fn a_quiet_night_keeps_its_metrics() {
    let place = Place::new();
    shard(&place.path("in/a.parquet"), 4);
    let run = || {
        let tell = ["--metrics-textfile", "m", "--summary-json", "s.json", "--openlineage", "file:e.jsonl"];
        let flags =
            ["compute", "in", "--layout", "wide", "--out", "w", "--overwrite", "--skip-exit-code", "99"];
        let code = place.run(&[&flags[..], &tell].concat()).code;
        let metrics = fs::read_to_string(place.path("m")).unwrap();
        let kept = [
            "posweight_labels",
            "posweight_rows",
            "posweight_max_weight",
            "posweight_mean_ir",
            "posweight_label_prevalence",
        ];
        let kept = metrics.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
        (code, kept.map(str::to_owned).collect::<Vec<_>>(), place.json("s.json")["result"].clone())
    };
    let (first, second) = (run(), run());
    assert_eq!((first.0, second.0), (0, 99));
    assert_eq!((first.1.len(), &first.1, &first.2), (5, &second.1, &second.2));
    let events = fs::read_to_string(place.path("e.jsonl")).unwrap();
    let last: Json = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    let output = &last["outputs"][0];
    assert_eq!(output["outputFacets"]["outputStatistics"]["rowCount"], 1);
    for name in [&output["name"], &last["inputs"][0]["name"]] {
        assert!(Path::new(name.as_str().unwrap()).is_absolute(), "{name}");
    }
}

#[test]
fn a_shard_that_is_gone_is_forgotten() {
    let place = Place::new();
    for name in ["a", "b", "c"] {
        shard(&place.path(&format!("in/{name}.parquet")), 4);
    }
    let text = "shards = 'in'\nlayout = 'wide'\nlabels = 'a'\nout = 'w'\noverwrite = true\nstate = 's'\n";
    spec(&place, "p.toml", text);
    #[cfg(unix)]
    {
        fs::write(place.path("there"), "").unwrap();
        std::os::unix::fs::symlink("there", place.path("s")).unwrap();
    }
    ok(&place.run(&["run", "p.toml"]));
    let size = fs::metadata(place.path("s")).unwrap().len();
    fs::remove_file(place.path("in/c.parquet")).unwrap();
    let removed = || place.run(&["run", "p.toml", "--explain"]).stdout.contains("removed");
    assert!(removed());
    ok(&place.run(&["run", "p.toml"]));
    assert!(!removed() && fs::metadata(place.path("s")).unwrap().len() < size);
    #[cfg(unix)]
    assert!(place.path("s").is_symlink());
    spec(&place, "p.toml", &format!("{text}where = 'a'\n"));
    let explained = place.run(&["run", "p.toml", "--explain"]).stdout;
    assert!(explained.contains("--where"), "{explained}");
}

#[test]
fn checks_of_labels_name_them() {
    let place = Place::new();
    let columns = |names: &[&'static str]| {
        names.iter().map(|name| (*name, array(BooleanArray::from(vec![true, false])))).collect::<Vec<_>>()
    };
    write(&place.path("in/a.parquet"), columns(&["cat", "dog", "fox"]));
    let text = "shards = 'in'\nlayout = 'wide'\nout = 'w'\noverwrite = true\n";
    spec(&place, "p.toml", text);
    ok(&place.run(&["run", "p.toml"]));
    write(&place.path("in/a.parquet"), columns(&["cat", "gnu"]));
    spec(&place, "p.toml", &format!("{text}[checks]\nmax_gone_labels = 0\nmax_new_labels = 0\n"));
    let ended = place.run(&["run", "p.toml"]);
    wrong(&ended, 3, &["max_gone_labels = 0: 2 (\"dog\", \"fox\")", "max_new_labels = 0: 1 (\"gnu\")"]);
}

#[test]
fn counts_are_merged_once_and_with_what_they_mean() {
    let place = Place::new();
    for (name, cells) in [("mon", [Some(true), None]), ("tue", [None, Some(false)])] {
        write(
            &place.path(&format!("{name}.parquet")),
            vec![("a", array(BooleanArray::from(cells.to_vec())))],
        );
    }
    let compute = |shard: &str, out: &str, more: &[&str]| {
        ok(&place
            .run(&[&["compute", shard, "--layout", "wide", "--out", out, "--overwrite"][..], more].concat()));
    };
    let weigh = |runs: &[&str]| place.run(&[&["weigh", "--out", "m", "--overwrite"], runs].concat());
    compute("mon.parquet", "mon", &[]);
    compute("mon.parquet", "again", &[]);
    compute("tue.parquet", "tue", &[]);
    let ended = weigh(&["mon", "tue"]);
    ok(&ended);
    assert_eq!(ended.stderr, "");
    wrong(&weigh(&["mon", "tue", "mon/counts.parquet"]), 2, &["named twice"]);
    wrong(&weigh(&["mon", "again"]), 2, &["counts of the same shards"]);
    compute("tue.parquet", "tue", &["--null-as", "negative"]);
    let ended = weigh(&["mon", "tue"]);
    ok(&ended);
    assert!(ended.stderr.contains("warning: null_as is the default in mon"), "{}", ended.stderr);
}
