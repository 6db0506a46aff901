//! Distinct pairs of id and label that rows of any layout give, counted in bounded memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::counts::Cell;
use crate::engine::pairs::reader::LISTED;
use crate::engine::pairs::record::{NO_LABEL, PairFact, Record, WideRecord};
use crate::engine::pairs::scatter::Scatter;
use crate::engine::pairs::sorter::Sorter;
use crate::engine::pairs::totals::Totals;
use crate::engine::spill::Spill;
use crate::error::{Error, Result};
use crate::threads::in_order;

/// Pairs of late that one thread remembers, since most rows repeat one of them.
const RECENT: usize = 1 << 13;

/// Pairs that one thread finds.
#[derive(Debug)]
pub(in crate::engine) struct DistinctPairs {
    scatter: Scatter<WideRecord>,
    recent: Vec<Option<WideRecord>>,
}

impl DistinctPairs {
    /// For about `pairs` of them within `budget` bytes; all threads say the same.
    pub(in crate::engine) fn new(pairs: u64, budget: usize, spill: Arc<Spill>) -> Self {
        Self { scatter: Scatter::new(pairs, budget, spill, 0), recent: vec![None; RECENT] }
    }

    /// Takes an id with a label, or alone.
    pub(in crate::engine) fn push(&mut self, id: u128, label: Option<u32>) -> Result<()> {
        let label = label.unwrap_or(NO_LABEL);
        let record = WideRecord::new(id, PairFact::new(0, label, LISTED));
        // Labels of one id are neighbours.
        let place = record.spread().wrapping_add(label.into()) % RECENT as u64;
        let Some(recent) = usize::try_from(place).ok().and_then(|place| self.recent.get_mut(place)) else {
            return Err(Error::internal("no place for a pair"));
        };
        if *recent == Some(record) {
            return Ok(());
        }
        *recent = Some(record);
        self.scatter.push(record)
    }
}

/// The number of ids, and of the ids of each of `labels` labels, in what all threads have found; `budget` is what one
/// thread may take.
pub(in crate::engine) fn count_distinct(
    found: Vec<DistinctPairs>,
    labels: usize,
    threads: usize,
    budget: usize,
) -> Result<(u64, Vec<u64>)> {
    let scatters: Vec<Scatter<WideRecord>> = found.into_iter().map(|found| found.scatter).collect();
    let (parts, next) = (scatters.first().map_or(0, Scatter::parts), AtomicUsize::new(0));
    let count = |_| {
        let (mut sorter, mut totals) = (Sorter::new(budget), Totals::default());
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return Ok::<_, Error>(totals);
            }
            sorter.count(&scatters, part, &mut totals)?;
        }
    };
    let mut totals = Totals::default();
    for more in in_order((0..threads.max(1)).collect(), threads, count) {
        totals.merge(more?)?;
    }
    let mut positives = vec![0; labels];
    let all = totals.groups().first();
    for (label, tally, _) in all.into_iter().flat_map(|all| all.labels(Cell::Negative)) {
        let place = positives.get_mut(label);
        *place.ok_or_else(|| Error::internal("a label that was not counted"))? = tally.positives;
    }
    Ok((all.map_or(0, |all| all.ids), positives))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::pairs::ids::bytes;
    use crate::engine::progress::Progress;

    proptest! {
        #[test]
        fn pairs_are_counted_once_whoever_finds_them(
            rows in proptest::collection::vec((0..40_u64, 0..9_u32), 0..3000), threads in 1..4_usize, budget in 1..1_usize << 16,
        ) {
            let spill = Spill::new(None, 1 << 30, Arc::new(Progress::default()));
            let make = || DistinctPairs::new(rows.len() as u64, budget, Arc::clone(&spill));
            let mut found: Vec<_> = std::iter::repeat_with(make).take(threads).collect();
            let (mut ids, mut pairs) = (HashSet::new(), HashSet::new());
            for (at, (id, label)) in rows.iter().enumerate() {
                let one = &mut found[at % threads];
                let key = bytes(format!("patient number {id}").as_bytes());
                one.push(key, None).unwrap();
                ids.insert(id);
                if label % 4 > 0 {
                    one.push(key, Some(*label)).unwrap();
                    pairs.insert((id, label));
                }
            }
            let (all, positives) = count_distinct(found, 9, threads, budget).unwrap();
            prop_assert_eq!(all, ids.len() as u64);
            for (label, positives) in (0..9_u32).zip(positives) {
                prop_assert_eq!(positives, pairs.iter().filter(|(_, other)| **other == label).count() as u64);
            }
        }
    }
}
