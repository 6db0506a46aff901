use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use parquet::arrow::ArrowWriter;
use roaring::RoaringTreemap;
use serde_json::{Value, json};

use super::by_hand::{Record, checksum, write_avro};
use super::{counts, refused};
use crate::support::{Place, array};

/// Writes columns with their field ids.
fn write_ids(path: &Path, columns: Vec<(&str, i32, ArrayRef)>) {
    let fields = columns.iter().map(|(name, id, column)| {
        let metadata = [("PARQUET:field_id".to_owned(), id.to_string())].into();
        Field::new(*name, column.data_type().clone(), true).with_metadata(metadata)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let columns = columns.into_iter().map(|(_, _, column)| column).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn flags<const N: usize>(values: [bool; N]) -> ArrayRef {
    array(BooleanArray::from(values.to_vec()))
}

/// A file of a manifest.
#[derive(Clone)]
struct File<'a> {
    status: i64,
    sequence: Option<i64>,
    content: i64,
    path: &'a str,
    format: &'a str,
    records: i64,
    bytes: i64,
    vector: Option<(&'a str, i64, i64)>,
}

const DATA: File<'static> = File {
    status: 1,
    sequence: None,
    content: 0,
    path: "",
    format: "PARQUET",
    records: 0,
    bytes: 0,
    vector: None,
};

/// A table that lies in `t` of a place, but says that it lies elsewhere.
pub(super) struct Written<'p> {
    place: &'p Place,
    manifests: Vec<(String, i64, i64)>,
}

impl<'p> Written<'p> {
    fn new(place: &'p Place) -> Self {
        Self { place, manifests: Vec::new() }
    }

    /// Adds a manifest of data files, or of deletes.
    fn manifest(&mut self, sequence: i64, files: &[File<'_>]) {
        let optional =
            |name: &str, kind: &str| json!({"name": name, "type": ["null", kind], "default": null});
        let partition = json!({"type": "record", "name": "r102", "fields": []});
        let file = json!({"type": "record", "name": "r2", "fields": [
            {"name": "content", "type": "int"}, {"name": "file_path", "type": "string"},
            {"name": "file_format", "type": "string"}, {"name": "partition", "type": partition},
            {"name": "record_count", "type": "long"}, {"name": "file_size_in_bytes", "type": "long"},
            optional("referenced_data_file", "string"), optional("content_offset", "long"),
            optional("content_size_in_bytes", "long")]});
        let fields = json!([{"name": "status", "type": "int"}, optional("snapshot_id", "long"),
            optional("sequence_number", "long"), {"name": "data_file", "type": file}]);
        let records = files.iter().map(|file| {
            let size =
                fs::metadata(self.place.path(&format!("t/{}", file.path))).map_or(0, |meta| meta.len());
            let size = if file.bytes > 0 { file.bytes } else { i64::try_from(size).unwrap() };
            Record::default()
                .long(file.status)
                .or_null(Some(1), Record::long)
                .or_null(file.sequence, Record::long)
                .long(file.content)
                .text(&format!("s3://elsewhere/t/{}", file.path))
                .text(file.format)
                .long(file.records)
                .long(size)
                .or_null(file.vector.map(|(path, ..)| format!("s3://elsewhere/t/{path}")), |record, path| {
                    record.text(&path)
                })
                .or_null(file.vector.map(|(_, offset, _)| offset), Record::long)
                .or_null(file.vector.map(|(_, _, size)| size), Record::long)
        });
        let name = format!("metadata/m{}.avro", self.manifests.len());
        write_avro(
            &self.place.path(&format!("t/{name}")),
            "manifest_entry",
            &fields,
            &records.collect::<Vec<_>>(),
        );
        self.manifests.push((name, sequence, i64::from(files.iter().any(|file| file.content > 0))));
    }

    /// Writes the list of all manifests so far, as a snapshot of this number.
    fn list(&self, snapshot: i64) {
        let fields = json!([{"name": "manifest_path", "type": "string"}, {"name": "manifest_length", "type": "long"},
            {"name": "partition_spec_id", "type": "int"}, {"name": "content", "type": "int"},
            {"name": "sequence_number", "type": "long"}]);
        let records = self.manifests.iter().map(|(name, sequence, content)| {
            let bytes = fs::metadata(self.place.path(&format!("t/{name}"))).unwrap().len();
            Record::default()
                .text(&format!("s3://elsewhere/t/{name}"))
                .long(i64::try_from(bytes).unwrap())
                .long(0)
                .long(*content)
                .long(*sequence)
        });
        let path = self.place.path(&format!("t/metadata/snap-{snapshot}.avro"));
        write_avro(&path, "manifest_file", &fields, &records.collect::<Vec<_>>());
    }

    /// Writes the description of the table with snapshots 1 to `snapshots`.
    pub(super) fn describe(&self, version: i64, snapshots: i64, columns: &[(i64, &str, &str)]) {
        let fields: Vec<Value> = columns
            .iter()
            .map(|(id, name, kind)| json!({"id": id, "name": name, "required": false, "type": kind}))
            .collect();
        let all: Vec<Value> = (1..=snapshots)
            .map(|id| {
                json!({"snapshot-id": id, "sequence-number": id, "timestamp-ms": id * 1000, "schema-id": 0,
                "manifest-list": format!("s3://elsewhere/t/metadata/snap-{id}.avro")})
            })
            .collect();
        let log: Vec<Value> =
            (1..=snapshots).map(|id| json!({"snapshot-id": id, "timestamp-ms": id * 1000})).collect();
        let metadata = json!({"format-version": version, "table-uuid": "1", "location": "s3://elsewhere/t",
            "current-schema-id": 0, "schemas": [{"type": "struct", "schema-id": 0, "fields": fields}],
            "default-spec-id": 0, "partition-specs": [{"spec-id": 0, "fields": []}],
            "current-snapshot-id": snapshots, "snapshots": all, "snapshot-log": log, "properties": {}});
        fs::create_dir_all(self.place.path("t/metadata")).unwrap();
        fs::write(
            self.place.path(&format!("t/metadata/{snapshots:05}-x.metadata.json")),
            metadata.to_string(),
        )
        .unwrap();
    }
}

/// Files a and b; then a file of positions in both; then c. Rows: a 4, b 2, c 2.
pub(super) fn with_positions(place: &Place) -> Written<'_> {
    let cat = |name: &str, column: ArrayRef| {
        write_ids(&place.path(&format!("t/data/{name}.parquet")), vec![("cat", 1, column)]);
    };
    cat("a", flags([true, true, false, true]));
    cat("b", flags([true, false]));
    cat("c", flags([true, true]));
    let path = |name: &str| format!("s3://elsewhere/t/data/{name}.parquet");
    // Of c, which came later, nothing is deleted.
    let paths = StringArray::from(vec![path("a"), path("a"), path("b"), path("c"), path("gone")]);
    let rows = Int64Array::from(vec![3, 0, 1, 0, 0]);
    let columns = vec![("file_path", 2_147_483_546, array(paths)), ("pos", 2_147_483_545, array(rows))];
    write_ids(&place.path("t/data/deletes.parquet"), columns);
    let mut table = Written::new(place);
    table.manifest(
        1,
        &[
            File { path: "data/a.parquet", records: 4, ..DATA },
            File { path: "data/b.parquet", records: 2, ..DATA },
        ],
    );
    table.list(1);
    table.manifest(2, &[File { content: 1, path: "data/deletes.parquet", records: 5, ..DATA }]);
    table.list(2);
    table.manifest(3, &[File { path: "data/c.parquet", records: 2, ..DATA }]);
    table.list(3);
    table
}

fn cats(place: &Place, arguments: &[&str]) -> [u64; 2] {
    let found = counts(place, &[arguments, &["--labels", "cat"]].concat());
    [found[0].as_u64().unwrap(), found[2][0].as_u64().unwrap()]
}

#[test]
fn positions_delete_rows_of_files_that_are_not_younger() {
    let place = Place::new();
    let table = with_positions(&place);
    table.describe(2, 3, &[(1, "cat", "boolean")]);
    for source in ["t", "t/metadata/00003-x.metadata.json", "[t]"] {
        for engine in ["auto", "plain"] {
            assert_eq!(cats(&place, &[source, "--engine", engine]), [5, 4], "{source} {engine}");
        }
    }
    assert_eq!(cats(&place, &["t", "--table-version", "1"]), [6, 4]);
    assert_eq!(cats(&place, &["t", "--table-version", "2"]), [3, 2]);
    assert_eq!(cats(&place, &["t", "--table-timestamp", "1970-01-01 00:00:02.5"]), [3, 2]);
    refused(&place, &["t", "--table-version", "7"], &["there is no snapshot 7", "snapshots are 1 of 1970"]);
    refused(&place, &["t", "--table-timestamp", "1970-01-01"], &["there is no snapshot"]);
    let told = place.json("out/run_results.json")["inputs"]["tables"].clone();
    assert_eq!(
        told,
        json!([{"format": "Iceberg", "path": "t", "version": 2, "files": 2, "files_with_deleted_rows": 2}])
    );
    let ended = place.run(&["sql", "-c", "SELECT count(*) AS n FROM 't' WHERE cat", "--format", "csv"]);
    assert!(ended.stdout.ends_with("n\n4\n"), "{} {}", ended.stdout, ended.stderr);
    refused(&place, &["t/data/*.parquet"], &["Iceberg", "files inside it cannot be named"]);
}

#[test]
fn deletion_vectors_are_read_from_puffin_files() {
    let place = Place::new();
    let mut table = with_positions(&place);
    let mut inside = vec![0xd1, 0xd3, 0x39, 0x64];
    [1_u64, 2, 3].into_iter().collect::<RoaringTreemap>().serialize_into(&mut inside).unwrap();
    let blob =
        [&u32::try_from(inside.len()).unwrap().to_be_bytes()[..], &inside, &checksum(&inside).to_be_bytes()]
            .concat();
    fs::write(place.path("t/data/v.puffin"), [b"PFA1", &blob[..], b"rest"].concat()).unwrap();
    let vector = File {
        content: 1,
        path: "data/v.puffin",
        format: "PUFFIN",
        records: 3,
        vector: Some(("data/a.parquet", 4, i64::try_from(blob.len()).unwrap())),
        ..DATA
    };
    table.manifest(4, std::slice::from_ref(&vector));
    table.list(4);
    table.describe(3, 4, &[(1, "cat", "boolean")]);
    // Of a, row 0 is left; of b, row 0; of c, both.
    assert_eq!(cats(&place, &["t"]), [4, 4]);
    let mut bytes = fs::read(place.path("t/data/v.puffin")).unwrap();
    bytes[20] ^= 1;
    fs::write(place.path("t/data/v.puffin"), bytes).unwrap();
    refused(&place, &["t"], &["t/data/a.parquet", "v.puffin", "checksum"]);
    fs::remove_file(place.path("t/data/v.puffin")).unwrap();
    refused(&place, &["t"], &["v.puffin"]);
}

#[test]
fn columns_are_found_by_field_id() {
    let place = Place::new();
    let old = vec![("cat", 1, flags([true, false])), ("dog", 2, flags([true, true]))];
    write_ids(&place.path("t/data/a.parquet"), old);
    // Column dog was dropped and is another one now; cat is called feline.
    let new = vec![("dog", 3, flags([true, false])), ("feline", 1, flags([true, true]))];
    write_ids(&place.path("t/data/b.parquet"), new);
    let mut table = Written::new(&place);
    let files = ["data/a.parquet", "data/b.parquet"].map(|path| File { path, records: 2, ..DATA });
    table.manifest(1, &files);
    table.list(1);
    table.describe(1, 1, &[(1, "feline", "boolean"), (3, "dog", "boolean")]);
    for engine in ["auto", "plain"] {
        let found = counts(&place, &["t", "--labels", "*", "--engine", engine]);
        assert_eq!(found, json!([4, ["feline", "dog"], [3, 1], [1, 1], [0, 2]]), "{engine}");
    }
    let found = counts(&place, &["t", "--labels", "dog", "--where", "feline"]);
    assert_eq!(found, json!([3, ["dog"], [1], [1], [1]]));
    // A column that is dropped and added again is another one, which no file has yet.
    table.describe(
        1,
        1,
        &[(4, "bird", "int"), (1, "feline", "boolean"), (5, "dog", "double"), (6, "at", "timestamptz")],
    );
    for engine in ["auto", "plain"] {
        let found = counts(&place, &["t", "--labels", "*,!at", "--layout", "wide", "--engine", engine]);
        assert_eq!(found, json!([4, ["bird", "feline", "dog"], [0, 3, 0], [0, 1, 0], [4, 0, 4]]), "{engine}");
    }
    table.describe(1, 1, &[(1, "feline", "boolean"), (3, "dog", "boolean")]);
    // A file without field ids says nothing about its columns.
    crate::support::write(&place.path("t/data/b.parquet"), vec![("dog", flags([true]))]);
    table.manifests.clear();
    table.manifest(1, &files);
    table.list(1);
    refused(&place, &["t", "--labels", "dog"], &["t/data/b.parquet", "field ids"]);
}

#[test]
fn what_is_not_sure_is_refused() {
    let place = Place::new();
    let mut table = with_positions(&place);
    table.describe(4, 3, &[(1, "cat", "boolean")]);
    refused(&place, &["t"], &["t: ", "format version 4"]);
    table.describe(2, 3, &[(1, "cat", "boolean")]);
    fs::write(place.path("t/metadata/00003-y.metadata.json"), "{}").unwrap();
    refused(&place, &["t"], &["00003-x.metadata.json", "00003-y.metadata.json"]);
    fs::remove_file(place.path("t/metadata/00003-y.metadata.json")).unwrap();
    table.manifest(4, &[File { content: 2, path: "data/e.parquet", records: 1, bytes: 9, ..DATA }]);
    table.list(4);
    table.describe(2, 4, &[(1, "cat", "boolean")]);
    refused(&place, &["t"], &["equality deletes", "e.parquet"]);
    assert_eq!(cats(&place, &["t", "--table-version", "3"]), [5, 4]);
    table.manifest(5, &[File { path: "data/x.orc", format: "ORC", records: 1, bytes: 9, ..DATA }]);
    table.list(5);
    table.describe(2, 5, &[(1, "cat", "boolean")]);
    refused(&place, &["t"], &["x.orc", "ORC"]);
    let list = place.path("t/metadata/snap-3.avro");
    let bytes = fs::read(&list).unwrap();
    fs::write(&list, &bytes[..bytes.len() - 9]).unwrap();
    refused(&place, &["t", "--table-version", "3"], &["snap-3.avro"]);
    fs::remove_file(&list).unwrap();
    refused(&place, &["t", "--table-version", "3"], &["snap-3.avro"]);
}

#[test]
fn a_file_that_a_manifest_removes_does_not_count() {
    let place = Place::new();
    write_ids(&place.path("t/data/a.parquet"), vec![("cat", 1, flags([true]))]);
    write_ids(&place.path("t/data/b.parquet"), vec![("cat", 1, flags([true, true]))]);
    let mut table = Written::new(&place);
    let removed = File { status: 2, path: "data/a.parquet", sequence: Some(1), ..DATA };
    let kept = File { status: 0, path: "data/b.parquet", sequence: Some(1), ..DATA };
    table.manifest(1, &[removed, kept]);
    table.list(1);
    table.describe(2, 1, &[(1, "cat", "boolean")]);
    assert_eq!(cats(&place, &["t"]), [2, 2]);
}
