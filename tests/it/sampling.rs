//! Plans of rows: as published, the same for any threads, memory and place, and previews that are right.

use std::path::Path;

use arrow::array::{
    ArrayRef, AsArray, Float32Array, Int32Array, Int32Builder, ListBuilder, RecordBatch, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use posweight::testing::Draw;
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::sampling_oracle::{Oracle, Row};
use crate::support::{Place, array, cases, root, write};

/// What a plan says of one row.
#[derive(Debug, Clone, PartialEq)]
struct Planned {
    shard: String,
    row: u64,
    repeat: Option<u32>,
    weight: Option<f64>,
    fold: Option<String>,
}

fn batches(path: &Path) -> Vec<RecordBatch> {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    reader.build().unwrap().map(Result::unwrap).collect()
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The rows of a plan, in its order.
fn planned(out: &Path) -> Vec<Planned> {
    let mut rows = Vec::new();
    for batch in files(&out.join("plan")).iter().flat_map(|path| batches(path)) {
        let text =
            |name: &str| batch.column_by_name(name).map(|column| cast(column, &DataType::Utf8).unwrap());
        let (shards, folds) = (text("shard").unwrap(), text("fold"));
        let numbers = batch.column_by_name("row").unwrap().as_primitive::<Int64Type>();
        let repeats = batch.column_by_name("repeat").map(AsArray::as_primitive::<Int32Type>);
        let weights = batch.column_by_name("weight").map(AsArray::as_primitive::<Float64Type>);
        rows.extend((0..batch.num_rows()).map(|i| Planned {
            shard: shards.as_string::<i32>().value(i).to_owned(),
            row: u64::try_from(numbers.value(i)).unwrap(),
            repeat: repeats.map(|repeats| u32::try_from(repeats.value(i)).unwrap()),
            weight: weights.map(|weights| weights.value(i)),
            fold: folds.as_ref().map(|folds| folds.as_string::<i32>().value(i).to_owned()),
        }));
    }
    rows
}

/// Labels of a row; `None` says nothing.
type Labels = Option<Vec<u32>>;

fn lists(rows: &[Labels]) -> ArrayRef {
    let mut lists = ListBuilder::new(Int32Builder::new());
    for row in rows {
        row.iter().flatten().for_each(|label| lists.values().append_value(i32::try_from(*label).unwrap()));
        lists.append(row.is_some());
    }
    array(lists.finish())
}

/// Writes shards of lists, in folders so that their paths and names have another order.
fn shards(place: &Place, parts: &[Vec<Labels>]) -> Vec<(String, Vec<Labels>)> {
    let names = ["b/part-z.parquet", "c/part-m.parquet", "d/part-a.parquet"];
    for (name, rows) in names.iter().zip(parts) {
        let ids = array(Int32Array::from_iter_values(0..i32::try_from(rows.len()).unwrap()));
        write(&place.path("data").join(name), vec![("id", ids), ("tags", lists(rows))]);
    }
    let short = |name: &&str| name.split_once('/').unwrap().1.to_owned();
    names.iter().map(short).zip(parts.iter().cloned()).collect()
}

const LABELS: u32 = 6;
const SOURCE: [&str; 8] = ["data", "--layout", "list", "--labels", "tags", "--num-labels", "6", "--quiet"];

fn sample(place: &Place, plan: &str, out: &str, more: &[&str]) -> Vec<Planned> {
    let arguments = ["sample", "--plan", plan, "--out", out, "--overwrite"];
    let ended = place.run(&[&arguments[..], &SOURCE, more].concat());
    assert_eq!(ended.code, 0, "{plan}: {}", ended.stderr);
    planned(&place.path(out))
}

/// Sets with rare and frequent labels, rows without labels and rows that say nothing.
fn sets() -> impl Strategy<Value = Vec<Vec<Labels>>> {
    let has = |label: u32| (0..(1_u32 << label)).prop_map(move |chance| (chance == 0).then_some(label));
    let row = (0..LABELS).map(has).collect::<Vec<_>>();
    let row = row.prop_map(|labels| Some(labels.into_iter().flatten().collect::<Vec<_>>()));
    let row = prop_oneof![12 => row, 2 => Just(Some(vec![])), 1 => Just(None)];
    proptest::collection::vec(proptest::collection::vec(row, 0..40), 1..=3)
}

fn oracle(shards: &[(String, Vec<Labels>)], draw: Draw) -> Oracle {
    let mut rows = Vec::new();
    for (shard, labels) in shards {
        rows.extend(labels.iter().zip(0..).map(|(labels, row)| Row {
            shard: shard.clone(),
            row,
            labels: labels.clone().unwrap_or_default(),
        }));
    }
    rows.sort_by(|a, b| (&a.shard, a.row).cmp(&(&b.shard, b.row)));
    Oracle { rows, labels: LABELS as usize, draw }
}

proptest! {
    #![proptest_config(cases(4))]
    #[test]
    fn plans_are_as_published(parts in sets(), seed in 0..1000_u64, percent in 0..60_u32) {
        let place = Place::new();
        let shards = shards(&place, &parts);
        let oracle = oracle(&shards, Draw::new(seed, 3));
        let seed = seed.to_string();
        let plan = |plan: &str| {
            let mut rows = sample(&place, plan, "out", &["--seed", &seed, "--epoch", "3"]);
            // Files are in the order of the shards, and rows in that of the shard.
            let places: Vec<(String, u64)> = rows.iter().map(|row| (row.shard.clone(), row.row)).collect();
            let of_shards: Vec<(String, u64)> = shards
                .iter()
                .flat_map(|(name, rows)| (0..rows.len() as u64).map(|row| (name.clone(), row)))
                .collect();
            assert_eq!(places, of_shards, "{plan}");
            rows.sort_by(|a, b| (&a.shard, a.row).cmp(&(&b.shard, b.row)));
            check_preview(&place.json("out/plan.json"), &oracle, &rows);
            rows
        };
        let repeats = |text: &str| plan(text).iter().map(|row| row.repeat.unwrap()).collect::<Vec<_>>();
        let share = f64::from(percent);
        prop_assert_eq!(repeats("repeat-factor:threshold=0.2"), oracle.repeat_factor(0.2, false, false));
        prop_assert_eq!(
            repeats("repeat-factor:threshold=0.5,curve=linear,rounding=ceil"),
            oracle.repeat_factor(0.5, true, true)
        );
        for (text, combine, unlabelled) in [
            ("inverse-frequency", "max", None),
            ("inverse-frequency:combine=mean,unlabelled=0.3", "mean", Some(0.3)),
            ("inverse-frequency:combine=sum", "sum", None),
            ("class-uniform", "sum", Some(0.0)),
        ] {
            let (weights, repeats) = oracle.weights(combine, unlabelled);
            let rows = plan(text);
            for ((row, weight), repeat) in rows.iter().zip(weights).zip(repeats) {
                prop_assert!((row.weight.unwrap() - weight).abs() < 1e-12, "{}: {:?} {}", text, row, weight);
                prop_assert_eq!(row.repeat, Some(repeat), "{}", text);
            }
        }
        prop_assert_eq!(repeats(&format!("ml-ros:percent={percent}")), oracle.ml_ros(share));
        prop_assert_eq!(repeats(&format!("ml-rus:percent={percent}")), oracle.ml_rus(share));
        prop_assert_eq!(repeats(&format!("ml-rus-majority:percent={percent}")), oracle.ml_rus_majority(share));
        prop_assert_eq!(repeats(&format!("lp-ros:percent={percent}")), oracle.lp(share, true));
        prop_assert_eq!(repeats(&format!("lp-rus:percent={percent}")), oracle.lp(share, false));
        prop_assert_eq!(repeats("remedial"), oracle.remedial(true));
        prop_assert_eq!(repeats("remedial:one_sided=keep"), oracle.remedial(false));
        for (text, shares, order) in [
            ("stratified-split:folds=3,order=1", vec![1.0 / 3.0; 3], 1),
            ("stratified-split:0=0.75,1=0.25,order=2", vec![0.75, 0.25], 2),
        ] {
            let folds: Vec<usize> = plan(text).iter().map(|row| row.fold.as_ref().unwrap().parse().unwrap()).collect();
            prop_assert_eq!(folds, oracle.stratify(&shares, order), "{}", text);
        }
    }
}

/// The counts that `plan.json` tells are those of the rows of the plan.
fn check_preview(told: &Json, oracle: &Oracle, rows: &[Planned]) {
    let before: Vec<u64> = oracle.positives().into_iter().map(|n| n as u64).collect();
    assert_eq!(told["positives_before"], serde_json::json!(before));
    if told.get("folds").is_some() {
        for fold in told["folds"].as_array().unwrap() {
            let inside = |row: &&(&Planned, &Row)| row.0.fold.as_deref() == fold["name"].as_str();
            let both: Vec<_> = rows.iter().zip(&oracle.rows).collect();
            assert_eq!(fold["rows"], both.iter().filter(inside).count() as u64);
            for label in 0..LABELS {
                let n = both.iter().filter(inside).filter(|row| row.1.labels.contains(&label)).count() as u64;
                assert_eq!(fold["positives"][label as usize], n);
            }
        }
        return;
    }
    let edits = told["edits_labels"] == true;
    let seen = |row: &Planned| u64::from(row.repeat.unwrap());
    assert_eq!(told["epoch_rows"], rows.iter().map(seen).sum::<u64>());
    let of_shards = told["shards"].as_array().unwrap();
    assert_eq!(
        of_shards.iter().map(|shard| shard["epoch_rows"].as_u64().unwrap()).sum::<u64>(),
        told["epoch_rows"]
    );
    for label in 0..LABELS {
        let both = rows.iter().zip(&oracle.rows).filter(|(_, row)| row.labels.contains(&label));
        let n: u64 = both.map(|(planned, _)| if edits { 1 } else { seen(planned) }).sum();
        assert_eq!(told["positives_after"][label as usize], n);
    }
}

#[test]
fn threads_memory_order_and_place_change_no_byte() {
    let place = Place::new();
    let rows = |shard: u32| -> Vec<Labels> {
        let has = |row: u32, label: u32| (row * 7 + shard * 3 + label * 5).is_multiple_of(2 << label);
        (0..3000).map(|row| Some((0..LABELS).filter(|label| has(row, *label)).collect())).collect()
    };
    shards(&place, &[rows(0), rows(1), rows(2)]);
    // The same shards elsewhere, listed in another order.
    for (from, to) in [("b/part-z", "2"), ("c/part-m", "1"), ("d/part-a", "0")] {
        let name = Path::new(from).file_name().unwrap().to_str().unwrap();
        let to = place.path("moved").join(to).join(format!("{name}.parquet"));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(place.path("data").join(format!("{from}.parquet")), to).unwrap();
    }
    for plan in [
        "repeat-factor:threshold=0.2",
        "inverse-frequency:combine=mean",
        "ml-ros",
        "ml-rus",
        "ml-rus-majority",
        "lp-ros",
        "lp-rus",
        "remedial",
        "stratified-split",
    ] {
        let first = sample(&place, plan, "one", &["--threads", "1", "--seed", "5"]);
        sample(&place, plan, "two", &["--threads", "3", "--memory-limit", "160m", "--seed", "5"]);
        for name in ["plan.json", "plan.md", "plan/part-00000.parquet", "plan/part-00002.parquet"] {
            let read = |out: &str| std::fs::read(place.path(out).join(name)).unwrap();
            assert_eq!(read("one"), read("two"), "{plan}: {name}");
        }
        let moved =
            ["sample", "moved", "--labels", "tags", "--num-labels", "6", "--plan", plan, "--seed", "5"];
        let ended = place.run(&[&moved[..], &["--out", "moved-plan", "--overwrite"]].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let order = |mut rows: Vec<Planned>| {
            rows.sort_by(|a, b| (&a.shard, a.row).cmp(&(&b.shard, b.row)));
            rows
        };
        assert_eq!(order(planned(&place.path("moved-plan"))), order(first.clone()), "{plan}");
        if ["repeat-factor:threshold=0.2", "lp-ros"].contains(&plan) {
            assert_ne!(sample(&place, plan, "other", &["--seed", "6"]), first, "{plan}");
            assert_ne!(sample(&place, plan, "other", &["--seed", "5", "--epoch", "1"]), first, "{plan}");
        }
    }
}

#[test]
fn plans_that_do_not_fit_are_spilled() {
    let place = Place::new();
    let has = |row: u32, label: u32| {
        (row.wrapping_mul(2_654_435_761) >> (20 - label)).is_multiple_of(3 + 2 * label)
    };
    let rows = |from: u32| -> Vec<Labels> {
        (from..from + 300_000)
            .map(|row| Some((0..LABELS).filter(|label| has(row, *label)).collect()))
            .collect()
    };
    shards(&place, &[rows(0), rows(300_000)]);
    let plan = "ml-rus-majority:percent=2";
    let spilled = |limit: &str, out: &str| {
        sample(&place, plan, out, &["--threads", "2", "--memory-limit", limit]);
        let results = place.json(&format!("{out}/run_results.json"));
        results["resources"]["spilled_bytes"].as_u64().unwrap()
    };
    assert_eq!((spilled("160m", "small") > 0, spilled("8g", "large")), (true, 0));
    for name in ["plan.json", "plan/part-00000.parquet", "plan/part-00001.parquet"] {
        let read = |out: &str| std::fs::read(place.path(out).join(name)).unwrap();
        assert_eq!(read("small"), read("large"), "{name}");
    }
}

#[test]
fn a_condition_leaves_rows_out_of_the_plan() {
    let place = Place::new();
    shards(&place, &[vec![Some(vec![0]); 20], vec![Some(vec![0, 5]); 4]]);
    let rows = sample(&place, "repeat-factor:threshold=1", "out", &["--where", "id >= 2 AND id % 2 = 0"]);
    let kept: Vec<(&str, u64)> = rows.iter().map(|row| (row.shard.as_str(), row.row)).collect();
    let expected: Vec<_> = (2..20).step_by(2).map(|row| ("part-z.parquet", row)).collect();
    assert_eq!(kept, [&expected[..], &[("part-m.parquet", 2)]].concat());
    assert_eq!(place.json("out/plan.json")["rows"], 10);
}

#[test]
fn what_no_plan_can_be_made_of_is_refused() {
    let place = Place::new();
    let soft = array(Float32Array::from(vec![0.5, 1.0, 0.0]));
    write(&place.path("soft.parquet"), vec![("l0", soft.clone()), ("l1", soft)]);
    let base = ["sample", "soft.parquet", "--out", "out", "--plan"];
    let says = |more: &[&str], code: i32, text: &str| {
        let ended = place.run(&[&base[..], more].concat());
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert!(ended.stderr.contains(text), "{}", ended.stderr);
        assert!(!place.path("out/_SUCCESS").exists());
    };
    says(&["ml-ros", "--labels", "l*", "--soft"], 2, "--threshold 0.5");
    says(&["ml-ros", "--labels", "l*", "--threshold", "0.5", "--by", "l0"], 2, "--where");
    says(&["ml-roz", "--labels", "l*", "--threshold", "0.5"], 2, "did you mean");
    let ended = place.run(&["compute", "soft.parquet", "--out", "-"]);
    assert_ne!(ended.code, 0);
    std::fs::write(place.path("spec.toml"), "shards = \"soft.parquet\"\nout = \"out\"\nseed = 1").unwrap();
    let ended = place.run(&["run", "spec.toml"]);
    assert!(
        ended.code == 2 && ended.stderr.contains("--seed belongs to a sampling plan"),
        "{}",
        ended.stderr
    );
    // With a threshold, soft labels are 0 or 1.
    let ended =
        place.run(&[&base[..], &["ml-ros", "--labels", "l*", "--threshold", "0.5", "--quiet"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(planned(&place.path("out")).len(), 3);
}

#[test]
fn nothing_to_do_is_done() {
    let place = Place::new();
    // A label without rows, rows without labels, and a label in every row.
    let rows: Vec<Labels> = (0..30).map(|row| Some(if row % 3 == 0 { vec![] } else { vec![1, 2] })).collect();
    shards(&place, &[rows, vec![]]);
    let ones = |plan: &str| sample(&place, plan, "out", &[]).iter().all(|row| row.repeat == Some(1));
    for plan in [
        "ml-ros:percent=0",
        "ml-rus:percent=0",
        "ml-rus-majority:percent=0",
        "lp-ros:percent=0",
        "lp-rus:percent=0",
    ] {
        assert!(ones(plan), "{plan}");
    }
    // Both labels are as frequent, so none is above or below MeanIR.
    assert!(ones("ml-ros:percent=1000") && ones("ml-rus:percent=100"));
    // All rows but one may go.
    let gone = sample(&place, "ml-rus-majority:percent=99", "out", &[]);
    assert_eq!(gone.iter().filter(|row| row.repeat == Some(0)).count(), 29);
    assert_eq!(place.json("out/plan.json")["facts"]["rows_done"], 29);
    assert!(ones("repeat-factor:threshold=0.1") && ones("remedial"));
    let folds = sample(&place, "stratified-split:a=0.5,b=0.5", "out", &[]);
    assert_eq!(folds.iter().filter(|row| row.fold.as_deref() == Some("a")).count(), 15);
    let weights = sample(&place, "class-uniform", "out", &[]);
    assert!(weights.iter().all(|row| (row.weight == Some(0.0)) == (row.row % 3 == 0)));
}

#[test]
fn a_dry_run_writes_nothing_and_says_the_same() {
    let place = Place::new();
    shards(&place, &[(0..50).map(|row| Some(vec![0, 1 + row % 5])).collect()]);
    let arguments = ["sample", "data", "--labels", "tags", "--num-labels", "6", "--plan", "ml-ros"];
    let dry = place.run(&[&arguments[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    assert_eq!(std::fs::read_dir(place.dir.path()).unwrap().count(), 1);
    let wet = place.run(&[&arguments[..], &["--out", "out"]].concat());
    let lines =
        |text: &str| text.lines().take_while(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    assert!(lines(&dry.stdout).len() > 8);
    // Without a folder there are no weights beside the plan.
    let wet =
        lines(&wet.stdout).into_iter().filter(|line| !line.starts_with("the label weights in this folder"));
    assert_eq!(lines(&dry.stdout), wet.collect::<Vec<_>>());
}

#[test]
fn a_spec_makes_the_plan_that_flags_make() {
    let place = Place::new();
    let shards = root().join("sample_data/labels270");
    let flags = [
        "sample",
        shards.to_str().unwrap(),
        "--labels",
        "l*",
        "--plan",
        "ml-ros",
        "--seed",
        "3",
        "--out",
        "a",
    ];
    let emitted = place.run(&[&flags[..], &["--emit-spec"]].concat());
    std::fs::write(place.path("spec.toml"), emitted.stdout).unwrap();
    assert_eq!(place.run(&flags).code, 0);
    assert_eq!(place.run(&["run", "spec.toml", "--out", "b"]).code, 0);
    assert_eq!(planned(&place.path("a")), planned(&place.path("b")));
    let read = |out: &str| std::fs::read(place.path(out).join("plan.json")).unwrap();
    assert_eq!(read("a"), read("b"));
}

#[test]
fn unknown_labels_are_no_labels() {
    let place = Place::new();
    let column = |values: Vec<Option<i32>>| array(Int32Array::from(values));
    let often = (0..40).map(|row| if row % 8 == 0 { None } else { Some(i32::from(row % 2 == 0)) }).collect();
    let rare = (0..40).map(|row| if row == 3 { None } else { Some(i32::from(row == 4)) }).collect();
    let names = array(StringArray::from_iter_values((0..40).map(|row| format!("row {row}"))));
    write(&place.path("a.parquet"), vec![("name", names), ("often", column(often)), ("rare", column(rare))]);
    let arguments = ["sample", "a.parquet", "--labels", "often", "--labels", "rare", "--plan"];
    let ended =
        place.run(&[&arguments[..], &["repeat-factor:threshold=0.4,curve=linear", "--out", "out"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let rows = planned(&place.path("out"));
    assert!(rows.iter().all(|row| row.repeat == Some(if row.row == 4 { 16 } else { 1 })));
    let told = place.json("out/plan.json");
    assert_eq!(
        (&told["positives_after"], &told["unknown_after"]),
        (&serde_json::json!([30, 16]), &serde_json::json!([5, 1]))
    );
    assert_eq!(told["negatives_after"], serde_json::json!([20, 38]));
}

#[test]
fn plans_with_which_no_row_is_seen_are_refused() {
    let place = Place::new();
    let mut lists = ListBuilder::new(Int32Builder::new());
    (0..4).for_each(|_| lists.append(true));
    write(&place.path("d.parquet"), vec![("y", array(lists.finish()))]);
    let run = |plan: &str, more: &[&str]| {
        let given =
            ["sample", "d.parquet", "--layout", "list", "--labels", "y", "--num-labels", "3", "--out", "out"];
        place.run(&[&given[..], &["--overwrite", "--plan", plan], more].concat())
    };
    for plan in ["class-uniform", "inverse-frequency:combine=mean,unlabelled=0"] {
        let ended = run(plan, &[]);
        assert!(ended.code == 4 && ended.stderr.contains("none of 4 rows has a label"), "{}", ended.stderr);
        let (_, hint) = ended.stderr.split_once("--plan ").unwrap().1.split_once("--plan ").unwrap();
        let other = hint.split_whitespace().next().unwrap();
        assert_eq!(run(other, &[]).code, 0, "{other}");
        assert_eq!(place.json("out/plan.json")["epoch_rows"], 4);
        assert_eq!(run("repeat-factor", &["--plan", plan, "--dry-run"]).code, 4);
    }
    for plan in ["ml-ros", "ml-rus"] {
        let ended = run(plan, &[]);
        assert!(ended.stdout.contains("no label has positives, so there is no MeanIR"), "{}", ended.stdout);
        assert!(!ended.stdout.contains("MeanIR 0"), "{}", ended.stdout);
    }
    let ended = run("ml-rus-majority:percent=100", &[]);
    assert!(ended.code == 4 && ended.stderr.contains("drops all 4 rows"), "{}", ended.stderr);
}
