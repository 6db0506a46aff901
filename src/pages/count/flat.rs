//! A column without lists: one label, one cell per row.

use super::kept_values::each_kept_value;
use crate::counts::{Cell, Tally};
use crate::error::Result;
use crate::pages::format::chosen::Chosen;
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::{Coding, OpenChunk, open, open_chosen};
use crate::pages::format::dictionary::Histogram;
use crate::pages::format::hybrid::Hybrid;
use crate::pages::format::leaf::{LeafColumn, Physical, RawValue, low};
use crate::pages::format::levels::values;
use crate::pages::format::packed::Packed;
use crate::pages::format::plain::{self, Neighbours, PlainValues, zeros_and_ones};
use crate::pages::format::row_mask::RowMask;
use crate::pages::outcome::{ChunkOutcome, Step, settle, unsupported};
use crate::pages::value::StoredValue;

/// Counts of a column without lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FlatCount {
    /// Rows per cell; they add up to the rows of the chunk.
    pub tally: Tally,
    /// The first invalid value, as text.
    pub first_invalid: Option<String>,
}

/// Tallies a column without lists. `cell` classifies a value; it is called once per dictionary entry that
/// occurs, and once per run of equal plain values. NULL is missing, and so is a NULL struct around the value.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a page contradicts itself or the footer.
pub(crate) fn count_flat(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    cell: &dyn Fn(StoredValue<'_>) -> Cell,
) -> Result<ChunkOutcome<FlatCount>> {
    settle(open(chunk, workspace).and_then(|opened| count(opened, cell)))
}

/// Like [`count_flat`], but only the pages of `chosen`; the tally adds up to their rows. `chunk.bytes` begins
/// at the first byte of [`Chosen::parts`].
///
/// # Errors
/// As [`count_flat`], and when a page has other rows than the offset index says.
pub(crate) fn count_flat_pages(
    chunk: &Chunk<'_>,
    chosen: &Chosen,
    workspace: &mut Workspace,
    cell: &dyn Fn(StoredValue<'_>) -> Cell,
) -> Result<ChunkOutcome<FlatCount>> {
    settle(open_chosen(chunk, chosen, workspace).and_then(|opened| count(opened, cell)))
}

/// Like [`count_flat`], but only the rows of `mask`; the tally adds up to them.
///
/// # Errors
/// As [`count_flat`].
pub(crate) fn count_kept_flat(
    chunk: &Chunk<'_>,
    mask: &RowMask,
    workspace: &mut Workspace,
    cell: &dyn Fn(StoredValue<'_>) -> Cell,
) -> Result<ChunkOutcome<FlatCount>> {
    let mut count = FlatCount::default();
    let found = each_kept_value(chunk, mask, workspace, &mut |value: StoredValue<'_>, rows| {
        count.add(cell(value), value, rows);
    });
    Ok(settle(found)?.map(|found| {
        count.tally.missing += found.nulls;
        count
    }))
}

impl FlatCount {
    fn add(&mut self, cell: Cell, value: StoredValue<'_>, rows: u64) {
        self.tally.add(cell, rows);
        if cell == Cell::Invalid {
            self.first_invalid.get_or_insert_with(|| value.to_string());
        }
    }
}

fn count(
    (leaf, dictionary, mut pages): OpenChunk<'_>,
    cell: &dyn Fn(StoredValue<'_>) -> Cell,
) -> Step<FlatCount> {
    if leaf.max_rep > 0 {
        return unsupported("a list where a column of single values was expected");
    }
    let mut cells = FlatCells { leaf, cell, count: FlatCount::default() };
    let mut histogram = Histogram::new(&dictionary);
    while let Some(page) = pages.next()? {
        let values = values(leaf, &page)?;
        cells.count.tally.missing += (page.slots - values) as u64;
        match page.coding {
            Coding::Dictionary => histogram.add(&dictionary, page.values, values)?,
            Coding::Rle => {
                let ones = Hybrid::booleans(page.values)?.ones(values)?;
                cells.bits(values - ones, ones);
            }
            Coding::Plain => cells.plain(page.values, values)?,
        }
    }
    for (index, rows) in histogram.entries() {
        cells.add(dictionary.value(index), rows);
    }
    Ok(cells.count)
}

/// Gathers the tally of a column.
struct FlatCells<'c> {
    leaf: LeafColumn,
    cell: &'c dyn Fn(StoredValue<'_>) -> Cell,
    count: FlatCount,
}

impl FlatCells<'_> {
    fn add(&mut self, value: StoredValue<'_>, rows: u64) {
        if rows == 0 {
            return;
        }
        self.count.add((self.cell)(value), value, rows);
    }

    fn bits(&mut self, zeros: usize, ones: usize) {
        self.add(StoredValue::Bool(false), zeros as u64);
        self.add(StoredValue::Bool(true), ones as u64);
    }

    fn plain(&mut self, bytes: &[u8], len: usize) -> Step<()> {
        let leaf = self.leaf;
        plain::check(leaf.physical, bytes, len)?;
        match leaf.physical {
            Physical::Bit => {
                let ones = Packed { bytes, width: 1, start: 0, len }.ones();
                self.bits(len - ones, ones);
                Ok(())
            }
            Physical::Word4 => {
                self.words(&bytes.as_chunks().0[..len], u32::from_le_bytes, low(leaf.one()));
                Ok(())
            }
            Physical::Word8 => {
                self.words(&bytes.as_chunks().0[..len], u64::from_le_bytes, leaf.one());
                Ok(())
            }
            physical => {
                let mut values = PlainValues::new(physical, bytes);
                let mut neighbours = Neighbours::new();
                for _ in 0..len {
                    let run = neighbours.push(values.next()?);
                    self.run(run);
                }
                self.run(neighbours.finish());
                Ok(())
            }
        }
    }

    fn words<const SIZE: usize, W>(&mut self, values: &[[u8; SIZE]], load: impl Fn([u8; SIZE]) -> W, one: W)
    where
        W: PartialEq + Copy + Default + Into<u64>,
    {
        let mut neighbours = Neighbours::new();
        let (zeros, ones) = zeros_and_ones(values, load, one, |_, word| {
            let run = neighbours.push(RawValue::Word(word.into()));
            self.run(run);
        });
        self.run(neighbours.finish());
        self.run(Some((RawValue::Word(0), zeros)));
        self.run(Some((RawValue::Word(one.into()), ones)));
    }

    fn run(&mut self, run: Option<(RawValue<'_>, u64)>) {
        if let Some((raw, rows)) = run {
            self.add(self.leaf.value(raw), rows);
        }
    }
}
