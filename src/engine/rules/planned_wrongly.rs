//! What DataFusion plans, but not as it is written: it is refused, with a way to write it that is planned right.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison, WindowFunction};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, WindowFrameBound, WindowFrameUnits};

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
            Error::usage("a subquery counts or skips rows that a column of the query around it chooses").hint(
                "compare what it gives: (SELECT count(*) FROM u WHERE u.b = t.a) > 0; or join the two tables",
            )
        }
        Expr::WindowFunction(window) if is_range_of_numbers(window, schema) => {
            Error::usage("RANGE over dates or times needs an interval, not a number")
                .hint("write RANGE BETWEEN INTERVAL '3 days' PRECEDING AND CURRENT ROW")
        }
        _ => return Ok(()),
    };
    Err(external(error))
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

/// Whether a frame says by how much a date or a time may differ, without a unit: that would be months.
fn is_range_of_numbers(window: &WindowFunction, schema: &DFSchema) -> bool {
    let params = &window.params;
    let is_number = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::Preceding(by) | WindowFrameBound::Following(by) => match by {
            ScalarValue::Utf8(Some(text)) => text.trim().parse::<f64>().is_ok_and(|number| number != 0.0),
            by => !by.is_null() && by.data_type().is_numeric(),
        },
        WindowFrameBound::CurrentRow => false,
    };
    let frame = &params.window_frame;
    let of_times = params.order_by.first().and_then(|key| key.expr.get_type(schema).ok());
    frame.units == WindowFrameUnits::Range
        && (is_number(&frame.start_bound) || is_number(&frame.end_bound))
        && of_times.is_some_and(|of| of.is_temporal() && !matches!(of, DataType::Interval(_)))
}
