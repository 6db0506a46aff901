//! Counts on a cluster: sends jobs and collects their rows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;

use super::cluster_job::{ClusterJob, TRIES, retry};
use super::failure::{ClusterFailure, FailureCause};
use super::order::PieceOutput;
use crate::engine::cluster::exchange::pattern_batches::PatternCollector;
use crate::engine::cluster::exchange::row_batches::receive;
use crate::engine::count::by_shard::{Own, single};
use crate::engine::count::collect::Collector;
use crate::engine::count::diagnose::Diagnosis;
use crate::engine::counting::{Counting, Engine};
use crate::engine::dataset::Dataset;
use crate::engine::group_key::GroupKey;
use crate::engine::pairs::long;
use crate::engine::progress::Progress;
use crate::engine::read::choice::{EngineChoice, choose};
use crate::engine::read::routes::Route;
use crate::engine::rows::block::Block;
use crate::engine::rows::request::{Request, RowPattern};
use crate::engine::rows::sink::RowSink;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::engine::session::{Limits, counting_session};
use crate::engine::spill::{Spill, Spilled};
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// Why a count of layout `long` does not read encoded pages.
const AS_ARRAYS: &str = "--cluster reads shards that share row ids as arrays";

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
