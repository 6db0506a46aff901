//! Literals stand on the right in conditions, also of joins: `1 = x` becomes `x = 1`.
//!
//! The rule of DataFusion that pushes conditions towards the rows takes `x = 1 AND 1 = x` for two values of one column, so
//! for false, and of `x >= 5 AND 5 < x` it may keep the first alone. It turns conditions of filters itself, unless they
//! come from joins later.

use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{BinaryExpr, Expr, Join, LogicalPlan};
use datafusion::optimizer::optimizer::{ApplyOrder, Optimizer};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::engine::rules::single_distinct::{GROUPS_FIRST, SingleDistinct};

/// The rule that pushes conditions.
const PUSHES: &str = "push_down_filter";

/// The rules of DataFusion, with this one where it is needed, and one kept from sums.
pub(in crate::engine) fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Vec::new();
    for rule in Optimizer::new().rules {
        if rule.name() == PUSHES {
            rules.push(Arc::new(LiteralsLast) as Arc<dyn OptimizerRule + Send + Sync>);
        }
        rules.push(if rule.name() == GROUPS_FIRST { Arc::new(SingleDistinct { rule }) } else { rule });
    }
    rules
}

/// Puts literals of conditions last, so that they may be pushed.
#[derive(Debug)]
struct LiteralsLast;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_comes_before_what_pushes_conditions() {
        let names = optimizer_rules().iter().map(|rule| rule.name().to_owned()).collect::<Vec<_>>();
        assert!(names.windows(2).any(|pair| pair == ["literals_last", PUSHES]), "{names:?}");
    }
}
