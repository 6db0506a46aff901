//! Numbers of variable length: seven bits per byte, the lowest first. Small numbers, which are most, take one byte.

/// Appends a number.
pub(in crate::engine) fn put(bytes: &mut Vec<u8>, number: impl Into<u128>) {
    let mut number: u128 = number.into();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// Takes a number off the front of `bytes`; `None` when there is none, or when it does not fit `T`.
pub(in crate::engine) fn take<T: TryFrom<u128>>(bytes: &mut &[u8]) -> Option<T> {
    let mut number = 0_u128;
    for shift in (0..128).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u128::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return T::try_from(number).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_in_order() {
        let numbers = [0, 1, 127, 128, 1 << 21, u128::from(u64::MAX), u128::MAX];
        let mut bytes = Vec::new();
        numbers.iter().for_each(|number| put(&mut bytes, *number));
        let mut rest = &bytes[..];
        for number in numbers {
            assert_eq!(take::<u128>(&mut rest), Some(number));
        }
        assert_eq!((take::<u128>(&mut rest), rest), (None, &[][..]));
    }

    #[test]
    fn numbers_that_do_not_fit_or_do_not_end_are_none() {
        let mut bytes = Vec::new();
        put(&mut bytes, 1_u64 << 32);
        assert_eq!(take::<u32>(&mut &bytes[..]), None);
        assert_eq!(take::<u64>(&mut &bytes[..]), Some(1 << 32));
        assert_eq!(take::<u64>(&mut &bytes[..2]), None);
        assert_eq!(take::<u128>(&mut &[0xff; 20][..]), None);
    }
}
