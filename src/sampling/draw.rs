//! Random numbers without a generator: the number of a row depends only on seed, epoch, shard name and row number.
//!
//! ```text
//! shard   SipHash-2-4(name) under the key (seed, epoch)
//! row     SplitMix64's finaliser of shard + (row + 1) · 0x9e3779b97f4a7c15
//! pick    the same of SipHash-2-4(label or set) and the number of the pick
//! again   the same of the random number of a row or a group, and the number of the draw
//! ```

use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;
use siphasher::sip128::{Hasher128 as _, SipHasher24 as SipHasher24Of128};

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Random numbers of one seed and epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    seed: u64,
    epoch: u64,
}

/// Random numbers of the rows of one shard, or of the picks from one bag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream(u64);

impl Draw {
    /// For this seed and epoch.
    #[must_use]
    pub fn new(seed: u64, epoch: u64) -> Self {
        Self { seed, epoch }
    }

    /// For the rows of the shard with this name.
    #[must_use]
    pub fn shard(&self, name: &str) -> Stream {
        self.stream(b'r', name.as_bytes())
    }

    /// For the picks from the bag of a label.
    #[must_use]
    pub fn label(&self, label: u32) -> Stream {
        self.stream(b'l', &label.to_le_bytes())
    }

    /// For the picks from the bag of a label set.
    #[must_use]
    pub fn set(&self, set: u128) -> Stream {
        self.stream(b's', &set.to_le_bytes())
    }

    /// For the draws of one group of rows.
    #[must_use]
    pub(crate) fn group(&self, group: u64) -> Stream {
        self.stream(b'g', &group.to_le_bytes())
    }

    /// 128 bits that identify a label set, given ascending.
    #[must_use]
    pub fn key(&self, labels: &[u32]) -> u128 {
        let mut hash = SipHasher24Of128::new_with_keys(self.seed, self.epoch);
        for label in labels {
            hash.write(&label.to_le_bytes());
        }
        hash.finish128().as_u128()
    }

    fn stream(&self, of: u8, bytes: &[u8]) -> Stream {
        let mut hash = SipHasher24::new_with_keys(self.seed, self.epoch);
        hash.write(&[of]);
        hash.write(bytes);
        Stream(hash.finish())
    }
}

impl Stream {
    /// 64 bits of number `n`: a row of the shard, a pick from the bag.
    #[must_use]
    #[inline]
    pub fn bits(self, n: u64) -> u64 {
        let mut x = self.0.wrapping_add(n.wrapping_add(1).wrapping_mul(STEP));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// More random numbers of number `n`.
    #[must_use]
    #[inline]
    pub(crate) fn again(self, n: u64) -> Self {
        Self(self.bits(n))
    }

    /// The same as a number in [0, 1).
    #[must_use]
    #[inline]
    pub fn unit(self, n: u64) -> f64 {
        (self.bits(n) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The same as a position below `size`; 0 if `size` is 0.
    #[must_use]
    #[inline]
    pub fn below(self, n: u64, size: u64) -> u64 {
        let wide = u128::from(self.bits(n)) * u128::from(size);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

/// `value` rounded up or down at random, so that the mean is `value`.
#[must_use]
#[inline]
pub fn rounded(value: f64, unit: f64) -> u32 {
    let below = value.floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casts of doubles are clamped to the range of the type"
    )]
    let below_whole = below as u32;
    below_whole.saturating_add(u32::from(unit < value - below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_their_own() {
        let stream = Draw::new(1, 2).shard("part-0.parquet");
        let n = 100_000;
        let mean = (0..n).map(|row| stream.unit(row)).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        let mut places = [0_u32; 7];
        (0..n).for_each(|row| places[usize::try_from(stream.below(row, 7)).unwrap()] += 1);
        assert!(places.iter().all(|&hits| hits.abs_diff(14_285) < 500), "{places:?}");
        for other in [Draw::new(2, 2).shard("part-0.parquet"), Draw::new(1, 3).shard("part-0.parquet")] {
            let same = (0..n).filter(|&row| (stream.unit(row) < 0.5) == (other.unit(row) < 0.5)).count();
            assert!(same.abs_diff(50_000) < 1000, "{same}");
        }
    }

    #[test]
    fn rounding_is_right_on_average() {
        assert_eq!([0.0, 0.4, 0.6, 0.99].map(|unit| rounded(1.5, unit)), [2, 2, 1, 1]);
        assert_eq!([0.0, 0.5].map(|unit| rounded(2.0, unit)), [2, 2]);
        assert_eq!(rounded(1e300, 0.5), u32::MAX);
    }

    #[test]
    fn the_rule_does_not_change_unseen() {
        let draw = Draw::new(0, 0);
        assert_eq!(draw.shard("a").bits(0), draw.shard("a").bits(0));
        assert_ne!(draw.label(1).bits(0), draw.set(1).bits(0));
        assert_ne!(draw.key(&[0]), draw.key(&[]));
    }
}
