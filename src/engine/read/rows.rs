//! Rows as arrays, through DataFusion.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;

use crate::engine::counting::Counting;
use crate::engine::dataset::{Cut, Dataset};
use crate::engine::errors::ours;
use crate::engine::query_errors::of_condition;
use crate::engine::read::condition_text::parsed;
use crate::engine::read::stream_table::stream_table;
use crate::engine::read::table::ShardTable;
use crate::error::Result;

/// The rows that meet the condition. Shards that are `whole` are read by one thread each.
pub(crate) fn rows(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Counting,
    threads: usize,
    whole: &[bool],
) -> Result<DataFrame> {
    let how = |number: usize| {
        dataset.cut(number, if whole.get(number) == Some(&true) { Cut::Whole } else { Cut::Split })
    };
    let table: Arc<dyn TableProvider> = match &dataset.coming {
        Some(rows) => stream_table(rows, &dataset.own_schema(), threads)?,
        None => {
            Arc::new(ShardTable::new(&dataset.shards, &dataset.own_schema(), &dataset.hive, threads, how)?)
        }
    };
    let rows = context.read_table(table).map_err(|cause| ours(&cause))?;
    match &counting.filter {
        Some(condition) => filter(rows, dataset, condition),
        None => Ok(rows),
    }
}

fn filter(rows: DataFrame, dataset: &Dataset, condition: &str) -> Result<DataFrame> {
    let expression = parsed(&rows, dataset, condition).map_err(|cause| of_condition(&cause, condition))?;
    let rows = rows.filter(expression).map_err(|cause| of_condition(&cause, condition))?;
    // Types that do not fit are found when the plan is optimized, which names no condition later.
    rows.clone().into_optimized_plan().map_err(|cause| of_condition(&cause, condition))?;
    Ok(rows)
}

/// A column by its exact name, whatever characters it has.
pub(crate) fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// Bytes that the scans of a plan have read, by their own account.
pub(crate) fn bytes_scanned(plan: &dyn ExecutionPlan) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.sum_by_name("bytes_scanned"));
    let below: u64 = plan.children().into_iter().map(|child| bytes_scanned(child.as_ref())).sum();
    own.map_or(0, |bytes| bytes.as_usize() as u64) + below
}
