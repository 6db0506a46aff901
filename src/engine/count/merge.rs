//! Partial counts of a plan, merged where labels are known by name only.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::functions_aggregate::expr_fn::{min, sum};
use datafusion::logical_expr::{Expr, cast, lit};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use futures::StreamExt;

use crate::engine::counting::{Counting, Keys};
use crate::engine::errors::ours;
use crate::engine::partial::{self, by_name};
use crate::engine::read::rows::column;
use crate::engine::read::table::PlanTable;
use crate::error::Result;

/// Runs a plan of partial counts and calls `each` with them.
pub(crate) async fn merge(
    context: &SessionContext,
    partial: Arc<dyn ExecutionPlan>,
    counting: &Counting,
    mut each: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let stream = if matches!(counting.keys, Keys::Names(_)) {
        let merged = merge_names(context, partial, counting)?;
        merged.execute_stream().await
    } else {
        execute_stream(partial, context.task_ctx())
    };
    let stream = stream.map_err(|cause| ours(&cause))?;
    drain(stream, |batch| each(&batch)).await
}

/// Runs a stream to its end.
async fn drain(
    mut stream: SendableRecordBatchStream,
    mut each: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    while let Some(batch) = stream.next().await {
        each(batch.map_err(|cause| ours(&cause))?)?;
    }
    Ok(())
}

/// The group-by that merges names, spilling where they do not fit.
fn merge_names(
    context: &SessionContext,
    partial: Arc<dyn ExecutionPlan>,
    counting: &Counting,
) -> Result<DataFrame> {
    let schema = partial::schema(counting.by.len());
    let mut keys: Vec<Expr> = (0..counting.by.len()).map(|i| column(&by_name(i))).collect();
    keys.push(column("label"));
    let sums = [
        "positives",
        "negatives",
        "uncertain",
        "missing",
        "invalid",
        "positives_mass",
        "negatives_mass",
        "skipped",
    ];
    let mut totals: Vec<Expr> = sums.iter().map(|name| sum(column(name)).alias(*name)).collect();
    totals.push(min(column("example")).alias("example"));
    totals.push(min(column("shard")).alias("shard"));
    let table = PlanTable(partial);
    let read = || {
        let merged = context.read_table(Arc::new(table))?.aggregate(keys, totals)?;
        let output = schema.fields().iter().map(|field| match field.name().as_str() {
            "label_index" => lit(ScalarValue::UInt64(None)).alias("label_index"),
            name => cast(column(name), field.data_type().clone()).alias(name),
        });
        merged.select(output.collect::<Vec<_>>())
    };
    read().map_err(|cause: DataFusionError| ours(&cause))
}

#[cfg(test)]
mod tests;
