//! Pairs of row id and label, each counted once however often it is listed, in bounded memory.
//!
//! ```text
//! pages or arrays ─▶ PairWorker, one per thread ─▶ Record (id, group, label, side)
//!                      │ a shard whose ids no other shard has: sorted and counted when it ends
//!                      ▼
//!                    Scatter: parts by id ─▶ spill where they pass the budget
//!                      ▼ at the end, part by part
//!                    Sorter ─┬▶ Totals: distinct ids per group, ids per side and label
//!                            └▶ IdFeed: the labels of every id, for whoever measures rows
//! ```
//!
//! All records of an id are in one part, so that parts are counted one after the other. A part that is
//! too large for the memory is scattered once more. On a cluster, the parts go to other machines as `blocks`, and are
//! counted there. [`distinct`] counts pairs that come from rows of other layouts. [`in_order`] gives ids by their order instead, sorted by DataFusion.

pub(super) mod distinct;
#[cfg(feature = "cluster")]
pub(super) mod blocks;
mod encoded;
pub(super) mod feed;
pub(super) mod ids;
pub(super) mod in_order;
pub(super) mod long;
pub(super) mod names;
pub(super) mod ranges;
pub(super) mod reader;
pub(super) mod record;
mod scatter;
mod sorter;
mod totals;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt;
use tokio::task::{JoinSet, yield_now};

use crate::counts::{Cell, MassTally, Tally};
use crate::engine::counting::Counting;
use crate::engine::errors::ours;
use crate::engine::group_key::GroupKey;
use crate::engine::partial;
use crate::engine::partial::{PartialRow, Partials};
use crate::engine::progress::Progress;
use crate::engine::read::rows::bytes_scanned;
use crate::engine::spill::Spill;
use crate::engine::task::CountTask;
use crate::error::{Error, Result};
use crate::source::shards::Shard;
use encoded::PairScan;
use feed::{IdFeed, IdSink};
use names::{LocalNumbers, SharedNumbers};
use ranges::IdRange;
use reader::{UnknownLabels, refuse};
use record::{MassRecord, NarrowRecord, Record, WideRecord};
use scatter::Scatter;
use sorter::{RecordSink, Sorter};
use totals::{GroupTotals, Totals};
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
    /// Parts at least, a power of two.
    parts: usize,
}

/// Where rows come from.
pub(super) enum PairInput {
    /// Arrays of `[id, label, value?, weight?, by…, shard]`.
    Arrays {
        streams: Vec<SendableRecordBatchStream>,
        /// What they are of, which says how many bytes were read.
        plan: Arc<dyn ExecutionPlan>,
    },
    /// Encoded pages.
    Encoded(Arc<PairScan>),
}

impl PairCounter {
    /// `own_ranges` holds a range for every shard that is counted by itself.
    pub(super) fn new(shards: &[Shard], task: &CountTask, own_ranges: Vec<Option<IdRange>>) -> Self {
        let counting = Arc::clone(&task.counting);
        let shared = SharedNumbers::new(&counting.keys, counting.domain.spelling);
        Self {
            task: Arc::new(PairTask { counting, shards: shards.to_vec().into(), own_ranges }),
            shared,
            spill: Arc::clone(&task.spill),
            budget: task.budget,
            threads: task.threads(),
            progress: Arc::clone(&task.progress),
            parts: 1,
        }
    }

    /// Which shards have to be read by one thread each.
    pub(super) fn whole(&self) -> Vec<bool> {
        self.task.own_ranges.iter().map(Option::is_some).collect()
    }

    /// Calls `each` with the counts of `rows`; false, and nothing is counted, when a shard holds ids that its
    /// statistics do not claim.
    pub(super) async fn count(
        &self,
        rows: PairInput,
        id_type: &DataType,
        each: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send),
    ) -> Result<bool> {
        let sinks = if self.task.counting.has_mass() {
            self.sort::<MassRecord, _>(rows, &mut Totals::default).await?
        } else if ids::are_narrow(id_type) {
            self.sort::<NarrowRecord, _>(rows, &mut Totals::default).await?
        } else {
            self.sort::<WideRecord, _>(rows, &mut Totals::default).await?
        };
        let Some(sinks) = sinks else { return Ok(false) };
        let mut totals = Totals::default();
        sinks.into_iter().try_for_each(|more| totals.merge(more))?;
        if let Some((id, weights)) = totals.clash {
            return Err(self.two_weights(ids::shown(id, id_type), weights));
        }
        if totals.shares_ids {
            self.progress.found_shared_id();
        }
        self.give(&totals, each)?;
        Ok(true)
    }

    /// Gives the labels of every id to sinks that `make` makes; `None`, when a shard holds ids that its statistics
    /// do not claim.
    pub(super) async fn ids<T: IdSink>(
        &self,
        rows: PairInput,
        id_type: &DataType,
        groups: &[GroupKey],
        make: &mut impl FnMut() -> T,
    ) -> Result<Option<Vec<T>>> {
        self.shared.expect(groups);
        let mut make = || IdFeed::new(make());
        let sinks = if ids::are_narrow(id_type) {
            self.sort::<NarrowRecord, _>(rows, &mut make).await?
        } else {
            self.sort::<WideRecord, _>(rows, &mut make).await?
        };
        if self.shared.groups().len() > groups.len() {
            return Err(Error::changed("a group appeared after counting"));
        }
        Ok(sinks.map(|sinks| sinks.into_iter().map(|feed| feed.sink).collect()))
    }

    fn two_weights(&self, id: Option<String>, [one, other]: [f64; 2]) -> Error {
        let column = self.task.counting.sample_weight.as_deref().unwrap_or_default();
        let ids = self.task.counting.layout.id.as_deref().unwrap_or_default();
        let id = id.map_or_else(|| "a row id".to_owned(), |id| format!("row id {id}"));
        Error::input(format!("--sample-weight column {column:?}: {id} has the weights {one} and {other}")).hint(
            format!(
                "all rows of one id need one weight; list the others with: SELECT {ids} FROM shards GROUP BY {ids} \
                 HAVING min({column}) < max({column})"
            ),
        )
    }

    /// Gives sorted records to sinks that `make` makes, all records of an id to one of them.
    async fn sort<R: Record, S: RecordSink<R>>(
        &self,
        rows: PairInput,
        make: &mut impl FnMut() -> S,
    ) -> Result<Option<Vec<S>>> {
        let Some((mut sinks, commons)) = self.read(rows, make).await? else { return Ok(None) };
        let (commons, next) = (Arc::new(commons), Arc::new(AtomicUsize::new(0)));
        let mut sorters = JoinSet::new();
        for _ in 0..self.threads {
            let mut sink = sinks.pop().unwrap_or_else(&mut *make);
            let (commons, next, budget) = (Arc::clone(&commons), Arc::clone(&next), self.budget / 2);
            let progress = Arc::clone(&self.progress);
            sorters.spawn(async move {
                let mut sorter = Sorter::new(budget);
                let parts = commons.first().map_or(0, Scatter::parts);
                loop {
                    let part = next.fetch_add(1, Ordering::Relaxed);
                    if part >= parts {
                        return Ok::<_, Error>(sink);
                    }
                    sorter.count(&commons, part, &mut sink)?;
                    progress.beat();
                    yield_now().await;
                }
            });
        }
        while let Some(sink) = sorters.join_next().await {
            sinks.push(sink.map_err(|cause| Error::internal(cause.to_string()))??);
        }
        Ok(Some(sinks))
    }

    /// Reads rows: sinks that `make` made have the records of shards that are counted by themselves, scatters those of
    /// all others. `None` as for [`Self::ids`].
    async fn read<R: Record, S: RecordSink<R>>(
        &self,
        rows: PairInput,
        make: &mut impl FnMut() -> S,
    ) -> Result<Option<(Vec<S>, Vec<Scatter<R>>)>> {
        let (mut workers, mut read) = (JoinSet::new(), None);
        match rows {
            PairInput::Arrays { streams, plan } => {
                read = Some(plan);
                for stream in streams {
                    workers.spawn(run(self.worker::<R, S>(make()), stream, Arc::clone(&self.progress)));
                }
            }
            PairInput::Encoded(encoded) => {
                for _ in 0..self.threads {
                    workers.spawn(encoded::run(self.worker::<R, S>(make()), Arc::clone(&encoded)));
                }
            }
        }
        let (mut sinks, mut commons, mut unknown) = (Vec::new(), Vec::new(), UnknownLabels::new());
        while let Some(worker) = workers.join_next().await {
            let worker = worker.map_err(|cause| Error::internal(cause.to_string()))??;
            if worker.ids_outside {
                return Ok(None);
            }
            sinks.push(worker.sink);
            commons.push(worker.common);
            for (what, shard) in worker.reader.unknown {
                let first = unknown.entry(what).or_insert(shard);
                *first = shard.min(*first);
            }
        }
        if let Some(plan) = read {
            self.progress.add_bytes(bytes_scanned(plan.as_ref()));
        }
        refuse(&self.task.counting, &self.task.shards, unknown)?;
        Ok(Some((sinks, commons)))
    }

    fn worker<R: Record, S: RecordSink<R>>(&self, sink: S) -> PairWorker<R, S> {
        let rows = |alone: bool| {
            let shards = self.task.shards.iter().zip(&self.task.own_ranges);
            shards.filter(move |(_, range)| range.is_some() == alone).map(|(shard, _)| shard.rows)
        };
        let (own, common) = (rows(true).max().unwrap_or(0), rows(false).fold(0, u64::saturating_add));
        let share = if own > 0 && common > 0 { self.budget / 2 } else { self.budget };
        let scatter = |records| Scatter::of_parts(records, self.parts, share, Arc::clone(&self.spill), 0);
        let scatters = [scatter(own), scatter(common)];
        let names = LocalNumbers::new(&self.shared);
        PairWorker::new(Arc::clone(&self.task), names, scatters, self.budget / 2, sink)
    }

    fn give(&self, totals: &Totals, each: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send)) -> Result<()> {
        let (names, groups) = (self.shared.names(), self.shared.groups());
        give(&self.task.counting, totals, &groups, |label| names.name(label), each)
    }
}

/// Calls `each` with the counts of groups with these keys, whose labels have these names.
fn give<'n>(
    counting: &Counting,
    totals: &Totals,
    groups: &[GroupKey],
    name: impl Fn(usize) -> Option<&'n str>,
    each: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send),
) -> Result<()> {
    let rest = counting.unlisted();
    for (key, group) in groups.iter().zip(totals.groups()) {
        let tally = Tally { negatives: group.ids, ..Tally::default() };
        let mass = MassTally { negatives: group.weight, ..MassTally::default() };
        let mut whole = Partials::new(key.len());
        whole.push(&PartialRow { by: key, tally, mass, ..PartialRow::default() });
        whole.finish().iter().try_for_each(&mut *each)?;
        if counting.has_mass() {
            give_masses(key, group, rest, &name, each)?;
            continue;
        }
        let mut labels = group.labels(rest).map(|(label, tally, _)| (label, tally)).peekable();
        while labels.peek().is_some() {
            let some = labels.by_ref().take(LABELS_AT_A_TIME);
            let batch = partial::labels(key, some, &name);
            batch.iter().try_for_each(&mut *each)?;
        }
    }
    Ok(())
}

/// Calls `each` with the counts and masses of the labels of a group.
fn give_masses<'n>(
    key: &GroupKey,
    group: &GroupTotals,
    rest: Cell,
    name: impl Fn(usize) -> Option<&'n str>,
    each: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send),
) -> Result<()> {
    let mut labels = group.labels(rest).peekable();
    while labels.peek().is_some() {
        let mut some = Partials::new(key.len());
        for (label, tally, mass) in labels.by_ref().take(LABELS_AT_A_TIME) {
            let name = name(label);
            let index = name.is_none().then_some(label as u64);
            some.push(&PartialRow { by: key, index, name, tally, mass, ..PartialRow::default() });
        }
        some.finish().iter().try_for_each(&mut *each)?;
    }
    Ok(())
}

/// Feeds a worker.
async fn run<R: Record, S: RecordSink<R>>(
    mut worker: PairWorker<R, S>,
    mut stream: SendableRecordBatchStream,
    progress: Arc<Progress>,
) -> Result<PairWorker<R, S>> {
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
