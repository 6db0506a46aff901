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

    /// A set of few labels, and its group.
    #[inline]
    pub(super) fn row(&self, labels: &[u32], group: u32) -> u64 {
        self.pack(labels) << self.group_bits | u64::from(group)
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

    /// Puts the labels of a set there, in order; false where bits do not give them back.
    pub(super) fn labels(&self, hash: SetHash, out: &mut Vec<u32>) -> bool {
        out.clear();
        let [mut left, 0] = hash else { return false };
        while left > 1 {
            out.push(u32::try_from(left & ((1 << self.label_bits) - 1)).unwrap_or(u32::MAX));
            left >>= self.label_bits;
        }
        out.reverse();
        true
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
                let row = keys.row(&set, group);
                assert_eq!(keys.set_of(row), (keys.hash(&set), group));
                assert!(keys.labels(keys.hash(&set), &mut found));
                assert_eq!(found, set);
            }
            assert!(!keys.labels(keys.hash(&vec![last; few + 1]), &mut found));
        }
    }
}
