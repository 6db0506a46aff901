//! Counts the chunks of one shard.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::Float64Type;

use crate::counts::{Cell, CountUnit, Mass, MassTally};
use crate::engine::group_key::GroupKey;
use crate::engine::plain::cells::CellSum;
use crate::engine::plain::columns::tally_column;
use crate::engine::plain::counter::Counter;
use crate::engine::plain::maps::no_side;
use crate::engine::read::batch::rows_of_shard;
use crate::engine::read::chunk_sink::{ChunkSink, ColumnPages};
use crate::engine::read::meaning::{StoredLabels, cell, is_flat};
use crate::engine::read::row_facts::{RowPart, RowWeights};
use crate::engine::read::weights::{mass, mass_overflow};
use crate::engine::scan::job::{GroupCounts, ScanBuffers, ScanJob, ScanTools};
use crate::engine::scan::vector_texts;
use crate::error::{Error, Result};
use crate::pages::{
    ChunkOutcome, Constant, FlatCount, Marks, RowMask, StoredValue, count_elements, count_flat,
    count_flat_pages, count_kept_flat, count_kept_sets, count_kept_vector, count_nested_sets, count_pairs,
    count_sets, count_vector, mark_flat,
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

/// What is read as arrays where not all rows count.
fn unsupported_mask() -> ChunkOutcome<()> {
    ChunkOutcome::Unsupported("some rows of it do not meet the condition".to_owned())
}

/// The weights of the positive and of the negative rows of a column.
fn weigh(marks: &Marks, mask: Option<&RowMask>, weights: RowWeights<'_>) -> Result<MassTally> {
    let sum = |bits: &[u64]| {
        let mut sum = Mass::ZERO;
        for (at, &word) in bits.iter().enumerate() {
            let mut word = mask.map_or(word, |mask| word & mask.word(at * 64, 64));
            while word != 0 {
                let row = at * 64 + word.trailing_zeros() as usize;
                let weight =
                    weights.values.get(row).ok_or_else(|| Error::internal("a row without a weight"))?;
                sum = sum.checked_add(mass(*weight)?).ok_or_else(mass_overflow)?;
                word &= word - 1;
            }
        }
        Ok::<_, Error>(sum)
    };
    let (positives, unknown) = (sum(&marks.positives)?, sum(&marks.unknown)?);
    let negatives = Mass::from_units(weights.sum.units() - positives.units() - unknown.units());
    Ok(MassTally { positives, negatives })
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
        let [chunk] = pages.chunks else { return Err(Error::internal("more than one leaf of a column")) };
        let ScanBuffers { counts, tools: ScanTools { workspace, interner, marks, .. }, .. } = self.buffers;
        let GroupCounts { tallies, positives: counter } = counts;
        Ok(match counting.layout.kind {
            LayoutKind::Wide => {
                let domain = counting.domain(pages.column);
                let cell = |value: StoredValue<'_>| cell(domain, value);
                if pages.weights.is_some()
                    && let ChunkOutcome::Unsupported(why) = mark_flat(chunk, workspace, &cell, marks)?
                {
                    return Ok(ChunkOutcome::Unsupported(why));
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
            LayoutKind::Vector if is_flat(chunk) => {
                let outcome = vector_texts::count(chunk, workspace, counting, &mut tallies.labels)?;
                outcome.map(|count| tallies.add_vector_texts(self.shard, count))
            }
            LayoutKind::Vector => {
                let cell = |position: usize, value: StoredValue<'_>| cell(counting.domain(position), value);
                let outcome = match pages.mask {
                    Some(mask) => count_kept_vector(chunk, mask, workspace, &cell, &mut tallies.labels)?,
                    None => count_vector(chunk, workspace, &cell, &mut tallies.labels)?,
                };
                outcome.map(|count| tallies.add_vector(self.shard, count))
            }
            _ => {
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
                outcome.map(|count| {
                    if counting.counts_listed() && !is_flat(chunk) {
                        self.job.chunks.progress.add_listed(count.values);
                    }
                    tallies.add_sets(self.shard, count);
                })
            }
        })
    }

    fn arrays(&mut self, columns: &[usize], _first_row: u64, arrays: &[ArrayRef]) -> Result<()> {
        let counting = &self.job.counting;
        if counting.layout.kind != LayoutKind::Wide {
            self.arrays.update(&rows_of_shard(arrays, self.buffers.key(), self.shard)?)?;
            self.job.chunks.progress.add_listed(self.arrays.take_listed());
            return Ok(());
        }
        let weights = counting.sample_weight.as_ref().and_then(|_| arrays.get(columns.len()));
        let weights = weights.map(AsArray::as_primitive::<Float64Type>);
        for (&column, array) in columns.iter().zip(arrays) {
            let (CellSum { tally, mass }, first_invalid) = tally_column(array, column, counting, weights)?;
            self.buffers.counts.tallies.add_flat((self.shard, column), FlatCount { tally, first_invalid });
            if weights.is_some() {
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
