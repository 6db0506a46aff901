//! What the threads of a scan share, and what each keeps between pieces.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use object_store::path::Path as StorePath;

use super::paths::Paths;
use super::tallies::{Giving, Tallies};
use crate::engine::counting::{Counting, Keys};
use crate::engine::partial_exec::Progress;
use crate::engine::pieces;
use crate::engine::plain::groups::Key;
use crate::engine::plain::interner::Interner;
use crate::error::{Error, Result};
use crate::pages::{SetCounter, Workspace};
use crate::source::layout::LayoutKind;
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
    /// Memory that the names of one thread may take.
    pub(super) name_bytes: usize,
    /// Memory that the bytes of an object may take which one thread has asked for.
    pub(super) ahead_bytes: usize,
    /// Hands that no thread uses at the moment.
    pub(super) idle: Mutex<Vec<Hand>>,
    /// Pieces not yet counted, where all of them are counted by this process and into one group: then
    /// counts are given once, with the last piece. Else every piece gives its own.
    pub(super) left: Option<AtomicUsize>,
}

/// Buffers, names and counts of one thread.
#[derive(Debug)]
pub(super) struct Hand {
    pub(super) buffer: Vec<u8>,
    pub(super) tallies: Tallies,
    pub(super) tools: Tools,
}

/// What counting a chunk takes.
#[derive(Debug)]
pub(super) struct Tools {
    pub(super) workspace: Workspace,
    pub(super) interner: Interner,
    pub(super) counter: SetCounter,
}

impl Hand {
    /// True when names take more memory than they may: then they are given out and forgotten.
    pub(super) fn has_many_names(&self, job: &Job) -> bool {
        self.tools.interner.name_bytes() > job.name_bytes
    }

    /// Gives everything counted since the last time, by one who reads `shard`.
    pub(super) fn give(&mut self, job: &Job, shard: usize) -> Giving {
        self.tallies.give(job, &job.keys[shard], &mut self.tools.counter)
    }
}

impl Job {
    /// Whether statistics are to be believed.
    pub(super) fn trusts_statistics(&self) -> bool {
        self.counting.trust_statistics && self.counting.layout.kind == LayoutKind::Wide
    }

    /// The shard in a file, and its row groups that begin in `range`.
    pub(super) fn locate(
        &self,
        file: &StorePath,
        range: Option<Range<u64>>,
    ) -> Result<(usize, Range<usize>)> {
        let shard = *self.numbers.get(file).ok_or_else(|| Error::internal(format!("{file} is no shard")))?;
        Ok((shard, pieces::groups(&self.shards[shard], range)))
    }

    /// A hand that is free, or a new one.
    pub(super) fn hand(&self) -> Hand {
        let free = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| Hand {
            buffer: Vec::new(),
            tallies: Tallies::new(self),
            tools: Tools {
                workspace: Workspace::default(),
                interner: Interner::new(&self.counting.keys),
                counter: SetCounter::new(),
            },
        })
    }

    /// Takes a hand back after a piece, and gives those whose counts are to be given now.
    pub(super) fn put_back(&self, hand: Hand) -> Vec<Hand> {
        let Some(left) = &self.left else { return vec![hand] };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(hand);
        if left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Vec::new();
        }
        let mut hands = std::mem::take(&mut *idle);
        // Names have numbers of their own in each hand; all other labels are the same in all.
        if !matches!(self.counting.keys, Keys::Names)
            && let Some((first, rest)) = hands.split_first_mut()
        {
            for hand in rest {
                first.tools.counter.absorb(&std::mem::take(&mut hand.tools.counter));
            }
        }
        hands
    }

    /// Takes a hand back whose counts were given.
    pub(super) fn rest(&self, hand: Hand) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(hand);
    }
}
