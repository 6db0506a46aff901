//! Thrift's compact protocol, read without trust: whatever a length claims must lie within the bytes.
//!
//! The Parquet crate keeps its Thrift reader private (`parquet_thrift`, 59.3), and reserves memory for as
//! many elements as a list claims.

use integer_encoding::VarInt;

use crate::pages::outcome::{Step, corrupt};

pub(crate) const I32: u8 = 5;
pub(crate) const I64: u8 = 6;
pub(crate) const BINARY: u8 = 8;
pub(crate) const LIST: u8 = 9;
pub(crate) const STRUCT: u8 = 12;

/// Structs and lists inside each other; Parquet's own need fewer than ten.
const DEPTH: u8 = 64;

/// A position in Thrift bytes.
#[derive(Debug)]
pub(super) struct ThriftCursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The head of a struct's field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(crate) id: i16,
    pub(crate) kind: u8,
}

impl<'a> ThriftCursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn byte(&mut self) -> Step<u8> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| corrupt("Thrift ends early"))?;
        self.at += 1;
        Ok(byte)
    }

    fn advance(&mut self, len: u64) -> Step<()> {
        match usize::try_from(len) {
            Ok(len) if len <= self.left() => {
                self.at += len;
                Ok(())
            }
            _ => Err(corrupt(format!("Thrift claims {len} bytes where {} are left", self.left()))),
        }
    }

    #[cold]
    fn number<V: VarInt>(&mut self) -> Step<V> {
        let number = V::decode_var(&self.bytes[self.at..]);
        let (number, len) = number.ok_or_else(|| corrupt("a Thrift number is cut off or too long"))?;
        self.at += len;
        Ok(number)
    }

    #[inline]
    fn varint(&mut self) -> Step<u64> {
        // Most numbers of a footer have one byte.
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.number(),
        }
    }

    #[inline]
    fn zigzag(&mut self) -> Step<i64> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1))
            }
            _ => self.number(),
        }
    }

    /// The integer of a field of kind [`I32`].
    pub(crate) fn int(&mut self, field: Field) -> Step<i32> {
        if field.kind != I32 {
            return Err(corrupt(format!("Thrift field {} is of kind {}, not i32", field.id, field.kind)));
        }
        i32::try_from(self.zigzag()?).map_err(|_| corrupt("a Thrift i32 beyond its range"))
    }

    /// The value of a field of kind [`I64`].
    pub(crate) fn long(&mut self) -> Step<i64> {
        self.zigzag()
    }

    /// A size: an integer that may not be negative.
    pub(crate) fn size(&mut self, field: Field) -> Step<usize> {
        let size = self.int(field)?;
        usize::try_from(size).map_err(|_| corrupt(format!("a negative size, {size}")))
    }

    /// The next field of the struct, whose last field was `last`; `None` at its end.
    pub(crate) fn field(&mut self, last: i16) -> Step<Option<Field>> {
        let head = self.byte()?;
        let kind = head & 0x0f;
        if kind == 0 {
            return Ok(None);
        }
        let id = match head >> 4 {
            0 => i16::try_from(self.zigzag()?).ok(),
            delta => last.checked_add(i16::from(delta)),
        };
        id.map(|id| Some(Field { id, kind })).ok_or_else(|| corrupt("a Thrift field number beyond i16"))
    }

    /// Element count and kind of a list. Every element takes at least one byte.
    pub(crate) fn list(&mut self) -> Step<(usize, u8)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        match usize::try_from(count) {
            Ok(count) if count <= self.left() => Ok((count, head & 0x0f)),
            _ => Err(corrupt(format!("a list claims {count} elements where {} bytes are left", self.left()))),
        }
    }

    /// A string of bytes.
    pub(crate) fn binary(&mut self) -> Step<&'a [u8]> {
        let len = self.varint()?;
        let start = self.at;
        self.advance(len)?;
        Ok(&self.bytes[start..self.at])
    }

    /// A boolean that is an element of a list: true is 1, false 2 or in some writers 0.
    pub(super) fn flag(&mut self) -> Step<bool> {
        match self.byte()? {
            1 => Ok(true),
            0 | 2 => Ok(false),
            other => Err(corrupt(format!("{other} is no Thrift boolean"))),
        }
    }

    /// Steps over a field.
    pub(crate) fn skip(&mut self, field: Field) -> Step<()> {
        match field.kind {
            // A boolean field has its value in its head.
            1 | 2 => Ok(()),
            kind => self.skip_value(kind, DEPTH),
        }
    }

    /// Steps over a list's elements, `depth` levels from the deepest allowed.
    fn skip_value(&mut self, kind: u8, depth: u8) -> Step<()> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(corrupt(format!("Thrift nested deeper than {DEPTH} levels")));
        };
        match kind {
            1..=3 => self.advance(1),
            4..=6 => self.varint().map(drop),
            7 => self.advance(8),
            BINARY => self.binary().map(drop),
            LIST | 10 => {
                let (count, kind) = self.list()?;
                (0..count).try_for_each(|_| self.skip_value(kind, depth))
            }
            11 => self.skip_map(depth),
            STRUCT => {
                while let Some(field) = self.field(0)? {
                    if field.kind > 2 {
                        self.skip_value(field.kind, depth)?;
                    }
                }
                Ok(())
            }
            13 => self.advance(16),
            _ => Err(corrupt(format!("there is no Thrift kind {kind}"))),
        }
    }

    fn skip_map(&mut self, depth: u8) -> Step<()> {
        let count = self.varint()?;
        if count == 0 {
            return Ok(());
        }
        let kinds = self.byte()?;
        if count > self.left() as u64 / 2 {
            return Err(corrupt(format!(
                "a map claims {count} entries where {} bytes are left",
                self.left()
            )));
        }
        for _ in 0..count {
            self.skip_value(kinds >> 4, depth)?;
            self.skip_value(kinds & 0x0f, depth)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_where_they_should() {
        assert_eq!(ThriftCursor::new(&[0xac, 0x02]).varint().unwrap(), 300);
        assert_eq!(ThriftCursor::new(&[0x03]).zigzag().unwrap(), -2);
        assert!(ThriftCursor::new(&[0x80]).varint().is_err());
        assert!(ThriftCursor::new(&[0xff; 11]).varint().is_err());
    }

    #[test]
    fn a_field_number_is_a_step_or_written_out() {
        assert_eq!(ThriftCursor::new(&[0x25]).field(3).unwrap(), Some(Field { id: 5, kind: I32 }));
        assert_eq!(ThriftCursor::new(&[0x05, 0x28]).field(3).unwrap(), Some(Field { id: 20, kind: I32 }));
        assert_eq!(ThriftCursor::new(&[0x00]).field(3).unwrap(), None);
        assert!(ThriftCursor::new(&[0x15]).field(i16::MAX).is_err());
    }

    #[test]
    fn a_skipped_value_ends_at_its_own_end() {
        // A map of one string to a list of two doubles, then a byte that is not part of it.
        let mut bytes = vec![1, 0x89, 2, b'h', b'i', 0x27];
        bytes.extend([0; 16]);
        bytes.push(7);
        let mut cursor = ThriftCursor::new(&bytes);
        cursor.skip(Field { id: 1, kind: 11 }).unwrap();
        assert_eq!(cursor.byte().unwrap(), 7);
    }
}
