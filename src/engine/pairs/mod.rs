//! Pairs of row id and label, each counted once however often it is listed, in bounded memory.
//!
//! ```text
//! pages or arrays ─▶ PairWorker, one per thread ─▶ Record (id, group, label, side)
//!                      │ a shard whose ids no other shard has: sorted and counted when it ends
//!                      ▼
//!                    Scatter: parts by id ─▶ spill where they pass the budget
//!                      ▼ at the end, part by part
//!                    Sorter ─▶ Totals: distinct ids per group, ids per side and label
//! ```
//!
//! All records of an id are in one part, so that parts are counted one after the other. A part that is
//! too large for the memory is scattered once more.

mod encoded;
pub(super) mod ids;
pub(super) mod long;
pub(super) mod names;
mod ranges;
pub(super) mod reader;
pub(super) mod record;
mod scatter;
mod totals;
mod worker;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use tokio::task::{JoinSet, yield_now};

use crate::counts::Tally;
use crate::engine::errors::ours;
use crate::engine::partial;
use crate::engine::partial::{PartialRow, Partials};
use crate::engine::progress::Progress;
use crate::engine::spill::Spill;
use crate::engine::task::CountTask;
use crate::error::{Error, Result};
use crate::source::shards::Shard;
use encoded::PairScan;
use names::{LocalNumbers, SharedNumbers};
use reader::{UnknownLabels, refuse};
use record::{NarrowRecord, Record, WideRecord};
use scatter::Scatter;
use totals::{Sorter, Totals};
use worker::{PairTask, PairWorker};

/// Labels given out at a time.
const LABELS_AT_A_TIME: usize = 1 << 15;

/// What a count of pairs works with.
pub(super) struct PairCounter {
    task: Arc<PairTask>,
    shared: Arc<SharedNumbers>,
    spill: Arc<Spill>,
    /// Bytes of records that one thread may hold.
    budget: usize,
    threads: usize,
    progress: Arc<Progress>,
}

/// Where rows come from.
pub(super) enum PairInput {
    /// Arrays of `[id, label, value?, by…, shard]`.
    Arrays(Vec<SendableRecordBatchStream>),
    /// Encoded pages.
    Encoded(Arc<PairScan>),
}

impl PairCounter {
    /// `own_ranges` holds a range for every shard that is counted by itself.
    pub(super) fn new(
        shards: &[Shard],
        task: &CountTask,
        own_ranges: Vec<Option<RangeInclusive<i128>>>,
    ) -> Self {
        let counting = Arc::clone(&task.counting);
        let shared = SharedNumbers::new(&counting.keys, counting.domain.spelling);
        Self {
            task: Arc::new(PairTask { counting, shards: shards.to_vec().into(), own_ranges }),
            shared,
            spill: Arc::clone(&task.spill),
            budget: task.budget,
            threads: task.threads(),
            progress: Arc::clone(&task.progress),
        }
    }

    /// Which shards have to be read by one thread each.
    pub(super) fn whole(&self) -> Vec<bool> {
        self.task.own_ranges.iter().map(Option::is_some).collect()
    }

    /// Calls `each` with the counts of `rows`; false, and nothing is counted, when a shard's statistics ids_outside
    /// about its ids.
    pub(super) async fn count(
        &self,
        rows: PairInput,
        id_type: &DataType,
        each: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send),
    ) -> Result<bool> {
        let totals = if ids::are_narrow(id_type) {
            self.totals::<NarrowRecord>(rows).await?
        } else {
            self.totals::<WideRecord>(rows).await?
        };
        let Some(totals) = totals else { return Ok(false) };
        self.give(&totals, each)?;
        Ok(true)
    }

    async fn totals<R: Record>(&self, rows: PairInput) -> Result<Option<Totals>> {
        let mut workers = JoinSet::new();
        match rows {
            PairInput::Arrays(streams) => {
                for stream in streams {
                    workers.spawn(run(self.worker::<R>(), stream, Arc::clone(&self.progress)));
                }
            }
            PairInput::Encoded(encoded) => {
                for _ in 0..self.threads {
                    workers.spawn(encoded::run(self.worker::<R>(), Arc::clone(&encoded)));
                }
            }
        }
        let (mut totals, mut commons, mut unknown) = (Totals::default(), Vec::new(), UnknownLabels::new());
        while let Some(worker) = workers.join_next().await {
            let worker = worker.map_err(|cause| Error::internal(cause.to_string()))??;
            if worker.ids_outside {
                return Ok(None);
            }
            totals.merge(worker.totals);
            commons.push(worker.common);
            for (what, shard) in worker.reader.unknown {
                let first = unknown.entry(what).or_insert(shard);
                *first = shard.min(*first);
            }
        }
        refuse(&self.task.counting, &self.task.shards, unknown)?;
        let (commons, next) = (Arc::new(commons), Arc::new(AtomicUsize::new(0)));
        let mut sorters = JoinSet::new();
        for _ in 0..self.threads {
            let (commons, next, budget) = (Arc::clone(&commons), Arc::clone(&next), self.budget / 2);
            let progress = Arc::clone(&self.progress);
            sorters.spawn(async move {
                let (mut sorter, mut totals) = (Sorter::new(budget), Totals::default());
                let parts = commons.first().map_or(0, Scatter::parts);
                loop {
                    let part = next.fetch_add(1, Ordering::Relaxed);
                    if part >= parts {
                        return Ok::<_, Error>(totals);
                    }
                    sorter.count(&commons, part, &mut totals)?;
                    progress.beat();
                    yield_now().await;
                }
            });
        }
        while let Some(part) = sorters.join_next().await {
            totals.merge(part.map_err(|cause| Error::internal(cause.to_string()))??);
        }
        Ok(Some(totals))
    }

    fn worker<R: Record>(&self) -> PairWorker<R> {
        let rows = |alone: bool| {
            let shards = self.task.shards.iter().zip(&self.task.own_ranges);
            shards.filter(move |(_, range)| range.is_some() == alone).map(|(shard, _)| shard.rows)
        };
        let (own, common) = (rows(true).max().unwrap_or(0), rows(false).sum::<u64>());
        let share = if own > 0 && common > 0 { self.budget / 2 } else { self.budget };
        let scatter = |records| Scatter::new(records, share, Arc::clone(&self.spill), 0);
        let scatters = [scatter(own), scatter(common)];
        PairWorker::new(Arc::clone(&self.task), LocalNumbers::new(&self.shared), scatters, self.budget / 2)
    }

    fn give(&self, totals: &Totals, each: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send)) -> Result<()> {
        let names = self.shared.names();
        for (key, group) in self.shared.groups().iter().zip(totals.groups()) {
            let tally = Tally { negatives: group.ids, ..Tally::default() };
            let mut whole = Partials::new(key.len());
            whole.push(&PartialRow { by: key, tally, ..PartialRow::default() });
            whole.finish().iter().try_for_each(&mut *each)?;
            let mut labels = group.labels().peekable();
            while labels.peek().is_some() {
                let some = labels.by_ref().take(LABELS_AT_A_TIME);
                let batch = partial::labels(key, some, |label| names.name(label));
                batch.iter().try_for_each(&mut *each)?;
            }
        }
        Ok(())
    }
}

/// Feeds a worker.
async fn run<R: Record>(
    mut worker: PairWorker<R>,
    mut stream: SendableRecordBatchStream,
    progress: Arc<Progress>,
) -> Result<PairWorker<R>> {
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|cause| ours(&cause))?;
        worker.update(&batch)?;
        progress.add(batch.num_rows() as u64);
        if worker.ids_outside {
            break;
        }
    }
    worker.finish()?;
    Ok(worker)
}
