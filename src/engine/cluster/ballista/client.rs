//! The client: cuts pieces, sends plans, and reads what comes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::sum;
use arrow::datatypes::UInt64Type;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use parquet::file::metadata::RowGroupMetaData;

use super::failure::{Blame, Failure, from_datafusion};
use super::grouping::grouped;
use super::order::{Order, Place, Seen, Work};
use super::piece::BYTES;
use super::{job, source};
use crate::engine::by_shard::{Own, single};
use crate::engine::cluster::exchange::pattern_batches::Collected;
use crate::engine::cluster::exchange::row_batches::receive;
use crate::engine::collect::{Collector, GroupKey, Way};
use crate::engine::counting::{Counting, Engine, Keys};
use crate::engine::dataset::Dataset;
use crate::engine::diagnose::Diagnosis;
use crate::engine::long;
use crate::engine::partial_exec::Progress;
use crate::engine::pieces::{self, Cut};
use crate::engine::query::{Choice, choose};
use crate::engine::rows::{Alike, Block, Request, RowSink};
use crate::engine::scheduler_address::SchedulerAddress;
use crate::engine::session::{Limits, counting_session, ours};
use crate::engine::spill::{Spill, Spilled};
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;

/// How pairs of layout `long` are read, where shards may have the same row ids.
const AS_ARRAYS: &str = "--cluster reads shards that share row ids as arrays";
/// Bytes of label columns that one task should read.
const LIST_BYTES: u64 = 64 << 20;
/// Tasks that there are at least, where there are shards enough, and at most.
const LISTS: [u64; 2] = [32, 1024];
/// Labels, or rows, that one task of a group-by should hold.
const HELD: u64 = 1 << 19;
/// Tasks of a group-by at most.
const GROUPINGS: u64 = 256;
/// How often a job is sent before its client gives up.
const TRIES: usize = 3;

/// Counts `dataset` on the cluster at `address`.
pub(in crate::engine) async fn count(
    address: &SchedulerAddress,
    dataset: &Dataset,
    counting: &Arc<Counting>,
    limits: &Limits,
    progress: &Arc<Progress>,
) -> Result<(Way, Collector), Diagnosis> {
    let (spill, context) = session(limits, progress)?;
    let choice = choose(&context, dataset, counting).await?;
    let kept = choice.kept().map_or_else(|| vec![true; dataset.shards.len()], <[bool]>::to_vec);
    drop(spill);
    let mut shared = shared(dataset, counting);
    let mut tries = TRIES;
    loop {
        if counting.engine == Engine::Encoded && shared.contains(&true) {
            return Err(Error::usage(format!("--engine encoded: {AS_ARRAYS}"))
                .hint("use --engine auto, which counts arrays where it has to")
                .into());
        }
        let mut collector = Collector::new(Arc::clone(counting));
        let done = async {
            for (work, is_shared) in [(Work::Counts, false), (Work::Pairs, true)] {
                let kept = kept.iter().zip(&shared).map(|(kept, shared)| *kept && *shared == is_shared);
                let job = Job { address, dataset, kept: kept.collect(), work, counting, progress };
                job.run(&context, |batch| collector.add(batch)).await?;
            }
            Ok::<_, Failure>(())
        };
        let Err(failure) = done.await else {
            let choice = if shared.contains(&true) { Choice::Plain(AS_ARRAYS.to_owned()) } else { choice };
            return Ok((choice.way(Vec::new()), collector));
        };
        match may_pass(failure, &mut tries) {
            Ok(()) => {}
            Err(Failure { blame: Some(Blame::Footers), .. }) => {
                tracing::warn!("{}; counting without the footers' help", long::LIED);
                shared.fill(true);
            }
            Err(Failure { error, blame: Some(Blame::Shard(number)) }) => {
                return Err(Diagnosis::Unreadable(vec![(number as usize, error)]));
            }
            Err(Failure { error, .. }) => return Err(Diagnosis::Other(error)),
        }
    }
}

/// Passes over a failure that may not come again, as long as there are `tries`.
fn may_pass(failure: Failure, tries: &mut usize) -> Result<(), Failure> {
    match failure {
        Failure { error: Error::Transient(detail), blame: None } if *tries > 1 => {
            *tries -= 1;
            tracing::warn!("{detail}; sending the job again");
            Ok(())
        }
        failure => Err(failure),
    }
}

/// Which shards may have row ids that others have too.
fn shared(dataset: &Dataset, counting: &Counting) -> Vec<bool> {
    let owners = single(&dataset.shards, counting);
    owners.iter().map(|own| matches!(own, Own::Shared)).collect()
}

/// The same as [`crate::engine::rows::alike`], on the cluster at `address`.
pub(in crate::engine) async fn patterns(
    address: &SchedulerAddress,
    dataset: &Dataset,
    counting: &Arc<Counting>,
    groups: &[GroupKey],
    limits: &Limits,
    progress: &Arc<Progress>,
    each: impl FnMut(Alike<'_>),
) -> Result<Spilled> {
    let (spill, context) = session(limits, progress)?;
    let kept = vec![true; dataset.shards.len()];
    let job = Job { address, dataset, kept, work: Work::Patterns(groups.to_vec()), counting, progress };
    let new = || Collected::new(limits.pool_bytes() / 2, &spill);
    job.run_again(&context, new, Collected::add).await?.finish(each)?;
    Ok(spill.spilled())
}

/// The same as [`crate::engine::rows::read_rows`], with the rows of the cluster at `address`, all of which one
/// sink takes. It is told of no row groups.
pub(in crate::engine) async fn rows<S: RowSink>(
    address: &SchedulerAddress,
    request: &Request<'_>,
    mut make: impl FnMut() -> S,
) -> Result<Vec<S::Found>> {
    let Request { dataset, counting, groups, limits, progress } = *request;
    let (_spill, context) = session(limits, progress)?;
    let kept = vec![true; dataset.shards.len()];
    let job = Job { address, dataset, kept, work: Work::Rows(groups.to_vec()), counting, progress };
    let new = || (make(), Block::default());
    let take =
        |(sink, block): &mut (S, Block), batch: &RecordBatch| receive(batch, &counting.keys, block, sink);
    let (sink, _) = job.run_again(&context, new, take).await?;
    dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
    Ok(vec![sink.finish()])
}

fn session(limits: &Limits, progress: &Arc<Progress>) -> Result<(Arc<Spill>, SessionContext)> {
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
    let context = counting_session(limits, &spill)?;
    Ok((spill, context))
}

/// Shards by their numbers.
type Shards = BTreeMap<u32, Arc<Seen>>;

/// What is sent.
struct Job<'a> {
    address: &'a SchedulerAddress,
    dataset: &'a Dataset,
    kept: Vec<bool>,
    work: Work,
    counting: &'a Arc<Counting>,
    progress: &'a Arc<Progress>,
}

impl Job<'_> {
    /// Sends it until it ends, and gives its rows to what `new` makes for every try.
    async fn run_again<T>(
        &self,
        context: &SessionContext,
        mut new: impl FnMut() -> T,
        each: impl Fn(&mut T, &RecordBatch) -> Result<()>,
    ) -> Result<T> {
        let mut tries = TRIES;
        loop {
            let mut taken = new();
            let Err(failure) = self.run(context, |batch| each(&mut taken, batch)).await else {
                return Ok(taken);
            };
            may_pass(failure, &mut tries).map_err(|failure| failure.error)?;
        }
    }

    /// Sends it and calls `each` with the rows that come back.
    async fn run(
        &self,
        context: &SessionContext,
        mut each: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<(), Failure> {
        let Self { address, dataset, counting, progress, .. } = self;
        let order = Arc::new(Order {
            work: self.work.clone(),
            counting: Arc::clone(counting),
            schema: Arc::clone(&dataset.schema),
            hive: dataset.hive.clone(),
        });
        let (seen, lists) = self.pieces()?;
        if lists.is_empty() {
            return Ok(());
        }
        tracing::info!(tasks = lists.len(), groupings = self.groupings(), cluster = %address, "sends a job");
        let scan = source::scan(Arc::clone(&order), None, &seen, &lists)?;
        let groupings = usize::try_from(self.groupings()).unwrap_or(1);
        context.state_ref().write().config_mut().options_mut().execution.target_partitions = groupings;
        let plan = grouped(context, &order, scan)?.create_physical_plan().await;
        let plan = plan.map_err(|cause| ours(&cause))?;
        let mut bytes = 0;
        let mut rows = pin!(submit(address, context, plan).await?);
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            let read = batch.column_by_name(BYTES).and_then(|c| c.as_primitive_opt::<UInt64Type>());
            bytes += read.and_then(sum).unwrap_or(0);
            each(&batch)?;
        }
        progress.add_bytes(bytes);
        progress.add(self.rows());
        Ok(())
    }

    fn shards(&self) -> impl Iterator<Item = (usize, &Shard)> {
        self.dataset.shards.iter().enumerate().filter(|(number, _)| self.kept[*number])
    }

    fn rows(&self) -> u64 {
        self.shards().map(|(_, shard)| shard.rows).sum()
    }

    /// Shards, and their pieces in one list per task.
    fn pieces(&self) -> Result<(Shards, Vec<Vec<Place>>)> {
        let columns: BTreeSet<&str> = self
            .counting
            .layout
            .columns()
            .chain(self.counting.by.iter().map(String::as_str))
            .chain(self.counting.sample_weight.as_deref())
            .collect();
        let bytes: u64 = self.shards().map(|(_, shard)| bytes_of(shard, &columns)).sum();
        let [least, most] = LISTS;
        let least = least.min(self.shards().count() as u64);
        let lists = (bytes / LIST_BYTES).clamp(least, most);
        // Pairs are distinct within the whole shard.
        let whole = self.counting.layout.kind == LayoutKind::Long && matches!(self.work, Work::Counts);
        let how = |number: usize| match self.kept[number] {
            false => Cut::Skip,
            true if whole => Cut::Whole,
            true => Cut::Split,
        };
        let lists = pieces::cut(&self.dataset.shards, how, usize::try_from(lists).unwrap_or(1))?;
        let mut seen = Shards::new();
        for (number, shard) in self.shards() {
            let shard = Seen::new(number, shard)?;
            seen.insert(shard.number, Arc::new(shard));
        }
        let place = |(number, file): (usize, datafusion::datasource::listing::PartitionedFile)| {
            let number = u32::try_from(number).map_err(|_| Error::input("more than 2^32 shards"))?;
            Ok((number, file.range.map(|range| (range.start, range.end))))
        };
        let list = |list: Vec<_>| list.into_iter().map(place).collect::<Result<Vec<Place>>>();
        Ok((seen, lists.into_iter().map(list).collect::<Result<_>>()?))
    }

    /// Tasks of the group-bys.
    fn groupings(&self) -> u64 {
        let labels = match &self.counting.keys {
            Keys::Positions(labels) => labels.len() as u64,
            Keys::Vocabulary(vocabulary) => vocabulary.labels().len() as u64,
            Keys::Indices(Some(labels)) => *labels,
            Keys::Indices(None) | Keys::Names => self.rows(),
        };
        let held = if matches!(self.work, Work::Counts) { labels } else { self.rows() };
        held.div_ceil(HELD).clamp(1, GROUPINGS)
    }
}

/// Bytes of the columns that are read.
fn bytes_of(shard: &Shard, columns: &BTreeSet<&str>) -> u64 {
    let groups = shard.metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let read = groups.filter(|chunk| {
        chunk.column_path().parts().first().is_some_and(|root| columns.contains(root.as_str()))
    });
    read.map(|chunk| u64::try_from(chunk.compressed_size()).unwrap_or(0)).sum()
}

/// Sends a plan; its rows come from the executors.
pub(super) async fn submit(
    address: &SchedulerAddress,
    context: &SessionContext,
    plan: Arc<dyn ExecutionPlan>,
) -> Result<impl Stream<Item = Result<RecordBatch, Failure>> + Send + use<>, Failure> {
    let places = job::Job::send(address, context, plan).await?.done().await?;
    let address = address.clone();
    let parts = stream::iter(places).then(move |place| {
        let address = address.clone();
        async move {
            let rows = job::rows(place, &address).await?;
            Ok::<_, Failure>(rows.map_err(move |cause| from_datafusion(&cause, &address)))
        }
    });
    Ok(parts.try_flatten())
}
