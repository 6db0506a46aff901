use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use arrow::json::ReaderBuilder;
use flate2::Crc;
use parquet::arrow::ArrowWriter;
use roaring::RoaringTreemap;
use serde_json::{Value, json};

use crate::support::Place;

/// A log of Delta Lake.
pub(super) struct DeltaLog<'p> {
    pub(super) place: &'p Place,
    pub(super) table: &'static str,
    next: u64,
}

impl<'p> DeltaLog<'p> {
    /// Begins with these columns, each a name and a type, and these settings.
    pub(super) fn begin(
        place: &'p Place,
        table: &'static str,
        fields: &[Value],
        partition: &[&str],
        settings: &Value,
    ) -> Self {
        let mut log = Self { place, table, next: 0 };
        log.commit(&[protocol(settings), metadata(fields, partition, settings)]);
        log
    }

    /// Adds a version.
    pub(super) fn commit(&mut self, actions: &[Value]) {
        let path = self.place.path(&format!("{}/_delta_log/{:020}.json", self.table, self.next));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, actions.iter().map(|action| format!("{action}\n")).collect::<String>()).unwrap();
        self.next += 1;
    }

    /// Passes over a version that is there.
    pub(super) fn skip(&mut self) {
        self.next += 1;
    }

    /// Writes a checkpoint of the last version in place of all commits, which are then gone: what is live is in `adds`.
    pub(super) fn checkpoint(&self, kind: Checkpoint, settings: &[Value], adds: &[Value]) {
        let (version, log) = (self.next - 1, self.place.path(&format!("{}/_delta_log", self.table)));
        for version in 0..=version {
            fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
        }
        let name = |end: &str| log.join(format!("{version:020}.checkpoint.{end}"));
        if kind == Checkpoint::Whole {
            return write_actions(&name("parquet"), &[settings, adds].concat());
        }
        if kind == Checkpoint::Parts {
            write_actions(&name("0000000001.0000000002.parquet"), settings);
            return write_actions(&name("0000000002.0000000002.parquet"), adds);
        }
        let mut top = vec![json!({"checkpointMetadata": {"version": version}})];
        top.extend_from_slice(settings);
        for (number, adds) in adds.chunks(2).enumerate() {
            let file = format!("{number}.parquet");
            let path = log.join("_sidecars").join(&file);
            write_actions(&path, adds);
            let size = fs::metadata(&path).unwrap().len();
            top.push(json!({"sidecar": {"path": file, "sizeInBytes": size, "modificationTime": 1}}));
        }
        let id = "80a083e8-7026-4e79-81be-64bd76c43a11";
        match kind {
            Checkpoint::SidecarsOfText => {
                let text: String = top.iter().map(|action| format!("{action}\n")).collect();
                fs::write(name(&format!("{id}.json")), text).unwrap();
            }
            _ => write_actions(&name(&format!("{id}.parquet")), &top),
        }
    }

    /// A file that is live, with its partition values.
    pub(super) fn add(&self, file: &str, partition: &Value) -> Value {
        let size = fs::metadata(self.place.path(&format!("{}/{file}", self.table))).unwrap().len();
        json!({"add": {"path": file.replace('%', "%25"), "partitionValues": partition, "size": size,
            "modificationTime": 1, "dataChange": true}})
    }

    /// The same with deleted rows, in a file of their own.
    pub(super) fn add_without(&self, file: &str, deleted: &[u64]) -> Value {
        self.add_without_in("p", file, deleted)
    }

    /// The same with deleted rows in a file with an absolute path (`p`), in one below the table (`u`), or in the log
    /// itself (`i`).
    pub(super) fn add_without_in(&self, storage: &str, file: &str, deleted: &[u64]) -> Value {
        const ID: [u8; 16] = [7; 16];
        let rows = deleted.iter().copied().collect::<RoaringTreemap>();
        let mut bitmap = 1_681_511_377_u32.to_le_bytes().to_vec();
        rows.serialize_into(&mut bitmap).unwrap();
        let (path, says) = match storage {
            "i" => (None, z85(&bitmap)),
            "u" => {
                let id = "07070707-0707-0707-0707-070707070707";
                let name = format!("{}/ab/deletion_vector_{id}.bin", self.table);
                (Some(self.place.path(&name)), format!("ab{}", z85(&ID)))
            }
            _ => {
                let name = format!("{}/{}.bin", self.table, file.replace('/', "-"));
                let path = self.place.path(&name);
                let says = format!("file://{}", path.display());
                (Some(path), says)
            }
        };
        let mut add = self.add(file, &json!({}));
        let mut vector = json!({"storageType": storage, "sizeInBytes": bitmap.len(), "pathOrInlineDv": says,
            "cardinality": rows.len()});
        if let Some(path) = path {
            let mut bytes = vec![1];
            bytes.extend(u32::try_from(bitmap.len()).unwrap().to_be_bytes());
            bytes.extend(&bitmap);
            bytes.extend(checksum(&bitmap).to_be_bytes());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            vector["offset"] = json!(1);
        }
        add["add"]["deletionVector"] = vector;
        add
    }
}

/// Bytes as text of base 85, with zeros behind them that make whole words of four bytes.
fn z85(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 85] =
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    let padded = [bytes, &vec![0; bytes.len().next_multiple_of(4) - bytes.len()]].concat();
    let mut text = String::new();
    for word in padded.chunks(4) {
        let word = u32::from_be_bytes(word.try_into().unwrap());
        let digit = |power: u32| char::from(DIGITS[(word / 85_u32.pow(power) % 85) as usize]);
        (0..5).rev().for_each(|power| text.push(digit(power)));
    }
    text
}

/// Ways to write a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checkpoint {
    Whole,
    Parts,
    /// What is live is in files of its own, which a Parquet file names.
    Sidecars,
    /// The same, which a JSON file names.
    SidecarsOfText,
}

/// Writes actions as a Parquet file.
fn write_actions(path: &Path, actions: &[Value]) {
    let texts = || Field::new("texts", DataType::new_list(DataType::Utf8, true), true);
    let named = |name: &str| texts().with_name(name);
    let map = |name: &str| {
        Field::new_map(
            name,
            "key_value",
            Field::new("key", DataType::Utf8, false),
            Field::new("value", DataType::Utf8, true),
            false,
            true,
        )
    };
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let number = |name: &str| Field::new(name, DataType::Int64, true);
    let small = |name: &str| Field::new(name, DataType::Int32, true);
    let flag = |name: &str| Field::new(name, DataType::Boolean, true);
    let action = |name: &str, fields: Vec<Field>| Field::new_struct(name, fields, true);
    let vector = action(
        "deletionVector",
        vec![
            text("storageType"),
            text("pathOrInlineDv"),
            small("offset"),
            small("sizeInBytes"),
            number("cardinality"),
        ],
    );
    let columns = vec![
        action(
            "protocol",
            vec![
                small("minReaderVersion"),
                small("minWriterVersion"),
                named("readerFeatures"),
                named("writerFeatures"),
            ],
        ),
        action(
            "metaData",
            vec![
                text("id"),
                action("format", vec![text("provider"), map("options")]),
                text("schemaString"),
                named("partitionColumns"),
                map("configuration"),
                number("createdTime"),
            ],
        ),
        action(
            "add",
            vec![
                text("path"),
                map("partitionValues"),
                number("size"),
                number("modificationTime"),
                flag("dataChange"),
                vector,
            ],
        ),
        action("sidecar", vec![text("path"), number("sizeInBytes"), number("modificationTime")]),
        action("checkpointMetadata", vec![number("version")]),
    ];
    let schema = Arc::new(Schema::new(columns));
    let mut decoder = ReaderBuilder::new(Arc::clone(&schema)).build_decoder().unwrap();
    decoder.serialize(actions).unwrap();
    let batch = decoder.flush().unwrap().unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// What a reader has to know.
pub(super) fn protocol(settings: &Value) -> Value {
    let widens = settings.get("delta.enableTypeWidening").map(|_| "typeWidening");
    let features = ["deletionVectors", "columnMapping", "v2Checkpoint", "timestampNtz"];
    let features: Vec<&str> = features.into_iter().chain(widens).collect();
    json!({"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features,
        "writerFeatures": features}})
}

/// A change of the columns or settings of a table.
pub(super) fn metadata(fields: &[Value], partition: &[&str], settings: &Value) -> Value {
    let schema = json!({"type": "struct", "fields": fields}).to_string();
    json!({"metaData": {"id": "1", "format": {"provider": "parquet", "options": {}}, "schemaString": schema,
        "partitionColumns": partition, "configuration": settings, "createdTime": 0}})
}

/// A column of a Delta Lake table.
pub(super) fn field(name: &str, data_type: impl Into<Value>) -> Value {
    json!({"name": name, "type": data_type.into(), "nullable": true, "metadata": {}})
}

/// The same with column mapping.
pub(super) fn mapped(name: &str, data_type: &str, id: i64, stored_as: &str) -> Value {
    json!({"name": name, "type": data_type, "nullable": true, "metadata":
        {"delta.columnMapping.id": id, "delta.columnMapping.physicalName": stored_as}})
}

/// A file is no longer live.
pub(super) fn remove(file: &str) -> Value {
    json!({"remove": {"path": file, "deletionTimestamp": 1, "dataChange": true}})
}

pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(bytes);
    sum.sum()
}

/// One record of Avro.
#[derive(Default)]
pub(super) struct Record(Vec<u8>);

impl Record {
    pub(super) fn long(mut self, value: i64) -> Self {
        let mut rest = (value << 1 ^ value >> 63).cast_unsigned();
        while rest > 127 {
            self.0.push(u8::try_from(rest & 127).unwrap() | 128);
            rest >>= 7;
        }
        self.0.push(u8::try_from(rest).unwrap());
        self
    }

    pub(super) fn text(self, value: &str) -> Self {
        let mut with = self.long(i64::try_from(value.len()).unwrap());
        with.0.extend(value.as_bytes());
        with
    }

    pub(super) fn or_null<T>(self, value: Option<T>, write: impl Fn(Self, T) -> Self) -> Self {
        match value {
            None => self.long(0),
            Some(value) => write(self.long(1), value),
        }
    }
}

/// Writes records of one kind as an Avro file.
pub(super) fn write_avro(path: &Path, name: &str, fields: &Value, records: &[Record]) {
    let schema = json!({"type": "record", "name": name, "fields": fields}).to_string();
    let header =
        Record::default().long(2).text("avro.schema").text(&schema).text("avro.codec").text("null").long(0);
    let rows: Vec<u8> = records.iter().flat_map(|record| record.0.clone()).collect();
    let count = i64::try_from(records.len()).unwrap();
    let block = Record::default().long(count).long(i64::try_from(rows.len()).unwrap());
    let sync = [7; 16];
    let bytes = [b"Obj\x01", &header.0[..], &sync, &block.0, &rows, &sync].concat();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}
