//! What the threads that read rows share.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use datafusion::prelude::SessionContext;

use super::Request;
use super::block::{Members, OUTSIDE};
use super::condition::Condition;
use super::decode::label_count;
use crate::engine::collect::{GroupKey, Way};
use crate::engine::counting::{Counting, Engine};
use crate::engine::partial_exec::Progress;
use crate::engine::plain::groups::split;
use crate::engine::query::Dataset;
use crate::engine::scan::ahead::Reading;
use crate::engine::scan::columns::{Place, places};
use crate::engine::scan::paths::Paths;
use crate::engine::scan::reads::{self, Wanted};
use crate::engine::session::counting_session;
use crate::engine::spill::Spill;
use crate::engine::{hive, scan};
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;

/// Pieces whose reads are asked for before anyone takes them, at most.
const PIECES_AHEAD: usize = 16;
/// What is asked for ahead may take this part of the memory of a thread.
const AHEAD_PART: usize = 8;

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

/// What no thread has taken.
#[derive(Debug, Default)]
struct Next {
    piece: usize,
    /// Reads of objects that were asked for, of this piece and those after it.
    ahead: VecDeque<Option<Reading>>,
}

/// How rows are read.
#[derive(Debug)]
pub(super) enum Route {
    /// From encoded pages, of the shards that are kept.
    Pages {
        /// Whether a shard meets the condition.
        kept: Vec<bool>,
    },
    /// As arrays, because of this.
    Arrays {
        /// Why.
        why: String,
    },
}

impl Route {
    async fn choose(context: &SessionContext, dataset: &Dataset, counting: &Counting) -> Result<Self> {
        let arrays = |why: &str| Ok(Self::Arrays { why: why.to_owned() });
        if counting.engine == Engine::Plain {
            return arrays("--engine plain");
        }
        if let Some(why) = scan::why_not(counting, dataset) {
            return Ok(Self::Arrays { why });
        }
        let Some(condition) = &counting.filter else {
            return Ok(Self::Pages { kept: vec![true; dataset.shards.len()] });
        };
        match hive::kept(context, dataset, condition).await? {
            Some(kept) => Ok(Self::Pages { kept }),
            None => arrays("--where asks for columns of the files, which needs rows"),
        }
    }
}

/// Everything a thread needs to read any piece.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) shards: Vec<Shard>,
    /// The types that all shards widen to.
    pub(super) agreed: SchemaRef,
    pub(super) counting: Arc<Counting>,
    /// Number of labels.
    pub(super) labels: usize,
    pub(super) route: Route,
    pub(super) condition: Option<Condition>,
    /// How label columns were read.
    pub(super) paths: Paths,
    /// Bytes that the rows of one thread may take.
    pub(super) budget: usize,
    pub(super) progress: Arc<Progress>,
    groups: HashMap<GroupKey, u32>,
    pieces: Vec<Piece>,
    next: Mutex<Next>,
    /// Bytes of objects that one thread, or all together for pieces to come, may ask for before they are needed.
    pub(super) ahead: usize,
    /// The first piece that failed; nothing from it on is read.
    failed: AtomicUsize,
}

impl Job {
    pub(super) async fn new(request: &Request<'_>) -> Result<Self> {
        let Request { dataset, counting, groups, limits, progress } = *request;
        let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
        let context = counting_session(limits, &spill)?;
        let route = Route::choose(&context, dataset, counting).await?;
        let condition = match route {
            Route::Pages { .. } => None,
            Route::Arrays { .. } => Condition::of(&context, dataset, counting)?,
        };
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
            labels: label_count(&counting.keys)?,
            route,
            condition,
            paths: Paths::new(&counting.layout.labels),
            budget: limits.pool_bytes() / limits.threads.max(1) / 2,
            progress: Arc::clone(progress),
            groups: groups.iter().cloned().zip(0..).collect(),
            pieces,
            next: Mutex::default(),
            ahead: limits.pool_bytes() / limits.threads.max(1) / AHEAD_PART,
            failed: AtomicUsize::new(usize::MAX),
        })
    }

    /// Number of pieces.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The next piece, with its reads where some were asked for.
    pub(super) fn next(&self) -> Option<(Piece, Option<Reading>)> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let piece = self.pieces.get(next.piece).filter(|piece| !self.is_off(piece))?;
        next.piece += 1;
        let reading = next.ahead.pop_front().flatten();
        self.ask_ahead(&mut next);
        Some((*piece, reading))
    }

    /// Asks for objects of pieces that nobody has taken yet. What cannot be asked for is said by who needs it.
    fn ask_ahead(&self, next: &mut Next) {
        while next.ahead.len() < PIECES_AHEAD
            && let Some(piece) = self.pieces.get(next.piece + next.ahead.len())
        {
            let bytes: usize = next.ahead.iter().flatten().map(Reading::bytes).sum();
            let budget = self.ahead.saturating_sub(bytes);
            if budget == 0 {
                break;
            }
            let far = self.shards[piece.shard].place.object().is_some();
            let reading = match &self.route {
                Route::Pages { kept } if far && kept[piece.shard] && piece.rows > 0 => {
                    let places =
                        places(&self.shards[piece.shard], &self.counting.layout.labels, &self.agreed);
                    self.reading(piece, &places, budget).ok()
                }
                _ => None,
            };
            next.ahead.push_back(reading);
        }
    }

    /// The reads of a piece whose columns lie at `places`.
    pub(super) fn reading(&self, piece: &Piece, places: &[Place], budget: usize) -> Result<Reading> {
        let shard = &self.shards[piece.shard];
        let wanted = places.iter().enumerate().filter_map(|(column, place)| match *place {
            Place::Leaf { leaf, .. } => Some(Wanted { column, leaf }),
            _ => None,
        });
        // Vectors whose labels have values of their own are read as arrays.
        let vectors = self.counting.layout.kind == LayoutKind::Vector;
        let wanted: Vec<_> = wanted.filter(|_| !vectors || self.counting.overrides.is_empty()).collect();
        let far = shard.place.object().is_some();
        let reads = reads::plan(shard.metadata.row_group(piece.group), &wanted, far);
        Reading::new(shard, reads, budget)
    }

    /// Nothing from piece `number` on is needed.
    pub(super) fn stop(&self, number: usize) {
        self.failed.fetch_min(number, Ordering::Relaxed);
    }

    /// Whether a piece is no longer needed.
    pub(super) fn is_off(&self, piece: &Piece) -> bool {
        piece.number >= self.failed.load(Ordering::Relaxed)
    }

    /// How rows were read.
    pub(super) fn way(&self) -> Way {
        match &self.route {
            Route::Pages { .. } => Way { engine: "encoded", why: None, columns: self.paths.take() },
            Route::Arrays { why } => Way { engine: "plain", why: Some(why.clone()), columns: Vec::new() },
        }
    }

    /// The group of all rows of a shard, which folders tell.
    pub(super) fn group_of(&self, shard: usize) -> Result<u32> {
        let hive = &self.shards[shard].hive;
        let value = |by: &String| hive.iter().find(|(key, _)| key == by).map(|(_, value)| value.clone());
        let key: GroupKey = self.counting.by.iter().map(value).collect();
        self.groups.get(&key).copied().ok_or_else(|| Error::changed("a group appeared after counting"))
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
