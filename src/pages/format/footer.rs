//! A look at a footer before the Parquet reader sees it.
//!
//! The Parquet crate (59.3) reserves memory for as many row groups as the footer claims, so that a footer of
//! 48 bytes that claims 2³¹ of them ends the process. Here every length is checked against the bytes there
//! are.

use std::ops::Range;

use super::thrift::{I64, LIST, STRUCT, ThriftCursor};
use crate::error::{Error, Result};
use crate::pages::outcome::{Step, Stop, corrupt};

/// Field numbers in `FileMetaData`.
const ROWS: i16 = 3;
const ROW_GROUPS: i16 = 4;
const ALGORITHM: i16 = 8;

/// Row groups have 16-bit ordinals.
const ROW_GROUPS_MAX: usize = 1 << 15;

/// Checks that every string, list and map in a footer fits into it, and that nothing is nested deeper
/// than 64 levels. `footer` is the Thrift part: the bytes before the length and the magic number.
///
/// # Errors
/// [`Error::Input`] saying what the footer claims.
pub(crate) fn check_footer(footer: &[u8]) -> Result<()> {
    walked(footer).map(drop)
}

/// A footer without its row groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The footer of a file without rows that has the same columns and key-value entries.
    pub footer: Vec<u8>,
    /// Rows, as the footer claims.
    pub rows: i64,
    /// Columns may be encrypted.
    pub is_encrypted: bool,
}

/// The outline of a footer that passes [`check_footer`].
///
/// # Errors
/// As [`check_footer`].
pub(crate) fn outline(footer: &[u8]) -> Result<Outline> {
    let FooterPlaces { groups, rows, number, is_encrypted } = walked(footer)?;
    let (Some(groups), Some(rows)) = (groups, rows) else {
        return Err(
            Error::input("corrupt footer: rows or row groups are not there").hint("write the shard again")
        );
    };
    let mut outline = Vec::with_capacity(footer.len() + 2 - groups.len() - rows.len());
    let mut at = 0;
    // Zero, and a list of no structs.
    let mut cuts = [(rows, 0), (groups, STRUCT)];
    cuts.sort_by_key(|(place, _)| place.start);
    for (place, instead) in cuts {
        outline.extend_from_slice(&footer[at..place.start]);
        outline.push(instead);
        at = place.end;
    }
    outline.extend_from_slice(&footer[at..]);
    Ok(Outline { footer: outline, rows: number, is_encrypted })
}

/// Where the number of rows and the list of row groups lie, and the number.
#[derive(Debug, Default)]
struct FooterPlaces {
    rows: Option<Range<usize>>,
    number: i64,
    groups: Option<Range<usize>>,
    is_encrypted: bool,
}

fn walked(footer: &[u8]) -> Result<FooterPlaces> {
    walk(footer).map_err(|(Stop::Corrupt(found) | Stop::Unsupported(found))| {
        Error::input(format!("corrupt footer: {found}")).hint("write the shard again")
    })
}

fn walk(footer: &[u8]) -> Step<FooterPlaces> {
    let mut cursor = ThriftCursor::new(footer);
    let (mut last, mut places) = (0, FooterPlaces::default());
    while let Some(field) = cursor.field(last)? {
        let start = cursor.position();
        if field.id == ROW_GROUPS && field.kind == LIST {
            let (count, kind) = ThriftCursor::new(&footer[start..]).list()?;
            if kind == STRUCT && count > ROW_GROUPS_MAX {
                return Err(corrupt(format!(
                    "{count} row groups, where a file has at most {ROW_GROUPS_MAX}"
                )));
            }
        }
        if field.id == ROWS && field.kind == I64 {
            places.number = cursor.long()?;
            places.rows = Some(start..cursor.position());
        } else {
            cursor.skip(field)?;
        }
        places.is_encrypted |= field.id == ALGORITHM;
        if field.id == ROW_GROUPS && field.kind == LIST {
            places.groups = Some(start..cursor.position());
        }
        last = field.id;
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::column::writer::ColumnWriter;
    use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
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
        while let Some(mut column) = group.next_column().unwrap() {
            match column.untyped() {
                ColumnWriter::Int32ColumnWriter(writer) => writer.write_batch(&[1, 2, 3], None, None),
                ColumnWriter::ByteArrayColumnWriter(writer) => writer.write_batch(&[], Some(&[0; 3]), None),
                _ => unreachable!(),
            }
            .unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
        writer.close().unwrap();
        let tail = file.len() - 8;
        let len = u32::from_le_bytes(file[tail..tail + 4].try_into().unwrap()) as usize;
        let footer = &file[tail - len..tail];
        check_footer(footer).unwrap();
        let whole = ParquetMetaDataReader::decode_metadata(footer).unwrap();
        let Outline { footer: outlined, rows, is_encrypted } = outline(footer).unwrap();
        assert_eq!((rows, whole.num_row_groups(), is_encrypted), (3, 1, false));
        let outlined = ParquetMetaDataReader::decode_metadata(&outlined).unwrap();
        assert_eq!((outlined.file_metadata().num_rows(), outlined.num_row_groups()), (0, 0));
        let [one, other] = [&outlined, &whole].map(ParquetMetaData::file_metadata);
        assert_eq!(one.schema_descr(), other.schema_descr());
        assert_eq!(one.key_value_metadata(), other.key_value_metadata());
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
