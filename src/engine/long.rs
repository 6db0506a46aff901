//! The layout `long`: one row per (row id, label), in any order, with duplicates, over many shards.
//!
//! ```text
//! encoded:  pages of id, label, value? ──────────────────────────────────────────────────┐
//! plain:    DataSourceExec ─▶ FilterExec? ─▶ ProjectionExec [by…, id, label, value?, shard] ┴▶ Pairs
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

use super::counting::Counting;
use super::pairs::encoded::Encoded;
use super::pairs::{Pairs, Rows, ranges};
use super::partial::by_name;
use super::partial_exec::Progress;
use super::query::{Dataset, bytes_scanned, column, rows};
use super::scan::ColumnPath;
use super::session::ours;
use super::spill::Spill;
use super::table::SHARD_COLUMN;
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// What counting takes beside the shards.
pub(super) struct Means<'a> {
    pub(super) context: &'a SessionContext,
    pub(super) counting: &'a Arc<Counting>,
    pub(super) threads: usize,
    /// Bytes of records that one thread may hold.
    pub(super) budget: usize,
    pub(super) spill: &'a Arc<Spill>,
    pub(super) progress: &'a Arc<Progress>,
}

/// For every shard the ids that it alone has, by the footers; `None` for the others.
pub(super) fn apart(shards: &[Shard], counting: &Counting) -> Vec<Option<RangeInclusive<i128>>> {
    ranges::apart(shards, counting.layout.id.as_deref().unwrap_or_default())
}

/// Calls `each` with partial counts of the shards that are `kept`, from encoded pages; of all shards, from
/// arrays, where that is not said. Gives how each column was read, where from pages.
pub(super) async fn count(
    means: &Means<'_>,
    dataset: &Dataset,
    kept: Option<&[bool]>,
    each: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send),
) -> Result<Vec<ColumnPath>> {
    let unknown = vec![None; dataset.shards.len()];
    // With few shards, threads would wait for each other.
    let of_footers = means.counting.part && !means.counting.ids_disjoint;
    let many = of_footers || dataset.shards.len() >= 2 * means.threads;
    // Statistics are believed at first; where ids show that they lie, nothing is.
    if many {
        let apart = apart(&dataset.shards, means.counting);
        if let Some(paths) = count_apart(means, dataset, kept, apart, each).await? {
            return Ok(paths);
        }
        if of_footers {
            return Err(Error::input(format!("{LIED}, so that jobs may share rows"))
                .hint("write the shards again, or count them without --shard-count"));
        }
        tracing::warn!("{LIED}; counting without the footers' help");
    }
    Ok(count_apart(means, dataset, kept, unknown, each).await?.unwrap_or_default())
}

/// What is said of statistics that lie.
pub(super) const LIED: &str = "row ids lie outside of what the footers claim";

/// The same, where each shard that has a range is counted by itself; `None`, and nothing is counted, when an
/// id lies outside of its shard's range.
pub(super) async fn count_apart(
    means: &Means<'_>,
    dataset: &Dataset,
    kept: Option<&[bool]>,
    apart: Vec<Option<RangeInclusive<i128>>>,
    each: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send),
) -> Result<Option<Vec<ColumnPath>>> {
    let Means { context, counting, threads, progress, .. } = *means;
    let pairs = Pairs::new(&dataset.shards, means, apart);
    if let Some(kept) = kept {
        let encoded = Encoded::new(dataset, means, (kept, &pairs.whole()))?;
        let encoded = Arc::new(encoded);
        let rows = Rows::Encoded(Arc::clone(&encoded));
        let counted = pairs.count(rows, encoded.id_type()?, each).await?;
        return Ok(counted.then(|| encoded.paths()));
    }
    let plan = plan(context, dataset, counting, threads, &pairs.whole()).await?;
    let (schema, scan) = (plan.schema(), Arc::clone(&plan));
    let streams = execute_stream_partitioned(plan, context.task_ctx()).map_err(|cause| ours(&cause))?;
    let id_type = schema.field(counting.by.len()).data_type();
    let counted = pairs.count(Rows::Arrays(streams), id_type, each).await?;
    progress.add_bytes(bytes_scanned(scan.as_ref()));
    Ok(counted.then(Vec::new))
}

/// The plan whose rows are `[by…, id, label, value?, shard]`.
pub(super) async fn plan(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Counting,
    threads: usize,
    whole: &[bool],
) -> Result<Arc<dyn ExecutionPlan>> {
    let layout = &counting.layout;
    let rows = rows(context, dataset, counting, threads, whole)?;
    let mut columns: Vec<Expr> =
        counting.by.iter().enumerate().map(|(i, name)| column(name).alias(by_name(i))).collect();
    columns.push(column(layout.id.as_deref().unwrap_or_default()).alias("id"));
    columns.push(column(layout.column()).alias("label"));
    columns.extend(layout.value.iter().map(|value| column(value).alias("value")));
    columns.push(column(SHARD_COLUMN));
    let rows = rows.select(columns).map_err(|cause| ours(&cause))?;
    rows.create_physical_plan().await.map_err(|cause| ours(&cause))
}
