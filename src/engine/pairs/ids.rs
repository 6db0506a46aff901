//! Row ids of any type as 128 bits.
//!
//! Integers, and strings and binaries of up to 15 bytes, are themselves. Longer ones are 120 bits of
//! SipHash-1-3: two of n different ids are taken for one with a probability below n² / 2¹²¹, which is
//! 4·10⁻²¹ for a hundred million.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, UInt64Type};
use siphasher::sip128::SipHasher13;

use crate::error::{Error, Result};

/// True when ids of this type have at most 64 bits.
pub(crate) fn are_narrow(data_type: &DataType) -> bool {
    data_type.is_integer() || *data_type == DataType::Null
}

/// An id as data has it; `None` for one that is known by its hash alone.
pub(super) fn shown(id: u128, data_type: &DataType) -> Option<String> {
    let bytes = id.to_le_bytes();
    let narrow = u64::try_from(id).unwrap_or(0);
    match data_type {
        DataType::UInt64 => Some(narrow.to_string()),
        other if other.is_integer() => Some(narrow.cast_signed().to_string()),
        _ => {
            let short = bytes.get(..usize::from(bytes[15]).min(16)).filter(|short| short.len() < 16)?;
            Some(format!("{:?}", String::from_utf8_lossy(short)))
        }
    }
}

/// The id of every row; `None` when one is NULL.
pub(super) fn ids(array: &ArrayRef) -> Result<Option<Vec<u128>>> {
    if array.null_count() > 0 || *array.data_type() == DataType::Null && !array.is_empty() {
        return Ok(None);
    }
    let internal = |cause: arrow::error::ArrowError| Error::internal(cause.to_string());
    let ids = match array.data_type() {
        DataType::Null => Vec::new(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().values().iter().map(|&id| id.into()).collect(),
        other if other.is_integer() => {
            let array = cast(array, &DataType::Int64).map_err(internal)?;
            let ids = array.as_primitive::<Int64Type>().values();
            ids.iter().map(|id| u128::from(id.cast_unsigned())).collect()
        }
        DataType::Utf8View => {
            array.as_string_view().iter().flatten().map(|id| bytes(id.as_bytes())).collect()
        }
        DataType::BinaryView => array.as_binary_view().iter().flatten().map(bytes).collect(),
        DataType::FixedSizeBinary(_) => array.as_fixed_size_binary().iter().flatten().map(bytes).collect(),
        other => return Err(Error::internal(format!("row ids of type {other} reached the counter"))),
    };
    Ok(Some(ids))
}

/// The bytes of every row; `None` for rows that are no texts.
pub(super) fn texts(array: &ArrayRef) -> Box<dyn Iterator<Item = Option<&[u8]>> + '_> {
    match array.data_type() {
        DataType::Utf8View => Box::new(array.as_string_view().iter().map(|id| id.map(str::as_bytes))),
        DataType::BinaryView => Box::new(array.as_binary_view().iter()),
        _ => Box::new(std::iter::repeat_n(None, array.len())),
    }
}

/// The last byte is the length of a short id, 255 for a long one.
pub(in crate::engine) fn bytes(id: &[u8]) -> u128 {
    let mut word = [0; 16];
    if let Some(short) = word[..15].get_mut(..id.len()) {
        short.copy_from_slice(id);
        word[15] = u8::try_from(id.len()).unwrap_or(u8::MAX);
        return u128::from_le_bytes(word);
    }
    let hash = SipHasher13::new().hash(id).as_u128();
    hash | u128::from(u8::MAX) << 120
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringViewArray};

    use super::*;

    #[test]
    fn different_ids_stay_different() {
        let texts: Vec<String> =
            (0..40).map(|n| "\0".repeat(n)).chain((0..40).map(|n| "a".repeat(n))).collect();
        let array: ArrayRef = Arc::new(StringViewArray::from_iter_values(&texts));
        let found: HashSet<u128> = ids(&array).unwrap().unwrap().into_iter().collect();
        // The empty id is in both halves.
        assert_eq!(found.len(), 79);
        let array: ArrayRef = Arc::new(Int64Array::from(vec![-1, 0, i64::MIN, i64::MAX, -1]));
        let found: HashSet<u128> = ids(&array).unwrap().unwrap().into_iter().collect();
        assert_eq!(found.len(), 4);
        assert_eq!(shown(u128::from((-7_i64).cast_unsigned()), &DataType::Int32).as_deref(), Some("-7"));
        assert_eq!(shown(u128::from(u64::MAX), &DataType::UInt64), Some(u64::MAX.to_string()));
        assert_eq!(shown(bytes(b"img-7"), &DataType::Utf8View).as_deref(), Some("\"img-7\""));
        assert_eq!(shown(bytes(&[b'x'; 40]), &DataType::Utf8View), None);
        let array: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        assert_eq!(ids(&array).unwrap(), None);
    }
}
