//! The run-length and bit-packed hybrid that holds levels, dictionary indices and some booleans.
//!
//! ```text
//! header  = varint:  n << 1       n values, all equal, the value in whole bytes
//!                    g << 1 | 1   g groups of 8 values, bit-packed from the lowest bit on
//! ```
//!
//! `RleDecoder` of the Parquet crate is behind its feature `experimental` (59.3) and gives values, not runs.
//! A run of equal values is counted here in one step, and a packed run of bits by popcount.

use integer_encoding::VarInt;

use super::bytes::prefixed;
use super::packed::{Packed, load, low_bits};
use crate::pages::outcome::{Step, corrupt};

/// A stretch of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HybridRun<'a> {
    /// One value again and again.
    Repeat { value: u32, len: usize },
    /// Values side by side.
    Packed(Packed<'a>),
}

impl HybridRun<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Repeat { len, .. } => *len,
            Self::Packed(packed) => packed.len,
        }
    }
}

/// Walks a hybrid run by run.
#[derive(Debug, Clone)]
pub(crate) struct Hybrid<'a> {
    bytes: &'a [u8],
    width: usize,
    rest: HybridRun<'a>,
}

impl<'a> Hybrid<'a> {
    /// Values of `width` bits.
    pub(crate) fn new(bytes: &'a [u8], width: u32) -> Step<Self> {
        match usize::try_from(width) {
            Ok(width) if width <= 32 => {
                Ok(Self { bytes, width, rest: HybridRun::Repeat { value: 0, len: 0 } })
            }
            _ => Err(corrupt(format!("values of {width} bits"))),
        }
    }

    /// Levels from 0 to `max`.
    pub(crate) fn levels(bytes: &'a [u8], max: u32) -> Step<Self> {
        Self::new(bytes, u32::BITS - max.leading_zeros())
    }

    /// Booleans, behind the length of their runs.
    pub(crate) fn booleans(bytes: &'a [u8]) -> Step<Self> {
        // A page without values may lack even the length.
        Self::new(if bytes.is_empty() { bytes } else { prefixed(bytes)?.0 }, 1)
    }

    /// The next run, cut to `limit` values; fails when the bytes end. `limit` is not 0.
    #[expect(clippy::inline_always, reason = "once per run, and a run may take two nanoseconds")]
    #[inline(always)]
    pub(crate) fn next(&mut self, limit: usize) -> Step<HybridRun<'a>> {
        // Where only one value exists, writers may leave the runs out.
        if self.width == 0 {
            return Ok(HybridRun::Repeat { value: 0, len: limit });
        }
        let run = if self.rest.len() == 0 { self.read()? } else { self.rest };
        if run.len() <= limit {
            self.rest = HybridRun::Repeat { value: 0, len: 0 };
            return Ok(run);
        }
        let (run, rest) = match run {
            HybridRun::Repeat { value, len } => {
                (HybridRun::Repeat { value, len: limit }, HybridRun::Repeat { value, len: len - limit })
            }
            HybridRun::Packed(packed) => {
                let (run, rest) = packed.split(limit);
                (HybridRun::Packed(run), HybridRun::Packed(rest))
            }
        };
        self.rest = rest;
        Ok(run)
    }

    /// Calls `each` with the runs that make up the next `len` values.
    #[inline]
    pub(crate) fn runs(&mut self, len: usize, mut each: impl FnMut(HybridRun<'a>) -> Step<()>) -> Step<()> {
        let mut left = len;
        while left > 0 {
            let run = self.next(left)?;
            left -= run.len();
            each(run)?;
        }
        Ok(())
    }

    /// How many of `len` values of one bit are 1; they have to be the last.
    pub(crate) fn ones(&mut self, len: usize) -> Step<usize> {
        let mut ones = 0;
        self.runs(len, |run| {
            ones += match run {
                HybridRun::Repeat { value, len } => value as usize * len,
                HybridRun::Packed(packed) => packed.ones(),
            };
            Ok(())
        })?;
        self.finish()?;
        Ok(ones)
    }

    /// Writes the next values into `out`.
    pub(crate) fn fill(&mut self, mut out: &mut [u32]) -> Step<()> {
        while !out.is_empty() {
            let run = self.next(out.len())?;
            let (part, rest) = out.split_at_mut(run.len());
            match run {
                HybridRun::Repeat { value, .. } => part.fill(value),
                HybridRun::Packed(packed) => packed.unpack(part),
            }
            out = rest;
        }
        Ok(())
    }

    /// To be called after the last value: a repeated value that goes on tells of damage. Bit-packed runs
    /// are filled up, by most writers to 8 values and by DuckDB to 256.
    pub(crate) fn finish(&self) -> Step<()> {
        match self.rest {
            HybridRun::Repeat { len: 1.., .. } => {
                Err(corrupt(format!("a run goes on for {} values too many", self.rest.len())))
            }
            _ => Ok(()),
        }
    }

    #[expect(clippy::inline_always, reason = "see `next`")]
    #[inline(always)]
    fn read(&mut self) -> Step<HybridRun<'a>> {
        let head = match self.bytes.split_first() {
            Some((&head, rest)) if head < 0x80 => {
                self.bytes = rest;
                usize::from(head)
            }
            _ => self.long_head()?,
        };
        let count = head >> 1;
        if count == 0 {
            return Err(corrupt("a run of no values"));
        }
        if head & 1 == 1 { self.packed(count) } else { self.repeat(count) }
    }

    fn long_head(&mut self) -> Step<usize> {
        let (head, len) = usize::decode_var(self.bytes).ok_or_else(|| corrupt("values end early"))?;
        self.bytes = &self.bytes[len..];
        Ok(head)
    }

    #[expect(clippy::inline_always, reason = "see `next`")]
    #[inline(always)]
    fn repeat(&mut self, len: usize) -> Step<HybridRun<'a>> {
        let size = self.width.div_ceil(8);
        if size > self.bytes.len() {
            return Err(corrupt("values end early"));
        }
        let stored = load(self.bytes) & low_bits(size * 8);
        self.bytes = &self.bytes[size..];
        match u32::try_from(stored) {
            Ok(value) if stored <= low_bits(self.width) => Ok(HybridRun::Repeat { value, len }),
            _ => Err(corrupt(format!("the value {stored} in {} bits", self.width))),
        }
    }

    #[expect(clippy::inline_always, reason = "see `next`")]
    #[inline(always)]
    fn packed(&mut self, groups: usize) -> Step<HybridRun<'a>> {
        let claimed = groups.saturating_mul(self.width);
        let size = claimed.min(self.bytes.len());
        // Some writers leave out the bytes that would only fill up the last group.
        let len = if size == claimed { groups * 8 } else { size * 8 / self.width };
        if len == 0 {
            return Err(corrupt("values end early"));
        }
        let run = Packed { bytes: self.bytes, width: self.width, start: 0, len };
        self.bytes = &self.bytes[size..];
        Ok(HybridRun::Packed(run))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pages::by_hand::{RunsByHand, hybrid};

    /// Runs of `width` bits; all packed runs but the last have whole groups.
    fn runs() -> impl Strategy<Value = (u8, RunsByHand)> {
        prop_oneof![Just(1), 1..=32_u8].prop_flat_map(|width| {
            let value = 0..=u32::try_from(low_bits(width.into())).unwrap();
            let repeat = (value.clone(), 1..300_usize).prop_map(|(v, n)| (false, vec![v; n]));
            let packed = proptest::collection::vec(value, 1..200).prop_map(|mut v| {
                v.resize(v.len().next_multiple_of(8), 0);
                (true, v)
            });
            (Just(width), proptest::collection::vec(prop_oneof![repeat, packed], 1..6))
        })
    }

    proptest! {
        #[test]
        fn values_come_back_whatever_the_steps((width, mut runs) in runs(), cut in 0..8_usize, step in 1..70_usize) {
            if let Some((true, last)) = runs.last_mut() {
                last.truncate(last.len() - cut);
            }
            let bytes = hybrid(&runs, width);
            let values: Vec<u32> = runs.iter().flat_map(|(_, v)| v.clone()).collect();
            let mut hybrid = Hybrid::new(&bytes, width.into()).unwrap();
            let mut found = vec![0; values.len()];
            for part in found.chunks_mut(step) {
                hybrid.fill(part).unwrap();
            }
            prop_assert_eq!(&found, &values);
            prop_assert_eq!(hybrid.finish(), Ok(()));
            // Bits of ones, in steps and at once.
            if width == 1 {
                let ones: usize = values.iter().map(|v| *v as usize).sum();
                let (mut slow, mut fast) = (0, 0);
                let mut hybrid = Hybrid::new(&bytes, 1).unwrap();
                for part in values.chunks(step) {
                    hybrid.runs(part.len(), |run| {
                        match run {
                            HybridRun::Repeat { value, len } => { slow += value as usize * len; fast += value as usize * len; }
                            HybridRun::Packed(packed) => {
                                packed.words(|word, _| slow += word.count_ones() as usize);
                                fast += packed.ones();
                            }
                        }
                        Ok(())
                    }).unwrap();
                }
                prop_assert_eq!((slow, fast), (ones, ones));
            }
        }

        #[test]
        fn damage_is_an_error_or_other_values(bytes in proptest::collection::vec(any::<u8>(), 0..60), width in 0..=32_u32) {
            let mut hybrid = Hybrid::new(&bytes, width).unwrap();
            let mut out = vec![0; 500];
            if hybrid.fill(&mut out).is_ok() {
                prop_assert!(out.iter().all(|v| u64::from(*v) <= low_bits(width as usize)));
            }
        }
    }

    #[test]
    fn a_run_that_goes_on_is_refused() {
        let bytes = hybrid(&[(false, vec![1; 20])], 1);
        let mut hybrid = Hybrid::new(&bytes, 1).unwrap();
        hybrid.fill(&mut [0; 19]).unwrap();
        assert_eq!(hybrid.finish(), Err(corrupt("a run goes on for 1 values too many")));
    }

    #[test]
    fn a_bit_packed_run_may_be_filled_up() {
        let bytes = hybrid(&[(true, vec![1; 256])], 1);
        let mut hybrid = Hybrid::new(&bytes, 1).unwrap();
        hybrid.fill(&mut [0; 3]).unwrap();
        assert_eq!(hybrid.finish(), Ok(()));
    }

    #[test]
    fn padding_left_out_is_no_damage_but_a_missing_value_is() {
        // One group of 3-bit values, of which 2 bytes hold 5.
        let bytes = [3, 0x88, 0xc6];
        let mut hybrid = Hybrid::new(&bytes, 3).unwrap();
        hybrid.fill(&mut [0; 5]).unwrap();
        assert!(hybrid.fill(&mut [0; 1]).is_err());
        assert!(Hybrid::new(&[4], 9).unwrap().fill(&mut [0; 2]).is_err());
        assert!(Hybrid::new(&[0, 0], 1).unwrap().fill(&mut [0; 2]).is_err());
        assert!(Hybrid::new(&[4, 2], 1).unwrap().fill(&mut [0; 2]).is_err());
        assert!(Hybrid::new(&[], 33).is_err());
    }
}
