use std::sync::Arc;

use arrow::array::{BooleanArray, StructArray};
use arrow::datatypes::{DataType, Field};
use serde_json::json;

use super::by_hand::{DeltaLog, field, mapped};
use super::{counts, refused};
use crate::support::{Place, array, write};

#[test]
fn a_column_that_no_file_has_yet_is_null_in_all_rows() {
    let place = Place::new();
    let cats = || array(BooleanArray::from(vec![Some(true), Some(false), None]));
    write(&place.path("t/part=a/a.parquet"), vec![("cat", cats()), ("x", cats())]);
    write(&place.path("t/part=b/b.parquet"), vec![("x", cats()), ("cat", cats())]);
    let list = json!({"type": "array", "elementType": "string", "containsNull": true});
    let fields = [
        field("new_first", "byte"),
        field("cat", "boolean"),
        field("part", "string"),
        field("new", "integer"),
        field("x", "boolean"),
        field("when", "timestamp"),
        field("tags", list),
    ];
    let mut log = DeltaLog::begin(&place, "t", &fields, &["part"], &json!({}));
    log.commit(
        &["a", "b"].map(|part| log.add(&format!("part={part}/{part}.parquet"), &json!({"part": part}))),
    );
    let of = |flags: &[&str]| counts(&place, &[&["t"], flags].concat());
    for engine in ["auto", "plain"] {
        for labels in ["[cn]*", "new_first,cat,new"] {
            let found = of(&["--labels", labels, "--engine", engine]);
            let expected = json!([6, ["new_first", "cat", "new"], [0, 2, 0], [0, 2, 0], [6, 2, 6]]);
            assert_eq!(found, expected, "{labels} {engine}");
        }
        let found =
            of(&["--labels", "new", "--layout", "wide", "--missing-columns", "missing", "--engine", engine]);
        assert_eq!(found, json!([6, ["new"], [0], [0], [6]]), "{engine}");
        let found = of(&["--labels", "new", "--layout", "wide", "--null-as", "negative", "--engine", engine]);
        assert_eq!(found, json!([6, ["new"], [0], [6], [0]]), "{engine}");
        for (condition, rows) in [
            ("new IS NULL", 6),
            ("new IS NULL AND \"when\" IS NULL AND cat", 2),
            ("coalesce(new, 3) > 2 AND part = 'b'", 3),
        ] {
            let found = of(&["--labels", "cat", "--where", condition, "--engine", engine]);
            assert_eq!(found[0], rows, "{condition} {engine}");
        }
    }
    assert_eq!(of(&["--labels", "cat", "--by", "new"])[0], 6);
    let asked =
        "SELECT count(*) AS n, count(new) AS m, count(tags) AS t, max(\"when\") IS NULL AS w FROM 't'";
    let ended = place.run(&["sql", "-c", asked, "--format", "csv"]);
    assert!(ended.stdout.ends_with("6,0,0,true\n"), "{} {}", ended.stdout, ended.stderr);
    // Saved counts do not outlive a change of the columns.
    let statuses = || {
        of(&["--labels", "cat,new", "--layout", "wide", "--state", "s"]);
        place.json("out/run_results.json")["shards"][0]["status"].clone()
    };
    assert_eq!([statuses(), statuses()], ["counted", "reused"]);
    refused(&place, &["t", "--as-files", "--labels", "cat,new"], &["there is no column \"new\""]);
    refused(&place, &["t", "--labels", "cat,newer"], &["there is no column \"newer\""]);
}

#[test]
fn a_field_that_no_file_has_yet_is_refused_by_name() {
    let place = Place::new();
    let inside = array(BooleanArray::from(vec![true, false]));
    let column = StructArray::from(vec![(Arc::new(Field::new("cat", DataType::Boolean, true)), inside)]);
    write(&place.path("t/a.parquet"), vec![("y", array(column))]);
    let of = |name: &str| field(name, "boolean");
    let fields = json!({"type": "struct", "fields": [of("cat"), of("dog")]});
    let mut log = DeltaLog::begin(&place, "t", &[field("y", fields)], &[], &json!({}));
    log.commit(&[log.add("a.parquet", &json!({}))]);
    for labels in ["y.*", "y.dog"] {
        refused(&place, &["t", "--labels", labels], &["no file has field \"y.dog\" yet"]);
    }
    assert_eq!(counts(&place, &["t", "--labels", "y.cat"]), json!([2, ["y.cat"], [1], [1], [0]]));
}

#[test]
fn a_table_is_found_by_a_path_that_goes_up() {
    let place = Place::new();
    let cats = array(BooleanArray::from(vec![true, false]));
    write(&place.path("k=1/t/a.parquet"), vec![("col-1", cats)]);
    let settings = json!({"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "1"});
    let mut log = DeltaLog::begin(&place, "k=1/t", &[mapped("cat", "boolean", 1, "col-1")], &[], &settings);
    log.commit(&[log.add("a.parquet", &json!({}))]);
    std::fs::create_dir_all(place.path("pipelines/deep")).unwrap();
    let up = place.path("pipelines/deep/../../k=1/t").display().to_string();
    for source in ["pipelines/../k=1/t", &up] {
        for engine in ["auto", "plain"] {
            let found = counts(&place, &[source, "--labels", "cat", "--engine", engine]);
            assert_eq!(found, json!([2, ["cat"], [1], [1], [0]]), "{source}");
        }
        let query = format!("SELECT count(cat) AS n FROM '{source}'");
        let ended = place.run(&["sql", "-c", &query, "--format", "csv"]);
        assert!(ended.stdout.ends_with("n\n2\n"), "{} {}", ended.stdout, ended.stderr);
    }
    let file = "shards = '../../k=1/t'\nlabels = 'cat'\nout = 'w'\nengine = 'plain'\n";
    std::fs::write(place.path("pipelines/deep/p.toml"), file).unwrap();
    let ended = place.run(&["run", "pipelines/deep/p.toml"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}
