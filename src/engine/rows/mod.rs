//! The labels of every row: rows that are alike are one, however many there are, in bounded memory.
//!
//! ```text
//! streams of rows ─▶ LabelSets of a batch ─▶ Patterns, one per thread: pattern ─▶ rows
//!                                               │ sorted and spilled where they pass the budget
//!                                               ▼ at the end
//!                                             merge in order ─▶ (labels, unknown labels, group, rows)
//! ```

mod label_sets;
mod merge;
mod patterns;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::compute::filter_record_batch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::execute_stream_partitioned;
use futures::StreamExt;
use tokio::task::JoinSet;

use super::collect::GroupKey;
use super::counting::Counting;
use super::partial::by_name;
use super::partial_exec::Progress;
use super::plain::groups::split;
use super::query::{Dataset, bytes_scanned, column, rows};
use super::session::{Limits, counting_session, ours};
use super::spill::{Spill, Spilled};
use super::watchdog;
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;
use label_sets::LabelSets;
use patterns::{Pattern, Patterns};

/// Whether the labels of rows can be told, and if not, why.
///
/// # Errors
/// The reason, in words that end "rows are not measured: …".
pub fn can_tell(counting: &Counting) -> std::result::Result<(), &'static str> {
    if counting.layout.kind == LayoutKind::Long {
        return Err("in layout long a row is spread over many lines");
    }
    if counting.has_mass() {
        return Err("soft labels and weights have no sets of labels");
    }
    Ok(())
}

/// Rows that are alike.
#[derive(Debug, Clone, Copy)]
pub struct Alike<'a> {
    /// Positions of the labels they have, ascending.
    pub positives: &'a [u32],
    /// Positions of the labels of which they say nothing, ascending.
    pub unknown: &'a [u32],
    /// Which of the groups they are in; 0 without groups.
    pub group: usize,
    /// How many they are.
    pub rows: u64,
}

/// Calls `each` with all rows of `dataset`, those with the same labels one after the other. Positions are
/// those of a count with `counting`, whose labels are known and whose values all had a meaning; `groups` are
/// those it found.
///
/// # Errors
/// As [`super::count`].
pub async fn alike(
    dataset: &Dataset,
    counting: &Arc<Counting>,
    groups: &[GroupKey],
    limits: &Limits,
    progress: &Arc<Progress>,
    each: impl FnMut(Alike<'_>) + Send,
) -> Result<Spilled> {
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
    let context = counting_session(limits, &spill)?;
    let threads = limits.threads.max(1);
    // Half of what a thread may take: the other half is the batch, and what merging holds.
    let budget = limits.pool_bytes() / threads / 2;
    let groups: Arc<HashMap<GroupKey, u32>> = Arc::new(groups.iter().cloned().zip(0..).collect());
    let work = async {
        let rows = rows(&context, dataset, counting, threads, &[])?;
        let labels = counting.layout.labels.iter().enumerate();
        let mut columns: Vec<Expr> =
            labels.map(|(i, name)| column(name).alias(format!("label_{i}"))).collect();
        columns.extend(counting.by.iter().enumerate().map(|(i, name)| column(name).alias(by_name(i))));
        let rows = rows.select(columns).map_err(|cause| ours(&cause))?;
        let plan = rows.create_physical_plan().await.map_err(|cause| ours(&cause))?;
        let scan = Arc::clone(&plan);
        let streams = execute_stream_partitioned(plan, context.task_ctx()).map_err(|cause| ours(&cause))?;
        let mut workers = JoinSet::new();
        for stream in streams {
            let worker = Worker {
                counting: Arc::clone(counting),
                groups: Arc::clone(&groups),
                patterns: Patterns::new(budget, Arc::clone(&spill)),
                progress: Arc::clone(progress),
            };
            workers.spawn(worker.run(stream));
        }
        let mut patterns = Vec::new();
        while let Some(worker) = workers.join_next().await {
            patterns.push(worker.map_err(|cause| Error::internal(cause.to_string()))??);
        }
        progress.add_bytes(bytes_scanned(scan.as_ref()));
        // Once in the merge nothing waits for others, so it does not have to be asynchronous.
        merge::merge(patterns, each)
    };
    watchdog::guard(work, progress, watchdog::PATIENCE).await?;
    dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
    Ok(spill.spilled())
}

/// What one thread finds.
struct Worker {
    counting: Arc<Counting>,
    groups: Arc<HashMap<GroupKey, u32>>,
    patterns: Patterns,
    progress: Arc<Progress>,
}

impl Worker {
    async fn run(mut self, mut stream: SendableRecordBatchStream) -> Result<Patterns> {
        let (mut sets, mut pattern) = (LabelSets::default(), Pattern::default());
        let labels = self.counting.layout.labels.len();
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(|cause| ours(&cause))?;
            for (key, mask) in split(&batch.columns()[labels..], batch.num_rows())? {
                let part = match &mask {
                    None => batch.clone(),
                    Some(mask) => filter_record_batch(&batch, mask)
                        .map_err(|cause| Error::internal(cause.to_string()))?,
                };
                let group = self.groups.get(&key).copied();
                let group = group.ok_or_else(|| Error::changed("a group appeared after counting"))?;
                sets.read(&part.columns()[..labels], &self.counting)?;
                for row in 0..sets.rows() {
                    let (positives, unknown) = sets.row(row);
                    self.patterns.add(pattern.of(positives, unknown, group), 1)?;
                }
            }
            self.progress.add(batch.num_rows() as u64);
        }
        Ok(self.patterns)
    }
}
