//! What is done with the rows of a scan of pieces, before the client gets them.

use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, Partitioning};
use datafusion::prelude::SessionContext;

use super::merge::MergeExec;
use super::order::{PieceOrder, PieceOutput, PlanPlace};
use super::total;
use crate::engine::cluster::exchange::blocks::PART;
use crate::engine::errors::ours;
use crate::engine::read::rows::column;
use crate::engine::read::table::PlanTable;
use crate::error::Result;

/// Target for the patterns that one task of a group-by holds, and most tasks.
const PATTERNS: u64 = 1 << 19;
const PATTERN_TASKS_MAX: usize = 256;

/// The plan over `scan`: counts in several parts are merged part by part, and so are pairs, whose counts are merged
/// once more if they are in several parts. `rows` is how many rows the shards have.
pub(super) async fn grouped(
    context: &SessionContext,
    order: &Arc<PieceOrder>,
    scan: Arc<dyn ExecutionPlan>,
    rows: u64,
) -> Result<Arc<dyn ExecutionPlan>> {
    let merged = |order: &Arc<PieceOrder>, input, parts| {
        let shuffled = by_part(input, parts).map_err(|cause| ours(&cause))?;
        Ok(Arc::new(MergeExec::new(Arc::clone(order), PlanPlace::default(), shuffled))
            as Arc<dyn ExecutionPlan>)
    };
    match order.output {
        PieceOutput::Rows(_) | PieceOutput::Shards | PieceOutput::Counts { parts: 0 | 1 } => Ok(scan),
        PieceOutput::Counts { parts } => merged(order, scan, parts),
        PieceOutput::Pairs { parts, count_parts, .. } => {
            let counts = merged(order, scan, parts)?;
            if count_parts < 2 {
                return Ok(counts);
            }
            let output = PieceOutput::Counts { parts: count_parts };
            merged(&Arc::new(PieceOrder { output, ..order.as_ref().clone() }), counts, count_parts)
        }
        PieceOutput::Patterns(_) => {
            let tasks = usize::try_from(rows.div_ceil(PATTERNS)).unwrap_or(1).clamp(1, PATTERN_TASKS_MAX);
            context.state_ref().write().config_mut().options_mut().execution.target_partitions = tasks;
            let patterns = context.read_table(Arc::new(PlanTable(scan))).map_err(|cause| ours(&cause))?;
            let sum: Expr = total::counts().call(vec![column("rows")]).alias("rows");
            let sums =
                patterns.aggregate(vec![column("pattern")], vec![sum]).map_err(|cause| ours(&cause))?;
            sums.create_physical_plan().await.map_err(|cause| ours(&cause))
        }
    }
}

/// The rows of each part side by side.
fn by_part(input: Arc<dyn ExecutionPlan>, parts: usize) -> DfResult<Arc<dyn ExecutionPlan>> {
    let part = Column::new_with_schema(PART, &input.schema())?;
    Ok(Arc::new(RepartitionExec::try_new(input, Partitioning::Hash(vec![Arc::new(part)], parts))?))
}
