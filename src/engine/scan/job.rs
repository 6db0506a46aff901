//! What the threads of a scan share, and what each keeps between pieces.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use object_store::path::Path as StorePath;

use super::paths::Paths;
use crate::engine::counting::Counting;
use crate::engine::partial_exec::Progress;
use crate::engine::plain::groups::Key;
use crate::engine::plain::interner::Interner;
use crate::error::{Error, Result};
use crate::pages::{SetCounter, Workspace};
use crate::source::shards::Shard;

/// Everything a thread needs to count any piece.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) counting: Arc<Counting>,
    pub(super) shards: Arc<[Shard]>,
    /// The types that all shards widen to.
    pub(super) agreed: SchemaRef,
    /// The group of `--by` that each shard belongs to.
    pub(super) keys: Vec<Key>,
    /// Which shard a file is.
    pub(super) numbers: HashMap<StorePath, usize>,
    pub(super) paths: Paths,
    pub(super) progress: Arc<Progress>,
    pub(super) idle: Mutex<Vec<Hand>>,
}

/// Buffers, names and counters of one thread. Between pieces the counter is at zero.
#[derive(Debug)]
pub(super) struct Hand {
    pub(super) buffer: Vec<u8>,
    pub(super) tools: Tools,
}

/// What counting a chunk takes.
#[derive(Debug)]
pub(super) struct Tools {
    pub(super) workspace: Workspace,
    pub(super) interner: Interner,
    pub(super) counter: SetCounter,
}

impl Job {
    /// The shard in a file, and its row groups that begin in `range`.
    pub(super) fn locate(
        &self,
        file: &StorePath,
        range: Option<Range<u64>>,
    ) -> Result<(usize, Range<usize>)> {
        let shard = *self.numbers.get(file).ok_or_else(|| Error::internal(format!("{file} is no shard")))?;
        let groups = self.shards[shard].metadata.row_groups();
        let Some(range) = range else { return Ok((shard, 0..groups.len())) };
        let begins = |group: &_| super::pieces::start(group);
        let from = groups.partition_point(|group| begins(group) < range.start);
        let to = groups.partition_point(|group| begins(group) < range.end);
        Ok((shard, from..to.max(from)))
    }

    /// A hand that is free, or a new one.
    pub(super) fn hand(&self) -> Hand {
        let free = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| Hand {
            buffer: Vec::new(),
            tools: Tools {
                workspace: Workspace::default(),
                interner: Interner::new(&self.counting.keys),
                counter: SetCounter::new(),
            },
        })
    }

    pub(super) fn put_back(&self, hand: Hand) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(hand);
    }
}
