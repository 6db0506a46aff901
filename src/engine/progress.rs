//! How far a run has come.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::engine::counting::Counting;
use crate::engine::live::LiveLabels;
use crate::engine::work::{ClusterWork, Work, WorkClock};

/// Rows counted so far, for whoever draws the progress.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    rows: AtomicU64,
    bytes: AtomicU64,
    beats: AtomicU64,
    shards: AtomicU64,
    spilled: AtomicU64,
    shared_ids: AtomicBool,
    /// Bytes of a stream that have come.
    come: OnceLock<Arc<AtomicU64>>,
    /// What was counted of each label, if somebody looks.
    pub(crate) live: LiveLabels,
    /// Where the time of the threads goes.
    pub(crate) clock: WorkClock,
    /// What jobs on a cluster took.
    cluster: Mutex<ClusterWork>,
}

impl Progress {
    /// What reading took so far. Footers are no part of it.
    #[must_use]
    pub(crate) fn work(&self) -> Work {
        let cluster = *self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        Work { cluster, ..self.clock.work(self.bytes.load(Ordering::Relaxed)) }
    }

    /// Adds what a job on a cluster took.
    #[cfg(feature = "cluster")]
    pub(super) fn add_cluster(&self, work: ClusterWork) {
        *self.cluster.lock().unwrap_or_else(PoisonError::into_inner) += work;
    }

    /// A count begins, perhaps once more after one that failed.
    pub(crate) fn begin(&self, counting: &Arc<Counting>) {
        self.shards.store(0, Ordering::Relaxed);
        self.live.begin(counting);
    }

    /// Shards of the count that are done.
    #[must_use]
    pub(crate) fn shards(&self) -> u64 {
        self.shards.load(Ordering::Relaxed)
    }

    /// Adds shards that are done.
    pub(crate) fn add_shards(&self, shards: u64) {
        self.shards.fetch_add(shards, Ordering::Relaxed);
    }

    /// Bytes written to spill files so far.
    #[must_use]
    pub(crate) fn spilled(&self) -> u64 {
        self.spilled.load(Ordering::Relaxed)
    }

    /// Adds bytes written to spill files.
    pub(crate) fn add_spilled(&self, bytes: u64) {
        self.beat();
        self.spilled.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes of a stream come as `come` counts them.
    pub(crate) fn of_stream(&self, come: Arc<AtomicU64>) {
        let _ = self.come.set(come);
    }

    /// Bytes read so far, of shards or of a stream; 0 where that is known only at the end.
    #[must_use]
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = self.come.get().map_or(&self.bytes, |come| come);
        bytes.load(Ordering::Relaxed)
    }

    /// Adds bytes that were read.
    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether a row id was found in several groups.
    #[must_use]
    pub(crate) fn has_shared_ids(&self) -> bool {
        self.shared_ids.load(Ordering::Relaxed)
    }

    /// Says that a row id is in several groups.
    pub(crate) fn found_shared_id(&self) {
        self.shared_ids.store(true, Ordering::Relaxed);
    }

    /// Rows counted so far.
    #[must_use]
    pub(crate) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Says that something was done beside reading rows.
    pub(crate) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes whenever something was done.
    #[must_use]
    pub(crate) fn pulse(&self) -> (u64, u64) {
        (self.rows.load(Ordering::Relaxed), self.beats.load(Ordering::Relaxed))
    }

    /// Adds rows.
    pub(crate) fn add(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }
}
