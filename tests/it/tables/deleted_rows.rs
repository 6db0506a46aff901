use arrow::array::{ArrayRef, BooleanArray, Int64Array, ListArray, StringArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::Int64Type;
use parquet::file::properties::WriterProperties;
use serde_json::json;

use super::by_hand::{DeltaLog, field};
use super::{counts, refused};
use crate::support::{Place, array, write_with};

const ROWS: u64 = 1000;

/// Columns for every layout.
fn columns() -> Vec<(&'static str, ArrayRef)> {
    let numbers = || 0..i64::try_from(ROWS).unwrap();
    let flag = |step: i64| {
        let cells = numbers().map(|n| (n % 11 != 0).then_some(n % step == 0));
        array(cells.collect::<BooleanArray>())
    };
    let names = |n: i64| ["cat", "dog", "bird", "ant"][usize::try_from(n % 7 % 4).unwrap()];
    let lists = numbers().map(|n| Some((0..n % 4).map(|k| Some(n % 3 + k)).collect::<Vec<_>>()));
    let vectors = numbers().map(|n| Some(vec![Some(n % 2), Some(i64::from(n % 3 == 0)), Some(1)]));
    vec![
        ("x", flag(2)),
        ("y", flag(5)),
        ("class", array(StringArray::from_iter_values(numbers().map(names)))),
        ("tags", array(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))),
        ("bits", array(ListArray::from_iter_primitive::<Int64Type, _, _>(vectors))),
        ("id", array(Int64Array::from_iter_values(numbers().map(|n| n / 2)))),
        ("w", array(Int64Array::from_iter_values(numbers().map(|n| n % 5)))),
        ("part", array(StringArray::from_iter_values(numbers().map(|n| if n % 10 < 4 { "a" } else { "b" })))),
    ]
}

/// Rows that are deleted: single ones, runs, a whole row group, the first and the last.
fn deleted() -> Vec<u64> {
    (0..ROWS).filter(|row| row % 13 == 0 || (300..420).contains(row) || *row == ROWS - 1).collect()
}

/// The same rows as a table with deleted rows in two of three files, and as files without these rows.
fn twice(place: &Place) {
    let properties = || {
        WriterProperties::builder()
            .set_max_row_group_row_count(Some(100))
            .set_data_page_row_count_limit(30)
            .build()
    };
    let gone = deleted();
    let left = UInt32Array::from_iter_values(
        (0..ROWS).filter(|row| !gone.contains(row)).map(|row| u32::try_from(row).unwrap()),
    );
    let kept: Vec<_> =
        columns().into_iter().map(|(name, column)| (name, take(&column, &left, None).unwrap())).collect();
    for name in ["a", "b", "c"] {
        write_with(&place.path(&format!("t/{name}.parquet")), columns(), properties());
        let live = if name == "b" { columns() } else { kept.clone() };
        write_with(&place.path(&format!("plain/{name}.parquet")), live, properties());
    }
    let list = json!({"type": "array", "elementType": "long", "containsNull": true});
    let fields = [
        field("x", "boolean"),
        field("y", "boolean"),
        field("class", "string"),
        field("tags", list.clone()),
        field("bits", list),
        field("id", "long"),
        field("w", "long"),
        field("part", "string"),
    ];
    let mut log = DeltaLog::begin(place, "t", &fields, &[], &json!({"delta.enableDeletionVectors": "true"}));
    log.commit(&[
        log.add_without("a.parquet", &gone),
        log.add("b.parquet", &json!({})),
        log.add_without("c.parquet", &gone),
    ]);
}

/// Layouts, conditions, groups, weights, soft labels and measures of rows.
const WAYS: [&[&str]; 18] = [
    &["--labels", "x,y"],
    &["--labels", "x,y", "--trust-statistics"],
    &["--labels", "x,y", "--where", "w > 1"],
    &["--labels", "x,y", "--by", "part"],
    &["--labels", "x,y", "--sample-weight", "w"],
    &["--labels", "x,y", "--row-measures", "on"],
    &["--labels", "x,y", "--row-measures", "on", "--where", "part = 'a'"],
    &["--layout", "class", "--labels", "class"],
    &["--layout", "class", "--labels", "class", "--by", "part", "--row-measures", "on"],
    &["--layout", "class", "--labels", "class,part"],
    &["--layout", "list", "--labels", "tags"],
    &["--layout", "list", "--labels", "tags", "--unit", "element"],
    &["--layout", "list", "--labels", "tags", "--where", "id < 250", "--row-measures", "on"],
    &["--layout", "vector", "--labels", "bits"],
    &["--layout", "vector", "--labels", "bits", "--sample-weight", "w"],
    &["--layout", "long", "--id", "id", "--labels", "class"],
    &["--layout", "long", "--id", "id", "--labels", "class", "--row-measures", "on"],
    &["--layout", "class", "--labels", "part"],
];

#[test]
fn deleted_rows_count_nowhere() {
    let place = Place::new();
    twice(&place);
    for way in WAYS {
        for engine in ["auto", "plain"] {
            let of = |source: &str| {
                let arguments = [&[source, "--engine", engine], way].concat();
                let found = counts(&place, &arguments);
                let weights = place.json("out/weights.json");
                (
                    found,
                    weights["pos_weight"].clone(),
                    weights["positives_mass"].clone(),
                    weights["row_measures"].clone(),
                )
            };
            assert_eq!(of("t"), of("plain"), "{engine} {way:?}");
        }
    }
    counts(&place, &["t", "--labels", "x,y"]);
    let told = place.json("out/run_results.json")["inputs"].clone();
    assert_eq!(told["rows"], 3 * ROWS - 2 * deleted().len() as u64);
}

#[test]
fn groups_have_no_deleted_rows() {
    let place = Place::new();
    twice(&place);
    let groups = |source: &str| {
        counts(&place, &[source, "--labels", "x,y", "--by", "part"]);
        ["a", "b"]
            .map(|group| {
                std::fs::read_to_string(place.path(&format!("out/by/part={group}/weights.json")))
                    .unwrap_or_default()
            })
            .map(|text| {
                serde_json::from_str::<serde_json::Value>(&text)
                    .map(|weights| weights["positives"].clone())
                    .ok()
            })
    };
    let (table, plain) = (groups("t"), groups("plain"));
    assert_eq!(table, plain);
}

#[test]
fn queries_see_no_deleted_rows() {
    let place = Place::new();
    twice(&place);
    for query in [
        "SELECT count(*) AS n FROM 'SRC'",
        "SELECT part, count(*) AS n, sum(id) AS s FROM 'SRC' GROUP BY part ORDER BY part",
        "SELECT min(id) AS least, max(id) AS most FROM 'SRC' WHERE x",
        "SELECT count(*) AS n FROM (SELECT id FROM 'SRC' LIMIT 2500)",
        "SELECT label, positives FROM label_counts('SRC', 'layout=class, labels=class')",
    ] {
        let of = |source: &str| {
            let ended = place.run(&["sql", "--format", "csv", "-c", &query.replace("SRC", source)]);
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            ended.stdout
        };
        assert_eq!(of("t"), of("plain"), "{query}");
    }
    let query = "SELECT x, y FROM shards WHERE w = 2";
    let found = |source: &str| counts(&place, &[source, "--query", query, "--labels", "x,y"]);
    assert_eq!(found("t"), found("plain"));
}

#[test]
fn what_a_column_holds_is_looked_up_in_rows_that_are_left() {
    let place = Place::new();
    twice(&place);
    let inspected = place.run(&["inspect", "t"]);
    assert_eq!(inspected.code, 0, "{}", inspected.stderr);
    let said = inspected.stdout + &inspected.stderr;
    let left = 3 * ROWS - 2 * deleted().len() as u64;
    assert!(
        said.contains("2 of its 3 files have deleted rows") && said.contains(&left.to_string()),
        "{said}"
    );
    let class = |source| counts(&place, &[source, "--layout", "class", "--labels", "class"]);
    assert_eq!(class("t"), class("plain"));
}

#[test]
fn plans_of_rows_by_id_are_those_of_the_rows_that_are_left() {
    let place = Place::new();
    twice(&place);
    let plan = |source: &str, out: &str| {
        let flags = ["--layout", "long", "--id", "id", "--labels", "class", "--plan", "ml-ros", "--out", out];
        let ended = place.run(&[&["sample", source][..], &flags].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        std::fs::read(place.path(&format!("{out}/plan/part-00000.parquet"))).unwrap()
    };
    assert!(plan("t", "of-table") == plan("plain", "of-plain"));
}

#[test]
fn deletion_vectors_that_are_damaged_are_refused() {
    let place = Place::new();
    twice(&place);
    let path = place.path("t/a.parquet.bin");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    refused(&place, &["t", "--labels", "x"], &["t/a.parquet", "deletion vector", "Delta Lake table t"]);
    std::fs::remove_file(&path).unwrap();
    refused(&place, &["t", "--labels", "x"], &["t/a.parquet", "deletion vector"]);
}
