use std::fs;
use std::sync::Arc;

use arrow::array::{
    BooleanArray, Date32Array, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use super::by_hand::{Checkpoint, DeltaLog, field, mapped, metadata, protocol, remove};
use super::writers::deltalake_says;
use super::{counts, refused};
use crate::cloud::{self, upload};
use crate::s3::Server;
use crate::support::{Place, array, write};

/// A file with as many rows as told, all of them cats.
fn cats(place: &Place, name: &str, rows: usize) {
    write(&place.path(name), vec![("cat", array(BooleanArray::from(vec![true; rows])))]);
}

fn rows(place: &Place, arguments: &[&str]) -> u64 {
    counts(place, &[arguments, &["--labels", "cat"]].concat())[0].as_u64().unwrap()
}

/// Three versions: file a; a and b; b and c.
fn three_versions(place: &Place) {
    for (name, rows) in [("a", 1), ("b", 2), ("c", 4)] {
        cats(place, &format!("t/{name}.parquet"), rows);
    }
    let mut log = DeltaLog::begin(place, "t", &[field("cat", "boolean")], &[], &json!({}));
    log.commit(&[log.add("a.parquet", &json!({}))]);
    log.commit(&[log.add("b.parquet", &json!({}))]);
    log.commit(&[remove("a.parquet"), log.add("c.parquet", &json!({}))]);
}

#[test]
fn every_verb_reads_the_live_files_of_the_version_that_is_asked_for() {
    let place = Place::new();
    three_versions(&place);
    for source in ["t", "t/", "./t", "[t]", "t/**"] {
        assert_eq!(rows(&place, &[source]), 6, "{source}");
    }
    let told = place.json("out/run_results.json")["inputs"]["tables"].clone();
    let expected = json!([{"format": "Delta Lake", "path": "t", "version": 3, "files": 2, "files_with_deleted_rows": 0}]);
    assert_eq!(told, expected);
    let findings = place.json("out/run_results.json")["findings"].to_string();
    assert!(findings.contains("Delta Lake table t, version 3, 2 files"), "{findings}");
    assert_eq!(rows(&place, &["t", "--table-version", "2"]), 3);
    assert_eq!(rows(&place, &["t", "--as-files"]), 7);
    let sql =
        |flags: &[&str], query: &str| place.run(&[&["sql", "-c", query, "--format", "csv"], flags].concat());
    assert!(sql(&[], "SELECT count(*) AS n FROM 't'").stdout.ends_with("n\n6\n"));
    assert!(sql(&["--table-version", "1"], "SELECT count(*) AS n FROM 't'").stdout.ends_with("n\n1\n"));
    let call = |options: &str| {
        let query = format!("SELECT positives FROM label_counts('t', 'labels=cat{options}')");
        sql(&[], &query).stdout
    };
    assert!(call("").ends_with("\n6\n") && call(", table_version=2").ends_with("\n3\n"));
    let inspected = place.run(&["inspect", "t", "--table-version", "1"]);
    let all = inspected.stdout + &inspected.stderr;
    assert!(all.contains("Delta Lake table t, version 1, 1 file") && all.contains("1 row"), "{all}");
}

#[test]
fn versions_outside_the_log_are_refused_with_those_inside() {
    let place = Place::new();
    three_versions(&place);
    for flags in [["--table-version", "9"], ["--table-version", "-1"], ["--table-timestamp", "1999-01-01"]] {
        refused(&place, &[&["t"][..], &flags].concat(), &["t: there is no ", "versions are 0 to 3"]);
    }
    // The files of the log were all written now.
    assert_eq!(rows(&place, &["t", "--table-timestamp", "2100-01-01 00:00:00"]), 6);
    cats(&place, "plain/a.parquet", 1);
    let ended = place.run(&["compute", "plain", "--labels", "cat", "--table-version", "1", "--out", "x"]);
    assert!(ended.code == 2 && ended.stderr.contains("no source is a table"), "{}", ended.stderr);
    let ended =
        place.run(&["compute", "t", "--labels", "cat", "--table-version", "1", "--as-files", "--out", "x"]);
    assert_eq!(ended.code, 2);
}

#[test]
fn files_inside_a_table_are_refused_and_the_table_is_named() {
    let place = Place::new();
    three_versions(&place);
    for source in ["t/a.parquet", "t/*.parquet", "t/**/*.parquet"] {
        refused(&place, &[source], &["Delta Lake", "files inside it cannot be named", "--as-files"]);
    }
}

#[test]
fn partition_values_are_columns_with_null_and_escapes() {
    let place = Place::new();
    let fields = [field("cat", "boolean"), field("region", "string"), field("day", "integer")];
    for (name, n) in [("region=a%2Fb/x", 1), ("region=a%2525/x", 2), ("rest/x", 4)] {
        cats(&place, &format!("t/{name}.parquet"), n);
    }
    let mut log = DeltaLog::begin(&place, "t", &fields, &["region", "day"], &json!({}));
    log.commit(&[
        log.add("region=a%2Fb/x.parquet", &json!({"region": "a/b", "day": "7"})),
        log.add("region=a%2525/x.parquet", &json!({"region": "a%25", "day": "8"})),
        log.add("rest/x.parquet", &json!({"region": null, "day": "7"})),
    ]);
    assert_eq!(rows(&place, &["t"]), 7);
    assert_eq!(rows(&place, &["t", "--where", "region IS NULL"]), 4);
    assert_eq!(rows(&place, &["t", "--where", "region = 'a/b'"]), 1);
    assert_eq!(rows(&place, &["t", "--where", "region = 'a%25' AND day = 8"]), 2);
    assert_eq!(rows(&place, &["t", "--where", "cat AND day = 7"]), 5);
}

#[test]
fn columns_are_found_by_the_names_and_ids_that_files_have() {
    for mode in ["name", "id"] {
        let place = Place::new();
        let file = |name: &str, columns: &[(&str, i32, Vec<Option<bool>>)]| {
            let fields = columns.iter().map(|(name, id, _)| {
                let id = [("PARQUET:field_id".to_owned(), id.to_string())].into();
                Field::new(*name, DataType::Boolean, true).with_metadata(id)
            });
            let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            let columns = columns.iter().map(|(_, _, cells)| array(BooleanArray::from(cells.clone())));
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
            fs::create_dir_all(place.path("t")).unwrap();
            let mut writer = ArrowWriter::try_new(
                fs::File::create(place.path(&format!("t/{name}"))).unwrap(),
                schema,
                None,
            )
            .unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
        };
        let (yes, no) = (Some(true), Some(false));
        file("a.parquet", &[("col-1", 1, vec![yes, no, no]), ("col-2", 2, vec![yes, yes, no])]);
        // Column dog was dropped and is another one now; cat is called feline.
        file("b.parquet", &[("col-3", 3, vec![no, no]), ("col-1", 1, vec![yes, yes])]);
        let settings = json!({"delta.columnMapping.mode": mode, "delta.columnMapping.maxColumnId": "3"});
        let before = [mapped("cat", "boolean", 1, "col-1"), mapped("dog", "boolean", 2, "col-2")];
        let mut log = DeltaLog::begin(&place, "t", &before, &[], &settings);
        log.commit(&[log.add("a.parquet", &json!({}))]);
        let after = [mapped("feline", "boolean", 1, "col-1"), mapped("dog", "boolean", 3, "col-3")];
        log.commit(&[metadata(&after, &[], &settings), log.add("b.parquet", &json!({}))]);
        let of = |flags: &[&str]| counts(&place, &[&["t"], flags].concat());
        for engine in ["auto", "plain"] {
            let old = of(&["--labels", "*", "--table-version", "1", "--engine", engine]);
            assert_eq!(old, json!([3, ["cat", "dog"], [1, 2], [2, 1], [0, 0]]), "{mode} {engine}");
            let new = of(&["--labels", "feline,dog", "--engine", engine]);
            assert_eq!(new, json!([5, ["feline", "dog"], [3, 0], [2, 2], [0, 3]]), "{mode} {engine}");
            let some = of(&["--labels", "dog", "--where", "feline", "--engine", engine]);
            assert_eq!(some, json!([3, ["dog"], [0], [2], [1]]), "{mode} {engine}");
        }
        let ended = place.run(&[
            "sql",
            "-c",
            "SELECT count(feline) AS n, count(dog) AS d FROM 't'",
            "--format",
            "csv",
        ]);
        assert!(ended.stdout.ends_with("5,2\n"), "{} {}", ended.stdout, ended.stderr);
        let gone = place.run(&["sql", "-c", "SELECT \"col-1\" FROM 't'"]);
        assert_ne!(gone.code, 0);
        refused(&place, &["t"], &["cat"]);
    }
}

/// Asserts that deltalake gives one row of these numbers, where it is there.
fn deltalake_agrees(place: &Place, query: &str, expected: &Value) {
    if let Some(rows) = deltalake_says(place, query) {
        assert_eq!(Value::from(rows), json!([expected]), "{query}");
    }
}

/// deltalake does not read such tables.
#[test]
fn types_widen_and_columns_that_old_files_lack_are_missing() {
    let place = Place::new();
    write(
        &place.path("t/a.parquet"),
        vec![
            ("cat", array(Int32Array::from(vec![1, 0]))),
            ("n", array(Int32Array::from(vec![7, 8]))),
            ("x", array(Float32Array::from(vec![0.5, 2.0]))),
            ("day", array(Date32Array::from(vec![1, 2]))),
        ],
    );
    write(
        &place.path("t/b.parquet"),
        vec![
            ("cat", array(Int64Array::from(vec![1, 1]))),
            ("dog", array(Int64Array::from(vec![1, 0]))),
            ("n", array(Int64Array::from(vec![7, 1 << 40]))),
            ("x", array(Float64Array::from(vec![0.5, 1e300]))),
            ("day", array(TimestampMicrosecondArray::from(vec![86_400_000_000, 5]))),
        ],
    );
    let fields = |wide: bool| {
        let widened = |name: &str, from: &str, to: &str| {
            let mut field = field(name, if wide { to } else { from });
            if wide {
                field["metadata"]["delta.typeChanges"] = json!([{"fromType": from, "toType": to}]);
            }
            field
        };
        vec![
            widened("cat", "integer", "long"),
            widened("n", "integer", "long"),
            widened("x", "float", "double"),
            widened("day", "date", "timestamp_ntz"),
        ]
    };
    let settings = json!({"delta.enableTypeWidening": "true"});
    let mut log = DeltaLog::begin(&place, "t", &fields(false), &[], &settings);
    log.commit(&[log.add("a.parquet", &json!({}))]);
    let all = [fields(true), vec![field("dog", "long")]].concat();
    log.commit(&[metadata(&all, &[], &settings), log.add("b.parquet", &json!({}))]);
    for engine in ["auto", "plain"] {
        let found = counts(&place, &["t", "--labels", "cat,dog", "--engine", engine]);
        assert_eq!(found, json!([4, ["cat", "dog"], [3, 1], [1, 1], [0, 2]]), "{engine}");
        for (condition, n) in
            [("n = 7", 2), ("n > 1000000", 1), ("x = 0.5", 2), ("x > 1e299", 1), ("day >= '1970-01-02'", 3)]
        {
            assert_eq!(
                rows(&place, &["t", "--where", condition, "--engine", engine]),
                n,
                "{condition} {engine}"
            );
        }
    }
    let old = counts(&place, &["t", "--labels", "cat", "--table-version", "1"]);
    assert_eq!(old, json!([2, ["cat"], [1], [1], [0]]));
}

#[test]
fn live_files_are_found_in_checkpoints_of_every_kind() {
    for kind in [Checkpoint::Whole, Checkpoint::Parts, Checkpoint::Sidecars, Checkpoint::SidecarsOfText] {
        let place = Place::new();
        three_versions(&place);
        cats(&place, "t/d.parquet", 8);
        let mut log = DeltaLog::begin(&place, "t", &[field("cat", "boolean")], &[], &json!({}));
        (1..4).for_each(|_| log.skip());
        let state = [
            protocol(&json!({})),
            metadata(&[field("cat", "boolean")], &[], &json!({"delta.checkpointPolicy": "v2"})),
        ];
        let adds = [
            log.add_without("b.parquet", &[1]),
            log.add("c.parquet", &json!({})),
            log.add("d.parquet", &json!({})),
        ];
        log.checkpoint(kind, &state, &adds);
        assert_eq!(rows(&place, &["t"]), 13, "{kind:?}");
        log.commit(&[remove("d.parquet"), log.add("a.parquet", &json!({}))]);
        for engine in ["auto", "plain"] {
            assert_eq!(rows(&place, &["t", "--engine", engine]), 6, "{kind:?}");
        }
        assert_eq!(rows(&place, &["t", "--table-version", "3"]), 13, "{kind:?}");
        refused(&place, &["t", "--table-version", "2"], &["t: there is no ", "versions are 3 to 4"]);
        deltalake_agrees(&place, "SELECT count(*) FROM t", &json!([6]));
        if matches!(kind, Checkpoint::Sidecars | Checkpoint::SidecarsOfText) {
            fs::remove_file(place.path("t/_delta_log/_sidecars/0.parquet")).unwrap();
            refused(&place, &["t"], &["Delta Lake", "0.parquet"]);
        }
    }
}

#[test]
fn deletion_vectors_lie_in_files_and_in_the_log() {
    for storage in ["p", "u", "i"] {
        let place = Place::new();
        let cells = |n: i64| array((0..n).map(|row| Some(row % 3 == 0)).collect::<BooleanArray>());
        write(
            &place.path("t/a.parquet"),
            vec![("cat", cells(100)), ("id", array(Int64Array::from_iter_values(0..100)))],
        );
        let fields = [field("cat", "boolean"), field("id", "long")];
        let mut log =
            DeltaLog::begin(&place, "t", &fields, &[], &json!({"delta.enableDeletionVectors": "true"}));
        let gone: Vec<u64> = (0..100).filter(|row| row % 7 == 0 || (30..40).contains(row)).collect();
        log.commit(&[log.add_without_in(storage, "a.parquet", &gone)]);
        let live: Vec<u64> = (0..100).filter(|row| !gone.contains(row)).collect();
        let (n, cats) = (live.len(), live.iter().filter(|row| *row % 3 == 0).count());
        for engine in ["auto", "plain"] {
            let found = counts(&place, &["t", "--labels", "cat", "--engine", engine]);
            assert_eq!(found, json!([n, ["cat"], [cats], [n - cats], [0]]), "{storage}");
        }
        let sum: u64 = live.iter().sum();
        deltalake_agrees(&place, "SELECT count(*), sum(id) FROM t", &json!([n, sum]));
    }
}

#[test]
fn what_is_damaged_or_unknown_is_refused_by_name() {
    let place = Place::new();
    let log_file = |version: u64| place.path(&format!("t/_delta_log/{version:020}.json"));
    let fresh = || {
        let _ = fs::remove_dir_all(place.path("t"));
        three_versions(&place);
    };
    fresh();
    let text = fs::read_to_string(log_file(3)).unwrap();
    fs::write(log_file(3), &text[..text.len() - 20]).unwrap();
    refused(&place, &["t"], &["Delta Lake", "00000000000000000003.json"]);
    assert_eq!(rows(&place, &["t", "--table-version", "2"]), 3);
    fresh();
    fs::remove_file(log_file(2)).unwrap();
    refused(&place, &["t"], &["t: the live rows of this Delta Lake table cannot be told"]);
    fresh();
    fs::remove_file(place.path("t/c.parquet")).unwrap();
    refused(&place, &["t"], &["t/c.parquet"]);
    fresh();
    cats(&place, "t/c.parquet", 500);
    refused(&place, &["t"], &["t/c.parquet", "bytes"]);
    fresh();
    let protocol = json!({"protocol": {"minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": ["teleportation"], "writerFeatures": ["teleportation"]}});
    fs::write(log_file(4), format!("{protocol}\n")).unwrap();
    refused(&place, &["t"], &["Delta Lake", "teleportation"]);
}

#[test]
fn a_table_without_live_files_is_refused() {
    let place = Place::new();
    DeltaLog::begin(&place, "t", &[field("cat", "boolean")], &[], &json!({}));
    refused(&place, &["t"], &["Delta Lake table t, version 0: the table has no rows"]);
}

#[test]
fn a_new_version_counts_only_what_changed() {
    let place = Place::new();
    three_versions(&place);
    let statuses = |version: &str| {
        assert!(rows(&place, &["t", "--table-version", version, "--state", "state"]) > 0);
        let shards = place.json("out/run_results.json")["shards"].clone();
        let of = |shard: &serde_json::Value| shard["status"].as_str().unwrap().to_owned();
        shards.as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(statuses("2"), ["counted", "counted"]);
    assert_eq!(statuses("3"), ["reused", "counted"]);
    let fingerprint = || place.json("out/weights.json")["fingerprint"].clone();
    let before = fingerprint();
    let mut log = DeltaLog::begin(&place, "other", &[], &[], &json!({}));
    log.table = "t";
    (1..4).for_each(|_| log.skip());
    log.commit(&[log.add_without("c.parquet", &[0, 2])]);
    assert_eq!(statuses("4"), ["reused", "counted"]);
    assert_eq!(place.json("out/weights.json")["rows"], 4);
    assert_ne!(fingerprint(), before);
}

#[test]
fn tables_in_a_store_are_those_of_files() {
    let (place, server) = (Place::new(), Server::start());
    three_versions(&place);
    upload(&server, &place.path("t"), "lake/t");
    let run = |source: &str, flags: &[&str]| {
        let base = ["compute", source, "--labels", "cat", "--out", "out", "--overwrite"];
        cloud::run(&place, &server.endpoint, &[&base, flags].concat())
    };
    for source in ["s3://b/lake/t", "s3://b/lake/t/", "s3://b/lake", "s3://b/lake/*", "s3://b/l*/**"] {
        let ended = run(source, &[]);
        assert_eq!(ended.code, 0, "{source}: {}", ended.stderr);
        assert_eq!(place.json("out/weights.json")["rows"], 6, "{source}");
    }
    let told = place.json("out/run_results.json")["inputs"]["tables"][0].clone();
    assert_eq!((&told["path"], &told["version"]), (&json!("s3://b/lake/t"), &json!(3)));
    assert_eq!(run("s3://b/lake/t", &["--table-version", "1"]).code, 0);
    assert_eq!(place.json("out/weights.json")["rows"], 1);
    for source in ["s3://b/lake/t/*.parquet", "s3://b/lake/t/a.parquet"] {
        let ended = run(source, &[]);
        assert!(
            ended.code == 4 && ended.stderr.contains("files inside it cannot be named"),
            "{}",
            ended.stderr
        );
    }
    server.bucket().objects.retain(|key, _| !key.ends_with("c.parquet"));
    let ended = run("s3://b/lake/t", &[]);
    assert!(ended.code == 4 && ended.stderr.contains("s3://b/lake/t/c.parquet"), "{}", ended.stderr);
}
