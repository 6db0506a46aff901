//! Avro files as the reader of Arrow takes them, and whole: it stops without a word where a file is cut. It also has
//! no records without fields, which is what partitions of tables without partitions are. They take no bytes, so that
//! a schema without them fits the same rows.
//!
//! ```text
//! Obj 1 │ metadata │ sync (16) │ rows (count), bytes (count), data, sync │ … │ end of file
//! ```

use bytes::Bytes;
use serde_json::Value as Json;

const MAGIC: &[u8] = b"Obj\x01";
const SCHEMA: &[u8] = b"avro.schema";
const SYNC: usize = 16;

/// The file with a schema that has no record without fields, and how many rows it has; `None` for a file that is
/// cut, or none of Avro.
pub(super) fn whole(bytes: &Bytes) -> Option<(Bytes, u64)> {
    let (header, is_changed, after) = header(bytes)?;
    let mut cursor = after;
    let sync = take(&mut cursor, SYNC)?;
    let mut rows = 0;
    while !cursor.is_empty() {
        rows += u64::try_from(long(&mut cursor)?).ok()?;
        let size = usize::try_from(long(&mut cursor)?).ok()?;
        take(&mut cursor, size)?;
        if take(&mut cursor, SYNC)? != sync {
            return None;
        }
    }
    let same = if is_changed { [&header[..], after].concat().into() } else { bytes.clone() };
    Some((same, rows))
}

/// The header up to its sync, whether that changed it, and what comes after it.
fn header(bytes: &[u8]) -> Option<(Vec<u8>, bool, &[u8])> {
    let mut cursor = bytes.strip_prefix(MAGIC)?;
    let mut header = MAGIC.to_vec();
    let mut is_changed = false;
    loop {
        let entries = long(&mut cursor)?;
        if entries < 0 {
            long(&mut cursor)?;
        }
        if entries == 0 {
            break;
        }
        put_long(&mut header, entries.checked_abs()?);
        for _ in 0..entries.unsigned_abs() {
            let (key, mut value) = (text(&mut cursor)?, text(&mut cursor)?.to_vec());
            if key == SCHEMA {
                let mut schema: Json = serde_json::from_slice(&value).ok()?;
                is_changed = cleared(&mut schema);
                value = serde_json::to_vec(&schema).ok()?;
            }
            for part in [key, &value] {
                put_long(&mut header, i64::try_from(part.len()).ok()?);
                header.extend(part);
            }
        }
    }
    put_long(&mut header, 0);
    Some((header, is_changed, cursor))
}

/// Takes fields that are records without fields out of a schema; whether there was one.
fn cleared(schema: &mut Json) -> bool {
    let is_empty = |field: &Json| {
        let of = field.get("type");
        let kind = of.and_then(|of| of.get("type")).and_then(Json::as_str);
        let fields = of.and_then(|of| of.get("fields")).and_then(Json::as_array);
        kind == Some("record") && fields.is_some_and(Vec::is_empty)
    };
    match schema {
        Json::Array(all) => all.iter_mut().fold(false, |changed, one| cleared(one) | changed),
        Json::Object(object) => {
            let mut is_changed = false;
            if let Some(Json::Array(fields)) = object.get_mut("fields") {
                let before = fields.len();
                fields.retain(|field| !is_empty(field));
                is_changed = fields.len() < before;
            }
            object.values_mut().fold(is_changed, |changed, one| cleared(one) | changed)
        }
        _ => false,
    }
}

fn long(cursor: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = cursor.split_first()?;
        *cursor = rest;
        value |= u64::from(first & 127) << shift;
        if first & 128 == 0 {
            return Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    None
}

fn text<'b>(cursor: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(long(cursor)?).ok()?;
    take(cursor, length)
}

fn take<'b>(cursor: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, rest) = cursor.split_at_checked(length)?;
    *cursor = rest;
    Some(taken)
}

fn put_long(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = (value << 1 ^ value >> 63).cast_unsigned();
    loop {
        let low = u8::try_from(rest & 127).unwrap_or(0);
        rest >>= 7;
        bytes.push(if rest > 0 { low | 128 } else { low });
        if rest == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for value in [0, 1, -1, 63, 64, -65, 300, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_long(&mut bytes, value);
            assert_eq!(long(&mut &bytes[..]), Some(value));
        }
        assert_eq!(long(&mut &[128, 128][..]), None);
    }
}
