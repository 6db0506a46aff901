//! Every flag about values in every layout: it changes what is counted, or it is refused.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Ended, Place, some};

/// A layout with the flags that read it, whether its cells are values, and a row of it with such a cell.
type Shape = (&'static str, &'static [&'static str], bool, fn(usize, &Value) -> Value);

const SHAPES: [Shape; 9] = [
    ("wide", &["--labels", "a"], true, |_, cell| json!({ "a": cell })),
    ("vector", &["--labels", "v"], true, |_, cell| json!({"v": ["1", cell]})),
    ("map", &["--labels", "m"], true, |_, cell| json!({"m": {"cat": cell, "dog": "1"}})),
    (
        "long",
        &["--labels", "l", "--id", "id", "--value", "v"],
        true,
        |i, cell| json!({"id": i, "l": "cat", "v": cell}),
    ),
    ("long", &["--labels", "l", "--id", "id"], false, |i, cell| json!({"id": i, "l": cell})),
    ("class", &["--labels", "l"], false, |_, cell| json!({ "l": cell })),
    (
        "list",
        &["--labels", "l"],
        false,
        |_, cell| json!({"l": if cell.is_null() { Value::Null } else { json!([cell, "b"]) }}),
    ),
    (
        "delimited",
        &["--labels", "l", "--delimiter", "|"],
        false,
        |_, cell| json!({"l": cell.as_str().map(|text| format!("{text}|b"))}),
    ),
    (
        "bits",
        &["--labels", "b"],
        false,
        |_, cell| json!({"b": match cell { Value::Null => Value::Null, Value::String(text) if text == "-1" => json!(-1), _ => json!(3) }}),
    ),
];

/// A flag, what is given before it, and a cell that it changes, of values and of labels.
const FLAGS: [(&[&str], &[&str], Option<&str>); 10] = [
    (&["--positive-values=1,yes"], &[], Some("yes")),
    (&["--negative-values=0,no"], &[], Some("no")),
    (&["--missing-values=-1"], &[], Some("-1")),
    (&["--uncertain-values=maybe"], &[], Some("maybe")),
    (&["--uncertain-as", "positive"], &["--uncertain-values=maybe"], Some("maybe")),
    (&["--threshold", "0.5"], &[], Some("0.7")),
    (&["--soft"], &[], Some("0.7")),
    (&["--null-as", "negative"], &[], None),
    (&["--trim"], &[], Some(" 1")),
    (&["--ignore-case"], &[], Some("TRUTH")),
];

/// Whether a flag acts on layouts whose cells name labels.
fn acts_on_labels(layout: &str, flag: &str) -> bool {
    match flag.split('=').next().unwrap() {
        "--missing-values" => true,
        "--trim" | "--ignore-case" => layout != "bits",
        "--null-as" => matches!(layout, "list" | "delimited"),
        _ => false,
    }
}

fn counts(place: &Place, ended: &Ended) -> Option<[Value; 4]> {
    (ended.code == 0).then(|| {
        let found = place.json("out/weights.json");
        ["labels", "positives", "negatives", "missing"].map(|key| found[key].clone())
    })
}

#[test]
fn every_flag_about_values_acts_or_is_refused() {
    let place = Place::new();
    let pairs = SHAPES.into_iter().flat_map(|shape| FLAGS.map(|flag| (shape, flag)));
    for ((layout, columns, is_of_values, row), (flag, before, cell)) in some(pairs) {
        let cell = cell.map_or(Value::Null, |text| json!(text));
        let cells = [json!("1"), json!("0"), json!("truth"), cell];
        // Layouts of values know no other words than those that a flag declares.
        let is_word = |cell: &Value| cell == "truth" && (!is_of_values || flag[0] != "--ignore-case");
        let cells = cells.iter().filter(|cell| !(is_of_values && is_word(cell)));
        let rows = cells.enumerate().map(|(i, cell)| format!("{}\n", row(i, cell)));
        fs::write(place.path("rows.jsonl"), rows.collect::<String>()).unwrap();
        let words: &[&str] =
            if is_of_values && flag[0] == "--ignore-case" { &["--positive-values=1,truth"] } else { before };
        let first =
            [&["compute", "rows.jsonl", "--layout", layout, "--out", "out", "--overwrite"][..], columns];
        let without = place.run(&[&first.concat()[..], words].concat());
        let counted = counts(&place, &without);
        let ended = place.run(&[&first.concat()[..], words, flag].concat());
        let case = format!("{layout} {columns:?} {flag:?}: {}{}", ended.stdout, ended.stderr);
        if is_of_values || acts_on_labels(layout, flag[0]) {
            assert_eq!(ended.code, 0, "{case}");
            assert_ne!(counts(&place, &ended), counted, "{case}");
        } else {
            assert_eq!(ended.code, 2, "{case}");
            let name = flag[0].split(['=', ' ']).next().unwrap();
            let name = if name == "--uncertain-as" { "--uncertain-values" } else { name };
            assert!(ended.stderr.contains(&format!("{name} ")), "{case}");
            assert!(ended.stderr.contains(&format!("layout {layout}")), "{case}");
        }
    }
}

#[test]
fn a_flag_that_cannot_act_is_refused_wherever_it_is_said() {
    const LABELS: [&str; 3] = ["cat", "dog", "unsure"];
    let place = Place::new();
    let rows = (0..40).map(|i| format!("{}\n", json!({"x": i, "label": LABELS[i % 3]})));
    fs::write(place.path("rows.jsonl"), rows.collect::<String>()).unwrap();
    let refused = |ended: &Ended| {
        assert_eq!(ended.code, 2, "{}{}", ended.stdout, ended.stderr);
        let stderr = &ended.stderr;
        assert!(stderr.contains("--uncertain-values has no effect in layout class"), "{stderr}");
        assert!(stderr.contains("layouts wide, vector, map and long with"), "{stderr}");
        assert!(stderr.replace('_', "-").contains("missing-values"), "{stderr}");
    };
    // Where the layout is detected, in a pipeline file, and in a query.
    refused(&place.run(&["compute", "rows.jsonl", "--uncertain-values", "unsure", "--out", "out"]));
    let pipeline =
        "shards = \"rows.jsonl\"\nlabels = \"label\"\nuncertain_values = \"unsure\"\nout = \"out\"\n";
    fs::write(place.path("p.toml"), pipeline).unwrap();
    refused(&place.run(&["run", "p.toml"]));
    let query = "SELECT * FROM label_counts('rows.jsonl', 'labels=label, uncertain_values=unsure')";
    refused(&place.run(&["sql", "-c", query]));
    // What acts there is honoured.
    let found = place.weights(&["rows.jsonl", "--labels", "label", "--missing-values", "unsure"]);
    assert_eq!((&found["labels"], &found["missing"]), (&json!(["cat", "dog"]), &json!([13, 13])));
    for (flags, word) in [
        (&["--layout", "class", "--num-rows", "9"][..], "--num-rows has no effect in layout class"),
        (&["--num-rows", "9"], "--num-rows has no effect in layout class"),
        (&["--ids-disjoint"], "--ids-disjoint has no effect in layout class"),
        (
            &["--layout", "wide", "--labels", "x", "--label-kind", "name"],
            "--label-kind has no effect in layout wide",
        ),
        (
            &["--layout", "bits", "--labels", "x", "--label-kind", "name"],
            "--label-kind has no effect in layout bits",
        ),
        (
            &["--layout", "long", "--labels", "label", "--id", "x", "--soft"],
            "--soft has no effect in layout long",
        ),
        (&["--uncertain-as", "positive"], "no value is declared uncertain"),
    ] {
        let ended = place.run(&[&["compute", "rows.jsonl", "--out", "out"], flags].concat());
        assert_eq!(ended.code, 2, "{flags:?}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains(word), "{flags:?}: {}", ended.stderr);
    }
}
