//! Threads that read rows side by side.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::engine::read::routes::Route;
use crate::engine::rows::job::{RowJob, StopOnDrop};
use crate::engine::rows::sink::RowSink;
use crate::error::{Error, Result};

/// Why a thread stopped, and at which piece.
pub(super) struct Failure {
    pub(super) piece: usize,
    pub(super) error: Error,
}

/// Some threads that do the same `work`, until all have ended or one fails.
pub(super) async fn side_by_side<S: RowSink>(
    job: &Arc<RowJob>,
    threads: usize,
    mut make: impl FnMut() -> S,
    work: impl Fn(&RowJob, S) -> std::result::Result<S::Found, Failure> + Clone + Send + 'static,
) -> Result<(Vec<S::Found>, Route)> {
    let _stop = StopOnDrop(Arc::clone(job));
    let mut workers = JoinSet::new();
    for _ in 0..threads {
        let (job, sink, work) = (Arc::clone(job), make(), work.clone());
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
        None => Ok((all, job.route())),
    }
}
