//! Counts on a cluster: sends jobs and collects their rows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;

use super::cluster_job::{ClusterJob, TRIES, retry};
use super::failure::{ClusterFailure, FailureCause};
use super::job_size::JobSize;
use super::order::PieceOutput;
use super::state_job::StateJob;
use crate::engine::cluster::exchange::blocks;
use crate::engine::cluster::exchange::count_blocks;
use crate::engine::cluster::exchange::pattern_batches::PatternCollector;
use crate::engine::cluster::exchange::row_batches::receive;
use crate::engine::count::by_shard::{Own, single};
use crate::engine::count::collect::Collector;
use crate::engine::count::diagnose::Diagnosis;
use crate::engine::count::states::States;
use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::group_key::GroupKey;
use crate::engine::pairs::long;
use crate::engine::progress::Progress;
use crate::engine::read::choice::choose;
use crate::engine::read::routes::Route;
use crate::engine::rows::block::Block;
use crate::engine::rows::request::{Request, RowPattern};
use crate::engine::rows::sink::RowSink;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::engine::session::{Limits, counting_session};
use crate::engine::spill::{Spill, Spilled};
use crate::error::Result;
use crate::source::shards::Shard;

/// Counts `dataset` on the cluster at `address`. Shards with saved counts in `states` are not read.
pub(in crate::engine) async fn count(
    address: &SchedulerAddress,
    dataset: &Dataset,
    counting: &Arc<Counting>,
    limits: &Limits,
    progress: &Arc<Progress>,
    mut states: Option<&mut States>,
) -> Result<(Route, Collector), Diagnosis> {
    let (spill, context) = session(counting, limits, progress)?;
    let choice = choose(&context, dataset, counting).await?;
    let kept = choice.kept().map_or_else(|| vec![true; dataset.shards.len()], <[bool]>::to_vec);
    drop(spill);
    let mut shared = shared(dataset, counting);
    let mut tries = TRIES;
    loop {
        let mut collector = Collector::of_many(Arc::clone(counting));
        let done = async {
            let mut ways: &[bool] = &[false, true];
            if let Some(states) = states.as_deref_mut() {
                let job = StateJob { address, dataset, counting, progress };
                job.run(&context, &shared, states, &mut collector).await?;
                ways = &[true];
            }
            for &is_shared in ways {
                let kept = kept.iter().zip(&shared).map(|(kept, shared)| *kept && *shared == is_shared);
                let size = JobSize::of(dataset, counting, kept.collect())?;
                let output = if is_shared { size.pairs() } else { size.counts() };
                let job = ClusterJob { address, dataset, size, output, counting, progress };
                let mut collect = |block: &[u8]| count_blocks::collect(block, &mut collector);
                job.run(&context, |batch| blocks::read(batch, &mut collect)).await?;
            }
            Ok::<_, ClusterFailure>(())
        };
        let Err(failure) = done.await else {
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
    let (spill, context) = session(counting, limits, progress)?;
    let size = JobSize::of(dataset, counting, vec![true; dataset.shards.len()])?;
    let output = PieceOutput::Patterns(groups.to_vec());
    let job = ClusterJob { address, dataset, size, output, counting, progress };
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
    let (_spill, context) = session(counting, limits, progress)?;
    let size = JobSize::of(dataset, counting, vec![true; dataset.shards.len()])?;
    let output = PieceOutput::Rows(groups.to_vec());
    let job = ClusterJob { address, dataset, size, output, counting, progress };
    let new = || (make(), Block::default());
    let take =
        |(sink, block): &mut (S, Block), batch: &RecordBatch| receive(batch, &counting.keys, block, sink);
    let (sink, _) = job.run_with_retries(&context, new, take).await?;
    dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
    Ok(vec![sink.finish()])
}

fn session(
    counting: &Counting,
    limits: &Limits,
    progress: &Arc<Progress>,
) -> Result<(Arc<Spill>, SessionContext)> {
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
    let context = counting_session(limits, &spill, counting)?;
    Ok((spill, context))
}
