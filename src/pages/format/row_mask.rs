//! Which rows of a row group count.

use super::bits::{BitRange, Bits, Ranks, deposit, gather};
use super::data_pages::DataPage;
use super::leaf::LeafColumn;
use super::levels::validity;
use super::slots::{BLOCK, Bitmap, SlotBlock};
use crate::pages::outcome::Step;

/// Which rows of a row group count; the others are passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowMask {
    bits: Bits,
    ranks: Ranks,
}

impl RowMask {
    /// One bit per row, 64 to a word, the lowest first: a row counts where its bit is set.
    pub(crate) fn new(words: Vec<u64>, rows: usize) -> Self {
        let (bits, mut ranks) = (Bits::new(words, rows), Ranks::default());
        ranks.find(&bits);
        Self { bits, ranks }
    }

    /// Number of rows that count.
    pub(crate) fn kept(&self) -> u64 {
        self.ranks.all() as u64
    }

    /// These rows where each stands for a row of `of`, one after the other: those of them that count in `of`.
    pub(crate) fn spread(&self, of: &Self) -> Self {
        let (mut words, mut taken) = (Vec::new(), 0);
        for &own in self.bits.words() {
            let n = own.count_ones() as usize;
            words.push(deposit(of.word(taken, n), own));
            taken += n;
        }
        Self::new(words, self.rows())
    }

    /// Words of 64 rows each, the lowest bit first.
    pub(crate) fn words(&self) -> &[u64] {
        self.bits.words()
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.bits.len()
    }

    /// Whether row `row` counts.
    pub(crate) fn has(&self, row: usize) -> bool {
        self.bits.word(row, 1) == 1
    }

    /// `n` bits from row `row` on, up to 64.
    pub(crate) fn word(&self, row: usize, n: usize) -> u64 {
        self.bits.word(row, n)
    }

    /// `len` rows from row `row` on.
    fn range(&self, row: usize, len: usize) -> BitRange<'_> {
        BitRange::new(&self.bits, &self.ranks, row, len)
    }
}

/// The values of a page of a column without lists that are in rows that count.
#[derive(Debug)]
pub(crate) struct KeptValues<'m> {
    mask: &'m RowMask,
    /// Where no row of the page is NULL, its bits are those of the mask from this row on; else they are in `own`.
    from: Option<usize>,
    own: Bits,
    own_ranks: Ranks,
    /// Number of values, and of those that are kept.
    len: usize,
    ones: usize,
    /// Rows of the page that count.
    pub(crate) rows: usize,
    valid: Bits,
}

impl<'m> KeptValues<'m> {
    pub(crate) fn new(mask: &'m RowMask) -> Self {
        let (own, own_ranks, valid) = (Bits::default(), Ranks::default(), Bits::default());
        Self { mask, from: None, own, own_ranks, len: 0, ones: 0, rows: 0, valid }
    }

    /// Finds them; the page begins at row `from`.
    pub(crate) fn find(&mut self, leaf: LeafColumn, page: &DataPage<'_>, from: usize) -> Step<()> {
        let present = validity(leaf, page, &mut self.valid)?;
        self.rows = self.mask.range(from, page.slots).ones_of(0, page.slots);
        if present == page.slots {
            (self.from, self.len, self.ones) = (Some(from), present, self.rows);
            return Ok(());
        }
        self.own.clear();
        for at in (0..page.slots).step_by(64) {
            let n = (page.slots - at).min(64);
            let valid = self.valid.word(at, n);
            self.own.push(gather(self.mask.word(from + at, n), valid), valid.count_ones() as usize);
        }
        self.own_ranks.find(&self.own);
        (self.from, self.len, self.ones) = (None, present, self.own_ranks.all());
        Ok(())
    }

    /// A bit for each value of the page.
    pub(crate) fn range(&self) -> BitRange<'_> {
        match self.from {
            Some(from) => self.mask.range(from, self.len),
            None => BitRange::new(&self.own, &self.own_ranks, 0, self.len),
        }
    }

    /// Number of values of the page.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many of them are kept.
    pub(crate) fn ones(&self) -> usize {
        self.ones
    }

    /// A bit for each of `n` values from value `at` on, up to 64.
    #[inline]
    pub(crate) fn word(&self, at: usize, n: usize) -> u64 {
        self.range().word(at, n)
    }
}

/// Follows the rows of a column with lists from block to block.
#[derive(Debug)]
pub(crate) struct RowFilter<'m> {
    mask: &'m RowMask,
    /// Rows that have begun.
    rows: usize,
    /// Whether the last of them counts; it may go on.
    goes_on: bool,
}

impl<'m> RowFilter<'m> {
    pub(crate) fn new(mask: &'m RowMask) -> Self {
        Self { mask, rows: 0, goes_on: false }
    }

    /// The slots of a block that are in rows that count.
    pub(crate) fn next(&mut self, block: &SlotBlock) -> Bitmap {
        let (mut kept, mut left) = ([0; BLOCK / 64], block.len);
        for (kept, &starts) in kept.iter_mut().zip(&block.starts) {
            let n = left.min(64);
            if n == 0 {
                break;
            }
            let begun = starts.count_ones() as usize;
            let first = deposit(self.mask.word(self.rows, begun), starts);
            self.rows += begun;
            // Behind the first slot of a row, a carry runs through the others up to the next start.
            let others = !starts;
            let seeds = (first << 1 | u64::from(self.goes_on)) & others;
            *kept = first | others & !others.wrapping_add(seeds);
            self.goes_on = *kept >> (n - 1) & 1 == 1;
            if n < 64 {
                *kept &= (1 << n) - 1;
            }
            left -= n;
        }
        kept
    }
}

/// The values of a block that are in rows that count.
#[derive(Debug, Default)]
pub(crate) struct KeptSlots {
    /// One bit per value.
    values: Bits,
    /// One bit per value that is kept: whether it is the first of its row.
    firsts: Bits,
}

impl KeptSlots {
    /// Finds them; `firsts` has one bit per value.
    pub(crate) fn find(&mut self, block: &SlotBlock, kept: &Bitmap, firsts: &Bitmap) {
        self.values.clear();
        self.firsts.clear();
        for (&kept, &values) in kept.iter().zip(&block.values).take(block.len.div_ceil(64)) {
            self.values.push(gather(kept, values), values.count_ones() as usize);
        }
        for (&values, &firsts) in self.values.words().iter().zip(firsts) {
            self.firsts.push(gather(firsts, values), values.count_ones() as usize);
        }
    }

    /// One bit per value that is kept: whether it is the first of its row.
    pub(crate) fn firsts(&self) -> &[u64] {
        self.firsts.words()
    }

    /// Whether value `at` is kept.
    pub(crate) fn has(&self, at: usize) -> bool {
        self.values.word(at, 1) == 1
    }

    /// Puts those of `all` values that are kept into `out`.
    pub(crate) fn pick<T: Copy + Default>(&self, all: &[T], out: &mut Vec<T>) {
        out.resize(all.len(), T::default());
        let mut end = 0;
        for (&word, values) in self.values.words().iter().zip(all.chunks(64)) {
            if word.count_ones() as usize == values.len() {
                out[end..end + values.len()].copy_from_slice(values);
                end += values.len();
                continue;
            }
            // No branch on which are kept, which cannot be predicted: what is not is overwritten.
            for (bit, value) in values.iter().enumerate() {
                out[end] = *value;
                end += usize::from(word >> bit & 1 == 1);
            }
        }
        out.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_that_are_left_keep_their_places(
            rows in 0..400_usize, left in proptest::collection::vec(any::<u64>(), 7), counts in proptest::collection::vec(any::<u64>(), 7),
        ) {
            let left = RowMask::new(left, rows);
            let of = RowMask::new(counts, usize::try_from(left.kept()).unwrap());
            let spread = left.spread(&of);
            let places: Vec<usize> = (0..rows).filter(|row| left.has(*row)).collect();
            let expected: Vec<usize> = places.iter().enumerate().filter(|(at, _)| of.has(*at)).map(|(_, row)| *row).collect();
            prop_assert_eq!((0..rows).filter(|row| spread.has(*row)).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn slots_are_kept_with_their_rows(
            slots in proptest::collection::vec((proptest::bool::weighted(0.3), any::<bool>()), 1..400),
            bits in proptest::collection::vec(any::<u64>(), 8),
            cut in 1..300_usize,
        ) {
            let mut slots = slots;
            slots[0].0 = true;
            let rows = slots.iter().filter(|(start, _)| *start).count();
            let mask = RowMask::new(bits, rows);
            let (mut filter, mut kept_slots, mut row) = (RowFilter::new(&mask), KeptSlots::default(), 0);
            for part in slots.chunks(cut) {
                let mut block = SlotBlock { len: part.len(), ..SlotBlock::new() };
                let (mut expected, mut all, mut some) = (Vec::new(), Vec::new(), Vec::new());
                for (at, (start, value)) in part.iter().enumerate() {
                    row += usize::from(*start);
                    block.starts[at / 64] |= u64::from(*start) << (at % 64);
                    block.values[at / 64] |= u64::from(*value) << (at % 64);
                    expected.push(mask.has(row - 1));
                    if *value {
                        all.push(u32::try_from(at).unwrap());
                        some.extend(mask.has(row - 1).then_some(u32::try_from(at).unwrap()));
                    }
                }
                let kept = filter.next(&block);
                let found: Vec<bool> = (0..part.len()).map(|at| kept[at / 64] >> (at % 64) & 1 == 1).collect();
                prop_assert_eq!(found, expected);
                kept_slots.find(&block, &kept, &[u64::MAX; BLOCK / 64]);
                let mut picked = Vec::new();
                kept_slots.pick(&all, &mut picked);
                prop_assert_eq!(&picked, &some);
                let firsts: usize = kept_slots.firsts().iter().map(|word| word.count_ones() as usize).sum();
                prop_assert_eq!(firsts, picked.len());
            }
        }
    }
}
