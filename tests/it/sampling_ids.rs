//! Plans of layout `long` name rows by their ids, and are those of the same rows in a layout with one row each.

use std::path::Path;

use arrow::array::{
    ArrayRef, AsArray, Int32Array, Int64Array, ListBuilder, StringArray, StringBuilder, UInt8Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int32Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{Place, array, cases, write};

const NAMES: [&str; 5] = ["ant", "bee", "cow", "dog", "emu"];
const LONG: [&str; 7] = ["d", "--layout", "long", "--id", "id", "--labels", "label"];
const PLANS: [&str; 10] = [
    "repeat-factor:threshold=0.4",
    "inverse-frequency:combine=mean",
    "class-uniform",
    "ml-ros:percent=40",
    "ml-rus:percent=30",
    "ml-rus-majority:percent=30",
    "lp-ros:percent=40",
    "lp-rus:percent=30",
    "stratified-split:folds=3",
    "stratified-split:train=0.7,test=0.3,order=2",
];

/// How ids are stored; their order is that of the numbers.
#[derive(Debug, Clone, Copy)]
enum IdKind {
    Number,
    Short,
    Hashed,
}

fn text(kind: IdKind, id: i64) -> String {
    match kind {
        IdKind::Number => id.to_string(),
        IdKind::Short => format!("img-{id:03}"),
        IdKind::Hashed => format!("a-name-of-a-row-that-is-longer-than-fifteen-bytes-{id:06}"),
    }
}

fn ids(kind: IdKind, ids: &[i64]) -> ArrayRef {
    match kind {
        IdKind::Number => array(ids.iter().map(|id| i32::try_from(*id).unwrap()).collect::<Int32Array>()),
        _ => array(StringArray::from_iter_values(ids.iter().map(|id| text(kind, *id)))),
    }
}

/// Writes lines of (id, label, value) to three shards, spread by chance.
fn write_lines(place: &Place, kind: IdKind, mut lines: Vec<(i64, Option<usize>, Option<u8>)>, chance: u64) {
    lines.sort_by_key(|(id, label, value)| {
        let bits = (*id, *label, *value);
        let hash =
            format!("{bits:?}").bytes().fold(chance, |hash, byte| hash.wrapping_mul(31) ^ u64::from(byte));
        hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    for (number, lines) in lines.chunks(lines.len().div_ceil(3).max(1)).enumerate() {
        let all: Vec<i64> = lines.iter().map(|line| line.0).collect();
        let labels: StringArray = lines.iter().map(|line| line.1.map(|label| NAMES[label])).collect();
        let values: UInt8Array = lines.iter().map(|line| line.2).collect();
        let columns = vec![("id", ids(kind, &all)), ("label", array(labels)), ("known", array(values))];
        write(&place.path(&format!("d/{number}.parquet")), columns);
    }
}

/// Repeats, weight and fold of a row.
type Decision = (Option<i32>, Option<f64>, Option<String>);

/// What a plan says of its rows: the id, if it has one, and everything else.
fn planned(path: &Path) -> (Vec<String>, Vec<Decision>) {
    let (mut keys, mut rows) = (Vec::new(), Vec::new());
    let file = std::fs::File::open(path).unwrap();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let text = |name: &str| {
            let column = batch.column_by_name(name)?;
            Some(cast(column, &DataType::Utf8).unwrap().as_string::<i32>().clone())
        };
        let (key, fold) = (text("id").or(text("row")).unwrap(), text("fold"));
        let repeats = batch.column_by_name("repeat").map(AsArray::as_primitive::<Int32Type>);
        let weights = batch.column_by_name("weight").map(AsArray::as_primitive::<Float64Type>);
        for row in 0..batch.num_rows() {
            keys.push(key.value(row).to_owned());
            rows.push((
                repeats.map(|all| all.value(row)),
                weights.map(|all| all.value(row)),
                fold.as_ref().map(|all| all.value(row).to_owned()),
            ));
        }
    }
    (keys, rows)
}

fn sample(place: &Place, out: &str, arguments: &[&str]) -> Value {
    let ended = place.run(&[&["sample", "--out", out, "--overwrite", "--quiet"][..], arguments].concat());
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    place.json(&format!("{out}/plan.json"))
}

/// What a plan says of labels and of all rows.
fn effects(told: &Value) -> Value {
    let all = told.as_object().unwrap().iter();
    let places = ["columns", "id_column", "order", "shards", "spec", "fingerprint", "labels"];
    all.filter(|(key, _)| !places.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

const PART: &str = "plan/part-00000.parquet";

fn kinds() -> impl Strategy<Value = IdKind> {
    prop::sample::select(vec![IdKind::Number, IdKind::Short, IdKind::Hashed])
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn plans_of_pairs_are_those_of_lists(
        rows in prop::collection::vec(prop::collection::vec(0..NAMES.len(), 0..4), 3..30),
        kind in kinds(), chance: u64, plans in prop::sample::subsequence(PLANS.to_vec(), 4),
    ) {
        prop_assume!(rows.iter().any(|labels| !labels.is_empty()));
        let place = Place::new();
        let (mut lists, mut lines) = (ListBuilder::new(StringBuilder::new()), Vec::new());
        for (id, labels) in (0..).zip(&rows) {
            labels.iter().for_each(|label| lists.values().append_value(NAMES[*label]));
            lists.append(true);
            // Some pairs twice; some ids are listed without a label as well.
            lines.extend(labels.iter().map(|label| (id, Some(*label), None)));
            lines.extend((labels.is_empty() || id % 3 == 0).then_some((id, None, None)));
        }
        // The random numbers of a row are those of its number in a shard that is called like the ids.
        write(&place.path("list/id"), vec![("tags", array(lists.finish()))]);
        write_lines(&place, kind, lines, chance);
        for plan in plans {
            let expected = sample(&place, "list-plan", &["list/id", "--labels", "tags", "--plan", plan, "--seed", "3"]);
            for more in [["--threads", "1"], ["--engine", "plain"]] {
                let asked = ["--plan", plan, "--seed", "3"];
                let told = sample(&place, "long-plan", &[&LONG[..], &asked, &more].concat());
                prop_assert_eq!(effects(&told), effects(&expected), "{}", plan);
                let (keys, values) = planned(&place.path("long-plan").join(PART));
                let all: Vec<String> = (0..rows.len()).map(|id| text(kind, i64::try_from(id).unwrap())).collect();
                prop_assert_eq!(keys, all);
                prop_assert_eq!(values, planned(&place.path("list-plan").join(PART)).1, "{}", plan);
            }
        }
    }

    #[test]
    fn plans_of_pairs_with_values_are_those_of_columns(
        rows in prop::collection::vec(prop::collection::vec(prop::option::of(0..2_u8), 3), 3..20),
        kind in kinds(), chance: u64, fewer: bool, plan in prop::sample::select(PLANS.to_vec()),
    ) {
        let place = Place::new();
        let mut lines = Vec::new();
        for (id, cells) in (0..).zip(&rows) {
            let pairs = cells.iter().enumerate().map(|(label, cell)| (id, Some(label), *cell));
            lines.extend(pairs.filter(|line| !fewer || line.2.is_some()));
            lines.push((id, None, Some(0)));
        }
        std::fs::write(place.path("names.txt"), "ant\nbee\ncow\n").unwrap();
        let column = |label: usize| rows.iter().map(|cells| cells[label]).collect::<UInt8Array>();
        write(&place.path("wide/id"), (0..3).map(|label| (NAMES[label], array(column(label)))).collect());
        write_lines(&place, kind, lines, chance);
        let wide = ["wide/id", "--layout", "wide", "--labels", "ant,bee,cow", "--plan", plan];
        let expected = sample(&place, "wide-plan", &wide);
        let values = ["--value", "known", "--vocabulary", "names.txt", "--plan", plan];
        let told = sample(&place, "long-plan", &[&LONG[..], &values].concat());
        prop_assert_eq!(effects(&told), effects(&expected), "{}", plan);
        let of = |out: &str| planned(&place.path(out).join(PART)).1;
        prop_assert_eq!(of("long-plan"), of("wide-plan"), "{}", plan);
    }
}

#[test]
fn ids_are_sorted_on_disk_where_they_do_not_fit() {
    let place = Place::new();
    let label = |line: i64| NAMES[usize::try_from(line % 7 * (line % 11) % 5).unwrap()];
    for shard in 0..2 {
        // Each id has three lines, far apart.
        let lines =
            || (shard..750_000).step_by(2).map(|line: i64| (line % 250_000 * 7919 % 250_000, label(line)));
        let ids = StringArray::from_iter_values(lines().map(|(id, _)| text(IdKind::Hashed, id)));
        let labels = StringArray::from_iter_values(lines().map(|(_, label)| label));
        write(&place.path(&format!("d/{shard}.parquet")), vec![("id", array(ids)), ("label", array(labels))]);
    }
    let run = |limit: &str, out: &str| {
        let more = ["--plan", "ml-ros", "--memory-limit", limit, "--threads", "2"];
        sample(&place, out, &[&LONG[..], &more].concat());
        place.json(&format!("{out}/run_results.json"))["resources"]["spilled_bytes"].as_u64().unwrap()
    };
    assert_eq!((run("160m", "small") > 0, run("8g", "large")), (true, 0));
    let read = |out: &str| std::fs::read(place.path(out).join(PART)).unwrap();
    assert_eq!(read("small"), read("large"));
    let (keys, _) = planned(&place.path("small").join(PART));
    assert!(keys.len() == 250_000 && keys.is_sorted());
}

#[test]
fn a_plan_says_which_column_its_ids_are_from() {
    let place = Place::new();
    let columns = |ids: Vec<i64>| {
        let labels =
            StringArray::from_iter_values(ids.iter().map(|id| NAMES[usize::try_from(id % 3).unwrap()]));
        vec![("image", array(Int64Array::from(ids))), ("label", array(labels))]
    };
    write(&place.path("d/0.parquet"), columns(vec![9, -4 + 10, 3, 8]));
    let long = ["d", "--layout", "long", "--id", "image", "--labels", "label", "--plan", "lp-ros:percent=50"];
    let told = sample(&place, "out", &long);
    assert_eq!((&told["id_column"], &told["shards"]), (&"image".into(), &Value::Null));
    assert!(told["order"].as_str().unwrap().starts_with("by id"), "{told}");
    assert_eq!(told["columns"].as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "repeat"]);
    assert_eq!(planned(&place.path("out").join(PART)).0, ["3", "6", "8", "9"]);
    // A condition leaves ids out, and the ids of a query can be planned.
    sample(&place, "out", &[&long[..], &["--where", "image > 5"]].concat());
    assert_eq!(planned(&place.path("out").join(PART)).0, ["6", "8", "9"]);
    sample(
        &place,
        "out",
        &[&long[..], &["--query", "SELECT image + 1 AS image, label FROM shards"]].concat(),
    );
    assert_eq!(planned(&place.path("out").join(PART)).0, ["4", "7", "9", "10"]);
}

/// Runs the command of a hint in a shell, as printed.
fn paste(place: &Place, hint: &str) {
    let command = hint.split_once("posweight sql ").unwrap().1.lines().next().unwrap();
    let shell = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("\"$POSWEIGHT\" sql {command}"))
        .env("POSWEIGHT", env!("CARGO_BIN_EXE_posweight"))
        .current_dir(place.dir.path())
        .output()
        .unwrap();
    assert!(shell.status.success(), "{command}: {}", String::from_utf8_lossy(&shell.stderr));
}

/// Negative pairs stay negative, odd names are quoted, groups stay, and ids without labels have an empty list.
#[test]
fn the_rows_that_a_hint_makes_are_those_of_the_plan() {
    let place = Place::new();
    let columns = vec![
        ("Order ID", array(Int64Array::from(vec![1, 1, 2, 3, 4, 4]))),
        (
            "it's a tag",
            array(StringArray::from(vec![
                Some("ant"),
                Some("bee"),
                Some("ant"),
                None,
                Some("bee"),
                Some("ant"),
            ])),
        ),
        ("v", array(UInt8Array::from(vec![Some(1), Some(0), Some(0), None, Some(1), Some(1)]))),
        ("who", array(StringArray::from(vec!["x", "x", "y", "y", "x", "x"]))),
    ];
    write(&place.path("d odd/0.parquet"), columns);
    let long = ["--layout", "long", "--id", "Order ID", "--labels", "it's a tag", "--value", "v"];
    for more in [
        &["sample", "d odd", "--plan", "lp-ros", "--materialize", "--out", "o"][..],
        &["sample", "d odd", "--plan", "remedial", "--dry-run"],
        &["sample", "d odd", "--plan", "lp-ros", "--plan", "remedial", "--dry-run"],
        &["sample", "d odd", "--plan", "stratified-split:folds=2", "--groups", "who", "--dry-run"],
        &["apply", "out", "d odd", "--targets", "dense", "--out", "o"],
    ] {
        let expected = place.weights(&[&["d odd"][..], &long].concat());
        let flags: &[&str] = if more[0] == "apply" { &[] } else { &long };
        let ended = place.run(&[more, flags].concat());
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains("pairs that are not listed are negative"), "{}", ended.stderr);
        assert_eq!(ended.stderr.contains("drop --materialize"), more.contains(&"--materialize"));
        paste(&place, &ended.stderr);
        let rows = place.weights(&["rows.parquet", "--layout", "list", "--labels", "labels"]);
        assert_eq!(
            (&rows["rows"], &rows["positives"]),
            (&expected["rows"], &expected["positives"]),
            "{more:?}"
        );
        assert_eq!(rows["positives"], serde_json::json!([2, 1]));
        assert_eq!(rows["missing"], serde_json::json!([0, 0]));
        if more.contains(&"--groups") {
            let split = [more[0], "rows.parquet", "--layout", "list", "--labels", "labels"];
            let ended = place.run(&[&split[..], &more[2..]].concat());
            assert!(ended.stdout.contains("2 groups of who"), "{}{}", ended.stdout, ended.stderr);
        }
        std::fs::remove_file(place.path("rows.parquet")).unwrap();
    }
    // Rules that take more than a comparison get no command that would say something else.
    let rules = ["--uncertain-values", "2", "--plan", "lp-ros", "--materialize", "--out", "o"];
    let ended = place.run(&[&["sample", "d odd"][..], &long, &rules].concat());
    assert!(ended.code == 2 && !ended.stderr.contains("SELECT"), "{}", ended.stderr);
}

#[test]
fn what_ids_cannot_name_is_refused_with_a_way_out_that_works() {
    let place = Place::new();
    write_lines(&place, IdKind::Short, vec![(1, Some(0), None), (1, Some(1), None), (2, Some(1), None)], 7);
    let refused = |more: &[&str], code: i32, says: &str| {
        let ended = place.run(&[&["sample", "--out", "out"][..], &LONG, more].concat());
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
        ended.stderr
    };
    refused(&["--plan", "remedial"], 2, "edits its labels");
    let said = refused(&["--plan", "lp-ros", "--materialize"], 2, "are one row");
    paste(&place, &said);
    let list = ["sample", "rows.parquet", "--layout", "list", "--labels", "labels", "--plan", "lp-ros"];
    let ended = place.run(&[&list[..], &["--materialize", "--out", "copies"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    refused(&["--plan", "lp-ros", "--num-rows", "3"], 2, "only 2 of the 3 rows");
    // As many rows as ids are all named.
    sample(&place, "out", &[&LONG[..], &["--plan", "lp-ros", "--num-rows", "2"]].concat());
}
