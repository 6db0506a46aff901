//! Sorted records become counts: distinct ids of a group, and ids on each side of a label.

use crate::counts::Tally;
use crate::engine::pairs::record::{Record, SIDES};
use crate::engine::pairs::scatter::Scatter;
use crate::error::Result;

/// Counts of all groups.
#[derive(Debug, Default)]
pub(super) struct Totals(Vec<GroupTotals>);

/// Counts of one group.
#[derive(Debug, Default)]
pub(super) struct GroupTotals {
    /// Distinct ids.
    pub(super) ids: u64,
    /// For every side but the first, by label: ids on that side.
    sides: [Vec<u64>; SIDES.len() - 1],
}

impl Totals {
    pub(super) fn groups(&self) -> &[GroupTotals] {
        &self.0
    }

    /// Adds sorted records, in which all records of an id are present.
    pub(super) fn add<R: Record>(&mut self, records: &[R]) {
        let mut before = None;
        for (i, record) in records.iter().enumerate() {
            let (id, said) = (record.id(), record.fact());
            let number = said.group();
            if number >= self.0.len() {
                self.0.resize_with(number + 1, GroupTotals::default);
            }
            let group = &mut self.0[number];
            if before != Some((id, number)) {
                before = Some((id, number));
                group.ids += 1;
            }
            // Of several records of a pair, the last is on the side that wins.
            let next = records.get(i + 1);
            if next.is_some_and(|next| next.fact().pair() == said.pair() && next.id() == id) {
                continue;
            }
            if let (Some(label), Some(side)) = (said.label(), said.side().checked_sub(1)) {
                let counts = &mut group.sides[side];
                if label >= counts.len() {
                    counts.resize(label + 1, 0);
                }
                counts[label] += 1;
            }
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        if other.0.len() > self.0.len() {
            self.0.resize_with(other.0.len(), GroupTotals::default);
        }
        for (group, other) in self.0.iter_mut().zip(other.0) {
            group.ids += other.ids;
            for (sum, more) in group.sides.iter_mut().zip(other.sides) {
                if more.len() > sum.len() {
                    sum.resize(more.len(), 0);
                }
                sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            }
        }
    }
}

impl GroupTotals {
    /// Labels that some id lists, with their tallies.
    pub(super) fn labels(&self) -> impl Iterator<Item = (usize, Tally)> + '_ {
        let labels = self.sides.iter().map(Vec::len).max().unwrap_or(0);
        (0..labels).filter_map(|label| {
            let mut tally = Tally::default();
            for (cell, counts) in SIDES[1..].iter().zip(&self.sides) {
                tally.add(*cell, counts.get(label).copied().unwrap_or(0));
            }
            (tally != Tally::default()).then_some((label, tally))
        })
    }
}

/// Records that may be sorted at a time, and a place to do so.
#[derive(Debug)]
pub(super) struct Sorter<R> {
    scratch: Vec<R>,
    budget: usize,
}

/// Spread bits after which a part is not split again: its records have few different ids.
const BITS_MAX: u32 = 48;

impl<R: Record> Sorter<R> {
    pub(super) fn new(budget: usize) -> Self {
        Self { scratch: Vec::new(), budget }
    }

    /// Counts part `number` of scatters that were made alike.
    pub(super) fn count(
        &mut self,
        scatters: &[Scatter<R>],
        number: usize,
        totals: &mut Totals,
    ) -> Result<()> {
        let records: usize = scatters.iter().map(|scatter| scatter.len(number)).sum();
        let Some(first) = scatters.first().filter(|_| records > 0) else { return Ok(()) };
        if records.saturating_mul(size_of::<R>()) > self.budget && first.bits() < BITS_MAX {
            let mut finer = first.finer(records as u64, self.budget / 2);
            for scatter in scatters {
                scatter.read(number, |records| records.iter().try_for_each(|record| finer.push(*record)))?;
            }
            let mut sorter = Self::new(self.budget / 2);
            let finer = [finer];
            return (0..finer[0].parts()).try_for_each(|part| sorter.count(&finer, part, totals));
        }
        self.scratch.clear();
        for scatter in scatters {
            scatter.read(number, |records| {
                self.scratch.extend_from_slice(records);
                Ok(())
            })?;
        }
        self.scratch.sort_unstable();
        totals.add(&self.scratch);
        Ok(())
    }
}
