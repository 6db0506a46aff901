//! The layout `long`: one row per (row id, label), in any order, with duplicates, over many shards.
//!
//! ```text
//! DataSourceExec ─▶ FilterExec? ─▶ ProjectionExec [by…, id, label, value?, shard] ─▶ Pairs
//! ```
//!
//! Where one pair is listed with several values, the side that says most wins: positive before
//! uncertain before negative before missing. Pairs that are not listed are negative; with a value
//! column, which says what is known, they are missing.

use std::sync::Arc;

use datafusion::logical_expr::Expr;
use datafusion::physical_plan::execute_stream_partitioned;
use datafusion::prelude::SessionContext;

use super::collect::Collector;
use super::counting::Counting;
use super::pairs::Pairs;
use super::partial::by_name;
use super::partial_exec::Progress;
use super::query::{Dataset, bytes_scanned, column, rows};
use super::session::{Limits, ours};
use super::spill::Spill;
use super::table::SHARD_COLUMN;
use crate::error::Result;

/// Counts `dataset` into `collector`.
pub(super) async fn count(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Arc<Counting>,
    limits: &Limits,
    spill: &Arc<Spill>,
    progress: &Arc<Progress>,
    collector: &mut Collector,
) -> Result<()> {
    let layout = &counting.layout;
    let id = layout.id.as_deref().unwrap_or_default();
    // Statistics are believed at first; where ids show that they lie, nothing is.
    for apart in [true, false] {
        let pairs = Pairs::new(&dataset.shards, counting, limits, spill, progress, apart);
        let rows = rows(context, dataset, counting, limits, &pairs.whole())?;
        let mut columns: Vec<Expr> =
            counting.by.iter().enumerate().map(|(i, name)| column(name).alias(by_name(i))).collect();
        columns.push(column(id).alias("id"));
        columns.push(column(layout.column()).alias("label"));
        columns.extend(layout.value.iter().map(|value| column(value).alias("value")));
        columns.push(column(SHARD_COLUMN));
        let rows = rows.select(columns).map_err(|cause| ours(&cause))?;
        let plan = rows.create_physical_plan().await.map_err(|cause| ours(&cause))?;
        let schema = plan.schema();
        let scan = Arc::clone(&plan);
        let streams = execute_stream_partitioned(plan, context.task_ctx()).map_err(|cause| ours(&cause))?;
        let counted = pairs.count(streams, schema.field(counting.by.len()).data_type(), collector).await?;
        progress.add_bytes(bytes_scanned(scan.as_ref()));
        if counted {
            break;
        }
        tracing::warn!("row ids lie outside of what the footers claim; counting without the footers' help");
    }
    Ok(())
}
