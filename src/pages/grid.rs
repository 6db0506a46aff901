//! Whether all lists of a column have the same length, found from the levels alone.

use super::Step;
use super::chunk::DataPage;
use super::hybrid::{Hybrid, Run, low_bits};
use super::leaf::Leaf;
use super::rows::{Block, Levels, ones};

/// Follows lists that should have `width` values and no null among them; null lists are allowed.
#[derive(Debug)]
pub(super) struct Grid {
    width: u64,
    /// Slots so far, and the one in which the next row has to start.
    slots: u64,
    next: u64,
    rows: u64,
    null_rows: u64,
}

impl Grid {
    pub(super) fn new(width: usize) -> Self {
        Self { width: width as u64, slots: 0, next: 0, rows: 0, null_rows: 0 }
    }

    /// Reads the levels of a page and gives its number of values; `None` when a list has another length
    /// or a null in it.
    pub(super) fn add(&mut self, leaf: Leaf, page: &DataPage<'_>) -> Step<Option<usize>> {
        if all_values(leaf, page)? {
            return Ok(self.starts(page)?.then_some(page.slots));
        }
        let (mut levels, mut block, mut values) = (Levels::new(leaf, page)?, Block::new(), 0);
        while levels.next(&mut block)? {
            let found = ones(&block.values);
            values += found;
            let mut left = block.len;
            let fits = block.starts.iter().zip(&block.nulls).all(|(starts, nulls)| {
                let len = left.min(64);
                left -= len;
                self.word(*starts, *nulls, len)
            });
            if !fits || found + ones(&block.nulls) < block.len {
                return Ok(None);
            }
        }
        Ok(Some(values))
    }

    /// Rows and null rows, when the last list is as long as the others.
    pub(super) fn finish(self) -> Option<(u64, u64)> {
        (self.next == self.slots).then_some((self.rows, self.null_rows))
    }

    /// Follows the repetition levels of a page in which every slot is a value.
    fn starts(&mut self, page: &DataPage<'_>) -> Step<bool> {
        let mut levels = Hybrid::levels(page.repetition, 1)?;
        let mut fits = true;
        levels.runs(page.slots, |run| {
            match run {
                Run::Repeat { value: 0, len } if self.width == 1 => {
                    fits &= self.next == self.slots;
                    self.rows += len as u64;
                    self.slots += len as u64;
                    self.next = self.slots;
                }
                Run::Repeat { value: 0, len } => {
                    // Two rows cannot start side by side, so that the first two slots tell.
                    fits &= len == 1 && self.word(1, 0, 1);
                }
                Run::Repeat { len, .. } => {
                    self.slots += len as u64;
                    fits &= self.next >= self.slots;
                }
                Run::Packed(packed) => {
                    packed.words(|word, len| fits &= self.word(!word & low_bits(len), 0, len))
                }
            }
            Ok(())
        })?;
        levels.finish()?;
        Ok(fits)
    }

    /// Follows up to 64 slots: where rows start, and which of them are null lists.
    fn word(&mut self, starts: u64, nulls: u64, len: usize) -> bool {
        let mut left = starts;
        while left > 0 {
            let bit = left.trailing_zeros();
            if self.slots + u64::from(bit) != self.next {
                return false;
            }
            let null = nulls >> bit & 1 == 1;
            self.next += if null { 1 } else { self.width };
            self.rows += 1;
            self.null_rows += u64::from(null);
            left &= left - 1;
        }
        self.slots += len as u64;
        self.next >= self.slots
    }
}

/// True when no slot of a page is a null or an empty list.
fn all_values(leaf: Leaf, page: &DataPage<'_>) -> Step<bool> {
    let mut levels = Hybrid::levels(page.definition, leaf.max_def)?;
    let (mut batch, mut left) = ([0; 256], page.slots);
    while left > 0 {
        let run = levels.next(left)?;
        left -= run.len();
        let all = match run {
            Run::Repeat { value, .. } => value == leaf.max_def,
            Run::Packed(mut packed) => loop {
                let (part, rest) = packed.split(batch.len());
                let batch = &mut batch[..part.len];
                part.unpack(batch);
                if batch.iter().any(|level| *level != leaf.max_def) {
                    break false;
                }
                if rest.len == 0 {
                    break true;
                }
                packed = rest;
            },
        };
        if !all {
            return Ok(false);
        }
    }
    levels.finish()?;
    Ok(true)
}
