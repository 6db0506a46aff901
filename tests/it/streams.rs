//! Streams on stdin: counted as they come, and passed on.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int32Array, RecordBatch, StringArray};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use parquet::arrow::ArrowWriter;

use crate::support::Place;

/// Rows of a batch.
const ROWS: i32 = 20_000;

/// Batches with two 0/1 columns, of which `b` has NULL cells, a split and classes.
fn batches(n: i32) -> Vec<RecordBatch> {
    let batch = |at: i32| {
        let rows = at * ROWS..(at + 1) * ROWS;
        let a: BooleanArray = rows.clone().map(|row| Some(row % 7 == 0)).collect();
        let b: BooleanArray = rows.clone().map(|row| (row % 11 != 0).then_some(row % 5 == 0)).collect();
        let split: StringArray =
            rows.clone().map(|row| Some(if row % 3 == 0 { "test" } else { "train" })).collect();
        let kind: Int32Array = rows.map(|row| Some(row % 4)).collect();
        let columns: [(&str, ArrayRef); 4] =
            [("a", Arc::new(a)), ("b", Arc::new(b)), ("split", Arc::new(split)), ("kind", Arc::new(kind))];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
    };
    (0..n).map(batch).collect()
}

fn stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn file(place: &Place, batches: &[RecordBatch]) {
    let file = std::fs::File::create(place.path("in.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batches[0].schema(), None).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.close().unwrap();
}

/// Runs the program on `input`, which is written while stdout is read.
fn piped(place: &Place, input: &[u8], arguments: &[&str]) -> (i32, Vec<u8>, String) {
    let mut child = place.start(arguments);
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    // A program that refuses may not read to the end.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    (output.status.code().unwrap_or(-1), output.stdout, String::from_utf8(output.stderr).unwrap())
}

/// What a result says of its labels.
fn said(place: &Place, out: &str) -> serde_json::Value {
    let weights = place.json(&format!("{out}/weights.json"));
    serde_json::json!([weights["labels"], weights["counts"], weights["weights"]])
}

#[test]
fn a_stream_counts_as_the_file_with_the_same_rows() {
    let place = Place::new();
    let batches = batches(6);
    file(&place, &batches);
    let bytes = stream(&batches);
    for flags in [
        &["--labels", "a,b"][..],
        &["--layout", "wide", "--labels", "a,b"],
        &["--labels", "a,b", "--where", "split = 'train' AND kind < 3"],
        &["--labels", "a,b", "--by", "split"],
        &["--labels", "a,b", "--sample-weight", "kind"],
        &["--layout", "class", "--labels", "kind"],
        &["--layout", "class", "--labels", "split"],
        &["--layout", "class", "--labels", "kind", "--row-measures", "on"],
        &["--labels", "kind,split", "--layout", "class"],
        // No row can meet it.
        &["--labels", "a,b", "--where", "1 = 2", "--allow-empty"],
    ] {
        let of_file = [&["compute", "in.parquet", "--out", "file", "--overwrite"], flags].concat();
        let of_file = place.run(&of_file);
        let of_stream = [&["compute", "-", "--out", "stream", "--overwrite"], flags].concat();
        let (code, _, stderr) = piped(&place, &bytes, &of_stream);
        assert_eq!((code, of_file.code), (0, 0), "{flags:?}: {stderr} {}", of_file.stderr);
        assert_eq!(said(&place, "stream"), said(&place, "file"), "{flags:?}");
    }
    // The account knows all of the stream, though only its first rows were looked at.
    let (code, ..) =
        piped(&place, &bytes, &["compute", "-", "--labels", "a,b", "--out", "stream", "--overwrite"]);
    assert_eq!(code, 0);
    let results = place.json("stream/run_results.json");
    assert_eq!(results["inputs"]["rows"], 6 * ROWS);
    assert_eq!(results["inputs"]["bytes"], bytes.len());
    assert_eq!(results["shards"][0]["rows"], 6 * ROWS);
    assert_eq!(results["inputs"]["bytes_read"], bytes.len());
    assert_eq!(results["counting"]["way"]["engine"], "plain", "{results}");
}

#[test]
fn what_the_first_rows_leave_open_is_settled_by_all() {
    let place = Place::new();
    // A column without a value in the rows that are looked at is a label by those that come later.
    let empty = BooleanArray::from(vec![None; 70_000]);
    let late = BooleanArray::from(vec![Some(true); 10]);
    let both = |a: bool, late: BooleanArray| {
        let a = BooleanArray::from(vec![Some(a); arrow::array::Array::len(&late)]);
        let columns: [(&str, ArrayRef); 2] = [("a", Arc::new(a)), ("late", Arc::new(late))];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
    };
    let batches = [both(true, empty), both(false, late)];
    file(&place, &batches);
    let (code, _, stderr) = piped(&place, &stream(&batches), &["compute", "-", "--out", "stream"]);
    assert_eq!(code, 0, "{stderr}");
    let of_file = place.run(&["compute", "in.parquet", "--out", "file"]);
    assert_eq!(of_file.code, 0, "{}", of_file.stderr);
    assert_eq!(said(&place, "stream"), said(&place, "file"));
    // A value that no row before had is found, wherever it comes.
    let mut values = vec![Some(1); 70_000];
    values.push(Some(7));
    let columns: [(&str, ArrayRef); 1] = [("a", Arc::new(Int32Array::from(values)))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let parts: Vec<RecordBatch> =
        (0..70_001).step_by(7000).map(|at| batch.slice(at, 7000.min(70_001 - at))).collect();
    let labels = ["--labels", "a", "--layout", "wide", "--out", "bad"];
    let (code, _, stderr) = piped(&place, &stream(&parts), &[&["compute", "-"], &labels[..]].concat());
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains('7') && !place.path("bad/_SUCCESS").exists(), "{stderr}");
}

#[test]
fn tee_passes_every_byte_on_and_counts_it() {
    let place = Place::new();
    let batches = batches(6);
    file(&place, &batches);
    let bytes = stream(&batches);
    let (code, passed, stderr) = piped(&place, &bytes, &["tee", "--labels", "a,b", "--out", "tee"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(passed == bytes, "{} of {} bytes", passed.len(), bytes.len());
    assert!(stderr.contains("120 000 rows, 2 labels"), "{stderr}");
    let of_file = place.run(&["compute", "in.parquet", "--labels", "a,b", "--out", "file"]);
    assert_eq!(of_file.code, 0);
    assert_eq!(said(&place, "tee"), said(&place, "file"));
    let refused = piped(&place, &bytes, &["tee", "--labels", "a,b", "--out", "-"]);
    assert_eq!(refused.0, 2, "{}", refused.2);
}

#[test]
fn a_stream_that_breaks_off_is_passed_on_and_publishes_nothing() {
    let place = Place::new();
    let bytes = stream(&batches(6));
    // Cut in a batch; cut between two; followed by what is no batch.
    let mut noise = bytes[..bytes.len() - 8].to_vec();
    noise.extend([0x5a; 4096]);
    for broken in [&bytes[..bytes.len() / 2], &bytes[..bytes.len() - 8], &noise[..]] {
        let (code, passed, stderr) = piped(&place, broken, &["tee", "--labels", "a,b", "--out", "tee"]);
        assert_eq!(code, 4, "{stderr}");
        assert!(stderr.contains("not a whole Arrow IPC stream"), "{stderr}");
        assert!(passed == broken, "{} of {} bytes", passed.len(), broken.len());
        assert!(!place.path("tee/_SUCCESS").exists());
    }
}

#[test]
fn streams_that_follow_each_other_are_all_counted_and_other_bytes_are_said() {
    let place = Place::new();
    let (one, other) = (stream(&batches(2)), stream(&batches(3)));
    let both = [&one[..], &other].concat();
    std::fs::write(place.path("in.arrow"), &both).unwrap();
    let labels = ["--labels", "a,b", "--overwrite", "--out", "out"];
    let detected = [&["compute", "-"][..], &labels].concat();
    let spooled = [&["compute", "-", "--engine", "encoded"][..], &labels].concat();
    let passed_on = [&["tee"][..], &labels].concat();
    let of_file = [&["compute", "in.arrow"][..], &labels].concat();
    for arguments in [&detected, &spooled, &passed_on, &of_file] {
        let (code, passed, stderr) = piped(&place, &both, arguments);
        assert_eq!(
            (code, place.json("out/weights.json")["rows"].as_i64()),
            (0, Some(5 * i64::from(ROWS))),
            "{stderr}"
        );
        assert!(arguments[0] != "tee" || passed == both);
    }
    let fewer: Vec<RecordBatch> = batches(1).iter().map(|batch| batch.project(&[0, 1]).unwrap()).collect();
    for (behind, says) in [
        (&b"+JUNK"[..], "5 bytes after the end of the stream"),
        (&stream(&fewer), "has other columns: 2 in place of 4"),
        (&other[..other.len() - 8], "without its end-of-stream mark"),
    ] {
        let bytes = [&one[..], behind].concat();
        for arguments in [&detected, &spooled, &passed_on] {
            let (code, passed, stderr) = piped(&place, &bytes, arguments);
            assert!(code == 4 && stderr.contains(says), "{arguments:?} {code}: {stderr}");
            assert!(arguments[0] != "tee" || passed == bytes);
        }
        std::fs::write(place.path("in.arrow"), &bytes).unwrap();
        assert_eq!(place.run(&of_file).code, 4, "{says}");
    }
}

#[test]
fn a_reader_that_leaves_ends_the_passing_on_or_the_run() {
    let place = Place::new();
    let batches = batches(40);
    file(&place, &batches);
    let bytes = stream(&batches);
    for (what, code) in [("count", 0), ("stop", 7)] {
        let mut child = place.start(&["tee", "--labels", "a,b", "--out", what, "--on-broken-pipe", what]);
        let mut stdout = child.stdout.take().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let sent = bytes.clone();
        // A run that stops does not read to the end.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&sent)));
        let mut first = [0; 1000];
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{what}: {stderr}");
        assert_eq!(place.path(&format!("{what}/_SUCCESS")).exists(), code == 0, "{what}: {stderr}");
    }
    assert_eq!(place.json("count/weights.json")["rows"], 40 * ROWS);
}

#[test]
fn a_size_that_no_memory_holds_is_bad_input() {
    let place = Place::new();
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD)).unwrap();
    let batches = batches(2);
    let schema = batches[0].schema();
    let mut stream = StreamWriter::try_new_with_options(Vec::new(), &schema, options.clone()).unwrap();
    let mut file = FileWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
    for batch in &batches {
        stream.write(batch).unwrap();
        file.write(batch).unwrap();
    }
    stream.finish().unwrap();
    file.finish().unwrap();
    // A compressed buffer begins with its size.
    let size = (i64::from(ROWS) * 4).to_le_bytes();
    let bomb = |mut bytes: Vec<u8>| {
        let at = bytes.windows(8).position(|window| window == size).unwrap();
        bytes[at..at + 8].copy_from_slice(&(1_i64 << 61).to_le_bytes());
        bytes
    };
    let (stream, file) = (bomb(stream.into_inner().unwrap()), bomb(file.into_inner().unwrap()));
    for bytes in [&stream, &file] {
        std::fs::write(place.path("in.arrow"), bytes).unwrap();
        let ended = place.run(&["compute", "in.arrow", "--labels", "a,b", "--out", "out"]);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("in.arrow: ") && ended.stderr.contains("claims to take"),
            "{}",
            ended.stderr
        );
    }
    let (code, _, stderr) = piped(&place, &stream, &["compute", "-", "--labels", "a,b", "--out", "out"]);
    assert!(code == 4 && stderr.contains("claims to take"), "{code}: {stderr}");
}
