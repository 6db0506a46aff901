//! Columns beside those of labels that may be labels, too, or not: asked about, or told.

use std::fmt::Write as _;

use arrow::array::{ArrayRef, Date32Array, Int64Array};
use serde_json::json;

use crate::readings::{bit, offered, paste, question};
use crate::support::{Place, array, write};

const ROWS: usize = 300;

/// A file of text: a heading unless it is empty, and rows.
fn put(place: &Place, name: &str, heading: &str, row: &dyn Fn(usize) -> String) {
    let mut text = String::new();
    if !heading.is_empty() {
        writeln!(text, "{heading}").unwrap();
    }
    (0..ROWS).for_each(|i| writeln!(text, "{}", row(i)).unwrap());
    std::fs::write(place.path(name), text).unwrap();
}

/// Three label columns with `other` behind the second.
fn among(place: &Place, other: &str, cell: &dyn Fn(usize) -> String) {
    put(place, "a.csv", &format!("l_a,l_b,{other},l_d"), &|i| {
        format!("{},{},{},{}", bit(i, 0), bit(i, 1), cell(i), bit(i, 2))
    });
}

/// What finding `LEFT_OUT_COLUMNS` of the last run observed.
fn left_out(place: &Place) -> String {
    let results = place.json("out/run_results.json");
    let findings = results["findings"].as_array().unwrap();
    let found = findings.iter().find(|one| one["id"] == "LEFT_OUT_COLUMNS");
    found.map(|one| one["observed"].as_str().unwrap().to_owned()).unwrap_or_default()
}

/// The question about a source, every answer of which works.
fn asked(place: &Place, source: &str) -> String {
    let asked = question(place, &[source]);
    let flags = offered(&asked);
    assert!(flags.len() > 1, "{source}: {asked}");
    for one in flags {
        let ended = paste(place, source, &one);
        assert_eq!(ended.code, 0, "{source} {one}: {}", ended.stderr);
    }
    asked
}

#[test]
fn shares_in_a_column_named_as_labels_are_asked_about() {
    let place = Place::new();
    let share = |i: usize| format!("0.{}", 101 + i * 7919 % 890);
    let half = |i: usize| if i.is_multiple_of(2) { share(i) } else { bit(i, 4).to_string() };
    let coded = |i: usize| if i.is_multiple_of(9) { "-1".to_owned() } else { share(i) };
    for cell in [&share as &dyn Fn(usize) -> String, &half, &coded] {
        among(&place, "l_c", cell);
        let asked = asked(&place, "a.csv");
        assert!(asked.contains("is column \"l_c\" a label?"), "{asked}");
        assert!(asked.contains("--labels l_a,l_b,l_c,l_d --layout wide"), "{asked}");
        assert!(asked.contains("--labels l_a,l_b,l_d --layout wide"), "{asked}");
        assert!(asked.contains("--soft"), "{asked}");
    }
    // Another name is that of a feature.
    among(&place, "height", &share);
    assert_eq!(place.weights(&["a.csv"])["labels"], json!(["l_a", "l_b", "l_d"]));
    assert_eq!(left_out(&place), "");
}

#[test]
fn other_values_in_a_column_named_as_labels_are_told() {
    let place = Place::new();
    let cells: [&dyn Fn(usize) -> String; 5] = [
        &|i| (i % 7).to_string(),
        &|i| (i * 31 % 1000).to_string(),
        &|_| "2".to_owned(),
        &|i| ["none", "mild", "severe"][i % 3].to_owned(),
        &|i| ["x", ""][i % 2].to_owned(),
    ];
    for cell in cells {
        among(&place, "l_c", cell);
        assert_eq!(place.weights(&["a.csv"])["labels"], json!(["l_a", "l_b", "l_d"]));
        let told = left_out(&place);
        assert!(told.starts_with("column \"l_c\" is named as label columns are, but holds other"), "{told}");
    }
    let bits = |column| array((0..60).map(|i| Some(i64::from(bit(i, column)))).collect::<Int64Array>());
    let dates: ArrayRef = array(Date32Array::from_iter_values(0..60));
    write(&place.path("d.parquet"), vec![("l_a", bits(0)), ("l_c", dates), ("l_d", bits(1))]);
    place.weights(&["d.parquet"]);
    assert!(left_out(&place).contains("\"l_c\""));
    // The names say all.
    place.weights(&["d.parquet", "--labels", "l_a,l_d"]);
    assert_eq!(left_out(&place), "");
}

#[test]
fn ids_and_weights_beside_labels_named_alike_are_no_labels() {
    let place = Place::new();
    for name in ["id", "image_id", "annotator_id", "weight", "sample_weight"] {
        for constant in [true, false] {
            among(&place, name, &|i| if constant { "1".to_owned() } else { bit(i, 5).to_string() });
            let what = format!("{name} {constant}");
            assert_eq!(place.weights(&["a.csv"])["labels"], json!(["l_a", "l_b", "l_d"]), "{what}");
            assert!(left_out(&place).contains(&format!("\"{name}\"")), "{what}: {}", left_out(&place));
            place.weights(&["a.csv", "--layout", "wide"]);
            assert!(left_out(&place).contains(&format!("\"{name}\"")), "{what}");
        }
    }
    // Where no name says how labels are named, it is asked.
    for name in ["id", "weight"] {
        put(&place, "b.csv", &format!("cat,{name},dog"), &|i| format!("{},1,{}", bit(i, 0), bit(i, 1)));
        let asked = asked(&place, "b.csv");
        assert!(asked.contains("--labels cat,dog --layout wide"), "{asked}");
    }
}

#[test]
fn columns_of_0_and_1_that_are_named_otherwise_are_asked_about() {
    let place = Place::new();
    for name in
        ["version", "confidence", "year", "hour", "is_gold", "labeled", "target", "pred_a", "male", "flag"]
    {
        among(&place, name, &|i| bit(i, 5).to_string());
        let asked = asked(&place, "a.csv");
        assert!(asked.contains("--labels l_a,l_b,l_d --layout wide") || name == "target", "{asked}");
        assert!(asked.contains(&format!("--labels l_a,l_b,{name},l_d --layout wide")), "{asked}");
    }
    for name in ["cat_mask", "Female", "subset", "pred_cat", "verified"] {
        put(&place, "b.csv", &format!("cat,{name},dog"), &|i| format!("{},1,{}", bit(i, 0), bit(i, 1)));
        assert!(asked(&place, "b.csv").contains("--labels cat,dog --layout wide"), "{name}");
    }
    // One column of true and false beside numbers.
    put(&place, "c.csv", "cat,dog,unclear", &|i| format!("{},{},{}", bit(i, 0), bit(i, 1), bit(i, 2) == 1));
    assert!(asked(&place, "c.csv").contains("; without unclear"));
}

#[test]
fn labels_of_two_kinds_or_types_are_labels() {
    let place = Place::new();
    put(&place, "a.csv", "NR-a,NR-b,NR-c,SR-d,SR-p53", &|i| {
        (0..5).map(|n| bit(i, n).to_string()).collect::<Vec<_>>().join(",")
    });
    assert_eq!(place.weights(&["a.csv"])["labels"], json!(["NR-a", "NR-b", "NR-c", "SR-d", "SR-p53"]));
    among(&place, "l_c", &|i| (bit(i, 3) == 1).to_string());
    assert_eq!(place.weights(&["a.csv"])["labels"], json!(["l_a", "l_b", "l_c", "l_d"]));
}

#[test]
fn lists_beside_other_labels_are_asked_about() {
    let place = Place::new();
    let tags = |i: usize| [r#"["a", "b"]"#, r#"["a"]"#, r#"["b", "c"]"#][i % 3];
    let word = |i: usize| ["cat", "dog"][i % 2];
    let others: [&dyn Fn(usize) -> String; 6] = [
        &|i| format!(r#""label": "{}""#, word(i)),
        &|i| format!(r#""label": {}"#, i % 5),
        &|i| format!(r#""target": {}"#, bit(i, 0)),
        &|i| format!(r#""cat": {}, "dog": {}"#, bit(i, 0), bit(i, 1)),
        &|i| format!(r#""actors": ["x{}", "x{}"]"#, i % 9, i % 4),
        &|i| format!(r#""vec": [{}, {}, 1]"#, bit(i, 0), bit(i, 1)),
    ];
    for other in others {
        put(&place, "a.jsonl", "", &|i| format!(r#"{{"tags": {}, {}}}"#, tags(i), other(i)));
        asked(&place, "a.jsonl");
    }
    put(&place, "t.csv", "genres,countries", &|i| {
        format!("{},{}", ["a|b", "a", "b|c"][i % 3], ["US|FR", "DE", "FR"][i % 3])
    });
    asked(&place, "t.csv");
    put(&place, "u.csv", "category,label", &|i| format!("{},{}", word(i), bit(i, 3)));
    asked(&place, "u.csv");
    // Other texts, and numbers of features, leave no doubt.
    put(&place, "b.jsonl", "", &|i| format!(r#"{{"tags": {}, "title": "A b, {i}", "size": {i}}}"#, tags(i)));
    assert_eq!(place.weights(&["b.jsonl"])["labels"], json!(["a", "b", "c"]));
}

#[test]
fn rows_of_boxes_and_votes_are_asked_about() {
    let place = Place::new();
    let heads =
        ["image_id,class_name,class_id,rad_id,x_min", "id,image_id,category_id,area", "text,label,annotator"];
    for heading in heads {
        put(&place, "a.csv", heading, &|i| match heading.as_bytes()[0] {
            b'i' if heading.contains("rad_id") => {
                format!("i{},{},{},R{},{}.5", i / 3, ["a", "b"][i % 2], i % 2 + 3, i % 5, i * 7)
            }
            b'i' => format!("{i},{},{},{}.5", i / 3, i % 4, i * 3),
            _ => format!("some words {} here,{},R{}", i / 3, ["a", "b", "c"][i % 7 % 3], i % 3),
        });
        let asked = asked(&place, "a.csv");
        assert!(asked.contains("--layout long --id") && asked.contains("--layout class"), "{asked}");
    }
}

#[test]
fn long_ids_that_differ_do_not_repeat() {
    let place = Place::new();
    let label = |i: usize| ["irony", "none", ""][i % 3];
    put(&place, "a.csv", "tweet_id,label", &|i| {
        format!("{},{}", 1_200_000_000_000_000_000_u64 + i as u64, label(i))
    });
    let ended = place.run(&["inspect", "a.csv"]);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!said.contains("row ids in \"tweet_id\" repeat"), "{said}");
    // Those that do repeat are seen to.
    put(&place, "b.csv", "tweet_id,label", &|i| {
        format!("{},{}", 1_200_000_000_000_000_000_u64 + i as u64 / 3, label(i))
    });
    let ended = place.run(&["inspect", "b.csv"]);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains("row ids in \"tweet_id\" repeat"), "{said}");
}

#[test]
fn numbers_that_were_texts_of_digits_are_asked_about() {
    let place = Place::new();
    // 00101 is 101 once it is read as a number; the first label is positive in row 0 alone.
    let digits = |i: usize| {
        let labels = [u8::from(i == 0), bit(i, 1), bit(i, 2), bit(i, 3), bit(i, 4)];
        labels.iter().fold(0, |number, label| number * 10 + usize::from(*label))
    };
    put(&place, "a.csv", "y", &|i| digits(i).to_string());
    let said = asked(&place, "a.csv");
    assert!(said.contains("the query gives them 5 digits"), "{said}");
    let vector = offered(&said).into_iter().find(|flags| flags.contains("vector")).unwrap();
    assert_eq!(paste(&place, "a.csv", &vector).code, 0);
    let expected: Vec<usize> =
        (0..5).map(|at| (0..ROWS).filter(|i| digits(*i) / 10_usize.pow(4 - at) % 10 == 1).count()).collect();
    assert_eq!(place.json("out/weights.json")["positives"], json!(expected));
}

#[test]
fn lists_of_the_texts_of_bits_are_asked_about() {
    for quote in ["\"\"", "'"] {
        let place = Place::new();
        let cell = |i: usize, at: usize| format!("{quote}{}{quote}", bit(i, at));
        put(&place, "a.csv", "y", &|i| format!("\"[{}, {}, {}]\"", cell(i, 0), cell(i, 1), cell(i, 2)));
        let said = asked(&place, "a.csv");
        let vector = offered(&said).into_iter().find(|flags| flags.contains("vector")).unwrap();
        assert_eq!(paste(&place, "a.csv", &vector).code, 0, "{said}");
        let expected: Vec<usize> = (0..3).map(|at| (0..ROWS).filter(|i| bit(*i, at) == 1).count()).collect();
        assert_eq!(place.json("out/weights.json")["positives"], json!(expected), "{said}");
    }
}

#[test]
fn a_code_far_above_the_indices_is_asked_about() {
    let place = Place::new();
    put(&place, "a.csv", "label", &|i| if i % 20 == 7 { "99".to_owned() } else { (i % 5).to_string() });
    let said = asked(&place, "a.csv");
    assert!(offered(&said)[0].contains("--missing-values=99"), "{said}");
    put(&place, "a.csv", "label", &|i| (i % 10).to_string());
    assert_eq!(place.run(&["compute", "a.csv", "--out", "out", "--overwrite"]).code, 0);
}

#[test]
fn blanks_beside_every_separator_are_no_parts_of_names() {
    for by in ["; ", " | ", "|"] {
        let place = Place::new();
        put(&place, "a.csv", "tags", &|i| {
            let names: Vec<&str> = ["cat", "dog", "red owl"]
                .into_iter()
                .enumerate()
                .filter(|(at, _)| bit(i, *at) == 1)
                .map(|(_, name)| name)
                .collect();
            format!("\"{}\"", names.join(by))
        });
        let ended = place.run(&["compute", "a.csv", "--out", "out", "--overwrite"]);
        assert_eq!(ended.code, 0, "{by:?}: {}", ended.stderr);
        assert_eq!(place.json("out/weights.json")["labels"], json!(["cat", "dog", "red owl"]), "{by:?}");
    }
}
