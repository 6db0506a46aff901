//! Ancestors of labels that have a cell of their own, or a line: a row with a label has them too.

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int8Array, Int64Array, ListBuilder, StringArray,
    UInt8Builder,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Place, array, cases, write};

/// 0 is above 1, 1 above 2 and 3, and 3 above 4.
const PAIRS: [(usize, usize); 4] = [(1, 0), (2, 1), (3, 1), (4, 3)];
const LABELS: usize = 5;

/// 1 is positive, 0 negative, 2 uncertain, NULL missing.
type Row = Vec<Option<u8>>;

fn name(label: usize) -> String {
    format!("n{label}")
}

/// The row with every ancestor of its labels.
fn with_ancestors(row: &Row) -> Row {
    let mut all = row.clone();
    for (child, parent) in PAIRS.iter().rev() {
        if all[*child] == Some(1) {
            all[*parent] = Some(1);
        }
    }
    all
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let cell = prop_oneof![3 => Just(Some(0)), 2 => Just(Some(1)), 1 => Just(Some(2)), 1 => Just(None)];
    prop::collection::vec(prop::collection::vec(cell, LABELS), 1..25)
}

fn number(cell: Option<u8>) -> Option<f64> {
    cell.map(f64::from)
}

/// The column of a label, stored in one of several types.
fn column(kind: &str, rows: &[Row], label: usize) -> ArrayRef {
    let cells = rows.iter().map(|row| row[label]);
    match kind {
        "i8" => array(cells.map(|cell| cell.map(|cell| i8::try_from(cell).unwrap())).collect::<Int8Array>()),
        "texts" => array(cells.map(|cell| cell.map(|cell| cell.to_string())).collect::<StringArray>()),
        "words" => {
            let word = |cell: u8| ["no", "yes", "perhaps"][usize::from(cell)];
            array(cells.map(|cell| cell.map(word)).collect::<StringArray>())
        }
        "scores" => {
            let score = |cell: u8| [0.25, 0.75, 0.5][usize::from(cell)];
            array(cells.map(|cell| cell.map(score)).collect::<Float64Array>())
        }
        // Types differ from column to column.
        _ if label == 2 => array(cells.map(|cell| cell.map(f32::from)).collect::<Float32Array>()),
        _ if label == 3 => array(cells.map(|cell| cell.map(i64::from)).collect::<Int64Array>()),
        _ => array(cells.map(|cell| number(cell).map(|cell| cell.to_string())).collect::<StringArray>()),
    }
}

fn vectors(kind: &str, rows: &[Row]) -> ArrayRef {
    if kind == "vector texts" {
        let text = |row: &Row| {
            let cells: Vec<String> =
                row.iter().map(|cell| cell.map_or("null".to_owned(), |cell| cell.to_string())).collect();
            format!("[{}]", cells.join(", "))
        };
        return array(rows.iter().map(|row| Some(text(row))).collect::<StringArray>());
    }
    let mut lists = ListBuilder::new(UInt8Builder::new());
    for (at, row) in rows.iter().enumerate() {
        row.iter().for_each(|cell| lists.values().append_option(*cell));
        lists.append(at % 7 != 6);
    }
    array(lists.finish())
}

fn extras(rows: &[Row]) -> Vec<(&'static str, ArrayRef)> {
    let numbers = || 0..i64::try_from(rows.len()).unwrap();
    vec![
        ("row", array(numbers().collect::<Int64Array>())),
        (
            "kind",
            array(numbers().map(|row| Some(["x", "y"][usize::from(row % 3 == 0)])).collect::<StringArray>()),
        ),
        (
            "w",
            array(
                numbers()
                    .map(|row| Some([0.5, 1.0, 4.0][usize::try_from(row % 3).unwrap()]))
                    .collect::<Float64Array>(),
            ),
        ),
    ]
}

fn store(place: &Place, kind: &str, rows: &[Row]) {
    for (number, rows) in rows.chunks(rows.len().div_ceil(2)).enumerate() {
        let mut columns = extras(rows);
        let names: Vec<String> = (0..LABELS).map(name).collect();
        if kind.starts_with("vector") {
            columns.push(("y", vectors(kind, rows)));
        } else {
            columns.extend((0..LABELS).map(|label| (names[label].as_str(), column(kind, rows, label))));
        }
        write(&place.path(&format!("in/{number}.parquet")), columns);
    }
}

/// Counts and measures.
fn result(place: &Place, arguments: &[&str]) -> (Value, Value) {
    let mut weights = place.weights(arguments);
    let mut measures = place.json("out/imbalance.json");
    ["spec", "fingerprint"].iter().for_each(|key| drop(weights.as_object_mut().unwrap().remove(*key)));
    ["source", "findings"].iter().for_each(|key| drop(measures.as_object_mut().unwrap().remove(*key)));
    (weights, measures)
}

fn write_pairs(place: &Place, pairs: impl Iterator<Item = (String, String)>) {
    let lines: String = pairs.map(|(child, parent)| format!("{child},{parent}\n")).collect();
    std::fs::write(place.path("above.csv"), format!("child,parent\n{lines}")).unwrap();
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn ancestors_of_cells_count_as_if_they_were_stored(
        rows in rows(),
        kind in prop::sample::select(&["i8", "texts", "words", "scores", "mixed", "vector", "vector texts"][..]),
        more in prop::sample::select(&["", "by", "where", "weight", "missing"][..]),
    ) {
        let place = Place::new();
        let number = kind.starts_with("vector");
        write_pairs(&place, PAIRS.iter().map(|(child, parent)| {
            let of = |label: &usize| if number { label.to_string() } else { name(*label) };
            (of(child), of(parent))
        }));
        let mut flags = vec!["in", "--layout", if number { "vector" } else { "wide" }];
        flags.extend(["--labels", if number { "y" } else { "n*" }]);
        flags.extend(match kind {
            "words" => &["--positive-values", "yes", "--negative-values", "no", "--uncertain-values", "perhaps"][..],
            "scores" => &["--threshold", "0.7", "--uncertain-values", "0.5"],
            _ => &["--uncertain-values", "2"],
        });
        flags.extend(match more {
            "by" => &["--by", "kind"][..],
            "where" => &["--where", "row > 1", "--allow-empty"],
            "weight" => &["--sample-weight", "w"],
            "missing" => &["--uncertain-as", "missing"],
            _ => &[],
        });
        let stored: Vec<Row> = rows.iter().map(with_ancestors).collect();
        store(&place, kind, &stored);
        let expected = result(&place, &flags);
        store(&place, kind, &rows);
        for engine in ["auto", "plain"] {
            let found = result(&place, &[&flags[..], &["--ancestors", "above.csv", "--engine", engine]].concat());
            prop_assert_eq!(&found, &expected);
        }
    }

    #[test]
    fn ancestors_of_pairs_count_as_if_they_were_listed(
        rows in rows(), values: bool, numbers: bool, weighs: bool, known: bool,
    ) {
        let place = Place::new();
        let label = |label: usize| if numbers { label.to_string() } else { name(label) };
        write_pairs(&place, PAIRS.iter().map(|(child, parent)| (label(*child), label(*parent))));
        // Without values, lines list what is positive.
        let is_line = |row: &Row, at: usize| if values { row[at].is_some() } else { row[at] == Some(1) };
        let write_lines = |rows: &[Row]| {
            let lines: Vec<(i64, Option<usize>, u8)> = (0..).zip(rows).flat_map(|(id, row)| {
                let listed = (0..LABELS).filter(|at| is_line(row, *at)).map(move |at| (id, Some(at), row[at].unwrap()));
                listed.chain([(id, None, 0)]).collect::<Vec<_>>()
            }).collect();
            for number in 0..2 {
                let lines: Vec<_> = lines.iter().skip(number).step_by(2).copied().collect();
                let labels: ArrayRef = if numbers {
                    array(lines.iter().map(|line| line.1.map(|at| i64::try_from(at).unwrap())).collect::<Int64Array>())
                } else {
                    array(lines.iter().map(|line| line.1.map(name)).collect::<StringArray>())
                };
                let weight = lines.iter().map(|line| Some([0.5, 1.0, 4.0][usize::try_from(line.0 % 3).unwrap()]));
                write(&place.path(&format!("in/{number}.parquet")), vec![
                    ("id", array(lines.iter().map(|line| Some(line.0)).collect::<Int64Array>())),
                    ("label", labels),
                    ("value", array(lines.iter().map(|line| Some(i64::from(line.2))).collect::<Int64Array>())),
                    ("w", array(weight.collect::<Float64Array>())),
                ]);
            }
        };
        let mut flags = vec!["in", "--layout", "long", "--id", "id", "--labels", "label"];
        if values {
            flags.extend(["--value", "value", "--uncertain-values", "2"]);
        }
        if weighs {
            flags.extend(["--sample-weight", "w"]);
        }
        let names: Vec<String> = (0..LABELS).map(name).collect();
        std::fs::write(place.path("names.txt"), names.join("\n")).unwrap();
        flags.extend(match (numbers, known) {
            (true, true) => &["--num-labels", "5"][..],
            (true, false) => &["--label-kind", "name"],
            (false, true) => &["--vocabulary", "names.txt"],
            (false, false) => &[],
        });
        let stored: Vec<Row> = rows.iter().map(with_ancestors).collect();
        write_lines(&stored);
        let has_labels = stored.iter().any(|row| (0..LABELS).any(|at| is_line(row, at)));
        prop_assume!(has_labels);
        let expected = result(&place, &flags);
        write_lines(&rows);
        for engine in ["auto", "plain"] {
            let found = result(&place, &[&flags[..], &["--ancestors", "above.csv", "--engine", engine]].concat());
            prop_assert_eq!(&found, &expected);
        }
    }
}

#[test]
fn an_ancestor_of_a_label_that_no_row_has_is_no_label() {
    let place = Place::new();
    std::fs::write(place.path("above.csv"), "child,parent\nn2,n1\nn4,n3\n").unwrap();
    std::fs::write(place.path("a.csv"), "id,label,value\n0,n1,0\n1,n2,1\n0,n4,0\n").unwrap();
    let flags = [
        "--layout",
        "long",
        "--id",
        "id",
        "--labels",
        "label",
        "--value",
        "value",
        "--ancestors",
        "above.csv",
    ];
    for engine in ["auto", "plain"] {
        let found = place.weights(&[&["a.csv"], &flags[..], &["--engine", engine]].concat());
        assert_eq!(found["labels"], json!(["n1", "n2", "n4"]), "{engine}");
        assert_eq!(found["positives"], json!([1, 1, 0]), "{engine}");
    }
}

#[test]
fn a_hierarchy_may_be_about_one_of_several_heads() {
    let place = Place::new();
    let column = |values: [&str; 3]| array(StringArray::from(values.to_vec()));
    write(
        &place.path("in/a.parquet"),
        vec![("kind", column(["boot", "boot", "dress"])), ("color", column(["red", "red", "blue"]))],
    );
    let run = |pairs: &str| {
        std::fs::write(place.path("above.json"), pairs).unwrap();
        let class =
            ["compute", "in", "--layout", "class", "--labels", "kind,color", "--overwrite", "--out", "out"];
        let ended = place.run(&[&class[..], &["--ancestors", "above.json"]].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.stderr
    };
    let told = run(r#"{"boot": "shoe"}"#);
    assert!(!told.contains("has a parent in this file"), "{told}");
    let weights = place.json("out/weights.json");
    let labels = json!(["kind=boot", "kind=dress", "kind=shoe", "color=blue", "color=red"]);
    assert_eq!((&weights["labels"], &weights["positives"]), (&labels, &json!([2, 1, 2, 1, 2])));
    let told = run(r#"{"poodle": "dog"}"#);
    assert!(told.contains("no label in the shards has a parent in this file"), "{told}");
}

#[test]
fn a_missing_ancestor_stays_missing_unless_a_descendant_is_positive() {
    let place = Place::new();
    let bits = |cells: [Option<bool>; 4]| array(BooleanArray::from(cells.to_vec()));
    let columns = || {
        vec![
            ("animal", bits([None, None, Some(false), Some(false)])),
            ("dog", bits([Some(true), Some(false), None, Some(true)])),
        ]
    };
    write(&place.path("in/a.parquet"), columns());
    std::fs::write(place.path("above.json"), r#"{"dog": "animal"}"#).unwrap();
    let weights = place.weights(&["in", "--labels", "animal,dog", "--ancestors", "above.json"]);
    let of = |key: &str| weights[key].clone();
    assert_eq!((of("positives"), of("negatives")), (json!([2, 2]), json!([1, 1])));
    assert_eq!(of("missing"), json!([1, 1]));
    // An ancestor with a value that means nothing is an error all the same.
    write(
        &place.path("in/a.parquet"),
        vec![("animal", array(Int64Array::from(vec![7]))), ("dog", array(Int64Array::from(vec![1])))],
    );
    let wide = ["compute", "in", "--labels", "animal,dog", "--layout", "wide", "--out", "x"];
    let ended = place.run(&[&wide[..], &["--ancestors", "above.json"]].concat());
    assert!(ended.code == 4 && ended.stderr.contains("animal"), "{}", ended.stderr);
    std::fs::write(place.path("above.json"), r#"{"dog": "animals"}"#).unwrap();
    let ended = place.run(&[&wide[..], &["--ancestors", "above.json"]].concat());
    assert!(ended.code == 4 && ended.stderr.contains("did you mean \"animal\"?"), "{}", ended.stderr);
    let ended = place.run(&[&wide[..], &["--ancestors", "above.json", "--engine", "encoded"]].concat());
    assert_ne!(ended.code, 0);
}
