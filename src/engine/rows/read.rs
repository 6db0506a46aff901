//! Threads that read rows, and who gets them.

use std::sync::Arc;

use crate::engine::read::choice::EngineChoice;
use crate::engine::read::chunks::RowGroupReader;
use crate::engine::read::routes::Route;
use crate::engine::read::row_facts::row_facts;
use crate::engine::rows::again::read_again;
use crate::engine::rows::arrays::read_arrays;
use crate::engine::rows::block::{Members, OUTSIDE};
use crate::engine::rows::buffers::RowBuffers;
use crate::engine::rows::encoded::read_pages;
use crate::engine::rows::ids::read_ids;
use crate::engine::rows::job::{RowGroup, RowJob};
use crate::engine::rows::request::Request;
use crate::engine::rows::sink::RowSink;
use crate::engine::rows::workers::{Failure, side_by_side};
use crate::engine::watchdog;
use crate::error::Result;
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;

/// Reads all rows on this machine; gives what the sinks found, and how rows were read.
pub(crate) async fn read_rows_here<S: RowSink>(
    request: &Request<'_>,
    make: impl FnMut() -> S,
) -> Result<(Vec<S::Found>, Route)> {
    if let Some(rows) = &request.dataset.coming {
        // Who gives the rows may take any time, and says whether they are the same.
        return read_again(request, rows, make).await;
    }
    let found = watchdog::guard(run(request, make), request.progress, watchdog::PATIENCE).await;
    request.dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
    found
}

async fn run<S: RowSink>(request: &Request<'_>, make: impl FnMut() -> S) -> Result<(Vec<S::Found>, Route)> {
    if request.counting.layout.kind == LayoutKind::Long {
        return read_ids(request, make).await;
    }
    let job = Arc::new(RowJob::new(request).await?);
    let threads = request.limits.threads.clamp(1, job.len().max(1));
    side_by_side(&job, threads, make, work).await
}

fn work<S: RowSink>(job: &RowJob, mut sink: S) -> std::result::Result<S::Found, Failure> {
    let mut buffers = RowBuffers::new(job);
    while let Some((piece, reader)) = job.next() {
        sink.begin();
        if let Err(error) = read_piece(job, &piece, reader, &mut buffers, &mut sink) {
            job.stop(piece.number);
            return Err(Failure { piece: piece.number, error });
        }
    }
    Ok(sink.finish())
}

fn read_piece<S: RowSink>(
    job: &RowJob,
    piece: &RowGroup,
    reader: Option<RowGroupReader>,
    buffers: &mut RowBuffers,
    sink: &mut S,
) -> Result<()> {
    match &job.choice {
        _ if piece.rows == 0 => Ok(()),
        EngineChoice::Encoded(kept) if !kept[piece.shard] => pass_over(job, piece, buffers, sink),
        EngineChoice::Encoded(_) => read_pages(job, piece, (reader, None), buffers, sink),
        EngineChoice::Masked => {
            let shard = job.chunks.shards[piece.shard].with_footer()?;
            let facts = row_facts(&job.chunks, &job.questions, (piece.shard, &shard), piece.group)?;
            match job.members_of(&facts, piece)? {
                Some(members) if members.iter().all(|group| *group == OUTSIDE) => {
                    pass_over(job, piece, buffers, sink)
                }
                Some(members) => read_pages(job, piece, (reader, Some(&members)), buffers, sink),
                None => read_arrays(job, piece, buffers, sink),
            }
        }
        EngineChoice::Plain(_) => read_arrays(job, piece, buffers, sink),
    }
}

/// Rows that do not meet the condition.
fn pass_over<S: RowSink>(
    job: &RowJob,
    piece: &RowGroup,
    buffers: &mut RowBuffers,
    sink: &mut S,
) -> Result<()> {
    const ROWS: u64 = 1 << 16;
    let mut first = 0;
    while first < piece.rows && !job.is_off(piece) {
        let rows = ROWS.min(piece.rows - first);
        let block = &mut buffers.block;
        block.sets.clear(job.labels);
        (0..rows).for_each(|_| block.sets.end_row());
        block.members = Members::All(OUTSIDE);
        (block.shard, block.first_row) = (piece.shard, piece.first_row + first);
        sink.take(block)?;
        job.chunks.progress.add(rows);
        first += rows;
    }
    Ok(())
}
