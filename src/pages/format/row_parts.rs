//! The rows of a row group that count, in parts.

use super::row_mask::RowMask;

/// Parts of the rows of a row group, at most 32; no row is in two of them, and some may be in none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowParts<'m> {
    /// The rows of each; `None` stands for all rows, and is then the only part.
    masks: &'m [Option<&'m RowMask>],
}

/// The number of a row that is in no part.
pub(crate) const OUTSIDE: u8 = u8::MAX;

impl<'m> RowParts<'m> {
    /// All rows.
    #[cfg(test)]
    pub(crate) const ALL: RowParts<'static> = RowParts { masks: &[None] };

    pub(crate) fn new(masks: &'m [Option<&'m RowMask>]) -> Self {
        Self { masks }
    }

    /// Number of parts.
    pub(crate) fn len(&self) -> usize {
        self.masks.len()
    }

    /// The number of the part of each row; `None` where all rows are in the one part.
    pub(crate) fn numbers(&self, rows: u64) -> Option<Vec<u8>> {
        if let [None] = self.masks {
            return None;
        }
        let mut numbers = vec![OUTSIDE; usize::try_from(rows).unwrap_or(usize::MAX)];
        for (number, mask) in (0..OUTSIDE).zip(self.masks) {
            let Some(mask) = mask else { continue };
            for (at, numbers) in (0..).step_by(64).zip(numbers.chunks_mut(64)) {
                let mut word = mask.word(at, numbers.len());
                while word != 0 {
                    numbers[word.trailing_zeros() as usize] = number;
                    word &= word - 1;
                }
            }
        }
        Some(numbers)
    }
}
