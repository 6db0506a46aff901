//! Plans side by side, and folds that keep groups of rows together.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, LargeStringArray, ListBuilder, StringArray,
    StringBuilder, TimestampMillisecondArray, TimestampSecondArray,
};
use serde_json::Value as Json;

use crate::support::{Ended, Place, array, write};

const PLANS: [&str; 7] = [
    "repeat-factor:threshold=0.2",
    "class-uniform:unlabelled=0.1",
    "ml-ros",
    "ml-rus",
    "lp-ros",
    "lp-rus",
    "remedial",
];

/// 600 rows in two shards: two frequent labels that meet two rare ones, and a visit of one of 40 patients.
fn shards(place: &Place, column: &str) {
    for (name, from, to) in [("a", 0_i64, 250), ("b", 250, 600)] {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for row in from..to {
            for (label, every, at) in [("often", 2, 0), ("some", 3, 1), ("few", 17, 4), ("rare", 61, 4)] {
                if row % every == at {
                    lists.values().append_value(label);
                }
            }
            lists.append(true);
        }
        let patients = (from..to).map(|row| (row % 97 != 5).then(|| format!("p{}", row * row % 40)));
        let columns = vec![
            ("id", array(Int64Array::from_iter_values(from..to))),
            ("y", array(lists.finish())),
            (column, array(patients.collect::<StringArray>())),
        ];
        write(&place.path(&format!("in/{name}.parquet")), columns);
    }
}

fn sample(place: &Place, more: &[&str]) -> Ended {
    place.run(&[&["sample", "in", "--layout", "list", "--labels", "y"], more].concat())
}

/// The numbers of a line of the table, and what its cells say.
fn cells(text: &str, line: &str) -> Vec<String> {
    let line = text
        .lines()
        .map(str::trim_start)
        .find(|at| at.starts_with(line))
        .unwrap_or_else(|| panic!("{line}: {text}"));
    line.split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .map(|cell| cell.replace(' ', ""))
        .collect()
}

#[test]
fn plans_side_by_side_say_what_a_recount_of_each_finds() {
    let place = Place::new();
    shards(&place, "patient");
    let mut arguments: Vec<&str> = PLANS.iter().flat_map(|plan| ["--plan", plan]).collect();
    arguments.extend(["--plan", "stratified-split:a=0.7,b=0.3", "--dry-run"]);
    let ended = sample(&place, &arguments);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let text = ended.stdout;
    let table = |line: &str| -> Vec<String> { cells(&text, line) };
    let close = |found: &str, json: &Json, what: &str| {
        let (found, exact): (f64, f64) = (found.parse().unwrap(), json.as_f64().unwrap());
        assert!(
            (found - exact).abs() <= exact.abs() * 0.006 + 1e-9,
            "{what}: {found} is not {exact}\n{text}"
        );
    };
    let before = table("no plan");
    assert_eq!((before[1].as_str(), before[5].as_str()), ("600", "10"));
    for (number, plan) in PLANS.iter().enumerate() {
        let name = plan.split(':').next().unwrap();
        let row = table(&format!("{} {name}", number + 1));
        let out = format!("out{number}");
        let ended = sample(&place, &["--plan", plan, "--materialize", "--out", &out]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let copies = format!("{out}/sampled");
        let counted = place.run(&[
            "compute",
            &copies,
            "--layout",
            "list",
            "--labels",
            "y",
            "--out",
            "c",
            "--overwrite",
        ]);
        assert_eq!(counted.code, 0, "{}", counted.stderr);
        let (measures, weights) = (place.json("c/imbalance.json"), place.json("c/weights.json"));
        assert_eq!(row[1], weights["rows"].to_string(), "{plan}: {text}");
        close(&row[2], &measures["mean_ir"], plan);
        close(&row[3], &measures["max_ir"], plan);
        close(&row[4], &measures["scumble"], plan);
        let labels = weights["labels"].as_array().unwrap();
        let rare = labels.iter().position(|label| label == "rare").unwrap();
        assert_eq!(row[5], weights["positives"][rare].to_string(), "{plan}");
        assert_ne!(row[6], "–");
    }
    let split = table("8 stratified-split");
    assert_eq!((&split[1..6], split[6].as_str()), (&before[1..6], "–"));
    assert!(text.contains("right when a few labels are very rare"), "{text}");
    assert!(text.contains("8 plans, seed 0"), "{text}");
}

#[test]
fn several_plans_are_only_compared() {
    let place = Place::new();
    shards(&place, "patient");
    let ended = sample(&place, &["--plan", "ml-ros", "--plan", "ml-rus", "--out", "plan"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("--dry-run") && ended.stderr.contains("--plan ml-ros --out DIR"),
        "{}",
        ended.stderr
    );
    assert!(!place.path("plan").exists());
    // The pipeline file of the comparison compares.
    let spec = sample(&place, &["--plan", "ml-ros", "--plan", "ml-rus", "--dry-run", "--emit-spec"]);
    std::fs::write(place.path("c.toml"), spec.stdout).unwrap();
    let ended = place.run(&["run", "c.toml"]);
    assert!(ended.code == 0 && ended.stdout.contains("2 ml-rus"), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn the_report_says_when_each_plan_is_right() {
    let place = Place::new();
    shards(&place, "patient");
    place.weights(&["in", "--layout", "list", "--labels", "y"]);
    let html = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    for info in &posweight::testing::METHODS {
        assert!(html.contains(info.when), "{}", info.name);
    }
}

/// Fold of each patient in the copies, and rows of each fold.
fn folds(
    place: &Place,
    out: &str,
    column: &str,
) -> (BTreeMap<String, BTreeSet<String>>, BTreeMap<String, u64>) {
    let query = format!("SELECT fold, {column}, count(*) FROM '{out}/sampled' GROUP BY 1, 2");
    let ended = place.run(&["sql", "-c", &query]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let (mut of_patient, mut rows) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeMap::new());
    for line in ended.stdout.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        if !cells[1].is_empty() {
            of_patient.entry(cells[1].to_owned()).or_default().insert(cells[0].to_owned());
        }
        *rows.entry(cells[0].to_owned()).or_default() += cells[2].parse::<u64>().unwrap();
    }
    (of_patient, rows)
}

#[test]
fn a_group_of_rows_stays_in_one_fold() {
    let place = Place::new();
    shards(&place, "patient");
    let split = ["--plan", "stratified-split:train=0.7,test=0.3", "--materialize"];
    let ended = sample(&place, &[&split[..], &["--groups", "patient", "--out", "kept"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("groups of patient, each in one fold"), "{}", ended.stdout);
    let (kept, rows) = folds(&place, "kept", "patient");
    assert!(kept.values().all(|folds| folds.len() == 1), "{kept:?}");
    let patients = kept.len() as u64;
    assert_eq!(place.json("kept/plan.json")["facts"]["groups"], patients + 7, "7 rows have no patient");
    assert_eq!(rows.values().sum::<u64>(), 600);
    assert!((150..=210).contains(&rows["test"]), "{rows:?}");
    // Without groups, patients are in both.
    let ended = sample(&place, &[&split[..], &["--out", "split"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(folds(&place, "split", "patient").0.values().any(|folds| folds.len() == 2));
    // The same for any threads, with pairs of labels as well.
    for order in ["1", "2"] {
        let plan = format!("stratified-split:train=0.7,test=0.3,order={order}");
        for (threads, out) in [("1", "one"), ("3", "three")] {
            let more =
                ["--plan", &plan, "--groups", "patient", "--threads", threads, "--out", out, "--overwrite"];
            let ended = sample(&place, &more);
            assert_eq!(ended.code, 0, "{}", ended.stderr);
        }
        for part in std::fs::read_dir(place.path("one/plan")).unwrap() {
            let name = part.unwrap().file_name();
            let bytes = |out: &str| std::fs::read(place.path(out).join("plan").join(&name)).unwrap();
            assert!(bytes("one") == bytes("three"), "order={order}");
        }
    }
    let ended = sample(&place, &["--plan", "ml-ros", "--groups", "patient", "--dry-run"]);
    assert!(ended.code == 2 && ended.stderr.contains("stratified-split"), "{}", ended.stderr);
    let ended = sample(&place, &["--plan", "stratified-split", "--groups", "patiend", "--dry-run"]);
    assert!(ended.code == 2 && ended.stderr.contains("did you mean patient?"), "{}", ended.stderr);
}

#[test]
fn copies_never_have_two_folds() {
    let place = Place::new();
    shards(&place, "fold");
    let split = ["--plan", "stratified-split:train=0.7,test=0.3", "--materialize", "--out", "split"];
    let ended = sample(&place, &split);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("--fold-column new_fold") && !place.path("split/sampled").exists(),
        "{}",
        ended.stderr
    );
    let ended = sample(&place, &[&split[..], &["--fold-column", "new_fold"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let counted = place.run(&[
        "sql",
        "-c",
        "SELECT new_fold, count(fold) > 0 AS old FROM 'split/sampled' GROUP BY 1 ORDER BY 1",
    ]);
    assert_eq!(counted.stdout, "new_fold,old\ntest,true\ntrain,true\n");
    // Without copies there is nothing to contradict.
    assert_eq!(sample(&place, &["--plan", "stratified-split", "--out", "plan"]).code, 0);
}

#[test]
fn a_label_that_a_fold_lacks_is_named_with_the_fold() {
    let place = Place::new();
    shards(&place, "patient");
    let ended = sample(&place, &["--plan", "stratified-split:folds=12", "--dry-run"]);
    assert!(ended.stdout.contains("has no positive of 1 label: rare"), "{}", ended.stdout);
}

#[test]
fn the_report_of_a_result_shows_its_plan() {
    let place = Place::new();
    shards(&place, "patient");
    assert_eq!(sample(&place, &["--plan", "ml-ros:percent=25", "--out", "plan"]).code, 0);
    let page = std::fs::read_to_string(place.path("plan/report.html")).unwrap();
    let told = std::fs::read_to_string(place.path("plan/plan.md")).unwrap();
    assert!(page.contains("Sampling plan of this result"), "{page}");
    for line in told.lines().filter(|line| line.contains("ml-ros") || line.contains("MeanIR")) {
        assert!(page.contains(&line.replace('<', "&lt;").replace('>', "&gt;")), "{line}");
    }
    assert_eq!(place.run(&["report", "plan", "--format", "html"]).stdout.trim(), page.trim());
    // It is made again in a comparison, and shards without a plan have no such section.
    let compared = place.run(&["report", "plan", "--format", "html", "--against", "plan"]).stdout;
    assert!(compared.contains("Sampling plan of this result"), "{compared}");
    let counted = place.run(&["weigh", "plan", "--out", "weights"]);
    assert_eq!(counted.code, 0, "{}", counted.stderr);
    let page = std::fs::read_to_string(place.path("weights/report.html")).unwrap();
    assert!(!page.contains("Sampling plan of this result"));
}

#[test]
fn a_plan_reads_all_rows_where_counts_are_saved() {
    let place = Place::new();
    shards(&place, "patient");
    let files = |out: &str| -> Vec<(String, Vec<u8>)> {
        let mut all: Vec<_> = std::fs::read_dir(place.path(out).join("plan"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
            })
            .collect();
        all.sort();
        all
    };
    for condition in ["true", "id < 300", "id >= 250"] {
        for plan in PLANS {
            let arguments = ["in", "--layout", "list", "--labels", "y", "--where", condition, "--overwrite"];
            let flags = [&["sample"], &arguments[..], &["--plan", plan]].concat();
            assert_eq!(place.run(&[&flags[..], &["--out", "bare"]].concat()).code, 0);
            let _ = std::fs::remove_file(place.path("saved.state"));
            let state = ["--state", "saved.state"];
            let counted = place.run(&[&["compute"], &arguments[..], &state, &["--out", "w"]].concat());
            assert_eq!(counted.code, 0, "{}", counted.stderr);
            for _ in 0..2 {
                let ended = place.run(&[&flags[..], &state, &["--out", "s"]].concat());
                assert_eq!(ended.code, 0, "{plan} {condition}: {}", ended.stderr);
                assert_eq!(files("s"), files("bare"), "{plan} {condition}");
                assert_eq!(
                    place.json("s/weights.json")["positives"],
                    place.json("bare/weights.json")["positives"]
                );
            }
        }
    }
}

#[test]
fn a_row_that_would_occur_more_often_than_a_plan_can_say_is_refused() {
    let place = Place::new();
    shards(&place, "patient");
    for plan in ["class-uniform", "inverse-frequency:combine=max"] {
        let by = if plan.contains(':') { ',' } else { ':' };
        let ended = sample(&place, &["--plan", &format!("{plan}{by}draws=1000000000000"), "--dry-run"]);
        assert_eq!(ended.code, 2, "{plan}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("draws=1000000000000") && ended.stderr.contains("2147483647 times"),
            "{}",
            ended.stderr
        );
        let ended = sample(&place, &["--plan", &format!("{plan}{by}draws=1000000000"), "--dry-run"]);
        assert_eq!(ended.code, 0, "{plan}: {}", ended.stderr);
    }
}

#[test]
fn groups_of_shards_with_other_types_are_the_same() {
    let place = Place::new();
    let id = |row: i64| row * 7 % 50;
    let narrow = |x: i64| i32::try_from(x).unwrap();
    let texts = || (0..300).map(|row| Some(format!("p{}", id(row))));
    let ints = || array(Int32Array::from_iter_values((0..300).map(|row| narrow(id(row)))));
    let longs = || array(Int64Array::from_iter_values((0..300).map(id)));
    let floats = || array(Float64Array::from_iter_values((0..300).map(|row| f64::from(narrow(id(row))))));
    let bits = || array(Int32Array::from_iter_values((0..300).map(|row| narrow(id(row) % 2))));
    let flags = || array((0..300).map(|row| Some(id(row) % 2 == 1)).collect::<BooleanArray>());
    let seconds = || array(TimestampSecondArray::from_iter_values((0..300).map(id)));
    let millis = || array(TimestampMillisecondArray::from_iter_values((0..300).map(|row| id(row) * 1000)));
    let shards = |columns: [Vec<(&str, ArrayRef)>; 2]| {
        for (name, mut columns) in ["a", "b"].into_iter().zip(columns) {
            columns.push(("y", array((0..300).map(|row| Some(row % 5 == 0)).collect::<BooleanArray>())));
            write(&place.path(&format!("in/{name}.parquet")), columns);
        }
    };
    let run = |verb: &str, more: &[&str]| {
        let flags = [verb, "in", "--layout", "wide", "--labels", "y", "--groups", "g", "--overwrite"];
        place.run(&[&flags[..], more].concat())
    };
    let split = ["--plan", "stratified-split:train=0.5,test=0.5", "--out", "s"];
    for (one, other, groups) in [
        (ints(), floats(), 50),
        (ints(), longs(), 50),
        (bits(), flags(), 2),
        (array(texts().collect::<StringArray>()), array(texts().collect::<LargeStringArray>()), 50),
        (seconds(), millis(), 50),
    ] {
        let types = [one.data_type().clone(), other.data_type().clone()];
        shards([one, other].map(|values| vec![("g", values)]));
        let ended = run("sample", &split);
        assert_eq!(ended.code, 0, "{types:?}: {}", ended.stderr);
        assert_eq!(place.json("s/plan.json")["facts"]["groups"], groups, "{types:?}");
        assert_eq!(run("compute", &["--out", "w"]).code, 0, "{types:?}");
        assert_eq!(place.json("w/weights.json")["groups"]["count"], groups, "{types:?}");
    }
    // What has no type for all values is refused by both, and so are two columns of one name.
    for (columns, says) in [
        ([vec![("g", longs())], vec![("g", floats())]], "no common type"),
        ([vec![("g", ints())], vec![("g", array(texts().collect::<StringArray>()))]], "no common type"),
        ([vec![("g", ints()), ("g", bits())], vec![("g", ints()), ("g", bits())]], "appears twice"),
    ] {
        shards(columns);
        for (verb, more) in [("sample", &split[..]), ("compute", &["--out", "w"])] {
            let ended = run(verb, more);
            assert!(ended.code == 4 && ended.stderr.contains(says), "{verb}: {}", ended.stderr);
        }
    }
}
