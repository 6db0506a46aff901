//! The column index and the offset index of a chunk, as they are stored.
//!
//! The Parquet crate decodes the indexes of all columns of a file at once, and reserves memory for as many
//! pages as an offset index claims; its decoders of a single index are private (59.3). Here each index is
//! read by itself, and every length is checked against the bytes there are.

use super::thrift::{BINARY, Field, I32, I64, LIST, STRUCT, ThriftCursor};
use crate::pages::outcome::{Step, corrupt};

/// What a column index says, page by page.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ColumnIndex<'a> {
    /// Pages that hold nothing but NULL, and have no bounds.
    pub(crate) null_pages: Vec<bool>,
    pub(crate) minima: Vec<&'a [u8]>,
    pub(crate) maxima: Vec<&'a [u8]>,
    /// `None` where the writer did not count.
    pub(crate) null_counts: Option<Vec<i64>>,
}

impl<'a> ColumnIndex<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Step<Self> {
        let mut cursor = ThriftCursor::new(bytes);
        let (mut index, mut last) = (Self::default(), 0);
        while let Some(field) = cursor.field(last)? {
            match field.id {
                1 => index.null_pages = list(&mut cursor, field, &[1, 2], ThriftCursor::flag)?,
                2 => index.minima = list(&mut cursor, field, &[BINARY], ThriftCursor::binary)?,
                3 => index.maxima = list(&mut cursor, field, &[BINARY], ThriftCursor::binary)?,
                5 => index.null_counts = Some(list(&mut cursor, field, &[I64], ThriftCursor::long)?),
                _ => cursor.skip(field)?,
            }
            last = field.id;
        }
        let pages = index.null_pages.len();
        let counts = index.null_counts.as_ref().map_or(pages, Vec::len);
        if [index.minima.len(), index.maxima.len(), counts] != [pages; 3] {
            return Err(corrupt("a column index whose lists have several lengths"));
        }
        Ok(index)
    }
}

/// Where a data page lies, as an offset index says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) offset: i64,
    /// With its header.
    pub(crate) bytes: i32,
    pub(crate) first_row: i64,
}

/// The data pages of a chunk by its offset index.
pub(crate) fn locations(bytes: &[u8]) -> Step<Vec<Location>> {
    let mut cursor = ThriftCursor::new(bytes);
    let (mut locations, mut last) = (Vec::new(), 0);
    while let Some(field) = cursor.field(last)? {
        match field.id {
            1 => locations = list(&mut cursor, field, &[STRUCT], location)?,
            _ => cursor.skip(field)?,
        }
        last = field.id;
    }
    Ok(locations)
}

fn location(cursor: &mut ThriftCursor<'_>) -> Step<Location> {
    let (mut offset, mut bytes, mut first_row, mut last) = (None, None, None, 0);
    while let Some(field) = cursor.field(last)? {
        match (field.id, field.kind) {
            (1, I64) => offset = Some(cursor.long()?),
            (2, I32) => bytes = Some(cursor.int(field)?),
            (3, I64) => first_row = Some(cursor.long()?),
            _ => cursor.skip(field)?,
        }
        last = field.id;
    }
    match (offset, bytes, first_row) {
        (Some(offset), Some(bytes), Some(first_row)) => Ok(Location { offset, bytes, first_row }),
        _ => Err(corrupt("an offset index that leaves out where a page lies")),
    }
}

fn list<'a, T>(
    cursor: &mut ThriftCursor<'a>,
    field: Field,
    kinds: &[u8],
    each: impl Fn(&mut ThriftCursor<'a>) -> Step<T>,
) -> Step<Vec<T>> {
    if field.kind != LIST {
        return Err(corrupt(format!("page index field {} is no list", field.id)));
    }
    let (count, kind) = cursor.list()?;
    if count > 0 && !kinds.contains(&kind) {
        return Err(corrupt(format!("page index field {} is a list of kind {kind}", field.id)));
    }
    (0..count).map(|_| each(cursor)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_index_is_read_field_by_field() {
        // Two pages, the second all NULL; bounds; order 0; null counts 1 and 5.
        let mut bytes = vec![0x19, 0x21, 2, 1, 0x19, 0x28, 1, 7, 0, 0x19, 0x28, 1, 9, 0, 0x15, 0];
        let uncounted = [&bytes[..], &[0]].concat();
        bytes.extend([0x19, 0x26, 2, 10, 0]);
        let index = ColumnIndex::read(&bytes).unwrap();
        assert_eq!((&index.null_pages, &index.null_counts), (&vec![false, true], &Some(vec![1, 5])));
        assert_eq!((&index.minima[..], &index.maxima[..]), (&[&[7][..], &[]][..], &[&[9][..], &[]][..]));
        assert_eq!(ColumnIndex::read(&uncounted).unwrap().null_counts, None);
        for end in 0..bytes.len() {
            assert!(ColumnIndex::read(&bytes[..end]).is_err(), "{end} bytes");
        }
        // One bound fewer; a claim of 2^31 pages; a list of numbers for booleans.
        for damaged in [
            &[0x19, 0x21, 2, 1, 0x19, 0x18, 1, 7, 0][..],
            &[0x19, 0xf1, 0xff, 0xff, 0xff, 0x7f],
            &[0x19, 0x16, 2, 0],
        ] {
            assert!(ColumnIndex::read(damaged).is_err());
        }
    }

    #[test]
    fn an_offset_index_says_where_pages_lie() {
        // Pages at 4 and 34, of 30 and 20 bytes; rows from 0 and 10.
        let bytes = [0x19, 0x2c, 0x16, 8, 0x15, 60, 0x16, 0, 0, 0x16, 68, 0x15, 40, 0x16, 20, 0, 0];
        let at = |offset, bytes, first_row| Location { offset, bytes, first_row };
        assert_eq!(locations(&bytes), Ok(vec![at(4, 30, 0), at(34, 20, 10)]));
        for end in 0..bytes.len() {
            assert!(locations(&bytes[..end]).is_err(), "{end} bytes");
        }
        assert!(locations(&[0x19, 0x1c, 0x16, 8, 0x15, 60, 0, 0]).is_err(), "without its first row");
    }
}
