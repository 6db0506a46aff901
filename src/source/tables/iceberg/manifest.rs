//! Manifest lists and manifests, which are Avro files.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow_avro::reader::ReaderBuilder;
use bytes::Bytes;

use super::avro::whole;
use crate::error::{Error, Result};
use crate::guard::guarded;

/// A manifest as its list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ManifestPlace {
    pub(super) path: String,
    /// Its size in bytes, if the list says it.
    pub(super) bytes: Option<u64>,
    pub(super) spec: i64,
    pub(super) sequence: i64,
}

/// What a file of a manifest holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileContent {
    Data,
    PositionDeletes,
    EqualityDeletes,
}

/// A live file of a manifest.
#[derive(Debug, Clone)]
pub(super) struct ManifestEntry {
    pub(super) content: FileContent,
    pub(super) path: String,
    pub(super) format: String,
    pub(super) bytes: Option<u64>,
    pub(super) records: Option<u64>,
    /// The sequence number of its rows, or of its deletions.
    pub(super) sequence: i64,
    pub(super) is_encrypted: bool,
    /// The data file whose rows it deletes.
    pub(super) referenced: Option<String>,
    /// Where a deletion vector lies in the file, and its size.
    pub(super) blob: Option<(u64, u64)>,
    /// Names and values of its partition, as texts; `None` inside for NULL, an error text for values that have none.
    pub(super) partition: Vec<(String, std::result::Result<Option<String>, String>)>,
}

/// The manifests of a list.
pub(super) fn manifests(bytes: &Bytes) -> Result<Vec<ManifestPlace>> {
    let mut found = Vec::new();
    for batch in batches(bytes)? {
        let rows = Fields(batch.into());
        for row in 0..rows.0.len() {
            if rows.is_set("key_metadata", row) {
                return Err(encrypted());
            }
            found.push(ManifestPlace {
                path: rows.text("manifest_path", row).ok_or_else(|| wrong(&"a manifest without a path"))?,
                bytes: rows.number("manifest_length", row).and_then(|bytes| u64::try_from(bytes).ok()),
                spec: rows.number("partition_spec_id", row).unwrap_or(0),
                sequence: rows.number("sequence_number", row).unwrap_or(0),
            });
        }
    }
    Ok(found)
}

/// The live files of a manifest.
pub(super) fn entries(bytes: &Bytes, sequence: i64) -> Result<Vec<ManifestEntry>> {
    const DELETED: i64 = 2;
    let mut found = Vec::new();
    for batch in batches(bytes)? {
        let rows = Fields(batch.into());
        let files = rows.inner("data_file").ok_or_else(|| wrong(&"it has no data files"))?;
        for row in 0..rows.0.len() {
            let status = rows.number("status", row).ok_or_else(|| wrong(&"an entry without status"))?;
            if status != DELETED {
                // A file that this manifest adds has the number of the manifest.
                found.push(entry(&files, row, rows.number("sequence_number", row).unwrap_or(sequence))?);
            }
        }
    }
    Ok(found)
}

fn entry(files: &Fields, row: usize, sequence: i64) -> Result<ManifestEntry> {
    let content = match files.number("content", row).unwrap_or(0) {
        0 => FileContent::Data,
        1 => FileContent::PositionDeletes,
        2 => FileContent::EqualityDeletes,
        other => return Err(wrong(&format!("a file with content {other}"))),
    };
    let size = |name: &str| files.number(name, row).and_then(|number| u64::try_from(number).ok());
    Ok(ManifestEntry {
        content,
        path: files.text("file_path", row).ok_or_else(|| wrong(&"a file without a path"))?,
        format: files.text("file_format", row).unwrap_or_default().to_uppercase(),
        bytes: size("file_size_in_bytes"),
        records: size("record_count"),
        sequence,
        is_encrypted: files.is_set("key_metadata", row),
        referenced: files.text("referenced_data_file", row),
        blob: size("content_offset").zip(size("content_size_in_bytes")),
        partition: files.inner("partition").map_or_else(Vec::new, |partition| partition.texts(row)),
    })
}

/// Fields side by side.
struct Fields(StructArray);

impl Fields {
    fn column(&self, name: &str, row: usize) -> Option<&ArrayRef> {
        self.0.column_by_name(name).filter(|column| column.is_valid(row))
    }

    fn is_set(&self, name: &str, row: usize) -> bool {
        self.column(name, row).is_some()
    }

    fn text(&self, name: &str, row: usize) -> Option<String> {
        text_of(self.column(name, row)?, row)
    }

    fn number(&self, name: &str, row: usize) -> Option<i64> {
        let column = self.column(name, row)?;
        match column.data_type() {
            DataType::Int32 => Some(column.as_primitive::<Int32Type>().value(row).into()),
            DataType::Int64 => Some(column.as_primitive::<Int64Type>().value(row)),
            _ => None,
        }
    }

    fn inner(&self, name: &str) -> Option<Self> {
        self.0.column_by_name(name)?.as_struct_opt().cloned().map(Self)
    }

    /// All fields of a row as texts.
    fn texts(&self, row: usize) -> Vec<(String, std::result::Result<Option<String>, String>)> {
        let fields = self.0.fields().iter().zip(self.0.columns());
        fields
            .map(|(field, column)| {
                let value = if column.is_null(row) {
                    Ok(None)
                } else {
                    text_of(column, row).map(Some).ok_or_else(|| column.data_type().to_string())
                };
                (field.name().clone(), value)
            })
            .collect()
    }
}

fn text_of(column: &ArrayRef, row: usize) -> Option<String> {
    if matches!(column.data_type(), DataType::Binary | DataType::FixedSizeBinary(_) | DataType::LargeBinary) {
        return None;
    }
    let text = cast(&column.slice(row, 1), &DataType::Utf8).ok()?;
    text.as_string_opt::<i32>().map(|text| text.value(0).to_owned())
}

fn batches(bytes: &Bytes) -> Result<Vec<RecordBatch>> {
    let (bytes, rows) = whole(bytes).ok_or_else(|| wrong(&"it is cut, or no Avro file"))?;
    let read = || {
        let reader = ReaderBuilder::new().build(std::io::Cursor::new(bytes))?;
        reader.collect::<std::result::Result<Vec<_>, _>>()
    };
    let batches =
        guarded(read).ok_or_else(|| wrong(&"the decoder gave up"))?.map_err(|cause| wrong(&cause))?;
    let found: u64 = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    if found != rows {
        return Err(wrong(&format!("{found} of its {rows} rows can be read")));
    }
    Ok(batches)
}

fn wrong(cause: &dyn std::fmt::Display) -> Error {
    Error::input(format!("this manifest cannot be read: {cause}"))
        .hint("restore the file, or read another snapshot with --table-version")
}

pub(super) fn encrypted() -> Error {
    Error::input("it is encrypted, which is not supported")
        .hint("write the table's live rows to Parquet with pyiceberg: table.scan().to_arrow()")
}
