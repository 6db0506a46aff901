//! What is found at each position of a column of lists.

use crate::counts::{Cell, Tally};
use crate::pages::value::StoredValue;

/// What the rows of a vector column say beside the tallies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VectorCount {
    /// Number of rows.
    pub rows: u64,
    /// Rows whose list is NULL; they are missing at every position.
    pub null_rows: u64,
    /// Rows whose list has another length; they are invalid at every position.
    pub wrong_rows: u64,
    /// The first row whose list has another length.
    pub first_wrong: Option<WrongLength>,
    /// The first invalid value: its position, and the value as text.
    pub first_invalid: Option<(usize, String)>,
}

/// A list whose length is not the number of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongLength {
    /// Index of the row within the chunk.
    pub row: u64,
    /// Number of elements in its list.
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
