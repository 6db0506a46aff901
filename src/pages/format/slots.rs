//! Levels of a column with one list around its values, as bitmaps, a block of slots at a time.
//!
//! ```text
//! rows          [7, 3]   NULL   []   [NULL]         repetition  0 1 0 0 0
//! slots          7 3      ·      ·     ·            definition  3 3 0 1 2
//! starts         1 0      1      1     1            a row starts here
//! elements       1 1      0      0     1            an element, null or not
//! values         1 1      0      0     0            an element with a value
//! nulls          0 0      1      0     0            a null list
//! ```

use super::data_pages::DataPage;
use super::hybrid::{Hybrid, HybridRun};
use super::leaf::LeafColumn;
use super::nesting::Nesting;
use super::packed::{Packed, low_bits};
use crate::pages::outcome::{Step, Stop, corrupt};

/// Slots of a full block.
pub(crate) const BLOCK: usize = 2048;

/// One bit per slot of a block.
pub(crate) type Bitmap = [u64; BLOCK / 64];

/// What stands in up to [`BLOCK`] slots.
#[derive(Debug)]
pub(crate) struct SlotBlock {
    pub(crate) len: usize,
    pub(crate) starts: Bitmap,
    pub(crate) elements: Bitmap,
    pub(crate) values: Bitmap,
    pub(crate) nulls: Bitmap,
    /// Number of lists that may go on in the next block: those that have an element in the last slot.
    pub(crate) depth: u32,
}

impl SlotBlock {
    /// What stands before the first slot of a chunk: no list that could go on.
    pub(crate) fn new() -> Self {
        let none = [0; BLOCK / 64];
        Self { len: 0, starts: none, elements: none, values: none, nulls: none, depth: 0 }
    }

    /// Calls `each` with every slot in order.
    #[inline]
    pub(crate) fn each(&self, mut each: impl FnMut(LevelSlot) -> Step<()>) -> Step<()> {
        let (elements, nulls) = (self.elements.iter(), self.nulls.iter());
        let words = self.starts.iter().zip(elements).zip(self.values.iter().zip(nulls));
        let mut left = self.len;
        for ((starts, elements), (values, nulls)) in words {
            for bit in 0..left.min(64) {
                let set = |word: &u64| word >> bit & 1 == 1;
                each(LevelSlot {
                    start: set(starts),
                    element: set(elements),
                    value: set(values),
                    null: set(nulls),
                })?;
            }
            left = left.saturating_sub(64);
        }
        Ok(())
    }
}

/// Tells which values are the first of their row, from block to block.
#[derive(Debug, Default)]
pub(crate) struct Firsts {
    /// A row has started since the last value.
    started: bool,
}

impl Firsts {
    /// One bit per value of the block: whether a row starts in its slot or in one since the value before.
    pub(crate) fn next(&mut self, block: &SlotBlock) -> Bitmap {
        let (mut firsts, mut at) = ([0; BLOCK / 64], 0);
        for (&starts, &values) in block.starts.iter().zip(&block.values) {
            let starts = starts | u64::from(self.started);
            // A start in a slot without a value is carried up to the next slot that has one.
            let (carried, over) = (starts & !values).overflowing_add(!values);
            self.started = over;
            let bits = (starts | carried) & values;
            if values == u64::MAX {
                put(&mut firsts, at, bits);
                at += 64;
                continue;
            }
            let (mut packed, mut count, mut left) = (0, 0, values);
            while left != 0 {
                packed |= (bits >> left.trailing_zeros() & 1) << count;
                count += 1;
                left &= left - 1;
            }
            put(&mut firsts, at, packed);
            at += count;
        }
        firsts
    }
}

/// One slot of a [`SlotBlock`], by the same names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LevelSlot {
    pub(crate) start: bool,
    pub(crate) element: bool,
    pub(crate) value: bool,
    pub(crate) null: bool,
}

/// How many bits are set.
pub(crate) fn ones(bits: &Bitmap) -> usize {
    bits.iter().map(|word| word.count_ones() as usize).sum()
}

/// The levels of a page.
#[derive(Debug)]
pub(crate) struct Levels<'p> {
    leaf: LeafColumn,
    /// The lists around the column, where they are several.
    nesting: Option<&'p Nesting>,
    repetition: Hybrid<'p>,
    definition: Hybrid<'p>,
    left: usize,
}

impl<'p> Levels<'p> {
    pub(crate) fn new(leaf: LeafColumn, page: &DataPage<'p>) -> Step<Self> {
        Self::nested(leaf, None, page)
    }

    /// The levels of a page of a column with several lists around its values.
    pub(crate) fn nested(leaf: LeafColumn, nesting: Option<&'p Nesting>, page: &DataPage<'p>) -> Step<Self> {
        Ok(Self {
            leaf,
            nesting,
            repetition: Hybrid::levels(page.repetition, leaf.max_rep)?,
            definition: Hybrid::levels(page.definition, leaf.max_def)?,
            left: page.slots,
        })
    }

    /// Reads the next slots into `block`; false when there are none.
    pub(crate) fn next(&mut self, block: &mut SlotBlock) -> Step<bool> {
        if self.left == 0 {
            self.finish()?;
            return Ok(false);
        }
        self.step(block, self.left.min(BLOCK))?;
        Ok(true)
    }

    /// Slots that are not read yet.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// To be called after the last slot.
    pub(crate) fn finish(&self) -> Step<()> {
        self.repetition.finish()?;
        self.definition.finish()
    }

    /// Reads the next `len` slots into `block`: no more than are left, and no more than [`BLOCK`].
    pub(crate) fn step(&mut self, block: &mut SlotBlock, len: usize) -> Step<()> {
        *block = SlotBlock { len, depth: block.depth, ..SlotBlock::new() };
        self.left -= len;
        if let Some(nesting) = self.nesting {
            return self.several(nesting, block);
        }
        let mut at = 0;
        self.repetition.runs(block.len, |run| {
            match run {
                HybridRun::Repeat { value: 0, len } => set(&mut block.starts, at, len),
                HybridRun::Repeat { .. } => {}
                HybridRun::Packed(packed) => {
                    let mut at = at;
                    packed.words(|word, n| {
                        put(&mut block.starts, at, !word & low_bits(n));
                        at += n;
                    });
                }
            }
            at += run.len();
            Ok(())
        })?;
        self.definitions(block)?;
        close(block)
    }

    /// Reads the slots of a block where several lists are inside each other.
    fn several(&mut self, nesting: &Nesting, block: &mut SlotBlock) -> Step<()> {
        let (mut repetition, mut definition) = ([0; BLOCK], [0; BLOCK]);
        let (repetition, definition) = (&mut repetition[..block.len], &mut definition[..block.len]);
        self.repetition.fill(repetition)?;
        self.definition.fill(definition)?;
        for (word, (repetition, definition)) in repetition.chunks(64).zip(definition.chunks(64)).enumerate() {
            let [mut starts, mut elements, mut values, mut nulls] = [0; 4];
            for (bit, (&repetition, &definition)) in repetition.iter().zip(definition).enumerate() {
                let level = nesting.level(definition).ok_or_else(|| self.leaf.no_level(definition))?;
                check_repetition(repetition, block.depth, level.depth)?;
                block.depth = level.depth;
                starts |= u64::from(repetition == 0) << bit;
                elements |= u64::from(level.element) << bit;
                values |= u64::from(definition == self.leaf.max_def) << bit;
                nulls |= u64::from(level.null) << bit;
            }
            block.starts[word] = starts;
            block.elements[word] = elements;
            block.values[word] = values;
            block.nulls[word] = nulls;
        }
        Ok(())
    }

    fn definitions(&mut self, block: &mut SlotBlock) -> Step<()> {
        let leaf = self.leaf;
        let mut at = 0;
        self.definition.runs(block.len, |run| {
            match run {
                HybridRun::Repeat { value, .. } if value > leaf.max_def => return Err(leaf.no_level(value)),
                HybridRun::Repeat { value, len } => {
                    if value == leaf.max_def {
                        set(&mut block.values, at, len);
                    }
                    if value >= leaf.element_def {
                        set(&mut block.elements, at, len);
                    } else if value + 1 < leaf.element_def {
                        set(&mut block.nulls, at, len);
                    }
                }
                HybridRun::Packed(packed) => packed_definitions(leaf, packed, at, block)?,
            }
            at += run.len();
            Ok(())
        })
    }
}

/// Checks that a list goes on only from element to element; `before` and `now` are the numbers of lists that have
/// an element in the slot before and in the slot at hand.
pub(crate) fn check_repetition(repetition: u32, before: u32, now: u32) -> Step<()> {
    if repetition > before.min(now) {
        return Err(corrupt("a list goes on without an element"));
    }
    Ok(())
}

/// Checks that lists go on only from element to element: a null list or an empty one is a single slot.
fn close(block: &mut SlotBlock) -> Step<()> {
    let (mut before, mut left) = (u64::from(block.depth > 0), block.len);
    for (starts, elements) in block.starts.iter().zip(&block.elements) {
        let n = left.min(64);
        if n == 0 {
            break;
        }
        if !starts & low_bits(n) & !(elements & (elements << 1 | before)) > 0 {
            return Err(corrupt("a list goes on without an element"));
        }
        before = elements >> (n - 1) & 1;
        left -= n;
    }
    block.depth = u32::from(before > 0);
    Ok(())
}

fn packed_definitions(leaf: LeafColumn, packed: Packed<'_>, start: usize, block: &mut SlotBlock) -> Step<()> {
    let (mut levels, mut left, mut at) = ([0; 64], packed, start);
    while left.len > 0 {
        let (part, rest) = left.split(levels.len());
        let levels = &mut levels[..part.len];
        part.unpack(levels);
        let (mut values, mut elements, mut nulls, mut highest) = (0, 0, 0, 0);
        for (i, &level) in levels.iter().enumerate() {
            values |= u64::from(level == leaf.max_def) << i;
            elements |= u64::from(level >= leaf.element_def) << i;
            nulls |= u64::from(level + 1 < leaf.element_def) << i;
            highest = highest.max(level);
        }
        if highest > leaf.max_def {
            return Err(leaf.no_level(highest));
        }
        put(&mut block.values, at, values);
        put(&mut block.elements, at, elements);
        put(&mut block.nulls, at, nulls);
        at += part.len;
        left = rest;
    }
    Ok(())
}

/// Sets `len` bits from `at` on.
fn set(bits: &mut Bitmap, at: usize, len: usize) {
    let mut at = at;
    let end = at + len;
    while at < end {
        // Up to the end of the word.
        let n = (64 - at % 64).min(end - at);
        bits[at / 64] |= low_bits(n) << (at % 64);
        at += n;
    }
}

/// Puts the bits of `word` at `at` and after.
fn put(bits: &mut Bitmap, at: usize, word: u64) {
    let (index, shift) = (at / 64, at % 64);
    bits[index] |= word << shift;
    if shift > 0
        && let Some(next) = bits.get_mut(index + 1)
    {
        *next |= word >> (64 - shift);
    }
}

/// The error for a number of lists that is not the number of rows in the row group.
pub(crate) fn wrong_rows(found: u64, rows: u64) -> Stop {
    corrupt(format!("{found} lists in a row group of {rows} rows"))
}

/// Counts the rows that begin, and fails when there are more than the row group has.
#[derive(Debug)]
pub(crate) struct RowCheck {
    found: u64,
    expected: u64,
}

impl RowCheck {
    pub(crate) fn new(expected: u64) -> Self {
        Self { found: 0, expected }
    }

    /// Adds the rows of a block.
    pub(crate) fn add(&mut self, block: &SlotBlock) -> Step<()> {
        self.found += ones(&block.starts) as u64;
        if self.found > self.expected { Err(wrong_rows(self.found, self.expected)) } else { Ok(()) }
    }

    /// Fails when there are fewer.
    pub(crate) fn finish(self) -> Step<()> {
        if self.found == self.expected { Ok(()) } else { Err(wrong_rows(self.found, self.expected)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bitmap(bits: &[bool]) -> Bitmap {
        let mut map = [0; BLOCK / 64];
        bits.iter().enumerate().for_each(|(i, bit)| map[i / 64] |= u64::from(*bit) << (i % 64));
        map
    }

    proptest! {
        #[test]
        fn the_first_value_of_a_row_is_found_behind_slots_without_one(
            slots in proptest::collection::vec((proptest::bool::weighted(0.3), proptest::bool::weighted(0.8)), 0..400),
            cut in 1..300_usize,
            dense in any::<bool>(),
        ) {
            let slots: Vec<_> = slots.into_iter().map(|(start, value)| (start, value || dense)).collect();
            let (mut firsts, mut started) = (Firsts::default(), false);
            for slots in slots.chunks(cut) {
                let mut expected = Vec::new();
                for (start, value) in slots {
                    started |= start;
                    if *value {
                        expected.push(std::mem::take(&mut started));
                    }
                }
                let (starts, values): (Vec<_>, Vec<_>) = slots.iter().copied().unzip();
                let (starts, values) = (bitmap(&starts), bitmap(&values));
                let block = SlotBlock { len: slots.len(), starts, values, ..SlotBlock::new() };
                prop_assert_eq!(firsts.next(&block), bitmap(&expected));
            }
        }
    }
}
