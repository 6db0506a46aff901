//! What the rows of a column of sets say beside their labels.

use crate::pages::format::slots::{Bitmap, SlotBlock, ones};

/// What the rows of a set column say, beside the positives in the `SetCounter`. A label's negatives
/// are the rows less null rows, invalid rows and its positives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SetCount {
    /// Number of rows.
    pub rows: u64,
    /// Rows whose list or value is NULL, or whose value counts as missing. A row with an empty list is not a
    /// null row: it has no label.
    pub null_rows: u64,
    /// NULL elements inside lists; they are skipped.
    pub null_elements: u64,
    /// Values in lists, however often a row repeats them, but for those that count as missing.
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

    /// Adds rows and nulls of a block, of the slots that are `kept` or of all.
    pub(super) fn add_block(&mut self, block: &SlotBlock, kept: Option<&Bitmap>) {
        let Some(kept) = kept else {
            self.rows += ones(&block.starts) as u64;
            self.null_rows += ones(&block.nulls) as u64;
            self.values += ones(&block.values) as u64;
            self.null_elements += (ones(&block.elements) - ones(&block.values)) as u64;
            return;
        };
        let of =
            |bits: &Bitmap| bits.iter().zip(kept).map(|(a, b)| u64::from((a & b).count_ones())).sum::<u64>();
        self.rows += of(&block.starts);
        self.null_rows += of(&block.nulls);
        self.values += of(&block.values);
        self.null_elements += of(&block.elements) - of(&block.values);
    }
}
