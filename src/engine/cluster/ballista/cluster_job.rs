//! A job for a cluster: cuts shards into pieces, sends the plan over them, and reads its rows.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use super::failure::ClusterFailure;
use super::grouping::grouped;
use super::job_size::JobSize;
use super::order::{PieceOrder, PieceOutput, PieceRange, PlanPlace};
use super::pinned_shard::PinnedShard;
use super::{job, source};
use crate::engine::counting::Counting;
use crate::engine::dataset::{Cut, Dataset, shard_number};
use crate::engine::progress::Progress;
use crate::engine::read::pieces;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;

/// How often a job is sent before the client reports an error.
pub(super) const TRIES: usize = 3;

/// `Ok` when the job should be sent again: the failure is transient and there are `tries` left.
pub(super) fn retry(failure: ClusterFailure, tries: &mut usize) -> Result<(), ClusterFailure> {
    match failure {
        ClusterFailure { error: Error::Transient(detail), cause: None } if *tries > 1 => {
            *tries -= 1;
            tracing::warn!("{detail}; sending the job again");
            Ok(())
        }
        failure => Err(failure),
    }
}

/// Shards by number.
type PinnedShards = BTreeMap<u32, Arc<PinnedShard>>;

/// What to compute on the cluster, from which shards.
pub(super) struct ClusterJob<'a> {
    pub(super) address: &'a SchedulerAddress,
    pub(super) dataset: &'a Dataset,
    pub(super) size: JobSize,
    pub(super) output: PieceOutput,
    pub(super) counting: &'a Arc<Counting>,
    pub(super) progress: &'a Arc<Progress>,
}

impl ClusterJob<'_> {
    /// Runs the job, and again after transient failures; calls `each` with its rows and a state that `new` makes for
    /// every try.
    pub(super) async fn run_with_retries<T>(
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
    pub(super) async fn run(
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
            folder_types: dataset.folder_types.clone(),
        });
        let (seen, lists) = self.pieces()?;
        if lists.is_empty() {
            return Ok(());
        }
        match self.output {
            PieceOutput::Counts { .. } | PieceOutput::Shards => job::with_blocks(context, "lz4"),
            // Hashes of ids cannot be compressed.
            PieceOutput::Pairs { .. } => job::with_blocks(context, "none"),
            PieceOutput::Patterns(_) | PieceOutput::Rows(_) => {}
        }
        tracing::info!(tasks = lists.len(), output = ?self.output, cluster = %address, "send a job");
        let scan = source::scan(Arc::clone(&order), PlanPlace::default(), &seen, &lists)?;
        let plan = grouped(context, &order, scan, self.size.rows).await?;
        let job::JobRows { rows, work, bytes_read } = job::submit(address, context, plan).await?;
        let mut rows = pin!(rows);
        while let Some(batch) = rows.next().await {
            each(&batch?)?;
        }
        progress.add_bytes(bytes_read);
        progress.add_cluster(work);
        progress.add(self.size.rows);
        Ok(())
    }

    /// The shards, and one list of pieces per task, the largest first.
    fn pieces(&self) -> Result<(PinnedShards, Vec<Vec<PieceRange>>)> {
        // Duplicate pairs of a shard must meet in one task, and so must counts that are saved.
        let whole = match self.output {
            PieceOutput::Shards => true,
            PieceOutput::Counts { .. } => self.counting.layout.kind == LayoutKind::Long,
            PieceOutput::Pairs { .. } | PieceOutput::Patterns(_) | PieceOutput::Rows(_) => false,
        };
        let how = |number: usize| match self.size.kept[number] {
            false => Cut::Skip,
            true if whole => Cut::Whole,
            true => Cut::Split,
        };
        // Few parts, because each task opens the shards of its own.
        let mut lists = pieces::cut_into(&self.dataset.shards, how, self.size.tasks, 1)?;
        lists.sort_by_key(|list| Reverse(list.iter().map(|part| part.bytes).sum::<u64>()));
        let mut seen = PinnedShards::new();
        for (number, shard) in self.dataset.shards.iter().enumerate().filter(|(at, _)| self.size.kept[*at]) {
            let shard = PinnedShard::new(number, shard)?;
            seen.insert(shard.number, Arc::new(shard));
        }
        let place = |part: pieces::ShardPart| Ok((shard_number(part.shard)?, part.range));
        let list = |list: Vec<_>| list.into_iter().map(place).collect::<Result<Vec<PieceRange>>>();
        Ok((seen, lists.into_iter().map(list).collect::<Result<_>>()?))
    }
}
