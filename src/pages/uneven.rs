//! Vector columns with nulls inside their lists or with lists of another length, row by row.

use super::chunk::{Workspace, open};
use super::dictionary::Dictionary;
use super::positions::COUNTERS_MAX;
use super::rows::{Block, Levels, ones};
use super::stream::{Item, Stream};
use super::vector::{CellOf, Cells, VectorCount, WrongLength, wrong_rows};
use super::{Chunk, Step, Value, corrupt};
use crate::counts::Cell;

/// Counts a chunk into `cells`; null rows and rows of wrong length are not in its tallies.
pub(super) fn count(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    cells: &mut Cells<'_>,
) -> Step<VectorCount> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let width = cells.tallies.len();
    let mut known = Known::new(&dictionary, width);
    let (mut row, mut block) = (Row::new(width), Block::new());
    while let Some(page) = pages.next()? {
        let mut levels = Levels::new(leaf, &page)?;
        let mut stream = Stream::new(leaf, &page)?;
        while levels.next(&mut block)? {
            stream.block(ones(&block.values))?;
            for index in 0..block.len {
                let slot = block.slot(index);
                if slot.start {
                    row.close(cells);
                    row.open(slot.null);
                    if row.count.rows > chunk.rows {
                        return Err(wrong_rows(row.count.rows, chunk.rows));
                    }
                } else if row.count.rows == 0 {
                    return Err(corrupt("the first list has no beginning"));
                }
                if slot.value {
                    match stream.next()? {
                        Item::Entry(index) => {
                            let value = known.entry(index)?;
                            row.add(value, |position| known.cell(cells.cell, position, index, value));
                        }
                        Item::Single(raw) => {
                            let value = leaf.value(raw);
                            row.add(value, |position| (cells.cell)(position, value));
                        }
                    }
                } else if slot.element {
                    row.add(Value::Bool(false), |_| Cell::Missing);
                }
            }
        }
        stream.finish()?;
    }
    row.close(cells);
    if row.count.rows == chunk.rows { Ok(row.count) } else { Err(wrong_rows(row.count.rows, chunk.rows)) }
}

/// What dictionary entries say at the positions where they were met.
struct Known<'d, 'a> {
    dictionary: &'d Dictionary<'a>,
    /// By position, then entry; empty when there would be too many.
    cells: Vec<Option<Cell>>,
}

impl<'d, 'a> Known<'d, 'a> {
    fn new(dictionary: &'d Dictionary<'a>, width: usize) -> Self {
        let cells = dictionary.len().checked_mul(width).filter(|cells| *cells <= COUNTERS_MAX);
        Self { dictionary, cells: vec![None; cells.unwrap_or(0)] }
    }

    fn entry(&self, index: u32) -> Step<Value<'a>> {
        let entry = index as usize;
        if entry < self.dictionary.len() {
            Ok(self.dictionary.value(entry))
        } else {
            Err(self.dictionary.no_entry(index))
        }
    }

    fn cell(&mut self, cell: CellOf<'_>, position: usize, index: u32, value: Value<'_>) -> Cell {
        match self.cells.get_mut(position * self.dictionary.len() + index as usize) {
            Some(known) => *known.get_or_insert_with(|| cell(position, value)),
            None => cell(position, value),
        }
    }
}

/// The row at hand, and those before it.
struct Row {
    count: VectorCount,
    width: usize,
    /// One per position, as far as the list has come.
    cells: Vec<Cell>,
    elements: u64,
    null: bool,
    invalid: Option<(usize, String)>,
}

impl Row {
    fn new(width: usize) -> Self {
        let count = VectorCount::default();
        Self { count, width, cells: Vec::with_capacity(width), elements: 0, null: false, invalid: None }
    }

    fn open(&mut self, null: bool) {
        self.cells.clear();
        (self.elements, self.null, self.invalid) = (0, null, None);
        self.count.rows += 1;
    }

    fn add(&mut self, value: Value<'_>, cell: impl FnOnce(usize) -> Cell) {
        self.elements += 1;
        let position = self.cells.len();
        if position == self.width {
            return;
        }
        let cell = cell(position);
        self.cells.push(cell);
        if cell == Cell::Invalid {
            self.invalid.get_or_insert_with(|| (position, value.to_string()));
        }
    }

    /// Puts the row on its sides, if there is one.
    fn close(&mut self, cells: &mut Cells<'_>) {
        let Some(row) = self.count.rows.checked_sub(1) else { return };
        if self.null {
            self.count.null_rows += 1;
        } else if self.elements == self.width as u64 {
            for (tally, cell) in cells.tallies.iter_mut().zip(&self.cells) {
                tally.add(*cell, 1);
            }
            if cells.first_invalid.is_none() {
                cells.first_invalid = self.invalid.take();
            }
        } else {
            self.count.wrong_rows += 1;
            self.count.first_wrong.get_or_insert(WrongLength { row, elements: self.elements });
        }
    }
}
