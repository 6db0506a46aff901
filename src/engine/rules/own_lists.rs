//! Lists of values, as in `x IN (1, y) AND x IN (2, z)`, `x IN (1, 2) AND x NOT IN (2, NULL)` or `5 IN (CASE …, 9)`.
//!
//! DataFusion makes one list of those that ask for the same, as if all of them were constants and none was NULL. With a
//! number of its own each, no two ask for the same. And it takes a CASE for a constant, if it is not inside a function.

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, lit};

use crate::engine::rules::on_row::on_row;

/// Whether the plan has several lists.
pub(super) fn has_lists(plan: &LogicalPlan) -> DfResult<bool> {
    let mut lists = 0;
    plan.apply_with_subqueries(|part| {
        part.apply_expressions(|expression| {
            lists += lists_in(expression)?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(lists > 1)
}

/// The lists of an expression. `x = 1 OR x = 2` is one, too.
pub(super) fn lists_in(expression: &Expr) -> DfResult<usize> {
    let mut lists = 0;
    expression.apply(|part| {
        lists += usize::from(matches!(part, Expr::InList(_)) || is_choice(part));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(lists)
}

/// The same list, whose values that differ by row are calls of a function.
pub(super) fn with_values_of_rows(part: Expr) -> Transformed<Expr> {
    let is_of_row = |of: &Expr| of.any_column_refs() || of.contains_outer();
    match part {
        Expr::InList(InList { expr, list, negated }) if list.iter().any(is_of_row) => {
            let value = |of| if is_of_row(&of) { on_row().call(vec![of, lit(true)]) } else { of };
            let list = list.into_iter().map(value).collect();
            Transformed::yes(Expr::InList(InList { expr, list, negated }))
        }
        other => Transformed::no(other),
    }
}

/// The same expression, whose lists have the numbers after `next`.
pub(super) fn with_own_lists(expression: Expr, next: &mut i64) -> DfResult<Transformed<Expr>> {
    expression.transform_up(|part| {
        let mut own = |of: Box<Expr>| {
            *next += 1;
            Box::new(on_row().call(vec![*of, lit(*next)]))
        };
        Ok(match part {
            Expr::InList(InList { expr, list, negated }) => {
                Transformed::yes(Expr::InList(InList { expr: own(expr), list, negated }))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                let [left, right] = [left, right].map(|side| match *side {
                    Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right })
                        if matches!(*left, Expr::Column(_)) =>
                    {
                        let left = own(left);
                        Box::new(Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }))
                    }
                    other => Box::new(other),
                });
                Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }))
            }
            other => Transformed::no(other),
        })
    })
}

/// Whether a part is `x = 1 OR …`.
fn is_choice(part: &Expr) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) = part else { return false };
    [left, right].iter().any(|side| matches!(&***side, Expr::BinaryExpr(BinaryExpr { op: Operator::Eq, .. })))
}
