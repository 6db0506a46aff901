//! Counts the chunks of one shard.

use std::sync::Arc;

use arrow::array::ArrayRef;

use crate::counts::{Cell, CountUnit};
use crate::engine::plain::columns::tally_column;
use crate::engine::plain::counter::Counter;
use crate::engine::plain::maps::no_side;
use crate::engine::read::batch::rows_of_shard;
use crate::engine::read::chunk_sink::{ChunkSink, ColumnPages};
use crate::engine::read::meaning::{StoredLabels, cell, is_flat};
use crate::engine::scan::job::{ScanBuffers, ScanJob, ScanTools};
use crate::engine::scan::vector_texts;
use crate::error::{Error, Result};
use crate::pages::{
    ChunkOutcome, Constant, FlatCount, StoredValue, count_elements, count_flat, count_flat_pages,
    count_nested_sets, count_pairs, count_sets, count_vector,
};
use crate::source::layout::LayoutKind;

/// Adds what is read of a shard to the counts of one thread.
pub(super) struct CountSink<'a> {
    pub(super) job: &'a Arc<ScanJob>,
    pub(super) shard: usize,
    pub(super) buffers: &'a mut ScanBuffers,
    /// Counts the rows of `list`, `delimited`, `class` and `vector` that are read as arrays.
    pub(super) arrays: &'a mut Counter,
}

impl CountSink<'_> {
    /// Counts labels with the values beside them.
    fn pairs(&mut self, pages: &ColumnPages<'_>) -> Result<ChunkOutcome<()>> {
        let pair = pages.pair()?;
        let counting = &*self.job.counting;
        let ScanBuffers { tallies, tools: ScanTools { workspace, values, interner, .. }, .. } = self.buffers;
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

impl ChunkSink for CountSink<'_> {
    fn pages(&mut self, pages: &ColumnPages<'_>) -> Result<ChunkOutcome<()>> {
        let counting = &*self.job.counting;
        if counting.layout.kind == LayoutKind::Map {
            return self.pairs(pages);
        }
        let [chunk] = pages.chunks else { return Err(Error::internal("more than one leaf of a column")) };
        let ScanBuffers { tallies, tools: ScanTools { workspace, interner, counter, .. }, .. } = self.buffers;
        Ok(match counting.layout.kind {
            LayoutKind::Wide => {
                let domain = counting.domain(pages.column);
                let cell = |value: StoredValue<'_>| cell(domain, value);
                let outcome = match pages.chosen {
                    None => count_flat(chunk, workspace, &cell)?,
                    Some(chosen) => count_flat_pages(chunk, chosen, workspace, &cell)?,
                };
                outcome.map(|count| tallies.add_flat((self.shard, pages.column), count))
            }
            LayoutKind::Vector if is_flat(chunk) => {
                let outcome = vector_texts::count(chunk, workspace, counting, &mut tallies.labels)?;
                outcome.map(|count| tallies.add_vector_texts(self.shard, count))
            }
            LayoutKind::Vector => {
                let cell = |position: usize, value: StoredValue<'_>| cell(counting.domain(position), value);
                let outcome = count_vector(chunk, workspace, &cell, &mut tallies.labels)?;
                outcome.map(|count| tallies.add_vector(self.shard, count))
            }
            _ => {
                let mut labels = StoredLabels::of(counting, interner, chunk);
                let outcome = match (counting.unit, pages.nesting) {
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
            self.arrays.update(&rows_of_shard(arrays, &self.job.keys[self.shard], self.shard)?)?;
            self.job.chunks.progress.add_listed(self.arrays.take_listed());
            return Ok(());
        }
        for (&column, array) in columns.iter().zip(arrays) {
            let (tally, first_invalid) = tally_column(array, column, counting)?;
            self.buffers.tallies.add_flat((self.shard, column), FlatCount { tally, first_invalid });
        }
        Ok(())
    }

    fn absent(&mut self, column: usize, rows: u64) -> Result<()> {
        if self.job.counting.unit == CountUnit::Row {
            self.buffers.tallies.add_absent(column, rows, self.job.counting.layout.kind);
        }
        Ok(())
    }

    fn statistics(&mut self, column: usize, constants: &[Constant<'_>]) -> Result<()> {
        let domain = self.job.counting.domain(column);
        for constant in constants {
            let cell = constant.value.map_or(Cell::Missing, |value| cell(domain, value));
            self.buffers.tallies.add_constant((self.shard, column), *constant, cell);
        }
        Ok(())
    }
}
