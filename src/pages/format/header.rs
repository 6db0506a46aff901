//! Page headers.
//!
//! The Parquet crate keeps its header type private (59.3), and reads a header only as part of a page.

use std::fmt;

use super::thrift::{Field, STRUCT, ThriftCursor};
use crate::pages::outcome::{Step, corrupt};

/// How values or levels are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    /// Indices into the dictionary page.
    Dictionary,
    /// Run-length and bit-packed hybrid.
    Rle,
    /// The first bytes of all values, then the second ones, and so on.
    ByteStreamSplit,
    /// Something this module does not read, by its Parquet number.
    Other(i32),
}

impl Encoding {
    fn new(number: i32) -> Self {
        match number {
            0 => Self::Plain,
            // Two writers of a dictionary page, one encoding.
            2 | 8 => Self::Dictionary,
            3 => Self::Rle,
            9 => Self::ByteStreamSplit,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "PLAIN",
            Self::Dictionary => "RLE_DICTIONARY",
            Self::Rle => "RLE",
            Self::Other(4) => "BIT_PACKED",
            Self::Other(5) => "DELTA_BINARY_PACKED",
            Self::Other(6) => "DELTA_LENGTH_BYTE_ARRAY",
            Self::Other(7) => "DELTA_BYTE_ARRAY",
            Self::ByteStreamSplit => "BYTE_STREAM_SPLIT",
            Self::Other(number) => return write!(f, "number {number}"),
        })
    }
}

/// What a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Dictionary {
        values: usize,
        encoding: Encoding,
    },
    /// Levels and values compressed together.
    DataV1 {
        slots: usize,
        encoding: Encoding,
        definition: Encoding,
        repetition: Encoding,
    },
    /// Levels in front, not compressed.
    DataV2 {
        slots: usize,
        encoding: Encoding,
        nulls: usize,
        definition_bytes: usize,
        repetition_bytes: usize,
        compressed: bool,
    },
    /// An index page or another kind, by its Parquet number.
    Other(i32),
}

/// The header of a page. Sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) content: Content,
    pub(super) uncompressed: usize,
    pub(crate) compressed: usize,
    pub(crate) crc: Option<u32>,
}

impl Header {
    /// Reads the header at the beginning of `bytes`; also gives its length.
    pub(crate) fn read(bytes: &[u8]) -> Step<(Self, usize)> {
        let mut cursor = ThriftCursor::new(bytes);
        let (mut kind, mut uncompressed, mut compressed, mut crc) = (None, None, None, None);
        let (mut dictionary, mut v1, mut v2) = (None, None, None);
        let mut last = 0;
        while let Some(field) = cursor.field(last)? {
            match field.id {
                1 => kind = Some(cursor.int(field)?),
                2 => uncompressed = Some(cursor.size(field)?),
                3 => compressed = Some(cursor.size(field)?),
                4 => crc = Some(cursor.int(field)?.cast_unsigned()),
                5 => v1 = Some(data_v1(&mut cursor, field)?),
                7 => dictionary = Some(dictionary_page(&mut cursor, field)?),
                8 => v2 = Some(data_v2(&mut cursor, field)?),
                _ => cursor.skip(field)?,
            }
            last = field.id;
        }
        let content = match required(kind, "page type")? {
            0 => required(v1, "data page header")?,
            2 => required(dictionary, "dictionary page header")?,
            3 => required(v2, "data page header")?,
            other => Content::Other(other),
        };
        let uncompressed = required(uncompressed, "uncompressed size")?;
        let compressed = required(compressed, "compressed size")?;
        Ok((Self { content, uncompressed, compressed, crc }, cursor.position()))
    }
}

fn required<T>(value: Option<T>, what: &str) -> Step<T> {
    value.ok_or_else(|| corrupt(format!("page header without {what}")))
}

fn enter(field: Field) -> Step<()> {
    if field.kind == STRUCT { Ok(()) } else { Err(corrupt("page header field that is not a struct")) }
}

fn dictionary_page(cursor: &mut ThriftCursor<'_>, field: Field) -> Step<Content> {
    enter(field)?;
    let (mut values, mut encoding, mut last) = (None, None, 0);
    while let Some(field) = cursor.field(last)? {
        match field.id {
            1 => values = Some(cursor.size(field)?),
            2 => encoding = Some(Encoding::new(cursor.int(field)?)),
            _ => cursor.skip(field)?,
        }
        last = field.id;
    }
    Ok(Content::Dictionary {
        values: required(values, "number of values")?,
        encoding: required(encoding, "encoding")?,
    })
}

fn data_v1(cursor: &mut ThriftCursor<'_>, field: Field) -> Step<Content> {
    enter(field)?;
    let (mut slots, mut encodings, mut last) = (None, [None; 3], 0);
    while let Some(field) = cursor.field(last)? {
        match field.id {
            1 => slots = Some(cursor.size(field)?),
            2 => encodings[0] = Some(Encoding::new(cursor.int(field)?)),
            3 => encodings[1] = Some(Encoding::new(cursor.int(field)?)),
            4 => encodings[2] = Some(Encoding::new(cursor.int(field)?)),
            _ => cursor.skip(field)?,
        }
        last = field.id;
    }
    Ok(Content::DataV1 {
        slots: required(slots, "number of values")?,
        encoding: required(encodings[0], "encoding")?,
        definition: required(encodings[1], "encoding of definition levels")?,
        repetition: required(encodings[2], "encoding of repetition levels")?,
    })
}

fn data_v2(cursor: &mut ThriftCursor<'_>, field: Field) -> Step<Content> {
    enter(field)?;
    let (mut slots, mut nulls, mut encoding, mut lengths) = (None, None, None, [None; 2]);
    let (mut compressed, mut last) = (true, 0);
    while let Some(field) = cursor.field(last)? {
        match field.id {
            1 => slots = Some(cursor.size(field)?),
            2 => nulls = Some(cursor.size(field)?),
            4 => encoding = Some(Encoding::new(cursor.int(field)?)),
            5 => lengths[0] = Some(cursor.size(field)?),
            6 => lengths[1] = Some(cursor.size(field)?),
            // A boolean's value is its kind: 1 is true.
            7 if field.kind <= 2 => compressed = field.kind == 1,
            _ => cursor.skip(field)?,
        }
        last = field.id;
    }
    Ok(Content::DataV2 {
        slots: required(slots, "number of values")?,
        encoding: required(encoding, "encoding")?,
        nulls: required(nulls, "number of nulls")?,
        definition_bytes: required(lengths[0], "length of definition levels")?,
        repetition_bytes: required(lengths[1], "length of repetition levels")?,
        compressed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field head one step after the last, then a zigzag number below 64.
    fn int(value: u8) -> [u8; 2] {
        [0x15, value * 2]
    }

    #[test]
    fn a_v2_header_is_read() {
        // type 3, uncompressed 20, compressed 10, crc 5, then field 8 with seven fields.
        let mut bytes = [int(3), int(20), int(10), int(5)].concat();
        bytes.push(0x4c);
        bytes.extend([int(9), int(2), int(7), int(8), int(1), int(0)].concat());
        bytes.extend([0x12, 0x00, 0x00]);
        let (header, len) = Header::read(&[&bytes[..], &[0xff]].concat()).unwrap();
        assert_eq!(len, bytes.len());
        let content = Content::DataV2 {
            slots: 9,
            encoding: Encoding::Dictionary,
            nulls: 2,
            definition_bytes: 1,
            repetition_bytes: 0,
            compressed: false,
        };
        assert_eq!(header, Header { content, uncompressed: 20, compressed: 10, crc: Some(5) });
    }

    #[test]
    fn a_header_without_a_required_field_is_refused() {
        let bytes = [&int(2)[..], &int(20), &int(10), &[0x4c], &int(9), &[0x00], &[0x00]].concat();
        assert_eq!(Header::read(&bytes).unwrap_err(), corrupt("page header without encoding"));
    }
}
