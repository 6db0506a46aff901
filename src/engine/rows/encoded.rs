//! Row groups read from encoded pages.
//!
//! ```text
//! wide                     column after column into Marks, some rows at a time where they are many ─▶ Columns ─▶ Block
//! list, delimited, class,
//! bits                     page after page ─▶ Block
//! map                      page after page of labels and values ─▶ Block
//! vector                   page after page ─▶ Block
//! ```
//!
//! Rows that pages do not give are read as arrays, from the first that was not given.

use arrow::array::ArrayRef;
use futures::executor::block_on;

use crate::engine::read::arrays::BATCH_ROWS;
use crate::engine::read::chunk_sink::{ChunkSink, ColumnPages};
use crate::engine::read::chunks::RowGroupReader;
use crate::engine::read::interner::Interner;
use crate::engine::read::meaning::{LabelJudge, StoredLabels, cell, is_flat};
use crate::engine::rows::block::{Block, Members};
use crate::engine::rows::buffers::RowBuffers;
use crate::engine::rows::columns::Columns;
use crate::engine::rows::decode::{Decoder, mark_column};
use crate::engine::rows::job::{RowGroup, RowJob};
use crate::engine::rows::sink::RowSink;
use crate::error::{Error, Result};
use crate::label_sets::LabelSets;
use crate::pages::{
    ChunkOutcome, Marks, StoredValue, Workspace, mark_judged, rows_of_nested_sets, rows_of_pairs,
    rows_of_sets, rows_of_vectors,
};
use crate::source::layout::LayoutKind;

/// Reads a row group, of an object perhaps with a reader that has asked for its first bytes; `groups` has the
/// group of each row where they are not all of one.
pub(super) fn read_pages<S: RowSink>(
    job: &RowJob,
    piece: &RowGroup,
    (reader, groups): (Option<RowGroupReader>, Option<&[u32]>),
    buffers: &mut RowBuffers,
    sink: &mut S,
) -> Result<()> {
    let all = if groups.is_none() { Members::All(job.group_of(piece.shard)?) } else { Members::default() };
    let mut give = |block: &mut Block, row: u64| {
        (block.shard, block.first_row) = (piece.shard, piece.first_row + row);
        block.members = groups.map_or_else(|| all.clone(), |groups| members(groups, row, block.rows()));
        if job.is_off(piece) {
            return Err(stopped());
        }
        job.chunks.progress.add(block.rows() as u64);
        sink.take(block)
    };
    let mut reader = match reader {
        Some(reader) => reader,
        None => job.open(piece, job.chunks.ahead)?,
    };
    if job.counting.layout.kind == LayoutKind::Wide {
        return read_wide(job, piece, reader, buffers, &mut give);
    }
    let RowBuffers { block, decoder, read, workspace, values, interner, .. } = buffers;
    let mut sets = SetRows { job, block, decoder, workspace, values, interner, given: 0, give: &mut give };
    block_on(reader.next(read, &mut sets))?;
    reader.finish();
    Ok(())
}

/// The groups of `rows` rows from row `first` of the row group on.
fn members(groups: &[u32], first: u64, rows: usize) -> Members {
    let first = usize::try_from(first).unwrap_or(usize::MAX);
    Members::Each(groups.get(first..first + rows).unwrap_or_default().to_vec())
}

fn stopped() -> Error {
    Error::internal("reading rows was stopped")
}

/// Takes the one label column of a layout whose rows hold sets or vectors.
struct SetRows<'a, G> {
    job: &'a RowJob,
    block: &'a mut Block,
    decoder: &'a mut Decoder,
    workspace: &'a mut Workspace,
    values: &'a mut Workspace,
    interner: &'a mut Interner,
    /// Rows given so far.
    given: u64,
    give: &'a mut G,
}

impl<G: FnMut(&mut Block, u64) -> Result<()>> SetRows<'_, G> {
    /// Gives the rows that are in the block.
    fn give_block(&mut self) -> Result<()> {
        let first = self.given;
        self.given += self.block.sets.rows() as u64;
        (self.give)(self.block, first)
    }
}

impl<G: FnMut(&mut Block, u64) -> Result<()>> ChunkSink for SetRows<'_, G> {
    fn pages(&mut self, pages: &ColumnPages<'_>) -> Result<ChunkOutcome<()>> {
        let Self { job, block, workspace, values, interner, given, give, .. } = self;
        let (counting, labels) = (&*job.counting, job.labels);
        let mut sets = std::mem::take(&mut block.sets);
        let mut take = |sets: &mut LabelSets| {
            let first = *given;
            *given += sets.rows() as u64;
            std::mem::swap(&mut block.sets, sets);
            let taken = give(block, first);
            std::mem::swap(&mut block.sets, sets);
            taken
        };
        let cell = |value: StoredValue<'_>| cell(&counting.domain, value);
        let judge = LabelJudge::of_any(counting);
        let is_cell = pages.chunks.first().is_some_and(is_flat);
        let mut meaning = StoredLabels { counting, interner, is_cell };
        let outcome = match (counting.layout.kind, pages.chunks, pages.nesting) {
            (LayoutKind::Map, ..) => pages.pair().and_then(|pair| {
                let spaces = [&mut **workspace, &mut **values];
                rows_of_pairs(&pair, spaces, &mut meaning, &cell, labels, &mut sets, &mut take)
            }),
            (LayoutKind::Vector, [chunk], _) => {
                rows_of_vectors(chunk, workspace, &judge, labels, &mut sets, &mut take)
            }
            (_, [chunk], None) => rows_of_sets(chunk, workspace, &mut meaning, labels, &mut sets, &mut take),
            (_, [chunk], Some(nesting)) => {
                rows_of_nested_sets(chunk, nesting, workspace, &mut meaning, labels, &mut sets, &mut take)
            }
            _ => Err(Error::internal("more than one leaf of a column")),
        };
        block.sets = sets;
        outcome
    }

    fn arrays(&mut self, _columns: &[usize], _first_row: u64, arrays: &[ArrayRef]) -> Result<()> {
        self.decoder.read(arrays, &self.job.counting, &mut self.block.sets)?;
        self.give_block()
    }

    fn absent(&mut self, _column: usize, rows: u64) -> Result<()> {
        while self.given < rows {
            let some = (rows - self.given).min(BATCH_ROWS as u64);
            self.block.sets.clear(self.job.labels);
            (0..some).for_each(|_| self.block.sets.end_silent_row());
            self.give_block()?;
        }
        Ok(())
    }

    fn rows_given(&self, _column: usize) -> u64 {
        self.given
    }
}

fn read_wide(
    job: &RowJob,
    piece: &RowGroup,
    reader: RowGroupReader,
    buffers: &mut RowBuffers,
    give: &mut dyn FnMut(&mut Block, u64) -> Result<()>,
) -> Result<()> {
    let rows = usize::try_from(piece.rows).map_err(|_| Error::resource("a row group of 2^64 rows"))?;
    // Where nothing is known of any row, marks take twice as much.
    let most = (job.budget / job.labels.max(1) / 2 * 8 / 64).max(1) * 64;
    let RowBuffers { block, read, workspace, marks, columns, .. } = buffers;
    let mut first_reader = Some(reader);
    for first in (0..rows).step_by(most) {
        let now = most.min(rows - first);
        columns.clear(job.labels, now);
        let mut sink = WideRows { job, piece, workspace, marks, columns, from: first / 64 };
        if let Some(mut reader) = first_reader.take() {
            block_on(reader.next(read, &mut sink))?;
            reader.finish();
        } else {
            // The account has the columns already.
            block_on(job.open(piece, job.chunks.ahead)?.next(read, &mut sink))?;
        }
        columns.rows(now, block, |block, row| give(block, (first + row) as u64))?;
    }
    Ok(())
}

/// Marks all label columns, from word `from` of their rows on.
struct WideRows<'a> {
    job: &'a RowJob,
    piece: &'a RowGroup,
    workspace: &'a mut Workspace,
    marks: &'a mut Marks,
    columns: &'a mut Columns,
    from: usize,
}

impl ChunkSink for WideRows<'_> {
    fn pages(&mut self, pages: &ColumnPages<'_>) -> Result<ChunkOutcome<()>> {
        let [chunk] = pages.chunks else { return Err(Error::internal("more than one leaf of a column")) };
        if self.job.is_off(self.piece) {
            return Err(stopped());
        }
        let judge = LabelJudge::of_label(&self.job.counting, pages.column);
        let outcome = mark_judged(chunk, self.workspace, &judge, self.marks)?;
        if outcome == ChunkOutcome::Counted(()) {
            self.columns.put(pages.column, self.marks, self.from);
        }
        Ok(outcome)
    }

    fn arrays(&mut self, columns: &[usize], first_row: u64, arrays: &[ArrayRef]) -> Result<()> {
        let size = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        for (&column, array) in columns.iter().zip(arrays) {
            if first_row == 0 {
                self.marks.clear(size(self.piece.rows));
            }
            mark_column(array, column, &self.job.counting, size(first_row), self.marks)?;
            if first_row + array.len() as u64 == self.piece.rows {
                self.columns.put(column, self.marks, self.from);
            }
        }
        Ok(())
    }

    fn absent(&mut self, column: usize, _rows: u64) -> Result<()> {
        self.columns.put_absent(column);
        Ok(())
    }
}
