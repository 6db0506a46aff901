//! Bits of rows: which are positive, and which say nothing.

use crate::counts::Cell;
use crate::pages::format::bits::{deposit, take};
use crate::pages::format::packed::{Packed, low_bits};
use crate::pages::format::row_mask::RowMask;

/// Which rows of a chunk are positive, and which are unknown, as bits.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Marks {
    /// A bit for every positive row, 64 to a word, the lowest first.
    pub positives: Vec<u64>,
    /// The same for every unknown row; empty if there is none.
    pub unknown: Vec<u64>,
    pub(crate) rows: usize,
    pub(crate) at: usize,
}

/// What a value says about its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowMark {
    Negative,
    Positive,
    Unknown,
}

impl Marks {
    /// Resets to `rows` rows, all negative.
    pub(crate) fn clear(&mut self, rows: usize) {
        self.positives.clear();
        self.positives.resize(rows.div_ceil(64), 0);
        self.unknown.clear();
        (self.rows, self.at) = (rows, 0);
    }

    /// How many rows are positive, and how many are unknown, of those of `mask` or of all.
    pub(crate) fn counts(&self, mask: Option<&RowMask>) -> (u64, u64) {
        let count = |bits: &[u64]| {
            let marked = bits.iter().enumerate().filter(|(_, word)| **word != 0);
            let words = marked.map(|(at, word)| match mask {
                Some(mask) => word & mask.words().get(at).copied().unwrap_or(0),
                None => *word,
            });
            words.map(|word| u64::from(word.count_ones())).sum()
        };
        (count(&self.positives), count(&self.unknown))
    }

    /// Marks a row by its cell.
    pub(crate) fn mark(&mut self, row: usize, cell: Cell) {
        if row < self.rows {
            self.word(side_of(cell), 1, row);
        }
    }

    fn side(&mut self, side: RowMark) -> Option<&mut Vec<u64>> {
        match side {
            RowMark::Negative => None,
            RowMark::Positive => Some(&mut self.positives),
            RowMark::Unknown => {
                self.unknown.resize(self.positives.len(), 0);
                Some(&mut self.unknown)
            }
        }
    }

    /// The next `len` rows are all on one side.
    pub(super) fn run(&mut self, side: RowMark, len: usize) {
        let (mut at, end) = (self.at, self.at + len);
        self.at = end;
        let Some(bits) = self.side(side) else { return };
        while at < end {
            // Up to the end of the word.
            let n = (64 - at % 64).min(end - at);
            bits[at / 64] |= low_bits(n) << (at % 64);
            at += n;
        }
    }

    /// The next `len` rows, up to 64: those of the bits of `word` are on one side.
    #[inline]
    pub(super) fn word(&mut self, side: RowMark, word: u64, at: usize) {
        if word == 0 {
            return;
        }
        let (index, shift) = (at / 64, at % 64);
        let Some(bits) = self.side(side) else { return };
        bits[index] |= word << shift;
        if shift > 0
            && let Some(next) = bits.get_mut(index + 1)
        {
            *next |= word >> (64 - shift);
        }
    }

    /// The next rows are the two sides of bits.
    pub(super) fn bits(&mut self, packed: Packed<'_>, sides: [RowMark; 2]) {
        let (zeros_count, at, mut packed) = (sides[0] != RowMark::Negative, self.at, packed);
        if sides == [RowMark::Negative, RowMark::Positive] && at.is_multiple_of(64) && packed.start == 0 {
            // Most are whole words of rows.
            let words = packed.bytes.as_chunks::<8>().0;
            let words = &words[..words.len().min(packed.len / 64)];
            let bits = self.positives.get_mut(at / 64..).unwrap_or_default();
            bits.iter_mut().zip(words).for_each(|(bits, word)| *bits |= u64::from_le_bytes(*word));
            self.at += words.len() * 64;
            packed = packed.split(words.len() * 64).1;
        }
        packed.words(|word, n| {
            if zeros_count {
                self.word(sides[0], !word & low_bits(n), self.at);
            }
            self.word(sides[1], word, self.at);
            self.at += n;
        });
    }

    /// Marks what is set among the rows that have a value, in the order of their values: bit i of `from` is
    /// that of the i-th bit of `valid`.
    pub(crate) fn spread(&mut self, valid: &[u64], from: &Self) {
        let start = self.at;
        for (side, bits) in [(RowMark::Positive, &from.positives), (RowMark::Unknown, &from.unknown)] {
            if bits.is_empty() {
                continue;
            }
            let mut taken = 0;
            for (word, &valid) in valid.iter().enumerate() {
                let n = valid.count_ones() as usize;
                self.word(side, deposit(take(bits, taken, n), valid), start + word * 64);
                taken += n;
            }
        }
    }
}

pub(super) fn side_of(cell: Cell) -> RowMark {
    match cell {
        Cell::Positive => RowMark::Positive,
        Cell::Missing | Cell::Uncertain => RowMark::Unknown,
        Cell::Negative | Cell::Invalid => RowMark::Negative,
    }
}
