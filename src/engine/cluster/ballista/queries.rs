//! SQL queries whose scans run on a cluster.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, collect, execute_stream};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use super::files;
use super::job::{settings, submit};
use crate::engine::errors::external;
use crate::engine::functions::call_exec::CallExec;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::error::Error;

/// Configures a session so that its plans can be sent to a cluster.
pub(in crate::engine) fn prepare(address: &SchedulerAddress, context: &SessionContext) {
    let state = context.state_ref();
    let mut state = state.write();
    let config = settings(state.config().clone(), address);
    *state.config_mut() = config;
}

/// How a leaf of a plan can run on a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeafKind {
    /// Ballista splits the scan into tasks.
    Files,
    /// The rows are sent with the plan.
    Rows,
    /// The client makes the rows first; it counts on the cluster.
    Call,
    /// The leaf can run in this process only.
    Local,
}

fn leaf(node: &Arc<dyn ExecutionPlan>) -> Option<LeafKind> {
    if !node.children().is_empty() {
        return None;
    }
    if node.is::<CallExec>() {
        return Some(LeafKind::Call);
    }
    if node.is::<EmptyExec>() || node.is::<PlaceholderRowExec>() {
        return Some(LeafKind::Rows);
    }
    let Some(scan) = node.downcast_ref::<DataSourceExec>() else { return Some(LeafKind::Local) };
    let source: &dyn std::any::Any = scan.data_source().as_ref();
    Some(if source.is::<FileScanConfig>() {
        LeafKind::Files
    } else if source.is::<MemorySourceConfig>() {
        LeafKind::Rows
    } else {
        LeafKind::Local
    })
}

/// Starts a query: on the cluster at `address` when it scans files, otherwise in this process.
pub(in crate::engine) async fn run(
    address: &SchedulerAddress,
    context: &SessionContext,
    query: DataFrame,
) -> DfResult<SendableRecordBatchStream> {
    let plan = query.create_physical_plan().await?;
    let (mut leaves, mut calls) = (Vec::new(), Vec::new());
    plan.apply(|node| {
        let found = leaf(node);
        leaves.extend(found);
        calls.extend((found == Some(LeafKind::Call)).then(|| Arc::clone(node)));
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !leaves.contains(&LeafKind::Files) {
        return execute_stream(plan, context.task_ctx());
    }
    if leaves.contains(&LeafKind::Local) {
        return Err(external(
            Error::usage("the query combines files with a table that exists in this process only")
                .hint("query one of the two, or run it without --cluster"),
        ));
    }
    let mut made = VecDeque::new();
    for call in calls {
        let (schema, rows) = (call.schema(), collect(call, context.task_ctx()).await?);
        made.push_back(MemorySourceConfig::try_new_exec(&[rows], schema, None)?);
    }
    let plan = plan.transform_down(|node| match leaf(&node) {
        Some(LeafKind::Call) => Ok(made
            .pop_front()
            .map_or_else(|| Transformed::no(node), |rows| Transformed::yes(rows as Arc<dyn ExecutionPlan>))),
        _ => Ok(Transformed::no(node)),
    })?;
    let plan = files::pinned(plan.data).map_err(external)?;
    let schema = plan.schema();
    let sent = submit(address, context, plan).await.map_err(|failure| external(failure.error))?;
    let rows = sent.rows.map_err(|failure| external(failure.error));
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
}
