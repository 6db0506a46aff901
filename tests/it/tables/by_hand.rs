use std::fs;
use std::path::Path;

use flate2::Crc;
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
        let features = ["deletionVectors", "columnMapping"];
        log.commit(&[
            json!({"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features,
                "writerFeatures": features}}),
            metadata(fields, partition, settings),
        ]);
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

    /// A file that is live, with its partition values.
    pub(super) fn add(&self, file: &str, partition: &Value) -> Value {
        let size = fs::metadata(self.place.path(&format!("{}/{file}", self.table))).unwrap().len();
        json!({"add": {"path": file.replace('%', "%25"), "partitionValues": partition, "size": size,
            "modificationTime": 1, "dataChange": true}})
    }

    /// The same with deleted rows, in a file of their own.
    pub(super) fn add_without(&self, file: &str, deleted: &[u64]) -> Value {
        let name = format!("{}/{}.bin", self.table, file.replace('/', "-"));
        let (rows, path) = (deleted.iter().copied().collect::<RoaringTreemap>(), self.place.path(&name));
        let mut bitmap = 1_681_511_377_u32.to_le_bytes().to_vec();
        rows.serialize_into(&mut bitmap).unwrap();
        let mut bytes = vec![1];
        bytes.extend(u32::try_from(bitmap.len()).unwrap().to_be_bytes());
        bytes.extend(&bitmap);
        bytes.extend(checksum(&bitmap).to_be_bytes());
        fs::write(&path, bytes).unwrap();
        let mut add = self.add(file, &json!({}));
        add["add"]["deletionVector"] = json!({"storageType": "p", "offset": 1, "sizeInBytes": bitmap.len(),
            "pathOrInlineDv": format!("file://{}", path.display()), "cardinality": rows.len()});
        add
    }
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
