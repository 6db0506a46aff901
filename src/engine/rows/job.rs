//! What the threads that read rows share.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::ArrayRef;

use crate::engine::counting::Counting;
use crate::engine::dataset::group_of;
use crate::engine::group_key::GroupKey;
use crate::engine::read::by_group::split;
use crate::engine::read::choice::{EngineChoice, fastest};
use crate::engine::read::chunk_source::{ChunkSource, RowQuestions};
use crate::engine::read::chunks::RowGroupReader;
use crate::engine::read::condition::Condition;
use crate::engine::read::routes::Route;
use crate::engine::read::row_facts::RowFacts;
use crate::engine::rows::block::{Members, OUTSIDE};
use crate::engine::rows::decode::label_count;
use crate::engine::rows::request::Request;
use crate::engine::session::counting_session;
use crate::engine::spill::Spill;
use crate::error::{Error, Result};
use crate::source::layout::{LayoutKind, is_text};

/// Pieces whose reads are asked for before anyone takes them, at most.
const PIECES_AHEAD: usize = 16;
/// What is asked for ahead may take this part of the memory of a thread.
const AHEAD_PART: usize = 8;

/// One row group of one shard.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowGroup {
    /// Its place among all pieces, which are in the order of shards and rows.
    pub(super) number: usize,
    pub(super) shard: usize,
    pub(super) group: usize,
    pub(super) first_row: u64,
    pub(super) rows: u64,
}

/// What no thread has taken.
#[derive(Debug, Default)]
struct NextGroup {
    piece: usize,
    /// Reads of objects that were asked for, of this piece and those after it.
    ahead: VecDeque<Option<RowGroupReader>>,
}

/// Everything a thread needs to read any piece.
#[derive(Debug)]
pub(super) struct RowJob {
    /// The label columns.
    pub(super) chunks: Arc<ChunkSource>,
    pub(super) counting: Arc<Counting>,
    /// Number of labels.
    pub(super) labels: usize,
    pub(super) choice: EngineChoice,
    /// What is asked of rows, where they are not all read alike.
    pub(super) questions: RowQuestions,
    /// Bytes that the rows of one thread may take.
    pub(super) budget: usize,
    groups: HashMap<GroupKey, u32>,
    pieces: Vec<RowGroup>,
    next: Mutex<NextGroup>,
    /// The first piece that failed; nothing from it on is read.
    failed: AtomicUsize,
}

impl RowJob {
    pub(super) async fn new(request: &Request<'_>) -> Result<Self> {
        let Request { dataset, counting, groups, limits, progress } = *request;
        let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
        let context = counting_session(limits, &spill, counting)?;
        let choice = fastest(&context, dataset, counting).await?;
        let questions = match choice {
            EngineChoice::Encoded(_) => RowQuestions::default(),
            EngineChoice::Masked | EngineChoice::Plain(_) => RowQuestions {
                condition: Condition::of(&context, dataset, counting)?,
                weight: None,
                by: counting.by.clone(),
            },
        };
        let mut pieces = Vec::new();
        for (shard, at) in dataset.shards.iter().enumerate() {
            let mut first_row = 0;
            for (group, outline) in at.row_groups().iter().enumerate() {
                let rows = at.live_rows(group);
                if dataset.has(shard, outline) {
                    pieces.push(RowGroup { number: pieces.len(), shard, group, first_row, rows });
                }
                first_row += rows;
            }
        }
        let share = limits.pool_bytes() / limits.threads.max(1);
        let shards = Arc::clone(&dataset.shards);
        let ahead = share / AHEAD_PART;
        let mut chunks = ChunkSource::of_labels(shards, &dataset.schema, &counting.layout, ahead, progress);
        if counting.layout.kind == LayoutKind::Vector && !counting.overrides.is_empty() {
            chunks.unsupported.push((0, Cow::Borrowed("labels have values of their own")));
        }
        let column = dataset.schema.field_with_name(counting.layout.column());
        if counting.layout.kind == LayoutKind::Vector && column.is_ok_and(|c| is_text(c.data_type())) {
            chunks.unsupported.push((0, Cow::Borrowed("its strings hold vectors")));
        }
        Ok(Self {
            chunks: Arc::new(chunks),
            counting: Arc::clone(counting),
            labels: label_count(&counting.keys)?,
            choice,
            questions,
            budget: share / 2,
            groups: groups.iter().cloned().zip(0..).collect(),
            pieces,
            next: Mutex::default(),
            failed: AtomicUsize::new(usize::MAX),
        })
    }

    /// The columns that are read as arrays: those of the labels, then those that are asked for.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.counting.layout.cells().chain(self.questions.columns())
    }

    /// Number of pieces.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The next piece, with its reads where some were asked for.
    pub(super) fn next(&self) -> Option<(RowGroup, Option<RowGroupReader>)> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let piece = self.pieces.get(next.piece).filter(|piece| !self.is_off(piece))?;
        next.piece += 1;
        let reader = next.ahead.pop_front().flatten();
        self.ask_ahead(&mut next);
        Some((*piece, reader))
    }

    /// Asks for objects of row groups that no thread has taken yet. Errors are reported by the thread that takes them.
    fn ask_ahead(&self, next: &mut NextGroup) {
        while next.ahead.len() < PIECES_AHEAD
            && let Some(piece) = self.pieces.get(next.piece + next.ahead.len())
        {
            let bytes: usize = next.ahead.iter().flatten().map(RowGroupReader::bytes).sum();
            let budget = self.chunks.ahead.saturating_sub(bytes);
            if budget == 0 {
                break;
            }
            let far = self.chunks.shards[piece.shard].place.object().is_some();
            let reader = match &self.choice {
                EngineChoice::Encoded(kept) if far && kept[piece.shard] && piece.rows > 0 => {
                    self.open(piece, budget).ok()
                }
                _ => None,
            };
            next.ahead.push_back(reader);
        }
    }

    /// Opens the label columns of a row group; what is asked for ahead may take `ahead` bytes.
    pub(super) fn open(&self, piece: &RowGroup, ahead: usize) -> Result<RowGroupReader> {
        RowGroupReader::open(&self.chunks, piece.shard, piece.group..piece.group + 1, ahead)
    }

    /// Nothing from piece `number` on is needed.
    pub(super) fn stop(&self, number: usize) {
        self.failed.fetch_min(number, Ordering::Relaxed);
    }

    /// Whether a piece is no longer needed.
    pub(super) fn is_off(&self, piece: &RowGroup) -> bool {
        piece.number >= self.failed.load(Ordering::Relaxed)
    }

    /// How rows were read.
    pub(super) fn route(&self) -> Route {
        self.choice.clone().route(self.chunks.routes.take())
    }

    /// The group of all rows of a shard, which folders tell.
    pub(super) fn group_of(&self, shard: usize) -> Result<u32> {
        self.group(&group_of(&self.chunks.shards[shard], &self.counting.by))
    }

    fn group(&self, key: &GroupKey) -> Result<u32> {
        self.groups.get(key).copied().ok_or_else(|| Error::changed("a group appeared after counting"))
    }

    /// The groups of all rows of a row group; `None` where there are too many of them.
    pub(super) fn members_of(&self, facts: &RowFacts, piece: &RowGroup) -> Result<Option<Vec<u32>>> {
        let Some(parts) = &facts.parts else { return Ok(None) };
        let mut members = vec![OUTSIDE; usize::try_from(piece.rows).unwrap_or(usize::MAX)];
        for part in parts {
            let group = match &part.key {
                Some(key) => self.group(key)?,
                None => self.group_of(piece.shard)?,
            };
            match &part.mask {
                None => members.fill(group),
                Some(mask) => {
                    let inside = members.iter_mut().enumerate().filter(|(row, _)| mask.has(*row));
                    inside.for_each(|(_, member)| *member = group);
                }
            }
        }
        Ok(Some(members))
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
            let group = self.group(key)?;
            if mask.is_none() && meets.is_none() {
                return Ok(Members::All(group));
            }
            (0..rows).filter(inside).for_each(|row| members[row] = group);
        }
        Ok(Members::Each(members))
    }
}

/// Ends all threads when the caller is gone.
pub(super) struct StopOnDrop(pub(super) Arc<RowJob>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop(0);
    }
}
