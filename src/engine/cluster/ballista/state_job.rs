//! Counts of single shards, for runs that save them.

use std::sync::Arc;

use datafusion::prelude::SessionContext;

use super::cluster_job::ClusterJob;
use super::failure::{ClusterFailure, FailureCause};
use super::job_size::JobSize;
use super::order::PieceOutput;
use crate::engine::cluster::exchange::blocks;
use crate::engine::count::collect::Collector;
use crate::engine::count::states::{self, States};
use crate::engine::counting::Counting;
use crate::engine::dataset::{Dataset, shard_number};
use crate::engine::progress::Progress;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::error::Result;

/// Bytes and number of shards of one job. Its counts are saved when it is done, and a run that fails after that goes
/// on with the next.
const JOB_BYTES: u64 = 16 << 30;
const JOB_SHARDS: usize = 1024;

/// What to count shard by shard.
pub(super) struct StateJob<'a> {
    pub(super) address: &'a SchedulerAddress,
    pub(super) dataset: &'a Dataset,
    pub(super) counting: &'a Arc<Counting>,
    pub(super) progress: &'a Arc<Progress>,
}

impl StateJob<'_> {
    /// Adds the counts of all shards that are not `shared`: those that are saved, and those of executors, which are
    /// saved then.
    pub(super) async fn run(
        &self,
        context: &SessionContext,
        shared: &[bool],
        states: &mut States,
        collector: &mut Collector,
    ) -> Result<(), ClusterFailure> {
        let Self { address, dataset, counting, progress } = *self;
        let mut new = Vec::new();
        for (number, shard) in dataset.shards.iter().enumerate().filter(|(number, _)| !shared[*number]) {
            match states.get(shard) {
                Some(counts) => {
                    states::decode(&counts, shard_number(number)?, |row| collector.add_row(row))?;
                    progress.add(shard.rows);
                }
                None => new.push(number),
            }
        }
        let mut rest = &new[..];
        while !rest.is_empty() {
            let mut bytes = 0;
            let some = rest.iter().take(JOB_SHARDS).take_while(|number| {
                bytes += dataset.shards[**number].bytes;
                bytes <= JOB_BYTES
            });
            let (job, others) = rest.split_at(some.count().max(1));
            rest = others;
            let shards = job.iter().map(|number| dataset.shards[*number].whole());
            let part = dataset.with(shards.collect::<Result<Vec<_>>>()?);
            let size = JobSize::of(&part, counting, vec![true; job.len()])?;
            let output = PieceOutput::Shards;
            let sent = ClusterJob { address, dataset: &part, size, output, counting, progress };
            let mut keep = |block: &[u8]| {
                let (place, counts) = block.split_first_chunk().ok_or_else(blocks::damaged)?;
                let number = job.get(u32::from_le_bytes(*place) as usize).ok_or_else(blocks::damaged)?;
                states.put(&dataset.shards[*number], counts)?;
                states::decode(counts, shard_number(*number)?, |row| collector.add_row(row))
            };
            let done = sent.run(context, |batch| blocks::read(batch, &mut keep)).await;
            done.map_err(|failure| among_all(failure, job))?;
        }
        Ok(())
    }
}

/// A failure to read a shard of a job, with the number of the shard among all.
fn among_all(failure: ClusterFailure, job: &[usize]) -> ClusterFailure {
    let cause = match failure.cause {
        Some(FailureCause::Shard(place)) => {
            let number = job.get(place as usize).and_then(|number| u32::try_from(*number).ok());
            number.map(FailureCause::Shard)
        }
        cause => cause,
    };
    ClusterFailure { cause, ..failure }
}
