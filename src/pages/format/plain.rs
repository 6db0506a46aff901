//! Plain values: those of the plain encoding and of dictionary pages.
//!
//! The decoders of the Parquet crate are behind its feature `experimental` (59.3) and copy values into a
//! vector. Here zeros and ones are counted in the bytes of the page, and strings are borrowed from them.

use super::bytes::prefixed;
use super::leaf::{Physical, RawValue, low};
use crate::pages::outcome::{Step, corrupt};

/// Checks that `bytes` can hold `len` values.
pub(crate) fn check(physical: Physical, bytes: &[u8], len: usize) -> Step<()> {
    let room = match physical {
        Physical::Bit => bytes.len().saturating_mul(8),
        // A string takes at least its length.
        Physical::Word4 | Physical::Bytes => bytes.len() / 4,
        Physical::Word8 => bytes.len() / 8,
        Physical::Fixed(size) => bytes.len() / size,
    };
    if len <= room { Ok(()) } else { Err(corrupt(format!("{len} values in {} bytes", bytes.len()))) }
}

/// Value `index` of a type of fixed length, where [`check`] has found it to be.
pub(crate) fn at(physical: Physical, bytes: &[u8], index: usize) -> RawValue<'_> {
    match physical {
        Physical::Bit => RawValue::Word(u64::from(bytes[index / 8] >> (index % 8) & 1)),
        Physical::Word4 => RawValue::Word(word4(bytes.as_chunks().0[index])),
        Physical::Word8 => RawValue::Word(word8(bytes.as_chunks().0[index])),
        Physical::Fixed(size) => RawValue::Bytes(&bytes[index * size..][..size]),
        Physical::Bytes => RawValue::Bytes(&[]),
    }
}

/// Four stored bytes as a word.
#[inline]
pub(crate) fn word4(bytes: [u8; 4]) -> u64 {
    u64::from(u32::from_le_bytes(bytes))
}

/// Eight stored bytes as a word.
#[inline]
pub(crate) fn word8(bytes: [u8; 8]) -> u64 {
    u64::from_le_bytes(bytes)
}

/// Plain values, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct PlainValues<'p> {
    physical: Physical,
    bytes: &'p [u8],
    index: usize,
}

impl<'p> PlainValues<'p> {
    pub(crate) fn new(physical: Physical, bytes: &'p [u8]) -> Self {
        Self { physical, bytes, index: 0 }
    }

    /// The next value; fails when the bytes end.
    pub(crate) fn next(&mut self) -> Step<RawValue<'p>> {
        if self.physical == Physical::Bytes {
            let (value, rest) = prefixed(self.bytes)?;
            self.bytes = rest;
            return Ok(RawValue::Bytes(value));
        }
        check(self.physical, self.bytes, self.index + 1)?;
        self.index += 1;
        Ok(at(self.physical, self.bytes, self.index - 1))
    }

    /// Reads as many words as `out` has room for, if all of them are below `bound`; else reads none.
    pub(crate) fn words_below(&mut self, bound: u64, out: &mut [u32]) -> Step<bool> {
        let end = self.index + out.len();
        check(self.physical, self.bytes, end)?;
        let range = self.index..end;
        let below = match self.physical {
            Physical::Word4 => below(&self.bytes.as_chunks().0[range], word4, bound, out),
            Physical::Word8 => below(&self.bytes.as_chunks().0[range], word8, bound, out),
            _ => false,
        };
        if below {
            self.index = end;
        }
        Ok(below)
    }
}

fn below<const SIZE: usize>(
    words: &[[u8; SIZE]],
    load: impl Fn([u8; SIZE]) -> u64,
    bound: u64,
    out: &mut [u32],
) -> bool {
    let mut highest = 0;
    for (out, &word) in out.iter_mut().zip(words) {
        let word = load(word);
        highest = highest.max(word);
        *out = low(word);
    }
    highest < bound
}

/// Values that come one by one, equal neighbours put together.
#[derive(Debug)]
pub(crate) struct Neighbours<T> {
    last: Option<(T, u64)>,
}

impl<T: PartialEq + Copy> Neighbours<T> {
    pub(crate) fn new() -> Self {
        Self { last: None }
    }

    /// Takes a value; gives the one before, with its number of times, when it was another.
    pub(crate) fn push(&mut self, value: T) -> Option<(T, u64)> {
        match &mut self.last {
            Some((last, times)) if *last == value => {
                *times += 1;
                None
            }
            _ => self.last.replace((value, 1)),
        }
    }

    /// The last value.
    pub(crate) fn finish(self) -> Option<(T, u64)> {
        self.last
    }
}

/// How many words are 0 and how many are `one`; any other goes to `other` with its index.
pub(crate) fn zeros_and_ones<const SIZE: usize, W: PartialEq + Copy + Default>(
    values: &[[u8; SIZE]],
    load: impl Fn([u8; SIZE]) -> W,
    one: W,
    mut other: impl FnMut(usize, W),
) -> (u64, u64) {
    /// Small enough for counters of 32 bits, large enough for whole vector registers.
    const BATCH: usize = 1024;
    let (mut zeros, mut ones) = (0_u64, 0_u64);
    for (batch, start) in values.chunks(BATCH).zip((0..).step_by(BATCH)) {
        let (mut z, mut o) = (0_u32, 0_u32);
        for &bytes in batch {
            let word = load(bytes);
            z += u32::from(word == W::default());
            o += u32::from(word == one);
        }
        if (z + o) as usize != batch.len() {
            for (bytes, index) in batch.iter().zip(start..) {
                let word = load(*bytes);
                if word != W::default() && word != one {
                    other(index, word);
                }
            }
        }
        zeros += u64::from(z);
        ones += u64::from(o);
    }
    (zeros, ones)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_put_together() {
        let mut neighbours = Neighbours::new();
        let mut found: Vec<_> = [3, 3, 4, 3].into_iter().filter_map(|v| neighbours.push(v)).collect();
        found.extend(neighbours.finish());
        assert_eq!(found, [(3, 2), (4, 1), (3, 1)]);
    }

    #[test]
    fn other_words_come_with_their_index() {
        let mut values = vec![[0; 4]; 3000];
        values[7] = 1_u32.to_le_bytes();
        values[2999] = 9_u32.to_le_bytes();
        let mut others = Vec::new();
        let counts = zeros_and_ones(&values, u32::from_le_bytes, 1, |index, word| others.push((index, word)));
        assert_eq!((counts, others), ((2998, 1), vec![(2999, 9)]));
    }

    #[test]
    fn values_end_where_their_bytes_end() {
        let mut texts = PlainValues::new(Physical::Bytes, &[1, 0, 0, 0, b'a', 9, 0, 0, 0]);
        assert_eq!(texts.next(), Ok(RawValue::Bytes(b"a")));
        assert!(texts.next().is_err());
        let mut words = PlainValues::new(Physical::Word8, &[0; 15]);
        assert_eq!((words.next(), words.next().is_err()), (Ok(RawValue::Word(0)), true));
        assert!(check(Physical::Fixed(3), &[0; 6], 2).is_ok());
        assert!(check(Physical::Fixed(3), &[0; 6], 3).is_err());
    }

    #[test]
    fn words_are_read_together_only_when_all_are_below() {
        let bytes: Vec<u8> = [5_i32, 6, -1].iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut words = PlainValues::new(Physical::Word4, &bytes);
        assert_eq!(words.words_below(7, &mut [0; 3]), Ok(false));
        let mut out = [0; 2];
        assert_eq!((words.words_below(7, &mut out), out), (Ok(true), [5, 6]));
        assert_eq!(words.next(), Ok(RawValue::Word(u64::from(u32::MAX))));
        assert!(words.words_below(7, &mut out).is_err());
    }
}
