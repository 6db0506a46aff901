//! The readings that a question offers: what they say, in which order, and that each works as it is printed.

use std::fmt::Write as _;
use std::process::Command;

use arrow::array::{Array, ListArray, RecordBatch};
use arrow::datatypes::Int32Type;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde_json::json;

use crate::support::{Ended, Place, root, some, write};
use crate::unclear::{ROWS, ints, put, unclear};

/// 0 or 1, in another pattern for each column.
pub(crate) fn bit(i: usize, column: usize) -> u8 {
    u8::from((i * 7 + column * 3).is_multiple_of(3 + column))
}

/// CSV with columns a, c, d of 0 and 1, and b whose cells are `odd` in every sixth row.
pub(crate) fn with_odd(place: &Place, name: &str, odd: &str) {
    put(place, name, "a,b,c,d", &|i| {
        let b = if i % 6 == 5 { odd.to_owned() } else { bit(i, 1).to_string() };
        format!("{},{b},{},{}", bit(i, 0), bit(i, 2), bit(i, 3))
    });
}

pub(crate) fn compute(place: &Place, arguments: &[&str]) -> Ended {
    place.run(&[&["compute"], arguments, &["--overwrite", "--out", "out"]].concat())
}

/// The question about a source.
pub(crate) fn question(place: &Place, arguments: &[&str]) -> String {
    let ended = compute(place, arguments);
    assert_eq!(ended.code, 2, "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    ended.stderr
}

/// The flags that a text offers, a line each.
pub(crate) fn offered(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with("--l"));
    lines.map(str::to_owned).collect()
}

/// Runs what was printed as a shell does.
pub(crate) fn paste(place: &Place, source: &str, flags: &str) -> Ended {
    let program = env!("CARGO_BIN_EXE_posweight");
    let line = format!("'{program}' compute {source} {flags} --overwrite --out out");
    Ended::of(&Command::new("sh").args(["-c", &line]).current_dir(place.dir.path()).output().unwrap())
}

#[test]
fn everything_that_is_offered_works_as_it_is_printed() {
    let place = Place::new();
    let mut sources: Vec<String> = unclear(&place).into_iter().map(str::to_owned).collect();
    for name in ["bits", "class", "heads", "long_soft", "map", "objects", "struct"] {
        sources.push(root().join("sample_data").join(name).to_str().unwrap().to_owned());
    }
    let mut faults = String::new();
    for source in some(&sources) {
        let question = question(&place, &[source]);
        let inspected = place.run(&["inspect", source]).stderr;
        let all = offered(&inspected);
        assert!(!all.is_empty(), "{source}: {question}{inspected}");
        assert!(offered(&question).iter().all(|flags| all.contains(flags)), "{question}{inspected}");
        for flags in all {
            let ended = paste(&place, source, &flags);
            if ended.code != 0 {
                writeln!(faults, "{source} {flags}: {} {}", ended.code, ended.stderr).unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn a_column_with_other_values_beside_zeros_and_ones_is_asked_about() {
    let place = Place::new();
    unclear(&place);
    for (source, flag) in [
        ("na.csv", "--missing-values=NA"),
        ("what.csv", "--missing-values='?'"),
        ("blank.csv", "--missing-values=' '"),
        ("unknown.csv", "--missing-values=unknown"),
        ("two.csv", "--missing-values=2"),
        ("half.csv", "--missing-values=0.5"),
        ("minus.csv", "--missing-values=-1"),
    ] {
        let asked = question(&place, &[source]);
        assert!(asked.contains("is column \"b\" a label?"), "{source}: {asked}");
        let offers = offered(&asked);
        assert_eq!(offers[0], format!("--labels a,b,c,d --layout wide {flag}"), "{asked}");
        assert!(offers.contains(&"--labels a,c,d --layout wide".to_owned()), "{asked}");
        let ended = paste(&place, source, flag);
        assert_eq!(ended.code, 0, "{source}: {}", ended.stderr);
        assert_eq!(place.json("out/weights.json")["labels"], json!(["a", "b", "c", "d"]), "{source}");
        // Also where only the layout is known.
        assert!(question(&place, &[source, "--layout", "wide"]).contains("is column \"b\" a label?"));
    }
    let asked = question(&place, &["half.csv"]);
    assert!(asked.contains("--soft") && asked.contains("--threshold 0.5"), "{asked}");
    let asked = question(&place, &["mixed.csv"]);
    assert!(
        asked.contains("--labels x,y,z --layout wide --positive-values=1,t --negative-values=0,f"),
        "{asked}"
    );
}

#[test]
fn a_flag_that_settles_one_column_leaves_the_others_to_be_asked_about() {
    let place = Place::new();
    put(&place, "a.csv", "a,b,c,d", &|i| {
        let b = if i % 6 == 5 { -1 } else { i64::from(bit(i, 1)) };
        let c = if i == 11 { 2 } else { bit(i, 2) };
        format!("{},{b},{c},{}", bit(i, 0), bit(i, 3))
    });
    let asked = question(&place, &["a.csv"]);
    assert!(asked.contains("is column \"b\" a label?") && asked.contains("c (2)"), "{asked}");
    assert!(asked.contains("--labels a,b,c,d --layout wide --missing-values=-1,2"), "{asked}");
    let asked = question(&place, &["a.csv", "--missing-values=-1"]);
    assert!(asked.contains("is column \"c\" a label? it holds 2"), "{asked}");
    // What is offered can be added to what was said.
    let flags = offered(&asked);
    assert_eq!(paste(&place, "a.csv", &format!("--missing-values=-1 {}", flags[0])).code, 0, "{asked}");
    assert_eq!(place.json("out/weights.json")["labels"], json!(["a", "b", "c", "d"]));
    let asked = question(&place, &["a.csv", "--threshold", "0.5"]);
    assert!(asked.contains("is column \"b\" a label? it holds -1"), "{asked}");
}

#[test]
fn the_likely_reading_is_the_first_and_classes_of_codes_are_the_last() {
    let place = Place::new();
    unclear(&place);
    for (source, first) in [
        (
            "yes.csv",
            "--labels cat,dog,bird --layout wide --positive-values=Yes --negative-values=No --missing-values=N/A",
        ),
        ("signs.csv", "--labels y --layout wide --negative-values=-1"),
        ("codes.csv", "--labels one,two --layout wide --missing-values=-1"),
        ("nines.csv", "--labels one,two,three --layout wide --missing-values=9"),
        ("soft.csv", "--labels toxic,insult --layout wide --soft"),
        ("votes.csv", "--labels anger,joy --layout wide --soft"),
        ("dump.csv", r"--labels joy,fear,awe --layout wide --missing-values='\N'"),
        ("pairs.csv", "--labels LabelName --layout long --id ImageID"),
        ("tagged.csv", "--labels tag --layout long --id img --value value"),
        ("sure.csv", "--labels LabelName --layout long --id ImageID --value Confidence"),
        ("sides.csv", "--labels cat,dog --layout wide"),
        ("spam.csv", "--labels label --layout wide"),
        ("heads.csv", "--labels color,shape --layout class"),
        (
            "digits.csv",
            r#"--labels y --layout vector --query 'SELECT trim(regexp_replace("y", '\''(.)'\'', '\''\1 '\'', '\''g'\'')) AS "y" FROM shards'"#,
        ),
        (
            "angles.csv",
            r#"--labels Tags --layout delimited --delimiter '|' --query 'SELECT btrim(replace("Tags", '\''><'\'', '\''|'\''), '\''<>'\'') AS "Tags" FROM shards'"#,
        ),
        ("rated.csv", "--labels genre --layout long --id userId --value rating --threshold=3"),
        ("verified.csv", "--labels LabelName --layout long --id ImageID --value Confidence"),
        ("grid.jsonl", "--labels mask --layout list --unit element"),
        ("from_one.csv", "--labels y --layout class --label-kind name"),
        ("sets.csv", "--labels tags --layout list --missing-values=nan"),
        (
            "numpy.csv",
            r#"--labels tags --layout list --query 'SELECT regexp_replace("tags", '\''(['\'''\''"])\s+(['\'''\''"])'\'', '\''\1, \2'\'', '\''g'\'') AS "tags" FROM shards'"#,
        ),
        ("dicts.jsonl", "--labels tags --layout class"),
        ("objects.jsonl", "--labels boxes.category --layout list"),
        ("fields.jsonl", "--labels y.cat,y.dog --layout wide"),
        ("bits.parquet", "--labels attr_mask --layout bits"),
        ("bits64.parquet", "--labels m --layout bits"),
        (
            "bytes.parquet",
            r#"--labels y --layout vector --query 'SELECT trim(regexp_replace(encode("y", '\''hex'\''), '\''0(.)'\'', '\''\1 '\'', '\''g'\'')) AS "y" FROM shards'"#,
        ),
        (
            "packed.parquet",
            r#"--labels y --layout vector --query 'SELECT trim(regexp_replace(encode("y", '\''hex'\''), '\''0(.)00000000000000'\'', '\''\1 '\'', '\''g'\'')) AS "y" FROM shards'"#,
        ),
        ("probs.parquet", "--labels probs --layout vector --soft"),
        (
            "text_bits.parquet",
            r#"--labels y --layout vector --query 'SELECT '\''['\'' || array_to_string("y", '\'','\'', '\''null'\'') || '\'']'\'' AS "y" FROM shards'"#,
        ),
        (
            "text_sides.parquet",
            r#"--labels y --layout vector --query 'SELECT regexp_replace(regexp_replace('\''['\'' || array_to_string("y", '\'','\'', '\''null'\'') || '\'']'\'', '\''\bno\b'\'', '\''0'\'', '\''g'\''), '\''\byes\b'\'', '\''1'\'', '\''g'\'') AS "y" FROM shards'"#,
        ),
        (
            "slashes.csv",
            r#"--labels y --layout vector --query 'SELECT replace("y", '\''/'\'', '\'' '\'') AS "y" FROM shards'"#,
        ),
        (
            "spaced.csv",
            r#"--labels y --layout list --query 'SELECT regexp_replace(regexp_replace("y", '\''\s+\]'\'', '\'']'\'', '\''g'\''), '\''([0-9.])\s+'\'', '\''\1, '\'', '\''g'\'') AS "y" FROM shards'"#,
        ),
        (
            "survey.csv",
            "--labels q1,q2,q3 --layout wide --positive-values='Python,R,SQL and others' --null-as negative",
        ),
        ("verdicts.csv", r#"--labels label --layout class --where '"answer" = '\''accept'\'''"#),
        ("empty_list.jsonl", "--labels annotations.value.choices --layout list"),
        ("keywords.jsonl", "--labels keywords --layout list"),
        ("counts.jsonl", "--labels y --layout map --threshold=1"),
        ("ticks.parquet", "--labels a,b --layout wide --positive-values=x --negative-values=''"),
        ("own.parquet", "--labels cat,dog --layout wide --positive-values=cat,dog --null-as negative"),
        ("hot.parquet", "--labels labels --layout list"),
        ("padded.parquet", "--labels label_ids --layout list --missing-values=-1"),
    ] {
        let asked = question(&place, &[source]);
        assert_eq!(offered(&asked).first().map(String::as_str), Some(first), "{source}: {asked}");
    }
    assert!(
        offered(&question(&place, &["words.csv"]))
            .contains(&"--labels attributes --layout delimited --delimiter ' '".to_owned())
    );
    for (source, one) in [
        (
            "coded.csv",
            "--labels stroke,gout --layout wide --positive-values=1 --negative-values=2 --missing-values=9",
        ),
        ("raised.csv", "--labels joy,fear --layout wide --threshold 1"),
        ("unknowns.csv", "--labels joy,fear --layout wide --missing-values=2"),
        ("mids.csv", "--labels positive_labels --layout delimited --delimiter ','"),
        ("tokens.jsonl", "--labels moods --layout delimited --delimiter '|'"),
        ("keywords.jsonl", "--labels labels.joy,labels.fear --layout wide"),
        ("beside_struct.jsonl", "--labels labels.joy,labels.fear --layout wide"),
    ] {
        let all = offered(&question(&place, &[source]));
        assert!(all.contains(&one.to_owned()), "{source}: {all:?}");
    }
    let species = offered(&question(&place, &["species.csv"]));
    assert!(
        species.contains(&"--labels species_id --layout class --label-kind name".to_owned()),
        "{species:?}"
    );
    let asked = question(&place, &["codes.csv"]);
    let offers = offered(&asked);
    assert_eq!(offers[1], "--labels one,two --layout wide --uncertain-values=-1", "{asked}");
    assert!(offers.last().unwrap().starts_with("--labels two --layout class"), "{asked}");
    assert!(asked.contains("cells: -1, 0, 1") || asked.contains("cells: -1, 1, 0"), "{asked}");
    assert!(!question(&place, &["signs.csv"]).contains("--missing-values"));
    assert_eq!(paste(&place, "signs.csv", "--negative-values=-1").code, 0);
    assert_eq!(place.json("out/weights.json")["labels"], json!(["y"]));
}

#[test]
fn inspect_lists_all_readings_and_the_cells_of_columns_of_structs() {
    let place = Place::new();
    let columns: Vec<String> = (0..12).map(|i| format!("c{i}")).collect();
    put(&place, "many.csv", &columns.join(","), &|i| {
        (0..12).map(|c| format!("w{}", (i * 5 + c) % (3 + c))).collect::<Vec<_>>().join(",")
    });
    let asked = question(&place, &["many.csv"]);
    assert!(asked.contains("more: see posweight inspect"), "{asked}");
    let inspected = place.run(&["inspect", "many.csv"]).stderr;
    assert!(!inspected.contains("more"), "{inspected}");
    assert!(offered(&inspected).len() > 12, "{inspected}");
    unclear(&place);
    let inspected = place.run(&["inspect", "objects.jsonl"]).stderr;
    assert!(inspected.contains("category: cat") && !inspected.contains("(empty)"), "{inspected}");
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(11), Some(10)])]);
    let names = arrow::compute::cast(
        &lists,
        &arrow::datatypes::DataType::new_list(arrow::datatypes::DataType::Utf8, true),
    );
    assert_eq!(lists.len(), 1);
    write(&place.path("names.parquet"), vec![("tags", names.unwrap())]);
    let inspected = place.run(&["inspect", "names.parquet"]).stderr;
    assert!(inspected.contains("[\"11\", \"10\"]"), "{inspected}");
}

#[test]
fn what_is_one_value_or_an_index_of_pandas_is_seen() {
    let place = Place::new();
    put(&place, "constant.csv", ",cat,dog,never", &|i| format!("{i},{},{},0", bit(i, 0), bit(i, 1)));
    let ended = compute(&place, &["constant.csv"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("cat, dog, never; never has one value"), "{}", ended.stdout);
    put(&place, "index.csv", ",cat,label", &|i| format!("{i},{},{}", bit(i, 0), ["p", "q", "r"][i % 3]));
    let weights = place.weights(&["index.csv"]);
    assert_eq!(weights["labels"], json!(["p", "q", "r"]));
    // One with a name, as pandas notes it in the footer.
    let column = |j| ints((0..ROWS).map(move |i| i64::from(bit(i, j))));
    let batch =
        RecordBatch::try_from_iter([("bat", column(0)), ("cat", column(1)), ("dog", column(2))]).unwrap();
    let entry =
        KeyValue::new("pandas".to_owned(), r#"{"index_columns": ["bat", {"kind": "range"}]}"#.to_owned());
    let properties = WriterProperties::builder().set_key_value_metadata(Some(vec![entry])).build();
    let file = std::fs::File::create(place.path("named.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert_eq!(place.weights(&["named.parquet"])["labels"], json!(["cat", "dog"]));
    assert_eq!(place.weights(&["named.parquet", "--labels", "bat,cat"])["labels"], json!(["bat", "cat"]));
}

#[test]
fn votes_on_the_same_rows_are_asked_about() {
    let place = Place::new();
    let label = |i: usize| ["cat", "dog", "bird"][i % 3];
    let who = |i: usize| ["ann", "bob", "eve", "tom"][i % 4];
    put(&place, "votes.csv", "item_id,label,annotator", &|i| format!("i{},{},{}", i / 4, label(i), who(i)));
    put(&place, "ids.csv", "item_id,label,annotator_id", &|i| format!("i{},{},{}", i / 4, label(i), who(i)));
    put(&place, "image.csv", "image,label,worker", &|i| format!("{}.jpg,{},{}", i / 4, label(i), who(i)));
    for (source, id) in [("votes.csv", "item_id"), ("ids.csv", "item_id"), ("image.csv", "image")] {
        let asked = question(&place, &[source]);
        let offers = offered(&asked);
        for flags in ["--labels label --layout class", &format!("--labels label --layout long --id {id}")] {
            assert!(offers.contains(&flags.to_owned()), "{source}: {asked}");
            assert_eq!(paste(&place, source, flags).code, 0, "{source}: {flags}");
        }
    }
    // Nothing but pairs, or names of files that do not repeat.
    put(&place, "pairs2.csv", "item_id,label", &|i| format!("i{},{}", i / 2, label(i)));
    assert!(compute(&place, &["pairs2.csv"]).stdout.contains("layout long"), "pairs2.csv");
    put(&place, "files.csv", "filename,label", &|i| format!("{i}.jpg,{}", label(i)));
    assert!(compute(&place, &["files.csv"]).stdout.contains("layout class"), "files.csv");
}

#[test]
fn words_that_hardly_recur_are_asked_about_and_names_of_classes_are_not() {
    let place = Place::new();
    put(&place, "phrases.csv", "id,tags", &|i| {
        if i % 3 == 0 { format!("{i},red big new{i}") } else { format!("{i},w{i} x{}", i * 7) }
    });
    let asked = question(&place, &["phrases.csv"]);
    let offers = offered(&asked);
    assert!(offers.contains(&"--labels tags --layout delimited --delimiter ' '".to_owned()), "{asked}");
    assert!(offers.contains(&"--labels tags --layout class".to_owned()), "{asked}");
    question(&place, &["phrases.csv", "--labels", "tags"]);
    put(&place, "findings.csv", "finding", &|i| {
        ["No Finding", "Edema", "Pleural Other Effusion"][i % 3].to_owned()
    });
    assert_eq!(compute(&place, &["findings.csv", "--labels", "finding"]).code, 0);
}
