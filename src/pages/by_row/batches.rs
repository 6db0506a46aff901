//! Rows of a chunk as label sets, passed on in batches.

use crate::error::{Error, Result};
use crate::label_sets::LabelSets;
use crate::pages::format::chunk::Chunk;
use crate::pages::format::packed::low_bits;
use crate::pages::format::slots::{Bitmap, SlotBlock, ones, wrong_rows};
use crate::pages::outcome::{ChunkOutcome, Step, Stop, settle};

/// Rows per batch, about.
const ROWS: usize = 4096;

/// Labels per batch, about; a batch that reaches them has fewer rows.
const LABELS: usize = 1 << 20;

/// Receives the next rows of a chunk.
pub(crate) type TakeRows<'t> = &'t mut dyn FnMut(&mut LabelSets) -> Result<()>;

/// Collects rows and passes them on.
pub(super) struct RowBatches<'s, 't> {
    pub(crate) sets: &'s mut LabelSets,
    labels: usize,
    take: TakeRows<'t>,
    /// Rows that ended, and rows of the row group.
    rows: u64,
    expected: u64,
    /// Whether a row has begun, and whether it is missing.
    begun: bool,
    silent: bool,
    /// Whether labels ascended in all rows so far; and where rows begin among the labels of a block.
    ascend: bool,
    begins: Vec<usize>,
    failed: Option<Error>,
}

impl<'s, 't> RowBatches<'s, 't> {
    pub(crate) fn new(chunk: &Chunk<'_>, sets: &'s mut LabelSets, labels: usize, take: TakeRows<'t>) -> Self {
        sets.clear(labels);
        let expected = chunk.rows;
        Self {
            sets,
            labels,
            take,
            rows: 0,
            expected,
            begun: false,
            silent: false,
            ascend: true,
            begins: Vec::new(),
            failed: None,
        }
    }

    /// Begins a row; the one before ends.
    #[inline]
    pub(crate) fn begin(&mut self, silent: bool) -> Step<()> {
        self.end()?;
        (self.begun, self.silent) = (true, silent);
        Ok(())
    }

    /// Takes a block at once whose values have the label each that `labels` says; false where a list is NULL, or where
    /// labels do not ascend in a row.
    pub(super) fn block(&mut self, block: &SlotBlock, labels: &[u32]) -> Step<bool> {
        if !self.ascend || ones(&block.nulls) > 0 {
            return Ok(false);
        }
        self.begins.clear();
        let mut at = 0;
        for (&starts, &values) in block.starts.iter().zip(&block.values).take(block.len.div_ceil(64)) {
            let (mut starts, holes) = (starts, !values);
            while starts != 0 {
                let slot = starts.trailing_zeros() as usize;
                // Most words have a value in every slot, and bits are not counted by one instruction everywhere.
                let without = if holes == 0 { 0 } else { (holes & low_bits(slot)).count_ones() as usize };
                self.begins.push(at + slot - without);
                starts &= starts - 1;
            }
            at += values.count_ones() as usize;
        }
        let (Some(&first), Some(&last)) = (self.begins.first(), self.begins.last()) else {
            self.sets.extend(labels);
            return Ok(true);
        };
        let falls = |at: usize| labels.get(at).is_some_and(|label| at > 0 && labels[at - 1] >= *label);
        let whole = &labels[first..];
        let all: u32 = whole.iter().zip(whole.get(1..).unwrap_or(&[])).map(|(a, b)| u32::from(b <= a)).sum();
        // Where a row without a label stands between two, they begin at the same label.
        let between = self.begins.windows(2).filter(|row| row[0] < row[1] && falls(row[1])).count();
        self.ascend = all as usize == between;
        if !self.ascend {
            return Ok(false);
        }
        self.sets.extend(&labels[..first]);
        self.end()?;
        self.sets.add_ascending(&labels[first..last], self.begins[1..].iter().map(|begin| begin - first));
        self.rows += self.begins.len() as u64 - 1;
        if self.rows > self.expected {
            return Err(wrong_rows(self.rows, self.expected));
        }
        if self.sets.rows() >= ROWS || self.sets.size() >= LABELS {
            self.give()?;
        }
        (self.begun, self.silent) = (true, false);
        self.sets.extend(&labels[last..]);
        Ok(true)
    }

    #[inline]
    fn end(&mut self) -> Step<()> {
        if !std::mem::take(&mut self.begun) {
            return Ok(());
        }
        if self.silent {
            self.sets.end_silent_row();
        } else {
            self.sets.end_row();
        }
        self.rows += 1;
        if self.rows > self.expected {
            return Err(wrong_rows(self.rows, self.expected));
        }
        if self.sets.rows() >= ROWS || self.sets.size() >= LABELS { self.give() } else { Ok(()) }
    }

    fn give(&mut self) -> Step<()> {
        if self.sets.rows() == 0 {
            return Ok(());
        }
        let taken = (self.take)(self.sets);
        self.sets.clear(self.labels);
        taken.map_err(|error| {
            self.failed = Some(error);
            // It is replaced by that error.
            Stop::Corrupt(String::new())
        })
    }

    /// Gives what is left.
    pub(crate) fn finish(&mut self) -> Step<()> {
        self.end()?;
        if self.rows != self.expected {
            return Err(wrong_rows(self.rows, self.expected));
        }
        self.give()
    }

    pub(crate) fn settle(self, step: Step<()>) -> Result<ChunkOutcome<()>> {
        match self.failed {
            Some(error) => Err(error),
            None => settle(step),
        }
    }
}

/// What comes next in the slots of a block.
pub(crate) enum Slots {
    /// A row begins.
    Row {
        /// Its list is NULL.
        null: bool,
    },
    /// The row at hand goes on.
    More {
        /// The first slot.
        at: usize,
        /// Number of slots of interest.
        len: usize,
    },
}

/// Goes through the rows of a block; `wanted` are the slots of interest.
#[inline]
pub(super) fn each_row(
    block: &SlotBlock,
    wanted: &Bitmap,
    mut each: impl FnMut(Slots) -> Step<()>,
) -> Step<()> {
    let words = block.starts.iter().zip(&block.nulls).zip(wanted).take(block.len.div_ceil(64));
    for (word, ((&starts, &nulls), &wanted)) in words.enumerate() {
        let (mut starts, mut from) = (starts, 0);
        loop {
            let bit = if starts == 0 { 64 } else { starts.trailing_zeros() as usize };
            let len = (wanted & low_bits(bit) & !low_bits(from)).count_ones() as usize;
            if len > 0 {
                each(Slots::More { at: word * 64 + from, len })?;
            }
            if bit == 64 {
                break;
            }
            each(Slots::Row { null: nulls >> bit & 1 == 1 })?;
            from = bit;
            starts &= starts - 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rows of blocks, taken at once where that is possible; and whether some were.
    fn rows(blocks: &[(SlotBlock, Vec<u32>)], expected: u64, at_once: bool) -> (Vec<(Vec<u32>, bool)>, bool) {
        let (mut found, mut sets, mut some) = (Vec::new(), LabelSets::default(), false);
        let mut take = |sets: &mut LabelSets| {
            found.extend((0..sets.rows()).map(|row| (sets.positives(row).to_vec(), sets.is_silent(row))));
            Ok(())
        };
        sets.clear(50);
        let mut batches = RowBatches {
            sets: &mut sets,
            labels: 50,
            take: &mut take,
            rows: 0,
            expected,
            begun: false,
            silent: false,
            ascend: at_once,
            begins: Vec::new(),
            failed: None,
        };
        for (block, labels) in blocks {
            if batches.block(block, labels).unwrap() {
                some = true;
                continue;
            }
            let mut left = &labels[..];
            let each = |step: Slots| match step {
                Slots::Row { null } => batches.begin(null),
                Slots::More { len, .. } => {
                    let (now, rest) = left.split_at(len);
                    left = rest;
                    batches.sets.extend(now);
                    Ok(())
                }
            };
            each_row(block, &block.values, each).unwrap();
        }
        batches.finish().unwrap();
        (found, some)
    }

    proptest! {
        #[test]
        fn blocks_taken_at_once_have_the_rows_of_blocks_taken_row_by_row(
            lists in proptest::collection::vec(proptest::option::weighted(0.97, proptest::collection::vec(0..50_u32, 0..7)), 1..300),
            sorted in proptest::bool::weighted(0.8), null in proptest::bool::weighted(0.3), cut in 1..200_usize,
        ) {
            let mut slots = Vec::new();
            for list in lists {
                let list = if null { list } else { Some(list.unwrap_or_default()) };
                let mut labels = list.clone().unwrap_or_default();
                if sorted {
                    labels.sort_unstable();
                    labels.dedup();
                }
                let first = labels.first().copied();
                slots.push((true, first, list.is_none()));
                slots.extend(labels.into_iter().skip(1).map(|label| (false, Some(label), false)));
            }
            let rows_in_all = slots.iter().filter(|(start, ..)| *start).count() as u64;
            let blocks: Vec<(SlotBlock, Vec<u32>)> = slots.chunks(cut).map(|part| {
                let mut block = SlotBlock { len: part.len(), ..SlotBlock::new() };
                for (at, (start, label, null)) in part.iter().enumerate() {
                    let bit = |is: bool| u64::from(is) << (at % 64);
                    block.starts[at / 64] |= bit(*start);
                    block.values[at / 64] |= bit(label.is_some());
                    block.nulls[at / 64] |= bit(*null);
                }
                (block, part.iter().filter_map(|(_, label, _)| *label).collect())
            }).collect();
            let (one_by_one, none) = rows(&blocks, rows_in_all, false);
            let (found, some) = rows(&blocks, rows_in_all, true);
            prop_assert_eq!(found, one_by_one);
            prop_assert!(!none && (some || null || !sorted));
        }
    }
}
