//! What one label has: rows of each meaning, and soft or weighted sums of them.

use std::ops::Neg;

use super::labels::NameOrder;

/// The meaning of one cell of the target tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cell {
    /// Unknown: NULL, NaN, or a value declared missing.
    Missing,
    /// The label does not apply.
    Negative,
    /// A value declared uncertain.
    Uncertain,
    /// The label applies.
    Positive,
    /// A value without a declared meaning.
    Invalid,
}

/// How many rows of one label have each of the five meanings. Unit: rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Rows where the label applies.
    pub positives: u64,
    /// Rows where the label does not apply.
    pub negatives: u64,
    /// Rows whose value was declared uncertain.
    pub uncertain: u64,
    /// Rows that are missing for the label.
    pub missing: u64,
    /// Rows whose value has no declared meaning.
    pub invalid: u64,
}

impl Tally {
    /// Known rows: positives + negatives.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.positives.saturating_add(self.negatives)
    }

    /// All rows, or `None` on overflow.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.positives
            .checked_add(self.negatives)?
            .checked_add(self.uncertain)?
            .checked_add(self.missing)?
            .checked_add(self.invalid)
    }

    /// Adds `rows` rows with the meaning `cell`.
    pub fn add(&mut self, cell: Cell, rows: u64) {
        let side = match cell {
            Cell::Positive => &mut self.positives,
            Cell::Negative => &mut self.negatives,
            Cell::Uncertain => &mut self.uncertain,
            Cell::Missing => &mut self.missing,
            Cell::Invalid => &mut self.invalid,
        };
        *side = side.saturating_add(rows);
    }

    /// The sum of two tallies of one label, or `None` on overflow.
    #[must_use]
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        Some(Self {
            positives: self.positives.checked_add(other.positives)?,
            negatives: self.negatives.checked_add(other.negatives)?,
            uncertain: self.uncertain.checked_add(other.uncertain)?,
            missing: self.missing.checked_add(other.missing)?,
            invalid: self.invalid.checked_add(other.invalid)?,
        })
    }
}

/// A soft or weighted count: a decimal with 18 places, added exactly.
///
/// Floating-point sums depend on their order, and so on threads and shards. A value is rounded once,
/// to 10⁻¹⁸, when it becomes a `Mass`; from then on every sum is exact, and it is rounded once more, to the
/// nearest double, when it is shown. Range: ±1.7·10²⁰.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mass(i128);

impl Mass {
    /// Units of a mass of 1.
    const UNITS: u128 = 1_000_000_000_000_000_000;
    /// Largest value that `from_f64` accepts: a larger single cell is an error in the data.
    const MAX: f64 = 1e15;

    /// No mass.
    pub const ZERO: Self = Self(0);

    /// Rounds a finite number of at most ±10¹⁵ to 18 decimal places, half away from 0; `None` for anything else.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() || value.abs() > Self::MAX {
            return None;
        }
        // The value is mantissa · 2^(exponent − 1075).
        let bits = value.abs().to_bits();
        let (exponent, fraction) = (bits >> 52, bits & ((1 << 52) - 1));
        let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
        // At least 3: the largest value is below 2^50.
        let shift = 1075 - exponent.max(1);
        let scaled = u128::from(mantissa) * Self::UNITS;
        let units = if shift < 128 { (scaled + (1 << (shift - 1))) >> shift } else { 0 };
        let units = units.cast_signed();
        Some(Self(if value.is_sign_negative() { -units } else { units }))
    }

    /// The units of a number from 0 to 1, as [`Mass::from_f64`] rounds it.
    #[must_use]
    pub fn units_of_part(part: f64) -> u64 {
        let bits = part.to_bits();
        let (exponent, fraction) = (bits >> 52 & 0x7ff, bits & ((1 << 52) - 1));
        let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
        // From 51 on, because a part is below 2. What is shifted out wholly is below half a unit.
        let shift = 1074_u64.saturating_sub(exponent.max(1)).min(127);
        let doubled = (u128::from(mantissa) * Self::UNITS) >> shift;
        #[expect(clippy::cast_possible_truncation, reason = "at most twice the units of 1")]
        let doubled = doubled as u64;
        (doubled + 1) >> 1
    }

    /// The whole number `rows` as a mass.
    #[must_use]
    pub fn from_rows(rows: u64) -> Self {
        Self((u128::from(rows) * Self::UNITS).cast_signed())
    }

    /// From units of 10⁻¹⁸, as files store it.
    #[must_use]
    pub fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// In units of 10⁻¹⁸, as files store it.
    #[must_use]
    pub fn units(self) -> i128 {
        self.0
    }

    /// The nearest double.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        // As many bits as fit, so that the quotient has more than a double holds; the last one says that there is a rest.
        let units = self.0.unsigned_abs();
        let shift = units.leading_zeros() % 128;
        let (quotient, rest) = ((units << shift) / Self::UNITS, (units << shift) % Self::UNITS);
        #[expect(clippy::cast_precision_loss, reason = "the one place where a mass becomes a double")]
        let rounded = (quotient | u128::from(rest > 0)) as f64;
        let value = rounded * f64::from(shift).neg().exp2();
        if self.0 < 0 { -value } else { value }
    }

    /// Exact sum, or `None` on overflow.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

/// Soft or weighted positives and negatives of one label: Σw·t and Σw·(1−t) over its known rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MassTally {
    /// Σw·t.
    pub positives: Mass,
    /// Σw·(1−t).
    pub negatives: Mass,
}

impl MassTally {
    /// Exact sum, or `None` on overflow.
    #[must_use]
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        Some(Self {
            positives: self.positives.checked_add(other.positives)?,
            negatives: self.negatives.checked_add(other.negatives)?,
        })
    }
}

/// The tally of a label that no row lists: negative, except in rows that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unlisted {
    /// All rows.
    pub tally: Tally,
    /// The soft or weighted tally, if there is one.
    pub mass: MassTally,
    /// The order of the labels that were found.
    pub order: NameOrder,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sums_of_halves_are_exact() {
        let mut sum = Mass::ZERO;
        for step in 1..=4000_u32 {
            sum = sum.checked_add(Mass::from_f64(f64::from(step) / 2.0).unwrap()).unwrap();
        }
        assert_eq!(sum.to_f64(), 4_001_000.0);
        let more = Mass::from_f64(872_947.5).unwrap();
        assert_eq!((more.units(), more.to_f64()), (872_947_500_000_000_000_000_000, 872_947.5));
        assert_eq!(Mass::from_f64(-0.5).unwrap().units(), -500_000_000_000_000_000);
        assert_eq!(
            (Mass::ZERO.to_f64(), Mass::from_rows(u64::MAX).to_f64()),
            (0.0, 18_446_744_073_709_551_616.0)
        );
        assert_eq!(Mass::from_f64(5e-324), Some(Mass::ZERO));
        assert_eq!(Mass::from_f64(1e-18).unwrap().units(), 1);
        assert!([f64::NAN, f64::INFINITY, 1.1e15].into_iter().all(|value| Mass::from_f64(value).is_none()));
    }

    proptest! {
        #[test]
        fn parts_are_rounded_like_all_masses(value in 0.0..=1.0_f64, small in 0..1080_i32) {
            for part in [value, value * 2_f64.powi(-small), 1.0 - value, (value * 16_777_216.0).floor() / 16_777_216.0] {
                prop_assert_eq!(i128::from(Mass::units_of_part(part)), Mass::from_f64(part).unwrap().units());
            }
        }

        #[test]
        fn a_mass_becomes_the_nearest_double(units in any::<i128>(), shift in 0..127_u32) {
            let units = units >> shift;
            // Decimals are read to the nearest double.
            let (whole, rest) = (units.unsigned_abs() / Mass::UNITS, units.unsigned_abs() % Mass::UNITS);
            let text = format!("{}{whole}.{rest:018}", if units < 0 { "-" } else { "" });
            prop_assert_eq!(Mass::from_units(units).to_f64(), text.parse::<f64>().unwrap());
        }

        #[test]
        fn a_double_becomes_the_nearest_mass(value in -1e15..1e15_f64, small in 0..60_i32) {
            let value = value * 2_f64.powi(-small);
            // Exact decimals of the double, rounded half away from 0 by their first digit left out.
            let text = format!("{:.60}", value.abs());
            let (whole, rest) = text.split_once('.').unwrap();
            let units: i128 = format!("{whole}{}", &rest[..18]).parse().unwrap();
            let units = units + i128::from(rest.as_bytes()[18] >= b'5');
            prop_assert_eq!(Mass::from_f64(value).unwrap().units(), if value < 0.0 { -units } else { units });
        }
    }
}
