//! Sorted records become counts: distinct ids of a group, and ids on each side of a label.

use crate::counts::{Cell, Mass, MassTally, Tally};
use crate::engine::pairs::record::{PairMass, Record, SIDES};
use crate::engine::pairs::sorter::RecordSink;

use crate::engine::read::weights::{mass, mass_overflow};
use crate::error::Result;

/// Counts of all groups.
#[derive(Debug, Default)]
pub(super) struct Totals {
    groups: Vec<GroupTotals>,
    /// The smallest id that has two weights, and these.
    pub(super) clash: Option<(u128, [f64; 2])>,
    /// An id is in several groups, so that all rows are fewer than those of the groups together.
    pub(super) shares_ids: bool,
}

/// Counts of one group.
#[derive(Debug, Default)]
pub(super) struct GroupTotals {
    /// Distinct ids.
    pub(super) ids: u64,
    /// For every side, by label: ids on that side.
    sides: [Vec<u64>; SIDES.len()],
    /// Weights of the ids; nothing unless masses are counted.
    pub(super) weight: Mass,
    /// By label; empty unless masses are counted.
    masses: Vec<PairSums>,
}

/// Masses of the ids that list a label.
#[derive(Debug, Default, Clone, Copy)]
struct PairSums {
    known: MassTally,
    /// Of all, known or not.
    listed: Mass,
}

impl<R: Record> RecordSink<R> for Totals {
    fn add(&mut self, records: &[R]) -> Result<()> {
        let mut before = None;
        for (i, record) in records.iter().enumerate() {
            let (id, said) = (record.id(), record.fact());
            let number = said.group();
            if number >= self.groups.len() {
                self.groups.resize_with(number + 1, GroupTotals::default);
            }
            let group = &mut self.groups[number];
            let is_new = before != Some((id, number));
            if is_new {
                self.shares_ids |= before.is_some_and(|(other, _)| other == id);
                before = Some((id, number));
                group.ids += 1;
            }
            if let Some(this) = record.mass() {
                let other = i.checked_sub(1).map(|i| records[i]).filter(|other| other.id() == id);
                let other = other.and_then(Record::mass).unwrap_or(this);
                if other.weight().to_bits() != this.weight().to_bits() {
                    self.clash = earlier(self.clash, Some((id, [other.weight(), this.weight()])));
                }
                if is_new {
                    add(&mut group.weight, mass(this.weight())?)?;
                }
            }
            // Of several records of a pair, the last is on the side that wins.
            let next = records.get(i + 1);
            if next.is_some_and(|next| next.fact().pair() == said.pair() && next.id() == id) {
                continue;
            }
            let Some(label) = said.label() else { continue };
            let counts = &mut group.sides[said.side()];
            if label >= counts.len() {
                counts.resize(label + 1, 0);
            }
            counts[label] += 1;
            if let Some(this) = record.mass() {
                if label >= group.masses.len() {
                    group.masses.resize(label + 1, PairSums::default());
                }
                group.masses[label].add(said.cell(), this)?;
            }
        }
        Ok(())
    }
}

impl Totals {
    pub(super) fn groups(&self) -> &[GroupTotals] {
        &self.groups
    }

    pub(super) fn merge(&mut self, other: Self) -> Result<()> {
        self.clash = earlier(self.clash, other.clash);
        self.shares_ids |= other.shares_ids;
        if other.groups.len() > self.groups.len() {
            self.groups.resize_with(other.groups.len(), GroupTotals::default);
        }
        for (group, other) in self.groups.iter_mut().zip(other.groups) {
            group.ids += other.ids;
            for (sum, more) in group.sides.iter_mut().zip(other.sides) {
                if more.len() > sum.len() {
                    sum.resize(more.len(), 0);
                }
                sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            }
            add(&mut group.weight, other.weight)?;
            if other.masses.len() > group.masses.len() {
                group.masses.resize(other.masses.len(), PairSums::default());
            }
            for (sum, more) in group.masses.iter_mut().zip(other.masses) {
                sum.known = sum.known.checked_add(&more.known).ok_or_else(mass_overflow)?;
                add(&mut sum.listed, more.listed)?;
            }
        }
        Ok(())
    }
}

impl PairSums {
    fn add(&mut self, cell: Cell, pair: PairMass) -> Result<()> {
        let all = mass(pair.weight())?;
        add(&mut self.listed, all)?;
        if matches!(cell, Cell::Positive | Cell::Negative) {
            let yes = mass(pair.weight() * pair.target())?;
            add(&mut self.known.positives, yes)?;
            add(&mut self.known.negatives, Mass::from_units(all.units() - yes.units()))?;
        }
        Ok(())
    }
}

impl GroupTotals {
    /// Labels that some id lists, with their tallies and masses. What ids say of labels that they do not list is
    /// `rest`: where that is missing, pairs that are listed as missing are among them; where it is negative, the
    /// negative mass is what differs from the mass of all ids.
    pub(super) fn labels(&self, rest: Cell) -> impl Iterator<Item = (usize, Tally, MassTally)> + '_ {
        let labels = self.sides.iter().map(Vec::len).max().unwrap_or(0).max(self.masses.len());
        (0..labels).filter_map(move |label| {
            let (mut tally, mut is_listed) = (Tally::default(), false);
            for (cell, counts) in SIDES.iter().zip(&self.sides) {
                let ids = counts.get(label).copied().unwrap_or(0);
                is_listed |= ids > 0;
                if *cell != Cell::Missing || rest != Cell::Missing {
                    tally.add(*cell, ids);
                }
            }
            let PairSums { known, listed } = self.masses.get(label).copied().unwrap_or_default();
            let less = if rest == Cell::Negative { listed } else { Mass::ZERO };
            let negatives = Mass::from_units(known.negatives.units() - less.units());
            let mass = MassTally { negatives, ..known };
            // A label that is missing wherever it is listed is a label, too.
            (is_listed || mass != MassTally::default()).then_some((label, tally, mass))
        })
    }
}

fn add(sum: &mut Mass, more: Mass) -> Result<()> {
    *sum = sum.checked_add(more).ok_or_else(mass_overflow)?;
    Ok(())
}

/// Of two ids with two weights, the smaller one.
fn earlier(one: Option<(u128, [f64; 2])>, other: Option<(u128, [f64; 2])>) -> Option<(u128, [f64; 2])> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.0 < one.0 { other } else { one }),
        (one, other) => one.or(other),
    }
}
