//! Row groups read as arrays, with the columns that folders give.

use arrow::array::{Array, ArrayRef};

use crate::engine::read::named_columns::NamedColumns;
use crate::engine::rows::buffers::RowBuffers;
use crate::engine::rows::job::{RowGroup, RowJob};
use crate::engine::rows::sink::RowSink;
use crate::error::Result;

/// Reads all rows of a row group as arrays.
pub(super) fn read_arrays<S: RowSink>(
    job: &RowJob,
    piece: &RowGroup,
    buffers: &mut RowBuffers,
    sink: &mut S,
) -> Result<()> {
    let shard = job.chunks.shards[piece.shard].with_footer()?;
    let mut columns = NamedColumns::open(&job.chunks, (piece.shard, &shard), piece.group, job.names())?;
    job.chunks.progress.add_bytes(columns.bytes());
    let mut row = 0;
    while let Some((rows, all)) = columns.next()? {
        if job.is_off(piece) {
            return Ok(());
        }
        take_arrays(job, (piece.shard, piece.first_row + row), (rows, &all), buffers, sink)?;
        row += rows as u64;
    }
    Ok(())
}

/// Gives rows to the sink, of which the first is this row of this shard; the columns are those of [`RowJob::names`].
pub(super) fn take_arrays<S: RowSink>(
    job: &RowJob,
    (shard, first_row): (usize, u64),
    (rows, whole): (usize, &[ArrayRef]),
    buffers: &mut RowBuffers,
    sink: &mut S,
) -> Result<()> {
    let RowBuffers { decoder, block, .. } = buffers;
    let counting = &job.counting;
    let step = rows_at_a_time(job, rows);
    for start in (0..rows).step_by(step) {
        let rows = step.min(rows - start);
        let all: Vec<ArrayRef> = whole.iter().map(|array| array.slice(start, rows)).collect();
        let (labels, rest) = all.split_at(counting.layout.cells().count());
        decoder.read(labels, counting, &mut block.sets)?;
        let answers = job.questions.answer(rest, rows)?;
        let meets = answers.holds.map(|holds| holds.values().iter().collect::<Vec<_>>());
        block.members = job.members(answers.by, rows, meets.as_deref())?;
        (block.shard, block.first_row) = (shard, first_row + start as u64);
        sink.take(block)?;
        job.chunks.progress.add(rows as u64);
    }
    Ok(())
}

/// A row of several class columns that lacks one is missing for each of its labels, which takes memory.
fn rows_at_a_time(job: &RowJob, rows: usize) -> usize {
    const LABELS: usize = 1 << 20;
    let most = if job.counting.heads.is_empty() { rows } else { LABELS / job.labels.max(1) };
    most.clamp(1, rows.max(1))
}
