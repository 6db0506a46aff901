//! What a piece has counted so far, and how it becomes partial counts.

use std::collections::{BTreeMap, VecDeque};

use arrow::array::RecordBatch;

use crate::counts::{Cell, Mass, MassTally, Tally};
use crate::engine::counting::{Counting, Keys};
use crate::engine::group_key::GroupKey;
use crate::engine::partial;
use crate::engine::partial::{PartialRow, Partials};
use crate::engine::read::interner::Interner;
use crate::engine::read::vector_text::wrong_length;
use crate::engine::read::weights::mass_overflow;
use crate::engine::scan::vector_texts::VectorTextCount;
use crate::error::{Error, Result};
use crate::pages::{Constant, FlatCount, SetCount, SetCounter, VectorCount, VectorSums};
use crate::source::layout::LayoutKind;

/// Labels per batch, so that millions of them are never in memory as rows.
const LABELS_AT_A_TIME: usize = 1 << 15;

/// LabelSums of a piece beside the positives that a [`SetCounter`] holds.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    pub(super) rows: u64,
    null_rows: u64,
    null_elements: u64,
    /// Labels in lists, however often a row repeats them.
    pub(super) listed: u64,
    /// By label, for `wide` and `vector`; for `map`, of the rows that name the label.
    pub(super) labels: Vec<Tally>,
    /// Weights or soft values by label, for `wide` and `vector`; empty where rows have none.
    masses: Vec<MassTally>,
    /// Weights by label id, where labels come in sets.
    set_masses: Vec<Mass>,
    /// Weights of all rows.
    mass: Mass,
    /// Shard and label, if it is one label's → how many invalid values, and one of them.
    invalid: BTreeMap<(usize, Option<usize>), (u64, String)>,
}

impl Tallies {
    pub(super) fn new(counting: &Counting) -> Self {
        let labels = match &counting.keys {
            Keys::Positions(labels) => vec![Tally::default(); labels.len()],
            _ => Vec::new(),
        };
        let masses = vec![MassTally::default(); if counting.has_mass() { labels.len() } else { 0 }];
        Self { labels, masses, ..Self::default() }
    }

    /// Adds the weights of rows.
    pub(super) fn add_mass(&mut self, mass: Mass) -> Result<()> {
        self.mass = self.mass.checked_add(mass).ok_or_else(mass_overflow)?;
        Ok(())
    }

    /// Adds weights of a label.
    pub(super) fn add_label_mass(&mut self, label: usize, more: &MassTally) -> Result<()> {
        let mass = self.masses.get_mut(label).ok_or_else(|| Error::internal("weights without a label"))?;
        *mass = mass.checked_add(more).ok_or_else(mass_overflow)?;
        Ok(())
    }

    /// Adds weights by label id.
    pub(super) fn add_set_masses(&mut self, more: &[Mass]) -> Result<()> {
        self.set_masses.resize(self.set_masses.len().max(more.len()), Mass::ZERO);
        for (mass, more) in self.set_masses.iter_mut().zip(more) {
            *mass = mass.checked_add(*more).ok_or_else(mass_overflow)?;
        }
        Ok(())
    }

    pub(super) fn add_flat(&mut self, (shard, column): (usize, usize), count: FlatCount) {
        add(&mut self.labels[column], &count.tally);
        self.add_invalid(shard, Some(column), count.tally.invalid, count.first_invalid);
    }

    /// The same with the targets of the rows, in units.
    pub(super) fn add_judged(
        &mut self,
        (shard, column): (usize, usize),
        count: FlatCount,
        targets: Option<i128>,
    ) -> Result<()> {
        if let Some(targets) = targets {
            self.add_targets(column, targets, count.tally.known())?;
        }
        self.add_flat((shard, column), count);
        Ok(())
    }

    pub(super) fn add_constant(
        &mut self,
        (shard, column): (usize, usize),
        constant: Constant<'_>,
        cell: Cell,
    ) {
        let tally = &mut self.labels[column];
        tally.missing += constant.nulls;
        tally.add(cell, constant.rows);
        if cell == Cell::Invalid {
            self.add_invalid(
                shard,
                Some(column),
                constant.rows,
                constant.value.map(|value| value.to_string()),
            );
        }
    }

    /// Adds the soft values of rows of a label: the targets of those that are known, in units, and of how many rows.
    pub(super) fn add_targets(&mut self, label: usize, targets: i128, known: u64) -> Result<()> {
        let positives = Mass::from_units(targets);
        let negatives = Mass::from_units(Mass::from_rows(known).units() - targets);
        self.add_label_mass(label, &MassTally { positives, negatives })
    }

    pub(super) fn add_vector(&mut self, shard: usize, sums: VectorSums) -> Result<()> {
        sums.add_to(&mut self.labels);
        for (label, (targets, tally)) in sums.targets.iter().zip(&sums.tallies).enumerate() {
            self.add_targets(label, *targets, tally.known())?;
        }
        self.add_vector_count(shard, sums.count);
        Ok(())
    }

    fn add_vector_count(&mut self, shard: usize, count: VectorCount) {
        self.rows += count.rows;
        self.null_rows += count.null_rows;
        let width = self.labels.len();
        let wrong = count.first_wrong;
        let wrong = wrong.map(|w| wrong_length(w.elements, width));
        self.add_invalid(shard, None, count.wrong_rows, wrong);
        if let Some((position, text)) = count.first_invalid {
            self.add_invalid(shard, Some(position), 1, Some(text));
        }
    }

    /// The same of texts that hold vectors.
    pub(super) fn add_vector_texts(&mut self, shard: usize, count: VectorTextCount) {
        self.rows += count.rows;
        self.null_rows += count.null_rows;
        self.add_invalid(shard, None, count.wrong_rows, count.first_wrong);
        if let Some((position, text)) = count.first_invalid {
            self.add_invalid(shard, Some(position), 1, Some(text));
        }
    }

    pub(super) fn add_sets(&mut self, shard: usize, count: SetCount) {
        self.rows += count.rows;
        self.null_rows += count.null_rows;
        self.null_elements += count.null_elements;
        self.add_invalid(shard, None, count.invalid_rows, count.first_invalid);
    }

    /// One invalid value of a label that has no position yet.
    pub(super) fn add_stray(&mut self, shard: usize, text: String) {
        self.add_invalid(shard, None, 1, Some(text));
    }

    /// Rows of a shard that has no such column: they say nothing.
    pub(super) fn add_absent(&mut self, column: usize, rows: u64, layout: LayoutKind) {
        if layout == LayoutKind::Wide {
            self.labels[column].missing += rows;
        } else {
            self.rows += rows;
            self.null_rows += rows;
            if layout == LayoutKind::Vector {
                self.labels.iter_mut().for_each(|label| label.missing += rows);
            }
        }
    }

    fn add_invalid(&mut self, shard: usize, label: Option<usize>, count: u64, example: Option<String>) {
        if let Some(example) = example {
            self.invalid.entry((shard, label)).or_insert((0, example)).0 += count;
        }
    }

    /// Everything counted since the last time, for group `key`; starts anew.
    pub(super) fn give(
        &mut self,
        counting: &Counting,
        key: &GroupKey,
        positives: &mut SetCounter,
    ) -> PartialBatches {
        let fresh = Self::new(counting);
        let Self { rows, null_rows, null_elements, listed, labels, masses, set_masses, mass, invalid } =
            std::mem::replace(self, fresh);
        let mut out = Partials::new(counting.by.len());
        if rows > 0 {
            out.push(&PartialRow {
                by: key,
                tally: Tally {
                    positives: listed,
                    negatives: rows - null_rows,
                    missing: null_rows,
                    ..Tally::default()
                },
                skipped: null_elements,
                mass: MassTally { positives: Mass::ZERO, negatives: mass },
                ..PartialRow::default()
            });
        }
        for (label, mass) in masses.into_iter().enumerate().filter(|(_, mass)| *mass != MassTally::default())
        {
            out.push(&PartialRow { by: key, index: Some(label as u64), mass, ..PartialRow::default() });
        }
        for ((shard, label), (count, example)) in invalid {
            out.push(&PartialRow {
                by: key,
                shard: u32::try_from(shard).ok(),
                index: label.map(|label| label as u64),
                tally: Tally { invalid: count, ..Tally::default() },
                example: Some(&example),
                ..PartialRow::default()
            });
        }
        let counts = match &counting.keys {
            Keys::Positions(_) if rows > 0 => LabelSums::Tallies(labels),
            Keys::Positions(_) => LabelSums::Tallies(Vec::new()),
            _ if counting.layout.kind == LayoutKind::Map => LabelSums::Tallies(labels),
            _ if counting.sample_weight.is_some() => {
                let (mut positives, mut masses) = (positives.take(), set_masses);
                let labels = positives.len().max(masses.len());
                positives.resize(labels, 0);
                masses.resize(labels, Mass::ZERO);
                LabelSums::Weighed(positives, masses)
            }
            _ => LabelSums::Positives(positives.take()),
        };
        PartialBatches { ready: out.finish().into(), sums: VecDeque::from([(key.clone(), counts)]), at: 0 }
    }
}

fn add(sum: &mut Tally, more: &Tally) {
    sum.positives += more.positives;
    sum.negatives += more.negatives;
    sum.uncertain += more.uncertain;
    sum.missing += more.missing;
    sum.invalid += more.invalid;
}

/// Partial counts on their way out, some labels at a time.
#[derive(Debug, Default)]
pub(super) struct PartialBatches {
    ready: VecDeque<RecordBatch>,
    sums: VecDeque<(GroupKey, LabelSums)>,
    /// Labels given so far of the first of them.
    at: usize,
}

#[derive(Debug)]
enum LabelSums {
    Tallies(Vec<Tally>),
    Positives(Vec<u64>),
    /// The same with the weights of these rows.
    Weighed(Vec<u64>, Vec<Mass>),
}

impl PartialBatches {
    /// Adds batches that are ready.
    pub(super) fn push(&mut self, batches: impl IntoIterator<Item = RecordBatch>) {
        self.ready.extend(batches);
    }

    /// Adds `other`, whose labels have the same names.
    pub(super) fn append(&mut self, mut other: Self) {
        self.ready.append(&mut other.ready);
        self.sums.append(&mut other.sums);
    }

    /// Nothing is left to give.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.sums.is_empty()
    }

    /// The next batch; `names` has the names of labels that have no positions yet.
    pub(super) fn next(&mut self, names: Option<&Interner>) -> Option<RecordBatch> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Some(batch);
            }
            let (key, sums) = self.sums.front()?;
            let range = self.at..sums.len().min(self.at + LABELS_AT_A_TIME);
            if range.is_empty() {
                self.sums.pop_front();
                self.at = 0;
                continue;
            }
            self.at = range.end;
            if let LabelSums::Positives(positives) = sums
                && names.is_none_or(|names| names.name(0).is_none())
                && key.is_empty()
            {
                self.ready.extend(partial::of_positives(range.start, &positives[range]));
                continue;
            }
            let name = |label| names.and_then(|names| names.name(label));
            if let LabelSums::Weighed(_, masses) = sums {
                let mut out = Partials::new(key.len());
                let is_counted =
                    |label: &usize| sums.get(*label) != Tally::default() || masses[*label] != Mass::ZERO;
                // Rows of another thread may be counted elsewhere.
                for label in range.filter(is_counted) {
                    out.push(&PartialRow {
                        by: key,
                        index: name(label).is_none().then_some(label as u64),
                        name: name(label),
                        tally: sums.get(label),
                        mass: MassTally { positives: masses[label], negatives: Mass::ZERO },
                        ..PartialRow::default()
                    });
                }
                self.ready.extend(out.finish());
                continue;
            }
            let counted = range.map(|label| (label, sums.get(label)));
            let counted = counted.filter(|(_, tally)| *tally != Tally::default());
            let batch = partial::labels(key, counted, name);
            self.ready.extend(batch);
        }
    }
}

impl LabelSums {
    fn len(&self) -> usize {
        match self {
            Self::Tallies(tallies) => tallies.len(),
            Self::Positives(positives) | Self::Weighed(positives, _) => positives.len(),
        }
    }

    fn get(&self, label: usize) -> Tally {
        match self {
            Self::Tallies(tallies) => tallies[label],
            Self::Positives(positives) | Self::Weighed(positives, _) => {
                Tally { positives: positives[label], ..Tally::default() }
            }
        }
    }
}
