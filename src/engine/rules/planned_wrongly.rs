//! What DataFusion plans, but not as it is written: it is refused, with a way to write it that is planned right.

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::engine::errors::external;
use crate::error::Error;

/// Refuses such an expression.
pub(super) fn check_planned(part: &Expr) -> DfResult<()> {
    let error = match part {
        Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::SetComparison(SetComparison { subquery, .. })
            if loses_rows(&subquery.subquery)? =>
        {
            lost()
        }
        Expr::ScalarSubquery(subquery) if loses_its_row(&subquery.subquery)? => lost(),
        _ => return Ok(()),
    };
    Err(external(error))
}

fn lost() -> Error {
    Error::usage("a subquery counts or skips rows that a column of the query around it chooses")
        .hint("compare what it gives: (SELECT count(*) FROM u WHERE u.b = t.a) > 0; or join the two tables")
}

/// Whether rows that the query around it chooses are counted, of which none is a row too, or skipped. They become a join,
/// in which there is no row where no row is chosen, and no place of a row.
fn loses_rows(plan: &LogicalPlan) -> DfResult<bool> {
    plan.exists(|part| {
        Ok(match part {
            LogicalPlan::Aggregate(all) if all.group_expr.is_empty() => {
                !all.input.all_out_ref_exprs().is_empty()
            }
            LogicalPlan::Limit(some) if some.skip.is_some() => !some.input.all_out_ref_exprs().is_empty(),
            _ => false,
        })
    })
}

/// Whether a condition takes the row of such a count away again: the join gives what it counts for no rows.
fn loses_its_row(plan: &LogicalPlan) -> DfResult<bool> {
    plan.exists(|part| match part {
        LogicalPlan::Filter(having) => loses_rows(&having.input),
        _ => Ok(false),
    })
}
