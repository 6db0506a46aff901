//! Labels with a value each, counted by the entries of the dictionary of keys.
//!
//! Most rows name each label once, and every key stands for one label. Then rows need not be put together: an entry
//! remembers the last row that had it, and which of its values counts there. Where that is not enough, nothing is
//! counted, and the chunks are read again row by row.

use super::set_count::SetCount;
use crate::counts::{Cell, Tally};
use crate::pages::by_row::pair_row::weakness;
use crate::pages::by_row::pair_walk::{PairCell, PairChunks};
use crate::pages::format::chunk::Workspace;
use crate::pages::format::data_pages::{Coding, DataPage, DataPages, open};
use crate::pages::format::dictionary::Dictionary;
use crate::pages::format::leaf::LeafColumn;
use crate::pages::format::slots::{BLOCK, Bitmap, Firsts, Levels, RowCheck, SlotBlock, ones};
use crate::pages::format::stream::ValueStream;
use crate::pages::lookup::Lookup;
use crate::pages::outcome::{Step, corrupt};

/// What two chunks say: their rows, and of each label that these name how many have each cell.
pub(super) struct PairLabels {
    pub(super) rows: SetCount,
    labels: Vec<(u32, [u32; CELLS.len()])>,
}

impl PairLabels {
    /// Adds the labels to `tallies`, which grows to the highest of them.
    pub(super) fn add_to(&self, tallies: &mut Vec<Tally>) {
        let highest = self.labels.last().map_or(0, |(label, _)| *label as usize + 1);
        tallies.resize(tallies.len().max(highest), Tally::default());
        for (label, cells) in &self.labels {
            for (cell, rows) in CELLS.into_iter().zip(cells) {
                tallies[*label as usize].add(cell, (*rows).into());
            }
        }
    }
}

/// Counts two chunks. `None` where keys are not in a dictionary, where two of them stand for the same label or one
/// for several or for none, where a value is invalid, and where the columns are of an unusual kind.
pub(super) fn count(
    pair: &PairChunks<'_>,
    [key_space, value_space]: [&mut Workspace; 2],
    lookup: &mut Lookup<'_>,
    cell: PairCell<'_>,
) -> Step<Option<PairLabels>> {
    let (key_leaf, keys, mut key_pages) = open(&pair.keys, key_space)?;
    let (value_leaf, values, mut value_pages) = open(&pair.values, value_space)?;
    let lists = |leaf: LeafColumn| (leaf.max_rep, leaf.element_def);
    let slots = pair.keys.meta.num_values();
    let mut left = u32::try_from(slots).unwrap_or(u32::MAX) as usize;
    let alike = lists(key_leaf) == lists(value_leaf) && slots == pair.values.meta.num_values();
    if key_leaf.max_rep != 1 || !alike || !pair.nesting.fits(key_leaf) || left == u32::MAX as usize {
        return Ok(None);
    }
    let mut entries = PairEntries { slots: vec![KeyEntry::default(); keys.len()], row: 0 };
    let mut sides = ValueSides::new(value_leaf, &values, cell);
    let (mut count, mut rows, mut starts) =
        (SetCount::default(), RowCheck::new(pair.keys.rows), Firsts::default());
    let (mut key_page, mut value_page) = (PageAtHand::none(key_leaf)?, PageAtHand::none(value_leaf)?);
    let [mut key_block, mut value_block] = [SlotBlock::new(), SlotBlock::new()];
    let mut aligned = Vec::new();
    while left > 0 {
        while key_page.levels.left() == 0 {
            key_page.finish()?;
            key_page = PageAtHand::next(key_leaf, &mut key_pages)?;
        }
        while value_page.levels.left() == 0 {
            value_page.finish()?;
            value_page = PageAtHand::next(value_leaf, &mut value_pages)?;
        }
        let len = key_page.levels.left().min(value_page.levels.left()).min(BLOCK);
        left = left.saturating_sub(len);
        key_page.read(len, &mut key_block)?;
        value_page.read(len, &mut value_block)?;
        if !in_the_same_lists(&key_block, &value_block) {
            return Ok(None);
        }
        rows.add(&key_block)?;
        count.add_block(&key_block, None);
        let Some(indices) = key_page.stream.indices() else { return Ok(None) };
        keys.check(indices)?;
        let said = sides.read(&mut value_page.stream, ones(&value_block.values))?;
        let every = key_block.values == value_block.values && key_block.values == key_block.elements;
        let said = if every {
            said
        } else {
            align(&key_block, &value_block, said, &mut aligned);
            &aligned
        };
        if said.contains(&INVALID) {
            return Ok(None);
        }
        entries.add(&starts.next(&key_block), indices, said);
    }
    key_page.finish()?;
    value_page.finish()?;
    rows.finish()?;
    // Values belong to the rows of labels, which say how many they are.
    let rows = SetCount { values: 0, ..count };
    Ok(entries.labels(&keys, lookup).map(|labels| PairLabels { rows, labels }))
}

/// Whether slots of two columns are elements of the same lists.
fn in_the_same_lists(a: &SlotBlock, b: &SlotBlock) -> bool {
    a.starts == b.starts && a.elements == b.elements && a.nulls == b.nulls
}

/// What is left of a page.
struct PageAtHand<'p> {
    levels: Levels<'p>,
    stream: ValueStream<'p>,
}

impl<'p> PageAtHand<'p> {
    fn new(leaf: LeafColumn, page: &DataPage<'p>) -> Step<Self> {
        Ok(Self { levels: Levels::new(leaf, page)?, stream: ValueStream::new(leaf, page)? })
    }

    /// A page without slots.
    fn none(leaf: LeafColumn) -> Step<Self> {
        let none = [].as_slice();
        let (slots, coding, nulls) = (0, Coding::Plain, None);
        Self::new(leaf, &DataPage { slots, coding, repetition: none, definition: none, values: none, nulls })
    }

    fn next(leaf: LeafColumn, pages: &'p mut DataPages<'_>) -> Step<Self> {
        match pages.next()? {
            Some(page) => Self::new(leaf, &page),
            None => Err(corrupt("pages end early")),
        }
    }

    /// Reads `len` slots; their values are next in the stream.
    fn read(&mut self, len: usize, block: &mut SlotBlock) -> Step<()> {
        self.levels.step(block, len)?;
        self.stream.block(ones(&block.values))
    }

    /// To be called after the last slot.
    fn finish(&self) -> Step<()> {
        self.levels.finish()?;
        self.stream.finish()
    }
}

/// The cells by number. Of those that a row has of a label the lowest counts.
const CELLS: [Cell; 5] = [Cell::Invalid, Cell::Positive, Cell::Uncertain, Cell::Negative, Cell::Missing];
const INVALID: u8 = 0;
const MISSING: u8 = 4;

/// The number of the cell of each value.
struct ValueSides<'c> {
    leaf: LeafColumn,
    cell: PairCell<'c>,
    /// Of each dictionary entry.
    known: Vec<u8>,
    /// Of the values of a block.
    block: Vec<u8>,
}

impl<'c> ValueSides<'c> {
    fn new(leaf: LeafColumn, values: &Dictionary<'_>, cell: PairCell<'c>) -> Self {
        let known = (0..values.len()).map(|entry| weakness(cell(values.value(entry)))).collect();
        Self { leaf, cell, known, block: Vec::new() }
    }

    /// Of the next `len` values, which are a block.
    fn read(&mut self, stream: &mut ValueStream<'_>, len: usize) -> Step<&[u8]> {
        self.block.clear();
        if let Some(indices) = stream.indices() {
            for index in indices {
                let Some(side) = self.known.get(*index as usize) else {
                    return Err(corrupt("an index without an entry"));
                };
                self.block.push(*side);
            }
            return Ok(&self.block);
        }
        let mut last = None;
        for _ in 0..len {
            let raw = stream.single()?;
            let side = match last {
                Some((before, side)) if before == raw => side,
                _ => weakness((self.cell)(self.leaf.value(raw))),
            };
            last = Some((raw, side));
            self.block.push(side);
        }
        Ok(&self.block)
    }
}

/// Writes what is said of each key; a key without a value is missing. What is said without a key is passed over.
fn align(keys: &SlotBlock, values: &SlotBlock, said: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut said = said.iter().copied();
    for (&keys, &values) in keys.values.iter().zip(&values.values) {
        let mut both = keys | values;
        while both != 0 {
            let bit = both & both.wrapping_neg();
            let side = if values & bit == 0 { Some(MISSING) } else { said.next() };
            if keys & bit != 0 {
                out.push(side.unwrap_or(MISSING));
            }
            both &= both - 1;
        }
    }
}

/// What is known of the entries of the dictionary of keys.
struct PairEntries {
    slots: Vec<KeyEntry>,
    /// Number of the row at hand.
    row: u32,
}

/// An entry, and the rows that had it by the cell that counts in each.
#[derive(Debug, Default, Clone, Copy)]
struct KeyEntry {
    /// The last row that had it, and the number of its cell there.
    row: u32,
    side: u32,
    cells: [u32; CELLS.len()],
}

impl PairEntries {
    /// Adds keys with what is said of them. A bit of `firsts` says that a key is the first of its row.
    fn add(&mut self, firsts: &Bitmap, keys: &[u32], said: &[u8]) {
        let words = firsts.iter().zip(keys.chunks(64).zip(said.chunks(64)));
        for (&firsts, (keys, said)) in words {
            let mut firsts = firsts;
            for (&key, &side) in keys.iter().zip(said) {
                self.row += u32::from(firsts & 1 == 1);
                firsts >>= 1;
                let Some(entry) = self.slots.get_mut(key as usize) else { continue };
                let side = u32::from(side);
                if entry.row != self.row {
                    entry.row = self.row;
                    entry.side = side;
                    entry.cells[side as usize] += 1;
                } else if side < entry.side {
                    entry.cells[entry.side as usize] -= 1;
                    entry.cells[side as usize] += 1;
                    entry.side = side;
                }
            }
        }
    }

    /// The labels that rows named, with the rows of each cell; `None` where entries do not stand for one label each.
    fn labels(
        &self,
        keys: &Dictionary<'_>,
        lookup: &mut Lookup<'_>,
    ) -> Option<Vec<(u32, [u32; CELLS.len()])>> {
        let mut labels = Vec::new();
        for (entry, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.row > 0) {
            let Ok(&[label]) = lookup.labels(keys.value(entry)) else { return None };
            labels.push((label, slot.cells));
        }
        labels.sort_unstable_by_key(|(label, _)| *label);
        labels.is_sorted_by(|(a, _), (b, _)| a < b).then_some(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_the_numbers_of_their_weakness() {
        for (number, cell) in (0..).zip(CELLS) {
            assert_eq!(weakness(cell), number);
        }
        assert_eq!(
            (CELLS[usize::from(INVALID)], CELLS[usize::from(MISSING)]),
            (Cell::Invalid, Cell::Missing)
        );
    }

    #[test]
    fn of_the_cells_of_a_row_the_strongest_counts() {
        let mut entries = PairEntries { slots: vec![KeyEntry::default(); 2], row: 0 };
        // Rows [0: negative, 1: missing, 0: positive, 0: missing] and [1: negative].
        let mut firsts = [0; BLOCK / 64];
        firsts[0] = 0b10001;
        entries.add(&firsts, &[0, 1, 0, 0, 1], &[3, MISSING, 1, MISSING, 3]);
        assert_eq!(entries.slots[0].cells, [0, 1, 0, 0, 0]);
        assert_eq!(entries.slots[1].cells, [0, 0, 0, 1, 1]);
    }

    #[test]
    fn keys_and_values_are_put_side_by_side() {
        let block = |values: u64| {
            let mut block = SlotBlock::new();
            block.values[0] = values;
            block
        };
        let mut out = vec![9];
        // Slots: both, key alone, value alone, both.
        align(&block(0b1011), &block(0b1101), &[1, 2, 3], &mut out);
        assert_eq!(out, [1, MISSING, 3]);
    }
}
