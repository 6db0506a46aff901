//! A layout that was guessed from some rows is borne out by all of them, or asked about after counting.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arrow::array::BinaryArray;
use serde_json::{Value, json};

use crate::readings::{compute, offered, paste, question};
use crate::support::{Place, array, write};

const LABELS: [&str; 5] = ["bird", "cat", "cow", "dog", "horse"];
/// Shards, of which detection looks into the first, the middle and the last, and rows of each.
const SHARDS: usize = 8;
const ROWS: usize = 40;

/// What makes the cell of a row.
type Cell<'a> = Box<dyn Fn(usize) -> String + 'a>;

/// The labels of a row: one, or with `several` up to three.
fn set(i: usize, several: bool) -> Vec<&'static str> {
    let (start, step) = (i * 7 % 5, 1 + i / 15 % 2);
    let length = if several { 1 + i / 5 % 3 } else { 1 };
    (0..length).map(|j| LABELS[(start + j * step) % 5]).collect()
}

/// CSV files in a folder: the cell of each row of each shard, beside a column that says no more than which shard it is.
fn put(place: &Place, folder: &str, cell: &dyn Fn(usize, usize) -> String) {
    std::fs::create_dir_all(place.path(folder)).unwrap();
    for shard in 0..SHARDS {
        let mut text = "part,labels\n".to_owned();
        for i in 0..ROWS {
            let cell = cell(shard, i).replace('"', "\"\"");
            writeln!(text, "p{},\"{cell}\"", shard % 2).unwrap();
        }
        std::fs::write(place.path(&format!("{folder}/{shard}.csv")), text).unwrap();
    }
}

/// The positives of every label in the result.
fn positives(place: &Place) -> BTreeMap<String, u64> {
    let weights = place.json("out/weights.json");
    let texts = weights["labels"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    texts.zip(weights["positives"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap())).collect()
}

/// The same of rows with several labels in the shards for which `is_several` says yes.
fn truth(is_several: &dyn Fn(usize) -> bool) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for (shard, i) in (0..SHARDS).flat_map(|shard| (0..ROWS).map(move |i| (shard, i))) {
        set(i, is_several(shard)).into_iter().for_each(|name| *all.entry(name.to_owned()).or_default() += 1);
    }
    all
}

/// Runs the readings that a question offers: the first splits, the last takes names as they are.
#[track_caller]
fn assert_offers(place: &Place, folder: &str, more: &[&str], asked: &str, right: &BTreeMap<String, u64>) {
    let text = question(place, &[&[folder], more].concat());
    let more: String = more.iter().map(|flag| format!("\"{flag}\" ")).collect();
    assert!(text.contains(asked), "{folder}: {text}");
    let offers = offered(&text);
    assert_eq!(offers.len(), 2, "{folder}: {text}");
    let ended = paste(place, folder, &format!("{more}{}", offers[0]));
    assert_eq!(ended.code, 0, "{folder} {}: {}", offers[0], ended.stderr);
    assert_eq!(positives(place), *right, "{folder} {}", offers[0]);
    let ended = paste(place, folder, &format!("{more}{}", offers[1]));
    assert_eq!(ended.code, 0, "{folder} {}: {}", offers[1], ended.stderr);
    assert!(positives(place).len() > right.len(), "{folder} {}", offers[1]);
}

#[test]
fn names_joined_where_detection_did_not_look_are_asked_about() {
    let place = Place::new();
    let right = truth(&|shard| shard == 2);
    let separators = [
        "|", ";", ",", ", ", " ", "/", "\t", "->", "_", "、", "'", "\u{1f}", " - ", "&", "::", "\u{a0}", "\n",
    ];
    for (nth, by) in separators.into_iter().enumerate() {
        let folder = format!("late{nth}");
        put(&place, &folder, &|shard, i| set(i, shard == 2).join(by));
        assert_offers(&place, &folder, &[], "what separates labels in column \"labels\"?", &right);
    }
    // Other columns that flags name are kept.
    assert_offers(&place, "late0", &["--by", "part"], "names", &right);
    let ended = compute(&place, &["late0", "--vocabulary", "names.txt"]);
    assert_ne!(ended.code, 0);
    // The functions of SQL guess as well.
    let ended = place.run(&["sql", "-c", "SELECT label FROM label_counts('late0/*.csv')"]);
    assert!(ended.code == 2 && ended.stderr.contains("what separates labels"), "{}", ended.stderr);
}

#[test]
fn a_second_separator_is_asked_about() {
    let place = Place::new();
    let right = truth(&|_| true);
    for (nth, by) in [";", ", ", " ", "/", "\t", " & "].into_iter().enumerate() {
        let folder = format!("two{nth}");
        put(&place, &folder, &|shard, i| set(i, true).join(if shard % 2 == 0 { "|" } else { by }));
        assert_offers(&place, &folder, &[], "split at \"|\"", &right);
    }
    assert_offers(&place, "two0", &["--by", "part"], "split at \"|\"", &right);
    put(&place, "three", &|shard, i| set(i, true).join(["|", ";", "/", "|"][shard % 4]));
    assert_offers(&place, "three", &[], "\";\" or \"/\" between them", &right);
    // A condition may name any column.
    let one = truth(&|_| true).into_iter().map(|(name, rows)| (name, rows / 2)).collect();
    put(&place, "where", &|_, i| set(i, true).join(if i % 2 == 0 { "|" } else { ";" }));
    assert_offers(&place, "where", &["--where", "part = 'p0'"], "split at \"|\"", &one);
}

#[test]
fn blanks_lists_sides_and_brackets_are_asked_about() {
    let place = Place::new();
    let right = truth(&|_| true);
    put(&place, "blanks", &|shard, i| set(i, true).join(if shard % 2 == 0 { "|" } else { "| " }));
    assert_offers(&place, "blanks", &[], "are blanks parts of the names", &right);
    put(&place, "both", &|shard, i| set(i, true).join(if shard % 2 == 0 { "|" } else { "; " }));
    assert_offers(&place, "both", &[], "split at \"|\"", &right);
    put(&place, "beside", &|shard, i| set(i, true).join(if shard == 2 { ";" } else { "; " }));
    assert_offers(&place, "beside", &[], "split at \"; \"", &right);
    let list = |i| serde_json::to_string(&set(i, true)).unwrap();
    put(&place, "lists", &|shard, i| if shard == 2 { list(i) } else { set(i, false)[0].to_owned() });
    assert_offers(&place, "lists", &[], "are there lists in column", &truth(&|shard| shard == 2));
    put(&place, "barlists", &|shard, i| if shard == 2 { list(i) } else { set(i, true).join("|") });
    assert_offers(&place, "barlists", &[], "are there lists in column", &right);
    for (nth, (mark, by)) in [("=", "|"), (":", ";"), ("=", ", ")].into_iter().enumerate() {
        let side = |i, name: &'static str| format!("{name}{mark}{}", u8::from(set(i, true).contains(&name)));
        let folder = format!("sides{nth}");
        put(&place, &folder, &|_, i| LABELS.map(|name| side(i, name)).join(by));
        let text = question(&place, &[&folder]);
        let offers = offered(&text);
        let first = offers.iter().find(|offer| offer.contains("--layout map"));
        if let Some(first) = first {
            assert_eq!(paste(&place, &folder, first).code, 0, "{first}");
            assert_eq!(positives(&place), right, "{first}");
        }
        assert!(first.is_some() || by == ", ", "{text}");
    }
    put(&place, "tags", &|_, i| format!("({})", set(i, true).join(")(")));
    let text = question(&place, &["tags"]);
    assert_eq!(paste(&place, "tags", &offered(&text)[0]).code, 0, "{text}");
    assert_eq!(positives(&place), right);
    // Few names, of which every one with a blank is made of others.
    let names = ["rust", "scab", "spot", "complex", "healthy", "scab spot", "rust spot", "rust complex"];
    let names = [&names[..], &["scab spot complex", "spot complex", "scab complex"]].concat();
    put(&place, "plants", &|_, i| names[i % names.len()].to_owned());
    let text = question(&place, &["plants"]);
    let offers = offered(&text);
    let split = offers.iter().find(|offer| offer.contains("--delimiter ' '")).expect(&text);
    assert_eq!(paste(&place, "plants", split).code, 0, "{split}");
    assert_eq!(positives(&place).len(), 5);
}

#[test]
fn what_a_row_says_of_each_label_is_asked_about() {
    let place = Place::new();
    let right = truth(&|_| true);
    let has = |i: usize, name: &str| set(i, true).contains(&name);
    let all = |i: usize, by: &str, said: &dyn Fn(bool) -> &'static str| {
        LABELS.map(|name| format!("{name}{}", said(has(i, name)))).join(by)
    };
    let those = |i: usize, by: &str, said: &dyn Fn(usize) -> String| {
        let set = set(i, true).into_iter().enumerate();
        set.map(|(at, name)| format!("{name}{}", said(i + at))).collect::<Vec<_>>().join(by)
    };
    let listed = |text: String| serde_json::to_string(&text.split('|').collect::<Vec<_>>()).unwrap();
    let kinds: [(&str, &str, Cell<'_>); 10] = [
        ("words", "--layout map", Box::new(|i| all(i, "|", &|has| if has { "=True" } else { "=False" }))),
        (
            "yes",
            "--positive-values=yes",
            Box::new(|i| all(i, ";", &|has| if has { ": yes" } else { ": no" })),
        ),
        ("codes", "--negative-values=-1", Box::new(|i| all(i, "|", &|has| if has { ":1" } else { ":-1" }))),
        ("brackets", "--layout map", Box::new(|i| all(i, "|", &|has| if has { " (1)" } else { " (0)" }))),
        ("list", "--layout map", Box::new(|i| listed(all(i, "|", &|has| if has { "=1" } else { "=0" })))),
        ("counts", "--layout delimited", Box::new(|i| those(i, "|", &|at| format!(":{}", 1 + at % 4)))),
        ("scores", "--threshold 0.5", Box::new(|i| those(i, "|", &|at| format!(":0.{}", 5 + at % 5)))),
        ("shares", "--layout delimited", Box::new(|i| those(i, ";", &|at| format!(" (0.{})", 1 + at % 8)))),
        (
            "scored",
            "--layout list --query",
            Box::new(|i| listed(those(i, "|", &|at| format!(":0.{}", 1 + at % 8)))),
        ),
        (
            "single",
            "--layout map",
            Box::new(|i| format!("{}={}", LABELS[i % 5], u8::from(has(i, LABELS[i % 5])))),
        ),
    ];
    for (folder, wanted, cell) in &kinds {
        put(&place, folder, &|_, i| cell(i));
        let text = question(&place, &[folder]);
        assert!(text.contains("say of each label whether a row has it?"), "{folder}: {text}");
        let offers = offered(&text);
        let way =
            offers.iter().find(|offer| offer.contains(wanted)).unwrap_or_else(|| panic!("{folder}: {text}"));
        assert_eq!(paste(&place, folder, way).code, 0, "{folder}: {way}");
        if *folder == "single" {
            let known = place.json("out/weights.json");
            assert_eq!(known["labels"], json!(LABELS), "{way}");
        } else {
            assert_eq!(positives(&place), right, "{folder}: {way}");
        }
    }
    // Bytes are texts, too.
    let bytes = (0..ROWS).map(|i| all(i, "|", &|has| if has { "=1" } else { "=0" }).into_bytes());
    write(&place.path("bytes/a.parquet"), vec![("labels", array(BinaryArray::from_iter_values(bytes)))]);
    let text = question(&place, &["bytes"]);
    assert_eq!(paste(&place, "bytes", &offered(&text)[0]).code, 0, "{text}");
    let one = right.iter().map(|(name, rows)| (name.clone(), rows / SHARDS as u64)).collect();
    assert_eq!(positives(&place), one, "{text}");
    // Pairs get a column of values.
    let mut pairs = "image_id,label\n".to_owned();
    for (i, name) in (0..ROWS).flat_map(|i| LABELS.map(|name| (i, name))) {
        writeln!(pairs, "i{i},{name}:{}", u8::from(has(i, name))).unwrap();
    }
    std::fs::write(place.path("pairs.csv"), pairs).unwrap();
    let text = question(&place, &["pairs.csv"]);
    let offers = offered(&text);
    assert!(offers[0].contains("--value value"), "{text}");
    assert_eq!(paste(&place, "pairs.csv", &offers[0]).code, 0, "{text}");
    assert_eq!(positives(&place), one, "{text}");
}

#[test]
fn names_that_hold_others_stay_whole() {
    let place = Place::new();
    for (nth, names) in
        [
            &[
                "Common Yellowthroat",
                "Yellow Warbler",
                "Common Raven",
                "Raven",
                "Palm Warbler",
                "Common Loon",
            ][..],
            &["New York", "York", "New Jersey", "Jersey", "Texas"],
            &["No Finding", "Edema", "Pulmonary Edema", "Effusion", "Pleural Effusion", "Lung Opacity"],
            &["food", "non-food", "drink", "non-drink", "toy"],
            &["animal", "animal/dog", "dog", "animal/cat", "cat", "plant", "plant/tree", "tree"],
            &["cs.LG", "cs.CV", "math.AG", "stat.ML", "hep-th", "eess.IV"],
            &["A00", "A00.1", "A00.9", "B20", "B20.1", "B20.9"],
            &["red car", "red bus", "blue car", "blue bus", "old car", "old bus"],
            &["left_arm", "right_arm", "left_leg", "right_leg", "head"],
            &["grade 1", "grade 2", "grade 3", "stage 1", "stage 2", "stage 3"],
        ]
        .into_iter()
        .enumerate()
    {
        let folder = format!("whole{nth}");
        put(&place, &folder, &|_, i| names[i % names.len()].to_owned());
        let ended = compute(&place, &[&folder]);
        assert_eq!(ended.code, 0, "{names:?}: {}", ended.stderr);
        assert_eq!(positives(&place).len(), names.len());
    }
    // Pieces of the same kind, where labels are split.
    let names =
        ["Pleural Thickening", "Effusion", "Pleural Effusion", "No Finding", "non-food", "food", "Sci-Fi"];
    put(&place, "split", &|_, i| [names[i % 7], names[i * 3 % 7]].join("|"));
    assert_eq!(compute(&place, &["split"]).code, 0);
    // Names that were named.
    put(&place, "late", &|shard, i| set(i, shard == 2).join("|"));
    for flags in [&["--layout", "class"][..], &["--layout", "delimited", "--delimiter", ";"]] {
        assert_eq!(compute(&place, &[&["late", "--labels", "labels"], flags].concat()).code, 0, "{flags:?}");
    }
}

#[test]
fn joined_names_of_pairs_are_asked_about() {
    let place = Place::new();
    let mut pairs = std::collections::BTreeSet::new();
    std::fs::create_dir_all(place.path("pairs")).unwrap();
    for shard in 0..SHARDS {
        let mut text = "id,label\n".to_owned();
        for i in 0..ROWS {
            let (id, names) = (shard * ROWS + i / 2, set(i, shard == 2));
            writeln!(text, "{id},{}", names.join("|")).unwrap();
            pairs.extend(names.into_iter().map(|name| (name, id)));
        }
        std::fs::write(place.path(&format!("pairs/{shard}.csv")), text).unwrap();
    }
    let mut right = BTreeMap::new();
    pairs.into_iter().for_each(|(name, _)| *right.entry(name.to_owned()).or_default() += 1);
    assert_offers(&place, "pairs", &[], "layout long takes each as one label", &right);
}

/// Keys of a table, which the second rows have in another order.
const KEYS: usize = 8000;

fn key(i: usize) -> usize {
    if i < KEYS { i } else { i * 3571 % KEYS }
}

/// The label of a row, which is another one in the second row of a key.
fn label(i: usize) -> &'static str {
    LABELS[(key(i) + i / KEYS * 2) % 5]
}

/// A table of keys: the key and the label of each row.
fn keyed(place: &Place, name: &str, heading: &str, rows: usize, row: &dyn Fn(usize) -> String) {
    let mut text = format!("{heading}\n");
    (0..rows).for_each(|i| writeln!(text, "{}", row(i)).unwrap());
    std::fs::write(place.path(name), text).unwrap();
}

fn repeated(place: &Place) -> Option<Value> {
    let results = place.json("out/run_results.json");
    let all = results["findings"].as_array().unwrap();
    all.iter().find(|one| one["id"] == "REPEATED_KEYS").map(|one| one["observed"].clone())
}

#[test]
fn rows_of_one_key_with_different_labels_are_asked_about() {
    let place = Place::new();
    for heading in ["path", "text", "sku", "number"] {
        let cell =
            |i: usize| if heading == "number" { key(i).to_string() } else { format!("x/{}.y", key(i)) };
        keyed(&place, "pairs.csv", &format!("{heading},label"), 2 * KEYS, &|i| {
            format!("{},{}", cell(i), label(i))
        });
        let text = question(&place, &["pairs.csv"]);
        assert!(
            text.contains(&format!("does column \"{heading}\" name the rows? 8000 of 8000 values")),
            "{text}"
        );
        let rows: Vec<Value> = offered(&text)
            .iter()
            .map(|flags| {
                assert_eq!(paste(&place, "pairs.csv", flags).code, 0, "{flags}");
                place.json("out/weights.json")["rows"].clone()
            })
            .collect();
        assert_eq!(rows, [json!(KEYS), json!(2 * KEYS)], "{text}");
    }
    // One key in a hundred has two rows.
    keyed(&place, "few.csv", "file,label", KEYS + 80, &|i| format!("{}.jpg,{}", key(i), label(i)));
    assert!(question(&place, &["few.csv"]).contains("80 of 8000 values in \"file\""));
    // A file among other columns, and a condition, for which rows are not compared.
    keyed(&place, "wide.csv", "file,w,h,d,label", 2 * KEYS, &|i| {
        format!("{}.jpg,{},{},2,{}", key(i), i, i * 3, label(i))
    });
    assert!(question(&place, &["wide.csv"]).contains("does column \"file\" name the rows?"));
    assert_eq!(compute(&place, &["wide.csv", "--where", "d = 2"]).code, 0);
    assert!(repeated(&place).unwrap().as_str().unwrap().contains("was not looked at"));
    assert_eq!(compute(&place, &["wide.csv", "--layout", "class", "--labels", "label"]).code, 0);
    assert_eq!(repeated(&place), None);
}

/// A heading, a number of rows, and each row.
type Table<'t> = (&'static str, usize, &'t dyn Fn(usize) -> String);

#[test]
fn rows_of_one_key_with_one_label_are_examples() {
    let place = Place::new();
    // Each has one row; two with one label; another column names the rows; rare; features beside others.
    let unasked: [Table<'_>; 5] = [
        ("file,label", KEYS, &|i| format!("{i}.jpg,{}", label(i))),
        ("text,label", 2 * KEYS, &|i| format!("t {},{}", key(i), label(key(i)))),
        ("file,text,label", 2 * KEYS, &|i| format!("{i}.jpg,t {},{}", key(i), label(i))),
        ("text,label", KEYS + 3, &|i| format!("t {},{}", key(i), label(i))),
        ("income,debt,age,city,label", 2 * KEYS, &|i| {
            format!("{},{},{},n{},{}", key(i), i * 7 % KEYS, i % 90, key(i), label(i))
        }),
    ];
    for (nth, (heading, rows, row)) in unasked.into_iter().enumerate() {
        keyed(&place, "one.csv", heading, rows, row);
        let ended = compute(&place, &["one.csv"]);
        assert_eq!(ended.code, 0, "{heading}: {}", ended.stderr);
        let observed =
            (nth == 3).then(|| json!("3 of 8000 values in \"text\" stand in rows with different labels"));
        assert_eq!(repeated(&place), observed, "{heading}");
    }
}
