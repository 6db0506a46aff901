//! What the planner turns into something else stays as it is written.
//!
//! * `extract(year FROM t) < 2300` is a condition on a year. DataFusion asks for `t < '2300-01-01'`, which is NULL where the
//!   type of `t` ends before.
//! * `CASE WHEN x = 0 THEN false ELSE 10 / x > 4 END` divides where `x` is not 0. DataFusion makes AND and OR of it, of which
//!   all sides are computed.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::expr::{Case, ScalarFunction};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, cast, lit,
};

use crate::engine::rules::own_functions::called_as_inner;

/// Functions whose conditions DataFusion turns into conditions on their arguments.
const TURNED: [&str; 2] = ["date_part", "floor"];

/// The same call, which is not turned into something else.
pub(super) fn with_kept_calls(part: Expr) -> Transformed<Expr> {
    match part {
        Expr::ScalarFunction(ScalarFunction { func, args })
            if TURNED.contains(&func.name()) && !func.inner().is::<KeptCall>() =>
        {
            let func = Arc::new(ScalarUDF::new_from_impl(KeptCall { inner: func }));
            Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args }))
        }
        other => Transformed::no(other),
    }
}

/// The same CASE, whose conditions are asked for its own rows alone.
pub(super) fn with_kept_branches(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::Case(Case { expr, when_then_expr, else_expr }) = part else { return Transformed::no(part) };
    let is_truth = |of: &Expr| of.get_type(schema).is_ok_and(|of| of == DataType::Boolean);
    let is_plain = |of: &Expr| matches!(of, Expr::Literal(..) | Expr::Column(_));
    let values = || when_then_expr.iter().map(|(_, value)| &**value).chain(else_expr.as_deref());
    if !values().all(|of| is_truth(of) || matches!(of, Expr::Literal(value, _) if value.is_null()))
        || values().all(is_plain)
    {
        return Transformed::no(Expr::Case(Case { expr, when_then_expr, else_expr }));
    }
    let number = |of: Box<Expr>| Box::new(cast(*of, DataType::Int8));
    let when_then_expr = when_then_expr.into_iter().map(|(when, value)| (when, number(value))).collect();
    let case = Expr::Case(Case { expr, when_then_expr, else_expr: else_expr.map(number) });
    Transformed::yes(case.not_eq(lit(0_i8)))
}

/// A function without what the planner knows of its values.
#[derive(Debug, PartialEq, Eq, Hash)]
struct KeptCall {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for KeptCall {
    called_as_inner!();

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        self.inner.invoke_with_args(arguments)
    }
}
