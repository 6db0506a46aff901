//! Bits side by side, 64 to a word, the lowest first.
//!
//! `BooleanBuffer` of Arrow gives no words that begin between two bytes, and has neither [`gather`] nor [`deposit`].

use super::packed::{Packed, low_bits};

/// Bits that are appended.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// `len` bits of `words`, which may go on.
    pub(crate) fn new(mut words: Vec<u64>, len: usize) -> Self {
        words.resize(len.div_ceil(64), 0);
        if let Some(last) = words.last_mut() {
            *last &= low_bits(len - (len - 1) / 64 * 64);
        }
        Self { words, len }
    }

    /// Number of bits.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// `n` bits from bit `at` on, up to 64.
    #[inline]
    pub(crate) fn word(&self, at: usize, n: usize) -> u64 {
        take(&self.words, at, n)
    }

    /// Words of 64 bits, the last one of fewer.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Forgets all bits.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.len = 0;
    }

    /// Appends the lowest `n` bits of `word`, up to 64; the others are 0.
    #[inline]
    pub(crate) fn push(&mut self, word: u64, n: usize) {
        let shift = self.len % 64;
        if shift == 0 {
            self.words.push(word);
        } else {
            if let Some(last) = self.words.last_mut() {
                *last |= word << shift;
            }
            if shift + n > 64 {
                self.words.push(word >> (64 - shift));
            }
        }
        self.len += n;
        // No bit is pushed where `n` is 0.
        self.words.truncate(self.len.div_ceil(64));
    }

    /// Appends the same bit `len` times.
    pub(crate) fn repeat(&mut self, bit: bool, len: usize) {
        let mut left = len;
        while left > 0 {
            let n = left.min(64);
            self.push(if bit { low_bits(n) } else { 0 }, n);
            left -= n;
        }
    }
}

/// How many bits are set in front of each word, and in all.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Ranks(Vec<u32>);

impl Ranks {
    /// Those of fewer than 2^32 bits.
    pub(crate) fn find(&mut self, bits: &Bits) {
        self.0.clear();
        let mut before = 0;
        self.0.extend(bits.words.iter().map(|word| {
            let here = before;
            before += word.count_ones();
            here
        }));
        self.0.push(before);
    }

    /// How many are set in all.
    pub(crate) fn all(&self) -> usize {
        self.0.last().map_or(0, |all| *all as usize)
    }

    /// How many of the first `end` bits are set.
    #[inline]
    fn before(&self, bits: &Bits, end: usize) -> usize {
        let (word, bit) = (end / 64, end % 64);
        let (Some(before), Some(last)) = (self.0.get(word), bits.words.get(word)) else { return self.all() };
        *before as usize + (last & low_bits(bit)).count_ones() as usize
    }
}

/// Some bits side by side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BitRange<'b> {
    bits: &'b Bits,
    ranks: &'b Ranks,
    from: usize,
    len: usize,
}

impl<'b> BitRange<'b> {
    /// `len` bits from bit `from` on; `ranks` are those of `bits`.
    pub(crate) fn new(bits: &'b Bits, ranks: &'b Ranks, from: usize, len: usize) -> Self {
        Self { bits, ranks, from, len }
    }

    /// Number of bits.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many of `len` bits from bit `at` on are set.
    #[inline]
    pub(crate) fn ones_of(&self, at: usize, len: usize) -> usize {
        let from = self.from + at;
        if len <= 64 {
            return self.bits.word(from, len).count_ones() as usize;
        }
        self.ranks.before(self.bits, from + len) - self.ranks.before(self.bits, from)
    }

    /// How many are set of the bits from bit `at` on and, at the same place, of the values of one bit in `packed`.
    pub(crate) fn ones_in(&self, packed: Packed<'_>, at: usize) -> usize {
        let (from, mut ones) = (self.from + at, 0);
        let (words, _) = packed.bytes.as_chunks::<8>();
        let whole = if packed.start == 0 { words.len().min(packed.len / 64) } else { 0 };
        // Whole words in loops of their own, so that they become ones over vector registers.
        let words = &words[..whole];
        let (mask, shift) = (self.bits.words.get(from / 64..).unwrap_or(&[]), from % 64);
        let both = |word: &[u8; 8], mask: u64| (u64::from_le_bytes(*word) & mask).count_ones() as usize;
        if shift == 0 {
            ones += words.iter().zip(mask).map(|(word, mask)| both(word, *mask)).sum::<usize>();
        } else {
            let next = mask.iter().skip(1).chain([&0]);
            let mask = mask.iter().zip(next).map(|(low, high)| low >> shift | high << (64 - shift));
            ones += words.iter().zip(mask).map(|(word, mask)| both(word, mask)).sum::<usize>();
        }
        let (_, rest) = packed.split(whole * 64);
        let mut from = from + whole * 64;
        rest.words(|word, n| {
            if word != 0 {
                ones += (word & self.bits.word(from, n)).count_ones() as usize;
            }
            from += n;
        });
        ones
    }

    /// `n` bits from bit `at` on, up to 64.
    #[inline]
    pub(crate) fn word(&self, at: usize, n: usize) -> u64 {
        self.bits.word(self.from + at, n)
    }
}

/// `n` bits from bit `at` on, up to 64.
#[inline]
pub(crate) fn take(bits: &[u64], at: usize, n: usize) -> u64 {
    let (index, shift) = (at / 64, at % 64);
    let mut word = bits.get(index).copied().unwrap_or(0) >> shift;
    if shift > 0 {
        word |= bits.get(index + 1).copied().unwrap_or(0) << (64 - shift);
    }
    word & low_bits(n)
}

/// The bits of `word`, each at the place of the next bit of `mask`.
pub(crate) fn deposit(word: u64, mask: u64) -> u64 {
    if word == 0 || mask == u64::MAX {
        return word;
    }
    let (mut word, mut mask, mut out) = (word, mask, 0);
    while word != 0 && mask != 0 {
        if word & 1 == 1 {
            out |= mask & mask.wrapping_neg();
        }
        word >>= 1;
        mask &= mask - 1;
    }
    out
}

/// The bits of `word` at the places of the bits of `mask`, side by side.
#[inline]
pub(crate) fn gather(word: u64, mask: u64) -> u64 {
    let word = word & mask;
    if mask == u64::MAX || word == 0 {
        return word;
    }
    if word == mask {
        return low_bits(mask.count_ones() as usize);
    }
    // Moves each bit by the number of zeros of the mask below it: first by 1, then by 2, 4, 8, 16 and 32.
    let (mut word, mut mask, mut below) = (word, mask, !mask << 1);
    for step in 0..6 {
        let mut odd = below;
        for shift in 0..6 {
            odd ^= odd << (1 << shift);
        }
        let moved = odd & mask;
        mask = mask ^ moved | moved >> (1 << step);
        let bits = word & moved;
        word = word ^ bits | bits >> (1 << step);
        below &= !odd;
    }
    word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bits_are_put_where_values_are() {
        assert_eq!(deposit(0b101, 0b1101_0010), 0b0100_0010);
        assert_eq!(take(&[1 << 63, 0b11], 63, 3), 0b111);
        assert_eq!(take(&[u64::MAX], 60, 10), 0b1111);
    }

    proptest! {
        #[test]
        fn what_is_gathered_and_put_back_is_the_same(word in any::<u64>(), a in any::<u64>(), b in any::<u64>()) {
            for mask in [a, a & b, a | b, u64::MAX, 0] {
                let gathered = gather(word, mask);
                prop_assert_eq!(deposit(gathered, mask), word & mask);
                prop_assert_eq!(gathered & !low_bits(mask.count_ones() as usize), 0);
            }
        }

        #[test]
        fn bits_that_are_set_in_both(
            words in proptest::collection::vec(any::<u64>(), 8), bytes in proptest::collection::vec(any::<u8>(), 48),
            from in 0..130_usize, at in 0..70_usize, start in 0..8_usize, len in 0..300_usize,
        ) {
            let (bits, mut ranks) = (Bits::new(words, 512), Ranks::default());
            ranks.find(&bits);
            let packed = Packed { bytes: &bytes, width: 1, start, len };
            let both = (0..len).filter(|i| {
                let bit = start + i;
                bytes[bit / 8] >> (bit % 8) & 1 == 1 && bits.word(from + at + i, 1) == 1
            });
            let range = BitRange::new(&bits, &ranks, from, 512 - from);
            prop_assert_eq!(range.ones_in(packed, at), both.count());
        }

        #[test]
        fn bits_come_back(parts in proptest::collection::vec((any::<u64>(), 0..=64_usize, any::<bool>()), 0..20)) {
            let (mut bits, mut expected) = (Bits::default(), Vec::new());
            for (word, n, repeats) in parts {
                if repeats {
                    bits.repeat(word & 1 == 1, n * 3);
                    expected.extend(std::iter::repeat_n(word & 1 == 1, n * 3));
                } else {
                    bits.push(word & low_bits(n), n);
                    expected.extend((0..n).map(|bit| word >> bit & 1 == 1));
                }
            }
            prop_assert_eq!(bits.len(), expected.len());
            prop_assert_eq!(bits.words().len(), expected.len().div_ceil(64));
            for (at, bit) in expected.iter().enumerate() {
                prop_assert_eq!(bits.word(at, 1) == 1, *bit);
            }
            let (half, mut ranks) = (expected.len() / 2, Ranks::default());
            ranks.find(&bits);
            let range = BitRange::new(&bits, &ranks, half / 2, expected.len() - half / 2);
            let ones = |bits: &[bool]| bits.iter().filter(|bit| **bit).count();
            prop_assert_eq!(range.ones_of(half - half / 2, expected.len() - half), ones(&expected[half..]));
            prop_assert_eq!(range.ones_of(0, half - half / 2), ones(&expected[half / 2..half]));
            prop_assert_eq!(ranks.all(), ones(&expected));
        }
    }
}
