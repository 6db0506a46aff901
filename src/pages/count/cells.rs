//! What is found at each position of a column of lists.

use crate::counts::{Cell, Mass, Tally};
use crate::pages::judge::Judge;
use crate::pages::value::StoredValue;

/// What the rows of a vector column say beside the tallies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct VectorCount {
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
pub(crate) struct WrongLength {
    /// Index of the row within the chunk.
    pub row: u64,
    /// Number of elements in its list.
    pub elements: u64,
}

/// What the rows of a vector column say by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VectorSums {
    pub(crate) count: VectorCount,
    pub(crate) tallies: Vec<Tally>,
    /// Sums of targets, in units of [`Mass`]; empty unless they are asked for.
    pub(crate) targets: Vec<i128>,
}

impl VectorSums {
    /// Adds what was found to the tallies of all labels.
    pub(crate) fn add_to(&self, tallies: &mut [Tally]) {
        for (tally, more) in tallies.iter_mut().zip(&self.tallies) {
            tally.add(Cell::Positive, more.positives);
            tally.add(Cell::Negative, more.negatives);
            tally.add(Cell::Uncertain, more.uncertain);
            tally.add(Cell::Missing, more.missing);
            tally.add(Cell::Invalid, more.invalid);
        }
    }
}

/// Gathers what is found at each position.
pub(super) struct PositionCells<'j> {
    pub(super) judge: &'j dyn Judge,
    pub(super) tallies: Vec<Tally>,
    /// Sums of targets, in units; empty unless they are asked for.
    pub(super) targets: Vec<i128>,
    pub(super) first_invalid: Option<(usize, String)>,
}

impl<'j> PositionCells<'j> {
    pub(crate) fn new(judge: &'j dyn Judge, width: usize) -> Self {
        let targets = vec![0; if judge.is_soft() { width } else { 0 }];
        Self { judge, tallies: vec![Tally::default(); width], targets, first_invalid: None }
    }

    pub(crate) fn add(&mut self, position: usize, value: StoredValue<'_>, rows: u64) {
        let (cell, target) = self.judge.target(position, value);
        self.put(position, cell, rows);
        if matches!(cell, Cell::Positive | Cell::Negative) {
            self.add_target(position, i128::from(Mass::units_of_part(target)) * i128::from(rows));
        }
        if cell == Cell::Invalid {
            self.first_invalid.get_or_insert_with(|| (position, value.to_string()));
        }
    }

    pub(super) fn put(&mut self, position: usize, cell: Cell, rows: u64) {
        self.tallies[position].add(cell, rows);
    }

    /// Adds to the sum of targets, in units.
    pub(super) fn add_target(&mut self, position: usize, units: i128) {
        if let Some(sum) = self.targets.get_mut(position) {
            *sum += units;
        }
    }

    /// All that was found, with the rows of `count`.
    pub(super) fn finish(mut self, mut count: VectorCount) -> VectorSums {
        for tally in &mut self.tallies {
            tally.add(Cell::Missing, count.null_rows);
            tally.add(Cell::Invalid, count.wrong_rows);
        }
        count.first_invalid = self.first_invalid;
        VectorSums { count, tallies: self.tallies, targets: self.targets }
    }
}
