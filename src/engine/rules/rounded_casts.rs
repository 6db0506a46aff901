//! Casts of fractions to whole numbers round them, as in other engines: decimals half away from zero, floats half to even.
//! DataFusion cuts them.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::compute::{cast as cast_array, unary};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TryCast, Volatility, cast, try_cast,
};

use crate::engine::rules::exact_decimals::as_decimal;

const NAME: &str = "round_half_even";

/// The same cast, of a whole number if it is a cast to one.
pub(super) fn with_rounded_casts(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match part {
        Expr::Cast(Cast { expr, field }) if field.data_type().is_integer() => {
            rounded(*expr, schema, cast).update_data(|expr| Expr::Cast(Cast { expr: Box::new(expr), field }))
        }
        Expr::TryCast(TryCast { expr, field }) if field.data_type().is_integer() => {
            rounded(*expr, schema, try_cast)
                .update_data(|expr| Expr::TryCast(TryCast { expr: Box::new(expr), field }))
        }
        // A number as it is written, of which a double is only near.
        Expr::Cast(Cast { expr, field }) if field.data_type().is_decimal() => {
            as_decimal(*expr).update_data(|expr| Expr::Cast(Cast { expr: Box::new(expr), field }))
        }
        part => Transformed::no(part),
    }
}

fn rounded(side: Expr, schema: &DFSchema, to: impl Fn(Expr, DataType) -> Expr) -> Transformed<Expr> {
    // What is written is a decimal: 2.5 is no float here.
    let side = match side {
        Expr::Literal(ScalarValue::Float64(_), _) => as_decimal(side).data,
        side => side,
    };
    let of = match side.get_type(schema) {
        Ok(DataType::Dictionary(_, of)) => *of,
        Ok(of) => of,
        Err(_) => return Transformed::no(side),
    };
    // One digit more, which 9.6 needs.
    let digits = |all: u8, scale: i8| u8::try_from((i16::from(all) - i16::from(scale) + 1).max(1)).ok();
    let whole = match of {
        DataType::Decimal32(all, scale)
        | DataType::Decimal64(all, scale)
        | DataType::Decimal128(all, scale)
            if scale > 0 =>
        {
            digits(all, scale).map(|all| DataType::Decimal128(all, 0))
        }
        DataType::Decimal256(all, scale) if scale > 0 => {
            digits(all, scale).map(|all| DataType::Decimal256(all, 0))
        }
        of if of.is_floating() && !is_rounded(&side) => {
            return Transformed::yes(Arc::new(round_half_even()).call(vec![side]));
        }
        _ => None,
    };
    match whole {
        Some(whole) => Transformed::yes(to(side, whole)),
        None => Transformed::no(side),
    }
}

/// Whether it is what a view had rounded before.
fn is_rounded(side: &Expr) -> bool {
    matches!(side, Expr::ScalarFunction(call) if call.func.name() == NAME)
}

/// The function, which a cluster calls by name.
pub(in crate::engine) fn round_half_even() -> ScalarUDF {
    ScalarUDF::new_from_impl(RoundHalfEven { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RoundHalfEven {
    signature: Signature,
}

impl ScalarUDFImpl for RoundHalfEven {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let round = |of: &ArrayRef| {
            let doubles = cast_array(of, &DataType::Float64)?;
            let whole: Float64Array = unary(doubles.as_primitive::<Float64Type>(), f64::round_ties_even);
            Ok::<ArrayRef, datafusion::common::DataFusionError>(Arc::new(whole))
        };
        Ok(match arguments.args.first() {
            Some(ColumnarValue::Array(array)) => ColumnarValue::Array(round(array)?),
            Some(ColumnarValue::Scalar(value)) => {
                ColumnarValue::Scalar(ScalarValue::try_from_array(&round(&value.to_array()?)?, 0)?)
            }
            None => ColumnarValue::Scalar(ScalarValue::Float64(None)),
        })
    }
}
