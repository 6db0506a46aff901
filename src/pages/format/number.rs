//! Decimals, which are stored as an integer and a scale.
//!
//! The Parquet crate gives the bytes of a decimal and leaves their meaning to the Arrow reader.

use crate::pages::value::StoredValue;

/// Digits of the largest decimal read here: those of 128 bits.
pub(super) const DIGITS_MAX: u32 = 38;

/// A decimal as an integer where it has no fraction.
pub(crate) fn decimal(units: i128, scale: u32) -> StoredValue<'static> {
    let one = 10_i128.pow(scale.min(DIGITS_MAX));
    match i64::try_from(units / one) {
        Ok(whole) if units % one == 0 => StoredValue::Int(whole),
        _ => StoredValue::Float(units as f64 / one as f64),
    }
}

/// Two's complement, most significant byte first; a number beyond 128 bits is the largest there is.
pub(super) fn big_endian(bytes: &[u8]) -> i128 {
    let negative = bytes.first().is_some_and(|first| first.leading_ones() > 0);
    let fill = if negative { 0xff } else { 0 };
    let (beyond, kept) = bytes.split_at(bytes.len().saturating_sub(16));
    let mut padded = [fill; 16];
    padded[16 - kept.len()..].copy_from_slice(kept);
    let value = i128::from_be_bytes(padded);
    if beyond.iter().all(|byte| *byte == fill) && (value < 0) == negative {
        value
    } else if negative {
        i128::MIN
    } else {
        i128::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_integers_where_they_can_be() {
        for (units, scale, value) in [
            (300, 2, StoredValue::Int(3)),
            (-50, 2, StoredValue::Float(-0.5)),
            (7, 0, StoredValue::Int(7)),
            (i128::from(i64::MAX) + 1, 0, StoredValue::Float(i64::MAX as f64)),
            (10_i128.pow(38), 38, StoredValue::Int(1)),
        ] {
            assert_eq!(decimal(units, scale), value);
        }
    }

    #[test]
    fn bytes_of_any_length_are_read_from_their_end() {
        let beyond = [&[1][..], &[0; 16]].concat();
        for (bytes, value) in [
            (&[][..], 0),
            (&[10], 10),
            (&[0xf6], -10),
            (&[0, 0xf6], 246),
            (&[0xff; 20], -1),
            (&beyond, i128::MAX),
            (&[0x80; 17], i128::MIN),
        ] {
            assert_eq!(big_endian(bytes), value, "{bytes:?}");
        }
    }
}
