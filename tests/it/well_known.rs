//! The forms of well-known data sets: each is right, or a question that has the right reading among its offers.

use serde_json::json;

use crate::passed_over::{found, offers_give};
use crate::readings::{bit, compute, offered, paste, question};
use crate::small_tables::put as put_rows;
use crate::support::Place;
use crate::unclear::{ROWS, put};

#[test]
fn a_label_that_is_made_of_the_only_two_others_is_asked_about() {
    let place = Place::new();
    for by in [" ", "-", "_", "/"] {
        for (one, other) in [("scab", "rust"), ("0", "1")] {
            for column in ["labels", "target"] {
                put_rows(&place, "two.csv", &format!("image,{column}"), 600, &|i| {
                    let label = [one, other, &format!("{one}{by}{other}")][i % 3].to_owned();
                    format!("a{i}.jpg,{label}")
                });
                let right = json!({one: 400, other: 400});
                let asked = question(&place, &["two.csv"]);
                assert!(offers_give(&place, "two.csv", &right), "{by:?} {column}: {asked}");
            }
        }
    }
    // A name of two words among others that have nothing to do with these.
    put_rows(&place, "genres.csv", "song,label", 600, &|i| {
        let names = ["pop", "rock", "pop rock", "jazz", "folk", "soul", "metal", "punk", "blues"];
        format!("s{i},{}", names[i % names.len()])
    });
    assert_eq!(compute(&place, &["genres.csv"]).code, 0);
    assert_eq!(found(&place).as_object().unwrap().len(), 9);
}

#[test]
fn names_with_blanks_around_them_in_texts_of_lists_are_asked_about() {
    let place = Place::new();
    let labels = |i: usize| ["normal", "nodule", "mass"][i % 3];
    put_rows(&place, "lists.csv", "ImageID,Labels", 90, &|i| {
        format!("{i}.png,\"['{}', ' {}']\"", labels(i), labels(i + 1))
    });
    let right = json!({"mass": 60, "nodule": 60, "normal": 60});
    assert!(offers_give(&place, "lists.csv", &right), "{}", question(&place, &["lists.csv"]));
    // Flags that say so are taken at their word, and those that say otherwise, too.
    assert_eq!(compute(&place, &["lists.csv", "--trim"]).code, 0);
    assert_eq!(found(&place), right);
    assert_eq!(compute(&place, &["lists.csv", "--labels", "Labels", "--layout", "list"]).code, 0);
    assert_eq!(found(&place).as_object().unwrap().len(), 6);
}

#[test]
fn zero_may_be_what_nobody_looked_at_beside_minus_one_and_one() {
    let place = Place::new();
    let sign =
        |i: usize, j: usize| i64::from((i * 7).is_multiple_of(j + 3)) - i64::from(i.is_multiple_of(j + 2));
    put(&place, "signs.csv", "file,Male,Hat,Bag", &|i| {
        format!("{i}.jpg,{},{},{}", sign(i, 0), sign(i, 1), sign(i, 2))
    });
    let asked = question(&place, &["signs.csv"]);
    let flags = offered(&asked).into_iter().find(|flags| flags.contains("--negative-values=-1")).unwrap();
    assert!(flags.contains("--missing-values=0"), "{flags}");
    assert_eq!(paste(&place, "signs.csv", &flags).code, 0, "{flags}");
    let weights = place.json("out/weights.json");
    for (j, name) in ["Male", "Hat", "Bag"].into_iter().enumerate() {
        let of = |what: i64| (0..ROWS).filter(|i| sign(*i, j) == what).count();
        let at = weights["labels"].as_array().unwrap().iter().position(|label| label == name).unwrap();
        let counted = ["positives", "negatives", "missing"].map(|side| weights[side][at].clone());
        assert_eq!(counted, [json!(of(1)), json!(of(-1)), json!(of(0))], "{name}");
    }
}

#[test]
fn a_class_with_the_name_of_an_id_is_offered_where_nothing_else_may_be_labels() {
    let place = Place::new();
    let right = json!({"11": 30, "1203": 30, "77": 30});
    put_rows(&place, "landmarks.csv", "id,url,landmark_id", 90, &|i| {
        format!("{i:016x},http://h/{i}.jpg,{}", [11, 77, 1203][i % 3])
    });
    assert!(offers_give(&place, "landmarks.csv", &right), "{}", question(&place, &["landmarks.csv"]));
    put_rows(&place, "whales.csv", "Image,Id", 90, &|i| {
        format!(
            "{i:08x}.jpg,{}",
            if i % 3 == 0 { "new_whale".to_owned() } else { format!("w_{:04x}", i / 6) }
        )
    });
    let asked = question(&place, &["whales.csv"]);
    assert!(offered(&asked).iter().any(|flags| flags == "--labels Id --layout class"), "{asked}");
}

#[test]
fn rows_without_names_of_columns_above_them_are_noticed() {
    let place = Place::new();
    let words = |i: usize| format!("the {} of the {} was {} said {}", i % 7, i % 11, i % 13, i);
    put(&place, "cola.tsv", "", &|i| {
        format!("gj{:02}\t{}\t{}\t{}", i % 4, i % 2, ["*", ""][i % 2], words(i))
    });
    put(&place, "emotions.tsv", "", &|i| format!("{}\t{},{}\te{i:06x}", words(i), i % 9, i % 5 + 9));
    put(&place, "adult.csv", "", &|i| {
        format!(
            "{}, {}, {}, {}",
            17 + i % 40,
            ["Private", "State"][i % 2],
            70_000 + i * 37,
            [">50K", "<=50K"][i % 2]
        )
    });
    for (source, names) in [
        ("cola.tsv", "column_1\\tcolumn_2"),
        ("emotions.tsv", "column_1\\tcolumn_2"),
        ("adult.csv", "column_1,column_2"),
    ] {
        let asked = question(&place, &[source]);
        assert!(asked.contains("first row of the files in the place of the names"), "{source}: {asked}");
        assert!(asked.contains(names), "{source}: {asked}");
    }
    // Places of a matrix beside other columns, and one value without a name.
    put(&place, "matrix.csv", "text,0,1,2", &|i| {
        format!("{},{},{},{}", words(i), bit(i, 0), bit(i, 1), bit(i, 2))
    });
    put(&place, "series.csv", "text,0", &|i| format!("{},{}", words(i), ["cat", "dog"][i % 2]));
    for source in ["matrix.csv", "series.csv"] {
        assert!(!compute(&place, &[source]).stderr.contains("in the place of"), "{source}");
    }
}

#[test]
fn a_file_without_the_label_column_may_be_left_out_or_counted_as_not_labelled() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("d")).unwrap();
    put(&place, "d/train.csv", "id,text,label", &|i| format!("{i},t,{}", ["x", "y", "z"][i % 3]));
    put(&place, "d/test.csv", "id,text", &|i| format!("{i},t"));
    let asked = question(&place, &["d"]);
    assert!(asked.contains("such as d/train.csv") && asked.contains("--missing-columns missing"), "{asked}");
    let right = json!({"x": 20, "y": 20, "z": 20});
    let flags = ["--labels", "label", "--layout", "class"];
    let refused = compute(&place, &[&["d"], &flags[..]].concat());
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    for part in ["d/test.csv", "but d/train.csv has it", "--missing-columns missing", "such as d/train.csv"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    let counted = compute(&place, &[&["d", "--missing-columns", "missing"], &flags[..]].concat());
    assert_eq!(counted.code, 0, "{}", counted.stderr);
    assert_eq!(found(&place), right);
    assert_eq!(place.json("out/weights.json")["missing"], json!([60, 60, 60]));
    assert_eq!(compute(&place, &[&["d/train.csv"], &flags[..]].concat()).code, 0);
    assert_eq!(found(&place), right);
    // A name that no file has is refused with the names of all.
    let wrong = compute(&place, &["d", "--labels", "classes"]);
    assert!(wrong.code == 4 && wrong.stderr.contains("label"), "{}", wrong.stderr);
}

#[test]
fn names_that_hold_commas_are_asked_about() {
    let place = Place::new();
    let names = ["Beaches, dunes, sands", "Arable land", "Pastures", "Inland waters", "Urban fabric"];
    put_rows(&place, "covers.csv", "patch,labels", 800, &|i| {
        let some: Vec<&str> = (0..5).filter(|j| (i * 31 / 7) >> j & 1 == 1).map(|j| names[j]).collect();
        format!("p{i},\"{}\"", some.join(", "))
    });
    let asked = question(&place, &["covers.csv"]);
    assert!(asked.contains("--delimiter ', '"), "{asked}");
}

#[test]
fn what_says_something_of_rows_is_asked_about_beside_labels() {
    let place = Place::new();
    for aside in [
        "curated",
        "noisy_small",
        "masked",
        "exclude",
        "confirmed",
        "evaluated",
        "has_report",
        "weak",
        "pseudo",
    ] {
        put(&place, "flags.csv", &format!("file,{aside},cat,dog,emu"), &|i| {
            format!("{i}.wav,{},{},{},{}", bit(i, 3), bit(i, 0), bit(i, 1), bit(i, 2))
        });
        let sum = |j: usize| (0..ROWS).map(|i| u64::from(bit(i, j))).sum::<u64>();
        let right = json!({"cat": sum(0), "dog": sum(1), "emu": sum(2)});
        assert!(offers_give(&place, "flags.csv", &right), "{aside}: {}", question(&place, &["flags.csv"]));
    }
}
