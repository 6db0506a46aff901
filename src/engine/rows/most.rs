//! The most frequent sets of labels, by their bits.

use crate::engine::rows::set_bits::SetHash;
use crate::engine::rows::set_entry::SetEntry;
use crate::row_measures::TOP_LABELSETS;

/// How many sets there are, and the most frequent of them.
#[derive(Debug, Clone)]
pub(super) struct Most {
    pub(super) distinct: u64,
    pub(super) single: u64,
    /// Rows of sets and their bits.
    sets: Vec<(u64, SetHash)>,
    /// Sets that are kept, at most.
    limit: usize,
    /// Sets of fewer rows are of no interest.
    least: u64,
    /// Rows of sets that were too many to be kept.
    dropped: Option<u64>,
}

/// The most frequent sets, or candidates for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ranking {
    /// Sets of more rows than those left out, with all that have as many rows as the last.
    pub(super) sets: Vec<(u64, SetHash)>,
    /// Where more are needed: sets of this number of rows, which are too many to keep.
    pub(super) more_of: Option<u64>,
}

impl Most {
    /// Keeps up to `limit` sets of equal frequency.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            distinct: 0,
            single: 0,
            sets: Vec::new(),
            limit: limit.max(TOP_LABELSETS),
            least: 1,
            dropped: None,
        }
    }

    /// Adds a set, which is not added again.
    pub(super) fn add(&mut self, rows: u64, hash: SetHash) {
        self.distinct += 1;
        self.single += u64::from(rows == 1);
        self.offer(rows, hash);
    }

    fn offer(&mut self, rows: u64, hash: SetHash) {
        if rows >= self.least {
            self.sets.push((rows, hash));
            if self.sets.len() >= 2 * self.limit {
                self.prune();
            }
        }
    }

    /// Drops what is not among the most frequent.
    fn prune(&mut self) {
        self.sets.sort_unstable_by(|a, b| b.cmp(a));
        let Some(&(last, _)) = self.sets.get(TOP_LABELSETS - 1) else { return };
        self.least = last;
        self.sets.retain(|(rows, _)| *rows >= last);
        if self.sets.len() > self.limit {
            self.drop_to(last);
        }
    }

    /// There are too many sets of this number of rows or fewer.
    fn drop_to(&mut self, rows: u64) {
        self.sets.retain(|(other, _)| *other > rows);
        (self.least, self.dropped) = (rows + 1, Some(rows));
    }

    /// Adds other sets.
    pub(super) fn merge(&mut self, other: Self) {
        self.distinct += other.distinct;
        self.single += other.single;
        if let Some(rows) = other.dropped.filter(|rows| *rows >= self.least) {
            self.drop_to(rows);
        }
        for (rows, hash) in other.sets {
            self.offer(rows, hash);
        }
    }

    /// What is known at the end.
    pub(super) fn ranking(mut self) -> Ranking {
        self.prune();
        let enough = self.sets.len() >= TOP_LABELSETS;
        Ranking { more_of: self.dropped.filter(|_| !enough), sets: self.sets }
    }
}

/// Calls `each` with the rows of every set of sorted entries: first by group, then, with `None`, of all groups together.
pub(super) fn each_set(entries: &[SetEntry], mut each: impl FnMut(Option<u32>, u64, SetHash)) {
    for same in entries.chunk_by(|a, b| a.hash == b.hash) {
        let mut sum = 0;
        for group in same.chunk_by(|a, b| a.group == b.group) {
            let rows = group.iter().map(|entry| u64::from(entry.rows)).sum();
            each(Some(group[0].group), rows, same[0].hash);
            sum += rows;
        }
        each(None, sum, same[0].hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_add_up() {
        let entry = |set, group, rows| SetEntry { hash: [set, 0], group, rows };
        let entries = [entry(3, 0, 1), entry(5, 0, 4), entry(5, 1, 2), entry(5, 1, 3)];
        let mut found = Vec::new();
        each_set(&entries, |group, rows, hash| found.push((group, rows, hash[0])));
        assert_eq!(found, [(Some(0), 1, 3), (None, 1, 3), (Some(0), 4, 5), (Some(1), 5, 5), (None, 9, 5)]);
    }

    /// The sets of rows given, some in each of two; and what is expected by sorting.
    fn ranking(rows: &[u64], limit: usize) -> Ranking {
        let mut parts = [Most::new(limit), Most::new(limit)];
        for (set, &rows) in (0..).zip(rows) {
            parts[usize::from(set % 3 == 0)].add(rows, [set, 0]);
        }
        let [mut all, other] = parts;
        all.merge(other);
        assert_eq!(all.distinct, rows.len() as u64);
        assert_eq!(all.single, rows.iter().filter(|rows| **rows == 1).count() as u64);
        let mut ranking = all.ranking();
        ranking.sets.sort_unstable();
        ranking
    }

    #[test]
    fn equals_of_the_last_are_kept_until_they_are_too_many() {
        let few = ranking(&[3, 1, 7], 30);
        assert_eq!((few.sets, few.more_of), (vec![(1, [1, 0]), (3, [0, 0]), (7, [2, 0])], None));
        // 15 frequent sets, and 200 of 4 rows, 200 of 2.
        let rows: Vec<u64> = (0..15).map(|i| 100 + i).chain((0..400).map(|i| 2 + i % 2 * 2)).collect();
        let all = ranking(&rows, 300);
        assert_eq!((all.sets.len(), all.more_of), (215, None));
        let too_many = ranking(&rows, 50);
        assert_eq!((too_many.sets.len(), too_many.more_of), (15, Some(4)));
        // The many do not matter where others are more frequent.
        let rows: Vec<u64> = (0..500).map(|_| 2).chain((0..25).map(|i| 100 + i)).collect();
        let enough = ranking(&rows, 50);
        assert_eq!((enough.sets.len(), enough.more_of), (20, None));
    }
}
