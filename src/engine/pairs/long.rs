//! The layout `long`: one row per (row id, label), in any order, with duplicates, over many shards.
//!
//! ```text
//! encoded:  pages of id, label, value? ──────────────────────────────────────────────────┐
//! plain:    DataSourceExec ─▶ FilterExec? ─▶ ProjectionExec [id, label, value?, by…, shard] ┴▶ PairCounter
//! ```
//!
//! Where one pair is listed with several values, the side that says most wins: positive before
//! uncertain before negative before missing. Pairs that are not listed are negative; with a value
//! column, which says what is known, they are missing.

use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use datafusion::prelude::SessionContext;

use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::errors::ours;
use crate::engine::pairs::encoded::PairScan;
use crate::engine::pairs::{PairCounter, PairInput, ranges};
use crate::engine::partial::by_name;
use crate::engine::read::nested::label_column;
use crate::engine::read::routes::ColumnRoute;
use crate::engine::read::rows::{bytes_scanned, column, rows};
use crate::engine::read::table::SHARD_COLUMN;
use crate::engine::task::CountTask;
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// For every shard the ids that it alone has, by the footers; `None` for the others.
pub(crate) fn own_ranges(shards: &[Shard], counting: &Counting) -> Vec<Option<RangeInclusive<i128>>> {
    ranges::own_ranges(shards, counting.layout.id.as_deref().unwrap_or_default())
}

/// Calls `each` with partial counts of the shards that are `kept`, from encoded pages; of all shards, from
/// arrays, where that is not said. Gives how each column was read, where from pages.
pub(crate) async fn count(
    task: &CountTask,
    dataset: &Dataset,
    kept: Option<&[bool]>,
    each: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send),
) -> Result<Vec<ColumnRoute>> {
    let unknown = vec![None; dataset.shards.len()];
    // With few shards, threads would wait for each other.
    let of_footers = task.counting.part && !task.counting.ids_disjoint;
    let many = of_footers || dataset.shards.len() >= 2 * task.threads();
    // Statistics are believed at first; where ids show that they lie, nothing is.
    if many {
        let ranges = own_ranges(&dataset.shards, &task.counting);
        if let Some(routes) = count_with_ranges(task, dataset, kept, ranges, each).await? {
            return Ok(routes);
        }
        if of_footers {
            return Err(Error::input(format!("{LIED}, so that jobs may share rows"))
                .hint("write the shards again, or count them without --shard-count"));
        }
        tracing::warn!("{LIED}; counting without the footers' help");
    }
    Ok(count_with_ranges(task, dataset, kept, unknown, each).await?.unwrap_or_default())
}

/// The message for wrong statistics of row ids.
pub(crate) const LIED: &str = "row ids lie outside of what the footers claim";

/// The same, where each shard that has a range is counted by itself; `None`, and nothing is counted, when an
/// id lies outside of its shard's range.
pub(crate) async fn count_with_ranges(
    task: &CountTask,
    dataset: &Dataset,
    kept: Option<&[bool]>,
    own_ranges: Vec<Option<RangeInclusive<i128>>>,
    each: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send),
) -> Result<Option<Vec<ColumnRoute>>> {
    let CountTask { context, counting, progress, .. } = task;
    let pairs = PairCounter::new(&dataset.shards, task, own_ranges);
    if let Some(kept) = kept {
        let encoded = PairScan::new(dataset, task, (kept, &pairs.whole()))?;
        let encoded = Arc::new(encoded);
        let rows = PairInput::Encoded(Arc::clone(&encoded));
        let counted = pairs.count(rows, encoded.id_type()?, each).await?;
        return Ok(counted.then(|| encoded.routes()));
    }
    let plan = plan(context, dataset, counting, task.threads(), &pairs.whole()).await?;
    let (schema, scan) = (plan.schema(), Arc::clone(&plan));
    let streams = execute_stream_partitioned(plan, context.task_ctx()).map_err(|cause| ours(&cause))?;
    let id_type = schema.field(0).data_type();
    let counted = pairs.count(PairInput::Arrays(streams), id_type, each).await?;
    progress.add_bytes(bytes_scanned(scan.as_ref()));
    Ok(counted.then(Vec::new))
}

/// The plan whose rows are `[id, label, value?, by…, shard]`.
pub(crate) async fn plan(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Counting,
    threads: usize,
    whole: &[bool],
) -> Result<Arc<dyn ExecutionPlan>> {
    let layout = &counting.layout;
    let rows = rows(context, dataset, counting, threads, whole)?;
    let mut columns: Vec<Expr> = vec![
        label_column(dataset, layout.id.as_deref().unwrap_or_default())?.alias("id"),
        label_column(dataset, layout.column())?.alias("label"),
    ];
    if let Some(value) = &layout.value {
        columns.push(label_column(dataset, value)?.alias("value"));
    }
    columns.extend(counting.by.iter().enumerate().map(|(i, name)| column(name).alias(by_name(i))));
    columns.push(column(SHARD_COLUMN));
    let rows = rows.select(columns).map_err(|cause| ours(&cause))?;
    rows.create_physical_plan().await.map_err(|cause| ours(&cause))
}

#[cfg(test)]
mod tests;
