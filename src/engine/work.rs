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
        }
    }
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
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.bytes_read += other.bytes_read;
        self.read += other.read;
        self.mask += other.mask;
        self.decompress += other.decompress;
        self.decode += other.decode;
        self.arrays += other.arrays;
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
}
