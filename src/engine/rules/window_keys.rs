//! Expressions that windows are parted and ordered by become columns first: DataFusion loses the order by comparisons with
//! functions that do not say which values they give, such as `length(x) > 1`.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::expr::{Alias, Sort, WindowFunction};
use datafusion::logical_expr::logical_plan::Window;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;

/// What the names of these columns begin with.
const KEY: &str = "__posweight_key_";

/// Makes columns of the keys of windows.
#[derive(Debug)]
pub(in crate::engine) struct WindowKeys;

impl AnalyzerRule for WindowKeys {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        let mut first = 0;
        plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Window(window) => with_columns(window, &mut first),
            other => Ok(Transformed::no(other)),
        })
        .map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "window_keys"
    }
}

fn with_columns(window: Window, first: &mut usize) -> DfResult<Transformed<LogicalPlan>> {
    let Window { input, window_expr, schema } = window;
    let own: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
    let mut keys: Vec<Expr> = Vec::new();
    let mut column = |of: Expr| {
        if matches!(of, Expr::Column(_) | Expr::Literal(..)) {
            return of;
        }
        let at = keys.iter().position(|known| *known == of).unwrap_or_else(|| {
            keys.push(of);
            keys.len() - 1
        });
        Expr::Column(Column::from_name(format!("{KEY}{}", *first + at)))
    };
    let windows = window_expr.iter().map(|expression| {
        // What was changed before has a name for it.
        let mut of = expression;
        while let Expr::Alias(Alias { expr, .. }) = of {
            of = expr;
        }
        let Expr::WindowFunction(call) = of else { return expression.clone() };
        let mut call: WindowFunction = call.as_ref().clone();
        let parts = std::mem::take(&mut call.params.partition_by);
        call.params.partition_by = parts.into_iter().map(&mut column).collect();
        let order = std::mem::take(&mut call.params.order_by);
        let order = order.into_iter().map(|Sort { expr, asc, nulls_first }| Sort {
            expr: column(expr),
            asc,
            nulls_first,
        });
        call.params.order_by = order.collect();
        Expr::WindowFunction(Box::new(call)).alias(expression.schema_name().to_string())
    });
    let windows: Vec<Expr> = windows.collect();
    if keys.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Window(Window { input, window_expr, schema })));
    }
    let numbered = keys.into_iter().enumerate().map(|(at, key)| key.alias(format!("{KEY}{}", *first + at)));
    let inputs = input.schema().columns().into_iter().map(Expr::Column);
    let inputs: Vec<Expr> = inputs.chain(numbered).collect();
    *first += inputs.len();
    let input = LogicalPlanBuilder::new_from_arc(input).project(inputs)?.build()?;
    let plan = LogicalPlan::Window(Window::try_new(windows, Arc::new(input))?);
    LogicalPlanBuilder::new(plan).project(own)?.build().map(Transformed::yes)
}
