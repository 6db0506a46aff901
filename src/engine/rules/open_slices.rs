//! `x[2:]` goes on to the last element, and `x[:2]` begins with the first, which the planner wants to be said.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Subscript, UnaryOperator, Value, VisitorMut};

/// Says where slices of lists begin and end.
#[derive(Debug)]
pub(in crate::engine) struct OpenSlices;

impl VisitorMut for OpenSlices {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        let Expr::CompoundFieldAccess { access_chain, .. } = expression else {
            return ControlFlow::Continue(());
        };
        for access in access_chain {
            // With steps, it may go backwards.
            if let AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride: None }) = access
            {
                lower_bound.get_or_insert_with(one);
                upper_bound
                    .get_or_insert_with(|| Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(one()) });
            }
        }
        ControlFlow::Continue(())
    }
}

fn one() -> Expr {
    Expr::Value(Value::Number("1".to_owned(), false).into())
}
