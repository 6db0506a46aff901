//! What one label has: rows of each meaning, and soft or weighted sums of them.

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
/// to 10⁻¹⁸, when it becomes a `Mass`; from then on every sum is exact. Range: ±1.7·10²⁰.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mass(i128);

impl Mass {
    const UNITS: f64 = 1e18;
    /// Largest value that `from_f64` accepts: a larger single cell is an error in the data.
    const MAX: f64 = 1e15;

    /// No mass.
    pub const ZERO: Self = Self(0);

    /// Rounds a finite number of at most ±10¹⁵ to 18 decimal places; `None` for anything else.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() || value.abs() > Self::MAX {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "bounded by MAX just above")]
        Some(Self((value * Self::UNITS).round() as i128))
    }

    /// The whole number `rows` as a mass.
    #[must_use]
    pub fn from_rows(rows: u64) -> Self {
        Self(i128::from(rows) * 1_000_000_000_000_000_000)
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
        #[expect(clippy::cast_precision_loss, reason = "the one place where a mass becomes a double")]
        let units = self.0 as f64;
        units / Self::UNITS
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
