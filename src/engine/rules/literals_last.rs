//! Literals stand on the right in conditions, also of joins: `1 = x` becomes `x = 1`.
//!
//! The rule of DataFusion that pushes conditions towards the rows takes `x = 1 AND 1 = x` for two values of one column, so
//! for false, and of `x >= 5 AND 5 < x` it may keep the first alone. It turns conditions of filters itself, unless they
//! come from joins later.

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{BinaryExpr, Expr, Join, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// Puts literals of conditions last, so that they may be pushed.
#[derive(Debug)]
pub(in crate::engine) struct LiteralsLast;

impl OptimizerRule for LiteralsLast {
    fn name(&self) -> &'static str {
        "literals_last"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Join(Join { filter: Some(_), .. }) | LogicalPlan::Filter(_) => {
                plan.map_expressions(|condition| condition.transform_up(|part| Ok(with_literal_right(part))))
            }
            other => Ok(Transformed::no(other)),
        }
    }
}

fn with_literal_right(part: Expr) -> Transformed<Expr> {
    match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if matches!(*left, Expr::Literal(..)) && !matches!(*right, Expr::Literal(..)) =>
        {
            match op.swap() {
                Some(op) => Transformed::yes(Expr::BinaryExpr(BinaryExpr { left: right, op, right: left })),
                None => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
            }
        }
        other => Transformed::no(other),
    }
}
