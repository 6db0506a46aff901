//! What the threads of a scan share, and what each keeps between pieces.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::counting::{Counting, Keys};
use crate::engine::group_key::{GROUPS_MAX, GroupKey, too_many};
use crate::engine::live::ReportedCounts;
use crate::engine::read::chunk_source::ChunkSource;
use crate::engine::read::interner::Interner;
use crate::engine::scan::tallies::{PartialBatches, Tallies};
use crate::error::Result;
use crate::pages::{Marks, SetCounter, Workspace};
use crate::source::layout::LayoutKind;

/// Everything a thread needs to count any piece.
#[derive(Debug)]
pub(super) struct ScanJob {
    pub(super) counting: Arc<Counting>,
    pub(super) chunks: Arc<ChunkSource>,
    /// The group of `--by` that each shard belongs to.
    pub(super) keys: Vec<GroupKey>,
    /// Memory that the names of one thread may take.
    pub(super) name_bytes: usize,
    /// Buffers that no thread uses at the moment.
    pub(super) idle: Mutex<Vec<ScanBuffers>>,
    /// Pieces not yet counted, where all of them are counted by this process and into one group: then
    /// counts are given once, with the last piece. Else every piece gives its own.
    pub(super) left: Option<AtomicUsize>,
    /// By shard, its pieces that are not yet counted.
    pub(super) left_of_shards: Vec<AtomicUsize>,
}

/// Buffers, names and counts of one thread.
#[derive(Debug)]
pub(super) struct ScanBuffers {
    pub(super) read: Vec<u8>,
    groups: HashMap<GroupKey, GroupCounts>,
    /// The group at hand, and its counts, which are in `groups` else.
    key: GroupKey,
    pub(super) counts: GroupCounts,
    /// Positives of several groups that were counted at once, and these groups.
    together: (Vec<GroupKey>, SetCounter),
    pub(super) tools: ScanTools,
    /// What was reported to the live view, and when.
    reported: ReportedCounts,
    heard: u64,
}

/// What is counted of one group.
#[derive(Debug)]
pub(super) struct GroupCounts {
    pub(super) tallies: Tallies,
    pub(super) positives: SetCounter,
}

impl GroupCounts {
    fn new(counting: &Counting) -> Self {
        Self { tallies: Tallies::new(counting), positives: SetCounter::new() }
    }

    /// Labels that may have positives; of those with a cell in each row, or of sets.
    fn labels(&self, has_cells: bool) -> usize {
        if has_cells { self.tallies.labels.len() } else { self.positives.labels() }
    }

    fn positives(&self, label: usize, has_cells: bool) -> u64 {
        if has_cells {
            self.tallies.labels.get(label).map_or(0, |tally| tally.positives)
        } else {
            self.positives.rows_with(label)
        }
    }
}

/// What counting a chunk takes.
#[derive(Debug)]
pub(super) struct ScanTools {
    pub(super) workspace: Workspace,
    /// For the values beside labels.
    pub(super) values: Workspace,
    pub(super) interner: Interner,
    /// Which rows of a column are positive, where rows have weights.
    pub(super) marks: Marks,
}

impl ScanBuffers {
    /// True when names take more memory than they may: then they are given out and forgotten.
    pub(super) fn has_many_names(&self, job: &ScanJob) -> bool {
        self.tools.interner.name_bytes() > job.name_bytes
    }

    /// The group at hand.
    pub(super) fn key(&self) -> &GroupKey {
        &self.key
    }

    /// Counts for group `key` from now on.
    pub(super) fn start(&mut self, key: &GroupKey, counting: &Counting) -> Result<()> {
        if self.key == *key {
            return Ok(());
        }
        let new = self.groups.remove(key).unwrap_or_else(|| GroupCounts::new(counting));
        let before = std::mem::replace(&mut self.counts, new);
        self.groups.insert(std::mem::replace(&mut self.key, key.clone()), before);
        if self.groups.len() >= GROUPS_MAX { Err(too_many()) } else { Ok(()) }
    }

    /// What counts the positives of these groups at once, each of which was started.
    pub(super) fn together(&mut self, keys: &[GroupKey]) -> (&mut SetCounter, &mut ScanTools) {
        if self.together.0 != keys {
            self.part();
            self.together.0 = keys.to_vec();
        }
        (&mut self.together.1, &mut self.tools)
    }

    /// Gives each group what was counted for several at once.
    fn part(&mut self) {
        let Self { groups, key, counts, together: (keys, all), .. } = self;
        let (keys, all) = (std::mem::take(keys), all.take());
        for (first, own) in keys.iter().enumerate() {
            let own = if own == key { Some(&mut *counts) } else { groups.get_mut(own) };
            let Some(GroupCounts { positives, .. }) = own else { continue };
            let rows = all.iter().skip(first).step_by(keys.len());
            for (label, rows) in (0..).zip(rows).filter(|(_, rows)| **rows > 0) {
                positives.add_counted(label, *rows);
            }
        }
    }

    /// Tells whoever looks what was counted, if this is asked for.
    pub(super) fn tell_if_asked(&mut self, job: &ScanJob) {
        if job.chunks.progress.live.is_asked(&mut self.heard) {
            self.report(job);
        }
    }

    fn report(&mut self, job: &ScanJob) {
        let live = &job.chunks.progress.live;
        if live.is_looked_at() {
            let mut reported = std::mem::take(&mut self.reported);
            reported.report(live, self.positives(&job.counting), |id| self.tools.interner.name(id));
            self.reported = reported;
        }
    }

    /// All that is counted here was reported.
    fn know(&mut self, job: &ScanJob) {
        let mut reported = std::mem::take(&mut self.reported);
        reported.know(&job.chunks.progress.live, self.positives(&job.counting));
        self.reported = reported;
    }

    /// Rows with each label, by its id, of all groups together.
    fn positives(&self, counting: &Counting) -> impl ExactSizeIterator<Item = u64> {
        let has_cells =
            matches!(counting.keys, Keys::Positions(_)) || counting.layout.kind == LayoutKind::Map;
        let all = || self.groups.values().chain(std::iter::once(&self.counts));
        let labels = all().map(|group| group.labels(has_cells)).max().unwrap_or(0);
        (0..labels).map(move |label| all().map(|group| group.positives(label, has_cells)).sum())
    }

    /// Gives everything counted since the last time.
    pub(super) fn give(&mut self, job: &ScanJob) -> PartialBatches {
        self.part();
        self.report(job);
        self.reported.forget();
        let mut all = self.counts.tallies.give(&job.counting, &self.key, &mut self.counts.positives);
        for (key, mut counts) in self.groups.drain() {
            all.append(counts.tallies.give(&job.counting, &key, &mut counts.positives));
        }
        all
    }
}

impl ScanJob {
    /// Buffers that are free, or new ones.
    pub(super) fn buffers(&self) -> ScanBuffers {
        let free = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| ScanBuffers {
            read: Vec::new(),
            groups: HashMap::new(),
            key: Vec::new(),
            counts: GroupCounts::new(&self.counting),
            together: (Vec::new(), SetCounter::new()),
            tools: ScanTools {
                workspace: Workspace::default(),
                values: Workspace::default(),
                interner: Interner::of(&self.counting),
                marks: Marks::default(),
            },
            reported: ReportedCounts::default(),
            heard: 0,
        })
    }

    /// Takes buffers back after a piece; gives those whose counts are to be given now.
    pub(super) fn put_back(&self, buffers: ScanBuffers) -> Vec<ScanBuffers> {
        let Some(left) = &self.left else { return vec![buffers] };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(buffers);
        if left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Vec::new();
        }
        let mut all = std::mem::take(&mut *idle);
        all.iter_mut().for_each(|buffers| buffers.report(self));
        // Names have numbers of their own in each; all other labels are the same in all.
        if !matches!(self.counting.keys, Keys::Names(_))
            && let Some((first, rest)) = all.split_first_mut()
        {
            for buffers in rest {
                first.counts.positives.absorb(&std::mem::take(&mut buffers.counts.positives));
            }
            // These were reported by their own threads.
            first.know(self);
        }
        all
    }

    /// A piece of a shard is counted.
    pub(super) fn end_piece(&self, shard: usize) {
        if self.left_of_shards.get(shard).is_some_and(|left| left.fetch_sub(1, Ordering::Relaxed) == 1) {
            self.chunks.progress.add_shards(1);
        }
    }

    /// Takes buffers back whose counts were given.
    pub(super) fn rest(&self, buffers: ScanBuffers) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
    }
}
