//! Parts of a page, each checked against the bytes there are.

use crate::pages::outcome::{Step, corrupt};

/// Bytes behind their length of four bytes.
pub(crate) fn prefixed(bytes: &[u8]) -> Step<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>().ok_or_else(|| corrupt("a length is cut off"))?;
    let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| corrupt("a length beyond memory"))?;
    split(rest, len)
}

pub(crate) fn split(bytes: &[u8], len: usize) -> Step<(&[u8], &[u8])> {
    bytes
        .split_at_checked(len)
        .ok_or_else(|| corrupt(format!("{len} bytes claimed where {} are left", bytes.len())))
}
