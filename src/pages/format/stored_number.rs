//! Numbers in types that are compared many at a time.

use super::leaf::{LeafColumn, Physical, RawValue};
use super::number::big_endian;
use crate::counts::Mass;
use crate::pages::value::StoredValue;

/// A number as a column stores it: a float, or an integer, which for decimals has no point.
pub(crate) trait StoredNumber: Copy + PartialOrd + Default {
    /// Reads as many numbers as `out` has room for from plain `bytes`, which hold at least as many; false where one
    /// does not fit.
    fn read(leaf: LeafColumn, bytes: &[u8], out: &mut [Self]) -> bool;

    /// What it says.
    fn value(self, leaf: LeafColumn) -> StoredValue<'static>;

    /// The least number that is at least `bound`; `None` where there is none.
    fn first_from(leaf: LeafColumn, bound: f64) -> Option<Self>;

    /// The next number below.
    fn below(self) -> Self;

    /// A number from 0 to 1 in units of [`Mass`]; `one` is how 1 is stored.
    fn units(self, one: f64) -> u64;

    fn is_nan(self) -> bool {
        false
    }
}

/// The number that a value is; NaN for a text.
pub(crate) fn number(value: StoredValue<'_>) -> f64 {
    match value {
        StoredValue::Bool(bit) => f64::from(u8::from(bit)),
        StoredValue::Int(int) => int as f64,
        StoredValue::UInt(int) => int as f64,
        StoredValue::Float(x) | StoredValue::Half(x) => x,
        StoredValue::Text(_) => f64::NAN,
    }
}

/// Writes what `load` makes of each stored number.
fn load<const SIZE: usize, N>(bytes: &[u8], out: &mut [N], load: impl Fn([u8; SIZE]) -> N) {
    for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<SIZE>().0) {
        *out = load(*bytes);
    }
}

/// A float of 16 bits; all are floats of 32 bits too.
fn half(bytes: [u8; 2]) -> f32 {
    let bits = u32::from(u16::from_le_bytes(bytes));
    // The exponent moves to its place and is then 112 too low; infinity and NaN have the highest there is.
    let moved = f32::from_bits((bits & 0x7fff) << 13) * f32::from_bits((127 + 112) << 23);
    let highest = if bits & 0x7c00 == 0x7c00 { 0xff << 23 } else { 0 };
    f32::from_bits(moved.to_bits() | highest | (bits & 0x8000) << 16)
}

impl StoredNumber for f32 {
    fn read(leaf: LeafColumn, bytes: &[u8], out: &mut [Self]) -> bool {
        match leaf.physical {
            Physical::Fixed(_) => load(bytes, out, half),
            _ => load(bytes, out, Self::from_le_bytes),
        }
        true
    }

    fn value(self, leaf: LeafColumn) -> StoredValue<'static> {
        match leaf.physical {
            Physical::Fixed(_) => StoredValue::Half(self.into()),
            _ => StoredValue::Float(self.into()),
        }
    }

    fn first_from(_: LeafColumn, bound: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "the nearest one, or its neighbour")]
        let near = bound as Self;
        Some(if f64::from(near) < bound { near.next_up() } else { near })
    }

    fn below(self) -> Self {
        self.next_down()
    }

    fn units(self, _: f64) -> u64 {
        Mass::units_of_part(self.into())
    }

    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

impl StoredNumber for f64 {
    fn read(_: LeafColumn, bytes: &[u8], out: &mut [Self]) -> bool {
        load(bytes, out, Self::from_le_bytes);
        true
    }

    fn value(self, _: LeafColumn) -> StoredValue<'static> {
        StoredValue::Float(self)
    }

    fn first_from(_: LeafColumn, bound: f64) -> Option<Self> {
        Some(bound)
    }

    fn below(self) -> Self {
        self.next_down()
    }

    fn units(self, _: f64) -> u64 {
        Mass::units_of_part(self)
    }

    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

impl StoredNumber for i32 {
    fn read(_: LeafColumn, bytes: &[u8], out: &mut [Self]) -> bool {
        load(bytes, out, Self::from_le_bytes);
        true
    }

    fn value(self, leaf: LeafColumn) -> StoredValue<'static> {
        leaf.value(RawValue::Word(self.cast_unsigned().into()))
    }

    fn first_from(leaf: LeafColumn, bound: f64) -> Option<Self> {
        let (mut low, mut high) = (i64::from(Self::MIN), i64::from(Self::MAX) + 1);
        let at = |integer: i64| Self::try_from(integer).map_or(f64::NAN, |int| number(int.value(leaf)));
        while low < high {
            let middle = (low + high).div_euclid(2);
            if at(middle) >= bound { high = middle } else { low = middle + 1 }
        }
        Self::try_from(low).ok()
    }

    fn below(self) -> Self {
        self.saturating_sub(1)
    }

    fn units(self, one: f64) -> u64 {
        Mass::units_of_part(f64::from(self) / one)
    }
}

impl StoredNumber for i64 {
    fn read(leaf: LeafColumn, bytes: &[u8], out: &mut [Self]) -> bool {
        match leaf.physical {
            Physical::Word4 => load(bytes, out, |bytes| Self::from(u32::from_le_bytes(bytes))),
            Physical::Fixed(size) => {
                for (out, bytes) in out.iter_mut().zip(bytes.chunks_exact(size)) {
                    let Ok(integer) = Self::try_from(big_endian(bytes)) else { return false };
                    *out = integer;
                }
            }
            _ => {
                load(bytes, out, Self::from_le_bytes);
                return !leaf.is_unsigned() || out.iter().all(|integer| *integer >= 0);
            }
        }
        true
    }

    fn value(self, leaf: LeafColumn) -> StoredValue<'static> {
        leaf.value(RawValue::Word(self.cast_unsigned()))
    }

    fn first_from(leaf: LeafColumn, bound: f64) -> Option<Self> {
        let (mut low, mut high) = (i128::from(if leaf.is_unsigned() { 0 } else { Self::MIN }), 1_i128 << 63);
        let at = |integer: i128| Self::try_from(integer).map_or(f64::NAN, |int| number(int.value(leaf)));
        while low < high {
            let middle = (low + high).div_euclid(2);
            if at(middle) >= bound { high = middle } else { low = middle + 1 }
        }
        Self::try_from(low).ok()
    }

    fn below(self) -> Self {
        self.saturating_sub(1)
    }

    fn units(self, one: f64) -> u64 {
        Mass::units_of_part(self as f64 / one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_halves_are_read() {
        for bits in 0..=u16::MAX {
            let (found, expected) = (half(bits.to_le_bytes()), half::f16::from_bits(bits).to_f32());
            assert!(
                found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
                "{bits:#x}"
            );
        }
    }
}
