//! `SELECT count(*)` has a row of no rows, too, so conditions on that row are asked above it.
//!
//! DataFusion pushes a condition below where it names no column of an aggregate: it is written so, is false in the end, or
//! asks for a constant, as in `FROM (SELECT 'train' AS split, count(*) FROM t) WHERE split = 'test'`. It pushes none below
//! `LIMIT`.

use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::logical_plan::{Aggregate, Limit};
use datafusion::logical_expr::{Expr, LogicalPlan, lit};
use datafusion::optimizer::AnalyzerRule;

/// More rows than there are.
const ALL_ROWS: i64 = 1 << 60;

/// Puts a limit of all rows between such aggregates and conditions.
#[derive(Debug)]
pub(in crate::engine) struct HeldRows;

impl AnalyzerRule for HeldRows {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Filter(_) | LogicalPlan::Join(_) => {
                plan.map_children(|rows| rows.transform_down(|rows| Ok(held(rows))))
            }
            other => Ok(Transformed::no(other)),
        })
        .map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "held_rows"
    }
}

fn held(plan: LogicalPlan) -> Transformed<LogicalPlan> {
    match plan {
        LogicalPlan::Aggregate(aggregate) if has_row_of_none(&aggregate) => {
            let input = Arc::new(LogicalPlan::Aggregate(aggregate));
            let limit = Limit { skip: None, fetch: Some(Box::new(lit(ALL_ROWS))), input };
            Transformed::new(LogicalPlan::Limit(limit), true, TreeNodeRecursion::Jump)
        }
        // It is held already, or its rows are limited anyway.
        LogicalPlan::Limit(_) => Transformed::new(plan, false, TreeNodeRecursion::Jump),
        other => Transformed::no(other),
    }
}

/// Whether rows are aggregated into a row even if there are none.
fn has_row_of_none(aggregate: &Aggregate) -> bool {
    aggregate.group_expr.iter().all(|key| matches!(key, Expr::GroupingSet(_)))
}
