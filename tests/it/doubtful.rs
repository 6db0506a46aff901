//! Columns that look like labels, and may be none, or be read in two ways: asked about, with flags that give each reading its
//! counts. What is clear stays unasked.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arrow::array::Int64Array;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use crate::readings::{bit, offered, paste, question};
use crate::support::{Place, array, write_with};

const ROWS: usize = 300;
const ANIMALS: [&str; 4] = ["bird", "cat", "cow", "dog"];

/// JSON lines.
fn put(place: &Place, row: &dyn Fn(usize) -> Value) {
    let mut text = String::new();
    (0..ROWS).for_each(|i| writeln!(text, "{}", row(i)).unwrap());
    std::fs::write(place.path("a.jsonl"), text).unwrap();
}

/// CSV.
fn put_csv(place: &Place, heading: &str, row: &dyn Fn(usize) -> String) {
    let mut text = format!("{heading}\n");
    (0..ROWS).for_each(|i| writeln!(text, "{}", row(i)).unwrap());
    std::fs::write(place.path("a.csv"), text).unwrap();
}

/// Columns of 0 and 1 with these names.
fn put_bits(place: &Place, names: &str) {
    let columns = names.split(',').count();
    put_csv(place, names, &|i| (0..columns).map(|c| bit(i, c % 7).to_string()).collect::<Vec<_>>().join(","));
}

/// Positives by label of a finished run.
fn positives(place: &Place) -> BTreeMap<String, u64> {
    let weights = place.json("out/weights.json");
    let labels = weights["labels"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    labels.zip(weights["positives"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap())).collect()
}

/// Which labels are chosen unasked.
fn chosen(place: &Place, arguments: &[&str]) -> Vec<String> {
    place.weights(arguments);
    positives(place).into_keys().collect()
}

/// The readings that are offered, each with its positives.
fn readings(place: &Place, arguments: &[&str]) -> Vec<(String, BTreeMap<String, u64>)> {
    let asked = question(place, arguments);
    let flags = offered(&asked);
    assert!(!flags.is_empty(), "{arguments:?}: {asked}");
    let given = arguments.iter().map(|argument| format!("'{argument}'")).collect::<Vec<_>>().join(" ");
    let run = |flags: String| {
        let ended = paste(place, &given, &flags);
        assert_eq!(ended.code, 0, "{given} {flags}: {}", ended.stderr);
        (flags, positives(place))
    };
    flags.into_iter().map(run).collect()
}

/// The positives of the reading with these flags.
#[track_caller]
fn by(all: &[(String, BTreeMap<String, u64>)], flags: &str) -> BTreeMap<String, u64> {
    let found = all.iter().find(|(own, _)| own == flags);
    found
        .unwrap_or_else(|| {
            panic!("{flags} is not among {:#?}", all.iter().map(|(f, _)| f).collect::<Vec<_>>())
        })
        .1
        .clone()
}

/// How many rows have each name.
fn count<N: ToString>(names: impl Iterator<Item = N>) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    names.for_each(|name| *all.entry(name.to_string()).or_default() += 1);
    all
}

/// The animals of a row, in pairs and alone.
fn animals(i: usize) -> Vec<&'static str> {
    (0..ANIMALS.len()).filter(|a| (i + a).is_multiple_of(3)).map(|a| ANIMALS[a]).collect()
}

#[test]
fn columns_of_a_condition_are_no_labels() {
    let place = Place::new();
    put_bits(&place, "cat,dog,night");
    let source = ["a.csv", "--where", "night = 1"];
    assert_eq!(chosen(&place, &source), ["cat", "dog"]);
    let findings = place.json("out/run_results.json")["findings"].to_string();
    assert!(findings.contains("--where leaves one value of \\\"night\\\""), "{findings}");
    let rows = (0..ROWS).filter(|i| bit(*i, 2) == 1);
    assert_eq!(positives(&place)["cat"], rows.filter(|i| bit(*i, 0) == 1).count() as u64);
    assert_eq!(chosen(&place, &["a.csv", "--where", "night IS NOT NULL"]), ["cat", "dog", "night"]);
    // Rows of two kinds are left.
    let all = readings(&place, &["a.csv", "--where", "night = 1 OR cat = 1"]);
    assert!(
        by(&all, "--labels dog --layout wide").len() == 1
            && by(&all, "--labels cat,dog,night --layout wide").len() == 3
    );
    // Nothing else is a label.
    put_csv(&place, "x,label", &|i| format!("{i}.5,{}", i % 3));
    assert_eq!(chosen(&place, &["a.csv", "--where", "label = 2"]), ["0", "1", "2"]);
    assert_eq!(chosen(&place, &["a.csv", "--where", "label <> 2"]), ["0", "1"]);
    // Other columns that need declarations are offered without it.
    put_csv(&place, "ok,cat,dog", &|i| {
        format!("{},{},{}", bit(i, 0), if i % 5 == 0 { -1 } else { i64::from(bit(i, 1)) }, bit(i, 2))
    });
    let all = readings(&place, &["a.csv", "--where", "ok = 1"]);
    assert!(all.iter().all(|(_, labels)| !labels.contains_key("ok")), "{all:?}");
}

#[test]
fn a_list_beside_what_may_be_the_label_is_asked_about() {
    let place = Place::new();
    let kind = |i: usize| ["thai", "greek", "indian"][i * 7 % 3];
    let words = |i: usize| [format!("w{}", i % 11), format!("w{}", i % 7 + 2)];
    put(&place, &|i| json!({"id": format!("r{i}"), "ingredients": words(i), "cuisine": kind(i)}));
    let all = readings(&place, &["a.jsonl"]);
    assert_eq!(by(&all, "--labels cuisine --layout class"), count((0..ROWS).map(kind)));
    assert_eq!(by(&all, "--labels ingredients --layout list")["w0"], (ROWS as u64).div_ceil(11));
    put(&place, &|i| json!({"id": format!("r{i}"), "codes": words(i), "mortality": bit(i, 1)}));
    let all = readings(&place, &["a.jsonl"]);
    assert_eq!(
        by(&all, "--labels mortality --layout wide")["mortality"],
        (0..ROWS).filter(|i| bit(*i, 1) == 1).count() as u64
    );
    put(&place, &|i| json!({"tags": animals(i), "spam": bit(i, 1)}));
    readings(&place, &["a.jsonl"]);
    // Lists of other kinds are as doubtful.
    let text = |i: usize| json!(words(i)).to_string();
    put(&place, &|i| json!({"id": format!("r{i}"), "codes": text(i), "mortality": bit(i, 1)}));
    by(&readings(&place, &["a.jsonl"]), "--labels mortality --layout wide");
    put(&place, &|i| json!({"id": format!("r{i}"), "pages": [i % 9, i % 5], "mood": kind(i)}));
    by(&readings(&place, &["a.jsonl"]), "--labels mood --layout class");
    put(
        &place,
        &|i| json!({"id": format!("r{i}"), "fp": [bit(i, 0), bit(i, 1), bit(i, 2)], "toxic": bit(i, 3)}),
    );
    by(&readings(&place, &["a.jsonl"]), "--labels toxic --layout wide");
    // What the others say of rows is clear.
    for (list, other, cell) in [
        ("objects", "split", json!(["train", "val"])),
        ("objects", "source", json!(["web", "book"])),
        ("labels", "license", json!(["mit", "gpl"])),
        ("labels", "nsfw", json!([0, 1])),
        ("tags", "lang", json!(["en", "de"])),
        ("tags", "species", json!(["a", "b"])),
        ("objects", "is_train", json!([0, 1])),
        ("objects", "note", json!(["seen", "good"])),
    ] {
        put(
            &place,
            &|i| json!({"id": format!("r{i}"), list: animals(i), other: cell[usize::from(bit(i, 1))]}),
        );
        assert_eq!(chosen(&place, &["a.jsonl"]), ANIMALS, "{list} {other}");
    }
}

#[test]
fn lists_of_texts_that_do_not_recur_are_never_chosen_unasked() {
    let place = Place::new();
    let choices = |i: usize| (0..4).map(|c| format!("answer {i} {c}")).collect::<Vec<_>>();
    put(&place, &|i| json!({"question": format!("q{i}"), "choices": choices(i), "answer": i % 4}));
    let all = readings(&place, &["a.jsonl"]);
    assert_eq!(by(&all, "--labels answer --layout class"), count((0..ROWS).map(|i| i % 4)));
    for name in ["captions", "labels"] {
        put(&place, &|i| json!({"id": format!("r{i}"), name: choices(i)}));
        readings(&place, &["a.jsonl"]);
        put(&place, &|i| json!({"id": format!("r{i}"), name: json!(choices(i)).to_string()}));
        readings(&place, &["a.jsonl"]);
    }
    // Many names of which some are rare recur.
    put(
        &place,
        &|i| json!({"labels": [format!("n{}", i % 40), format!("m{}", i % 150), format!("rare{i}")]}),
    );
    assert_eq!(chosen(&place, &["a.jsonl"]).len(), 40 + 150 + ROWS);
}

#[test]
fn lists_as_long_as_others_are_asked_about() {
    let place = Place::new();
    let present =
        |i: usize| animals(i).into_iter().enumerate().map(|(n, _)| (i + n) % 4 / 3).collect::<Vec<_>>();
    let said = (0..ROWS).flat_map(|i| animals(i).into_iter().zip(present(i))).filter(|(_, p)| *p == 1);
    let said = count(said.map(|(name, _)| name));
    for truth in [false, true] {
        let values = |i: usize| {
            if truth {
                json!(present(i).iter().map(|p| *p == 1).collect::<Vec<_>>())
            } else {
                json!(present(i))
            }
        };
        put(&place, &|i| json!({"labels": animals(i), "present": values(i)}));
        let all = readings(&place, &["a.jsonl"]);
        assert_eq!(by(&all, "--labels labels --layout map --value present"), said);
        assert_eq!(by(&all, "--labels labels --layout list"), count((0..ROWS).flat_map(animals)));
    }
    let scores = |i: usize| {
        ANIMALS.iter().enumerate().map(|(n, _)| ((i + n * 3) % 10) as f64 / 10.0).collect::<Vec<_>>()
    };
    put(&place, &|i| json!({"labels": ANIMALS, "scores": scores(i)}));
    let all = readings(&place, &["a.jsonl"]);
    let high = (0..ROWS).flat_map(|i| ANIMALS.into_iter().zip(scores(i))).filter(|(_, score)| *score >= 0.5);
    assert_eq!(
        by(&all, "--labels labels --layout map --value scores --threshold 0.5"),
        count(high.map(|(name, _)| name))
    );
    // Tokens and what each is.
    let tokens = |i: usize| (0..=i % 6).map(|t| format!("w{}", (i + t) % 9)).collect::<Vec<_>>();
    let tags = |i: usize| (0..=i % 6).map(|t| (i * t) % 3).collect::<Vec<_>>();
    put(&place, &|i| json!({"id": i, "tokens": tokens(i), "ner_tags": tags(i)}));
    let all = readings(&place, &["a.jsonl"]);
    assert_eq!(by(&all, "--labels ner_tags --layout list --unit element"), count((0..ROWS).flat_map(tags)));
    assert_eq!(
        place.weights(&["a.jsonl", "--labels", "ner_tags", "--unit", "element", "--layout", "list"])["rows"],
        (0..ROWS).map(|i| 1 + i % 6).sum::<usize>()
    );
    let bits = |i: usize| (0..16).map(|t| usize::from(bit(i + t, t % 7))).collect::<Vec<_>>();
    put(
        &place,
        &|i| json!({"input_ids": (0..16).map(|t| 100 + (i * t) % 50).collect::<Vec<_>>(), "labels": bits(i)}),
    );
    let all = readings(&place, &["a.jsonl"]);
    assert_eq!(by(&all, "--labels labels --layout list --unit element"), count((0..ROWS).flat_map(bits)));
    // Another number of elements says nothing, nor do numbers beside a vector.
    put(&place, &|i| json!({"labels": animals(i), "scores": vec![0.5; 1 + i % 4]}));
    assert_eq!(chosen(&place, &["a.jsonl"]), ANIMALS);
    put(&place, &|i| json!({"logits": scores(i), "labels": [bit(i, 0), bit(i, 1), bit(i, 2), bit(i, 3)]}));
    assert_eq!(chosen(&place, &["a.jsonl"]).len(), 4);
    put(&place, &|i| json!({"labels": animals(i), "box": [i % 9, i % 7, 3, 4]}));
    assert_eq!(chosen(&place, &["a.jsonl"]), ANIMALS);
}

#[test]
fn columns_that_say_something_of_rows_or_labels_are_asked_about() {
    let place = Place::new();
    for name in [
        "index",
        "idx",
        "level_0",
        "eval",
        "kfold",
        "phase",
        "w",
        "count",
        "unlabeled",
        "has_label",
        "n_labels",
        "agreement",
        "is_deleted",
        "iscrowd",
        "cat_missing",
        "dog_isna",
        "cat_prev",
        "is_rejected",
        "hidden",
    ] {
        put_bits(&place, &format!("cat,dog,bird,{name}"));
        let all = readings(&place, &["a.csv"]);
        assert_eq!(by(&all, "--labels cat,dog,bird --layout wide").len(), 3, "{name}");
        assert_eq!(by(&all, &format!("--labels cat,dog,bird,{name} --layout wide")).len(), 4, "{name}");
    }
    put_bits(&place, "cat_a1,cat_a2,dog_a1,dog_a2");
    assert_eq!(by(&readings(&place, &["a.csv"]), "--labels cat_a1,dog_a1 --layout wide").len(), 2);
    for names in ["fold_0,fold_1,fold_2", "rater1,rater2,rater3", "annotator_1,annotator_2"] {
        put_bits(&place, names);
        assert_eq!(readings(&place, &["a.csv"]).len(), 1, "{names}");
    }
    for names in [
        "machine_learning,robotics,hard_hat",
        "cat,cat_kitten,dog",
        "truck,car,auto_parts",
        "l_w,l_count,l_set",
    ] {
        put_bits(&place, names);
        assert_eq!(chosen(&place, &["a.csv"]).len(), 3, "{names}");
    }
}

#[test]
fn columns_of_which_each_row_has_just_one_are_asked_about_beside_others() {
    let place = Place::new();
    let sites =
        |i: usize| (0..3).map(|site| u8::from(i * 7 % 3 == site).to_string()).collect::<Vec<_>>().join(",");
    let labels = |i: usize| format!("{},{}", bit(i, 0), bit(i, 1));
    put_csv(&place, "cat,dog,zone_0,zone_1,zone_2", &|i| format!("{},{}", labels(i), sites(i)));
    let all = readings(&place, &["a.csv"]);
    assert_eq!(by(&all, "--labels cat,dog --layout wide").len(), 2);
    assert_eq!(by(&all, "--labels zone_0,zone_1,zone_2 --layout wide").len(), 3);
    assert_eq!(by(&all, "--labels cat,dog,zone_0,zone_1,zone_2 --layout wide").len(), 5);
    put_csv(&place, "y_cat,y_dog,y_cow,zone_0,zone_1,zone_2", &|i| {
        format!("{},{},{}", labels(i), bit(i, 2), sites(i))
    });
    readings(&place, &["a.csv"]);
    // The name says so, too, wherever it has others beside it.
    for names in ["cat,dog,bird,site_0,site_1", "cat,dog,bird,lang_en,lang_de", "click,device_type,like"] {
        put_bits(&place, names);
        let all = readings(&place, &["a.csv"]);
        assert!(all.iter().any(|(_, labels)| !labels.keys().any(|name| name.contains('_'))), "{all:?}");
    }
    put_bits(&place, "gold_a,gold_b,silver_a,silver_b");
    let all = readings(&place, &["a.csv"]);
    assert_eq!(by(&all, "--labels gold_a,gold_b --layout wide").len(), 2);
    assert_eq!(by(&all, "--labels silver_a,silver_b --layout wide").len(), 2);
    put_bits(&place, "region_a,region_b,region_c");
    assert_eq!(chosen(&place, &["a.csv"]).len(), 3);
    // By themselves they are the classes, and some rows have none of others.
    put_csv(&place, "zone_0,zone_1,zone_2", &sites);
    assert_eq!(chosen(&place, &["a.csv"]).len(), 3);
    put_csv(&place, "cat,dog,zone_0,zone_1", &|i| {
        format!("{},{}", labels(i), if i % 3 == 0 { "0,0" } else { "0,1" })
    });
    assert_eq!(chosen(&place, &["a.csv"]).len(), 4);
}

#[test]
fn numbers_with_gaps_are_indices_or_names() {
    let place = Place::new();
    let codes: [&dyn Fn(usize) -> usize; 4] =
        [&|i| 116 + i % 15 * 59, &|i| i % 2 * 4, &|i| 1 + i % 5, &|i| 1 + i % 90];
    for code in codes {
        put(&place, &|i| json!({"text": format!("t{i}"), "label": code(i)}));
        let all = readings(&place, &["a.jsonl"]);
        let expected = count((0..ROWS).map(code));
        assert_eq!(by(&all, "--labels label --layout class --label-kind name"), expected);
        let indices = by(&all, "--labels label --layout class");
        assert_eq!(indices.len(), (0..ROWS).map(code).max().unwrap() + 1);
        assert!(expected.iter().all(|(name, n)| indices[name] == *n));
        // What says how many there are, or that they are names, is no question.
        assert_eq!(chosen(&place, &["a.jsonl", "--num-labels", "1000"]).len(), 1000);
        put(&place, &|i| json!({"labels": [code(i), code(i + 1)]}));
        let all = readings(&place, &["a.jsonl"]);
        assert_eq!(by(&all, "--labels labels --layout list --label-kind name").len(), expected.len());
    }
    let stray = |i: usize| if i == 70 { 99_999 } else { i % 5 };
    put(&place, &|i| json!({"text": format!("t{i}"), "label": stray(i)}));
    let all = readings(&place, &["a.jsonl"]);
    assert_eq!(by(&all, "--labels label --layout class --missing-values=99999").len(), 5);
    assert_eq!(by(&all, "--labels label --layout class --label-kind name"), count((0..ROWS).map(stray)));
    // Rows that are sorted by their label, of which a sample has a part.
    let sorted = |i: usize| i / 20;
    let rows = (0..40_000).map(|i| i64::try_from(sorted(i)).unwrap()).collect::<Int64Array>();
    let groups = WriterProperties::builder().set_max_row_group_row_count(Some(4000)).build();
    write_with(&place.path("sorted.parquet"), vec![("label", array(rows))], groups);
    assert_eq!(chosen(&place, &["sorted.parquet"]).len(), 2000);
    // Zeros behind the indices of a row.
    let filled =
        |i: usize| (0..5).map(|at| if at <= i % 3 { 1 + (i + at) % 9 } else { 0 }).collect::<Vec<_>>();
    put(&place, &|i| json!({"labels": filled(i)}));
    let all = readings(&place, &["a.jsonl"]);
    let named = by(&all, "--labels labels --layout list --missing-values=0 --label-kind name");
    assert_eq!(named, count((0..ROWS).flat_map(filled).filter(|label| *label > 0)));
    let above_many = |i: usize| if i == 70 { 99_999 } else { i % 50 };
    put(&place, &|i| json!({"text": format!("t{i}"), "label": above_many(i)}));
    by(&readings(&place, &["a.jsonl"]), "--labels label --layout class --missing-values=99999");
    // Indices of which a few are rare.
    let dense: [&dyn Fn(usize) -> usize; 3] = [&|i| i % 7, &|i| [0, 1, 3, 4, 5, 8][i % 6], &|i| i * i % 331];
    for index in dense {
        put(&place, &|i| json!({"text": format!("t{i}"), "label": index(i)}));
        assert_eq!(chosen(&place, &["a.jsonl"]).len(), (0..ROWS).map(index).max().unwrap() + 1);
        put(&place, &|i| json!({"labels": [index(i)]}));
        assert_eq!(chosen(&place, &["a.jsonl"]).len(), (0..ROWS).map(index).max().unwrap() + 1);
    }
}

#[test]
fn ones_beside_null_are_asked_about() {
    let place = Place::new();
    let one = |i: usize, column| if bit(i, column) == 1 { "1" } else { "" };
    put_csv(&place, "cat,dog", &|i| format!("{},{}", one(i, 0), one(i, 1)));
    let all = readings(&place, &["a.csv"]);
    let negatives = |flags: &str| {
        assert_eq!(paste(&place, "a.csv", flags).code, 0, "{flags}");
        place.json("out/weights.json")["negatives"][0].as_u64().unwrap()
    };
    let [positives] = [by(&all, "--labels cat,dog --layout wide --null-as negative")["cat"]];
    assert_eq!(negatives("--labels cat,dog --layout wide --null-as negative"), ROWS as u64 - positives);
    assert_eq!(negatives("--labels cat,dog --layout wide --null-as missing"), 0);
    // A zero says that NULL is none.
    put_csv(&place, "cat,dog", &|i| format!("{},{}", one(i, 0), if i == 9 { "0" } else { one(i, 1) }));
    assert_eq!(chosen(&place, &["a.csv"]), ["cat", "dog"]);
}

#[test]
fn lists_of_a_single_bit_are_asked_about() {
    let place = Place::new();
    put(&place, &|i| json!({"labels": [bit(i, 1)]}));
    let all = readings(&place, &["a.jsonl"]);
    let ones = (0..ROWS).filter(|i| bit(*i, 1) == 1).count() as u64;
    assert_eq!(by(&all, "--labels labels --layout vector"), BTreeMap::from([("0".to_owned(), ones)]));
    assert_eq!(by(&all, "--labels labels --layout list"), count((0..ROWS).map(|i| bit(i, 1))));
    put(&place, &|i| json!({"labels": [i % 3]}));
    assert_eq!(chosen(&place, &["a.jsonl"]), ["0", "1", "2"]);
}

#[test]
fn arrays_of_postgresql_are_offered_with_a_query() {
    let place = Place::new();
    let query = |value: &str| format!("--query 'SELECT {value} AS \"tags\" FROM shards'");
    put(&place, &|i| json!({"id": i, "tags": format!("{{{}}}", animals(i).join(","))}));
    let all = readings(&place, &["a.jsonl"]);
    let braces = query(r#"btrim("tags", '"'"'{}'"'"')"#).replace(r#"'"'"'"#, r"'\''");
    let flags = format!("--labels tags --layout delimited --delimiter ',' {braces}");
    assert_eq!(by(&all, &flags), count((0..ROWS).flat_map(animals)));
    let quoted = |i: usize| {
        animals(i)
            .iter()
            .map(|name| if *name == "cat" { "\"big cat\"" } else { name })
            .collect::<Vec<_>>()
            .join(",")
    };
    put(&place, &|i| json!({"id": i, "tags": format!("{{{}}}", quoted(i))}));
    let all = readings(&place, &["a.jsonl"]);
    let cats = count((0..ROWS).flat_map(animals))["cat"];
    assert!(
        all.iter().any(|(flags, labels)| flags.contains("delimited") && labels.get("big cat") == Some(&cats)),
        "{all:?}"
    );
    for words in [["0", "1"], ["f", "t"]] {
        let bits = |i: usize| (0..4).map(|c| words[usize::from(bit(i, c))]).collect::<Vec<_>>().join(",");
        put(&place, &|i| json!({"id": i, "tags": format!("{{{}}}", bits(i))}));
        let all = readings(&place, &["a.jsonl"]);
        let expected = |c: usize| (0..ROWS).filter(|i| bit(*i, c) == 1).count() as u64;
        let found = all.iter().find(|(flags, _)| flags.contains("--layout vector")).unwrap();
        assert_eq!(
            found.1,
            (0..4).map(|c| (c.to_string(), expected(c))).collect::<BTreeMap<_, _>>(),
            "{}",
            found.0
        );
    }
    // Sets of Python are lists.
    put(&place, &|i| json!({"id": i, "tags": format!("{{'{}'}}", animals(i / 3 * 3).join("', '"))}));
    assert!(chosen(&place, &["a.jsonl"]).len() > 1);
}

#[test]
fn names_like_flags_and_several_classes_are_offered() {
    let place = Place::new();
    put(&place, &|i| json!({"-codes": animals(i), "mortality": bit(i, 1)}));
    let all = readings(&place, &["a.jsonl"]);
    assert_eq!(by(&all, "--labels=-codes --layout list"), count((0..ROWS).flat_map(animals)));
    put_csv(&place, "color,shape,size", &|i| format!("{},{},{}", i % 3, i % 4, i % 5));
    let all = readings(&place, &["a.csv"]);
    assert_eq!(by(&all, "--labels color,shape,size --layout class").len(), 3 + 4 + 5);
    put_csv(&place, "review,stars", &|i| format!("r{i},{}", 1 + i % 5));
    let all = readings(&place, &["a.csv"]);
    assert_eq!(by(&all, "--labels stars --layout class --label-kind name").len(), 5);
}
