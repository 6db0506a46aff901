//! Integer arithmetic that fails where it overflows: DataFusion's own wraps around, and shifts by 64 bits as by none.

use std::mem::size_of;
use std::ops::{Shl, Shr};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray, PrimitiveArray, downcast_integer_array};
use arrow::compute::kernels::arity::try_binary;
use arrow::compute::kernels::numeric::{add, mul, neg, sub};
use arrow::datatypes::{ArrowNativeType, ArrowPrimitiveType, DataType};
use arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

use crate::engine::errors::external;
use crate::error::Error;

/// Replaces sums, differences, products, shifts and negations of integers by functions that check them.
#[derive(Debug)]
pub(super) struct ExactArithmetic;

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
pub(super) fn with_exact_arithmetic(expression: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
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
    let integer = |side: &Expr| side.get_type(schema).ok().filter(DataType::is_integer);
    let same = integer(&left).filter(|kind| integer(&right).as_ref() == Some(kind));
    match (same, ArithmeticKind::of(op)) {
        (Some(_), Some(kind)) => {
            let function = Arc::new(ScalarUDF::new_from_impl(ExactOperator::new(kind)));
            Transformed::yes(function.call(vec![*left, *right]))
        }
        _ => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ArithmeticKind {
    Sum,
    Difference,
    Product,
    LeftShift,
    RightShift,
    Negation,
}

impl ArithmeticKind {
    fn of(op: Operator) -> Option<Self> {
        match op {
            Operator::Plus => Some(Self::Sum),
            Operator::Minus => Some(Self::Difference),
            Operator::Multiply => Some(Self::Product),
            Operator::BitwiseShiftLeft => Some(Self::LeftShift),
            Operator::BitwiseShiftRight => Some(Self::RightShift),
            _ => None,
        }
    }

    fn sides(self) -> usize {
        if self == Self::Negation { 1 } else { 2 }
    }

    /// What to do about a result that does not fit.
    fn hint(self) -> &'static str {
        match self {
            Self::Negation => "cast to a wider type first, as in -CAST(a AS BIGINT) or a * -1.0",
            Self::LeftShift | Self::RightShift => {
                "shift by 0 up to the bits of the type less one, and cast to a wider type first: CAST(a AS BIGINT) << b"
            }
            _ => "cast one side to a wider type, as in CAST(a AS BIGINT) + b or a * 1.0",
        }
    }
}

/// The functions, for the executors of a cluster: what is planned here calls them by name.
#[cfg(feature = "cluster")]
pub(super) fn operators() -> [ScalarUDF; 6] {
    use ArithmeticKind::{Difference, LeftShift, Negation, Product, RightShift, Sum};
    [Sum, Difference, Product, LeftShift, RightShift, Negation]
        .map(|kind| ScalarUDF::new_from_impl(ExactOperator::new(kind)))
}

/// One operator over integers of one type.
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
            ArithmeticKind::LeftShift => "exact_left_shift",
            ArithmeticKind::RightShift => "exact_right_shift",
            ArithmeticKind::Negation => "exact_negation",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> DfResult<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Int64))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let are_values = arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if are_values { 1 } else { arguments.number_rows };
        let arrays = arguments.args.iter().map(|argument| argument.to_array(rows));
        let arrays = arrays.collect::<DfResult<Vec<_>>>()?;
        let result = match (self.kind, &arrays[..]) {
            (ArithmeticKind::Sum, [left, right]) => add(left, right),
            (ArithmeticKind::Difference, [left, right]) => sub(left, right),
            (ArithmeticKind::Product, [left, right]) => mul(left, right),
            (ArithmeticKind::LeftShift | ArithmeticKind::RightShift, [left, right]) => {
                let is_left = self.kind == ArithmeticKind::LeftShift;
                downcast_integer_array!(
                    left => shifted(left, right, is_left),
                    _ => return Err(external(Error::internal("only integers are shifted")))
                )
            }
            (ArithmeticKind::Negation, [side]) => neg(side.as_ref()),
            _ => return Err(external(Error::internal("an operator has other sides"))),
        };
        let result = result.map_err(|cause| {
            external(
                Error::input(format!("a result of integer arithmetic does not fit its type: {cause}"))
                    .hint(self.kind.hint()),
            )
        })?;
        if are_values && result.len() == 1 {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
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
