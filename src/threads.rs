//! Work that several threads share.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};
use crate::guard::guarded;

/// A runtime with this many threads, at least one, which are called `name`.
///
/// # Errors
/// [`Error::Resource`] if the system gives no more threads.
pub(crate) fn runtime(threads: usize, name: &str) -> Result<Runtime> {
    let refused = |cause: &dyn std::fmt::Display| {
        Error::resource(format!("threads cannot be started: {cause}"))
            .hint("allow the process more memory, threads or open files, or lower --threads")
    };
    // A runtime that gets some of its threads waits for the others for ever, so they are asked for before: its own and
    // those that work beside it.
    are_given(threads.max(1) + 2).map_err(|cause| refused(&cause))?;
    // It panics where the system refuses a thread.
    let make =
        || Builder::new_multi_thread().worker_threads(threads.max(1)).thread_name(name).enable_all().build();
    let started = guarded(make).ok_or_else(|| refused(&"the system gives no more of them"))?;
    started.map_err(|cause| refused(&cause))
}

/// Whether the system gives this many threads at once.
fn are_given(threads: usize) -> std::io::Result<()> {
    let gate = Mutex::new(());
    let wait = || drop(gate.lock());
    thread::scope(|scope| {
        let _closed = gate.lock();
        (0..threads).try_for_each(|_| thread::Builder::new().spawn_scoped(scope, wait).map(drop))
    })
}

/// Runs `work` on each job, with at most `threads` threads, fewer where the system gives no more; results are in the
/// order of the jobs.
pub(crate) fn in_order<J: Send, R: Send>(
    jobs: Vec<J>,
    threads: usize,
    work: impl Fn(J) -> R + Sync,
) -> Vec<R> {
    let count = jobs.len();
    let queue = Mutex::new(jobs.into_iter().enumerate());
    // Not in the loop condition, which would hold the lock while a job runs.
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let done = Mutex::new(Vec::with_capacity(count));
    let worker = || {
        while let Some((number, job)) = next() {
            let result = work(job);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(count) {
            if thread::Builder::new().spawn_scoped(scope, worker).is_err() {
                break;
            }
        }
        worker();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    // Without a buffer for as many results again.
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Runs both, the second one on another thread if the system gives one, and returns both results.
pub(crate) fn both<A, B: Send>(one: impl FnOnce() -> A, other: impl FnOnce() -> B + Send) -> (A, B) {
    let other = Mutex::new(Some(other));
    let run = || other.lock().unwrap_or_else(PoisonError::into_inner).take().map(|other| other());
    thread::scope(|scope| {
        let started = thread::Builder::new().spawn_scoped(scope, run);
        let one = one();
        let other = started.ok().and_then(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        // What no thread was given for is still to be done.
        (one, other.or_else(run).unwrap_or_else(|| resume_unwind(Box::new("work that is done twice"))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        for threads in [0, 1, 3, 100] {
            let squares = in_order((0..50_u64).collect(), threads, |n| n * n);
            assert!(squares.iter().zip(0_u64..).all(|(square, n)| *square == n * n) && squares.len() == 50);
        }
        assert!(in_order(Vec::<u8>::new(), 2, |n| n).is_empty());
    }

    #[test]
    fn jobs_are_done_at_the_same_time() {
        // Each waits for the other, which would be for ever if one had to end before the next begins.
        let barrier = std::sync::Barrier::new(2);
        let meet = |n: u8| {
            barrier.wait();
            n
        };
        assert_eq!(in_order(vec![1, 2], 2, meet), [1, 2]);
        assert_eq!(both(|| meet(1), || meet(2)), (1, 2));
    }
}
