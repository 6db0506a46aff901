use std::fs::File;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::by_hand::{DeltaLog, mapped};
use super::iceberg::with_positions;
use crate::support::{Place, array, write};

const ROWS: i64 = 60;

/// Of a file of a table: its partition and name, and the rows that are deleted.
const FILES: [(&str, &str, &[u64]); 4] = [
    ("train", "x/1.parquet", &[0, 1, 2, 59]),
    ("train", "y/1.parquet", &[]),
    ("te/st", "x/2.parquet", &[5, 6, 7, 8, 9, 30]),
    ("none", "x/3.parquet", &[10]),
];

fn columns(names: [&'static str; 3], seed: i64) -> Vec<(&'static str, ArrayRef)> {
    let flag = |step: i64| {
        let cells = (0..ROWS).map(|n| ((n + seed) % 13 != 0).then_some((n * seed) % step == 0));
        array(cells.collect::<BooleanArray>())
    };
    let ids = array(Int64Array::from_iter_values((0..ROWS).map(|n| seed * 1000 + n / 2)));
    vec![(names[0], flag(3)), (names[1], flag(7)), (names[2], ids)]
}

/// The same rows twice: as table `t`, whose files have other names for the columns, deleted rows and partitions that
/// only the log knows; and as folders `plain`.
fn delta(place: &Place) {
    let settings = json!({"delta.columnMapping.mode": "name", "delta.enableDeletionVectors": "true"});
    let column = |name: &str, kind: &str, id: i64| mapped(name, kind, id, &format!("c{id}"));
    let fields = [
        column("cat", "boolean", 1),
        column("dog", "boolean", 2),
        column("id", "long", 3),
        column("split", "string", 4),
    ];
    let mut log = DeltaLog::begin(place, "t", &fields, &["split"], &settings);
    let mut adds = Vec::new();
    for ((split, file, deleted), seed) in FILES.into_iter().zip(1..) {
        write(&place.path(&format!("t/{file}")), columns(["c1", "c2", "c3"], seed));
        let mut add =
            if deleted.is_empty() { log.add(file, &json!({})) } else { log.add_without(file, deleted) };
        add["add"]["partitionValues"] =
            if split == "none" { json!({"c4": null}) } else { json!({"c4": split}) };
        adds.push(add);
        let live = (0..ROWS).filter(|row| !deleted.contains(&row.cast_unsigned()));
        let live = Int64Array::from_iter_values(live);
        let kept = columns(["cat", "dog", "id"], seed).into_iter();
        let kept = kept.map(|(name, column)| (name, take(&column, &live, None).unwrap()));
        let folder = match split {
            "none" => "__HIVE_DEFAULT_PARTITION__".to_owned(),
            split => split.replace('/', "%2F"),
        };
        write(&place.path(&format!("plain/split={folder}/{file}")), kept.collect());
    }
    log.commit(&adds);
}

/// The same as an Iceberg table.
fn iceberg(place: &Place) {
    let table = with_positions(place);
    table.describe(2, 3, &[(1, "cat", "boolean")]);
    for (name, rows) in [("a", &[true, false][..]), ("b", &[true]), ("c", &[true, true])] {
        let rows = array(BooleanArray::from(rows.to_vec()));
        write(&place.path(&format!("plain/{name}.parquet")), vec![("cat", rows)]);
    }
}

fn done(place: &Place, arguments: &[&str]) -> String {
    let ended = place.run(arguments);
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    ended.stdout
}

/// What every verb says of the rows of a source, each with the words that it was asked with.
fn all_say(place: &Place, source: &str, labels: &str, columns: &[&str]) -> Vec<(String, Value)> {
    let mut said = Vec::new();
    let told = |key: &str, of: &Value| of[key].clone();
    let keys = ["rows", "labels", "positives", "negatives", "missing", "pos_weight"];
    for flags in [
        &[][..],
        &["--engine", "plain"],
        &["--row-measures", "on"],
        &["--state", "state"],
        &["--state", "state"],
    ] {
        let weights = place.weights(&[&[source, "--labels", labels], flags].concat());
        said.push((format!("compute {flags:?}"), keys.map(|key| told(key, &weights)).to_vec().into()));
        let results = place.json("out/run_results.json");
        said.push(("rows of inputs".to_owned(), results["inputs"]["rows"].clone()));
    }
    std::fs::remove_file(place.path("state")).unwrap();
    for part in ["0", "1"] {
        let out = format!("part{part}");
        let flags = ["--shard-index", part, "--shard-count", "2", "--overwrite"];
        done(place, &[&["compute", source, "--labels", labels, "--out", &out][..], &flags].concat());
    }
    done(place, &["weigh", "part0", "part1", "--out", "parts", "--overwrite"]);
    said.push((
        "parts".to_owned(),
        keys.map(|key| told(key, &place.json("parts/weights.json"))).to_vec().into(),
    ));
    for column in columns {
        let query =
            format!("SELECT {column} AS k, count(*) AS n FROM 'SRC' GROUP BY k ORDER BY k NULLS LAST");
        let answer = done(place, &["sql", "-c", &query.replace("SRC", source), "--format", "csv"]);
        said.push((query, answer.into()));
    }
    let query =
        format!("SELECT label, positives, negatives FROM label_counts('{source}', 'labels=\"{labels}\"')");
    said.push(("label_counts".to_owned(), done(place, &["sql", "-c", &query, "--format", "csv"]).into()));
    let inspected = place.run(&["inspect", source, "--labels", labels]);
    let rows = inspected.stderr.lines().find(|line| line.contains(" shards, ")).unwrap().to_owned();
    said.push(("inspect".to_owned(), rows.split(", ").nth(1).into()));
    let forecast = done(place, &["inspect", source, "--labels", labels, "--plan"]);
    let rows = forecast.lines().find(|line| line.trim_start().starts_with("rows")).unwrap();
    said.push(("inspect --plan".to_owned(), rows.split_whitespace().nth(1).into()));
    said
}

#[test]
fn every_verb_sees_the_same_live_rows() {
    for (make, labels, columns) in
        [(&delta as &dyn Fn(&Place), "cat,dog", &["split", "id", "cat"][..]), (&iceberg, "cat", &["cat"])]
    {
        let place = Place::new();
        make(&place);
        let (table, plain) =
            (all_say(&place, "t", labels, columns), all_say(&place, "plain", labels, columns));
        for (table, plain) in table.into_iter().zip(plain) {
            assert_eq!(table, plain);
        }
        place.weights(&["t", "--labels", labels]);
        std::fs::rename(place.path("out"), place.path("of-table")).unwrap();
        place.weights(&["plain", "--labels", labels]);
        let differs = place.run(&["diff", "of-table", "out", "--fail-over", "0"]);
        assert_eq!(differs.code, 0, "{} {}", differs.stdout, differs.stderr);
    }
}

/// Rows of a plan: shard, row, position, and the value as a number.
fn planned(place: &Place, out: &str, value: &str) -> Vec<(String, i64, i64, i64)> {
    let mut files: Vec<_> = std::fs::read_dir(place.path(&format!("{out}/plan")))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut rows = Vec::new();
    for file in files {
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().build().unwrap();
        for batch in reader {
            let batch = batch.unwrap();
            let number = |name: &str| cast(batch.column_by_name(name).unwrap(), &DataType::Int64).unwrap();
            // Parts with dictionaries of their own are not one table.
            let shards = batch.column_by_name("shard").unwrap().as_string::<i32>();
            let values = batch.column_by_name(value).unwrap();
            let values = if value == "fold" {
                values.as_string::<i32>().iter().map(|fold| (fold.unwrap() == "b").into()).collect()
            } else {
                values
                    .as_primitive::<Int32Type>()
                    .values()
                    .iter()
                    .map(|value| i64::from(*value))
                    .collect::<Vec<_>>()
            };
            for (row, value) in values.iter().enumerate() {
                let at = |name: &str| number(name).as_primitive::<Int64Type>().value(row);
                let shard = shards.value(row).to_owned();
                rows.push((shard, at("row"), at("position"), *value));
            }
        }
    }
    rows
}

#[test]
fn plans_name_rows_by_their_places_in_the_files_of_a_table() {
    let place = Place::new();
    delta(&place);
    let sample = |source: &str, out: &str, flags: &[&str]| {
        let base = ["sample", source, "--labels", "cat,dog", "--overwrite", "--materialize", "--out", out];
        done(&place, &[&base, flags].concat());
        place.json(&format!("{out}/plan.json"))
    };
    // What is not drawn by chance is the same of the rows that are left.
    for flags in [&["--plan", "repeat-factor:threshold=0.9,rounding=ceil"][..], &["--plan", "remedial"]] {
        let (table, plain) = (sample("t", "of-table", flags), sample("plain", "of-plain", flags));
        for key in
            ["rows", "epoch_rows", "positives_before", "positives_after", "negatives_after", "unknown_after"]
        {
            assert_eq!(table[key], plain[key], "{flags:?} {key}");
        }
        let (of_table, of_plain) =
            (planned(&place, "of-table", "repeat"), planned(&place, "of-plain", "repeat"));
        let values = |rows: &[(String, i64, i64, i64)]| {
            let mut rows: Vec<_> =
                rows.iter().map(|(shard, row, _, value)| (shard.clone(), *row, *value)).collect();
            rows.sort();
            rows.into_iter().map(|(shard, _, value)| (shard, value)).collect::<Vec<_>>()
        };
        assert_eq!(values(&of_table), values(&of_plain));
    }
    let shards = place.json("of-table/plan.json")["shards"].clone();
    assert_eq!(shards.as_array().unwrap().len(), FILES.len());
    for plan in ["ml-ros:percent=50", "ml-rus", "lp-ros", "inverse-frequency", "stratified-split:a=0.5,b=0.5"]
    {
        for more in [&[][..], &["--where", "split IS NOT NULL AND id % 3 > 0"]] {
            let flags = [&["--plan", plan], more].concat();
            let plan_json = sample("t", "plan", &flags);
            let value = if plan.starts_with("stratified") { "fold" } else { "repeat" };
            let rows = planned(&place, "plan", value);
            assert_eq!(plan_json["rows"], rows.len());
            let mut first = 0;
            for shard in plan_json["shards"].as_array().unwrap() {
                let (name, path) = (shard["name"].as_str().unwrap(), shard["path"].as_str().unwrap());
                assert_eq!((&shard["first_position"], &shard["shard_rows"]), (&json!(first), &json!(ROWS)));
                let (_, _, deleted) = FILES.into_iter().find(|(_, file, _)| path.ends_with(file)).unwrap();
                for (_, row, position, _) in rows.iter().filter(|(shard, ..)| shard == name) {
                    assert!(!deleted.contains(&row.cast_unsigned()), "{name} {row}");
                    assert_eq!(*position, first + row);
                }
                first += ROWS;
            }
            // Counts of the copies are those of the preview, and the copies say of which partition they are.
            let copies = place.weights(&["plan/sampled", "--labels", "cat,dog", "--by", "split"]);
            let (positives, rows) = if value == "fold" {
                (plan_json["positives_before"].clone(), plan_json["rows"].clone())
            } else {
                (plan_json["positives_after"].clone(), plan_json["epoch_rows"].clone())
            };
            assert_eq!((&copies["positives"], &copies["rows"]), (&positives, &rows), "{flags:?}");
            let of = |query: &str| done(&place, &["sql", "-c", query, "--format", "csv"]);
            if value == "fold" {
                let query =
                    "SELECT split, count(*) AS n, sum(id) AS s FROM 'SRC' COND GROUP BY split ORDER BY split";
                let condition = if more.is_empty() { String::new() } else { format!("WHERE {}", more[1]) };
                let of = |source: &str, condition: &str| {
                    of(&query.replace("SRC", source).replace("COND", condition))
                };
                assert_eq!(of("plan/sampled", ""), of("t", &condition));
            }
        }
    }
}
