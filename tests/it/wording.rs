//! What results say of their numbers: findings that apply, hints that work, code that fits.

use std::fs;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int8Array, Int64Array, ListArray, ListBuilder, StringArray,
    StringBuilder,
};
use arrow::datatypes::Int64Type;
use serde_json::{Value, json};

use crate::support::{Ended, Place, array, write};

fn findings(place: &Place) -> Vec<String> {
    let results = place.json("out/run_results.json");
    let found = results["findings"].as_array().unwrap();
    found.iter().map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

/// Findings of a run.
pub(crate) fn found(place: &Place, arguments: &[&str]) -> Vec<String> {
    place.weights(arguments);
    findings(place)
}

pub(crate) fn has(found: &[String], id: &str) -> bool {
    found.iter().any(|one| one == id)
}

pub(crate) fn refused(place: &Place, arguments: &[&str]) -> Ended {
    let ended = place.run(&[&["compute"], arguments, &["--out", "refused"]].concat());
    assert!(ended.code != 0 && !place.path("refused/weights.json").exists(), "{}", ended.stderr);
    ended
}

pub(crate) fn bits(values: &[i8]) -> ArrayRef {
    array(Int8Array::from(values.to_vec()))
}

pub(crate) fn texts(values: &[&str]) -> ArrayRef {
    array(StringArray::from(values.to_vec()))
}

/// Weights that are all the same say nothing, whatever they are.
#[test]
fn numbers_of_rows_weigh_what_rows_weigh() {
    let place = Place::new();
    let columns = |weight: f64| {
        let b = Int8Array::from(vec![Some(1), Some(0), None, Some(0), Some(0), Some(0), Some(0), Some(0)]);
        vec![
            ("a", bits(&[1, 1, 1, 0, 0, 0, 0, 0])),
            ("b", array(b)),
            ("w", array(Float64Array::from(vec![weight; 8]))),
        ]
    };
    let result = |weight: f64, labels: &str, weighted: bool| {
        write(&place.path("w.parquet"), columns(weight));
        let mut asked = vec!["w.parquet", "--layout", "wide", "--labels", labels];
        asked.extend(["--scheme", "repeat-factor:threshold=0.9"]);
        asked.extend(["--scheme", "inverse-frequency:reference=rows"]);
        asked.extend(["--scheme", "inverse-propensity"]);
        if weighted {
            asked.extend(["--sample-weight", "w"]);
        }
        let weights = place.weights(&asked);
        let measures = place.json("out/imbalance.json");
        let of = ["cardinality", "density", "labels_up_to_10", "labels_by_positives"];
        (weights["weights"].clone(), of.map(|name| measures[name].clone()))
    };
    // Of b alone no row knows what all rows weigh; known rows weigh the same.
    for labels in ["a,b", "b"] {
        let plain = result(1.0, labels, false);
        assert_eq!(result(1.0, labels, true), plain, "{labels}");
        let (heavy, measures) = result(1024.0, labels, true);
        assert_eq!(measures, plain.1, "{labels}");
        for scheme in ["repeat-factor_threshold_0.9", "inverse-frequency_reference_rows"] {
            assert_eq!(heavy[scheme], plain.0[scheme], "{labels} {scheme}");
        }
    }
    // Rows that weigh differently: a is known in all of them.
    let mut columns = columns(1.0);
    columns[2].1 = array(Float64Array::from(vec![3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]));
    write(&place.path("w.parquet"), columns);
    place.weights(&["w.parquet", "--layout", "wide", "--labels", "a,b", "--sample-weight", "w"]);
    // Positives weigh 5 and 3, rows 10.
    assert_eq!(place.json("out/imbalance.json")["cardinality"], json!(0.8));
}

#[test]
fn numbers_written_as_texts_are_found_in_the_order_of_texts() {
    let place = Place::new();
    let numbers: Vec<String> = (0..12).map(|number| number.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    write(&place.path("c.parquet"), vec![("y", texts(&numbers))]);
    let pairs: Vec<String> = numbers.iter().map(|number| format!("0 {number}")).collect();
    fs::write(
        place.path("d.csv"),
        format!("id,y\n{}", pairs.iter().map(|y| format!("1,{y}\n")).collect::<String>()),
    )
    .unwrap();
    let mut lists = ListBuilder::new(StringBuilder::new());
    for number in &numbers {
        lists.values().append_value(number);
        lists.append(true);
    }
    write(&place.path("l.parquet"), vec![("y", array(lists.finish()))]);
    write(&place.path("h.parquet"), vec![("y", texts(&numbers)), ("z", texts(&["a"; 12]))]);
    for reading in [
        &["c.parquet", "--layout", "class", "--labels", "y"][..],
        &["d.csv", "--layout", "delimited", "--delimiter", " ", "--labels", "y"],
        &["l.parquet", "--layout", "list", "--labels", "y"],
        &["h.parquet", "--layout", "class", "--labels", "y,z"],
    ] {
        assert!(has(&found(&place, reading), "NUMERIC_NAMES"), "{reading:?}");
        if !reading[0].starts_with('h') {
            let ways_out = [&["--order", "number"][..], &["--num-labels", "12"]];
            for way_out in ways_out {
                let found = found(&place, &[reading, way_out].concat());
                assert!(!has(&found, "NUMERIC_NAMES"), "{reading:?} {way_out:?}");
                assert_eq!(place.json("out/weights.json")["labels"], json!(numbers), "{reading:?}");
            }
            assert!(!has(&found(&place, &[reading, &["--order", "name"]].concat()), "NUMERIC_NAMES"));
        }
    }
    write(&place.path("z.parquet"), vec![("y", texts(&["000", "010", "001"]))]);
    let zeros = ["z.parquet", "--layout", "class", "--labels", "y"];
    assert!(!has(&found(&place, &zeros), "NUMERIC_NAMES"));
}

#[test]
fn the_code_of_a_report_fits_scheme_and_layout() {
    let place = Place::new();
    let columns = vec![
        ("a", bits(&[1, 0, 0])),
        ("b", bits(&[0, 1, 1])),
        ("c", texts(&["x", "y", "x"])),
        ("d", texts(&["u", "v", "v"])),
    ];
    write(&place.path("t.parquet"), columns);
    let code = |arguments: &[&str]| {
        place.weights(&[&["t.parquet"], arguments].concat());
        let page = fs::read_to_string(place.path("out/report.html")).unwrap();
        assert!(page.contains("In PyTorch"));
        let report = fs::read_to_string(place.path("out/report.md")).unwrap();
        report.split_once("```python\n").unwrap().1.split_once("\n```").unwrap().0.to_owned()
    };
    let wide = ["--layout", "wide", "--labels", "a,b"];
    let start = "import torch\nfrom safetensors.torch import load_file\n\n";
    assert_eq!(
        code(&wide),
        format!(
            "{start}pos_weight = load_file(\"pos_weight.safetensors\")[\"pos_weight\"]  # shape [2], label order\n\
             loss = torch.nn.BCEWithLogitsLoss(pos_weight=pos_weight)"
        )
    );
    for (scheme, expected) in [
        ("prior-bias", "layer.bias.copy_(bias)"),
        ("repeat-factor", "WeightedRandomSampler(rows"),
        ("inverse-frequency", "BCEWithLogitsLoss(weight=weight)"),
        ("balanced", "tensors[\"balanced_negative\"]"),
        ("logit-adjustment", "logits + adjustment"),
    ] {
        let code = code(&[&wide[..], &["--scheme", scheme]].concat());
        assert!(code.contains(expected) && !code.contains("pos_weight=pos_weight"), "{scheme}: {code}");
    }
    let class = code(&["--layout", "class", "--labels", "c"]);
    assert!(class.contains("CrossEntropyLoss(weight=weight)") && class.contains("shape [2]"), "{class}");
    let heads = code(&["--layout", "class", "--labels", "c,d"]);
    assert_eq!(
        heads,
        format!(
            "{start}tensors = load_file(\"pos_weight.safetensors\")\nlosses = {{\n    \
             head: torch.nn.CrossEntropyLoss(weight=tensors[f\"pos_weight.{{head}}\"])\n    \
             for head in [\"c\",\"d\"]\n}}\n\n\n\
             def loss(logits, classes):  # one tensor of each per head\n    \
             return sum(losses[head](logits[head], classes[head]) for head in losses)"
        )
    );
}

/// The same tables in every format whose columns are chosen while reading.
#[test]
fn labels_may_leave_out_columns_of_every_format() {
    let place = Place::new();
    fs::write(place.path("a.csv"), "id,cat,dog\n1,0,1\n2,1,1\n").unwrap();
    fs::write(place.path("a.tsv"), "id\tcat\tdog\n1\t0\t1\n2\t1\t1\n").unwrap();
    fs::write(place.path("a.jsonl"), "{\"id\":1,\"cat\":0,\"dog\":1}\n{\"id\":2,\"cat\":1,\"dog\":1}\n")
        .unwrap();
    let columns =
        vec![("id", array(Int64Array::from(vec![1, 2]))), ("cat", bits(&[0, 1])), ("dog", bits(&[1, 1]))];
    let batch = arrow::array::RecordBatch::try_from_iter(columns).unwrap();
    let mut stream = Vec::new();
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(&mut stream, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let file = fs::File::create(place.path("a.feather")).unwrap();
    let mut writer = arrow::ipc::writer::FileWriter::try_new(file, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    for labels in ["!id", "*,!id", "cat,dog,!id"] {
        for file in ["a.csv", "a.tsv", "a.jsonl", "a.feather"] {
            let weights = place.weights(&[file, "--labels", labels]);
            let expected = (&json!(["cat", "dog"]), &json!([1, 2]));
            assert_eq!((&weights["labels"], &weights["positives"]), expected, "{file} {labels}");
        }
        let (code, out, error) =
            place.run_on(&stream, &["compute", "-", "--labels", labels, "--out", "-", "--formats", "json"]);
        assert_eq!(code, 0, "{error}");
        let weights: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(weights["labels"], json!(["cat", "dog"]), "{labels}");
    }
}

#[test]
fn one_shard_has_one_order_of_columns() {
    let place = Place::new();
    let columns = || ["l0", "l1", "l10"].map(|name| (name, bits(&[1, 0]))).to_vec();
    write(&place.path("d/0.parquet"), columns());
    let asked = ["d", "--labels", "l10", "--labels", "l[01]"];
    let weights = place.weights(&asked);
    assert_eq!(weights["labels"], json!(["l10", "l0", "l1"]));
    assert!(!has(&findings(&place), "COLUMN_ORDER"));
    write(&place.path("d/1.parquet"), columns());
    assert!(!has(&found(&place, &asked), "COLUMN_ORDER"));
    let mut turned = columns();
    turned.reverse();
    write(&place.path("d/2.parquet"), turned);
    assert!(has(&found(&place, &asked), "COLUMN_ORDER"));
}

#[test]
fn labels_are_repeated_whatever_else_is_declared_missing() {
    let place = Place::new();
    let rows = |row: &[i64], n: usize| {
        let rows = vec![Some(row.iter().map(|label| Some(*label)).collect::<Vec<_>>()); n];
        array(ListArray::from_iter_primitive::<Int64Type, _, _>(rows))
    };
    write(&place.path("repeated.parquet"), vec![("y", rows(&[0, 0, 1, 1, 1, 0, -100], 30))]);
    write(&place.path("padded.parquet"), vec![("y", rows(&[0, 1, -100, -100, -100, -100, -100], 30))]);
    let several: Vec<&[i64]> = vec![&[0, 0, 1, 1, 1, 0, -100], &[2, 2, 2, 3, 3, 3]];
    let several = several.iter().map(|row| Some(row.iter().map(|label| Some(*label)).collect::<Vec<_>>()));
    let several: ListArray = ListArray::from_iter_primitive::<Int64Type, _, _>(several);
    write(&place.path("plain.parquet"), vec![("y", array(several))]);
    for engine in ["encoded", "plain"] {
        let asked =
            |file| [file, "--layout", "list", "--labels", "y", "--missing-values=-100", "--engine", engine];
        assert!(has(&found(&place, &asked("repeated.parquet")), "REPEATED_LABELS"), "{engine}");
        assert!(has(&found(&place, &asked("plain.parquet")), "REPEATED_LABELS"), "{engine}");
        assert!(!has(&found(&place, &asked("padded.parquet")), "REPEATED_LABELS"), "{engine}");
    }
}

#[test]
fn labels_that_look_alike_are_found() {
    let place = Place::new();
    let names = [
        "STRASSE",
        "straße",
        "caf\u{e9}",
        "cafe\u{301}",
        "red car",
        "red\u{a0}car",
        "dog",
        "do\u{200b}g",
        "owl",
    ];
    write(&place.path("c.parquet"), vec![("y", texts(&names))]);
    place.weights(&["c.parquet", "--layout", "class", "--labels", "y"]);
    let results = place.json("out/run_results.json");
    let all = results["findings"].as_array().unwrap();
    let similar = all.iter().find(|finding| finding["id"] == "SIMILAR_LABELS").unwrap();
    assert!(similar.to_string().contains("8 of 9 labels"), "{similar}");
}

#[test]
fn uncertain_values_are_shown_on_their_own() {
    let place = Place::new();
    let a = Int8Array::from(vec![Some(1), Some(0), Some(-1), Some(-1), None]);
    write(&place.path("u.parquet"), vec![("a", array(a))]);
    let asked =
        ["compute", "u.parquet", "--labels", "a", "--uncertain-values=-1", "--out", "out", "--overwrite"];
    let ended = place.run(&asked);
    let weights = place.json("out/weights.json");
    assert_eq!((&weights["uncertain"], &weights["missing"]), (&json!([2]), &json!([1])));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let heading =
        ended.stderr.lines().chain(ended.stdout.lines()).find(|line| line.contains("positives")).map(words);
    assert_eq!(heading.unwrap()[..5], ["label", "positives", "negatives", "uncertain", "missing"]);
    let report = fs::read_to_string(place.path("out/report.md")).unwrap();
    assert!(report.contains("| negatives | uncertain | missing |"), "{report}");
    assert!(report.contains("| `a` | 1 | 1 | 2 | 1 |"), "{report}");
    let page = fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(page.contains("Uncertain</th>"));
    let ended = place.run(&[&asked[..], &["--uncertain-as", "missing"]].concat());
    assert!(ended.code == 0 && !ended.stderr.contains("uncertain"), "{}", ended.stderr);
}

#[test]
fn an_empty_cell_of_a_text_file_may_be_a_row_without_labels() {
    let place = Place::new();
    fs::write(place.path("a.csv"), "id,y\n1,u;v\n2,\n3,u\n4,\n").unwrap();
    let asked = ["a.csv", "--layout", "delimited", "--delimiter", ";", "--labels", "y"];
    assert!(has(&found(&place, &asked), "EMPTY_CELLS"));
    assert_eq!(place.json("out/weights.json")["missing"], json!([2, 2]));
    for engine in ["auto", "plain"] {
        let negative = [&asked[..], &["--null-as", "negative", "--engine", engine]].concat();
        assert!(!has(&found(&place, &negative), "EMPTY_CELLS"));
        let weights = place.json("out/weights.json");
        assert_eq!((&weights["positives"], &weights["negatives"]), (&json!([2, 1]), &json!([2, 3])));
        assert_eq!(place.json("out/imbalance.json")["empty_rows"], json!(2), "{engine}");
        assert_eq!(place.json("out/imbalance.json")["unknown_rows"], json!(0), "{engine}");
    }
    // A whole cell that is declared missing stays so.
    let declared = [&asked[..], &["--null-as", "negative", "--missing-values", "u"]].concat();
    assert_eq!(place.weights(&declared)["missing"], json!([1]));
    // Lists, and weights of rows.
    let lists = vec![Some(vec![Some(0), Some(1)]), None, Some(vec![]), Some(vec![Some(1)])];
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(lists);
    let weight = Float64Array::from(vec![1.0, 2.0, 4.0, 8.0]);
    write(&place.path("l.parquet"), vec![("y", array(lists)), ("w", array(weight))]);
    let asked = ["l.parquet", "--layout", "list", "--labels", "y", "--sample-weight", "w"];
    let known = place.weights(&asked);
    assert_eq!((&known["missing"], &known["negatives_mass"]), (&json!([1, 1]), &json!([12.0, 4.0])));
    let all = place.weights(&[&asked[..], &["--null-as", "negative"]].concat());
    assert_eq!((&all["missing"], &all["negatives_mass"]), (&json!([0, 0]), &json!([14.0, 6.0])));
    let ended = refused(&place, &[&asked[..], &["--null-as", "positive"]].concat());
    assert!(ended.stderr.contains("use --null-as negative"), "{}", ended.stderr);
    // What is no text file has no empty cells.
    assert!(!has(&found(&place, &asked), "EMPTY_CELLS"));
}

#[test]
fn hints_fit_vectors_and_booleans() {
    let place = Place::new();
    let rows = [vec![1, 0, 0, 1, 0], vec![1, 0, 0, 1]]
        .map(|row| Some(row.into_iter().map(Some).collect::<Vec<_>>()));
    write(
        &place.path("v.parquet"),
        vec![("y", array(ListArray::from_iter_primitive::<Int64Type, _, _>(rows)))],
    );
    let ended = refused(&place, &["v.parquet", "--layout", "vector", "--labels", "y", "--num-labels", "5"]);
    assert!(
        ended.stderr.contains("one number for each label") && !ended.stderr.contains("--positive-values"),
        "{}",
        ended.stderr
    );
    write(&place.path("b.parquet"), vec![("cat", array(BooleanArray::from(vec![true, false])))]);
    let ended = refused(&place, &["b.parquet", "--layout", "class", "--labels", "cat"]);
    assert!(ended.stderr.contains("--labels cat --layout wide"), "{}", ended.stderr);
    place.weights(&["b.parquet", "--labels", "cat", "--layout", "wide"]);
}

#[test]
fn a_weight_that_is_none_has_a_row() {
    let place = Place::new();
    let columns = |weights: Vec<Option<f64>>| {
        vec![
            ("a", bits(&[1, 0, 1])),
            ("y", texts(&["u", "v", "u"])),
            ("w", array(Float64Array::from(weights))),
        ]
    };
    write(&place.path("d/0.parquet"), columns(vec![Some(1.0); 3]));
    for (bad, what) in [
        (Some(-2.5), "-2.5"),
        (None, "NULL"),
        (Some(f64::NAN), "NaN"),
        (Some(5e-324), "5e-324"),
        (Some(1e300), "1e300"),
    ] {
        write(&place.path("d/1.parquet"), columns(vec![Some(1.0), Some(1.0), bad]));
        let expected = format!("1.parquet: --sample-weight column \"w\" holds {what} in row 2 (from 0)");
        for reading in [["--layout", "wide", "--labels", "a"], ["--layout", "class", "--labels", "y"]] {
            let ended = refused(&place, &[&["d", "--sample-weight", "w"], &reading[..]].concat());
            assert!(ended.code == 4 && ended.stderr.contains(&expected), "{}", ended.stderr);
        }
    }
}

#[test]
fn classes_that_count_from_one_are_found() {
    let place = Place::new();
    write(&place.path("c.parquet"), vec![("y", array(Int64Array::from(vec![1, 2, 3, 3, 2, 1])))]);
    let asked = ["c.parquet", "--layout", "class", "--labels", "y"];
    let one_based = found(&place, &asked);
    assert!(has(&one_based, "UNUSED_INDEX_0") && !has(&one_based, "NO_POSITIVES"), "{one_based:?}");
    let named = found(&place, &[&asked[..], &["--label-kind", "name"]].concat());
    assert!(!has(&named, "UNUSED_INDEX_0"), "{named:?}");
    assert_eq!(place.json("out/weights.json")["labels"], json!(["1", "2", "3"]));
    // A hole elsewhere is a label without positives.
    write(&place.path("c.parquet"), vec![("y", array(Int64Array::from(vec![1, 3, 3, 1])))]);
    let hole = found(&place, &asked);
    assert!(!has(&hole, "UNUSED_INDEX_0") && has(&hole, "NO_POSITIVES"), "{hole:?}");
}

#[test]
fn labels_that_avoid_each_other_do_not_go_together() {
    let place = Place::new();
    let a: Vec<i8> = (0..100).map(|row| i8::from(row < 50)).collect();
    let b: Vec<i8> = (0..100).map(|row| i8::from(row >= 44)).collect();
    let c: Vec<i8> = (0..100).map(|row| i8::from(row < 48)).collect();
    write(&place.path("w.parquet"), vec![("a", bits(&a)), ("b", bits(&b)), ("c", bits(&c))]);
    place.weights(&["w.parquet", "--row-measures", "on"]);
    let report = fs::read_to_string(place.path("out/report.md")).unwrap();
    let (_, pairs) = report.split_once("## Labels that go together").unwrap();
    assert!(pairs.contains("| `a` | `c` |") && !pairs.contains("| `a` | `b` |"), "{pairs}");
}

#[test]
fn numbers_with_many_zeros_are_powers_of_ten() {
    let place = Place::new();
    let floats = |values: &[f64]| array(Float64Array::from(values.to_vec()));
    write(
        &place.path("f.parquet"),
        vec![("a", floats(&[0.0, 1.0, 1e300])), ("b", floats(&[0.0, 1.0, 0.25]))],
    );
    for engine in ["auto", "plain"] {
        for (label, value) in [("a", "1e300"), ("b", "0.25")] {
            let ended =
                refused(&place, &["f.parquet", "--layout", "wide", "--labels", label, "--engine", engine]);
            assert!(ended.stderr.contains(&format!("value {value} is neither")), "{}", ended.stderr);
        }
    }
}
