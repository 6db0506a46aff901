//! Whether all lists of a column have the same length, found from the levels alone.

use crate::pages::format::data_pages::DataPage;
use crate::pages::format::hybrid::{Hybrid, HybridRun};
use crate::pages::format::leaf::LeafColumn;
use crate::pages::format::packed::low_bits;
use crate::pages::format::slots::{Levels, SlotBlock, ones};
use crate::pages::outcome::Step;

/// Follows lists that should have `width` values and no null among them; null lists are allowed.
#[derive(Debug)]
pub(super) struct Grid {
    width: u64,
    /// Slots so far, and the one in which the next row has to start.
    slots: u64,
    next: u64,
    rows: u64,
    null_rows: u64,
    /// Rows there can be.
    rows_max: u64,
    /// Which rows are null, where that is to be kept.
    nulls: Option<Vec<u64>>,
}

impl Grid {
    pub(crate) fn new(width: usize, rows_max: u64) -> Self {
        Self { width: width as u64, slots: 0, next: 0, rows: 0, null_rows: 0, rows_max, nulls: None }
    }

    /// Keeps which rows are null.
    pub(super) fn keeping_nulls(self) -> Self {
        Self { nulls: Some(Vec::new()), ..self }
    }

    /// Rows that have begun.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The rows that are null since this was asked for the last time.
    pub(super) fn take_nulls(&mut self) -> Vec<u64> {
        self.nulls.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Reads the levels of a page and gives its number of values; `None` when a list has another length
    /// or a null in it, or there are too many. What is given never adds up to more than there can be.
    pub(crate) fn add(&mut self, leaf: LeafColumn, page: &DataPage<'_>) -> Step<Option<usize>> {
        let values = self.values(leaf, page)?;
        Ok(values.filter(|_| self.rows <= self.rows_max && self.slots <= self.next))
    }

    fn values(&mut self, leaf: LeafColumn, page: &DataPage<'_>) -> Step<Option<usize>> {
        if all_values(leaf, page)? {
            return Ok(self.starts(page)?.then_some(page.slots));
        }
        let (mut levels, mut block, mut values) = (Levels::new(leaf, page)?, SlotBlock::new(), 0);
        // Where a list of the page before may go on is known here better than there.
        block.depth = 1;
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
    pub(crate) fn finish(self) -> Option<(u64, u64)> {
        (self.next == self.slots).then_some((self.rows, self.null_rows))
    }

    /// Follows the repetition levels of a page in which every slot is a value.
    fn starts(&mut self, page: &DataPage<'_>) -> Step<bool> {
        let mut levels = Hybrid::levels(page.repetition, 1)?;
        let mut fits = true;
        levels.runs(page.slots, |run| {
            match run {
                HybridRun::Repeat { value: 0, len } if self.width == 1 => {
                    fits &= self.next == self.slots;
                    self.rows += len as u64;
                    self.slots += len as u64;
                    self.next = self.slots;
                }
                HybridRun::Repeat { value: 0, len } => {
                    // Two rows cannot start side by side, so that the first two slots tell.
                    fits &= len == 1 && self.word(1, 0, 1);
                }
                HybridRun::Repeat { len, .. } => self.slots += len as u64,
                HybridRun::Packed(packed) => {
                    packed.words(|word, len| fits &= self.word(!word & low_bits(len), 0, len));
                }
            }
            Ok(())
        })?;
        levels.finish()?;
        Ok(fits)
    }

    /// Follows up to 64 slots: where rows start, and which of them are null lists. A list that is too
    /// long shows where the next one starts.
    fn word(&mut self, starts: u64, nulls: u64, len: usize) -> bool {
        let mut left = starts;
        while left > 0 {
            let bit = left.trailing_zeros();
            if self.slots + u64::from(bit) != self.next {
                return false;
            }
            let null = nulls >> bit & 1 == 1;
            self.next += if null { 1 } else { self.width };
            if null && let Some(nulls) = &mut self.nulls {
                nulls.push(self.rows);
            }
            self.rows += 1;
            self.null_rows += u64::from(null);
            left &= left - 1;
        }
        self.slots += len as u64;
        true
    }
}

/// True when no slot of a page is a null or an empty list.
fn all_values(leaf: LeafColumn, page: &DataPage<'_>) -> Step<bool> {
    let mut levels = Hybrid::levels(page.definition, leaf.max_def)?;
    let (mut batch, mut left) = ([0; 256], page.slots);
    while left > 0 {
        let run = levels.next(left)?;
        left -= run.len();
        let all = match run {
            HybridRun::Repeat { value, .. } => value == leaf.max_def,
            HybridRun::Packed(mut packed) => loop {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;

    use super::*;
    use crate::pages::by_hand::packed;
    use crate::pages::format::data_pages::Coding;

    /// Follows lists of `width` values on pages of `page` slots; lists are lengths, 0 is a null list.
    fn follow(lists: &[usize], width: usize, page: usize) -> Option<(usize, u64, u64)> {
        let field = "optional group a (LIST) { repeated group list { required int32 element; } }";
        let schema = parse_message_type(&format!("message m {{ {field} }}")).unwrap();
        let leaf = LeafColumn::of(&SchemaDescriptor::new(Arc::new(schema)).column(0)).unwrap();
        let slots =
            |len: usize| (0..len.max(1)).map(move |i| (u32::from(i > 0), if len == 0 { 0 } else { 2 }));
        let levels: Vec<_> = lists.iter().flat_map(|len| slots(*len)).collect();
        let (mut grid, mut values) = (Grid::new(width, 30), 0);
        for levels in levels.chunks(page) {
            let (repetition, definition): (Vec<_>, Vec<_>) = levels.iter().copied().unzip();
            let (repetition, definition) = (packed(&repetition, 1), packed(&definition, 2));
            let page = DataPage {
                slots: levels.len(),
                coding: Coding::Plain,
                repetition: &repetition,
                definition: &definition,
                values: &[],
                nulls: None,
            };
            values += grid.add(leaf, &page).unwrap()?;
        }
        grid.finish().map(|(rows, nulls)| (values, rows, nulls))
    }

    #[test]
    fn lists_of_one_length_are_followed_over_pages() {
        for page in [1, 7, 64, 200] {
            assert_eq!(follow(&[10; 30], 10, page), Some((300, 30, 0)));
            assert_eq!(follow(&[10, 0, 0, 10, 10, 0], 10, page), Some((30, 6, 3)));
            assert_eq!(follow(&[1, 0, 1], 1, page), Some((2, 3, 1)));
        }
    }

    #[test]
    fn more_lists_than_rows_are_noticed() {
        assert_eq!(follow(&[2; 30], 2, 8).map(|(values, ..)| values), Some(60));
        assert_eq!(follow(&[2; 31], 2, 8), None);
        assert_eq!(follow(&[1; 31], 1, 8), None);
    }

    #[test]
    fn another_length_is_noticed_wherever_it_is() {
        for page in [1, 7, 64, 200] {
            for wrong in [9, 11, 20] {
                for at in 0..4 {
                    let mut lists = [10; 4];
                    lists[at] = wrong;
                    assert_eq!(follow(&lists, 10, page), None, "{lists:?} on pages of {page}");
                }
            }
        }
    }
}
