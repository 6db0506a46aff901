//! The client: cuts shards into pieces, sends plans, and reads their rows.

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

use super::failure::{ClusterFailure, FailureCause, from_datafusion};
use super::grouping::grouped;
use super::order::{PieceOrder, PieceOutput, PieceRange, PinnedShard};
use super::piece::BYTES;
use super::{job, source};
use crate::engine::cluster::exchange::pattern_batches::PatternCollector;
use crate::engine::cluster::exchange::row_batches::receive;
use crate::engine::count::by_shard::{Own, single};
use crate::engine::count::collect::Collector;
use crate::engine::count::diagnose::Diagnosis;
use crate::engine::counting::{Counting, Engine, Keys};
use crate::engine::dataset::{Cut, Dataset, shard_number};
use crate::engine::errors::ours;
use crate::engine::group_key::GroupKey;
use crate::engine::pairs::long;
use crate::engine::progress::Progress;
use crate::engine::read::choice::{EngineChoice, choose};
use crate::engine::read::pieces;
use crate::engine::read::routes::Route;
use crate::engine::rows::block::Block;
use crate::engine::rows::request::{Request, RowPattern};
use crate::engine::rows::sink::RowSink;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::engine::session::{Limits, counting_session};
use crate::engine::spill::{Spill, Spilled};
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;

/// Why a count of layout `long` does not read encoded pages.
const AS_ARRAYS: &str = "--cluster reads shards that share row ids as arrays";
/// Target for the bytes of label columns that one task reads.
const LIST_BYTES: u64 = 64 << 20;
/// Least number of tasks, where there are as many shards, and largest number.
const LISTS: [u64; 2] = [32, 1024];
/// Target for the labels, or rows, that one task of a group-by holds.
const GROUPING_KEYS: u64 = 1 << 19;
/// Largest number of tasks of a group-by.
const GROUPINGS: u64 = 256;
/// How often a job is sent before the client reports an error.
const TRIES: usize = 3;

/// Counts `dataset` on the cluster at `address`.
pub(in crate::engine) async fn count(
    address: &SchedulerAddress,
    dataset: &Dataset,
    counting: &Arc<Counting>,
    limits: &Limits,
    progress: &Arc<Progress>,
) -> Result<(Route, Collector), Diagnosis> {
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
            for (output, is_shared) in [(PieceOutput::Counts, false), (PieceOutput::Pairs, true)] {
                let kept = kept.iter().zip(&shared).map(|(kept, shared)| *kept && *shared == is_shared);
                let job = ClusterJob { address, dataset, kept: kept.collect(), output, counting, progress };
                job.run(&context, |batch| collector.add(batch)).await?;
            }
            Ok::<_, ClusterFailure>(())
        };
        let Err(failure) = done.await else {
            let choice =
                if shared.contains(&true) { EngineChoice::Plain(AS_ARRAYS.to_owned()) } else { choice };
            return Ok((choice.route(Vec::new()), collector));
        };
        match retry(failure, &mut tries) {
            Ok(()) => {}
            Err(ClusterFailure { cause: Some(FailureCause::Footers), .. }) => {
                tracing::warn!("{}; counting without the footers' help", long::LIED);
                shared.fill(true);
            }
            Err(ClusterFailure { error, cause: Some(FailureCause::Shard(number)) }) => {
                return Err(Diagnosis::Unreadable(vec![(number as usize, error)]));
            }
            Err(ClusterFailure { error, .. }) => return Err(Diagnosis::Other(error)),
        }
    }
}

/// `Ok` when the job should be sent again: the failure is transient and there are `tries` left.
fn retry(failure: ClusterFailure, tries: &mut usize) -> Result<(), ClusterFailure> {
    match failure {
        ClusterFailure { error: Error::Transient(detail), cause: None } if *tries > 1 => {
            *tries -= 1;
            tracing::warn!("{detail}; sending the job again");
            Ok(())
        }
        failure => Err(failure),
    }
}

/// For each shard, whether other shards may have some of its row ids.
fn shared(dataset: &Dataset, counting: &Counting) -> Vec<bool> {
    let owners = single(&dataset.shards, counting);
    owners.iter().map(|own| matches!(own, Own::Shared)).collect()
}

/// Calls `each` with every set of labels and the number of rows that have it, in the groups `groups`, from the cluster
/// at `address`.
pub(in crate::engine) async fn patterns(
    address: &SchedulerAddress,
    dataset: &Dataset,
    counting: &Arc<Counting>,
    groups: &[GroupKey],
    limits: &Limits,
    progress: &Arc<Progress>,
    each: impl FnMut(RowPattern<'_>),
) -> Result<Spilled> {
    let (spill, context) = session(limits, progress)?;
    let kept = vec![true; dataset.shards.len()];
    let job = ClusterJob {
        address,
        dataset,
        kept,
        output: PieceOutput::Patterns(groups.to_vec()),
        counting,
        progress,
    };
    let new = || PatternCollector::new(limits.pool_bytes() / 2, &spill);
    job.run_with_retries(&context, new, PatternCollector::add).await?.finish(each)?;
    Ok(spill.spilled())
}

/// The same as [`crate::engine::rows::read_rows`], on the cluster at `address`. One sink takes all rows, without
/// calls of [`RowSink::begin`].
pub(in crate::engine) async fn rows<S: RowSink>(
    address: &SchedulerAddress,
    request: &Request<'_>,
    mut make: impl FnMut() -> S,
) -> Result<Vec<S::Found>> {
    let Request { dataset, counting, groups, limits, progress } = *request;
    let (_spill, context) = session(limits, progress)?;
    let kept = vec![true; dataset.shards.len()];
    let job =
        ClusterJob { address, dataset, kept, output: PieceOutput::Rows(groups.to_vec()), counting, progress };
    let new = || (make(), Block::default());
    let take =
        |(sink, block): &mut (S, Block), batch: &RecordBatch| receive(batch, &counting.keys, block, sink);
    let (sink, _) = job.run_with_retries(&context, new, take).await?;
    dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
    Ok(vec![sink.finish()])
}

fn session(limits: &Limits, progress: &Arc<Progress>) -> Result<(Arc<Spill>, SessionContext)> {
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
    let context = counting_session(limits, &spill)?;
    Ok((spill, context))
}

/// PinnedShards by number.
type PinnedShards = BTreeMap<u32, Arc<PinnedShard>>;

/// What to compute on the cluster, from which shards.
struct ClusterJob<'a> {
    address: &'a SchedulerAddress,
    dataset: &'a Dataset,
    kept: Vec<bool>,
    output: PieceOutput,
    counting: &'a Arc<Counting>,
    progress: &'a Arc<Progress>,
}

impl ClusterJob<'_> {
    /// Runs the job, and again after transient failures; calls `each` with its rows and a state that `new` makes for
    /// every try.
    async fn run_with_retries<T>(
        &self,
        context: &SessionContext,
        mut new: impl FnMut() -> T,
        each: impl Fn(&mut T, &RecordBatch) -> Result<()>,
    ) -> Result<T> {
        let mut tries = TRIES;
        loop {
            let mut state = new();
            let Err(failure) = self.run(context, |batch| each(&mut state, batch)).await else {
                return Ok(state);
            };
            retry(failure, &mut tries).map_err(|failure| failure.error)?;
        }
    }

    /// Runs the job once and calls `each` with its rows.
    async fn run(
        &self,
        context: &SessionContext,
        mut each: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<(), ClusterFailure> {
        let Self { address, dataset, counting, progress, .. } = self;
        let order = Arc::new(PieceOrder {
            output: self.output.clone(),
            counting: Arc::clone(counting),
            schema: Arc::clone(&dataset.schema),
            hive: dataset.hive.clone(),
        });
        let (seen, lists) = self.pieces()?;
        if lists.is_empty() {
            return Ok(());
        }
        tracing::info!(tasks = lists.len(), groupings = self.groupings(), cluster = %address, "send a job");
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

    /// The shards, and one list of pieces per task.
    fn pieces(&self) -> Result<(PinnedShards, Vec<Vec<PieceRange>>)> {
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
        // Duplicate pairs of a shard must meet in one task.
        let whole =
            self.counting.layout.kind == LayoutKind::Long && matches!(self.output, PieceOutput::Counts);
        let how = |number: usize| match self.kept[number] {
            false => Cut::Skip,
            true if whole => Cut::Whole,
            true => Cut::Split,
        };
        let lists = pieces::cut(&self.dataset.shards, how, usize::try_from(lists).unwrap_or(1))?;
        let mut seen = PinnedShards::new();
        for (number, shard) in self.shards() {
            let shard = PinnedShard::new(number, shard)?;
            seen.insert(shard.number, Arc::new(shard));
        }
        let place = |(number, file): (usize, datafusion::datasource::listing::PartitionedFile)| {
            Ok((shard_number(number)?, file.range.map(|range| (range.start, range.end))))
        };
        let list = |list: Vec<_>| list.into_iter().map(place).collect::<Result<Vec<PieceRange>>>();
        Ok((seen, lists.into_iter().map(list).collect::<Result<_>>()?))
    }

    /// Number of tasks of the group-bys.
    fn groupings(&self) -> u64 {
        let labels = match &self.counting.keys {
            Keys::Positions(labels) => labels.len() as u64,
            Keys::Vocabulary(vocabulary) => vocabulary.labels().len() as u64,
            Keys::Indices(Some(labels)) => *labels,
            Keys::Indices(None) | Keys::Names => self.rows(),
        };
        let held = if matches!(self.output, PieceOutput::Counts) { labels } else { self.rows() };
        held.div_ceil(GROUPING_KEYS).clamp(1, GROUPINGS)
    }
}

/// Compressed bytes of `columns` in a shard.
fn bytes_of(shard: &Shard, columns: &BTreeSet<&str>) -> u64 {
    let groups = shard.metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let read = groups.filter(|chunk| {
        chunk.column_path().parts().first().is_some_and(|root| columns.contains(root.as_str()))
    });
    read.map(|chunk| u64::try_from(chunk.compressed_size()).unwrap_or(0)).sum()
}

/// Sends a plan and streams its rows from the executors.
pub(super) async fn submit(
    address: &SchedulerAddress,
    context: &SessionContext,
    plan: Arc<dyn ExecutionPlan>,
) -> Result<impl Stream<Item = Result<RecordBatch, ClusterFailure>> + Send + use<>, ClusterFailure> {
    let places = job::SentJob::send(address, context, plan).await?.done().await?;
    let address = address.clone();
    let parts = stream::iter(places).then(move |place| {
        let address = address.clone();
        async move {
            let rows = job::rows(place, &address).await?;
            Ok::<_, ClusterFailure>(rows.map_err(move |cause| from_datafusion(&cause, &address)))
        }
    });
    Ok(parts.try_flatten())
}
