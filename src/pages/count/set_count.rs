//! What the rows of a column of sets say beside their labels.

use crate::pages::format::slots::{SlotBlock, ones, wrong_rows};
use crate::pages::outcome::Step;

/// What the rows of a set column say, beside the positives in the `SetCounter`. A label's negatives
/// are the rows less null rows, invalid rows and its positives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetCount {
    /// Number of rows.
    pub rows: u64,
    /// Rows whose list or value is NULL, or whose value counts as missing. A row with an empty list is not a
    /// null row: it has no label.
    pub null_rows: u64,
    /// NULL elements inside lists; they are skipped.
    pub null_elements: u64,
    /// Values, however often a row repeats them.
    pub values: u64,
    /// Rows with a value that is not a label; they are positive for no label.
    pub invalid_rows: u64,
    /// What is wrong with the first invalid row.
    pub first_invalid: Option<String>,
}

impl SetCount {
    pub(crate) fn invalid(&mut self, text: &str, rows: u64) {
        self.invalid_rows += rows;
        self.first_invalid.get_or_insert_with(|| text.to_owned());
    }

    /// Adds rows and nulls of a block; fails when there are more rows than the row group has.
    pub(super) fn add_block(&mut self, block: &SlotBlock, rows: u64) -> Step<()> {
        self.rows += ones(&block.starts) as u64;
        self.null_rows += ones(&block.nulls) as u64;
        self.values += ones(&block.values) as u64;
        self.null_elements += (ones(&block.elements) - ones(&block.values)) as u64;
        if self.rows > rows { Err(wrong_rows(self.rows, rows)) } else { Ok(()) }
    }
}
