//! The weights of a batch of rows, each turned into a mass once.

use arrow::array::ArrayRef;

use crate::counts::Mass;
use crate::engine::read::weights::{mass, mass_overflow, weights};
use crate::error::Result;

/// Weights of rows.
#[derive(Debug, Clone)]
pub(crate) struct BatchWeights {
    values: Vec<f64>,
    masses: Vec<Mass>,
    /// Of all rows together.
    pub(super) sum: Mass,
}

impl BatchWeights {
    /// Of the column `name` of doubles.
    ///
    /// # Errors
    /// As [`weights`].
    pub(crate) fn of(name: &str, array: &ArrayRef) -> Result<Self> {
        let values = weights(name, array)?.values().to_vec();
        let masses = values.iter().map(|value| mass(*value)).collect::<Result<Vec<Mass>>>()?;
        let sum = masses.iter().try_fold(Mass::ZERO, |sum, mass| sum.checked_add(*mass));
        Ok(Self { values, masses, sum: sum.ok_or_else(mass_overflow)? })
    }

    /// The weight of a row.
    pub(super) fn value(&self, row: usize) -> f64 {
        self.values[row]
    }

    /// The same as a mass.
    pub(super) fn mass(&self, row: usize) -> Mass {
        self.masses[row]
    }

    /// What `rows` weigh together.
    pub(super) fn sum_of(&self, rows: impl Iterator<Item = usize>) -> Result<Mass> {
        let mut rows = rows;
        let sum = rows.try_fold(Mass::ZERO, |sum, row| sum.checked_add(self.masses[row]));
        sum.ok_or_else(mass_overflow)
    }
}

/// The weight of a row as a mass, 1 where rows have none.
pub(super) fn mass_of(weights: Option<&BatchWeights>, row: usize) -> Mass {
    weights.map_or(Mass::from_rows(1), |weights| weights.mass(row))
}
