//! `SELECT count(*)` has a row of no rows, too, so conditions on that row are asked above it.
//!
//! DataFusion pushes a condition below where it names no column of an aggregate: it is written so, is false in the end, or
//! asks for a constant, as in `FROM (SELECT 'train' AS split, count(*) FROM t) WHERE split = 'test'`. It pushes none below
//! `LIMIT`.

use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{InSubquery, SetComparison};
use datafusion::logical_expr::logical_plan::{Aggregate, Limit};
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery, lit};
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
                plan.map_children(|rows| rows.transform_down(|rows| Ok(held(rows))))?.transform_data(|plan| {
                    plan.map_expressions(|condition| condition.transform_up(with_held_rows))
                })
            }
            other => Ok(Transformed::no(other)),
        })
        .map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "held_rows"
    }
}

/// The same membership: a join that compares its rows with a constant.
fn with_held_rows(part: Expr) -> DfResult<Transformed<Expr>> {
    let (Expr::InSubquery(InSubquery { subquery, .. }) | Expr::SetComparison(SetComparison { subquery, .. })) =
        &part
    else {
        return Ok(Transformed::no(part));
    };
    if !subquery.outer_ref_columns.is_empty() {
        return Ok(Transformed::no(part));
    }
    let rows = subquery.subquery.as_ref().clone().transform_down(|rows| Ok(held(rows)))?;
    if !rows.transformed {
        return Ok(Transformed::no(part));
    }
    let subquery = Subquery { subquery: Arc::new(rows.data), ..subquery.clone() };
    Ok(Transformed::yes(match part {
        Expr::InSubquery(membership) => Expr::InSubquery(InSubquery { subquery, ..membership }),
        Expr::SetComparison(comparison) => Expr::SetComparison(SetComparison { subquery, ..comparison }),
        other => other,
    }))
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
