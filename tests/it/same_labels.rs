//! Labels that a table has more than once, or in several columns: none is taken without a question.

use serde_json::json;

use crate::passed_over::{found, offers_give};
use crate::readings::{bit, compute, offered, question};
use crate::support::Place;
use crate::unclear::{ROWS, put};

#[test]
fn a_second_version_of_the_labels_is_asked_about() {
    let place = Place::new();
    let name = |i: usize| ["cat", "dog", "emu"][i % 3];
    let joined = |i: usize| ["cat|dog", "dog", "emu|cat"][i % 3];
    put(&place, "class.csv", "text,label,label_corrected", &|i| format!("t{i},{},{}", name(i), name(i / 2)));
    put(&place, "gold.csv", "text,label,gold_label", &|i| format!("t{i},{},{}", name(i), name(i / 2)));
    put(&place, "joined.csv", "text,tags,tags_v2", &|i| format!("t{i},{},{}", joined(i), joined(i / 2)));
    for (source, names) in [
        ("class.csv", ["label", "label_corrected"]),
        ("gold.csv", ["label", "gold_label"]),
        ("joined.csv", ["tags", "tags_v2"]),
    ] {
        let offers = offered(&question(&place, &[source]));
        for name in names {
            assert!(offers.iter().any(|flags| flags.starts_with(&format!("--labels {name} "))), "{offers:?}");
        }
    }
    // Who says so is none.
    put(&place, "source.csv", "text,label,label_source", &|i| {
        format!("t{i},{},{}", name(i), ["ann", "bob"][i % 2])
    });
    assert_eq!(compute(&place, &["source.csv"]).code, 0);
}

#[test]
fn columns_that_say_the_same_of_two_raters_are_asked_about() {
    let place = Place::new();
    put(&place, "raters.csv", "id,r1_cat,r1_dog,r2_cat,r2_dog", &|i| {
        format!("{i},{},{},{},{}", bit(i, 0), bit(i, 1), bit(i, 2), bit(i, 3))
    });
    put(&place, "corrected.csv", "id,cat,dog,cat_corrected,dog_corrected", &|i| {
        format!("{i},{},{},{},{}", bit(i, 0), bit(i, 1), bit(i, 2), bit(i, 3))
    });
    let sum = |j: usize| (0..ROWS).map(|i| u64::from(bit(i, j))).sum::<u64>();
    assert!(offers_give(&place, "raters.csv", &json!({"r1_cat": sum(0), "r1_dog": sum(1)})));
    assert!(offers_give(&place, "raters.csv", &json!({"r2_cat": sum(2), "r2_dog": sum(3)})));
    assert!(offers_give(&place, "corrected.csv", &json!({"cat": sum(0), "dog": sum(1)})));
    // Labels of numbers are of several kinds.
    put(&place, "kinds.csv", "id,a_0,a_1,b_0,b_1", &|i| {
        format!("{i},{},{},{},{}", bit(i, 0), bit(i, 1), bit(i, 2), bit(i, 3))
    });
    assert_eq!(compute(&place, &["kinds.csv"]).code, 0);
    assert_eq!(found(&place).as_object().unwrap().len(), 4);
}

#[test]
fn a_mask_beside_a_vector_is_asked_about() {
    let place = Place::new();
    let row = |i: usize| json!({"y": [bit(i, 0), bit(i, 1), 1], "w": [1, bit(i, 2), 0]}).to_string();
    put(&place, "mask.jsonl", "", &row);
    let asked = question(&place, &["mask.jsonl"]);
    assert!(asked.contains("\"w\" may say which of them are known"), "{asked}");
}

#[test]
fn labels_in_columns_of_one_name_are_offered_as_a_list() {
    let place = Place::new();
    let label = |i: usize, at: usize| if at <= i % 3 { ["cat", "dog", "emu"][(i / 3 + at) % 3] } else { "" };
    let row = |i: usize| format!("K-{i},{},{},{}", label(i, 0), label(i, 1), label(i, 2));
    put(&place, "pandas.csv", "key,Labels,Labels.1,Labels.2", &row);
    put(&place, "codes.csv", "stay,dx1,dx2,dx3", &row);
    let positives = |name: &str| (0..ROWS).filter(|i| (0..3).any(|at| label(*i, at) == name)).count();
    let right = json!({"cat": positives("cat"), "dog": positives("dog"), "emu": positives("emu")});
    for source in ["pandas.csv", "codes.csv"] {
        assert!(offers_give(&place, source, &right), "{source}: {}", question(&place, &[source]));
    }
}
