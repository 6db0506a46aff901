//! What DataFusion plans, but not as it is written: it is refused, with a way to write it that is planned right.

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};

use crate::engine::errors::external;
use crate::error::Error;

/// Refuses such an expression.
pub(super) fn check_planned(part: &Expr, schema: &DFSchema) -> DfResult<()> {
    let error = match part {
        Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::SetComparison(SetComparison { subquery, .. })
            if loses_rows(&subquery.subquery)? =>
        {
            lost()
        }
        Expr::ScalarSubquery(subquery) if loses_its_row(&subquery.subquery)? => lost(),
        Expr::ScalarFunction(call) if call.func.name() == "to_char" => match call.args.get(1) {
            Some(Expr::Literal(format, _)) if format.try_as_str().flatten().is_some_and(has_no_part) => {
                Error::usage(format!("to_char has the format {format}, in which no part begins with %"))
                    .hint("write to_char(t, '%Y-%m-%d %H:%M:%S')")
            }
            _ => return Ok(()),
        },
        Expr::WindowFunction(window) if ["lag", "lead"].contains(&window.fun.name()) => {
            match &window.params.args[..] {
                [of, _, Expr::Literal(ScalarValue::Float64(Some(default)), _)]
                    if default.fract() != 0.0 && of.get_type(schema).is_ok_and(|of| of.is_integer()) =>
                {
                    let name = window.fun.name();
                    Error::usage(format!(
                        "{name} gives whole numbers here, but {default} where there is no row"
                    ))
                    .hint(format!("write {name}(CAST(x AS DOUBLE), 1, {default})"))
                }
                _ => return Ok(()),
            }
        }
        _ => return Ok(()),
    };
    Err(external(error))
}

/// Whether a format gives the same text for all times. Of lengths of time, it may be a word.
fn has_no_part(format: &str) -> bool {
    !format.contains('%') && !["pretty", "iso8601"].contains(&format.to_ascii_lowercase().as_str())
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
