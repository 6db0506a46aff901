//! Sets of labels in 128 bits.
//!
//! ```text
//! few labels   1, then the number of each label, then the group: 64 bits that give the labels back
//! more         the keys of all labels, exclusive-or; the highest bit is set
//! ```
//!
//! Keys are random in every process, so that two different sets have the same bits with probability 2⁻¹²⁷ at most,
//! whatever the sets: of a hundred million sets any two with 10⁻²².

use std::hash::{BuildHasher, RandomState};

/// A set of labels in 128 bits, the lowest first; the others are 0 where the lowest give the labels back.
pub(super) type SetHash = [u64; 2];

/// Scatters numbers that differ in a few bits: the highest bits are as good as random.
#[inline]
pub(super) fn scattered(bits: u64) -> u64 {
    bits.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Parts that sets are divided into.
pub(super) const PARTS: usize = 128;

/// The part of a set.
#[inline]
pub(super) fn part_of(hash: SetHash) -> usize {
    usize::try_from(scattered(hash[0] ^ hash[1]) >> (u64::BITS - PARTS.ilog2())).unwrap_or(0)
}

/// How labels become bits.
#[derive(Debug)]
pub(super) struct LabelKeys {
    /// A random key for every label.
    keys: Vec<SetHash>,
    /// Bits of the number of a label, and of a group.
    label_bits: u32,
    group_bits: u32,
    /// Labels of a set that fits into 64 bits together with its group.
    few: usize,
}

/// Bits of the numbers below `end`.
fn bits(end: usize) -> u32 {
    end.saturating_sub(1).checked_ilog2().map_or(0, |log| log + 1)
}

impl LabelKeys {
    pub(super) fn new(labels: usize, groups: usize) -> Self {
        let [low, high] = [RandomState::new(), RandomState::new()];
        let keys = (0..labels).map(|label| [low.hash_one(label), high.hash_one(label)]).collect();
        let (label_bits, group_bits) = (bits(labels).max(1), bits(groups));
        let few = (u64::BITS - 1).saturating_sub(group_bits) / label_bits;
        Self { keys, label_bits, group_bits, few: usize::try_from(few).unwrap_or(0) }
    }

    /// Number of labels of a set that fits into 64 bits.
    pub(super) fn few(&self) -> usize {
        self.few
    }

    /// A set of few labels, and its group; the set is the first `size` of `labels`.
    #[inline]
    pub(super) fn row(&self, labels: &[u32], size: usize, group: u32) -> u64 {
        // Labels behind the set are taken as well and dropped again, where there are some: processors foresee a loop
        // that takes as many steps each time.
        const MOST: usize = 12;
        let bits = match labels.get(..self.few) {
            Some(labels) if self.few <= MOST && size <= self.few => {
                self.pack(labels) >> (self.label_bits as usize * (self.few - size))
            }
            _ => self.pack(&labels[..size]),
        };
        bits << self.group_bits | u64::from(group)
    }

    /// Whether rows are in several groups.
    pub(super) fn has_groups(&self) -> bool {
        self.group_bits > 0
    }

    /// The row that a set and its group were made of, if it is one of few labels.
    #[inline]
    pub(super) fn row_of(&self, [low, high]: SetHash, group: u32) -> Option<u64> {
        (high == 0).then(|| low << self.group_bits | u64::from(group))
    }

    /// The set and the group of a row of few labels.
    pub(super) fn set_of(&self, row: u64) -> (SetHash, u32) {
        let group = row & ((1 << self.group_bits) - 1);
        ([row >> self.group_bits, 0], u32::try_from(group).unwrap_or(u32::MAX))
    }

    #[inline]
    fn pack(&self, labels: &[u32]) -> u64 {
        labels.iter().fold(1, |bits, &label| bits << self.label_bits | u64::from(label))
    }

    /// The bits of a set.
    #[inline]
    pub(super) fn hash(&self, labels: &[u32]) -> SetHash {
        if labels.len() <= self.few {
            return [self.pack(labels), 0];
        }
        let [low, high] = labels.iter().fold([0; 2], |[low, high], &label| {
            let key = self.keys[label as usize];
            [low ^ key[0], high ^ key[1]]
        });
        [low, high | 1 << 63]
    }

    /// The number of labels of a set; `None` where bits do not give them back.
    #[inline]
    pub(super) fn size(&self, [low, high]: SetHash) -> Option<usize> {
        (high == 0).then(|| (low.checked_ilog2().unwrap_or(0) / self.label_bits) as usize)
    }

    /// Puts the labels of a set there, in order; false where bits do not give them back.
    #[inline]
    pub(super) fn labels(&self, hash: SetHash, out: &mut Vec<u32>) -> bool {
        let Some(size) = self.size(hash) else { return false };
        out.resize(size, 0);
        self.unpack(hash[0], out);
        true
    }

    /// Puts the labels of a set of few there, as many as there is room for.
    #[inline]
    pub(super) fn unpack(&self, bits: u64, out: &mut [u32]) {
        let mut left = bits;
        for label in out.iter_mut().rev() {
            *label = u32::try_from(left & ((1 << self.label_bits) - 1)).unwrap_or(u32::MAX);
            left >>= self.label_bits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_labels_come_back_from_their_bits() {
        for (labels, groups, few) in [(1, 0, 63), (2, 1, 63), (270, 0, 7), (270, 3, 6), (1 << 20, 1 << 24, 1)]
        {
            let keys = LabelKeys::new(labels, groups);
            assert_eq!(keys.few(), few);
            let last = u32::try_from(labels - 1).unwrap();
            let mut found = Vec::new();
            for len in 0..=few {
                let set: Vec<u32> = (0..len).map(|i| if i % 2 == 0 { 0 } else { last }).collect();
                let group = u32::try_from(groups).unwrap().saturating_sub(1);
                let mut more = set.clone();
                more.extend(vec![last; few]);
                let row = keys.row(&set, len, group);
                assert_eq!(keys.row(&more, len, group), row);
                assert_eq!(keys.set_of(row), (keys.hash(&set), group));
                assert!(keys.labels(keys.hash(&set), &mut found));
                assert_eq!(found, set);
            }
            assert!(!keys.labels(keys.hash(&vec![last; few + 1]), &mut found));
        }
    }
}
