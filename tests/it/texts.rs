//! Texts that hold lists or vectors, and integers whose bits are labels: both engines agree, and so do the lists
//! that they stand for.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray, UInt8Array, UInt64Array};
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use serde_json::Value;

use crate::engines::both;
use crate::generate::{Rows, Settings, label_array, lists, rows, settings};
use crate::support::{Place, array, cases, write, write_with};

/// Names that need quotes, escapes, or look like something else.
const NAMES: [&str; 12] =
    ["a", "b, c", "it's", "say \"hi\"", "é", "😀", "null", "7", "[x]", "back\\slash", "line\nbreak", ""];

/// Flags for labels and values, and what surrounds vectors, one of each at random.
const NAME_KEYS: [&[&str]; 4] =
    [&[], &["--missing-values", "a,é"], &["--ignore-case"], &["--order", "frequency"]];
const INDEX_KEYS: [&[&str]; 4] =
    [&[], &["--num-labels", "12"], &["--label-kind", "name"], &["--missing-values", "3"]];
const SEPARATORS: [(&str, &str, &str); 5] =
    [("", ",", ""), ("", " ", ""), ("[", ", ", "]"), ("[", " ", "]"), ("(", ",", ")")];
const RULES: [&[&str]; 5] =
    [&[], &["--threshold", "0.5"], &["--null-as", "negative"], &["--missing-values", "0.5"], &["--soft"]];
const BIT_KEYS: [&[&str]; 3] = [&[], &["--num-labels", "12"], &["--num-labels", "4"]];

/// A name as Python writes it.
fn python(name: &str) -> String {
    let quote = if name.contains('\'') && !name.contains('"') { '"' } else { '\'' };
    let mut text = String::from(quote);
    for c in name.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            c if c == quote => text.extend(['\\', c]),
            c => text.push(c),
        }
    }
    text.push(quote);
    text
}

/// The cell of a row of codes, each written by `element`.
fn literal(row: &[Option<u8>], null: &str, element: impl Fn(u8) -> String) -> String {
    let elements: Vec<String> =
        row.iter().map(|code| code.map_or_else(|| null.to_owned(), &element)).collect();
    format!("[{}]", elements.join(", "))
}

fn texts(rows: &Rows, cell: impl Fn(&[Option<u8>]) -> String) -> ArrayRef {
    Arc::new(rows.iter().map(|row| row.as_ref().map(|row| cell(row))).collect::<StringArray>())
}

fn json(name: &str) -> String {
    serde_json::to_string(name).unwrap()
}

fn names(codes: &[Option<u8>]) -> ArrayRef {
    array(codes.iter().map(|code| code.map(|c| NAMES[usize::from(c)])).collect::<StringArray>())
}

/// Writes one shard for each set of rows.
fn shards(place: &Place, sets: &[(Rows, Settings)], column: impl Fn(&Rows) -> ArrayRef) {
    for (i, (rows, settings)) in sets.iter().enumerate() {
        let path = place.path(&format!("in/{i}.parquet"));
        write_with(&path, vec![("y", column(rows))], settings.properties().build());
    }
}

/// What both engines count, without what a layout says of itself.
fn counts(place: &Place, arguments: &[&str]) -> Option<Vec<Value>> {
    let weights = both(place, &[&["in", "--labels", "y"], arguments].concat())?;
    Some(["rows", "labels", "positives", "negatives", "missing"].map(|key| weights[key].clone()).to_vec())
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn texts_of_lists_count_as_the_lists_do(
        sets in proptest::collection::vec((rows(0..9_usize), settings()), 1..4),
        keys in proptest::sample::select(&NAME_KEYS[..]),
    ) {
        let place = Place::new();
        let list = [&["--layout", "list"][..], keys].concat();
        shards(&place, &sets, |rows| lists("list", rows, names));
        let of_lists = counts(&place, &list);
        shards(&place, &sets, |rows| texts(rows, |row| literal(row, "null", |c| json(NAMES[usize::from(c)]))));
        prop_assert_eq!(&counts(&place, &list), &of_lists);
        shards(&place, &sets, |rows| texts(rows, |row| literal(row, "None", |c| python(NAMES[usize::from(c)]))));
        prop_assert_eq!(&counts(&place, &list), &of_lists);
    }

    #[test]
    fn texts_of_indices_count_as_the_lists_do(
        sets in proptest::collection::vec((rows(0..9_usize), settings()), 1..4),
        keys in proptest::sample::select(&INDEX_KEYS[..]),
    ) {
        let place = Place::new();
        let list = [&["--layout", "list"][..], keys].concat();
        // Without any number, nothing says that labels are numbers.
        prop_assume!(sets.iter().any(|(rows, _)| rows.iter().flatten().flatten().any(Option::is_some)));
        shards(&place, &sets, |rows| lists("list", rows, |codes| label_array("u16", codes)));
        let of_lists = counts(&place, &list);
        for float in ["", ".0"] {
            shards(&place, &sets, |rows| texts(rows, |row| literal(row, "null", |c| format!("{c}{float}"))));
            prop_assert_eq!(&counts(&place, &list), &of_lists);
        }
    }

    #[test]
    fn texts_of_vectors_count_as_the_vectors_do(
        sets in proptest::collection::vec((rows(Just(3_usize)), settings()), 1..3),
        (open, by, close) in proptest::sample::select(&SEPARATORS[..]),
        rules in proptest::sample::select(&RULES[..]),
    ) {
        let place = Place::new();
        let number = |code: u8| [0.0, 1.0, 0.5][usize::from(code % 3)];
        let vector = [&["--layout", "vector", "--num-labels", "3"][..], rules].concat();
        let arrays = rules.iter().any(|rule| ["--soft", "--null-as"].contains(rule));
        let count = |place: &Place| {
            if arrays {
                let run = place.run(&[&["compute", "in", "--labels", "y", "--out", "out", "--overwrite"][..], &vector].concat());
                (run.code == 0).then(|| vec![place.json("out/weights.json")["pos_weight"].clone()])
            } else {
                counts(place, &vector)
            }
        };
        shards(&place, &sets, |rows| lists("list", rows, |codes| {
            array(codes.iter().map(|code| code.map(number)).collect::<arrow::array::Float64Array>())
        }));
        let of_lists = count(&place);
        shards(&place, &sets, |rows| texts(rows, |row| {
            let all: Vec<String> = row.iter().map(|code| code.map_or("nan".to_owned(), |c| number(c).to_string())).collect();
            format!("{open}{}{close}", all.join(by))
        }));
        // An empty text without brackets is no vector, and a vector of no numbers is none of three.
        prop_assert_eq!(count(&place), of_lists);
    }

    #[test]
    fn masks_count_as_the_lists_of_their_bits_do(
        sets in proptest::collection::vec((rows(0..5_usize), settings()), 1..4),
        kind in proptest::sample::select(&["i32", "i64", "u64"][..]),
        keys in proptest::sample::select(&BIT_KEYS[..]),
    ) {
        let place = Place::new();
        shards(&place, &sets, |rows| lists("list", rows, |codes| label_array("u16", codes)));
        let of_lists = counts(&place, &[&["--layout", "list"][..], keys].concat());
        shards(&place, &sets, |rows| {
            let mask = |row: &Vec<Option<u8>>| row.iter().flatten().fold(0_i32, |mask, bit| mask | 1 << bit);
            let masks = rows.iter().map(|row| row.as_ref().map(mask));
            match kind {
                "i32" => array(masks.collect::<Int32Array>()),
                "i64" => array(masks.map(|mask| mask.map(i64::from)).collect::<Int64Array>()),
                _ => array(masks.map(|mask| mask.map(|m| u64::try_from(m).unwrap())).collect::<UInt64Array>()),
            }
        });
        prop_assert_eq!(counts(&place, &[&["--layout", "bits"][..], keys].concat()), of_lists);
    }
}

/// Why a column is refused.
fn refused(column: ArrayRef, arguments: &[&str], code: i32) -> String {
    let place = Place::new();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
    write_with(&place.path("in/a.parquet"), vec![("y", column)], properties);
    let mut messages: Vec<String> = ["encoded", "plain"]
        .map(|engine| {
            let base = ["compute", "in", "--labels", "y", "--engine", engine, "--out", "out"];
            let ended = place.run(&[&base[..], arguments].concat());
            assert_eq!(ended.code, code, "{}", ended.stderr);
            ended.stderr
        })
        .to_vec();
    messages.dedup();
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

fn strings(cells: &[&str]) -> ArrayRef {
    array(StringArray::from(cells.to_vec()))
}

#[test]
fn a_malformed_cell_is_named_with_its_row_and_what_was_expected() {
    let list = ["--layout", "list"];
    for (cell, words) in [
        (r#"["a" "b"]"#, "expected a comma at character 5"),
        ("cat", "expected a list in brackets"),
        (r#"["a", ["b"]]"#, "not a list inside a list"),
        (r#"["a"#, "expected a closing quote"),
        ("", "expected a list in brackets"),
        ("[a]", "expected a number or a string in quotes"),
    ] {
        let said = refused(strings(&[r#"["a"]"#, "[]", "['b']", cell]), &list, 4);
        assert!(said.contains("a.parquet") && said.contains("row 3") && said.contains(words), "{said}");
    }
    let long = format!("[\"{}\"", "é".repeat(99));
    let said = refused(strings(&["[]", &long]), &list, 4);
    assert!(said.contains(&"é".repeat(38)) && !said.contains(&"é".repeat(39)), "{said}");
    let said = refused(strings(&["[1]", "[2]", "[\"x\"]"]), &list, 4);
    assert!(said.contains("row 2") && said.contains("not a label index"), "{said}");
    let vector = ["--layout", "vector"];
    let said = refused(strings(&["[1, 0]", "[0, 1]", "[0, 1, 1]"]), &vector, 4);
    assert!(said.contains("row 2") && said.contains("a list of 3 values, but there are 2"), "{said}");
    let said = refused(strings(&["1 0", "1 x"]), &vector, 4);
    assert!(said.contains("row 1") && said.contains("\"1 x\" is not one number per label"), "{said}");
    let said = refused(strings(&["1 0", "1 2"]), &vector, 4);
    assert!(said.contains("element 1") && said.contains("value 2"), "{said}");
}

#[test]
fn a_bit_beyond_the_labels_and_a_negative_mask_are_errors() {
    let bits = ["--layout", "bits", "--num-labels", "3"];
    let masks = |masks: Vec<i64>| array(Int64Array::from(masks));
    let said = refused(masks(vec![1, 2, 8]), &bits, 4);
    assert!(said.contains("row 2") && said.contains("8: label index 3"), "{said}");
    let said = refused(masks(vec![1, -1]), &bits, 4);
    assert!(said.contains("row 1") && said.contains("-1 is negative") && said.contains("unsigned"), "{said}");
    let said = refused(masks(vec![1]), &["--layout", "bits", "--label-kind", "name"], 2);
    assert!(said.contains("--label-kind has no effect in layout bits"), "{said}");
    let said = refused(masks(vec![1]), &["--layout", "bits", "--num-labels", "65"], 2);
    assert!(said.contains("64 bits"), "{said}");
    let said = refused(strings(&["1"]), &["--layout", "bits"], 4);
    assert!(said.contains("layout bits expects int"), "{said}");
    let place = Place::new();
    write(&place.path("in/a.parquet"), vec![("y", array(UInt8Array::from(vec![Some(0x81), Some(0), None])))]);
    let weights = both(&place, &["in", "--labels", "y", "--layout", "bits"]).unwrap();
    assert_eq!(weights["positives"], serde_json::json!([1, 0, 0, 0, 0, 0, 0, 1]));
    assert_eq!(weights["missing"][0], 1);
    write(&place.path("in/a.parquet"), vec![("y", masks(vec![-1, 5]))]);
    let missing = ["in", "--labels", "y", "--layout", "bits", "--num-labels", "3", "--missing-values=-1"];
    assert_eq!(both(&place, &missing).unwrap()["positives"], serde_json::json!([1, 0, 1]));
}

#[test]
fn what_texts_hold_is_detected_and_said() {
    let place = Place::new();
    let detected = |cells: &[&str]| {
        write(
            &place.path("in/a.parquet"),
            vec![
                ("id", array((0..cells.len()).map(|row| i64::try_from(row).ok()).collect::<Int64Array>())),
                ("labels", strings(cells)),
            ],
        );
        let ended = place.run(&["compute", "in", "--labels", "labels", "--out", "out", "--overwrite"]);
        let layout = if ended.code == 0 {
            place.json("out/weights.json")["spec"]["layout"].as_str().unwrap_or_default().to_owned()
        } else {
            String::new()
        };
        (ended.code, layout, ended.stderr)
    };
    for (cells, layout, words) in [
        (&[r#"["a", "b"]"#, "[]"][..], "list", "lists of label names"),
        (&["['a']", "[\"b's\"]"], "list", "lists of label names"),
        (&["[0, 2]", "[1]"], "list", "lists of label indices"),
        (&["[0, 1, 1]", "[1, 0, 0]"], "vector", "one number per label"),
        (&["[0 1]", "[0 0]"], "vector", "one number per label"),
        (&["[0. 1.]", "[0. 0.]"], "vector", "one number per label"),
        (&["1,0,0", "0,0,0"], "vector", "one number per label"),
        (&["1 0", "1 1"], "vector", "one number per label"),
    ] {
        let (code, _, said) = detected(cells);
        assert_eq!(code, 0, "{cells:?}: {said}");
        let reason = place.json("out/run_results.json").to_string() + &said;
        assert!(reason.contains(words), "{layout} {words}: {reason}");
    }
    // Two indices in either order, or two labels.
    let (code, _, said) = detected(&["1,0", "0,1"]);
    assert!(code == 2 && said.contains("--layout vector") && said.contains("--delimiter ','"), "{said}");
    // A list and a name.
    let (code, _, said) = detected(&["['a']", "b", "['c']"]);
    assert!(code == 2 && said.contains("--layout list") && said.contains("--layout class"), "{said}");
    // What stands for nothing is declared, never a name.
    let (code, _, said) = detected(&["['a']", "nan", "['c']"]);
    assert!(code == 2 && said.contains("--layout list --missing-values=nan"), "{said}");
    // Too long to look at.
    let long = format!("[{}]", vec!["0"; 3000].join(", "));
    let (code, _, said) = detected(&[&long, &long]);
    assert!(code == 2 && said.contains("--layout vector") && said.contains("too long"), "{said}");
    // Neither lists nor names, but maps.
    let (code, _, said) = detected(&["{\"a\": 1}", "{\"b\": 1}"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(place.json("out/weights.json")["spec"]["layout"], serde_json::Value::Null);
    assert_eq!(place.json("out/run_results.json")["counting"]["layout"], "map");
}

/// Every ancestor of a code in a small hierarchy: 0 is above 1, 1 above 2 and 3, and 3 above 4.
fn with_ancestors(row: &[Option<u8>]) -> Vec<Option<u8>> {
    let above = |code: u8| match code {
        1 => &[0_u8][..],
        2 | 3 => &[1, 0],
        4 => &[3, 1, 0],
        _ => &[],
    };
    row.iter()
        .flatten()
        .flat_map(|code| std::iter::once(*code).chain(above(*code).iter().copied()))
        .map(Some)
        .collect()
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn ancestors_count_as_if_they_were_stored(
        sets in proptest::collection::vec((rows(0..6_usize), settings()), 1..3),
        kind in proptest::sample::select(&["names", "numbers", "named numbers", "texts", "delimited", "bits"][..]),
    ) {
        let place = Place::new();
        let name = |code: u8| format!("n{code}");
        let pair = |child: u8, parent: u8| match kind {
            "numbers" | "named numbers" | "bits" => format!("{child},{parent}\n"),
            _ => format!("{},{}\n", name(child), name(parent)),
        };
        let pairs = pair(1, 0) + &pair(2, 1) + &pair(3, 1) + &pair(4, 3);
        std::fs::write(place.path("above.csv"), format!("child,parent\n{pairs}")).unwrap();
        let column = |rows: &Rows| match kind {
            "names" => lists("list", rows, |codes| {
                array(codes.iter().map(|code| code.map(name)).collect::<StringArray>())
            }),
            "numbers" | "named numbers" => lists("list", rows, |codes| label_array("u16", codes)),
            "texts" => texts(rows, |row| literal(row, "null", |code| json(&name(code)))),
            "delimited" => texts(rows, |row| row.iter().flatten().map(|code| name(*code)).collect::<Vec<_>>().join("|")),
            _ => {
                let mask = |row: &Vec<Option<u8>>| row.iter().flatten().fold(0_i64, |mask, bit| mask | 1 << bit);
                array(rows.iter().map(|row| row.as_ref().map(mask)).collect::<Int64Array>())
            }
        };
        let flags: &[&str] = match kind {
            "named numbers" => &["--layout", "list", "--label-kind", "name"],
            "delimited" => &["--layout", "delimited", "--delimiter", "|"],
            "bits" => &["--layout", "bits", "--num-labels", "12"],
            "numbers" => &["--layout", "list", "--num-labels", "12"],
            _ => &["--layout", "list"],
        };
        let stored: Vec<(Rows, Settings)> = sets
            .iter()
            .map(|(rows, settings)| {
                let all = rows.iter().map(|row| row.as_deref().map(with_ancestors)).collect();
                (all, settings.clone())
            })
            .collect();
        shards(&place, &stored, column);
        let expected = counts(&place, flags);
        shards(&place, &sets, column);
        prop_assert_eq!(counts(&place, &[flags, &["--ancestors", "above.csv"]].concat()), expected);
    }
}

#[test]
fn a_class_has_its_ancestors_and_wrong_hierarchies_are_refused() {
    let place = Place::new();
    write(&place.path("in/a.parquet"), vec![("y", strings(&["poodle", "tabby", "poodle", "fish"]))]);
    let write_file = |name: &str, text: &str| std::fs::write(place.path(name), text).unwrap();
    write_file("above.json", r#"{"poodle": "dog", "tabby": ["cat"], "dog": ["animal"], "cat": "animal"}"#);
    let class = ["in", "--labels", "y", "--layout", "class", "--ancestors", "above.json"];
    let weights = both(&place, &class).unwrap();
    assert_eq!(weights["labels"], serde_json::json!(["animal", "cat", "dog", "fish", "poodle", "tabby"]));
    assert_eq!(weights["positives"], serde_json::json!([3, 1, 2, 1, 2, 1]));
    let refused = |arguments: &[&str], code: i32, words: &[&str]| {
        let ended = place.run(
            &[&["compute", "in", "--labels", "y", "--out", "out", "--overwrite"][..], arguments].concat(),
        );
        assert_eq!(ended.code, code, "{}", ended.stderr);
        words.iter().for_each(|word| assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr));
    };
    write_file("cycle.csv", "child,parent\npoodle,dog\ndog,animal\nanimal,poodle\n");
    let layout = ["--layout", "class", "--ancestors"];
    refused(&[&layout[..], &["cycle.csv"]].concat(), 4, &["cycle.csv", "dog → animal", "its own ancestor"]);
    write_file("names.txt", "poodle\ntabby\nfish\ndog\ncat\n");
    let fixed = [&layout[..], &["above.json", "--vocabulary", "names.txt"]].concat();
    refused(&fixed, 4, &["\"animal\" is not in the vocabulary"]);
    write_file("bare.csv", "poodle,dog\n");
    refused(&[&layout[..], &["bare.csv"]].concat(), 4, &["child and parent", "poodle, dog"]);
    refused(&[&layout[..], &["names.txt"]].concat(), 2, &[".csv, .json or .parquet"]);
    let wide = ["--layout", "wide", "--ancestors", "above.json"];
    refused(&wide, 4, &["above.json", "is not among the labels", "needs a label column"]);
    refused(&[&wide[..], &["--soft"]].concat(), 2, &["--ancestors and --soft", "--threshold 0.5"]);
    write_file("other.json", r#"{"Poodle": "Dog"}"#);
    refused(&[&layout[..], &["other.json"]].concat(), 0, &["no label in the shards has a parent"]);
    // A hierarchy that changed makes another result.
    let sum = || place.json("out/run_results.json")["inputs"]["fingerprint"].clone();
    refused(&[&layout[..], &["above.json"]].concat(), 0, &[]);
    let before = sum();
    write_file("above.json", r#"{"poodle": "dog"}"#);
    refused(&[&layout[..], &["above.json"]].concat(), 0, &[]);
    assert_ne!(before, sum());
}
