//! Values per position of a list, where every list has the same length.
//!
//! In most target vectors nearly all values are the same. That entry of the dictionary, the base, is
//! not counted: at each position it has whatever the others leave.

use super::lanes::Lanes;
use crate::pages::format::dictionary::Dictionary;
use crate::pages::format::hybrid::{Hybrid, HybridRun};
use crate::pages::format::packed::{Packed, low_bits};
use crate::pages::outcome::Step;

/// Counters taken at most: 16 MiB.
pub(super) const COUNTERS_MAX: usize = 1 << 22;

/// How often each entry occurs at each position. Values come in order, and after the last position
/// follows the first.
#[derive(Debug)]
pub(super) struct Positions {
    entries: usize,
    base: usize,
    /// Position of the next value.
    at: usize,
    /// Values at each position.
    values: Vec<u32>,
    /// By entry, then position; those of the base stay 0.
    counts: Vec<u32>,
    lanes: Lanes,
}

impl Positions {
    /// `None` when there would be too many counters.
    pub(crate) fn new(width: usize, entries: usize, base: usize) -> Option<Self> {
        let counters = width.checked_mul(entries).filter(|counters| *counters <= COUNTERS_MAX)?;
        let (values, counts) = (vec![0; width], vec![0; counters]);
        Some(Self { entries, base, at: 0, values, counts, lanes: Lanes::new(width) })
    }

    /// Sets the position of the next value.
    pub(super) fn seek(&mut self, at: usize) {
        self.at = at;
    }

    /// Counts the next `len` indices of a page.
    pub(super) fn add_indices(
        &mut self,
        dictionary: &Dictionary<'_>,
        indices: &mut Hybrid<'_>,
        len: usize,
    ) -> Step<()> {
        add_range(&mut self.values, self.at, len);
        indices.runs(len, |run| {
            let missing = match run {
                HybridRun::Repeat { value, len } => self.repeat(value, len),
                HybridRun::Packed(packed) if packed.width == 1 && self.entries == 2 => {
                    self.bits(packed);
                    None
                }
                HybridRun::Packed(packed) => self.unpacked(packed),
            };
            missing.map_or(Ok(()), |index| Err(dictionary.no_entry(index)))
        })
    }

    /// Counts runs of booleans; entry 0 is false, 1 true.
    pub(super) fn add_bits(&mut self, run: HybridRun<'_>) {
        add_range(&mut self.values, self.at, run.len());
        match run {
            HybridRun::Repeat { value, len } => {
                self.repeat(value, len);
            }
            HybridRun::Packed(packed) => self.bits(packed),
        }
    }

    /// Counts words; entry 0 is the word 0, 1 is `one`. Any other goes to `other` with its position.
    pub(super) fn add_words<const SIZE: usize, W: PartialEq + Copy + Default>(
        &mut self,
        words: &[[u8; SIZE]],
        load: impl Fn([u8; SIZE]) -> W,
        one: W,
        mut other: impl FnMut(usize, W),
    ) {
        let (width, mut words) = (self.values.len(), words);
        add_range(&mut self.values, self.at, words.len());
        while !words.is_empty() {
            let (row, rest) = words.split_at(words.len().min(width - self.at));
            let mut others = 0_u32;
            for (count, word) in self.counts[width + self.at..].iter_mut().zip(row) {
                let word = load(*word);
                *count += u32::from(word == one);
                others += u32::from((word != one) & (word != W::default()));
            }
            if others > 0 {
                for (position, word) in (self.at..).zip(row) {
                    let word = load(*word);
                    if word != one && word != W::default() {
                        self.values[position] -= 1;
                        other(position, word);
                    }
                }
            }
            self.advance(row.len());
            words = rest;
        }
    }

    /// Calls `each` with entry, position and how often they met.
    pub(crate) fn finish(mut self, mut each: impl FnMut(usize, usize, u32)) {
        self.lanes.flush(&mut self.counts, 1 - self.base.min(1));
        let width = self.values.len();
        for (entry, counts) in self.counts.chunks(width).enumerate().filter(|(entry, _)| *entry != self.base)
        {
            for (position, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                self.values[position] -= count;
                each(entry, position, count);
            }
        }
        for (position, count) in self.values.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            each(self.base, position, count);
        }
    }

    fn advance(&mut self, len: usize) {
        self.at += len;
        let width = self.values.len();
        if self.at >= width {
            // Most steps are short; a division takes longer than all the rest.
            self.at -= width;
            if self.at >= width {
                self.at %= width;
            }
        }
    }

    /// Like [`Positions::unpacked`], gives an index that has no entry.
    fn repeat(&mut self, index: u32, len: usize) -> Option<u32> {
        let (entry, width) = (index as usize, self.values.len());
        if entry >= self.entries {
            return Some(index);
        }
        if entry != self.base {
            add_range(&mut self.counts[entry * width..][..width], self.at, len);
        }
        self.advance(len);
        None
    }

    /// Indices of one bit into two entries.
    fn bits(&mut self, packed: Packed<'_>) {
        let flip = if self.base == 1 { u64::MAX } else { 0 };
        packed.words(|word, len| {
            let word = (word ^ flip) & low_bits(len);
            if word > 0 {
                self.lanes.add(word, self.at);
                if self.lanes.is_full() {
                    self.lanes.flush(&mut self.counts, 1 - self.base);
                }
            }
            self.advance(len);
        });
    }

    fn unpacked(&mut self, packed: Packed<'_>) -> Option<u32> {
        let width = self.values.len();
        let (mut batch, mut left) = ([0; 512], packed);
        while left.len > 0 {
            let (part, rest) = left.split(batch.len());
            let batch = &mut batch[..part.len];
            part.unpack(batch);
            for &index in &*batch {
                let entry = index as usize;
                if entry != self.base {
                    if entry >= self.entries {
                        return Some(index);
                    }
                    self.counts[entry * width + self.at] += 1;
                }
                self.at += 1;
                if self.at == width {
                    self.at = 0;
                }
            }
            left = rest;
        }
        None
    }
}

/// Adds one to the `len` positions from `at` on, from the last on to the first again.
fn add_range(counts: &mut [u32], at: usize, len: usize) {
    let width = counts.len();
    let (mut len, mut rounds) = (len, 0);
    if len >= width {
        (len, rounds) = (len % width, len / width);
    }
    if let Ok(rounds @ 1..) = u32::try_from(rounds) {
        for count in &mut *counts {
            *count += rounds;
        }
    }
    let end = at + len;
    for part in [at..end.min(width), 0..end.saturating_sub(width)] {
        for count in &mut counts[part] {
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(positions: Positions) -> Vec<(usize, usize, u32)> {
        let mut found = Vec::new();
        positions.finish(|entry, position, count| found.push((entry, position, count)));
        found.sort_unstable();
        found
    }

    fn expected(width: usize, values: &[u32]) -> Vec<(usize, usize, u32)> {
        let mut counts = std::collections::BTreeMap::new();
        for (i, value) in values.iter().enumerate() {
            *counts.entry((*value as usize, i % width)).or_insert(0) += 1;
        }
        counts.into_iter().map(|((entry, position), count)| (entry, position, count)).collect()
    }

    proptest! {
        #[test]
        fn bits_fall_on_their_positions(
            width in 1..150_usize,
            base in 0..2_usize,
            bytes in proptest::collection::vec(prop_oneof![Just(0), any::<u8>()], 1..3000),
            repeats in proptest::collection::vec((0..2_u32, 1..400_usize), 0..4),
        ) {
            let mut positions = Positions::new(width, 2, base).unwrap();
            let mut values: Vec<u32> = bytes.iter().flat_map(|b| (0..8).map(move |i| u32::from(b >> i & 1))).collect();
            positions.add_bits(HybridRun::Packed(Packed { bytes: &bytes, width: 1, start: 0, len: values.len() }));
            for (value, len) in repeats {
                positions.add_bits(HybridRun::Repeat { value, len });
                values.extend(std::iter::repeat_n(value, len));
            }
            prop_assert_eq!(found(positions), expected(width, &values));
        }

        #[test]
        fn words_fall_on_their_positions(width in 1..9_usize, words in proptest::collection::vec(0..3_u32, 0..60), at in 0..60_usize) {
            let mut positions = Positions::new(width, 2, 0).unwrap();
            let (first, second) = words.split_at(at.min(words.len()));
            let mut others = Vec::new();
            for part in [first, second] {
                let part: Vec<_> = part.iter().map(|word| word.to_le_bytes()).collect();
                positions.add_words(&part, u32::from_le_bytes, 1, |position, word| others.push((word as usize, position, 1)));
            }
            let mut counts = found(positions);
            let mut rest: Vec<_> = expected(width, &words).into_iter().filter(|(entry, ..)| *entry < 2).collect();
            rest.sort_unstable();
            counts.retain(|(.., count)| *count > 0);
            prop_assert_eq!(counts, rest);
            prop_assert_eq!(others.len(), words.iter().filter(|word| **word == 2).count());
        }
    }

    #[test]
    fn too_many_counters_are_refused() {
        assert!(Positions::new(5000, 2, 0).is_some());
        assert!(Positions::new(5000, 5000, 0).is_none());
        assert!(Positions::new(usize::MAX, 2, 0).is_none());
    }
}
