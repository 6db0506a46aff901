//! Layout `long` says what the same rows say in a layout with one row each: soft values, weights, row measures.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, Float64Array, Int64Array, ListBuilder, StringArray, StringBuilder, UInt8Array};
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Place, array, cases, root, write, write_with};

const LONG: [&str; 6] = ["--layout", "long", "--id", "id", "--labels", "label"];

/// A line of layout `long`.
#[derive(Debug, Clone)]
struct Line {
    id: i64,
    label: Option<usize>,
    value: Option<f64>,
}

const NAMES: [&str; 4] = ["ant", "bee", "cow", "dog"];

fn weight(id: i64) -> f64 {
    [0.0, 0.25, 1.0, 3.5][usize::try_from(id % 4).unwrap()]
}

/// Ids as they are, or so long that only their hashes are kept.
fn ids(lines: &[Line], long: bool) -> ArrayRef {
    if long {
        let text = |line: &Line| format!("a-name-of-a-row-that-is-long-{}", line.id);
        return array(StringArray::from_iter_values(lines.iter().map(text)));
    }
    array(Int64Array::from_iter_values(lines.iter().map(|line| line.id)))
}

fn write_lines(place: &Place, lines: &[Line], long: bool) {
    for (number, lines) in lines.chunks(lines.len().div_ceil(3)).enumerate() {
        let kind = |line: &Line| ["x", "y"][usize::from(line.id % 3 == 0)];
        let columns = vec![
            ("id", ids(lines, long)),
            (
                "label",
                array(lines.iter().map(|line| line.label.map(|at| NAMES[at])).collect::<StringArray>()),
            ),
            ("p", array(lines.iter().map(|line| line.value).collect::<Float64Array>())),
            ("w", array(Float64Array::from_iter_values(lines.iter().map(|line| weight(line.id))))),
            ("kind", array(StringArray::from_iter_values(lines.iter().map(kind)))),
        ];
        write(&place.path(&format!("d/{number}.parquet")), columns);
    }
}

fn line() -> impl Strategy<Value = Line> {
    let value = prop_oneof![
        1 => Just(None),
        8 => prop::sample::select(vec![0.0, 0.25, 0.5, 0.75, 1.0]).prop_map(Some),
    ];
    (0..9_i64, prop::option::weighted(0.9, 0..NAMES.len()), value).prop_map(|(id, label, value)| Line {
        id,
        label,
        value,
    })
}

/// Positive and negative mass of each label, by definition: of several values of a pair the largest counts, NULL
/// only where there is no other; pairs that are not listed are 0.
fn masses(lines: &[Line], weight: impl Fn(i64) -> f64, rows: i64) -> BTreeMap<&'static str, [f64; 2]> {
    let mut weights: BTreeMap<i64, f64> = lines.iter().map(|line| (line.id, weight(line.id))).collect();
    let listed = i64::try_from(weights.len()).unwrap();
    (listed..rows).for_each(|more| {
        weights.insert(1000 + more, 1.0);
    });
    let labels: BTreeMap<usize, &str> =
        lines.iter().filter_map(|line| line.label).map(|label| (label, NAMES[label])).collect();
    let of = |label: usize| {
        weights.iter().fold([0.0, 0.0], |[yes, no], (id, weight)| {
            let pair = lines.iter().filter(|line| line.id == *id && line.label == Some(label));
            let values: Vec<Option<f64>> = pair.map(|line| line.value).collect();
            match (values.is_empty(), values.into_iter().flatten().reduce(f64::max)) {
                (false, None) => [yes, no],
                (_, value) => {
                    let value = value.unwrap_or(0.0);
                    [yes + weight * value, no + weight * (1.0 - value)]
                }
            }
        })
    };
    labels.into_iter().map(|(label, name)| (name, of(label))).collect()
}

fn masses_of(weights: &Value) -> BTreeMap<String, [f64; 2]> {
    let numbers = |key: &str| -> Vec<f64> {
        weights[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let sides = numbers("positives_mass").into_iter().zip(numbers("negatives_mass"));
    let names = weights["labels"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    names.zip(sides.map(|(yes, no)| [yes, no])).collect()
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn soft_values_and_weights_of_pairs_are_those_of_their_rows(
        lines in prop::collection::vec(line(), 4..40), long: bool, more in 0..3_i64,
    ) {
        prop_assume!(lines.iter().any(|line| line.label.is_some()));
        let place = Place::new();
        write_lines(&place, &lines, long);
        let ids: std::collections::BTreeSet<i64> = lines.iter().map(|line| line.id).collect();
        let rows = i64::try_from(ids.len()).unwrap() + more;
        let named = |masses: BTreeMap<&str, [f64; 2]>| -> BTreeMap<String, [f64; 2]> {
            masses.into_iter().map(|(name, mass)| (name.to_owned(), mass)).collect()
        };
        let text = rows.to_string();
        let soft = [&["d"][..], &LONG, &["--value", "p", "--soft", "--num-rows", &text]].concat();
        let found = place.weights(&soft);
        prop_assert_eq!(masses_of(&found), named(masses(&lines, |_| 1.0, rows)));
        prop_assert_eq!(found["rows"].as_i64(), Some(rows));
        let both = [&["d"][..], &LONG, &["--value", "p", "--soft", "--sample-weight", "w"]].concat();
        prop_assert_eq!(masses_of(&place.weights(&both)), named(masses(&lines, weight, 0)));
        // Groups add up to the whole, and shards that are counted one by one do too.
        let by = place.weights(&[&both[..], &["--by", "kind"]].concat());
        prop_assert_eq!(masses_of(&by), named(masses(&lines, weight, 0)));
        let plain = [&["d"][..], &LONG, &["--sample-weight", "w"]].concat();
        let listed: Vec<Line> = lines.iter().map(|line| Line { value: Some(1.0), ..line.clone() }).collect();
        prop_assert_eq!(masses_of(&place.weights(&plain)), named(masses(&listed, weight, 0)));
    }
}

#[test]
fn listed_pairs_count_in_part_and_the_rest_as_negative() {
    let place = Place::new();
    let line = |id, label, value| Line { id, label: Some(label), value };
    let lines = [line(1, 0, Some(0.9)), line(2, 0, Some(0.3)), line(2, 1, None), line(1, 0, Some(0.5))];
    write_lines(&place, &lines, false);
    let soft = [&["d"][..], &LONG, &["--value", "p", "--soft", "--num-rows", "3"]].concat();
    let weights = place.weights(&soft);
    assert_eq!(masses_of(&weights), [("ant".into(), [1.2, 1.8]), ("bee".into(), [0.0, 2.0])].into());
    assert_eq!(
        (&weights["positives"], &weights["negatives"], &weights["missing"]),
        (&json!([1, 0]), &json!([2, 2]), &json!([0, 1]))
    );
    // Saved counts of single shards are the same.
    for _ in 0..2 {
        let saved = place.weights(&[&soft[..], &["--state", "state"]].concat());
        assert_eq!(masses_of(&saved), masses_of(&weights));
    }
}

#[test]
fn text_ids_are_looked_at_where_footers_say_that_no_other_shard_has_them() {
    let place = Place::new();
    let shard = |number: usize| place.path(&format!("d/{number}.parquet"));
    for number in 0..5 {
        let ids = (0..50).map(|row| format!("patient number {number}{row:03}"));
        let labels = (0..50).map(|row| NAMES[row % 4]);
        let columns = vec![
            ("id", array(StringArray::from_iter_values(ids))),
            ("label", array(StringArray::from_iter_values(labels))),
        ];
        let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
        write_with(&shard(number), columns, properties);
    }
    let flags =
        [&["d"][..], &LONG, &["--threads", "2", "--out", "out", "--row-measures", "on", "--overwrite"]]
            .concat();
    let count = |engine: &str| {
        let ended = place.run(&[&["compute"], &flags[..], &["--engine", engine]].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let weights = place.json("out/weights.json");
        (
            weights["rows"].clone(),
            weights["positives"].clone(),
            ended.stderr.contains("outside of what the footers"),
        )
    };
    for engine in ["encoded", "plain"] {
        assert_eq!(count(engine), (json!(250), json!([65, 65, 60, 60]), false), "{engine}");
    }
    // An id of the second shard, which stands in a page alone and not in the footer, is one of the fourth.
    let mut bytes = std::fs::read(shard(1)).unwrap();
    let at = bytes.windows(19).position(|id| id == b"patient number 1008").unwrap();
    bytes[at + 15] = b'3';
    std::fs::write(shard(1), bytes).unwrap();
    for engine in ["encoded", "plain"] {
        assert_eq!(count(engine), (json!(249), json!([64, 65, 60, 60]), true), "{engine}");
    }
}

#[test]
fn masses_of_pairs_are_refused_where_they_have_no_meaning() {
    let place = Place::new();
    let line = |id, label: usize| Line { id, label: Some(label), value: Some(1.0) };
    write_lines(&place, &[line(1, 0), line(2, 0), line(2, 1)], false);
    let refused = |more: &[&str], code: i32, says: &[&str]| {
        let ended = place.run(&[&["compute", "d"][..], &LONG, more, &["--out", "x"]].concat());
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert!(says.iter().all(|says| ended.stderr.contains(says)), "{}", ended.stderr);
    };
    refused(&["--soft"], 2, &["--soft", "--value COLUMN"]);
    refused(&["--sample-weight", "w", "--num-rows", "9"], 2, &["--num-rows exclude each other", "NULL"]);
    let own = |w: Vec<f64>, ids: ArrayRef| {
        let columns = vec![
            ("id", ids),
            ("label", array(StringArray::from(vec!["a", "b", "c"]))),
            ("w", array(Float64Array::from(w))),
        ];
        write(&place.path("d/0.parquet"), columns);
        for shard in ["d/1.parquet", "d/2.parquet"] {
            let _ = std::fs::remove_file(place.path(shard));
        }
    };
    own(vec![1.0, 2.0, 5.0], array(StringArray::from(vec!["img-7", "img-7", "img-8"])));
    refused(&["--sample-weight", "w"], 4, &["row id \"img-7\" has the weights 1 and 2", "GROUP BY id"]);
    own(vec![2.0, 1.0, 5.0], array(Int64Array::from(vec![3, -9, -9])));
    refused(&["--sample-weight", "w"], 4, &["row id -9 has the weights 1 and 5"]);
    own(vec![2.0, 1.0, f64::NAN], array(Int64Array::from(vec![3, -9, -9])));
    refused(&["--sample-weight", "w"], 4, &["\"w\" holds NaN"]);
}

/// What `imbalance.json` says of rows and labels.
fn measures(place: &Place, arguments: &[&str], file: &str) -> Value {
    place.weights(arguments);
    let mut measures = place.json(file);
    for key in ["source", "findings"] {
        measures.as_object_mut().unwrap().remove(key);
    }
    assert!(measures["distinct_labelsets"].is_number(), "{measures}");
    measures
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn rows_of_pairs_measure_as_rows_of_lists(
        rows in prop::collection::vec(prop::collection::vec(0..NAMES.len(), 0..4), 3..30),
        repeats: bool, long: bool, fewer: bool,
    ) {
        prop_assume!(rows.iter().any(|labels| !labels.is_empty()));
        let place = Place::new();
        let mut lists = ListBuilder::new(StringBuilder::new());
        let mut lines = Vec::new();
        for (id, labels) in (0..).zip(&rows) {
            labels.iter().for_each(|label| lists.values().append_value(NAMES[*label]));
            lists.append(true);
            let one = |label| Line { id, label, value: None };
            lines.extend(labels.iter().map(|label| one(Some(*label))));
            if repeats || labels.is_empty() && !fewer {
                lines.push(one(labels.first().copied()));
            }
        }
        let rotated = lines.len() / 2;
        lines.rotate_left(rotated);
        if fewer {
            lines.retain(|line| line.label.is_some());
        }
        let kind: StringArray = (0..rows.len()).map(|id| Some(["x", "y"][usize::from(id % 3 == 0)])).collect();
        write(&place.path("list.parquet"), vec![("tags", array(lists.finish())), ("kind", array(kind))]);
        write_lines(&place, &lines, long);
        let expected = measures(&place, &["list.parquet", "--labels", "tags"], "out/imbalance.json");
        let (n, mut arguments) = (rows.len().to_string(), [&["d"][..], &LONG].concat());
        if fewer {
            arguments.extend(["--num-rows", &n]);
        }
        for more in [&["--threads", "1"][..], &["--engine", "plain", "--threads", "2"]] {
            let found = measures(&place, &[&arguments[..], more].concat(), "out/imbalance.json");
            prop_assert_eq!(&found, &expected);
        }
        if !fewer {
            let by = |arguments: &[&str]| {
                let file = "out/by/kind=y/imbalance.json";
                measures(&place, &[arguments, &["--by", "kind"]].concat(), file)
            };
            prop_assert_eq!(by(&arguments), by(&["list.parquet", "--labels", "tags"]));
        }
    }

    #[test]
    fn rows_of_pairs_with_values_measure_as_rows_of_columns(
        rows in prop::collection::vec(prop::collection::vec(prop::option::of(0..2_u8), 3), 3..20), fewer: bool,
    ) {
        let place = Place::new();
        let mut lines = Vec::new();
        for (id, cells) in (0..).zip(&rows) {
            let value = |cell: Option<u8>| cell.map(f64::from);
            let pair = |(label, cell): (usize, &Option<u8>)| Line { id, label: Some(label), value: value(*cell) };
            lines.extend(cells.iter().enumerate().map(pair).filter(|line| !fewer || line.value.is_some()));
        }
        // All labels are known, whatever the rows say.
        std::fs::write(place.path("names.txt"), "ant\nbee\ncow\n").unwrap();
        prop_assume!(!lines.is_empty());
        let column = |label: usize| rows.iter().map(|cells| cells[label]).collect::<UInt8Array>();
        let columns = (0..3).map(|label| (NAMES[label], array(column(label)))).collect();
        write(&place.path("wide.parquet"), columns);
        write_lines(&place, &lines, false);
        let n = rows.len().to_string();
        let wide = ["wide.parquet", "--layout", "wide", "--labels", "ant,bee,cow"];
        let long = [&["d"][..], &LONG, &["--value", "p", "--vocabulary", "names.txt", "--num-rows", &n]].concat();
        let file = "out/imbalance.json";
        prop_assert_eq!(measures(&place, &long, file), measures(&place, &wide, file));
    }
}

#[test]
fn pairs_of_the_sample_data_measure_as_its_columns() {
    let place = Place::new();
    let sample = |name: &str| root().join("sample_data").join(name).display().to_string();
    let (wide, pairs) = (sample("wide"), sample("long"));
    let wide = measures(&place, &[&wide, "--labels", "bird,cat,dog"], "out/imbalance.json");
    let long = ["--layout", "long", "--id", "example_id", "--labels", "label", "--num-rows", "12"];
    let long = measures(&place, &[&[&*pairs][..], &long].concat(), "out/imbalance.json");
    assert_eq!(long, wide);
    assert_eq!(long["empty_rows"], 1);
}

#[test]
fn a_label_that_is_missing_wherever_it_is_listed_is_a_label() {
    let place = Place::new();
    for (folder, numbers) in [("names", false), ("indices", true)] {
        for (part, lines) in [(0, [(1, 0), (1, 1)]), (1, [(2, 2), (3, 0)])] {
            let labels: ArrayRef = if numbers {
                array(Int64Array::from_iter_values(lines.iter().map(|line| line.1)))
            } else {
                array(
                    lines
                        .iter()
                        .map(|line| Some(NAMES[usize::try_from(line.1).unwrap()]))
                        .collect::<StringArray>(),
                )
            };
            let values = lines.map(|line| [Some(1.0), Some(0.0), None][usize::try_from(line.1).unwrap()]);
            let columns = vec![
                ("id", array(Int64Array::from_iter_values(lines.iter().map(|line| line.0)))),
                ("label", labels),
                ("p", array(values.into_iter().collect::<Float64Array>())),
                ("w", array(Float64Array::from(vec![1.0, 1.0]))),
            ];
            write(&place.path(&format!("{folder}/{part}.parquet")), columns);
        }
        let ways: [&[&str]; 6] = [
            &[],
            &["--engine", "plain"],
            &["--row-measures", "on"],
            &["--where", "id < 9"],
            &["--by", "w"],
            &["--sample-weight", "w"],
        ];
        for more in ways {
            let found = place.weights(&[&[folder][..], &LONG, &["--value", "p"], more].concat());
            let names = if numbers { json!(["0", "1", "2"]) } else { json!(["ant", "bee", "cow"]) };
            let counts = ["labels", "positives", "negatives", "missing"].map(|key| &found[key]);
            let expected = [&names, &json!([2, 0, 0]), &json!([0, 1, 0]), &json!([1, 2, 3])];
            assert_eq!(counts, expected, "{folder} {more:?}");
        }
        let state = place.path(&format!("{folder}.state"));
        for _ in 0..2 {
            let flags = ["--value", "p", "--ids-disjoint", "--state", state.to_str().unwrap()];
            let found = place.weights(&[&[folder][..], &LONG, &flags].concat());
            assert_eq!(found["missing"], json!([1, 2, 3]), "{folder}");
        }
    }
}
