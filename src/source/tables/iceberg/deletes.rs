//! Deleted rows: files of positions, and deletion vectors in Puffin files.
//!
//! ```text
//! vector: length (4, big-endian) │ D1 D3 39 64 │ 64-bit Roaring bitmap │ CRC-32 (4, big-endian) of the two before
//! ```

use std::collections::HashMap;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use bytes::Bytes;
use flate2::Crc;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use roaring::RoaringTreemap;

use crate::error::{Error, Result};
use crate::guard::guarded;

const MAGIC: [u8; 4] = [0xd1, 0xd3, 0x39, 0x64];
/// Bytes around the bitmap: length, magic and checksum.
const AROUND: usize = 12;

/// Deleted rows by the path of their file.
pub(super) type DeletedPositions = HashMap<String, Vec<u64>>;

/// Adds the rows that a file of positions names, of data files for which `applies` says yes.
pub(super) fn add_positions(
    bytes: Bytes,
    positions: &mut DeletedPositions,
    applies: &dyn Fn(&str) -> bool,
) -> Result<()> {
    let read = || -> std::result::Result<(), Box<dyn std::error::Error>> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
        let wanted = ["file_path", "pos"].map(|name| builder.schema().index_of(name));
        let [path, position] = wanted;
        let mask = ProjectionMask::roots(builder.parquet_schema(), [path?, position?]);
        for batch in builder.with_projection(mask).build()? {
            let batch = batch?;
            let column = |name: &str, to| {
                let column = batch.column_by_name(name).ok_or("a column is missing")?;
                if column.null_count() > 0 {
                    return Err(Box::<dyn std::error::Error>::from(format!("column {name} holds NULL")));
                }
                Ok(cast(column, to)?)
            };
            let (paths, rows) = (column("file_path", &DataType::Utf8)?, column("pos", &DataType::Int64)?);
            let rows = rows.as_primitive::<Int64Type>();
            let mut known: Option<(&str, bool)> = None;
            for (path, row) in paths.as_string::<i32>().iter().flatten().zip(rows.values()) {
                let is_meant = match known {
                    Some((last, is_meant)) if last == path => is_meant,
                    _ => applies(path),
                };
                known = Some((path, is_meant));
                if is_meant {
                    let row = u64::try_from(*row).map_err(|_| format!("row {row}"))?;
                    match positions.get_mut(path) {
                        Some(rows) => rows.push(row),
                        None => {
                            positions.insert(path.to_owned(), vec![row]);
                        }
                    }
                }
            }
        }
        Ok(())
    };
    guarded(read).ok_or_else(|| wrong(&"the decoder gave up"))?.map_err(|cause| wrong(&cause))
}

/// The rows of a deletion vector.
pub(super) fn vector(bytes: &[u8]) -> Result<Vec<u64>> {
    let inside = bytes.len().checked_sub(AROUND).ok_or_else(|| wrong(&"the deletion vector is cut"))?;
    let word = |at: usize| {
        let word: [u8; 4] = bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).unwrap_or_default();
        u32::from_be_bytes(word)
    };
    if usize::try_from(word(0)) != Ok(inside + MAGIC.len()) {
        return Err(wrong(&"the length of the deletion vector is not that of the manifest"));
    }
    let (checked, bitmap) = (&bytes[4..bytes.len() - 4], &bytes[8..bytes.len() - 4]);
    if checked[..4] != MAGIC {
        return Err(wrong(&"there is no deletion vector at the offset of the manifest"));
    }
    let mut sum = Crc::new();
    sum.update(checked);
    if sum.sum() != word(bytes.len() - 4) {
        return Err(wrong(&"the checksum of the deletion vector is wrong"));
    }
    let rows = guarded(|| RoaringTreemap::deserialize_from(bitmap))
        .ok_or_else(|| wrong(&"the decoder gave up"))?
        .map_err(|cause| wrong(&cause))?;
    Ok(rows.iter().collect())
}

fn wrong(cause: &dyn std::fmt::Display) -> Error {
    Error::input(format!("deleted rows cannot be read: {cause}"))
        .hint("restore the file, or read another snapshot with --table-version")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(rows: &RoaringTreemap) -> Vec<u8> {
        let mut inside = MAGIC.to_vec();
        rows.serialize_into(&mut inside).unwrap();
        let mut sum = Crc::new();
        sum.update(&inside);
        let mut bytes = u32::try_from(inside.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(inside);
        bytes.extend(sum.sum().to_be_bytes());
        bytes
    }

    #[test]
    fn vectors_are_read_and_any_changed_byte_is_found() {
        let rows: RoaringTreemap = (0..5000).map(|row| row * 7).chain([1 << 33]).collect();
        let bytes = framed(&rows);
        assert_eq!(vector(&bytes).unwrap(), rows.iter().collect::<Vec<_>>());
        for at in [0, 3, 4, 8, 20, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(vector(&changed).is_err(), "{at}");
        }
        for length in [0, 11, 12, bytes.len() - 1] {
            assert!(vector(&bytes[..length]).is_err(), "{length}");
        }
    }
}
