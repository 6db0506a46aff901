//! Random over- and undersampling by sets of labels (Charte et al. 2015): LP-ROS and LP-RUS.
//!
//! The sets below the mean size grow, or those above it shrink, up to the mean; sets with most to spare come
//! last. Each takes an even share of what is left to be done, and what it cannot take is left to those behind
//! it. Rows are whole, so the mean is taken to the whole row on a set's own side of it. Rows without labels
//! are a set as well.

use std::collections::BTreeMap;

use super::whole;
use crate::counts::as_f64;

/// Which sets, and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Those below the mean size, which grow.
    Minority,
    /// Those above it, which shrink.
    Majority,
}

/// What each set of a size is to do: the first so many `share`, the others one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quota {
    share: u64,
    with_share: u64,
}

/// How many rows each set gains or loses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas {
    of_size: BTreeMap<u64, Quota>,
}

impl Quotas {
    /// Of sets of which `sizes` says how many there are by number of rows, where `budget` rows are to be
    /// cloned or dropped.
    #[must_use]
    pub fn new(sizes: &BTreeMap<u64, u64>, side: Side, budget: u64) -> Self {
        let sets: u64 = sizes.values().sum();
        let rows: u64 = sizes.iter().map(|(size, sets)| size * sets).sum();
        let mean = if sets == 0 { 0.0 } else { as_f64(rows) / as_f64(sets) };
        let room = |size: u64| match side {
            Side::Minority => mean - as_f64(size),
            Side::Majority => as_f64(size) - mean,
        };
        // The nearest to the mean first.
        let mut affected: Vec<(u64, u64)> =
            sizes.iter().map(|(size, sets)| (*size, *sets)).filter(|(size, _)| room(*size) > 0.0).collect();
        if side == Side::Minority {
            affected.reverse();
        }
        let mut waiting: u64 = affected.iter().map(|(_, sets)| sets).sum();
        let mut left = budget;
        let mut of_size = BTreeMap::new();
        for (size, sets) in affected {
            let room = whole(room(size));
            // Even shares of whole rows: the last `left % waiting` of all get one more.
            let (share, more) = (left / waiting, left % waiting);
            let quota = if share >= room {
                Quota { share: room, with_share: sets }
            } else {
                Quota { share, with_share: sets.min(waiting - more) }
            };
            left -= quota.share * sets + (sets - quota.with_share);
            waiting -= sets;
            of_size.insert(size, quota);
        }
        Self { of_size }
    }

    /// Rows that the next set of `size` rows gains or loses; ask once for each set, in an order that does not
    /// depend on rows.
    pub fn next(&mut self, size: u64) -> u64 {
        let Some(quota) = self.of_size.get_mut(&size) else { return 0 };
        if quota.with_share == 0 {
            return quota.share + 1;
        }
        quota.with_share -= 1;
        quota.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(sizes: &[u64], side: Side, budget: u64) -> Vec<u64> {
        let mut histogram = BTreeMap::new();
        sizes.iter().for_each(|size| *histogram.entry(*size).or_default() += 1);
        let mut quotas = Quotas::new(&histogram, side, budget);
        sizes.iter().map(|size| quotas.next(*size)).collect()
    }

    #[test]
    fn what_a_set_cannot_take_goes_to_those_behind_it() {
        // Mean 5: rooms 1, 3, 4, 4.
        let sizes = [12, 4, 2, 1, 1, 10];
        assert_eq!(quotas(&sizes, Side::Minority, 8), [0, 1, 2, 2, 3, 0]);
        assert_eq!(quotas(&sizes, Side::Minority, 1000), [0, 1, 3, 4, 4, 0]);
        assert_eq!(quotas(&sizes, Side::Minority, 1), [0, 0, 0, 0, 1, 0]);
        // Rooms 7 and 5.
        assert_eq!(quotas(&sizes, Side::Majority, 9), [5, 0, 0, 0, 0, 4]);
        assert_eq!(quotas(&sizes, Side::Majority, 1000), [7, 0, 0, 0, 0, 5]);
    }

    #[test]
    fn equal_sets_and_nothing_to_do() {
        assert_eq!(quotas(&[3, 3, 3], Side::Minority, 9), [0, 0, 0]);
        assert_eq!(quotas(&[3, 1], Side::Majority, 0), [0, 0]);
        assert_eq!(Quotas::new(&BTreeMap::new(), Side::Minority, 5).next(1), 0);
        // Mean 1.5: half a row is no room for one.
        assert_eq!(quotas(&[1, 2], Side::Minority, 9), [0, 0]);
    }
}
