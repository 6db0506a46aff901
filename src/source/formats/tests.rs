use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ::arrow::array::{ArrayRef, Int32Array, RecordBatch};
use ::arrow::ipc::CompressionType;
use ::arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::source::listing::list;
use crate::source::shards::{Shard, open};
use crate::source::tables::at::HowTables;

fn batch() -> RecordBatch {
    let columns: [(&str, ArrayRef); 2] =
        [("a", Arc::new(Int32Array::from(vec![1, 0, 1]))), ("x", Arc::new(Int32Array::from(vec![7, 8, 9])))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn ipc(is_file: bool, compression: Option<CompressionType>) -> Vec<u8> {
    let batch = batch();
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    if is_file {
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
        (0..2).for_each(|_| writer.write(&batch).unwrap());
        writer.finish().unwrap();
        return writer.into_inner().unwrap();
    }
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    (0..2).for_each(|_| writer.write(&batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn save(folder: &Path, limit: u64) -> Result<(Listing, Vec<Spooled>)> {
    let listing = list(&[folder.join("in").display().to_string()], HowTables::default())?;
    let choose = |schema: &Schema| Ok((0..schema.fields().len()).collect());
    let (parent, as_map) = (&folder.join("spool"), &|_: &str| None);
    let saved = as_parquet(listing, &SavePlace { parent, limit, choose: &choose, as_map, spare: 0 })?;
    Ok((saved.listing, saved.spooled))
}

/// Writes files below a folder `in`.
fn files(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// The shards, with the columns of the first one and their types.
fn read(given: &[(&str, &[u8])]) -> (Vec<Shard>, String) {
    let folder = files(given);
    let (listing, _held) = save(folder.path(), 1 << 20).unwrap();
    let shards = open(listing.shards, 1).unwrap();
    let fields = shards[0].schema.fields().iter();
    let columns: Vec<String> =
        fields.map(|field| format!("{} {}", field.name(), field.data_type())).collect();
    (shards, columns.join(", "))
}

fn refused(given: &[(&str, &[u8])]) -> (u8, String) {
    let error = save(files(given).path(), 1 << 20).map(|_| ()).unwrap_err();
    (error.exit_code(), format!("{error}; {}", error.remedy().unwrap_or_default()))
}

#[test]
fn arrow_files_and_streams_are_shards_under_their_own_names_whatever_compresses_them() {
    for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        let folder = files(&[("a.arrow", &ipc(true, compression)), ("b.feather", &ipc(false, compression))]);
        let (listing, spooled) = save(folder.path(), 1 << 20).unwrap();
        let shards = open(listing.shards, 1).unwrap();
        assert!(shards[0].name.ends_with("in/a.arrow") && shards[1].name.ends_with("in/b.feather"));
        assert!(shards.iter().all(|shard| shard.rows == 6 && shard.schema.fields().len() == 2));
        drop(spooled);
        assert_eq!(fs::read_dir(folder.path().join("spool")).unwrap().count(), 0);
        assert_eq!(save(folder.path(), 400).unwrap_err().exit_code(), 6);
    }
}

#[test]
fn arrow_files_that_are_cut_off_are_refused_wherever_they_break() {
    for whole in [ipc(true, None), ipc(false, None), ipc(true, Some(CompressionType::LZ4_FRAME))] {
        for cut in 0..whole.len() {
            let (code, text) = refused(&[("a.arrow", &whole[..cut])]);
            assert_eq!(code, 4, "{cut}: {text}");
        }
    }
}

#[test]
fn columns_of_text_have_the_types_that_hold_all_values_of_all_files() {
    let (shards, columns) = read(&[
        ("a.csv", b"\xef\xbb\xbfid,zip,y,score,note\n1,10001,1,0.5,\n2,10002,,1,\"a, b\"\n"),
        ("b.csv.gz", &gzip(b"y,id,zip,score\n0,3,02139,nan\n")),
    ]);
    assert_eq!(columns, "id Int64, zip Utf8, y Int64, score Float64, note Utf8");
    assert_eq!(shards.iter().map(|shard| shard.rows).collect::<Vec<_>>(), [2, 1]);
    let (shards, columns) = read(&[
        ("a.jsonl", b"{\"y\": [\"cat\"], \"n\": 1}\n\n{\"n\": 2, \"o\": {\"a\": true}}"),
        ("b.ndjson.zst", &zstd::encode_all(&b"{\"n\": 0.5, \"y\": []}\n"[..], 0).unwrap()),
    ]);
    assert_eq!(columns, "y List(Utf8), n Float64, o Struct(\"a\": Boolean)");
    assert_eq!(shards.iter().map(|shard| shard.rows).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(read(&[("a.tsv", b"a\tb\n1\tx,y\n")]).1, "a Int64, b Utf8");
}

#[test]
fn a_file_without_rows_lacks_no_column() {
    for empty in [&b""[..], b"\n\n"] {
        let (shards, columns) = read(&[("a.jsonl", empty), ("b.jsonl", b"{\"y\": 1}\n{\"x\": [2]}\n")]);
        assert_eq!(columns, "y Int64, x List(Int64)");
        assert_eq!(shards.iter().map(|shard| shard.rows).collect::<Vec<_>>(), [0, 2]);
    }
}

#[test]
fn rows_of_text_that_cannot_be_read_are_named_by_file_and_line() {
    let two_members = [gzip(b"a,b\n1,2\n"), gzip(b"3,4\n")].concat();
    assert_eq!(read(&[("a.csv.gz", &two_members)]).0[0].rows, 2);
    let gzipped = gzip(b"a,b\n1,2\n");
    for (given, words) in [
        (("a.csv", &b"a,b\n1,2\n1\n"[..]), &["in/a.csv: line 3", "2 fields", "found 1"][..]),
        (("a.csv", b"a,b\n\"x\ny\",2\n1,2,3\n"), &["line 4", "found 3"]),
        (("a.csv", b"a,b\n1,\"2\n3,4\n"), &["line 2", "quoted field"]),
        (("a.csv", b"a,a\n1,2\n"), &["line 1", "\"a\"", "twice"]),
        (("a.csv", b"1,0,0\n0,1,0\n"), &["line 1", "names of columns", "1, 0, 0"]),
        (("a.csv", b"a|b\n1|2\n"), &["line 1", "commas", "bars"]),
        (("a.tsv", b"a;b\n1;2\n"), &["line 1", "tabs", "semicolons"]),
        (("a.csv", b"a;b\n1;2\n1;2;3\n"), &["in/a.csv: line 3", "2 fields", "found 3"]),
        (("a.csv", b"a,b\n1,\xff\n"), &["line 2", "UTF-8"]),
        (("a.csv", b""), &["in/a.csv", "empty"]),
        (("a.csv.gz", &gzipped[..gzipped.len() - 4]), &["a.csv.gz", "damaged or cut off"]),
        (("a.csv.gz", b"a,b\n1,2\n"), &["a.csv.gz", "damaged"]),
        (("a.csv.xz", b"\xfd7zXZ"), &["xz files are not read", "xz -dc"]),
        (("a.jsonl.bz2", b"BZh"), &["bzip2 files are not read", "gzip >"]),
        (("a.jsonl", b"{\"a\": 1}\n{\"a\": \n"), &["in/a.jsonl: line 2", "not JSON"]),
        (("a.jsonl", b"[{\"a\": 1}]\n"), &["line 1", "one JSON object", "jq -c '.[]'"]),
        (("a.jsonl", b"{\n\"a\": 1}\n"), &["line 1", "jq -c ."]),
        (("a.jsonl", b"{\"a\": 1}\n{\"a\": [1]}\n"), &["line 2", "\"a\" holds a list here"]),
    ] {
        let (code, text) = refused(&[given]);
        assert!(code == 4 && words.iter().all(|word| text.contains(word)), "{words:?}: {code} {text}");
    }
}

#[test]
fn files_of_several_formats_are_refused_by_the_names_of_two() {
    let (code, text) = refused(&[("x/a.csv", b"a\n1\n"), ("y/b.jsonl", b"{\"a\": 1}\n")]);
    assert!(
        code == 4
            && ["in/x/a.csv is a CSV file", "in/y/b.jsonl is a JSON lines file", "*.csv"]
                .iter()
                .all(|word| text.contains(word)),
        "{text}"
    );
}

#[test]
fn columns_of_a_matrix_may_be_called_by_numbers() {
    assert_eq!(read(&[("a.csv", b",0,1\n0,1,0\n1,0,1\n")]).1, " Int64, 0 Int64, 1 Int64");
    assert_eq!(read(&[("a.csv", b"0,1\n1,0\n")]).1, "0 Int64, 1 Int64");
}
