//! Quotients and remainders of whole numbers are whole, also of unsigned ones of 64 bits beside signed ones: for DataFusion,
//! both are decimals then, and 7 / 2 is 3.5. And what counts gives signed numbers.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::compute::{CastOptions, cast_with_options, try_binary};
use arrow::datatypes::{DataType, Decimal128Type};
use arrow::error::ArrowError;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{AggregateFunction, Case, ScalarFunction, WindowFunction};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility, Window, cast, lit,
};

use crate::engine::errors::external;
use crate::engine::rules::compared::exact_rows;
use crate::error::Error;

/// Holds all whole numbers of 64 bits, and what sums and products of them hold.
const WIDE: DataType = DataType::Decimal128(38, 0);

/// The same expression, if it is a quotient of whole numbers a whole one.
pub(super) fn with_whole_quotients(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let (left, op, right) = match part {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Divide | Operator::Modulo), right }) => {
            (*left, op, *right)
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "mod" => {
            match <[Expr; 2]>::try_from(args) {
                Ok([left, right]) if is_mixed(&left, &right, schema) => (left, Operator::Modulo, right),
                Ok(args) => return Transformed::no(func.call(args.into())),
                Err(args) => return Transformed::no(func.call(args)),
            }
        }
        part => return Transformed::no(part),
    };
    let quotient =
        |left, right| Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op, right: Box::new(right) });
    if !is_mixed(&left, &right, schema) {
        return Transformed::no(quotient(left, right));
    }
    let (of_left, of_right) = (natural(&left, schema), natural(&right, schema));
    Transformed::yes(if let (Some(left), Some(right)) = (of_left, of_right) {
        quotient(left, right)
    } else {
        let is_remainder = op == Operator::Modulo;
        Arc::new(whole_quotient(is_remainder)).call(vec![cast(left, WIDE), cast(right, WIDE)])
    })
}

/// Whether both sides are whole numbers that DataFusion divides as decimals.
fn is_mixed(left: &Expr, right: &Expr, schema: &DFSchema) -> bool {
    let sides = [operands(left), operands(right)];
    let is_unsigned = |side: &&Expr| side.get_type(schema).is_ok_and(|of| of == DataType::UInt64);
    sides.iter().flatten().any(is_unsigned) && sides.iter().all(|side| are_whole(side, schema))
}

/// Whether it is a whole number: an integer, or what operators make of integers.
pub(super) fn is_whole(side: &Expr, schema: &DFSchema) -> bool {
    are_whole(&operands(side), schema)
}

fn are_whole(operands: &[&Expr], schema: &DFSchema) -> bool {
    let is =
        |what: fn(&DataType) -> bool| move |side: &&Expr| side.get_type(schema).is_ok_and(|of| what(&of));
    operands.iter().any(is(DataType::is_integer))
        && operands.iter().all(is(|of| of.is_integer() || of.is_null()))
}

/// What an operator calculates with, or a choice chooses from, down to what is neither.
fn operands(side: &Expr) -> Vec<&Expr> {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    match side {
        Expr::Alias(alias) => operands(&alias.expr),
        Expr::Negative(side) => operands(side),
        Expr::ScalarFunction(call) if call.func.name() == "abs" => {
            call.args.iter().flat_map(operands).collect()
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Plus | Minus | Multiply | Divide | Modulo, right }) => {
            [operands(left), operands(right)].concat()
        }
        other => match choices(other) {
            Some(choices) => choices.into_iter().flat_map(operands).collect(),
            None => vec![other],
        },
    }
}

/// The values of which an expression gives one.
fn choices(side: &Expr) -> Option<Vec<&Expr>> {
    match side {
        Expr::Case(Case { when_then_expr, else_expr, .. }) => {
            let then = when_then_expr.iter().map(|(_, then)| &**then);
            Some(then.chain(else_expr.as_deref()).collect())
        }
        Expr::ScalarFunction(call)
            if ["coalesce", "greatest", "least", "nullif", "nvl"].contains(&call.func.name()) =>
        {
            Some(call.args.iter().collect())
        }
        Expr::ScalarFunction(call) if call.func.name() == "nvl2" => Some(call.args.iter().skip(1).collect()),
        _ => None,
    }
}

/// A side as an unsigned number of 64 bits, if it is one whatever its value.
fn natural(side: &Expr, schema: &DFSchema) -> Option<Expr> {
    if let Expr::Literal(value, _) = side
        && let ScalarValue::Int64(Some(number)) = value
    {
        return u64::try_from(*number).ok().map(lit);
    }
    let is_unsigned =
        |side: &&Expr| side.get_type(schema).is_ok_and(|of| of.is_unsigned_integer() || of.is_null());
    if !side.get_type(schema).ok()?.is_unsigned_integer() || !operands(side).iter().all(is_unsigned) {
        return None;
    }
    Some(cast(side.clone(), DataType::UInt64))
}

/// The same rows, where windows and aggregates that give unsigned numbers of 64 bits of what is none, such as
/// `approx_distinct` and sums of few bits, give signed ones.
pub(super) fn with_signed_counts(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let (input, expressions) = match &plan {
        LogicalPlan::Window(Window { input, window_expr, .. }) => (input, window_expr),
        LogicalPlan::Aggregate(Aggregate { input, aggr_expr, .. }) => (input, aggr_expr),
        _ => return Ok(Transformed::no(plan)),
    };
    let counts = expressions.iter().map(|expression| is_unsigned_count(expression, input.schema()));
    let counts: Vec<bool> = counts.collect();
    if !counts.contains(&true) {
        return Ok(Transformed::no(plan));
    }
    // They come last.
    let before = plan.schema().fields().len().saturating_sub(counts.len());
    let signed = counts.into_iter().map(|is_count| is_count.then_some(DataType::Int64));
    let to: Vec<Option<DataType>> = std::iter::repeat_n(None, before).chain(signed).collect();
    Ok(Transformed::yes(Arc::unwrap_or_clone(exact_rows(&Arc::new(plan), &to)?)))
}

fn is_unsigned_count(expression: &Expr, schema: &DFSchema) -> bool {
    let arguments = match expression {
        Expr::Alias(alias) => return is_unsigned_count(&alias.expr, schema),
        Expr::AggregateFunction(AggregateFunction { params, .. }) => &params.args,
        Expr::WindowFunction(window) => {
            let WindowFunction { params, .. } = &**window;
            &params.args
        }
        _ => return false,
    };
    let is_unsigned = |of: &DataType| *of == DataType::UInt64;
    expression.get_type(schema).is_ok_and(|of| is_unsigned(&of))
        && arguments.iter().all(|of| of.get_type(schema).is_ok_and(|of| !of.is_nested() && !is_unsigned(&of)))
}

/// The functions, which a cluster calls by name.
pub(in crate::engine) fn whole_quotient(is_remainder: bool) -> ScalarUDF {
    let signature = Signature::any(2, Volatility::Immutable);
    ScalarUDF::new_from_impl(WholeQuotient { is_remainder, signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WholeQuotient {
    is_remainder: bool,
    signature: Signature,
}

impl ScalarUDFImpl for WholeQuotient {
    fn name(&self) -> &'static str {
        if self.is_remainder { "whole_remainder" } else { "whole_quotient" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let are_values = arguments.args.iter().all(|side| matches!(side, ColumnarValue::Scalar(_)));
        let rows = if are_values { 1 } else { arguments.number_rows };
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let side = |side: &ColumnarValue| cast_with_options(&side.to_array(rows)?, &WIDE, &strict);
        let [left, right] = &arguments.args[..] else {
            return Err(external(Error::internal("a quotient has two sides")));
        };
        let (left, right) = (side(left)?, side(right)?);
        let quotients: Int64Array = try_binary(
            left.as_primitive::<Decimal128Type>(),
            right.as_primitive::<Decimal128Type>(),
            |over: i128, under: i128| {
                if under == 0 {
                    return Err(ArrowError::DivideByZero);
                }
                let quotient =
                    if self.is_remainder { over.checked_rem(under) } else { over.checked_div(under) };
                let failed = || ArrowError::ArithmeticOverflow(format!("{over} / {under}"));
                quotient.and_then(|of| i64::try_from(of).ok()).ok_or_else(failed)
            },
        )
        .map_err(|cause| match cause {
            ArrowError::ArithmeticOverflow(what) => {
                external(Error::input(format!("{what} is beyond a 64-bit integer")).hint(
                    "divide numbers without a sign: CAST(a AS BIGINT UNSIGNED) / CAST(b AS BIGINT UNSIGNED)",
                ))
            }
            other => other.into(),
        })?;
        let quotients: ArrayRef = Arc::new(quotients);
        Ok(if are_values {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&quotients, 0)?)
        } else {
            ColumnarValue::Array(quotients)
        })
    }
}
