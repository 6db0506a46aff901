//! Layout `map`: labels with a value each, against one column per label with the same values.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Float64Builder, Int64Array, ListBuilder, MapBuilder, StringArray, StringBuilder,
};
use arrow::datatypes::DataType;
use parquet::file::properties::{WriterProperties, WriterVersion};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::nested::{column, fields, list};
use crate::support::{Place, array, cases, write, write_with};

const NAMES: [&str; 4] = ["bird", "cat", "dog", "emu"];

/// Labels with values, as often as a row says them; no row says nothing. A label may be NULL.
type Row = Option<Vec<(Option<usize>, Option<f64>)>>;

/// What a run says: counts, masses, weights, measures of rows.
fn says(place: &Place, arguments: &[&str]) -> Result<Value, (i32, String)> {
    let ended = place.run(&[&["compute", "--out", "out", "--overwrite"], arguments].concat());
    if ended.code != 0 {
        return Err((ended.code, ended.stderr));
    }
    let weights = place.json("out/weights.json");
    let measures = place.json("out/imbalance.json");
    let of = [
        "rows",
        "labels",
        "positives",
        "negatives",
        "uncertain",
        "missing",
        "positives_mass",
        "negatives_mass",
    ];
    let rows =
        ["cardinality", "distinct_labelsets", "top_labelsets", "scumble", "cooccurrence", "empty_rows"];
    Ok(json!([of.map(|key| weights[key].clone()), rows.map(|key| measures[key].clone())]))
}

/// How a column was read: by which engine, and how many chunks from pages.
fn route(place: &Place) -> (String, u64) {
    let way = &place.json("out/run_results.json")["counting"]["way"];
    (way["engine"].as_str().unwrap().to_owned(), way["columns"][0]["encoded"].as_u64().unwrap_or(0))
}

/// The value that counts of those that a row says of a label: the highest, and NULL only where it is alone.
fn value(row: &Row, label: usize) -> Option<f64> {
    let said = row.as_ref()?.iter().filter(|(name, _)| *name == Some(label)).map(|(_, value)| *value);
    let said: Vec<Option<f64>> = said.collect();
    if said.is_empty() { Some(0.0) } else { said.into_iter().flatten().reduce(f64::max) }
}

/// One column per label.
fn wide(rows: &[Row]) -> Vec<(&'static str, ArrayRef)> {
    let cells = |label: usize| rows.iter().map(|row| value(row, label)).collect::<Float64Array>();
    NAMES.iter().enumerate().map(|(label, name)| (*name, array(cells(label)))).collect()
}

/// Each row as a list of structs, in JSON.
fn objects(rows: &[Row]) -> Vec<Value> {
    let pair = |(label, value): &(Option<usize>, Option<f64>)| json!({ "box": [1, 2], "name": label.map(|label| NAMES[label]), "score": value });
    rows.iter().map(|row| row.as_ref().map_or(Value::Null, |row| row.iter().map(pair).collect())).collect()
}

fn scored() -> DataType {
    fields(&[("box", list(DataType::Int64)), ("name", DataType::Utf8), ("score", DataType::Float64)])
}

/// Maps with every label as often as the row says it.
fn map(rows: &[Row]) -> ArrayRef {
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Float64Builder::new());
    for row in rows {
        for (label, value) in row.iter().flatten().filter_map(|(label, value)| Some(((*label)?, value))) {
            maps.keys().append_value(NAMES[label]);
            maps.values().append_option(*value);
        }
        maps.append(row.is_some()).unwrap();
    }
    array(maps.finish())
}

/// JSON in even rows, a Python dict in odd ones.
fn texts(rows: &[Row]) -> ArrayRef {
    let text = |(number, row): (usize, &Row)| {
        let pair = |(label, value): &(Option<usize>, Option<f64>)| {
            let python = number % 2 == 1;
            let name = (*label).map(|label| NAMES[label])?;
            let value = value.map(|value| value.to_string());
            let value = value.unwrap_or_else(|| (if python { "None" } else { "null" }).to_owned());
            Some(if python { format!("'{name}': {value}") } else { format!("\"{name}\":{value}") })
        };
        row.as_ref().map(|row| format!("{{{}}}", row.iter().filter_map(pair).collect::<Vec<_>>().join(", ")))
    };
    array(rows.iter().enumerate().map(text).collect::<StringArray>())
}

/// Writes columns with small pages and row groups, beside an id, a split and a weight.
fn shard(place: &Place, mut columns: Vec<(&str, ArrayRef)>, version_2: bool, dictionary: bool) {
    let version = if version_2 { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 };
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_dictionary_enabled(dictionary)
        .set_max_row_group_row_count(Some(40))
        .set_data_page_row_count_limit(7)
        .set_write_batch_size(7)
        .build();
    let rows = i64::try_from(columns[0].1.len()).unwrap();
    let weight = |row: i64| f64::from(i32::try_from(row % 4).unwrap()) / 2.0;
    columns.push(("id", array(Int64Array::from_iter_values(0..rows))));
    columns.push(("weight", array(Float64Array::from_iter_values((0..rows).map(weight)))));
    let split = (0..rows).map(|row| if row % 3 == 0 { "a" } else { "b" });
    columns.push(("split", array(StringArray::from_iter_values(split))));
    write_with(&place.path("in/0.parquet"), columns, properties);
}

fn rows(of: impl Strategy<Value = Vec<(Option<usize>, Option<f64>)>> + 'static) -> BoxedStrategy<Vec<Row>> {
    let row = prop_oneof![1 => Just(None), 8 => of.prop_map(Some)];
    prop::collection::vec(row, 1..120).boxed()
}

fn score() -> impl Strategy<Value = Option<f64>> {
    let some = prop::sample::select(vec![0.0, 0.25, 0.5, 1.0]);
    prop_oneof![1 => Just(None), 6 => some.prop_map(Some)]
}

/// The names of labels, so that labels that no row has keep their places.
fn names(place: &Place) {
    std::fs::write(place.path("names.txt"), NAMES.join("\n")).unwrap();
}

proptest! {
    #![proptest_config(cases(6))]

    /// Lists of structs, anywhere in a column, and lists side by side, may repeat a label and hold NULL.
    #[test]
    fn labels_with_a_value_each_count_as_columns_do(
        rows in rows(prop::collection::vec(
            (prop_oneof![1 => Just(None), 8 => (0..NAMES.len()).prop_map(Some)], score()), 0..5,
        )),
        version_2: bool,
        dictionary: bool,
    ) {
        let place = Place::new();
        names(&place);
        let whole = objects(&rows);
        // Two lists of structs for each row, one inside a list.
        let halves: Vec<Value> = whole.iter().map(|row| match row.as_array() {
            None => json!({ "parts": null }),
            Some(row) => json!({ "parts": row.chunks(2).map(|half| json!(half)).collect::<Vec<_>>() }),
        }).collect();
        let beside: Vec<Value> = whole.iter().map(|row| match row.as_array() {
            None => Value::Null,
            Some(row) => {
                let all = |key: &str| row.iter().map(|one| one[key].clone()).collect::<Vec<_>>();
                json!({ "name": all("name"), "score": all("score") })
            }
        }).collect();
        let lists = fields(&[("name", list(DataType::Utf8)), ("score", list(DataType::Float64))]);
        let mut columns = wide(&rows);
        columns.push(("labels", column(&list(scored()), &whole)));
        columns.push(("page", column(&fields(&[("parts", list(list(scored())))]), &halves)));
        columns.push(("beside", column(&lists, &beside)));
        shard(&place, columns, version_2, dictionary);
        let expected = says(&place, &[
            "in", "--layout", "wide", "--labels", "bird,cat,dog,emu", "--threshold", "0.5",
        ]).unwrap();
        for (root, from_pages) in [("labels", true), ("page.parts", true), ("beside", false)] {
            let (labels, values) = (format!("{root}.name"), format!("{root}.score"));
            let asked = ["in", "--labels", &labels, "--value", &values, "--threshold", "0.5", "--vocabulary", "names.txt"];
            for way in [&["--engine", "encoded"][..], &["--engine", "plain"], &["--where", "id >= 0"]] {
                let found = says(&place, &[&asked, way].concat()).unwrap();
                prop_assert_eq!(&found, &expected, "{} {:?}", root, way);
                if way[1] == "encoded" {
                    // Pages of some encodings are read as arrays.
                    let chunks = if from_pages && (dictionary || !version_2) { rows.len().div_ceil(40) as u64 } else { 0 };
                    prop_assert_eq!(route(&place), ("encoded".to_owned(), chunks), "{}", root);
                }
            }
        }
    }

    /// Maps, and texts that hold objects, with soft values, weights and groups.
    #[test]
    fn maps_and_objects_count_as_columns_do(
        rows in rows(
            prop::collection::btree_map(0..NAMES.len(), score(), 0..4)
                .prop_map(|row| row.into_iter().map(|(label, value)| (Some(label), value)).collect()),
        ),
        version_2: bool,
        dictionary: bool,
    ) {
        let place = Place::new();
        names(&place);
        let mut columns = wide(&rows);
        columns.push(("scores", map(&rows)));
        columns.push(("text", texts(&rows)));
        shard(&place, columns, version_2, dictionary);
        for values in [
            &["--threshold", "0.5"][..],
            &["--threshold", "0.5", "--by", "split"],
            &["--positive-values", "1", "--positive-values", "0.5", "--uncertain-values", "0.25"],
            &["--soft"],
            &["--soft", "--sample-weight", "weight"],
            &["--soft", "--sample-weight", "weight", "--by", "split"],
        ] {
            let oracle = ["in", "--layout", "wide", "--labels", "bird,cat,dog,emu"];
            let expected = says(&place, &[&oracle, values].concat()).unwrap();
            for labels in ["scores", "text"] {
                let asked = ["in", "--labels", labels, "--layout", "map", "--vocabulary", "names.txt"];
                for engine in ["auto", "plain"] {
                    let found = says(&place, &[&asked, values, &["--engine", engine]].concat()).unwrap();
                    prop_assert_eq!(&found, &expected, "{} {} {:?}", labels, engine, values);
                }
            }
        }
    }

    /// Without a vocabulary, labels are the names that some row has.
    #[test]
    fn names_that_are_found_are_those_of_some_row(
        rows in rows(prop::collection::vec(
            ((0..NAMES.len()).prop_map(Some), score()), 0..3,
        )),
        version_2: bool,
    ) {
        let place = Place::new();
        let mut columns = wide(&rows);
        columns.push(("scores", map(&rows)));
        columns.push(("text", texts(&rows)));
        shard(&place, columns, version_2, true);
        let named = |label: usize| rows.iter().flatten().flatten().any(|(name, _)| *name == Some(label));
        let labels: Vec<&str> = NAMES.iter().enumerate().filter(|(at, _)| named(*at)).map(|(_, n)| *n).collect();
        prop_assume!(!labels.is_empty());
        let list = labels.join(",");
        let weighed = ["--soft", "--sample-weight", "weight", "--by", "split"];
        for values in [&["--threshold", "0.5"][..], &weighed] {
            let wide = ["in", "--layout", "wide", "--labels", &list];
            let expected = says(&place, &[&wide, values].concat()).unwrap();
            for labels in ["scores", "text"] {
                for engine in ["auto", "plain"] {
                    let asked = ["in", "--labels", labels, "--layout", "map", "--engine", engine];
                    prop_assert_eq!(&says(&place, &[&asked, values].concat()).unwrap(), &expected, "{}", labels);
                }
            }
        }
    }
}

fn scores() -> ArrayRef {
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Float64Builder::new());
    for row in
        [Some(vec![("cat", Some(1.0)), ("dog", Some(0.0))]), Some(vec![("dog", None)]), Some(vec![]), None]
    {
        for (name, score) in row.iter().flatten() {
            maps.keys().append_value(name);
            maps.values().append_option(*score);
        }
        maps.append(row.is_some()).unwrap();
    }
    array(maps.finish())
}

fn counts(place: &Place, arguments: &[&str]) -> Value {
    let said = says(place, arguments).unwrap();
    json!([said[0][1], said[0][2], said[0][3], said[0][5]])
}

#[test]
fn a_map_is_read_as_one_by_its_type_wherever_it_is() {
    let place = Place::new();
    let inside = json!({ "scores": { "cat": 1.0, "dog": 0.0 } });
    let entries = fields(&[("key", DataType::Utf8), ("value", DataType::Float64)]);
    let map_type = match scores().data_type() {
        DataType::Map(entries, sorted) => DataType::Map(Arc::clone(entries), *sorted),
        other => panic!("{other}"),
    };
    write(&place.path("in/0.parquet"), vec![("scores", scores())]);
    let counted = json!([["cat", "dog"], [1, 0], [2, 2], [1, 2]]);
    for arguments in [
        &["in"][..],
        &["in", "--labels", "scores"],
        &["in", "--layout", "map"],
        &["in", "--labels", "scores.key", "--value", "scores.value"],
    ] {
        assert_eq!(counts(&place, arguments), counted, "{arguments:?}");
    }
    let page = column(&fields(&[("scores", map_type), ("entry", entries)]), &[inside]);
    write(&place.path("deep/0.parquet"), vec![("page", page)]);
    assert_eq!(
        counts(&place, &["deep", "--labels", "page.scores"]),
        json!([["cat", "dog"], [1, 0], [0, 1], [0, 0]])
    );
}

#[test]
fn declared_values_are_those_of_labels_and_never_keys() {
    let place = Place::new();
    let text = StringArray::from(vec![Some("{'-1': 1, '0': -1}"), Some(""), Some("{'-1': 0}")]);
    write(&place.path("in/0.parquet"), vec![("y", array(text))]);
    let declared = ["in", "--labels", "y", "--layout", "map", "--missing-values=-1", "--missing-values="];
    let counted = json!([["-1", "0"], [1, 0], [1, 1], [1, 2]]);
    for engine in ["auto", "plain"] {
        let found = counts(&place, &[&declared[..], &["--engine", engine]].concat());
        assert_eq!(found, counted, "{engine}");
    }
}

#[test]
fn names_in_maps_are_trimmed_and_folded_as_others_are() {
    let place = Place::new();
    let text = StringArray::from(vec!["{'Cat ': 1}", "{'cat': 0, 'CAT': 1}", "{}"]);
    write(&place.path("in/0.parquet"), vec![("y", array(text))]);
    for engine in ["auto", "plain"] {
        let asked = ["in", "--labels", "y", "--trim", "--ignore-case", "--engine", engine];
        assert_eq!(counts(&place, &asked), json!([["Cat"], [2], [1], [0]]), "{engine}");
    }
}

#[test]
fn a_malformed_cell_is_named_with_its_row_and_how_it_begins() {
    let place = Place::new();
    let long = format!("{{\"cat\": 1, \"dog\" 0, {}", "x".repeat(100));
    let mut cells: Vec<String> = (0..30).map(|i| format!("{{\"cat {i}\": 1}}")).collect();
    cells.insert(17, long.clone());
    write(&place.path("in/0.parquet"), vec![("y", array(StringArray::from(cells)))]);
    for engine in ["auto", "plain"] {
        let (code, message) =
            says(&place, &["in", "--labels", "y", "--layout", "map", "--engine", engine]).unwrap_err();
        let begins = format!("{:?}", &long[..40]);
        let said = ["in/0.parquet", "column \"y\"", "row 17", &begins, "a colon after the key"];
        assert!(code == 4 && said.iter().all(|part| message.contains(part)), "{message}");
    }
    // Most cells are objects: the reading is sure, and the cell is refused.
    let (code, message) = says(&place, &["in", "--labels", "y"]).unwrap_err();
    assert!(code == 4 && message.contains("row 17"), "{message}");
}

#[test]
fn a_value_without_a_meaning_names_its_label() {
    let place = Place::new();
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Float64Builder::new());
    maps.keys().append_value("cat");
    maps.values().append_value(0.7);
    maps.append(true).unwrap();
    write(&place.path("in/0.parquet"), vec![("scores", array(maps.finish()))]);
    for engine in ["encoded", "plain"] {
        let (code, message) =
            says(&place, &["in", "--labels", "scores", "--layout", "map", "--engine", engine]).unwrap_err();
        assert!(code == 4 && message.contains("label \"cat\" has value 0.7"), "{message}");
        assert!(message.contains("--threshold"), "{message}");
    }
    std::fs::write(place.path("names.txt"), "dog\n").unwrap();
    for engine in ["encoded", "plain"] {
        let asked = ["in", "--threshold", "0.5", "--vocabulary", "names.txt", "--engine", engine];
        let (code, message) = says(&place, &asked).unwrap_err();
        assert!(code == 4 && message.contains("\"cat\" is not in the vocabulary"), "{message}");
    }
}

#[test]
fn lists_of_different_length_are_refused() {
    let place = Place::new();
    let lists = fields(&[("name", list(DataType::Utf8)), ("score", list(DataType::Float64))]);
    let rows = [json!({"name": ["cat"], "score": [1.0]}), json!({"name": ["cat", "dog"], "score": [1.0]})];
    write(&place.path("in/0.parquet"), vec![("y", column(&lists, &rows))]);
    let asked = ["in", "--labels", "y.name", "--value", "y.score"];
    let (code, message) = says(&place, &asked).unwrap_err();
    assert!(code == 4 && message.contains("2 labels beside 1 values"), "{message}");
}

#[test]
fn rows_of_maps_can_be_sampled_and_copied_but_not_edited() {
    let place = Place::new();
    write(&place.path("in/0.parquet"), vec![("scores", scores())]);
    let sample = |plan: &str| {
        place.run(&["sample", "in", "--plan", plan, "--materialize", "--out", "s", "--overwrite"])
    };
    let ended = sample("stratified-split:folds=2");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(counts(&place, &["s/sampled"]), counts(&place, &["in"]));
    // Without copies there is nothing to train on.
    for more in [&["--materialize"][..], &[], &["--dry-run"], &["--plan", "ml-ros", "--dry-run"]] {
        let remedial = ["sample", "in", "--plan", "remedial", "--out", "s", "--overwrite"];
        let ended = place.run(&[&remedial[..], more].concat());
        assert!(ended.code == 2 && ended.stderr.contains("layout map"), "{}", ended.stderr);
        assert!(
            !ended.stderr.contains("--materialize") && ended.stderr.contains("--layout list"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn shards_may_hold_values_of_different_types() {
    let place = Place::new();
    let of = |value: DataType| list(fields(&[("name", DataType::Utf8), ("score", value)]));
    let row = [json!([{"name": "cat", "score": 1}, {"name": "dog", "score": 0}])];
    write(&place.path("in/0.parquet"), vec![("y", column(&of(DataType::Int64), &row))]);
    write(&place.path("in/1.parquet"), vec![("y", column(&of(DataType::Float64), &row))]);
    let asked = ["in", "--labels", "y.name", "--value", "y.score"];
    assert_eq!(counts(&place, &asked), json!([["cat", "dog"], [2, 0], [0, 2], [0, 0]]));
    let (code, message) = says(&place, &[&asked[..], &["--engine", "plain"]].concat()).unwrap_err();
    assert!(code == 4 && message.contains("y.score"), "{message}");
}

#[test]
fn null_as_says_what_values_are_and_not_what_rows_are() {
    let place = Place::new();
    let text = StringArray::from(vec![Some("{'cat': 1, 'dog': None}"), None, Some("{'dog': 1}")]);
    write(&place.path("in/0.parquet"), vec![("scores", scores().slice(0, 3)), ("y", array(text))]);
    let asked = |labels: &str, side: &str, engine: &str| {
        counts(&place, &["in", "--labels", labels, "--layout", "map", "--null-as", side, "--engine", engine])
    };
    for engine in ["auto", "plain"] {
        assert_eq!(asked("y", "negative", engine), json!([["cat", "dog"], [1, 1], [1, 1], [1, 1]]));
        assert_eq!(asked("y", "positive", engine), json!([["cat", "dog"], [1, 2], [1, 0], [1, 1]]));
        assert_eq!(asked("scores", "positive", engine), json!([["cat", "dog"], [1, 1], [2, 2], [0, 0]]));
    }
}

#[test]
fn the_proposed_spec_of_a_map_counts_it() {
    let place = Place::new();
    write(&place.path("in/0.parquet"), vec![("scores", scores())]);
    let ended = place.run(&["inspect", "in"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    std::fs::write(place.path("spec.toml"), &ended.stdout).unwrap();
    let ended = place.run(&["run", "spec.toml"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let labels: BTreeMap<String, Value> = serde_json::from_value(place.json("weights/weights.json")).unwrap();
    assert_eq!(labels["positives"], json!([1, 0]));
}

#[test]
fn a_shard_without_the_map_is_asked_about() {
    let place = Place::new();
    write(
        &place.path("in/0.parquet"),
        vec![("scores", scores()), ("id", array(Int64Array::from(vec![1; 4])))],
    );
    write(&place.path("in/1.parquet"), vec![("id", array(Int64Array::from(vec![1, 2])))]);
    let (code, message) = says(&place, &["in", "--labels", "scores"]).unwrap_err();
    assert!(code == 4 && message.contains("in/1.parquet"), "{message}");
    for engine in ["encoded", "plain"] {
        let asked = ["in", "--labels", "scores", "--missing-columns", "missing", "--engine", engine];
        assert_eq!(counts(&place, &asked), json!([["cat", "dog"], [1, 0], [2, 2], [3, 4]]), "{engine}");
    }
}

#[test]
fn a_map_of_lists_is_not_read() {
    let place = Place::new();
    let mut maps = MapBuilder::new(None, StringBuilder::new(), ListBuilder::new(Float64Builder::new()));
    maps.keys().append_value("cat");
    maps.values().append(true);
    maps.append(true).unwrap();
    write(&place.path("in/0.parquet"), vec![("boxes", array(maps.finish()))]);
    let (code, message) = says(&place, &["in", "--labels", "boxes", "--layout", "map"]).unwrap_err();
    assert!(code == 4 && message.contains("\"boxes\""), "{message}");
}

#[test]
fn values_in_other_lists_than_their_labels_are_refused() {
    let place = Place::new();
    let part = fields(&[("score", DataType::Float64)]);
    let object = fields(&[("name", DataType::Utf8), ("parts", list(part))]);
    let row =
        json!([{"name": "cat", "parts": [{"score": 1.0}, {"score": 0.0}]}, {"name": "dog", "parts": []}]);
    write(&place.path("in/0.parquet"), vec![("objects", column(&list(object), &[row]))]);
    let asked = ["in", "--labels", "objects.name", "--value", "objects.parts.score"];
    let (code, message) = says(&place, &asked).unwrap_err();
    assert!(code == 4 && message.contains("not in the same lists"), "{message}");
}

#[test]
fn number_keys_of_python_dicts_are_indices_as_those_of_maps_are() {
    let place = Place::new();
    let cells = |texts: [&'static str; 2]| vec![("p", array(StringArray::from(texts.to_vec())))];
    write(&place.path("numbers.parquet"), cells(["{0: 1, 2: 1}", "{10: 1}"]));
    write(&place.path("texts.parquet"), cells(["{\"0\": 1, \"2\": 1}", "{\"10\": 1}"]));
    for engine in ["auto", "plain"] {
        let flags = ["--layout", "map", "--labels", "p", "--engine", engine];
        let numbers = place.weights(&[&["numbers.parquet"], &flags[..]].concat());
        let indices: Vec<String> = (0..11).map(|index| index.to_string()).collect();
        assert_eq!(numbers["labels"], json!(indices), "{engine}");
        assert_eq!(numbers["positives"], json!([1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]), "{engine}");
        // Texts are names, in the order of their characters.
        let texts = place.weights(&[&["texts.parquet"], &flags[..]].concat());
        assert_eq!(texts["labels"], json!(["0", "10", "2"]), "{engine}");
    }
}
