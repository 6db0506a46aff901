//! Threads that read rows, and who gets them.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::Request;
use super::arrays::read_arrays;
use super::block::{Block, Members, OUTSIDE};
use super::columns::Columns;
use super::decode::Decoder;
use super::encoded::read_pages;
use super::job::{Job, Piece, Route, StopOnDrop};
use crate::engine::plain::interner::Interner;
use crate::engine::scan::ahead::Reading;
use crate::engine::scan::paths::Tried;
use crate::engine::{Way, cluster, watchdog};
use crate::error::{Error, Result};
use crate::pages::{Marks, Workspace};
use crate::source::shards::Shard;

/// Takes the rows that one thread reads.
pub trait RowSink: Send + 'static {
    /// What it has found in the end.
    type Found: Send + 'static;

    /// A row group begins.
    fn begin(&mut self) {}

    /// Takes the next rows of the row group. What is left of the block is used again.
    ///
    /// # Errors
    /// Any, which ends the reading.
    fn take(&mut self, block: &mut Block) -> Result<()>;

    /// There are no more rows for this thread.
    fn finish(self) -> Self::Found;
}

/// Reads all rows by several threads, each with a sink of its own, and gives what these have found. Blocks of
/// a row group come in order, to one sink.
///
/// # Errors
/// As [`crate::engine::count`], and those of the sinks.
pub async fn read_rows<S: RowSink>(request: &Request<'_>, make: impl FnMut() -> S) -> Result<Vec<S::Found>> {
    if let Some(address) = &request.limits.cluster {
        return cluster::rows(address, request, make).await;
    }
    read_rows_and_way(request, make).await.map(|(found, _)| found)
}

/// The same, and how rows were read.
pub(super) async fn read_rows_and_way<S: RowSink>(
    request: &Request<'_>,
    make: impl FnMut() -> S,
) -> Result<(Vec<S::Found>, Way)> {
    let found = watchdog::guard(run(request, make), request.progress, watchdog::PATIENCE).await;
    request.dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
    found
}

/// Why a thread stopped, and at which piece.
struct Failure {
    piece: usize,
    error: Error,
}

async fn run<S: RowSink>(request: &Request<'_>, mut make: impl FnMut() -> S) -> Result<(Vec<S::Found>, Way)> {
    let job = Arc::new(Job::new(request).await?);
    let _stop = StopOnDrop(Arc::clone(&job));
    let mut workers = JoinSet::new();
    for _ in 0..request.limits.threads.clamp(1, job.len().max(1)) {
        let (job, sink) = (Arc::clone(&job), make());
        workers.spawn_blocking(move || work(&job, sink));
    }
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    while let Some(worker) = workers.join_next().await {
        match worker.map_err(|cause| Error::internal(cause.to_string()))? {
            Ok(found) => all.push(found),
            Err(failure) => failures.push(failure),
        }
    }
    match failures.into_iter().min_by_key(|failure| failure.piece) {
        Some(failure) => Err(failure.error),
        None => Ok((all, job.way())),
    }
}

/// Buffers of one thread.
#[derive(Debug)]
pub(super) struct Hand {
    pub(super) block: Block,
    pub(super) decoder: Decoder,
    pub(super) buffer: Vec<u8>,
    pub(super) workspace: Workspace,
    pub(super) interner: Interner,
    pub(super) marks: Marks,
    pub(super) columns: Columns,
    pub(super) tried: Vec<Tried>,
}

impl Hand {
    fn new(job: &Job) -> Self {
        Self {
            block: Block::default(),
            decoder: Decoder::default(),
            buffer: Vec::new(),
            workspace: Workspace::default(),
            interner: Interner::new(&job.counting.keys),
            marks: Marks::default(),
            columns: Columns::default(),
            tried: vec![Tried::default(); job.counting.layout.labels.len()],
        }
    }
}

fn work<S: RowSink>(job: &Job, mut sink: S) -> std::result::Result<S::Found, Failure> {
    let mut hand = Hand::new(job);
    while let Some((piece, reading)) = job.next() {
        sink.begin();
        if let Err(error) = read_piece(job, &piece, reading, &mut hand, &mut sink) {
            job.stop(piece.number);
            return Err(Failure { piece: piece.number, error });
        }
    }
    job.paths.add(&hand.tried);
    Ok(sink.finish())
}

fn read_piece<S: RowSink>(
    job: &Job,
    piece: &Piece,
    reading: Option<Reading>,
    hand: &mut Hand,
    sink: &mut S,
) -> Result<()> {
    match &job.route {
        _ if piece.rows == 0 => Ok(()),
        Route::Pages { kept } if !kept[piece.shard] => pass_over(job, piece, hand, sink),
        Route::Pages { .. } => read_pages(job, piece, reading, hand, sink),
        Route::Arrays { .. } => read_arrays(job, piece, hand, 0, sink),
    }
}

/// Rows of a shard that does not meet the condition.
fn pass_over<S: RowSink>(job: &Job, piece: &Piece, hand: &mut Hand, sink: &mut S) -> Result<()> {
    const ROWS: u64 = 1 << 16;
    let mut first = 0;
    while first < piece.rows && !job.is_off(piece) {
        let rows = ROWS.min(piece.rows - first);
        let block = &mut hand.block;
        block.sets.clear(job.labels);
        (0..rows).for_each(|_| block.sets.end_row());
        block.members = Members::All(OUTSIDE);
        (block.shard, block.first_row) = (piece.shard, piece.first_row + first);
        sink.take(block)?;
        job.progress.add(rows);
        first += rows;
    }
    Ok(())
}
