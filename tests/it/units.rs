//! Elements of lists as units: tokens and pixels, each with one label.

use std::collections::BTreeMap;

use arrow::array::Array as _;
use arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int32Builder, ListArray, ListBuilder, StringArray, StringBuilder,
};
use arrow::datatypes::Int32Type;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Place, array, cases, write, write_with};

const ELEMENTS: [&str; 4] = ["--layout", "list", "--unit", "element"];

/// Positives of each label, units and missing units.
fn found(weights: &Value) -> (BTreeMap<String, u64>, u64, Vec<u64>) {
    let numbers = |key: &str| -> Vec<u64> {
        weights[key].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
    };
    let names = weights["labels"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    let units = weights["rows"].as_u64().unwrap();
    let (positives, missing) = (numbers("positives"), numbers("missing"));
    for ((positives, negatives), missing) in positives.iter().zip(numbers("negatives")).zip(&missing) {
        assert_eq!(positives + negatives + missing, units);
    }
    (names.zip(positives).collect(), units, missing)
}

/// A list of elements, or NULL.
type Row = Option<Vec<Option<u8>>>;

/// The same by definition, where 3 is declared missing.
fn expected(rows: &[Row]) -> (BTreeMap<String, u64>, u64, u64) {
    let units: Vec<Option<u8>> = rows.iter().flatten().flatten().copied().collect();
    let mut positives = BTreeMap::new();
    for unit in units.iter().flatten().filter(|unit| **unit != 3) {
        *positives.entry(unit.to_string()).or_default() += 1;
    }
    let missing = units.iter().filter(|unit| unit.is_none_or(|unit| unit == 3)).count() as u64;
    (positives, units.len() as u64, missing)
}

fn integers(rows: &[Row]) -> ArrayRef {
    let mut lists = ListBuilder::new(Int32Builder::new());
    for row in rows {
        for element in row.iter().flatten() {
            lists.values().append_option(element.map(i32::from));
        }
        lists.append(row.is_some());
    }
    array(lists.finish())
}

fn texts(rows: &[Row]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in rows {
        for element in row.iter().flatten() {
            lists.values().append_option(element.map(|element| element.to_string()));
        }
        lists.append(row.is_some());
    }
    array(lists.finish())
}

/// Every list cut into lists of two, with a NULL list in place of each NULL element that would be alone.
fn nested(rows: &[Row]) -> ArrayRef {
    let mut lists = ListBuilder::new(ListBuilder::new(Int32Builder::new()));
    for row in rows {
        for pair in row.iter().flat_map(|row| row.chunks(2)) {
            if pair == [None] {
                lists.values().append(false);
                continue;
            }
            for element in pair {
                lists.values().values().append_option(element.map(i32::from));
            }
            lists.values().append(true);
        }
        lists.append(row.is_some());
    }
    array(lists.finish())
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let element = prop::option::weighted(0.9, 0..5_u8);
    let row = prop_oneof![3 => prop::collection::vec(element, 0..9), 1 => Just(Vec::new())];
    prop::collection::vec(prop::option::weighted(0.9, row), 1..30)
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn elements_count_one_by_one_however_they_are_stored(rows in rows(), dictionary: bool, page in 1..20_usize) {
        let (positives, units, missing) = expected(&rows);
        prop_assume!(!positives.is_empty());
        let place = Place::new();
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(dictionary)
            .set_data_page_row_count_limit(page)
            .set_max_row_group_row_count(Some(page * 3))
            .set_write_batch_size(page)
            .build();
        let columns = vec![("i", integers(&rows)), ("t", texts(&rows)), ("n", nested(&rows))];
        write_with(&place.path("d/a.parquet"), columns, properties);
        for (column, engine) in [("i", "encoded"), ("i", "plain"), ("t", "encoded"), ("t", "plain"), ("n", "auto")] {
            let labels = ["d", "--labels", column, "--missing-values", "3", "--label-kind", "name"];
            let weights = place.weights(&[&labels[..], &ELEMENTS, &["--engine", engine]].concat());
            let (found, found_units, found_missing) = found(&weights);
            prop_assert_eq!(&found, &positives, "{} {}", column, engine);
            prop_assert_eq!(found_units, units);
            prop_assert!(found_missing.iter().all(|found| *found == missing));
            prop_assert_eq!(&weights["unit"], "element");
        }
    }
}

fn tokens(place: &Place) {
    let rows: [Row; 4] = [
        Some(vec![Some(0), Some(0), Some(1)]),
        Some(vec![Some(0), Some(2), None]),
        None,
        Some(vec![Some(0)]),
    ];
    let columns = vec![
        ("ner", integers(&rows)),
        ("w", array(Float64Array::from(vec![1.0, 2.0, 8.0, 0.5]))),
        ("kind", array(StringArray::from(vec!["x", "y", "y", "y"]))),
    ];
    write(&place.path("d/a.parquet"), columns);
}

#[test]
fn artifacts_say_that_elements_were_counted() {
    let place = Place::new();
    tokens(&place);
    let arguments = [&["d", "--labels", "ner"][..], &ELEMENTS].concat();
    let weights = place.weights(&arguments);
    assert_eq!(
        (&weights["positives"], &weights["negatives"], &weights["missing"], &weights["rows"]),
        (&json!([4, 1, 1]), &json!([2, 5, 5]), &json!([1, 1, 1]), &json!(7))
    );
    assert_eq!(place.json("out/imbalance.json")["unit"], "element");
    assert_eq!(weights["spec"]["unit"], "element");
    let report = std::fs::read_to_string(place.path("out/report.md")).unwrap();
    assert!(report.contains("CrossEntropyLoss"), "{report}");
    assert!(
        report.contains("7 elements, 3 labels") && report.contains("layout list, elements as units"),
        "{report}"
    );
    // Weighing again keeps the unit, and rows do not merge with elements.
    let again = place.run(&["weigh", "out", "--scheme", "log", "--out", "again"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(place.json("again/weights.json")["unit"], "element");
    let by_rows = place.run(&["compute", "d", "--labels", "ner", "--layout", "list", "--out", "rows"]);
    assert_eq!(by_rows.code, 0, "{}", by_rows.stderr);
    assert_eq!(place.json("rows/weights.json")["unit"], Value::Null);
    let mixed = place.run(&["weigh", "out", "rows", "--out", "mixed"]);
    assert!(mixed.code == 4 && mixed.stderr.contains("--unit"), "{}", mixed.stderr);
    // Groups, weights of rows, conditions, saved counts.
    for more in [&["--by", "kind"][..], &["--where", "kind <> 'z'"], &["--state", "s"], &["--state", "s"]] {
        let same = place.weights(&[&arguments[..], more].concat());
        assert_eq!(
            (&same["positives"], &same["rows"]),
            (&weights["positives"], &weights["rows"]),
            "{more:?}"
        );
    }
    let weighed = place.weights(&[&arguments[..], &["--sample-weight", "w"]].concat());
    assert_eq!(weighed["positives_mass"], json!([4.5, 1.0, 2.0]));
    assert_eq!(weighed["negatives_mass"], json!([3.0, 6.5, 5.5]));
}

#[test]
fn lists_inside_lists_are_one_list_of_their_row() {
    let place = Place::new();
    let inner = |rows: Vec<Option<Vec<Option<i32>>>>| ListArray::from_iter_primitive::<Int32Type, _, _>(rows);
    let values = inner(vec![
        Some(vec![Some(0), Some(0)]),
        Some(vec![Some(1), Some(255)]),
        Some(vec![Some(1), Some(1)]),
        Some(vec![Some(1), Some(1)]),
    ]);
    let field = std::sync::Arc::new(arrow::datatypes::Field::new("item", values.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 2]);
    let masks = ListArray::new(field, offsets, array(values), None);
    write(&place.path("m.parquet"), vec![("mask", array(masks)), ("x", array(Int32Array::from(vec![1, 2])))]);
    let base = ["m.parquet", "--labels", "mask", "--layout", "list", "--missing-values", "255"];
    let pixels = place.weights(&[&base[..], &["--unit", "element"]].concat());
    assert_eq!((&pixels["positives"], &pixels["missing"]), (&json!([2, 5]), &json!([1, 1])));
    let images = place.weights(&base);
    assert_eq!((&images["positives"], &images["rows"]), (&json!([1, 2]), &json!(2)));
}

#[test]
fn what_has_no_meaning_for_elements_is_refused() {
    let place = Place::new();
    tokens(&place);
    let refused = |arguments: &[&str], says: &str| {
        let ended = place.run(&[arguments, &["--out", "x"]].concat());
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    };
    let tail = ["--labels", "ner", "--unit", "element"];
    refused(&[&["compute", "d", "--layout", "class"][..], &tail].concat(), "belongs to layout list");
    refused(
        &["compute", "d", "--labels", "w", "--unit", "element", "--threshold", "1"],
        "belongs to layout list",
    );
    let list = [&tail[..], &["--layout", "list"]].concat();
    refused(
        &[&["compute", "d"][..], &list, &["--row-measures", "on"]].concat(),
        "--unit element counts elements",
    );
    refused(&[&["sample", "d", "--plan", "ml-ros"][..], &list].concat(), "--unit element counts elements");
    refused(&["compute", "d", "--unit", "pixel"], "use row or element");
}

#[test]
fn lists_that_repeat_labels_ask_whether_elements_were_meant() {
    let place = Place::new();
    let row = |codes: &[u8]| Some(codes.iter().map(|code| Some(*code)).collect::<Vec<_>>());
    let tokens: Vec<Row> = vec![row(&[0, 0, 0, 1, 0, 0]), row(&[0, 0, 0, 0, 0]), row(&[]), None];
    let sets: Vec<Row> = vec![row(&[0, 1]), row(&[2, 0, 0]), row(&[1]), None];
    let finding = |rows: &[Row], more: &[&str]| {
        write(&place.path("in.parquet"), vec![("tags", integers(rows)), ("names", texts(rows))]);
        place.weights(&[&["in.parquet", "--layout", "list"][..], more].concat());
        let results = place.json("out/run_results.json");
        let all = results["findings"].as_array().unwrap().clone();
        all.into_iter().find(|finding| finding["id"] == "REPEATED_LABELS")
    };
    for labels in ["tags", "names"] {
        for engine in ["auto", "plain"] {
            let flags = ["--labels", labels, "--engine", engine];
            let found = finding(&tokens, &flags).unwrap();
            assert!(found.to_string().contains("--unit element"), "{found}");
            assert!(found.to_string().contains("lists hold 11 labels, in rows with 3 different"), "{found}");
            assert_eq!(finding(&sets, &flags), None);
            assert_eq!(finding(&tokens, &[&flags[..], &["--unit", "element"]].concat()), None);
        }
    }
    // A condition leaves rows out of both numbers.
    assert_eq!(finding(&tokens, &["--labels", "tags", "--where", "false", "--allow-empty"]), None);
    // Counts that an earlier run saved say it, too.
    write(&place.path("in.parquet"), vec![("tags", integers(&tokens))]);
    for reused in [0, 1] {
        place.weights(&["in.parquet", "--layout", "list", "--labels", "tags", "--state", "saved"]);
        let results = place.json("out/run_results.json");
        assert!(results["findings"].to_string().contains("lists hold 11 labels"), "{results}");
        assert_eq!(results["shards"].to_string().matches("reused").count(), reused, "{results}");
    }
}
