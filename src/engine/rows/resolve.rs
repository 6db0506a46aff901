//! From the bits of the most frequent sets to their labels.
//!
//! Bits of few labels give these back, and most others are known already, from rows at the beginning of row groups.
//! Otherwise rows are read again: for the labels of sets whose bits are wanted, and, where too many sets are equally
//! frequent to keep them all, for the first of those by their labels.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::engine::rows::block::Block;
use crate::engine::rows::most::Ranking;
use crate::engine::rows::read::read_rows_here;
use crate::engine::rows::request::Request;
use crate::engine::rows::set_bits::{LabelKeys, SetHash};
use crate::engine::rows::sink::RowSink;
use crate::error::Result;
use crate::row_measures::{Labelset, Labelsets, TOP_LABELSETS};

/// Labels of sets.
pub(super) type KnownSets = HashMap<SetHash, Box<[u32]>>;

/// Sets that one thread keeps while it looks for the first ones.
const FIRST_SETS: usize = 20_000;

/// Fills in the most frequent sets of each scope: all rows, then each group.
pub(super) async fn resolve(
    request: &Request<'_>,
    keys: &Arc<LabelKeys>,
    rankings: &[Ranking],
    mut known: KnownSets,
    into: &mut [Labelsets],
) -> Result<()> {
    let (mut missing, mut labels) = (HashSet::new(), Vec::new());
    for (_, hash) in rankings.iter().flat_map(|ranking| &ranking.sets) {
        if keys.labels(*hash, &mut labels) {
            known.insert(*hash, labels[..].into());
        } else if !known.contains_key(hash) {
            missing.insert(*hash);
        }
    }
    let mut searches: Vec<SetSearch> = rankings.iter().enumerate().filter_map(SetSearch::of).collect();
    while !missing.is_empty() || !searches.is_empty() {
        let (wanted, shared) = (Arc::new(std::mem::take(&mut missing)), Arc::new(searches));
        let make = || SetFinder {
            keys: Arc::clone(keys),
            wanted: Arc::clone(&wanted),
            searches: Arc::clone(&shared),
            known: KnownSets::new(),
            first: vec![FirstSets::default(); shared.len()],
        };
        let mut first = vec![FirstSets::default(); shared.len()];
        for found in read_rows_here(request, make).await?.0 {
            known.extend(found.known);
            first.iter_mut().zip(found.first).for_each(|(first, more)| first.merge(more));
        }
        searches = Arc::unwrap_or_clone(shared);
        searches
            .iter_mut()
            .zip(first)
            .for_each(|(search, first)| search.go_on(first, &mut into[search.scope]));
        searches.retain(|search| !search.done);
    }
    for (ranking, sets) in rankings.iter().zip(into) {
        for (rows, hash) in &ranking.sets {
            if let Some(labels) = known.get(hash) {
                sets.offer(Labelset { labels: labels.to_vec(), rows: *rows });
            }
        }
    }
    Ok(())
}

/// A search for the first sets, by labels, that a given number of rows have.
#[derive(Debug, Clone)]
struct SetSearch {
    scope: usize,
    rows: u64,
    /// Sets that more rows have.
    above: HashSet<SetHash>,
    /// Sets up to this one were looked at.
    after: Option<Vec<u32>>,
    needed: usize,
    done: bool,
}

impl SetSearch {
    fn of((scope, ranking): (usize, &Ranking)) -> Option<Self> {
        let above: HashSet<SetHash> = ranking.sets.iter().map(|(_, hash)| *hash).collect();
        let needed = TOP_LABELSETS.saturating_sub(above.len());
        Some(Self { scope, rows: ranking.more_of?, above, after: None, needed, done: false })
    }

    /// Takes what was found, and settles where to look next.
    fn go_on(&mut self, first: FirstSets, into: &mut Labelsets) {
        for (labels, rows) in first.sets.into_iter().filter(|(_, rows)| *rows == self.rows).take(self.needed)
        {
            into.offer(Labelset { labels, rows });
            self.needed -= 1;
        }
        self.after = first.bound;
        self.done = self.needed == 0 || self.after.is_none();
    }
}

/// The first sets by their labels, with their rows.
#[derive(Debug, Clone, Default)]
struct FirstSets {
    sets: BTreeMap<Vec<u32>, u64>,
    /// Sets behind this one were dropped.
    bound: Option<Vec<u32>>,
}

impl FirstSets {
    fn add(&mut self, labels: &[u32], more: u64) {
        if self.bound.as_deref().is_some_and(|bound| labels > bound) {
            return;
        }
        if let Some(rows) = self.sets.get_mut(labels) {
            *rows += more;
            return;
        }
        self.sets.insert(labels.to_vec(), more);
        if self.sets.len() > FIRST_SETS {
            self.sets.pop_last();
            self.bound = self.sets.last_key_value().map(|(labels, _)| labels.clone());
        }
    }

    fn merge(&mut self, other: Self) {
        for (labels, rows) in other.sets {
            *self.sets.entry(labels).or_default() += rows;
        }
        self.bound = match (self.bound.take(), other.bound) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if let Some(bound) = &self.bound {
            self.sets.retain(|labels, _| labels <= bound);
        }
    }
}

/// Looks for sets in the rows of one thread.
struct SetFinder {
    keys: Arc<LabelKeys>,
    wanted: Arc<HashSet<SetHash>>,
    searches: Arc<Vec<SetSearch>>,
    known: KnownSets,
    first: Vec<FirstSets>,
}

impl RowSink for SetFinder {
    type Found = Self;

    fn take(&mut self, block: &mut Block) -> Result<()> {
        for row in (0..block.rows()).filter_map(|row| block.row(row)) {
            let (labels, hash) = (row.positives, self.keys.hash(row.positives));
            if self.wanted.contains(&hash) {
                self.known.entry(hash).or_insert_with(|| labels.into());
            }
            for (search, first) in self.searches.iter().zip(&mut self.first) {
                let is_in = search.scope == 0 || search.scope == row.group + 1;
                if is_in
                    && search.after.as_deref().is_none_or(|after| labels > after)
                    && !search.above.contains(&hash)
                {
                    first.add(labels, 1);
                }
            }
        }
        Ok(())
    }

    fn rest(&mut self, rows: u64, _silent: bool) {
        let hash = self.keys.hash(&[]);
        for (search, first) in self.searches.iter().zip(&mut self.first) {
            if search.after.is_none() && !search.above.contains(&hash) {
                first.add(&[], rows);
            }
        }
    }

    fn finish(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sets_are_whole_whoever_saw_them() {
        let mut parts = [FirstSets::default(), FirstSets::default()];
        let sets = u32::try_from(FIRST_SETS).unwrap() * 2;
        for round in 0..2 {
            for i in 0..sets {
                let label = i.wrapping_mul(7919) % sets;
                parts[(i % 2) as usize].add(&[label / 1000, label % 1000], 1);
                if label % 3 == 0 {
                    parts[usize::from(round == 0)].add(&[label / 1000, label % 1000], 1);
                }
            }
        }
        let [mut all, other] = parts;
        all.merge(other);
        let bound = all.bound.clone().unwrap();
        assert!(all.sets.len() > 1000 && all.sets.keys().all(|labels| *labels <= bound));
        for (place, (labels, rows)) in (0..).zip(&all.sets) {
            let label = labels[0] * 1000 + labels[1];
            assert_eq!((label, *rows), (place, if label % 3 == 0 { 4 } else { 2 }));
        }
        let mut sets = Labelsets::default();
        let ranking = Ranking { sets: vec![(9, [1, 1])], more_of: Some(4) };
        let mut search = SetSearch::of((0, &ranking)).unwrap();
        search.go_on(all, &mut sets);
        assert!(search.done && search.needed == 0);
        let labels: Vec<_> = sets.top.iter().map(|set| set.labels[1]).collect();
        assert_eq!(labels, (0..19).map(|i| i * 3).collect::<Vec<_>>());
    }
}
