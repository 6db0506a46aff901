//! `string_agg(x, ',' ORDER BY 1)`: within an aggregate, a number is one value for all rows, in SQL. The planner takes it for
//! the place of a column of the table.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArgumentClause, FunctionArguments, UnaryOperator, Value, VisitorMut,
};

/// Leaves out numbers by which aggregates are ordered.
#[derive(Debug)]
pub(in crate::engine) struct ConstantOrders;

impl VisitorMut for ConstantOrders {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        let Expr::Function(call) = expression else { return ControlFlow::Continue(()) };
        let FunctionArguments::List(arguments) = &mut call.args else { return ControlFlow::Continue(()) };
        arguments.clauses.retain_mut(|clause| {
            let FunctionArgumentClause::OrderBy(keys) = clause else { return true };
            keys.retain(|key| !is_number(&key.expr));
            !keys.is_empty()
        });
        ControlFlow::Continue(())
    }
}

fn is_number(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } | Expr::Nested(expr) => {
            is_number(expr)
        }
        _ => false,
    }
}
