//! Counts the chunks of one shard.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::ArrayRef;

use crate::counts::{Cell, CountUnit, Tally};
use crate::engine::group_key::GroupKey;
use crate::engine::plain::batch_weights::BatchWeights;
use crate::engine::plain::cells::CellSum;
use crate::engine::plain::columns::tally_column;
use crate::engine::plain::counter::Counter;
use crate::engine::plain::maps::no_side;
use crate::engine::read::batch::rows_of_shard;
use crate::engine::read::chunk_sink::{ChunkSink, ColumnPages};
use crate::engine::read::meaning::{KnownCells, LabelJudge, StoredLabels, cell, is_flat};
use crate::engine::read::row_facts::{RowFacts, RowPart, RowWeights};
use crate::engine::scan::job::{GroupCounts, ScanBuffers, ScanJob, ScanTools};
use crate::engine::scan::vector_texts;
use crate::engine::scan::weigh::{SetWeights, weigh};
use crate::error::{Error, Result};
use crate::label_sets::LabelSets;
use crate::pages::{
    ChunkOutcome, Constant, FlatCount, RowMask, RowParts, StoredValue, VectorSums, count_elements,
    count_flat, count_flat_pages, count_grouped_sets, count_judged, count_kept_flat, count_kept_sets,
    count_nested_sets, count_pairs, count_sets, count_vectors, mark_judged, rows_of_nested_sets,
    rows_of_sets, rows_of_vectors,
};
use crate::source::layout::LayoutKind;

/// Adds what is read of a shard to the counts of one thread.
pub(super) struct CountSink<'a> {
    job: &'a Arc<ScanJob>,
    shard: usize,
    buffers: &'a mut ScanBuffers,
    /// Counts the rows of `list`, `delimited`, `class` and `vector` that are read as arrays.
    arrays: &'a mut Counter,
    /// Groups of the row group that began.
    begun: HashSet<GroupKey>,
}

impl<'a> CountSink<'a> {
    pub(super) fn new(
        job: &'a Arc<ScanJob>,
        shard: usize,
        buffers: &'a mut ScanBuffers,
        arrays: &'a mut Counter,
    ) -> Self {
        Self { job, shard, buffers, arrays, begun: HashSet::new() }
    }

    /// Counts vectors of the rows of each of some masks.
    fn vectors(
        &mut self,
        pages: &ColumnPages<'_>,
        masks: &[Option<&RowMask>],
    ) -> Result<ChunkOutcome<Vec<VectorSums>>> {
        let [chunk] = pages.chunks else { return Err(more_leaves()) };
        let counting = &*self.job.counting;
        let ScanBuffers { counts, tools: ScanTools { workspace, .. }, .. } = self.buffers;
        let labels = counts.tallies.labels.len();
        count_vectors(chunk, &LabelJudge::of_all(counting), (labels, RowParts::new(masks)), workspace)
    }

    /// The same of the rows of one mask, with their weights.
    fn weighed_vectors(&mut self, pages: &ColumnPages<'_>) -> Result<ChunkOutcome<Vec<VectorSums>>> {
        let outcome = self.vectors(pages, &[pages.mask])?;
        let (Some(weights), ChunkOutcome::Counted(_)) = (pages.weights, &outcome) else { return Ok(outcome) };
        let sums = match self.weigh_sets(pages, weights)? {
            ChunkOutcome::Counted(sums) => sums,
            ChunkOutcome::Unsupported(why) => return Ok(ChunkOutcome::Unsupported(why)),
        };
        let tallies = &mut self.buffers.counts.tallies;
        tallies.add_mass(sums.known(weights))?;
        for label in 0..tallies.labels.len() {
            tallies.add_label_mass(label, &sums.of_label(label, weights))?;
        }
        Ok(outcome)
    }

    /// The weights of rows that hold vectors or sets of labels.
    fn weigh_sets(
        &mut self,
        pages: &ColumnPages<'_>,
        weights: RowWeights<'_>,
    ) -> Result<ChunkOutcome<SetWeights>> {
        let [chunk] = pages.chunks else { return Err(more_leaves()) };
        let counting = &*self.job.counting;
        let ScanBuffers { counts, tools: ScanTools { workspace, interner, .. }, .. } = self.buffers;
        let (mut sums, mut sets) = (SetWeights::default(), LabelSets::default());
        let mut take = |sets: &mut LabelSets| sums.add(sets, pages.mask, weights);
        let outcome = if counting.layout.kind == LayoutKind::Vector {
            let (judge, labels) = (LabelJudge::of_any(counting), counts.tallies.labels.len());
            rows_of_vectors(chunk, workspace, &judge, labels, &mut sets, &mut take)?
        } else {
            let mut labels = StoredLabels::of(counting, interner, chunk);
            match pages.nesting {
                Some(nesting) => {
                    rows_of_nested_sets(chunk, nesting, workspace, &mut labels, 0, &mut sets, &mut take)?
                }
                None => rows_of_sets(chunk, workspace, &mut labels, 0, &mut sets, &mut take)?,
            }
        };
        Ok(outcome.map(|()| sums))
    }

    /// Counts a column for all groups at once; `None` where some values are uncertain or invalid.
    fn column_of_groups(
        &mut self,
        pages: &ColumnPages<'_>,
        facts: &RowFacts,
    ) -> Result<Option<ChunkOutcome<()>>> {
        let [chunk] = pages.chunks else { return Err(more_leaves()) };
        let job = Arc::clone(self.job);
        let judge = KnownCells::new(LabelJudge::of_label(&job.counting, pages.column));
        let mut marks = std::mem::take(&mut self.buffers.tools.marks);
        let outcome = mark_judged(chunk, &mut self.buffers.tools.workspace, &judge, &mut marks)?;
        if let ChunkOutcome::Unsupported(_) = outcome {
            return Ok(Some(outcome));
        }
        let known = !judge.has_others();
        if known {
            for part in facts.parts.iter().flatten() {
                self.part(part)?;
                let mask = part.mask_for_pages();
                let tallies = &mut self.buffers.counts.tallies;
                if let Some(weights) = facts.weights(part) {
                    tallies.add_label_mass(pages.column, &weigh(&marks, mask, weights)?)?;
                }
                let (positives, missing) = marks.counts(mask);
                let negatives = part.rows.saturating_sub(positives + missing);
                let tally = Tally { positives, negatives, missing, ..Tally::default() };
                tallies.add_flat((self.shard, pages.column), FlatCount { tally, first_invalid: None });
            }
        }
        self.buffers.tools.marks = marks;
        Ok(known.then_some(ChunkOutcome::Counted(())))
    }

    /// Counts lists for all groups at once; `None` where that is not possible.
    fn lists_of_groups(
        &mut self,
        pages: &ColumnPages<'_>,
        parts: &[RowPart],
    ) -> Result<Option<ChunkOutcome<()>>> {
        let [chunk] = pages.chunks else { return Err(more_leaves()) };
        let job = Arc::clone(self.job);
        let keys: Vec<GroupKey> = parts.iter().filter_map(|part| part.key.clone()).collect();
        let masks: Vec<&RowMask> = parts.iter().filter_map(RowPart::mask_for_pages).collect();
        if keys.len() < parts.len() || masks.len() < parts.len() || is_flat(chunk) {
            return Ok(None);
        }
        let (counter, ScanTools { workspace, interner, .. }) = self.buffers.together(&keys);
        let mut labels = StoredLabels::of(&job.counting, interner, chunk);
        match count_grouped_sets(chunk, pages.nesting, &masks, workspace, &mut labels, counter)? {
            ChunkOutcome::Unsupported(why) => Ok(Some(ChunkOutcome::Unsupported(why))),
            ChunkOutcome::Counted(None) => Ok(None),
            ChunkOutcome::Counted(Some(counts)) => {
                for (part, count) in parts.iter().zip(counts) {
                    self.part(part)?;
                    let tallies = &mut self.buffers.counts.tallies;
                    if job.counting.counts_listed() {
                        tallies.listed += count.values;
                    }
                    tallies.add_sets(self.shard, count);
                }
                Ok(Some(ChunkOutcome::Counted(())))
            }
        }
    }

    /// Counts labels with the values beside them.
    fn pairs(&mut self, pages: &ColumnPages<'_>) -> Result<ChunkOutcome<()>> {
        let pair = pages.pair()?;
        let counting = &*self.job.counting;
        let ScanBuffers { counts, tools: ScanTools { workspace, values, interner, .. }, .. } = self.buffers;
        let tallies = &mut counts.tallies;
        let cell = |value: StoredValue<'_>| cell(&counting.domain, value);
        let mut labels = StoredLabels { counting, interner, is_cell: false };
        let outcome = count_pairs(&pair, [workspace, values], &mut labels, &cell, &mut tallies.labels)?;
        Ok(outcome.map(|count| {
            tallies.add_sets(self.shard, count.keys);
            if let Some((label, value)) = count.first_invalid_value {
                tallies.add_stray(self.shard, no_side(&interner.label(label), &value));
            }
        }))
    }
}

fn more_leaves() -> Error {
    Error::internal("more than one leaf of a column")
}

/// What is read as arrays where not all rows count.
fn unsupported_mask() -> ChunkOutcome<()> {
    ChunkOutcome::Unsupported("some rows of it do not meet the condition".to_owned())
}

impl ChunkSink for CountSink<'_> {
    fn part(&mut self, part: &RowPart) -> Result<()> {
        let key = part.key.as_ref().unwrap_or(&self.job.keys[self.shard]);
        self.buffers.start(key, &self.job.counting)?;
        if self.job.counting.layout.kind == LayoutKind::Wide && self.begun.insert(key.clone()) {
            self.buffers.counts.tallies.rows += part.rows;
            self.buffers.counts.tallies.add_mass(part.mass)?;
        }
        Ok(())
    }

    fn rows(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        self.arrays.update(&rows_of_shard(arrays, &GroupKey::new(), self.shard)?)
    }

    fn pages(&mut self, pages: &ColumnPages<'_>) -> Result<ChunkOutcome<()>> {
        let counting = &*self.job.counting;
        if counting.layout.kind == LayoutKind::Map {
            if pages.mask.is_some() {
                return Ok(unsupported_mask());
            }
            return self.pairs(pages);
        }
        let [chunk] = pages.chunks else { return Err(more_leaves()) };
        let ScanBuffers { counts, tools: ScanTools { workspace, marks, .. }, .. } = self.buffers;
        let tallies = &mut counts.tallies;
        Ok(match counting.layout.kind {
            LayoutKind::Wide => {
                let domain = counting.domain(pages.column);
                let cell = |value: StoredValue<'_>| cell(domain, value);
                let judge = LabelJudge::of_label(counting, pages.column);
                if pages.weights.is_some()
                    && let ChunkOutcome::Unsupported(why) = mark_judged(chunk, workspace, &judge, marks)?
                {
                    return Ok(ChunkOutcome::Unsupported(why));
                }
                let is_judged = domain.threshold.is_some() || counting.has_soft();
                if is_judged && pages.chosen.is_none() {
                    let outcome = count_judged(chunk, &judge, pages.mask, workspace)?;
                    if let (Some(weights), ChunkOutcome::Counted(_)) = (pages.weights, &outcome) {
                        tallies.add_label_mass(pages.column, &weigh(marks, pages.mask, weights)?)?;
                    }
                    return match outcome {
                        ChunkOutcome::Counted((count, targets)) => {
                            let label = (self.shard, pages.column);
                            tallies.add_judged(label, count, counting.has_soft().then_some(targets))?;
                            Ok(ChunkOutcome::Counted(()))
                        }
                        ChunkOutcome::Unsupported(why) => Ok(ChunkOutcome::Unsupported(why)),
                    };
                }
                let outcome = match (pages.chosen, pages.mask) {
                    (_, Some(mask)) => count_kept_flat(chunk, mask, workspace, &cell)?,
                    (None, None) => count_flat(chunk, workspace, &cell)?,
                    (Some(chosen), None) => count_flat_pages(chunk, chosen, workspace, &cell)?,
                };
                if let (Some(weights), ChunkOutcome::Counted(_)) = (pages.weights, &outcome) {
                    tallies.add_label_mass(pages.column, &weigh(marks, pages.mask, weights)?)?;
                }
                outcome.map(|count| tallies.add_flat((self.shard, pages.column), count))
            }
            LayoutKind::Vector if is_flat(chunk) && pages.mask.is_some() => unsupported_mask(),
            LayoutKind::Vector if is_flat(chunk) && counting.has_mass() => {
                ChunkOutcome::Unsupported("its texts hold values that are soft or have weights".to_owned())
            }
            LayoutKind::Vector if is_flat(chunk) => {
                let outcome = vector_texts::count(chunk, workspace, counting, &mut tallies.labels)?;
                outcome.map(|count| tallies.add_vector_texts(self.shard, count))
            }
            LayoutKind::Vector => match self.weighed_vectors(pages)? {
                ChunkOutcome::Counted(parts) => {
                    for sums in parts {
                        self.buffers.counts.tallies.add_vector(self.shard, sums)?;
                    }
                    ChunkOutcome::Counted(())
                }
                ChunkOutcome::Unsupported(why) => ChunkOutcome::Unsupported(why),
            },
            _ => {
                let weighed =
                    match pages.weights.map(|weights| self.weigh_sets(pages, weights)).transpose()? {
                        Some(ChunkOutcome::Unsupported(why)) => return Ok(ChunkOutcome::Unsupported(why)),
                        Some(ChunkOutcome::Counted(sums)) => Some(sums),
                        None => None,
                    };
                let ScanBuffers { counts, tools: ScanTools { workspace, interner, .. }, .. } = self.buffers;
                let GroupCounts { tallies, positives: counter } = counts;
                let mut labels = StoredLabels::of(counting, interner, chunk);
                let outcome = match (counting.unit, pages.nesting) {
                    (CountUnit::Element, _) if pages.mask.is_some() => return Ok(unsupported_mask()),
                    (CountUnit::Row, nesting) if let Some(mask) = pages.mask => {
                        count_kept_sets(chunk, nesting, mask, workspace, &mut labels, counter)?
                    }
                    (CountUnit::Element, _) => count_elements(chunk, workspace, &mut labels, counter)?,
                    (CountUnit::Row, None) => count_sets(chunk, workspace, &mut labels, counter)?,
                    (CountUnit::Row, Some(nesting)) => {
                        count_nested_sets(chunk, nesting, workspace, &mut labels, counter)?
                    }
                };
                if let (Some(sums), Some(weights), ChunkOutcome::Counted(_)) =
                    (weighed, pages.weights, &outcome)
                {
                    tallies.add_mass(sums.known(weights))?;
                    tallies.add_set_masses(&sums.positives)?;
                }
                outcome.map(|count| {
                    if counting.counts_listed() && !is_flat(chunk) {
                        tallies.listed += count.values;
                    }
                    tallies.add_sets(self.shard, count);
                })
            }
        })
    }

    fn pages_of_groups(
        &mut self,
        pages: &ColumnPages<'_>,
        facts: &RowFacts,
    ) -> Result<Option<ChunkOutcome<()>>> {
        let parts = facts.parts.as_deref().unwrap_or_default();
        let masks: Vec<Option<&RowMask>> = parts.iter().map(RowPart::mask_for_pages).collect();
        match self.job.counting.layout.kind {
            _ if self.job.counting.sample_weight.is_some()
                && self.job.counting.layout.kind != LayoutKind::Wide =>
            {
                Ok(None)
            }
            LayoutKind::List if self.job.counting.unit == CountUnit::Row => {
                self.lists_of_groups(pages, parts)
            }
            LayoutKind::Wide if !self.job.counting.has_soft() => self.column_of_groups(pages, facts),
            LayoutKind::Vector if !pages.chunks.first().is_some_and(is_flat) => {
                Ok(Some(match self.vectors(pages, &masks)? {
                    ChunkOutcome::Counted(all) => {
                        for (part, sums) in parts.iter().zip(all) {
                            self.part(part)?;
                            self.buffers.counts.tallies.add_vector(self.shard, sums)?;
                        }
                        ChunkOutcome::Counted(())
                    }
                    ChunkOutcome::Unsupported(why) => ChunkOutcome::Unsupported(why),
                }))
            }
            _ => Ok(None),
        }
    }

    fn arrays(&mut self, columns: &[usize], _first_row: u64, arrays: &[ArrayRef]) -> Result<()> {
        let counting = &self.job.counting;
        if counting.layout.kind != LayoutKind::Wide {
            self.arrays.update(&rows_of_shard(arrays, self.buffers.key(), self.shard)?)?;
            return Ok(());
        }
        let weights = counting.sample_weight.as_ref().zip(arrays.get(columns.len()));
        let weights = weights.map(|(name, weights)| BatchWeights::of(name, weights)).transpose()?;
        for (&column, array) in columns.iter().zip(arrays) {
            let (CellSum { tally, mass }, first_invalid) =
                tally_column(array, column, counting, weights.as_ref())?;
            self.buffers.counts.tallies.add_flat((self.shard, column), FlatCount { tally, first_invalid });
            if counting.has_mass() {
                self.buffers.counts.tallies.add_label_mass(column, &mass)?;
            }
        }
        Ok(())
    }

    fn absent(&mut self, column: usize, rows: u64) -> Result<()> {
        if self.job.counting.unit == CountUnit::Row {
            self.buffers.counts.tallies.add_absent(column, rows, self.job.counting.layout.kind);
        }
        Ok(())
    }

    fn statistics(&mut self, column: usize, constants: &[Constant<'_>]) -> Result<()> {
        let domain = self.job.counting.domain(column);
        for constant in constants {
            let cell = constant.value.map_or(Cell::Missing, |value| cell(domain, value));
            self.buffers.counts.tallies.add_constant((self.shard, column), *constant, cell);
        }
        Ok(())
    }
}
