//! A look at a footer before the Parquet reader sees it.
//!
//! The reader reserves memory for as many row groups as the footer claims. A claim of 2³¹ ends the
//! process in 48 bytes, so claims are held against the bytes there are.

use std::ops::Range;

use super::thrift::{Cursor, LIST, STRUCT};
use super::{Step, Stop, corrupt};
use crate::error::{Error, Result};

/// Field number of the row groups in `FileMetaData`.
const ROW_GROUPS: i16 = 4;

/// Row groups have 16-bit ordinals.
const ROW_GROUPS_MAX: usize = 1 << 15;

/// Checks that every string, list and map in a footer fits into it, and that nothing is nested deeper
/// than 64 levels. `footer` is the Thrift part: what stands before the length and the magic bytes.
///
/// # Errors
/// [`Error::Input`] saying what the footer claims.
pub fn check_footer(footer: &[u8]) -> Result<()> {
    walked(footer).map(drop)
}

/// A footer that passes [`check_footer`], without its row groups: schema, number of rows and key-value entries.
///
/// # Errors
/// As [`check_footer`].
pub fn without_row_groups(footer: &[u8]) -> Result<Vec<u8>> {
    let groups = walked(footer)?;
    Ok([&footer[..groups.start], &[STRUCT][..], &footer[groups.end..]].concat())
}

fn walked(footer: &[u8]) -> Result<Range<usize>> {
    walk(footer).map_err(|(Stop::Corrupt(found) | Stop::Unsupported(found))| {
        Error::input(format!("corrupt footer: {found}")).hint("write the shard again")
    })
}

/// Where the list of row groups lies.
fn walk(footer: &[u8]) -> Step<Range<usize>> {
    let mut cursor = Cursor::new(footer);
    let (mut last, mut groups) = (0, None);
    while let Some(field) = cursor.field(last)? {
        let start = cursor.position();
        if field.id == ROW_GROUPS && field.kind == LIST {
            let (count, kind) = Cursor::new(&footer[start..]).list()?;
            if kind == STRUCT && count > ROW_GROUPS_MAX {
                return Err(corrupt(format!(
                    "{count} row groups, where a file has at most {ROW_GROUPS_MAX}"
                )));
            }
        }
        cursor.skip(field)?;
        if field.id == ROW_GROUPS && field.kind == LIST {
            groups = Some(start..cursor.position());
        }
        last = field.id;
    }
    groups.ok_or_else(|| corrupt("there is no list of row groups"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::file::metadata::ParquetMetaDataReader;
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    fn refused(footer: &[u8]) -> String {
        check_footer(footer).unwrap_err().to_string()
    }

    #[test]
    fn a_written_footer_passes_and_none_of_its_beginnings_does() {
        let schema = Arc::new(
            parse_message_type("message m { required int32 a; optional group b { optional binary c; } }")
                .unwrap(),
        );
        let mut file = Vec::new();
        let properties = Arc::new(WriterProperties::builder().build());
        let mut writer = SerializedFileWriter::new(&mut file, schema, properties).unwrap();
        let mut group = writer.next_row_group().unwrap();
        while let Some(column) = group.next_column().unwrap() {
            column.close().unwrap();
        }
        group.close().unwrap();
        writer.close().unwrap();
        let tail = file.len() - 8;
        let len = u32::from_le_bytes(file[tail..tail + 4].try_into().unwrap()) as usize;
        let footer = &file[tail - len..tail];
        check_footer(footer).unwrap();
        let outline = ParquetMetaDataReader::decode_metadata(&without_row_groups(footer).unwrap()).unwrap();
        let whole = ParquetMetaDataReader::decode_metadata(footer).unwrap();
        assert_eq!(outline.file_metadata(), whole.file_metadata());
        assert_eq!((outline.num_row_groups(), whole.num_row_groups()), (0, 1));
        for end in 0..footer.len() {
            assert_eq!(refused(&footer[..end]).split(':').next(), Some("corrupt footer"), "{end} bytes");
        }
    }

    #[test]
    fn a_claim_beyond_the_bytes_is_refused() {
        // Field 4, a list of structs, 2^31 - 1 of them.
        let claim = [0x49, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0, 0];
        assert_eq!(
            refused(&claim),
            "corrupt footer: a list claims 2147483647 elements where 3 bytes are left"
        );
        // A string of 100 bytes in 2.
        assert_eq!(
            refused(&[0x18, 100, b'a', b'b']),
            "corrupt footer: Thrift claims 100 bytes where 2 are left"
        );
        // A map of 16 entries in 3 bytes.
        assert_eq!(
            refused(&[0x1b, 16, 0x55, 0, 0, 0]),
            "corrupt footer: a map claims 16 entries where 3 bytes are left"
        );
    }

    #[test]
    fn more_row_groups_than_ordinals_are_refused() {
        let mut footer = vec![0x49, 0xfc, 0x81, 0x80, 0x02];
        footer.resize(footer.len() + 40_000, 0);
        assert_eq!(refused(&footer), "corrupt footer: 32769 row groups, where a file has at most 32768");
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert_eq!(refused(&[0x1c; 1000]), "corrupt footer: Thrift nested deeper than 64 levels");
        assert_eq!(refused(&[0x19; 1000]), "corrupt footer: Thrift nested deeper than 64 levels");
    }
}
