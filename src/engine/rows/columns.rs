//! Label columns of layout wide become rows.

use crate::engine::rows::block::Block;
use crate::error::Result;
use crate::pages::Marks;

/// Words of a block of rows.
const BLOCK_WORDS: usize = 64;

/// The marks of all label columns, for some rows of a row group.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// Words of each column.
    words: usize,
    /// Positive rows, column after column.
    positives: Vec<u64>,
    /// Rows of which nothing is known, where there are such.
    unknown: Vec<Vec<u64>>,
    /// (row, label) of a block.
    found: [Vec<(u32, u32)>; 2],
}

impl Columns {
    /// No mark yet, of `columns` columns and `rows` rows.
    pub(super) fn clear(&mut self, columns: usize, rows: usize) {
        self.words = rows.div_ceil(64);
        self.positives.resize(columns * self.words, 0);
        self.unknown.resize(columns, Vec::new());
        self.unknown.iter_mut().for_each(Vec::clear);
    }

    /// Takes the marks of a column from word `from` on.
    pub(super) fn put(&mut self, column: usize, marks: &Marks, from: usize) {
        let words = from..from + self.words;
        if let Some(positives) = marks.positives.get(words.clone()) {
            self.positives[column * self.words..][..self.words].copy_from_slice(positives);
        }
        if let Some(unknown) = marks.unknown.get(words) {
            self.unknown[column].extend_from_slice(unknown);
        }
    }

    /// Nothing is known of a column.
    pub(super) fn put_absent(&mut self, column: usize) {
        self.positives[column * self.words..][..self.words].fill(0);
        self.unknown[column].resize(self.words, u64::MAX);
    }

    /// Calls `each` with a block of rows after the other, and the first row of it, of `rows` rows.
    pub(super) fn rows(
        &mut self,
        rows: usize,
        block: &mut Block,
        mut each: impl FnMut(&mut Block, usize) -> Result<()>,
    ) -> Result<()> {
        let Self { words, positives, unknown, found } = self;
        for start in (0..*words).step_by(BLOCK_WORDS) {
            let end = (start + BLOCK_WORDS).min(*words);
            let rows = rows.min(end * 64) - start * 64;
            found.iter_mut().for_each(Vec::clear);
            for (label, (column, unknown)) in (0..).zip(positives.chunks_exact(*words).zip(unknown.iter())) {
                collect(&column[start..end], label, &mut found[0]);
                if let Some(unknown) = unknown.get(start..end) {
                    collect(unknown, label, &mut found[1]);
                }
            }
            if rows < (end - start) * 64 {
                // Words of an absent column go on behind the last row.
                found[1].retain(|(row, _)| (*row as usize) < rows);
            }
            block.sets.set(rows, &found[0], &found[1]);
            each(block, start * 64)?;
        }
        Ok(())
    }
}

/// Adds every bit that is set, with the label.
#[inline]
fn collect(words: &[u64], label: u32, found: &mut Vec<(u32, u32)>) {
    for (first, words) in (0..).step_by(4 * 64).zip(words.chunks(4)) {
        // Of a rare label most words are 0.
        if words.iter().fold(0, |all, word| all | word) == 0 {
            continue;
        }
        for (first, &word) in (first..).step_by(64).zip(words) {
            let mut word = word;
            while word != 0 {
                found.push((first + word.trailing_zeros(), label));
                word &= word - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_rows_block_by_block() {
        let (rows, from) = (64 * 100 + 5, 2);
        // One label is rare.
        let is = |row: usize, label: usize| {
            (row * 7 + label * 3).is_multiple_of(11) && (label > 0 || row.is_multiple_of(13))
        };
        let marks = |label: usize| {
            let mut marks = Marks::default();
            marks.clear(rows);
            for row in (0..rows).filter(|row| is(*row, label)) {
                marks.positives[row / 64] |= 1 << (row % 64);
            }
            if label == 1 {
                marks.unknown = marks.positives.iter().map(|word| !word & 0xff).collect();
            }
            marks
        };
        let (mut columns, mut block, mut seen) = (Columns::default(), Block::default(), 0);
        let left = rows - from * 64;
        columns.clear(3, left);
        columns.put(0, &marks(0), from);
        columns.put(1, &marks(1), from);
        columns.put_absent(2);
        columns
            .rows(left, &mut block, |block, first| {
                assert_eq!(first, seen);
                for row in 0..block.rows() {
                    let here = seen + row + from * 64;
                    let expected: Vec<u32> = (0..2).filter(|label| is(here, *label as usize)).collect();
                    let mut unknown = vec![2];
                    if here % 64 < 8 && !is(here, 1) {
                        unknown.insert(0, 1);
                    }
                    assert_eq!(
                        (block.sets.positives(row), block.sets.unknown(row)),
                        (&expected[..], &unknown[..])
                    );
                }
                seen += block.rows();
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, left);
    }
}
