//! Arithmetic of integers and decimals that fails where it overflows: DataFusion's own wraps around, shifts by 64 bits
//! as by none, and gives decimals of more digits than their type has.

use std::mem::size_of;
use std::ops::{Shl, Shr};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray, PrimitiveArray, downcast_integer_array};
use arrow::compute::kernels::arity::try_binary;
use arrow::compute::kernels::numeric::{add, mul, neg, sub};
use arrow::datatypes::{ArrowNativeType, ArrowPrimitiveType, DataType, Field, FieldRef};
use arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

use crate::engine::errors::external;
use crate::engine::rules::decimal_arithmetic::{decimal_result, decimal_results};
use crate::error::Error;
use crate::source::type_words::type_words;

/// Replaces operators of integers and decimals by functions that check them.
#[derive(Debug)]
pub(in crate::engine) struct ExactArithmetic;

impl AnalyzerRule for ExactArithmetic {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan.transform_up_with_subqueries(checked_node).map(|plan| plan.data)
    }

    fn name(&self) -> &'static str {
        "exact_arithmetic"
    }
}

fn checked_node(node: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let mut schema = merge_schema(&node.inputs());
    if let LogicalPlan::TableScan(scan) = &node {
        schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?);
    }
    let names = NamePreserver::new(&node);
    node.map_expressions(|expression| {
        let name = names.save(&expression);
        let checked = with_exact_arithmetic(expression, &schema)?;
        Ok(if checked.transformed { checked.update_data(|data| name.restore(data)) } else { checked })
    })
}

/// The same expression, whose integers do not wrap around. The types of all expressions fit.
pub(in crate::engine) fn with_exact_arithmetic(
    expression: Expr,
    schema: &DFSchema,
) -> DfResult<Transformed<Expr>> {
    expression.transform_up(|part| Ok(checked_part(part, schema)))
}

fn checked_part(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let (left, op, right) = match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => (left, op, right),
        Expr::Negative(side) if side.get_type(schema).is_ok_and(|of| of.is_integer()) => {
            let function = Arc::new(ScalarUDF::new_from_impl(ExactOperator::new(ArithmeticKind::Negation)));
            return Transformed::yes(function.call(vec![*side]));
        }
        part => return Transformed::no(part),
    };
    let checked = match (left.get_type(schema), right.get_type(schema), ArithmeticKind::of(op)) {
        (Ok(left), Ok(right), Some(kind)) => kind.checks(&left, &right).then_some(kind),
        _ => None,
    };
    match checked {
        Some(kind) => {
            let function = Arc::new(ScalarUDF::new_from_impl(ExactOperator::new(kind)));
            Transformed::yes(function.call(vec![*left, *right]))
        }
        None => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ArithmeticKind {
    Sum,
    Difference,
    Product,
    Quotient,
    Remainder,
    LeftShift,
    RightShift,
    Negation,
}

/// The kinds and their operators.
const OPERATORS: [(ArithmeticKind, Operator); 7] = [
    (ArithmeticKind::Sum, Operator::Plus),
    (ArithmeticKind::Difference, Operator::Minus),
    (ArithmeticKind::Product, Operator::Multiply),
    (ArithmeticKind::Quotient, Operator::Divide),
    (ArithmeticKind::Remainder, Operator::Modulo),
    (ArithmeticKind::LeftShift, Operator::BitwiseShiftLeft),
    (ArithmeticKind::RightShift, Operator::BitwiseShiftRight),
];

impl ArithmeticKind {
    fn of(op: Operator) -> Option<Self> {
        OPERATORS.iter().find(|(_, of)| *of == op).map(|(kind, _)| *kind)
    }

    fn operator(self) -> Operator {
        OPERATORS.iter().find(|(kind, _)| *kind == self).map_or(Operator::Minus, |(_, op)| *op)
    }

    /// Whether the operator is one that is checked here, for sides of these types.
    fn checks(self, left: &DataType, right: &DataType) -> bool {
        let are_integers = left.is_integer() && left == right;
        // Quotients of integers fit, and the kernels of Arrow check the one that does not.
        let is_quotient = matches!(self, Self::Quotient | Self::Remainder);
        are_integers && !is_quotient || decimal_result(left, self.operator(), right).is_some()
    }

    /// How a query has the call, with what its sides are called.
    fn written(self, sides: &[String]) -> String {
        match sides {
            [left, right] => format!("{left} {} {right}", self.operator()),
            [side] => format!("-{side}"),
            _ => self.operator().to_string(),
        }
    }

    fn sides(self) -> usize {
        if self == Self::Negation { 1 } else { 2 }
    }

    /// What to do about a result that does not fit.
    fn hint(self, of: &DataType) -> &'static str {
        match self {
            Self::Negation => "cast to a wider type first, as in -CAST(a AS BIGINT) or a * -1.0",
            Self::LeftShift | Self::RightShift => {
                "shift by 0 up to the bits of the type less one, and cast to a wider type first: CAST(a AS BIGINT) << b"
            }
            _ if of.is_decimal() => {
                "cast to a wider type first, as in CAST(a AS DECIMAL(76, 10)) or CAST(a AS DOUBLE)"
            }
            _ => "cast one side to a wider type, as in CAST(a AS BIGINT) + b or a * 1.0",
        }
    }
}

/// The functions, for the executors of a cluster: what is planned here calls them by name.
#[cfg(feature = "cluster")]
pub(in crate::engine) fn operators() -> [ScalarUDF; 8] {
    use ArithmeticKind::{Difference, LeftShift, Negation, Product, Quotient, Remainder, RightShift, Sum};
    [Sum, Difference, Product, Quotient, Remainder, LeftShift, RightShift, Negation]
        .map(|kind| ScalarUDF::new_from_impl(ExactOperator::new(kind)))
}

/// One operator over integers of one type, or over decimals.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactOperator {
    kind: ArithmeticKind,
    signature: Signature,
}

impl ExactOperator {
    fn new(kind: ArithmeticKind) -> Self {
        Self { kind, signature: Signature::any(kind.sides(), Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ExactOperator {
    fn name(&self) -> &'static str {
        match self.kind {
            ArithmeticKind::Sum => "exact_sum",
            ArithmeticKind::Difference => "exact_difference",
            ArithmeticKind::Product => "exact_product",
            ArithmeticKind::Quotient => "exact_quotient",
            ArithmeticKind::Remainder => "exact_remainder",
            ArithmeticKind::LeftShift => "exact_left_shift",
            ArithmeticKind::RightShift => "exact_right_shift",
            ArithmeticKind::Negation => "exact_negation",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> DfResult<DataType> {
        let of_decimals = match arguments {
            [left, right] => decimal_result(left, self.kind.operator(), right),
            _ => None,
        };
        Ok(of_decimals.or_else(|| arguments.first().cloned()).unwrap_or(DataType::Int64))
    }

    /// Its name is what messages call it.
    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> DfResult<FieldRef> {
        let types: Vec<DataType> =
            arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let sides = arguments.arg_fields.iter().zip(arguments.scalar_arguments);
        let sides = sides.map(|(field, value)| side(field, *value)).collect::<Vec<_>>();
        Ok(Arc::new(Field::new(self.kind.written(&sides), self.return_type(&types)?, true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let are_values = arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if are_values { 1 } else { arguments.number_rows };
        let arrays = arguments.args.iter().map(|argument| argument.to_array(rows));
        let arrays = arrays.collect::<DfResult<Vec<_>>>()?;
        let of = arguments.return_field.data_type();
        let result = match self.results(&arrays, of) {
            Ok(result) => result,
            Err(cause) if !of.is_decimal() => {
                let message = format!("a result of integer arithmetic does not fit its type: {cause}");
                return Err(external(Error::input(message).hint(self.kind.hint(of))));
            }
            Err(ArrowError::ArithmeticOverflow(value)) => {
                let sides =
                    arguments.arg_fields.iter().zip(&arguments.args).map(|(field, value)| match value {
                        ColumnarValue::Scalar(value) => side(field, Some(value)),
                        ColumnarValue::Array(_) => side(field, None),
                    });
                let written = self.kind.written(&sides.collect::<Vec<_>>());
                let message = format!("{written}: {value} is beyond {}", type_words(of));
                return Err(external(Error::input(message).hint(self.kind.hint(of))));
            }
            Err(cause) => return Err(cause.into()),
        };
        if are_values && result.len() == 1 {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

impl ExactOperator {
    fn results(&self, sides: &[ArrayRef], of: &DataType) -> Result<ArrayRef, ArrowError> {
        match (self.kind, sides) {
            (kind, [left, right]) if of.is_decimal() => decimal_results(kind.operator(), left, right, of),
            (ArithmeticKind::Sum, [left, right]) => add(left, right),
            (ArithmeticKind::Difference, [left, right]) => sub(left, right),
            (ArithmeticKind::Product, [left, right]) => mul(left, right),
            (ArithmeticKind::LeftShift | ArithmeticKind::RightShift, [left, right]) => {
                let is_left = self.kind == ArithmeticKind::LeftShift;
                downcast_integer_array!(
                    left => shifted(left, right, is_left),
                    _ => Err(ArrowError::InvalidArgumentError("only integers are shifted".to_owned()))
                )
            }
            (ArithmeticKind::Negation, [side]) => neg(side.as_ref()),
            _ => Err(ArrowError::InvalidArgumentError("an operator has other sides".to_owned())),
        }
    }
}

/// Integers, each shifted by the bits of the other side, which is of the same type.
fn shifted<T: ArrowPrimitiveType>(
    left: &PrimitiveArray<T>,
    right: &ArrayRef,
    is_left: bool,
) -> Result<ArrayRef, ArrowError>
where
    T::Native: Shl<Output = T::Native> + Shr<Output = T::Native>,
{
    let bits = size_of::<T::Native>() * 8;
    let result: PrimitiveArray<T> = try_binary(left, right.as_primitive::<T>(), |number, by| {
        let sign = if is_left { "<<" } else { ">>" };
        let failed = || ArrowError::ArithmeticOverflow(format!("{number:?} {sign} {by:?}"));
        if by.to_usize().is_none_or(|by| by >= bits) {
            return Err(failed());
        }
        let result = if is_left { number << by } else { number >> by };
        if is_left && result >> by != number { Err(failed()) } else { Ok(result) }
    })?;
    Ok(Arc::new(result))
}

/// What a message calls a side.
fn side(field: &FieldRef, value: Option<&ScalarValue>) -> String {
    value.map_or_else(|| field.name().clone(), ToString::to_string)
}
