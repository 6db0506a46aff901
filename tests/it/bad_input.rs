//! Bad input: the right exit code, a message that names place and remedy, nothing published.

use std::fs;

use arrow::array::{BooleanArray, Int32Array, Int64Array, ListArray, StringArray};
use arrow::datatypes::Int32Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

use crate::support::{Ended, Place, array, root, write, write_with};

/// Runs compute and holds the failure to its promise.
fn refused(place: &Place, arguments: &[&str], code: i32, says: &[&str]) -> Ended {
    let mut all = vec!["compute"];
    all.extend(arguments);
    all.extend(["--out", "out"]);
    let ended = place.run(&all);
    assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stderr);
    for part in says {
        assert!(ended.stderr.contains(part), "{arguments:?} lacks {part:?}: {}", ended.stderr);
    }
    assert!(ended.stderr.contains("hint: ") && !ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert!(!place.path("out/weights.json").exists() && !place.path("out/_SUCCESS").exists());
    ended
}

fn bools(place: &Place, name: &str, values: &[i32]) {
    let ones = values.iter().map(|v| Some(*v));
    write(
        &place.path(name),
        vec![
            ("a", array(ones.clone().collect::<Int32Array>())),
            ("b", array(ones.map(|_| Some(true)).collect::<BooleanArray>())),
        ],
    );
}

#[test]
fn sources_that_are_not_there() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).unwrap();
    refused(&place, &["nowhere"], 4, &["nowhere: no such file"]);
    refused(&place, &["empty"], 4, &["empty: no Parquet file in this folder"]);
    refused(&place, &["*.parquet"], 4, &["*.parquet: this glob matches nothing"]);
    refused(&place, &["nowhere", "empty"], 4, &["2 sources are wrong", "nowhere", "empty"]);
    let unsupported = if cfg!(feature = "cloud") { "ftp" } else { "s3" };
    let source = format!("{unsupported}://bucket/x");
    let words = [&source[..], &format!("{unsupported}:// is not"), "supported", "s3://BUCKET/KEY"];
    refused(&place, &[&source], 2, &words);
}

#[test]
fn damaged_shards_are_named_all_at_once() {
    let place = Place::new();
    bools(&place, "d/good.parquet", &[0, 1]);
    let good = fs::read(place.path("d/good.parquet")).unwrap();
    fs::write(place.path("d/cut.parquet"), &good[..good.len() / 2]).unwrap();
    fs::write(place.path("d/empty.parquet"), b"").unwrap();
    fs::write(place.path("d/text.parquet"), b"this is no parquet file at all").unwrap();
    refused(
        &place,
        &["d"],
        4,
        &[
            "3 shards are wrong",
            "cut.parquet",
            "empty.parquet: not a readable Parquet file: the file is empty",
            "text.parquet",
        ],
    );
}

#[test]
fn files_that_are_not_parquet_are_known_by_their_first_bytes() {
    let place = Place::new();
    for (bytes, what, way_out) in [
        (&b"ARROW1\0\0and more"[..], "an Arrow IPC file", "mv a.parquet a.parquet.arrow"),
        (b"\xff\xff\xff\xff\x10\0\0\0", "an Arrow IPC stream", "mv a.parquet a.parquet.arrow"),
        (b"ORC\x11 and more of it", "an ORC file", "pyarrow.orc"),
        (b"Obj\x01\x04\x14avro.codec", "an Avro file", "read_avro"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "a gzip file", "gzip -dc a.parquet"),
        (b"id,label\n1,cat\n", "a CSV file", "mv a.parquet a.parquet.csv"),
        (b"id\tlabel\n1\tcat\n", "a TSV file", "mv a.parquet a.parquet.tsv"),
        (b"{\"label\": \"cat\"}\n", "a JSON file", "mv a.parquet a.parquet.jsonl"),
        (b"<!DOCTYPE html><html>", "an HTML page", "download"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", "git lfs pull"),
        (b"PAR1 and then nothing", "a Parquet file", "cut off"),
        (b"\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b", "12 bytes", "again"),
    ] {
        fs::write(place.path("a.parquet"), bytes).unwrap();
        refused(&place, &["a.parquet"], 4, &["a.parquet: ", what, "PAR1", way_out]);
    }
}

#[test]
fn every_prefix_of_a_shard_is_refused() {
    let place = Place::new();
    bools(&place, "whole.parquet", &[0, 1, 1]);
    let whole = fs::read(place.path("whole.parquet")).unwrap();
    for length in (0..whole.len()).step_by(61) {
        fs::write(place.path("cut.parquet"), &whole[..length]).unwrap();
        refused(&place, &["cut.parquet"], 4, &["cut.parquet"]);
    }
}

#[test]
fn rows_of_a_page_that_is_passed_over_are_missed() {
    let place = Place::new();
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_data_page_row_count_limit(10)
        .set_write_batch_size(10);
    let bits = |every: i32| array((0..100).map(|row| Some(row % every == 0)).collect::<BooleanArray>());
    let path = place.path("in/0.parquet");
    write_with(&path, vec![("a", bits(3)), ("b", bits(7))], properties.build());
    let metadata = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&path).unwrap()).unwrap();
    let page = metadata.metadata().row_group(0).column(1).data_page_offset();
    let mut bytes = fs::read(&path).unwrap();
    // The kind of a page is the first field of its header: 0 is a data page, 1 one that readers pass over.
    let kind = usize::try_from(page).unwrap() + 1;
    assert_eq!(bytes[kind - 1..=kind], [0x15, 0]);
    bytes[kind] = 2;
    fs::write(&path, bytes).unwrap();
    for engine in ["auto", "plain"] {
        let flags = ["in", "--layout", "wide", "--labels", "a,b", "--engine", engine];
        refused(&place, &flags, 4, &["in/0.parquet: "]);
        refused(&place, &[&flags[..], &["--labels", "!a"]].concat(), 4, &["90", "100"]);
    }
}

#[test]
fn values_without_meaning_are_named_with_shard_and_column() {
    let place = Place::new();
    bools(&place, "d/part-0.parquet", &[0, 1]);
    bools(&place, "d/part-1.parquet", &[0, 2, 2, -1]);
    refused(
        &place,
        &["d", "--labels", "a,b"],
        4,
        &[
            "d/part-1.parquet: column \"a\": row 1 (from 0): value 2 is neither positive nor negative",
            "--missing-values",
        ],
    );
    let weights =
        place.weights(&["d", "--labels", "a,b", "--missing-values", "-1", "--uncertain-values", "2"]);
    assert_eq!(weights["uncertain"], serde_json::json!([2, 0]));
    assert_eq!(weights["missing"], serde_json::json!([1, 0]));
}

#[test]
fn columns_and_labels_that_do_not_exist() {
    let place = Place::new();
    bools(&place, "d/part-0.parquet", &[0, 1]);
    write(&place.path("d/part-1.parquet"), vec![("a", array(Int32Array::from(vec![1])))]);
    refused(&place, &["d", "--labels", "aa"], 4, &["there is no column \"aa\"", "did you mean"]);
    refused(
        &place,
        &["d", "--labels", "a", "--labels", "b"],
        4,
        &["part-1.parquet: there is no column \"b\"", "--missing-columns missing"],
    );
    let weights = place.weights(&["d", "--labels", "a,b", "--missing-columns", "missing"]);
    assert_eq!(weights["missing"], serde_json::json!([0, 1]));
    fs::remove_dir_all(place.path("out")).unwrap();
    write(&place.path("s.parquet"), vec![("labels", array(StringArray::from(vec!["cat", "dgo"])))]);
    fs::write(place.path("names.txt"), "cat\ndog\n").unwrap();
    refused(
        &place,
        &["s.parquet", "--layout", "class", "--vocabulary", "names.txt"],
        4,
        &["s.parquet", "\"dgo\" is not in the vocabulary; did you mean \"dog\"?"],
    );
    fs::write(place.path("names.txt"), "cat\ndog\ncat\n").unwrap();
    refused(
        &place,
        &["s.parquet", "--layout", "class", "--vocabulary", "names.txt"],
        4,
        &["names.txt: label \"cat\" appears twice, at positions 0 and 2"],
    );
}

#[test]
fn a_folder_key_that_is_not_there_is_named_with_those_that_are() {
    let place = Place::new();
    bools(&place, "d/split=train/0.parquet", &[0, 1]);
    refused(
        &place,
        &["d", "--labels", "a", "--by", "splt"],
        4,
        &["no column \"splt\"", "did you mean \"split\"?"],
    );
    refused(
        &place,
        &["d", "--labels", "a", "--by", "fold"],
        4,
        &["no column \"fold\"", "the shards have a, b, split"],
    );
    // The key is in a folder above the path.
    let inside = place.path("d/split=train");
    let arguments = ["compute", ".", "--labels", "a", "--by", "split", "--out", "../../out"];
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_posweight"))
        .args(arguments)
        .current_dir(&inside)
        .output();
    let ended = Ended::of(&ended.unwrap());
    let folder =
        ended.stderr.split_once("write ").map(|(_, rest)| rest.split(' ').next().unwrap().to_owned());
    assert!(ended.code == 4 && ended.stderr.contains("no column \"split\""), "{}", ended.stderr);
    assert_eq!(place.weights(&[&folder.unwrap(), "--labels", "a", "--by", "split"])["rows"], 2);
}

#[test]
fn indices_out_of_range() {
    let place = Place::new();
    let lists = [Some(vec![Some(0), Some(-3)]), Some(vec![Some(7)])];
    write(
        &place.path("l.parquet"),
        vec![("labels", array(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)))],
    );
    refused(
        &place,
        &["l.parquet", "--layout", "list"],
        4,
        &["l.parquet: column \"labels\": negative label index -3"],
    );
    refused(
        &place,
        &["l.parquet", "--layout", "list", "--num-labels", "5", "--missing-values", "-3"],
        4,
        &["label index 7, but there are 5 labels"],
    );
}

#[test]
fn types_that_do_not_fit() {
    let place = Place::new();
    write(&place.path("d/part-0.parquet"), vec![("a", array(StringArray::from(vec!["1"])))]);
    bools(&place, "d/part-1.parquet", &[1]);
    refused(
        &place,
        &["d", "--labels", "a"],
        4,
        &["column \"a\" is", "part-0.parquet", "part-1.parquet", "no common type"],
    );
    refused(
        &place,
        &["d/part-1.parquet", "--layout", "list", "--labels", "b"],
        4,
        &["column \"b\" is bool, but layout list expects"],
    );
}

#[test]
fn the_output_place_is_checked_before_the_scan_and_after_the_arguments() {
    let place = Place::new();
    bools(&place, "a.parquet", &[0, 1]);
    assert_eq!(place.run(&["compute", "a.parquet", "--labels", "a", "--out", "full"]).code, 0);
    // A scan would find that 2 is no label.
    write(&place.path("b.parquet"), vec![("a", array(Int64Array::from(vec![0, 2])))]);
    let again = place.run(&["compute", "b.parquet", "--labels", "a", "--out", "full"]);
    assert_eq!(again.code, 7, "{}", again.stderr);
    assert!(again.stderr.contains("--overwrite"));
    let nowhere = place.run(&["compute", "nowhere", "--out", "full"]);
    assert!(nowhere.code == 4 && nowhere.stderr.contains("nowhere"), "{}", nowhere.stderr);
    fs::write(place.path("file"), "x").unwrap();
    assert_eq!(place.run(&["compute", "a.parquet", "--out", "file"]).code, 7);
    assert_eq!(place.run(&["compute", "a.parquet", "--labels", "a", "--out", "full", "--overwrite"]).code, 0);
}

#[test]
fn a_failed_run_is_accounted_for_and_leaves_the_previous_result() {
    let place = Place::new();
    bools(&place, "d/a.parquet", &[0, 1]);
    assert_eq!(place.run(&["compute", "d", "--labels", "a", "--out", "out"]).code, 0);
    let before = fs::read(place.path("out/weights.json")).unwrap();
    fs::write(place.path("d/b.parquet"), "no").unwrap();
    assert_eq!(place.run(&["compute", "d", "--labels", "a", "--out", "out", "--overwrite"]).code, 4);
    assert_eq!(fs::read(place.path("out/weights.json")).unwrap(), before);
    let results = place.json("out/run_results.json");
    assert_eq!((results["status"].as_str(), results["error"]["code"].as_u64()), (Some("failed"), Some(4)));
}

#[test]
fn a_spec_with_a_mistake_says_which_line() {
    let place = Place::new();
    for (text, says) in [
        ("shards = \"x\"\nlayot = \"wide\"\n", "line 2, column 1: there is no key \"layot\""),
        ("shards = \"x\"\nnum_labels = \"many\"\n", "line 2, column 14: key \"num_labels\""),
        ("shards = \"x\nout = 1", "line 1, column"),
        ("[label.a]\nthreshhold = 0.5\n", "line 2, column 1: there is no key \"threshhold\""),
    ] {
        fs::write(place.path("spec.toml"), text).unwrap();
        let ended = place.run(&["run", "spec.toml"]);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(says) && ended.stderr.contains("hint: "), "{}", ended.stderr);
    }
    let ended = place.run(&["compute", "x", "--out", "o", "--scheme", "ration"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("did you mean ratio?"), "{}", ended.stderr);
}

#[test]
fn no_rows_is_a_result() {
    let place = Place::new();
    write(&place.path("e.parquet"), vec![("a", array(BooleanArray::from(Vec::<bool>::new())))]);
    let weights = place.weights(&["e.parquet", "--labels", "a", "--layout", "wide"]);
    assert_eq!((weights["rows"].as_u64(), weights["pos_weight"][0].as_f64()), (Some(0), Some(1.0)));
}

#[test]
fn odd_names_and_values_pass_through() {
    let place = Place::new();
    let names = ["a.b", "C A P", "quo\"te", "new\nline", "ünï", "<script>", "|pipe|"];
    let columns = names.iter().map(|name| (*name, array(BooleanArray::from(vec![true, false])))).collect();
    write(&place.path("odd.parquet"), columns);
    let weights = place.weights(&["odd.parquet"]);
    assert_eq!(weights["labels"], serde_json::json!(names));
    assert!(fs::read_to_string(place.path("out/report.md")).unwrap().contains("`new↵line`"));
}

#[test]
fn doubt_is_asked_about() {
    let place = Place::new();
    let columns = vec![
        ("id", array(Int64Array::from(vec![1, 2]))),
        ("label", array(StringArray::from(vec!["a", "b"]))),
    ];
    write(&place.path("x.parquet"), columns);
    refused(&place, &["x.parquet"], 2, &["class", "long", "--layout long --id id"]);
    let inspect = place.run(&["inspect", root().join("sample_data/list").to_str().unwrap()]);
    assert!(inspect.stdout.contains("layout = \"list\"") && inspect.stderr.contains("12 rows"));
}
