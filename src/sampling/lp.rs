//! Random over- and undersampling by label sets (Charte et al. 2015): LP-ROS and LP-RUS.
//!
//! Sets below the mean size grow, or sets above it shrink, up to the mean; sets nearest to the mean come first.
//! Each set takes an equal share of the remaining budget; what it cannot take is left to later sets. The mean is
//! rounded to a whole row towards the sets that change. Rows without labels form a set, too.

use std::collections::BTreeMap;

use super::whole;
use crate::counts::as_f64;

/// Which sets change, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Sets below the mean size grow.
    Minority,
    /// Sets above the mean size shrink.
    Majority,
}

/// The rows that sets of one size gain or lose: the first sets `share`, the others one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quota {
    share: u64,
    with_share: u64,
}

/// The number of rows that each set gains or loses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quotas {
    of_size: BTreeMap<u64, Quota>,
}

impl Quotas {
    /// For the number of sets by size in `sizes`, with `budget` rows to clone or drop.
    #[must_use]
    pub(crate) fn new(sizes: &BTreeMap<u64, u64>, side: Side, budget: u64) -> Self {
        let sets: u64 = sizes.values().sum();
        let rows: u64 = sizes.iter().map(|(size, sets)| size * sets).sum();
        let mean = if sets == 0 { 0.0 } else { as_f64(rows) / as_f64(sets) };
        let room = |size: u64| match side {
            Side::Minority => mean - as_f64(size),
            Side::Majority => as_f64(size) - mean,
        };
        // Sets nearest to the mean first.
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
            // Equal shares of whole rows: the last `left % waiting` sets get one more.
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

    /// Rows that the next set of `size` rows gains or loses; call once for each set, in an order that does not
    /// depend on the order of rows.
    pub(crate) fn next(&mut self, size: u64) -> u64 {
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
