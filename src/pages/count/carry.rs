//! Counters of one byte that carry into wide ones.
//!
//! With labels by the million every count is far away in memory. One byte per label stays close to the
//! processor, and only one addition in 256 has to go further.

/// A count per label.
#[derive(Debug, Default)]
pub(super) struct CarryCounts {
    low: Vec<u8>,
    /// What `low` could not hold; only as long as need be.
    high: Vec<u64>,
}

impl CarryCounts {
    /// Labels that can be counted.
    pub(crate) fn len(&self) -> usize {
        self.low.len()
    }

    /// The count of a label; 0 where it has no room.
    pub(super) fn get(&self, label: usize) -> u64 {
        let low = self.low.get(label).map_or(0, |low| u64::from(*low));
        self.high.get(label).map_or(low, |high| high + low)
    }

    /// Makes room for `label`.
    #[inline]
    pub(super) fn admit(&mut self, label: u32) {
        if label as usize >= self.low.len() {
            self.low.resize(label as usize + 1, 0);
        }
    }

    /// Adds one to each label that has room; those that have none are passed over.
    pub(super) fn add_all(&mut self, labels: &[u32]) {
        for &label in labels {
            if let Some(low) = self.low.get_mut(label as usize) {
                let (sum, carry) = low.overflowing_add(1);
                *low = sum;
                if carry {
                    self.carry(label, 1 << 8);
                }
            }
        }
    }

    /// Adds `rows`, which may be negative, to a label that has room.
    #[inline]
    pub(crate) fn add(&mut self, label: u32, rows: i64) {
        if let Some(low) = self.low.get_mut(label as usize) {
            let sum = i64::from(*low) + rows;
            *low = sum.to_le_bytes()[0];
            let carry = sum - i64::from(*low);
            if carry != 0 {
                self.carry(label, carry);
            }
        }
    }

    #[cold]
    fn carry(&mut self, label: u32, more: i64) {
        let label = label as usize;
        if label >= self.high.len() {
            self.high.resize(label + 1, 0);
        }
        self.high[label] = self.high[label].wrapping_add_signed(more);
    }

    /// Adds all counts of `other`.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.low.resize(self.low.len().max(other.low.len()), 0);
        self.high.resize(self.high.len().max(other.high.len()), 0);
        self.high.iter_mut().zip(&other.high).for_each(|(high, more)| *high += more);
        for (label, &more) in (0..).zip(&other.low) {
            self.add(label, more.into());
        }
    }

    /// All counts; starts anew.
    pub(crate) fn take(&mut self) -> Vec<u64> {
        let (low, mut counts) = (std::mem::take(&mut self.low), std::mem::take(&mut self.high));
        counts.reserve_exact(low.len() - counts.len());
        for (count, low) in counts.iter_mut().zip(&low) {
            *count += u64::from(*low);
        }
        let rest = counts.len();
        counts.extend(low[rest..].iter().map(|low| u64::from(*low)));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_carry_and_are_taken_back() {
        let mut counts = CarryCounts::default();
        counts.admit(2);
        for _ in 0..300 {
            counts.add_all(&[1, 7, 2, 1]);
        }
        counts.add(0, 1 << 40);
        for _ in 0..200 {
            counts.add(2, -1);
        }
        counts.add(1, -599);
        let mut others = CarryCounts::default();
        others.admit(3);
        others.add(3, 4);
        others.add(2, 200);
        counts.absorb(&others);
        assert_eq!([0, 1, 2, 3, 4].map(|label| counts.get(label)), [1 << 40, 1, 300, 4, 0]);
        assert_eq!(counts.take(), [1 << 40, 1, 300, 4]);
        assert_eq!((counts.len(), counts.take()), (0, Vec::new()));
    }
}
