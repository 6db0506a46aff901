//! Where the time of the threads goes.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Time that threads spend, in nanoseconds, added up over all of them.
#[derive(Debug, Default)]
pub(crate) struct WorkClock {
    /// Bytes of chunks are read, or waited for.
    pub(crate) read: AtomicU64,
    /// Conditions, groups and weights of rows are found.
    pub(crate) mask: AtomicU64,
    /// Pages are decompressed, as a part of `pages`.
    pub(crate) decompress: AtomicU64,
    /// Pages are decoded and counted.
    pub(crate) pages: AtomicU64,
    /// Columns are read as arrays and counted.
    pub(crate) arrays: AtomicU64,
}

impl WorkClock {
    /// Adds the time since `start` to one of them.
    pub(crate) fn add(of: &AtomicU64, start: Instant) {
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        of.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// What was done so far, with the bytes that were read.
    #[must_use]
    pub(crate) fn work(&self, bytes_read: u64) -> Work {
        let seconds = |of: &AtomicU64| of.load(Ordering::Relaxed) as f64 / 1e9;
        let (pages, decompress) = (seconds(&self.pages), seconds(&self.decompress));
        Work {
            bytes_read,
            read: seconds(&self.read),
            mask: seconds(&self.mask),
            decompress,
            decode: (pages - decompress).max(0.0),
            arrays: seconds(&self.arrays),
            cluster: ClusterWork::default(),
        }
    }
}

/// What jobs on a cluster took. Processor time of executors is that of their processes while they worked on tasks,
/// so it includes what other jobs took there at the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct ClusterWork {
    /// Jobs that were done.
    pub jobs: u64,
    /// Stages of them, between which rows are shuffled.
    pub stages: u64,
    /// Tasks of all stages; those that were repeated count once.
    pub tasks: u64,
    /// Most executors that worked on one job.
    pub executors: u64,
    /// The threads of these executors.
    pub threads: u64,
    /// Processor seconds of the scheduler, until it gave out the last task of each job.
    pub scheduler_seconds: f64,
    /// Processor seconds of executors.
    pub executor_seconds: f64,
    /// Wall seconds of tasks.
    pub task_seconds: f64,
    /// Wall seconds of jobs, from the first task to the last.
    pub job_seconds: f64,
    /// Bytes that executors wrote for other executors.
    pub bytes_shuffled: u64,
    /// Bytes that executors wrote for the client.
    pub bytes_to_client: u64,
}

impl AddAssign for ClusterWork {
    fn add_assign(&mut self, other: Self) {
        self.jobs += other.jobs;
        self.stages += other.stages;
        self.tasks += other.tasks;
        self.executors = self.executors.max(other.executors);
        self.threads = self.threads.max(other.threads);
        self.scheduler_seconds += other.scheduler_seconds;
        self.executor_seconds += other.executor_seconds;
        self.task_seconds += other.task_seconds;
        self.job_seconds += other.job_seconds;
        self.bytes_shuffled += other.bytes_shuffled;
        self.bytes_to_client += other.bytes_to_client;
    }
}

/// Processor seconds of this process since it began, if the system reports them.
#[must_use]
pub(crate) fn processor_seconds() -> Option<f64> {
    /// The clock ticks of Linux, whatever the processor.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold anything, but it ends at the last parenthesis.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) as f64 / TICKS)
}

/// What reading took: bytes of column chunks without footers, and seconds of all threads together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Work {
    /// Bytes of column chunks.
    pub bytes_read: u64,
    /// Reading or waiting for them.
    pub read: f64,
    /// Conditions, groups and weights.
    pub mask: f64,
    /// Decompression of pages.
    pub decompress: f64,
    /// Decoding and counting of pages.
    pub decode: f64,
    /// Reading and counting of arrays, where pages are not supported.
    pub arrays: f64,
    /// Jobs on a cluster.
    pub cluster: ClusterWork,
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.bytes_read += other.bytes_read;
        self.read += other.read;
        self.mask += other.mask;
        self.decompress += other.decompress;
        self.decode += other.decode;
        self.arrays += other.arrays;
        self.cluster += other.cluster;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn decompression_is_no_part_of_decoding() {
        let clock = WorkClock::default();
        let start = Instant::now().checked_sub(Duration::from_secs(2)).unwrap();
        WorkClock::add(&clock.pages, start);
        WorkClock::add(&clock.pages, start);
        WorkClock::add(&clock.decompress, start);
        let mut work = clock.work(5);
        assert!((1.9..3.0).contains(&work.decode) && (1.9..3.0).contains(&work.decompress));
        work += work;
        assert_eq!((work.bytes_read, work.read), (10, 0.0));
        assert!((3.9..6.0).contains(&work.decode));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn processor_time_grows_with_work() {
        let before = processor_seconds().unwrap();
        let start = Instant::now();
        let mut sum = 0_u64;
        while start.elapsed() < Duration::from_secs(5) && processor_seconds().unwrap() < before + 0.05 {
            sum = (0..100_000).fold(sum, |sum, n: u64| sum.wrapping_mul(31).wrapping_add(n));
        }
        assert!(processor_seconds().unwrap() >= before + 0.05, "{sum}");
    }

    #[test]
    fn jobs_are_added_up_and_machines_are_not() {
        let mut work =
            ClusterWork { jobs: 1, executors: 2, threads: 4, task_seconds: 1.5, ..ClusterWork::default() };
        work +=
            ClusterWork { jobs: 1, executors: 1, threads: 1, task_seconds: 0.5, ..ClusterWork::default() };
        assert_eq!((work.jobs, work.executors, work.threads, work.task_seconds), (2, 2, 4, 2.0));
    }
}
