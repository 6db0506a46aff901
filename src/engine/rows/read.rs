//! Threads that read rows, and who gets them.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Request;
use super::arrays::Arrays;
use super::block::Block;
use super::condition::Condition;
use super::decode::Decoder;
use super::job::{Job, Piece, StopOnDrop};
use crate::engine::watchdog;
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// Takes the rows that one thread reads.
pub trait RowSink: Send + 'static {
    /// What it has found in the end.
    type Found: Send + 'static;

    /// A row group begins. All threads together begin them in the order of shards and rows.
    ///
    /// # Errors
    /// Any, which ends the reading.
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    /// Takes the next rows of the row group. What is left of the block is used again.
    ///
    /// # Errors
    /// Any, which ends the reading.
    fn take(&mut self, block: &mut Block) -> Result<()>;

    /// The row group ends.
    fn end(&mut self) {}

    /// There are no more rows for this thread.
    fn finish(self) -> Self::Found;
}

/// Reads all rows by several threads, each with a sink of its own, and gives what these have found. Blocks of
/// a row group come in order, to one sink.
///
/// # Errors
/// As [`crate::engine::count`], and those of the sinks.
pub async fn read_rows<S: RowSink>(request: &Request<'_>, make: impl FnMut() -> S) -> Result<Vec<S::Found>> {
    let work = run(request, make, std::future::ready(Ok(())));
    let found = watchdog::guard(work, request.progress, watchdog::PATIENCE).await;
    request.dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
    found
}

/// Blocks of one row group that wait for those before them.
const WAITING: usize = 2;

/// Reads all rows by several threads, and calls `each` with their blocks in the order of shards and rows.
/// Threads that are ahead wait, so that only few blocks are in memory at a time.
///
/// # Errors
/// As [`read_rows`], and those of `each`.
pub async fn read_rows_in_order(
    request: &Request<'_>,
    mut each: impl FnMut(&Block) -> Result<()> + Send,
) -> Result<()> {
    let (announce, mut announced) = mpsc::channel(request.limits.threads.max(1));
    let consume = async move {
        while let Some(mut blocks) = announced.recv().await {
            let blocks: &mut mpsc::Receiver<Block> = &mut blocks;
            while let Some(block) = blocks.recv().await {
                each(&block)?;
            }
        }
        Ok(())
    };
    let make = move || InOrder { announce: announce.clone(), blocks: None };
    let work = run(request, make, consume);
    let read = watchdog::guard(work, request.progress, watchdog::PATIENCE).await;
    request.dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
    read.map(drop)
}

/// Sends blocks to whoever takes them in order.
struct InOrder {
    announce: mpsc::Sender<mpsc::Receiver<Block>>,
    blocks: Option<mpsc::Sender<Block>>,
}

fn nobody<T>(_: T) -> Error {
    Error::internal("nobody takes the rows any more")
}

impl RowSink for InOrder {
    type Found = ();

    fn begin(&mut self) -> Result<()> {
        let (blocks, receiver) = mpsc::channel(WAITING);
        self.blocks = Some(blocks);
        self.announce.blocking_send(receiver).map_err(nobody)
    }

    fn take(&mut self, block: &mut Block) -> Result<()> {
        let Some(blocks) = &self.blocks else { return Err(Error::internal("no row group has begun")) };
        blocks.blocking_send(std::mem::take(block)).map_err(nobody)
    }

    fn end(&mut self) {
        self.blocks = None;
    }

    fn finish(self) {}
}

/// Why a thread stopped, and at which piece.
struct Failure {
    piece: usize,
    error: Error,
}

async fn run<S: RowSink>(
    request: &Request<'_>,
    mut make: impl FnMut() -> S,
    consume: impl Future<Output = Result<()>>,
) -> Result<Vec<S::Found>> {
    let job = Arc::new(Job::new(request)?);
    let _stop = StopOnDrop(Arc::clone(&job));
    let mut workers = JoinSet::new();
    for _ in 0..request.limits.threads.clamp(1, job.len().max(1)) {
        let (job, sink) = (Arc::clone(&job), make());
        workers.spawn_blocking(move || work(&job, sink));
    }
    drop(make);
    let consumed = consume.await;
    if consumed.is_err() {
        job.stop(0);
    }
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    while let Some(worker) = workers.join_next().await {
        match worker.map_err(|cause| Error::internal(cause.to_string()))? {
            Ok(found) => all.push(found),
            Err(failure) => failures.push(failure),
        }
    }
    consumed?;
    match failures.into_iter().min_by_key(|failure| failure.piece) {
        Some(failure) => Err(failure.error),
        None => Ok(all),
    }
}

fn work<S: RowSink>(job: &Job, mut sink: S) -> std::result::Result<S::Found, Failure> {
    let (mut decoder, mut block, mut last) = (Decoder::default(), Block::default(), 0);
    loop {
        let piece = match job.next(|| sink.begin()) {
            Ok(Some(piece)) => piece,
            Ok(None) => return Ok(sink.finish()),
            Err(error) => return Err(Failure { piece: last, error }),
        };
        last = piece.number;
        if let Err(error) = read_arrays(job, &piece, &mut decoder, &mut block, &mut sink) {
            job.stop(piece.number);
            return Err(Failure { piece: piece.number, error });
        }
        sink.end();
    }
}

/// Reads a row group as arrays.
fn read_arrays<S: RowSink>(
    job: &Job,
    piece: &Piece,
    decoder: &mut Decoder,
    block: &mut Block,
    sink: &mut S,
) -> Result<()> {
    let labels = &job.counting.layout.labels;
    let columns = || {
        let condition = job.condition.iter().flat_map(Condition::columns);
        labels.iter().chain(&job.counting.by).map(String::as_str).chain(condition)
    };
    let mut arrays = Arrays::open(job, piece, columns(), 0)?;
    let mut row = 0;
    while let Some(batch) = arrays.next()? {
        if job.is_off(piece) {
            return Ok(());
        }
        let rows = batch.num_rows();
        let all = columns().map(|name| arrays.column(&batch, name)).collect::<Result<Vec<_>>>()?;
        let (of_labels, rest) = all.split_at(labels.len());
        let (by, asked) = rest.split_at(job.counting.by.len());
        decoder.read(of_labels, &job.counting, &mut block.sets)?;
        let meets = match &job.condition {
            Some(condition) => {
                Some(condition.holds(asked.to_vec(), rows)?.values().iter().collect::<Vec<_>>())
            }
            None => None,
        };
        block.members = job.members(by, rows, meets.as_deref())?;
        (block.shard, block.first_row) = (piece.shard, piece.first_row + row);
        sink.take(block)?;
        row += rows as u64;
        job.progress.add(rows as u64);
    }
    if row == piece.rows { Ok(()) } else { Err(wrong_rows(job, piece, row)) }
}

fn wrong_rows(job: &Job, piece: &Piece, found: u64) -> Error {
    let Piece { shard, group, rows, .. } = *piece;
    let name = &job.shards[shard].name;
    Error::input(format!("{name}: the footer claims {rows} rows in row group {group}, but {found} were read"))
        .hint("the footer is damaged: write the shard again")
}
