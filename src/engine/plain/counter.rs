//! Batches of rows become partial counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::UInt32Type;

use crate::counts::{CountUnit, Mass, Tally};
use crate::engine::counting::{Counting, Keys};
use crate::engine::group_key::GroupKey;
use crate::engine::live::{LiveLabels, ReportedCounts};
use crate::engine::partial::{PartialRow, Partials};
use crate::engine::plain::batch_weights::BatchWeights;
use crate::engine::plain::cells::{BatchRows, CellSum, StrayValue};
use crate::engine::plain::columns;
use crate::engine::plain::hierarchy::{Hierarchy, vectors_of};
use crate::engine::plain::maps::MapSums;
use crate::engine::plain::sets::Sets;
use crate::engine::read::by_group::{ByGroup, split};
use crate::engine::read::weights::mass_overflow;
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;

/// Counts of one group.
#[derive(Debug)]
enum GroupState {
    Columns(Vec<CellSum>),
    Sets(Box<Sets>),
    Maps(Box<MapSums>),
}

#[derive(Debug)]
struct PlainGroup {
    /// Rows by whether they say anything at all: `missing` are null rows, `negatives` all others.
    whole: CellSum,
    /// Null elements inside lists, which say nothing.
    skipped: u64,
    state: GroupState,
    /// What was reported to the live view.
    reported: ReportedCounts,
}

/// Takes batches whose columns are `[label columns…, weight?, by…, shard]`, gives partial counts.
#[derive(Debug)]
pub(crate) struct Counter {
    counting: Arc<Counting>,
    /// Of layouts whose labels have a cell each.
    hierarchy: Option<Hierarchy>,
    groups: ByGroup<PlainGroup>,
    /// When something was last reported to the live view.
    heard: u64,
    /// (shard, label) → how many invalid values, and one of them.
    invalid: BTreeMap<(u32, Option<usize>), (u64, String)>,
}

impl Counter {
    pub(crate) fn new(counting: Arc<Counting>) -> Self {
        let hierarchy = Hierarchy::of(&counting);
        Self { groups: ByGroup::new(), heard: 0, invalid: BTreeMap::new(), hierarchy, counting }
    }

    pub(crate) fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        let n_labels = self.counting.layout.cells().count();
        let first_by = n_labels + usize::from(self.counting.sample_weight.is_some());
        let by = &batch.columns()[first_by..batch.num_columns() - 1];
        for (key, mask) in split(by, batch.num_rows())? {
            match mask {
                None => self.update_group(key, batch)?,
                Some(mask) => {
                    let part =
                        filter_record_batch(batch, &mask).map_err(|c| Error::internal(c.to_string()))?;
                    self.update_group(key, &part)?;
                }
            }
        }
        Ok(())
    }

    fn update_group(&mut self, key: GroupKey, batch: &RecordBatch) -> Result<()> {
        let counting = Arc::clone(&self.counting);
        let n_labels = counting.layout.cells().count();
        let labels = &batch.columns()[..n_labels];
        let weights = counting
            .sample_weight
            .as_ref()
            .map(|name| BatchWeights::of(name, &batch.columns()[n_labels]))
            .transpose()?;
        let group = self.groups.get_or_try_insert(key, || PlainGroup::new(&counting))?;
        let mut strays = Vec::new();
        group.update(&counting, self.hierarchy.as_ref(), labels, weights.as_ref(), &mut strays)?;
        let shards = batch.column(batch.num_columns() - 1).as_primitive::<UInt32Type>();
        for stray in strays {
            let at = (shards.value(stray.row), stray.label);
            self.invalid.entry(at).or_insert((0, stray.text)).0 += 1;
        }
        Ok(())
    }

    /// Whether a value without a meaning was found.
    pub(crate) fn has_strays(&self) -> bool {
        !self.invalid.is_empty()
    }

    /// True when names found so far take so much memory that they should be given out.
    pub(crate) fn is_full(&self) -> bool {
        const NAME_BYTES_MAX: usize = 16 << 20;
        let bytes = self.groups.values().map(|group| match &group.state {
            GroupState::Columns(_) => 0,
            GroupState::Sets(sets) => sets.name_bytes(),
            GroupState::Maps(maps) => maps.name_bytes(),
        });
        bytes.sum::<usize>() > NAME_BYTES_MAX
    }

    /// Tells whoever looks what was counted, if this is asked for.
    pub(crate) fn tell_if_asked(&mut self, live: &LiveLabels) {
        if live.is_asked(&mut self.heard) {
            self.report(live);
        }
    }

    /// Tells whoever looks what was counted, as it has to be before it is given out.
    pub(crate) fn report(&mut self, live: &LiveLabels) {
        if live.is_looked_at() {
            self.groups.values_mut().for_each(|group| group.report(live));
        }
    }

    /// Gives out everything counted so far, batch by batch, and starts again at zero.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = RecordBatch> + Send + use<> {
        let n_by = self.counting.by.len();
        let mut strays = Partials::new(n_by);
        for ((shard, label), (count, example)) in std::mem::take(&mut self.invalid) {
            strays.push(&PartialRow {
                shard: Some(shard),
                index: label.map(|l| l as u64),
                tally: Tally { invalid: count, ..Tally::default() },
                example: Some(&example),
                ..PartialRow::default()
            });
        }
        let groups = self.groups.drain().into_iter().flat_map(move |(key, group)| group.batches(key, n_by));
        groups.chain(strays.finish())
    }
}

/// Labels per batch, so that millions of them are never in memory as rows.
const LABELS_AT_A_TIME: usize = 1 << 15;

impl PlainGroup {
    /// The group's own row and one per label, some labels at a time.
    fn batches(self, key: GroupKey, n_by: usize) -> impl Iterator<Item = RecordBatch> + Send {
        let labels = match &self.state {
            GroupState::Columns(sides) => sides.len(),
            GroupState::Sets(sets) => sets.len(),
            GroupState::Maps(maps) => maps.len(),
        };
        (0..=labels).step_by(LABELS_AT_A_TIME).flat_map(move |start| {
            let mut out = Partials::new(n_by);
            if start == 0 {
                let CellSum { tally, mass } = self.whole;
                out.push(&PartialRow {
                    by: &key,
                    tally,
                    mass,
                    skipped: self.skipped,
                    ..PartialRow::default()
                });
            }
            let range = start..labels.min(start + LABELS_AT_A_TIME);
            match &self.state {
                GroupState::Columns(sides) => {
                    for (position, side) in range.clone().zip(&sides[range]) {
                        let index = Some(position as u64);
                        let CellSum { tally, mass } = *side;
                        out.push(&PartialRow { by: &key, index, tally, mass, ..PartialRow::default() });
                    }
                }
                GroupState::Sets(sets) => sets.give(range, &key, &mut out),
                GroupState::Maps(maps) => maps.give(range, &key, &mut out),
            }
            out.finish()
        })
    }

    fn new(counting: &Counting) -> Self {
        let state = match &counting.keys {
            Keys::Positions(labels) => GroupState::Columns(vec![CellSum::default(); labels.len()]),
            _ if counting.layout.kind == LayoutKind::Map => {
                GroupState::Maps(Box::new(MapSums::new(counting)))
            }
            _ => GroupState::Sets(Box::new(Sets::new(counting))),
        };
        Self { whole: CellSum::default(), skipped: 0, state, reported: ReportedCounts::default() }
    }

    fn report(&mut self, live: &LiveLabels) {
        match &self.state {
            GroupState::Columns(sums) => {
                self.reported.report(live, sums.iter().map(|sum| sum.tally.positives), |_| None);
            }
            GroupState::Sets(sets) => self.reported.report(live, sets.positives(), |id| sets.name(id)),
            GroupState::Maps(maps) => self.reported.report(live, maps.positives(), |id| maps.name(id)),
        }
    }

    /// Counts some rows.
    fn update(
        &mut self,
        counting: &Counting,
        hierarchy: Option<&Hierarchy>,
        labels: &[ArrayRef],
        weights: Option<&BatchWeights>,
        strays: &mut Vec<StrayValue>,
    ) -> Result<()> {
        let Some(first) = labels.first() else { return Ok(()) };
        let mut counted = BatchRows {
            rows: if counting.unit == CountUnit::Row { first.len() as u64 } else { 0 },
            ..BatchRows::default()
        };
        match (&mut self.state, counting.layout.kind) {
            (GroupState::Columns(sides), LayoutKind::Wide) => {
                let raised = hierarchy.map(|hierarchy| hierarchy.wide(labels, counting)).transpose()?;
                let labels = raised.as_deref().unwrap_or(labels);
                for (position, (array, side)) in labels.iter().zip(sides).enumerate() {
                    columns::tally(array, position, counting, weights, side, strays)?;
                }
            }
            (GroupState::Columns(sides), _) => {
                let lists = vectors_of(first, sides.len(), counting, hierarchy)?;
                columns::tally_vector(&lists, counting, weights, sides, &mut counted, strays)?;
            }
            (GroupState::Maps(maps), _) => maps.update(labels, counting, weights, &mut counted, strays)?,
            (GroupState::Sets(sets), _) => {
                sets.update(first, counting, weights, &mut counted, strays)?;
            }
        }
        self.skipped += counted.skipped;
        self.whole.tally.missing += counted.null_rows;
        self.whole.tally.negatives += counted.rows - counted.null_rows;
        if counting.has_mass() {
            let all = match weights {
                _ if counting.unit == CountUnit::Element => counted.unit_mass,
                Some(weights) => weights.sum,
                None => Mass::from_rows(counted.rows),
            };
            // Masses are bounded by `Mass::MAX` per cell; the sum is checked where groups are merged.
            let known = Mass::from_units(all.units() - counted.null_mass.units());
            self.whole.mass.negatives =
                self.whole.mass.negatives.checked_add(known).ok_or_else(mass_overflow)?;
        }
        if counting.counts_listed() {
            self.whole.tally.positives += counted.listed;
        }
        Ok(())
    }
}
