//! What is found at each position of a column of lists.

use crate::counts::{Cell, Tally};
use crate::pages::value::StoredValue;

/// What the rows of a vector column say, beside the tallies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VectorCount {
    /// All rows.
    pub rows: u64,
    /// Rows whose list is NULL: missing at every position.
    pub null_rows: u64,
    /// Rows whose list is shorter or longer: invalid at every position.
    pub wrong_rows: u64,
    /// The first of them.
    pub first_wrong: Option<WrongLength>,
    /// The first value found that no rule explains: its position, and the value as text.
    pub first_invalid: Option<(usize, String)>,
}

/// A list that is not as long as there are labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongLength {
    /// The row within the chunk, from 0.
    pub row: u64,
    /// Elements of its list.
    pub elements: u64,
}

/// What a value at a position says.
pub(super) type CellOf<'c> = &'c dyn Fn(usize, StoredValue<'_>) -> Cell;

/// Gathers what is found at each position.
pub(super) struct PositionCells<'c> {
    pub(crate) cell: CellOf<'c>,
    pub(super) tallies: Vec<Tally>,
    pub(super) first_invalid: Option<(usize, String)>,
}

impl<'c> PositionCells<'c> {
    pub(crate) fn new(cell: CellOf<'c>, width: usize) -> Self {
        Self { cell, tallies: vec![Tally::default(); width], first_invalid: None }
    }

    pub(crate) fn add(&mut self, position: usize, value: StoredValue<'_>, rows: u64) {
        let cell = (self.cell)(position, value);
        self.tallies[position].add(cell, rows);
        if cell == Cell::Invalid {
            self.first_invalid.get_or_insert_with(|| (position, value.to_string()));
        }
    }
}
