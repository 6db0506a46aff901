//! Rows of a file that its table has deleted.

use std::ops::Range;

use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use sha2::{Digest, Sha256};

/// Numbers of rows of one file, ascending and each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeletedRows(Box<[u64]>);

impl DeletedRows {
    /// Rows by their numbers, from 0.
    #[cfg(any(feature = "delta", feature = "iceberg", test))]
    #[must_use]
    pub(crate) fn new(mut rows: Vec<u64>) -> Self {
        if !rows.is_sorted_by(|a, b| a < b) {
            rows.sort_unstable();
            rows.dedup();
        }
        Self(rows.into())
    }

    /// Whether no row is deleted.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many rows are deleted.
    #[must_use]
    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// The last of them.
    #[must_use]
    pub(crate) fn last(&self) -> Option<u64> {
        self.0.last().copied()
    }

    /// Those in a range of rows.
    #[must_use]
    pub(crate) fn within(&self, rows: Range<u64>) -> &[u64] {
        let from = self.0.partition_point(|row| *row < rows.start);
        let to = self.0.partition_point(|row| *row < rows.end);
        self.0.get(from..to).unwrap_or_default()
    }

    /// The number in the file of the row that has this number among those that are left.
    #[must_use]
    pub(crate) fn place(&self, left: u64) -> u64 {
        let (mut low, mut high) = (0, self.0.len());
        // Before the deleted row at `at`, as many rows are left as its number says without the deleted ones.
        while low < high {
            let at = usize::midpoint(low, high);
            if self.0[at] - at as u64 <= left { low = at + 1 } else { high = at }
        }
        left + low as u64
    }

    /// How many rows of a range are deleted.
    #[must_use]
    pub(crate) fn count(&self, rows: Range<u64>) -> u64 {
        self.within(rows).len() as u64
    }

    /// Sets the bits of deleted rows in a mask of a range of rows: bit 0 of word 0 is the first row.
    pub(crate) fn fill_mask(&self, rows: Range<u64>, mask: &mut [u64]) {
        let start = rows.start;
        for row in self.within(rows) {
            let at = row - start;
            if let Some(word) = usize::try_from(at / 64).ok().and_then(|word| mask.get_mut(word)) {
                *word |= 1 << (at % 64);
            }
        }
    }

    /// The rows of a range that are left.
    #[must_use]
    pub(crate) fn selection(&self, rows: Range<u64>) -> RowSelection {
        let size = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        let mut selectors: Vec<RowSelector> = Vec::new();
        let (mut at, mut skipped) = (rows.start, 0);
        for &row in self.within(rows.clone()) {
            if row > at {
                if skipped > 0 {
                    selectors.push(RowSelector::skip(std::mem::take(&mut skipped)));
                }
                selectors.push(RowSelector::select(size(row - at)));
            }
            skipped += 1;
            at = row + 1;
        }
        if skipped > 0 {
            selectors.push(RowSelector::skip(skipped));
        }
        if rows.end > at {
            selectors.push(RowSelector::select(size(rows.end - at)));
        }
        selectors.into()
    }

    /// A hash over all of them.
    #[must_use]
    pub(crate) fn sha256(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        self.0.iter().for_each(|row| hash.update(row.to_le_bytes()));
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn masks_and_selections_say_the_same(rows in prop::collection::vec(0_u64..300, 0..120), from in 0_u64..150, len in 0_u64..150) {
            let (deleted, range) = (DeletedRows::new(rows.clone()), from..from + len);
            let mut mask = vec![0; 3];
            deleted.fill_mask(range.clone(), &mut mask);
            let mut left = Vec::new();
            let mut at = from;
            for selector in deleted.selection(range.clone()).iter() {
                let end = at + selector.row_count as u64;
                if !selector.skip {
                    left.extend(at..end);
                }
                at = end;
            }
            prop_assert_eq!(at, range.end);
            let expected: Vec<u64> = range.clone().filter(|row| !rows.contains(row)).collect();
            prop_assert_eq!(&left, &expected);
            let masked: Vec<u64> = range.clone().filter(|row| mask[usize::try_from((row - from) / 64).unwrap()] >> ((row - from) % 64) & 1 == 0).collect();
            prop_assert_eq!(&masked, &expected);
            let places: Vec<u64> = (0..300).map(|left| deleted.place(left)).collect();
            let of_all: Vec<u64> = (0..).filter(|row| !rows.contains(row)).take(300).collect();
            prop_assert_eq!(places, of_all);
            prop_assert_eq!(deleted.count(range), len - expected.len() as u64);
        }
    }
}
