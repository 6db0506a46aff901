//! The rows of a column whose lists all have the same length: which part each is of.

use super::cells::VectorCount;
use super::grid::Grid;
use crate::pages::format::data_pages::DataPage;
use crate::pages::format::leaf::LeafColumn;
use crate::pages::format::row_parts::{OUTSIDE, RowParts};
use crate::pages::format::slots::wrong_rows;
use crate::pages::outcome::Step;

/// Follows the rows of a chunk page by page.
#[derive(Debug)]
pub(super) struct PartRows {
    grid: Grid,
    width: usize,
    /// Rows of the row group.
    expected: u64,
    /// The part of each row; `None` where there is only one.
    numbers: Option<Vec<u8>>,
    /// The same of the rows so far that have values.
    with_values: Vec<u8>,
    /// Values so far.
    values: usize,
    counts: Vec<VectorCount>,
}

/// Values of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageRange {
    /// Those in front of them.
    pub(super) first: usize,
    pub(super) len: usize,
}

impl PartRows {
    /// Rows of `width` values each.
    pub(super) fn new(width: usize, rows: u64, parts: RowParts<'_>) -> Self {
        let numbers = parts.numbers(rows);
        let grid = Grid::new(width, rows);
        Self {
            grid: if numbers.is_some() { grid.keeping_nulls() } else { grid },
            width,
            expected: rows,
            numbers,
            with_values: Vec::new(),
            values: 0,
            counts: vec![VectorCount::default(); parts.len()],
        }
    }

    /// Values of a row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The position of the first value of a page.
    pub(super) fn position(&self, range: PageRange) -> usize {
        range.first % self.width
    }

    /// Whether all rows are of one part.
    pub(super) fn are_together(&self) -> bool {
        self.numbers.is_none()
    }

    /// Reads the levels of a page; `None` when a list has another length or a null in it.
    pub(super) fn page(&mut self, leaf: LeafColumn, page: &DataPage<'_>) -> Step<Option<PageRange>> {
        let before = self.grid.rows();
        let Some(len) = self.grid.add(leaf, page)? else { return Ok(None) };
        let first = self.values;
        self.values += len;
        if let Some(numbers) = &self.numbers {
            let index = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
            let begun = numbers.get(index(before)..index(self.grid.rows())).unwrap_or_default();
            let mut nulls = self.grid.take_nulls().into_iter();
            let mut next = nulls.next();
            for (row, &number) in (before..).zip(begun) {
                let is_null = next == Some(row);
                if is_null {
                    next = nulls.next();
                } else {
                    self.with_values.push(number);
                }
                if let Some(count) = self.counts.get_mut(usize::from(number)) {
                    count.rows += 1;
                    count.null_rows += u64::from(is_null);
                }
            }
        }
        Ok(Some(PageRange { first, len }))
    }

    /// Calls `each` with the part of a row, `None` where it does not count, the position of its first value, and how
    /// many values follow.
    #[inline]
    pub(super) fn each(
        &self,
        range: PageRange,
        mut each: impl FnMut(Option<usize>, usize, usize) -> Step<()>,
    ) -> Step<()> {
        let (mut row, mut at, mut left) = (range.first / self.width, range.first % self.width, range.len);
        while left > 0 {
            let len = left.min(self.width - at);
            let part = match &self.numbers {
                None => Some(0),
                Some(_) => {
                    self.with_values.get(row).filter(|part| **part != OUTSIDE).map(|part| usize::from(*part))
                }
            };
            each(part, at, len)?;
            left -= len;
            (row, at) = (row + 1, 0);
        }
        Ok(())
    }

    /// The rows of each part; `None` when the last list is shorter than the others.
    pub(super) fn finish(self) -> Step<Option<Vec<VectorCount>>> {
        let Some((rows, null_rows)) = self.grid.finish() else { return Ok(None) };
        if rows != self.expected {
            return Err(wrong_rows(rows, self.expected));
        }
        let mut counts = self.counts;
        if self.numbers.is_none()
            && let Some(count) = counts.first_mut()
        {
            (count.rows, count.null_rows) = (rows, null_rows);
        }
        Ok(Some(counts))
    }
}
