//! Columns that are encrypted below a footer that is not.

use std::collections::BTreeSet;

use super::thrift::{LIST, STRUCT, ThriftCursor};
use crate::pages::outcome::{Step, corrupt};

/// Field numbers in `FileMetaData`, `RowGroup`, `ColumnChunk`, `ColumnMetaData`, `ColumnCryptoMetaData` and
/// `EncryptionWithColumnKey`.
const ROW_GROUPS: i16 = 4;
const ALGORITHM: i16 = 8;
const COLUMNS: i16 = 1;
const METADATA: i16 = 3;
const CRYPTO: i16 = 8;
const METADATA_PATH: i16 = 3;
const COLUMN_KEY: i16 = 2;
const COLUMN_KEY_PATH: i16 = 1;

/// The columns of the file that hold an encrypted leaf, by the footer of a file whose footer is not encrypted; none
/// for a footer that cannot be read.
#[must_use]
pub(crate) fn encrypted_columns(footer: &[u8]) -> BTreeSet<String> {
    walk(footer).unwrap_or_default()
}

fn walk(footer: &[u8]) -> Step<BTreeSet<String>> {
    let mut cursor = ThriftCursor::new(footer);
    let (mut last, mut groups, mut is_encrypted) = (0, None, false);
    while let Some(field) = cursor.field(last)? {
        if field.id == ROW_GROUPS && field.kind == LIST {
            groups = Some(cursor.position());
        }
        is_encrypted |= field.id == ALGORITHM;
        cursor.skip(field)?;
        last = field.id;
    }
    let Some(start) = groups.filter(|_| is_encrypted) else { return Ok(BTreeSet::new()) };
    let mut cursor = ThriftCursor::new(&footer[start..]);
    let mut found = BTreeSet::new();
    // All row groups have the same columns.
    if let (1.., STRUCT) = cursor.list()? {
        let mut last = 0;
        while let Some(field) = cursor.field(last)? {
            if field.id == COLUMNS && field.kind == LIST {
                let (count, kind) = cursor.list()?;
                if kind != STRUCT {
                    return Err(corrupt("columns that are no structs"));
                }
                for _ in 0..count {
                    found.extend(encrypted_root(&mut cursor)?);
                }
            } else {
                cursor.skip(field)?;
            }
            last = field.id;
        }
    }
    Ok(found)
}

/// The first part of the path of a column chunk, if it is encrypted.
fn encrypted_root(cursor: &mut ThriftCursor<'_>) -> Step<Option<String>> {
    let (mut last, mut root, mut is_encrypted) = (0, None, false);
    while let Some(field) = cursor.field(last)? {
        match (field.id, field.kind) {
            (METADATA, STRUCT) => root = first_part(cursor, METADATA_PATH)?.or(root),
            (CRYPTO, STRUCT) => {
                is_encrypted = true;
                let mut last = 0;
                while let Some(inner) = cursor.field(last)? {
                    if (inner.id, inner.kind) == (COLUMN_KEY, STRUCT) {
                        root = first_part(cursor, COLUMN_KEY_PATH)?.or(root);
                    } else {
                        cursor.skip(inner)?;
                    }
                    last = inner.id;
                }
            }
            _ => cursor.skip(field)?,
        }
        last = field.id;
    }
    Ok(root.filter(|_| is_encrypted))
}

/// The first of the strings in field `wanted` of a struct.
fn first_part(cursor: &mut ThriftCursor<'_>, wanted: i16) -> Step<Option<String>> {
    let (mut last, mut first) = (0, None);
    while let Some(field) = cursor.field(last)? {
        if field.id == wanted && field.kind == LIST {
            let (count, _) = cursor.list()?;
            for _ in 0..count {
                let part = String::from_utf8_lossy(cursor.binary()?).into_owned();
                first.get_or_insert(part);
            }
        } else {
            cursor.skip(field)?;
        }
        last = field.id;
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A column chunk whose metadata has the path `name.x`; `key`: it is encrypted with a key of its own.
    fn chunk(name: &str, key: bool) -> Vec<u8> {
        let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        // Field 2 is an offset; field 3 a struct whose field 3 is a list of two strings.
        let mut bytes = [&[0x26, 0x08, 0x1c, 0x39, 0x28][..], &text(name), &text("x"), &[0]].concat();
        if key {
            // Field 8: a struct whose field 2 is a struct whose field 1 is a list of one string.
            bytes.extend([&[0x5c, 0x2c, 0x19, 0x18][..], &text(name), &[0, 0]].concat());
        }
        bytes.push(0);
        bytes
    }

    fn footer(chunks: &[Vec<u8>], is_encrypted: bool) -> Vec<u8> {
        // Field 1 is the version; field 4 a list of one struct whose field 1 is a list of structs.
        let count = u8::try_from(chunks.len()).unwrap() << 4 | STRUCT;
        let mut bytes = [&[0x15, 0x02, 0x39, 0x1c, 0x19, count][..], &chunks.concat(), &[0]].concat();
        if is_encrypted {
            // Field 8: an empty struct.
            bytes.extend([0x4c, 0]);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn columns_with_a_key_are_found_where_the_footer_is_plain() {
        let chunks = [chunk("a", false), chunk("b", true), chunk("c", true)];
        assert_eq!(encrypted_columns(&footer(&chunks, true)), ["b", "c"].map(str::to_owned).into());
        assert!(encrypted_columns(&footer(&chunks, false)).is_empty());
        let whole = footer(&chunks, true);
        for cut in 0..whole.len() {
            assert!(encrypted_columns(&whole[..cut]).len() <= 2, "{cut}");
        }
    }
}
