//! Work that several threads share.

use std::sync::{Mutex, PoisonError};

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
    // It panics where the system refuses a thread.
    let make =
        || Builder::new_multi_thread().worker_threads(threads.max(1)).thread_name(name).enable_all().build();
    let made = guarded(make).ok_or_else(|| refused(&"the system gives no more of them"))?;
    made.map_err(|cause| refused(&cause))
}

/// Runs `work` on each job, with at most `threads` threads; results are in the order of the jobs.
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
    std::thread::scope(|scope| {
        for _ in 1..threads.min(count) {
            scope.spawn(worker);
        }
        worker();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Runs both, the second one on another thread, and returns both results.
pub(crate) fn both<A, B: Send>(one: impl FnOnce() -> A, other: impl FnOnce() -> B + Send) -> (A, B) {
    std::thread::scope(|scope| {
        let other = scope.spawn(other);
        let one = one();
        (one, other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
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
