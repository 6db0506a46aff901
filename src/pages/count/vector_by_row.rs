//! Vector columns with nulls inside their lists or with lists of another length, row by row.
//!
//! A row is kept as codes until its end, since only then its length is known: a dictionary entry is its
//! index, and behind the entries comes one code for each [`Cell`].

use super::cells::{PositionCells, VectorCount, WrongLength};
use super::positions::COUNTERS_MAX;
use crate::counts::{Cell, Mass};
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::open;
use crate::pages::format::dictionary::Dictionary;
use crate::pages::format::leaf::LeafColumn;
use crate::pages::format::row_parts::RowParts;
use crate::pages::format::slots::{Levels, SlotBlock, ones, wrong_rows};
use crate::pages::format::stream::{Item, ValueStream};
use crate::pages::judge::Judge;
use crate::pages::outcome::{Step, unsupported};
use crate::pages::value::StoredValue;

/// The cells in the order of their codes.
const CELLS: [Cell; 5] = [Cell::Missing, Cell::Negative, Cell::Uncertain, Cell::Positive, Cell::Invalid];

/// Counts a chunk into the `cells` of each part; null rows and rows of wrong length are not in them.
pub(crate) fn count(
    chunk: &Chunk<'_>,
    parts: RowParts<'_>,
    workspace: &mut Workspace,
    cells: &mut [PositionCells<'_>],
) -> Step<Vec<VectorCount>> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let mut rows = VectorRows::new(leaf, &dictionary, (chunk.rows, parts), cells);
    if leaf.max_rep != 1 {
        return unsupported(format!("{} lists inside each other where one was expected", leaf.max_rep));
    }
    let mut block = SlotBlock::new();
    while let Some(page) = pages.next()? {
        let mut levels = Levels::new(leaf, &page)?;
        let mut stream = ValueStream::new(leaf, &page)?;
        while levels.next(&mut block)? {
            stream.block(ones(&block.values))?;
            rows.block(&block, &mut stream)?;
        }
        stream.finish()?;
    }
    rows.finish()
}

/// The row at hand, and what was counted in those before.
struct VectorRows<'r, 'a, 'c> {
    leaf: LeafColumn,
    dictionary: &'r Dictionary<'a>,
    /// Entries with a code of their own; none when there would be too many counters.
    entries: usize,
    /// By part.
    cells: &'r mut [PositionCells<'c>],
    judge: &'c dyn Judge,
    counts: Vec<VectorCount>,
    /// Rows that have begun, and rows of the row group.
    begun: u64,
    expected: u64,
    /// The part of each row; `None` where there is only one.
    numbers: Option<Vec<u8>>,
    /// By part, then position, then code.
    codes: Vec<u32>,
    /// Codes of the row at hand, as many as there are positions.
    row: Vec<u32>,
    /// The targets of its values without an entry of their own, in units; empty unless they are asked for.
    targets: Vec<u64>,
    elements: usize,
    null: bool,
    invalid: Option<(usize, String)>,
}

impl<'r, 'a, 'c> VectorRows<'r, 'a, 'c> {
    fn new(
        leaf: LeafColumn,
        dictionary: &'r Dictionary<'a>,
        (expected, parts): (u64, RowParts<'_>),
        cells: &'r mut [PositionCells<'c>],
    ) -> Self {
        let width = cells.first().map_or(0, |cells| cells.tallies.len());
        let judge: &'c dyn Judge = cells.first().map_or(&NoJudge, |cells| cells.judge);
        let lines = width.saturating_mul(parts.len());
        let counters = (dictionary.len() + CELLS.len()).saturating_mul(lines);
        let entries = if counters <= COUNTERS_MAX { dictionary.len() } else { 0 };
        Self {
            leaf,
            dictionary,
            entries,
            cells,
            judge,
            counts: vec![VectorCount::default(); parts.len()],
            begun: 0,
            expected,
            numbers: parts.numbers(expected),
            codes: vec![0; (entries + CELLS.len()) * lines],
            row: vec![0; width],
            targets: vec![0; if judge.is_soft() { width } else { 0 }],
            elements: 0,
            null: false,
            invalid: None,
        }
    }

    fn block(&mut self, block: &SlotBlock, stream: &mut ValueStream<'_>) -> Step<()> {
        let missing = self.code(Cell::Missing);
        if let Some(indices) = stream.indices()
            && self.entries > 0
        {
            self.dictionary.check(indices)?;
            let mut at = 0;
            return self.slots(block, |_, value| {
                // A choice between two numbers and no branch: which elements are NULL cannot be predicted.
                let code = indices.get(at).copied().unwrap_or(missing);
                at += usize::from(value);
                Ok(if value { code } else { missing })
            });
        }
        self.slots(block, |rows, value| if value { rows.single(stream.next()?) } else { Ok(missing) })
    }

    /// Goes through the slots of a block; `code` is asked for each element, and told if it has a value.
    #[inline]
    fn slots(&mut self, block: &SlotBlock, mut code: impl FnMut(&mut Self, bool) -> Step<u32>) -> Step<()> {
        block.each(|slot| {
            if slot.start {
                self.start(slot.null)?;
            }
            if slot.element {
                let code = code(self, slot.value)?;
                if let Some(place) = self.row.get_mut(self.elements) {
                    *place = code;
                }
                self.elements += 1;
            }
            Ok(())
        })
    }

    /// The code of what a value without a code of its own says.
    fn single(&mut self, item: Item<'_>) -> Step<u32> {
        let value = match item {
            Item::Entry(index) => {
                self.dictionary.check(&[index])?;
                self.dictionary.value(index as usize)
            }
            Item::Single(raw) => self.leaf.value(raw),
        };
        let position = self.elements;
        if position >= self.row.len() {
            return Ok(0);
        }
        let (cell, target) = self.judge.target(position, value);
        if cell == Cell::Invalid {
            self.invalid.get_or_insert_with(|| (position, value.to_string()));
        }
        if let Some(units) = self.targets.get_mut(position)
            && matches!(cell, Cell::Positive | Cell::Negative)
        {
            *units = Mass::units_of_part(target);
        }
        Ok(self.code(cell))
    }

    fn code(&self, cell: Cell) -> u32 {
        let code = CELLS.iter().position(|known| *known == cell).unwrap_or(0) + self.entries;
        u32::try_from(code).unwrap_or(u32::MAX)
    }

    fn start(&mut self, null: bool) -> Step<()> {
        self.end();
        self.begun += 1;
        (self.elements, self.null, self.invalid) = (0, null, None);
        self.targets.fill(0);
        if self.begun > self.expected { Err(wrong_rows(self.begun, self.expected)) } else { Ok(()) }
    }

    /// Counts the row at hand, if there is one.
    fn end(&mut self) {
        let Some(row) = self.begun.checked_sub(1) else { return };
        let part = match &self.numbers {
            None => 0,
            Some(numbers) => {
                usize::try_from(row).ok().and_then(|row| numbers.get(row)).map_or(usize::MAX, |n| (*n).into())
            }
        };
        let Some(count) = self.counts.get_mut(part) else { return };
        count.rows += 1;
        if self.null {
            count.null_rows += 1;
        } else if self.elements == self.row.len() {
            let (codes, cells) = (self.entries + CELLS.len(), &mut self.cells[part]);
            let lines = self.codes.chunks_mut(codes).skip(part * self.row.len());
            for (counts, code) in lines.zip(&self.row) {
                counts[*code as usize] += 1;
            }
            for (position, units) in self.targets.iter().enumerate() {
                cells.add_target(position, (*units).into());
            }
            if cells.first_invalid.is_none() {
                cells.first_invalid = self.invalid.take();
            }
        } else {
            count.wrong_rows += 1;
            let elements = self.elements as u64;
            count.first_wrong.get_or_insert(WrongLength { row, elements });
        }
    }

    fn finish(mut self) -> Step<Vec<VectorCount>> {
        self.end();
        if self.begun != self.expected {
            return Err(wrong_rows(self.begun, self.expected));
        }
        let width = self.row.len();
        for (line, counts) in self.codes.chunks(self.entries + CELLS.len()).enumerate() {
            let (cells, position) = (&mut self.cells[line / width], line % width);
            for (code, &rows) in counts.iter().enumerate().filter(|(_, rows)| **rows > 0) {
                match code.checked_sub(self.entries) {
                    Some(cell) => cells.put(position, CELLS[cell], rows.into()),
                    None => cells.add(position, self.dictionary.value(code), rows.into()),
                }
            }
        }
        Ok(self.counts)
    }
}

/// Judges nothing, where there is no part.
struct NoJudge;

impl Judge for NoJudge {
    fn target(&self, _: usize, _: StoredValue<'_>) -> (Cell, f64) {
        (Cell::Invalid, 0.0)
    }
}
