//! What the threads that read rows share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;

use super::Request;
use super::block::{Members, OUTSIDE};
use super::condition::Condition;
use crate::engine::collect::GroupKey;
use crate::engine::counting::Counting;
use crate::engine::partial_exec::Progress;
use crate::engine::plain::groups::split;
use crate::engine::session::counting_session;
use crate::engine::spill::Spill;
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// One row group of one shard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    /// Its place among all pieces, which are in the order of shards and rows.
    pub(super) number: usize,
    pub(super) shard: usize,
    pub(super) group: usize,
    pub(super) first_row: u64,
    pub(super) rows: u64,
}

/// Everything a thread needs to read any piece.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) shards: Vec<Shard>,
    /// The types that all shards widen to.
    pub(super) agreed: SchemaRef,
    pub(super) counting: Arc<Counting>,
    pub(super) condition: Option<Condition>,
    pub(super) progress: Arc<Progress>,
    groups: HashMap<GroupKey, u32>,
    pieces: Vec<Piece>,
    next: Mutex<usize>,
    /// The first piece that failed; nothing from it on is read.
    failed: AtomicUsize,
}

impl Job {
    pub(super) fn new(request: &Request<'_>) -> Result<Self> {
        let Request { dataset, counting, groups, limits, progress } = *request;
        let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
        let condition = Condition::of(&counting_session(limits, &spill)?, dataset, counting)?;
        let mut pieces = Vec::new();
        for (shard, at) in dataset.shards.iter().enumerate() {
            let mut first_row = 0;
            for (group, metadata) in at.metadata.row_groups().iter().enumerate() {
                let rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
                if dataset.has(metadata) {
                    pieces.push(Piece { number: pieces.len(), shard, group, first_row, rows });
                }
                first_row += rows;
            }
        }
        Ok(Self {
            shards: dataset.shards.clone(),
            agreed: Arc::clone(&dataset.schema),
            counting: Arc::clone(counting),
            condition,
            progress: Arc::clone(progress),
            groups: groups.iter().cloned().zip(0..).collect(),
            pieces,
            next: Mutex::new(0),
            failed: AtomicUsize::new(usize::MAX),
        })
    }

    /// Number of pieces.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The next piece; `begin` is told before anyone gets the one after it.
    pub(super) fn next(&self, begin: impl FnOnce() -> Result<()>) -> Result<Option<Piece>> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(piece) = self.pieces.get(*next).filter(|piece| !self.is_off(piece)) else { return Ok(None) };
        *next += 1;
        begin().map(|()| Some(*piece))
    }

    /// Nothing from piece `number` on is needed.
    pub(super) fn stop(&self, number: usize) {
        self.failed.fetch_min(number, Ordering::Relaxed);
    }

    /// Whether a piece is no longer needed.
    pub(super) fn is_off(&self, piece: &Piece) -> bool {
        piece.number >= self.failed.load(Ordering::Relaxed)
    }

    /// The groups of some rows, by their `by` columns and whether they meet the condition.
    pub(super) fn members(&self, by: &[ArrayRef], rows: usize, meets: Option<&[bool]>) -> Result<Members> {
        let met = |row: usize| meets.is_none_or(|meets| meets[row]);
        let mut members = vec![OUTSIDE; rows];
        let parts = split(by, rows)?;
        for (key, mask) in &parts {
            let inside = |row: &usize| mask.as_ref().is_none_or(|mask| mask.value(*row)) && met(*row);
            if !(0..rows).any(|row| inside(&row)) {
                continue;
            }
            let group = self.groups.get(key).copied();
            let group = group.ok_or_else(|| Error::changed("a group appeared after counting"))?;
            if mask.is_none() && meets.is_none() {
                return Ok(Members::All(group));
            }
            (0..rows).filter(inside).for_each(|row| members[row] = group);
        }
        Ok(Members::Each(members))
    }
}

/// Ends all threads when nobody waits for them any more.
pub(super) struct StopOnDrop(pub(super) Arc<Job>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop(0);
    }
}
