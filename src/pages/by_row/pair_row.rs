//! The labels of a row, each with a cell, until the row ends.

use crate::counts::Cell;
use crate::pages::format::slots::wrong_rows;
use crate::pages::outcome::Step;
use crate::pages::value::StoredValue;

/// Receives rows in order.
pub(crate) trait PairSink {
    /// Takes a row with these labels, ascending and each once. All other labels are negative.
    fn row(&mut self, entries: &[(u32, Cell)]) -> Step<()>;

    /// Takes a row whose outermost list is NULL, or a struct around it.
    fn null_row(&mut self) -> Step<()>;

    /// Takes a row with a key that is not a label.
    fn invalid_row(&mut self, what: &str) -> Step<()>;

    /// Notes that the row that ends next has NULL keys.
    fn null_keys(&mut self, _keys: u64) {}

    /// Notes an invalid value of the row that ends next, by its label and as text.
    fn invalid_value(&mut self, _label: u32, _value: String) {}
}

/// Entries that a row may have before repeated labels are merged.
const ENTRIES: usize = 1024;

/// The row at hand.
pub(super) struct PairRow<'s> {
    sink: &'s mut dyn PairSink,
    entries: Vec<(u32, Cell)>,
    /// From this length on repeated labels are merged, so that a long list needs no more memory than there are
    /// labels.
    limit: usize,
    null_keys: u64,
    invalid_key: Option<String>,
    invalid_value: Option<(u32, String)>,
    null: bool,
    /// Rows that have begun, and rows of the row group.
    rows: u64,
    expected: u64,
}

impl<'s> PairRow<'s> {
    pub(super) fn new(expected: u64, sink: &'s mut dyn PairSink) -> Self {
        Self {
            sink,
            entries: Vec::new(),
            limit: ENTRIES,
            null_keys: 0,
            invalid_key: None,
            invalid_value: None,
            null: false,
            rows: 0,
            expected,
        }
    }

    /// Begins a row; the row before ends.
    pub(super) fn begin(&mut self, null: bool) -> Step<()> {
        self.end()?;
        self.rows += 1;
        self.null = null;
        if self.rows > self.expected { Err(wrong_rows(self.rows, self.expected)) } else { Ok(()) }
    }

    /// Adds a label with its cell, which `value` stands for.
    pub(super) fn add(&mut self, label: u32, cell: Cell, value: Option<StoredValue<'_>>) {
        self.entries.push((label, cell));
        if cell == Cell::Invalid
            && let Some(value) = value
        {
            self.invalid_value.get_or_insert_with(|| (label, value.to_string()));
        }
        if self.entries.len() > self.limit {
            merge(&mut self.entries);
            self.limit = self.entries.len().max(ENTRIES) * 2;
        }
    }

    /// Adds a NULL key.
    pub(super) fn null_key(&mut self) {
        self.null_keys += 1;
    }

    /// Adds a key that is not a label.
    pub(super) fn invalid(&mut self, what: String) {
        self.invalid_key.get_or_insert(what);
    }

    fn end(&mut self) -> Step<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let (null_keys, value) = (std::mem::take(&mut self.null_keys), self.invalid_value.take());
        self.sink.null_keys(null_keys);
        if self.null {
            return self.sink.null_row();
        }
        if let Some(what) = self.invalid_key.take() {
            self.entries.clear();
            return self.sink.invalid_row(&what);
        }
        if let Some((label, value)) = value {
            self.sink.invalid_value(label, value);
        }
        merge(&mut self.entries);
        let taken = self.sink.row(&self.entries);
        self.entries.clear();
        taken
    }

    /// Ends the last row.
    pub(super) fn finish(mut self) -> Step<()> {
        self.end()?;
        if self.rows == self.expected { Ok(()) } else { Err(wrong_rows(self.rows, self.expected)) }
    }
}

/// Sorts entries by label; of a repeated label the cell that wins stays.
fn merge(entries: &mut Vec<(u32, Cell)>) {
    if !entries.is_sorted_by(|a, b| a.0 < b.0) {
        entries.sort_unstable_by_key(|(label, cell)| (*label, weakness(*cell)));
        entries.dedup_by_key(|(label, _)| *label);
    }
}

/// A lower number wins: as in layout `long`, and an invalid value is never hidden.
pub(crate) fn weakness(cell: Cell) -> u8 {
    match cell {
        Cell::Invalid => 0,
        Cell::Positive => 1,
        Cell::Uncertain => 2,
        Cell::Negative => 3,
        Cell::Missing => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stronger_cell_of_a_repeated_label_stays() {
        let order = [Cell::Missing, Cell::Negative, Cell::Uncertain, Cell::Positive, Cell::Invalid];
        for (strength, &cell) in order.iter().enumerate() {
            for &weaker in &order[..strength] {
                let mut entries = vec![(7, weaker), (3, Cell::Negative), (7, cell), (7, weaker)];
                merge(&mut entries);
                assert_eq!(entries, [(3, Cell::Negative), (7, cell)]);
            }
        }
    }

    /// Keeps the number of entries of each row.
    struct Lengths(Vec<usize>);

    impl PairSink for Lengths {
        fn row(&mut self, entries: &[(u32, Cell)]) -> Step<()> {
            self.0.push(entries.len());
            Ok(())
        }

        fn null_row(&mut self) -> Step<()> {
            Ok(())
        }

        fn invalid_row(&mut self, _: &str) -> Step<()> {
            Ok(())
        }
    }

    #[test]
    fn a_long_row_needs_no_more_memory_than_its_labels() {
        let mut lengths = Lengths(Vec::new());
        let mut row = PairRow::new(1, &mut lengths);
        row.begin(false).unwrap();
        for i in 0..100_000 {
            row.add(i % 10, Cell::Positive, None);
        }
        assert!(row.entries.capacity() < 10_000);
        row.finish().unwrap();
        assert_eq!(lengths.0, [10]);
    }
}
