//! Functions of other engines that DataFusion has under another name, or as an operator.

use arrow::compute::kernels::numeric::rem;
use arrow::datatypes::DataType;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::functions::math::signum;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

/// `sign(x)` and `mod(a, b)`.
pub(in crate::engine) fn other_names() -> [ScalarUDF; 2] {
    let modulo = Modulo { signature: Signature::numeric(2, Volatility::Immutable) };
    [signum().as_ref().clone().with_aliases(["sign"]), ScalarUDF::new_from_impl(modulo)]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Modulo {
    signature: Signature,
}

impl ScalarUDFImpl for Modulo {
    fn name(&self) -> &'static str {
        "mod"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> DfResult<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Null))
    }

    fn simplify(&self, arguments: Vec<Expr>, _: &SimplifyContext) -> DfResult<ExprSimplifyResult> {
        Ok(match <[Expr; 2]>::try_from(arguments) {
            Ok([left, right]) => {
                let (left, right) = (Box::new(left), Box::new(right));
                let rest = BinaryExpr { left, op: Operator::Modulo, right };
                ExprSimplifyResult::Simplified(Expr::BinaryExpr(rest))
            }
            Err(arguments) => ExprSimplifyResult::Original(arguments),
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let [left, right] = &arguments.args[..] else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Null));
        };
        let rows = arguments.number_rows;
        Ok(ColumnarValue::Array(rem(&left.to_array(rows)?, &right.to_array(rows)?)?))
    }
}
