//! `extract(year FROM t) < 2300` stays a condition on a year. DataFusion asks for `t < '2300-01-01'` instead, which is NULL
//! where the type of `t` ends before.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

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

/// A function without what the planner knows of its values.
#[derive(Debug, PartialEq, Eq, Hash)]
struct KeptCall {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for KeptCall {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> DfResult<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> DfResult<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        self.inner.invoke_with_args(arguments)
    }
}
