//! A job for a cluster: cuts shards into pieces, sends the plan over them, and reads its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::sum;
use arrow::datatypes::UInt64Type;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use parquet::file::metadata::RowGroupMetaData;

use super::failure::ClusterFailure;
use super::grouping::grouped;
use super::order::{PieceOrder, PieceOutput, PieceRange};
use super::piece::BYTES;
use super::pinned_shard::PinnedShard;
use super::{job, source};
use crate::engine::counting::{Counting, Keys};
use crate::engine::dataset::{Cut, Dataset, shard_number};
use crate::engine::errors::ours;
use crate::engine::progress::Progress;
use crate::engine::read::pieces;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;

/// Target for the bytes of label columns that one task reads.
const LIST_BYTES: u64 = 64 << 20;
/// Least number of tasks, where there are as many shards, and largest number.
const LISTS: [u64; 2] = [32, 1024];
/// Target for the labels, or rows, that one task of a group-by holds.
const GROUPING_KEYS: u64 = 1 << 19;
/// Largest number of tasks of a group-by.
const GROUPINGS: u64 = 256;
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
    pub(super) kept: Vec<bool>,
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
        tracing::info!(tasks = lists.len(), groupings = self.groupings(), cluster = %address, "send a job");
        let scan = source::scan(Arc::clone(&order), None, &seen, &lists)?;
        let groupings = usize::try_from(self.groupings()).unwrap_or(1);
        context.state_ref().write().config_mut().options_mut().execution.target_partitions = groupings;
        let plan = grouped(context, &order, scan)?.create_physical_plan().await;
        let plan = plan.map_err(|cause| ours(&cause))?;
        let mut bytes = 0;
        let mut rows = pin!(job::submit(address, context, plan).await?);
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
        let bytes: u64 = self.shards().map(|(_, shard)| bytes_of(shard, &columns)).sum::<Result<u64>>()?;
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
        let place = |part: pieces::ShardPart| Ok((shard_number(part.shard)?, part.range));
        let list = |list: Vec<_>| list.into_iter().map(place).collect::<Result<Vec<PieceRange>>>();
        Ok((seen, lists.into_iter().map(list).collect::<Result<_>>()?))
    }

    /// Number of tasks of the group-bys.
    fn groupings(&self) -> u64 {
        let labels = match &self.counting.keys {
            Keys::Positions(labels) => labels.len() as u64,
            Keys::Vocabulary(vocabulary) => vocabulary.labels().len() as u64,
            Keys::Indices(Some(labels)) => *labels,
            Keys::Indices(None) | Keys::Names(_) => self.rows(),
        };
        let held = if matches!(self.output, PieceOutput::Counts) { labels } else { self.rows() };
        held.div_ceil(GROUPING_KEYS).clamp(1, GROUPINGS)
    }
}

/// Compressed bytes of `columns` in a shard.
fn bytes_of(shard: &Shard, columns: &BTreeSet<&str>) -> Result<u64> {
    let shard = shard.with_footer()?;
    let groups = shard.metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let read = groups.filter(|chunk| {
        chunk.column_path().parts().first().is_some_and(|root| columns.contains(root.as_str()))
    });
    Ok(read.map(|chunk| u64::try_from(chunk.compressed_size()).unwrap_or(0)).sum())
}
