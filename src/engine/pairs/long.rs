//! The layout `long`: one row per (row id, label), in any order, with duplicates, over many shards.
//!
//! ```text
//! encoded:  pages of id, label, value? ──────────────────────────────────────────────────────────┐
//! plain:    DataSourceExec ─▶ FilterExec? ─▶ ProjectionExec [id, label, value?, weight?, by…, shard] ┴▶ PairCounter
//! ```
//!
//! Where one pair is listed with several values, the side that says most wins: positive before
//! uncertain before negative before missing; with soft values, the largest of those on that side. Pairs that
//! are not listed are negative; with a value column of hard values, which says what is known, they are missing.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{Expr, cast};
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use datafusion::prelude::SessionContext;

use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::errors::ours;
use crate::engine::group_key::GroupKey;
#[cfg(feature = "cluster")]
use crate::engine::pairs::blocks::PairBlocks;
use crate::engine::pairs::encoded::PairScan;
use crate::engine::pairs::feed::IdSink;
use crate::engine::pairs::ranges::{self, IdRange};
use crate::engine::pairs::{PairCounter, PairInput};
use crate::engine::partial::by_name;
use crate::engine::read::nested::label_column;
use crate::engine::read::routes::ColumnRoute;
use crate::engine::read::rows::{column, rows};
use crate::engine::read::table::SHARD_COLUMN;
use crate::engine::task::CountTask;
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// For every shard the ids that it alone has, by the footers; `None` for the others.
pub(crate) fn own_ranges(shards: &[Shard], counting: &Counting) -> Vec<Option<IdRange>> {
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
    own_ranges: Vec<Option<IdRange>>,
    each: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send),
) -> Result<Option<Vec<ColumnRoute>>> {
    let pairs = PairCounter::new(&dataset.shards, task, own_ranges);
    let ReadyInput { rows, id_type, encoded } = input(task, dataset, kept, &pairs).await?;
    let counted = pairs.count(rows, &id_type, each).await?;
    Ok(counted.then(|| encoded.map(|encoded| encoded.routes()).unwrap_or_default()))
}

/// Rows of pairs that are ready to be read.
struct ReadyInput {
    rows: PairInput,
    id_type: DataType,
    encoded: Option<Arc<PairScan>>,
}

/// Rows from encoded pages of the shards that are `kept`; of all shards, from arrays, where that is not said.
async fn input(
    task: &CountTask,
    dataset: &Dataset,
    kept: Option<&[bool]>,
    pairs: &PairCounter,
) -> Result<ReadyInput> {
    let CountTask { context, counting, .. } = task;
    if let Some(kept) = kept {
        let encoded = Arc::new(PairScan::new(dataset, task, (kept, &pairs.whole()))?);
        let (rows, id_type) = (PairInput::Encoded(Arc::clone(&encoded)), encoded.id_type()?.clone());
        return Ok(ReadyInput { rows, id_type, encoded: Some(encoded) });
    }
    let plan = plan(context, dataset, counting, task.threads(), &pairs.whole()).await?;
    let id_type = plan.schema().field(0).data_type().clone();
    let streams =
        execute_stream_partitioned(Arc::clone(&plan), context.task_ctx()).map_err(|cause| ours(&cause))?;
    Ok(ReadyInput { rows: PairInput::Arrays { streams, plan }, id_type, encoded: None })
}

/// Blocks of the pairs of all shards, from encoded pages of those that are `kept`, or from arrays: for machines that
/// count one of `parts` parts each, which are a power of two.
#[cfg(feature = "cluster")]
pub(crate) async fn blocks(
    task: &CountTask,
    dataset: &Dataset,
    kept: Option<&[bool]>,
    parts: usize,
) -> Result<PairBlocks> {
    let pairs = PairCounter::new(&dataset.shards, task, vec![None; dataset.shards.len()]);
    let ReadyInput { rows, id_type, .. } = input(task, dataset, kept, &pairs).await?;
    pairs.blocks(rows, &id_type, parts).await
}

/// Gives the labels of every id to sinks that `make` makes, from encoded pages of the shards that are `kept`, or
/// from arrays; all of an id to one sink. `groups` are those that there are.
pub(crate) async fn ids<T: IdSink>(
    task: &CountTask,
    dataset: &Dataset,
    kept: Option<&[bool]>,
    groups: &[GroupKey],
    make: &mut impl FnMut() -> T,
) -> Result<(Vec<T>, Vec<ColumnRoute>)> {
    let mut ranges = vec![None; dataset.shards.len()];
    if dataset.shards.len() >= 2 * task.threads() {
        ranges = own_ranges(&dataset.shards, &task.counting);
    }
    loop {
        let pairs = PairCounter::new(&dataset.shards, task, ranges);
        let ReadyInput { rows, id_type, encoded } = input(task, dataset, kept, &pairs).await?;
        if let Some(sinks) = pairs.ids(rows, &id_type, groups, make).await? {
            return Ok((sinks, encoded.map(|encoded| encoded.routes()).unwrap_or_default()));
        }
        ranges = vec![None; dataset.shards.len()];
    }
}

/// The plan whose rows are `[id, label, value?, weight?, by…, shard]`.
pub(crate) async fn plan(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Counting,
    threads: usize,
    whole: &[bool],
) -> Result<Arc<dyn ExecutionPlan>> {
    let rows = pair_rows(context, dataset, counting, threads, whole)?;
    rows.create_physical_plan().await.map_err(|cause| ours(&cause))
}

/// The rows `[id, label, value?, weight?, by…, shard]`.
pub(super) fn pair_rows(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Counting,
    threads: usize,
    whole: &[bool],
) -> Result<DataFrame> {
    let layout = &counting.layout;
    let rows = rows(context, dataset, counting, threads, whole)?;
    let mut columns: Vec<Expr> = vec![
        label_column(dataset, layout.id.as_deref().unwrap_or_default())?.alias("id"),
        label_column(dataset, layout.column())?.alias("label"),
    ];
    if let Some(value) = &layout.value {
        columns.push(label_column(dataset, value)?.alias("value"));
    }
    let weight = |name: &String| cast(column(name), DataType::Float64).alias("weight");
    columns.extend(counting.sample_weight.iter().map(weight));
    columns.extend(counting.by.iter().enumerate().map(|(i, name)| column(name).alias(by_name(i))));
    columns.push(column(SHARD_COLUMN));
    rows.select(columns).map_err(|cause| ours(&cause))
}

#[cfg(test)]
mod tests;
