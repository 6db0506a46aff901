//! Comparisons of floats: NaN is one number, above all others, and 0 and -0 are one number.
//!
//! Arrow compares bits: a NaN with a sign is below all numbers, and -0 below 0. PostgreSQL, DuckDB and this module say that
//! NaN is NaN, whatever its bits are.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float16Type, Float32Type, Float64Type};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{Between, Case, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use half::f16;

use crate::engine::exact_times::is_comparison;

/// Gives floats one NaN and one zero wherever a plan compares them. The types of all expressions fit.
#[derive(Debug)]
pub(super) struct OneNan;

impl AnalyzerRule for OneNan {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let mut schema = merge_schema(&plan.inputs());
            if let LogicalPlan::TableScan(scan) = &plan {
                let own = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema());
                schema.merge(&own?);
            }
            let names = NamePreserver::new(&plan);
            let is_sort = matches!(plan, LogicalPlan::Sort(_));
            plan.map_expressions(|expression| {
                let name = names.save(&expression);
                let mut changed = with_one_nan(expression, &schema)?;
                // What rows are ordered by is compared.
                if is_sort {
                    changed = changed.transform_data(|key| Ok(plain_side(key, &schema)))?;
                }
                // The keys of a sort are no columns of what it gives.
                let is_named = changed.transformed && !is_sort;
                Ok(if is_named { changed.update_data(|data| name.restore(data)) } else { changed })
            })
        })
        .map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "one_nan"
    }
}

/// The same expression, whose comparisons see one NaN and one zero.
pub(super) fn with_one_nan(expression: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    expression.transform_up(|part| {
        let mut changed = false;
        let mut plain = |side: Expr| {
            let side = plain_side(side, schema);
            changed |= side.transformed;
            side.data
        };
        let data = match part {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
                let (left, right) = (Box::new(plain(*left)), Box::new(plain(*right)));
                Expr::BinaryExpr(BinaryExpr { left, op, right })
            }
            Expr::Between(Between { expr, negated, low, high }) => {
                let [expr, low, high] = [expr, low, high].map(|side| Box::new(plain(*side)));
                Expr::Between(Between { expr, negated, low, high })
            }
            Expr::InList(InList { expr, list, negated }) => {
                let expr = Box::new(plain(*expr));
                Expr::InList(InList { expr, list: list.into_iter().map(plain).collect(), negated })
            }
            Expr::Case(Case { expr: Some(expr), when_then_expr, else_expr }) => {
                let expr = Some(Box::new(plain(*expr)));
                let cases = when_then_expr.into_iter().map(|(when, then)| (Box::new(plain(*when)), then));
                Expr::Case(Case { expr, when_then_expr: cases.collect(), else_expr })
            }
            other => other,
        };
        Ok(if changed { Transformed::yes(data) } else { Transformed::no(data) })
    })
}

/// The same condition for statistics, which leave NaN out of the bounds of a column: comparisons stay as they are where no
/// NaN meets them, and are hidden elsewhere. A condition of this kind is not to be asked of rows.
pub(super) fn for_statistics(condition: Expr, schema: &DFSchema) -> DfResult<Expr> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let (left, right) = (for_statistics(*left, schema)?, for_statistics(*right, schema)?);
            Ok(Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op, right: Box::new(right) }))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let is_safe = match op {
                Operator::Eq => {
                    (is_bounded(&left) && is_number(&right)) || (is_number(&left) && is_bounded(&right))
                }
                Operator::Lt | Operator::LtEq => is_bounded(&left) && is_number(&right),
                Operator::Gt | Operator::GtEq => is_number(&left) && is_bounded(&right),
                _ => false,
            };
            let whole = Expr::BinaryExpr(BinaryExpr { left, op, right });
            if is_safe { Ok(whole) } else { with_one_nan(whole, schema).map(|changed| changed.data) }
        }
        other => with_one_nan(other, schema).map(|changed| changed.data),
    }
}

/// A column, or a column as another type.
fn is_bounded(side: &Expr) -> bool {
    match side {
        Expr::Column(_) => true,
        Expr::Cast(cast) => matches!(&*cast.expr, Expr::Column(_)),
        _ => false,
    }
}

/// A value that is not NaN.
fn is_number(side: &Expr) -> bool {
    match side {
        Expr::Literal(ScalarValue::Float64(Some(number)), _) => !number.is_nan(),
        Expr::Literal(ScalarValue::Float32(Some(number)), _) => !number.is_nan(),
        Expr::Literal(ScalarValue::Float16(Some(number)), _) => !number.is_nan(),
        Expr::Literal(value, _) => !value.data_type().is_floating(),
        _ => false,
    }
}

/// A side of a comparison with one NaN and one zero.
fn plain_side(side: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match side {
        Expr::Literal(value, metadata) => {
            let plain = plain_value(value.clone());
            // Equal values of other bits are unequal here.
            if plain == value {
                Transformed::no(Expr::Literal(value, metadata))
            } else {
                Transformed::yes(Expr::Literal(plain, metadata))
            }
        }
        side if may_be_odd(&side, schema) => {
            let function = Arc::new(ScalarUDF::new_from_impl(OneNanFunction::default()));
            Transformed::yes(function.call(vec![side]))
        }
        side => Transformed::no(side),
    }
}

/// Whether it is a float that may be NaN or -0. What was a whole number is neither.
fn may_be_odd(side: &Expr, schema: &DFSchema) -> bool {
    let is_whole = |of: &Expr| of.get_type(schema).is_ok_and(|of| of.is_integer() || of.is_decimal());
    let is_plain = match side {
        Expr::Cast(cast) => is_whole(&cast.expr),
        Expr::ScalarFunction(call) => call.func.name() == NAME,
        _ => false,
    };
    !is_plain && side.get_type(schema).is_ok_and(|of| of.is_floating())
}

/// The function, for the executors of a cluster: what is planned here calls it by name.
#[cfg(feature = "cluster")]
pub(super) fn one_nan() -> ScalarUDF {
    ScalarUDF::new_from_impl(OneNanFunction::default())
}

const NAME: &str = "one_nan";

/// Floats with one NaN and one zero.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OneNanFunction {
    signature: Signature,
}

impl Default for OneNanFunction {
    fn default() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for OneNanFunction {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> DfResult<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Float64))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        Ok(match arguments.args.into_iter().next() {
            Some(ColumnarValue::Scalar(value)) => ColumnarValue::Scalar(plain_value(value)),
            Some(ColumnarValue::Array(array)) => ColumnarValue::Array(plain_floats(&array)),
            None => ColumnarValue::Scalar(ScalarValue::Null),
        })
    }
}

fn plain_value(value: ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::Float64(Some(number)) => ScalarValue::Float64(Some(plain_double(number))),
        ScalarValue::Float32(Some(number)) => ScalarValue::Float32(Some(plain_single(number))),
        ScalarValue::Float16(Some(number)) => ScalarValue::Float16(Some(plain_half(number))),
        other => other,
    }
}

/// Floats with one NaN and one zero; other arrays as they are.
pub(super) fn plain_floats(array: &ArrayRef) -> ArrayRef {
    fn map<T: ArrowPrimitiveType>(array: &ArrayRef, plain: impl Fn(T::Native) -> T::Native) -> ArrayRef {
        let plain: PrimitiveArray<T> = array.as_primitive::<T>().unary(plain);
        Arc::new(plain)
    }
    match array.data_type() {
        DataType::Float64 => map::<Float64Type>(array, plain_double),
        DataType::Float32 => map::<Float32Type>(array, plain_single),
        DataType::Float16 => map::<Float16Type>(array, plain_half),
        _ => Arc::clone(array),
    }
}

fn plain_double(number: f64) -> f64 {
    if number.is_nan() { f64::NAN } else { number + 0.0 }
}

fn plain_single(number: f32) -> f32 {
    if number.is_nan() { f32::NAN } else { number + 0.0 }
}

fn plain_half(number: f16) -> f16 {
    if number.is_nan() {
        f16::NAN
    } else if number == f16::ZERO {
        f16::ZERO
    } else {
        number
    }
}

/// Bounds of a column as statistics give them: a bound that is NaN says nothing.
pub(super) fn plain_bounds(array: &ArrayRef) -> ArrayRef {
    fn known<T: ArrowPrimitiveType>(array: &ArrayRef, is_nan: impl Fn(T::Native) -> bool) -> ArrayRef {
        let bounds = array.as_primitive::<T>().iter().map(|bound| bound.filter(|bound| !is_nan(*bound)));
        Arc::new(bounds.collect::<PrimitiveArray<T>>())
    }
    let plain = plain_floats(array);
    match plain.data_type() {
        DataType::Float64 => known::<Float64Type>(&plain, f64::is_nan),
        DataType::Float32 => known::<Float32Type>(&plain, f32::is_nan),
        DataType::Float16 => known::<Float16Type>(&plain, f16::is_nan),
        _ => plain,
    }
}
