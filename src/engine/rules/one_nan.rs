//! Comparisons of floats: NaN is one number, above all others, and 0 and -0 are one number; and of intervals, which are
//! one interval if they are equally long.
//!
//! Arrow compares bits: a NaN with a sign is below all numbers, and -0 below 0. PostgreSQL, DuckDB and this module say that
//! NaN is NaN, whatever its bits are.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, make_array};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, FieldRef, Float16Type, Float32Type, Float64Type,
};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{Alias, Between, Case, InList, InSubquery, SetComparison};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Distinct, DistinctOn, Expr, ExprSchemable, LogicalPlan, Operator, Projection,
    ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, SortExpr, Subquery, Volatility,
    not,
};
use datafusion::optimizer::AnalyzerRule;
use half::f16;

use crate::engine::errors::external;
use crate::engine::rules::compared::is_comparison;
use crate::engine::rules::interval_lengths::{plain_length, plain_lengths};
use crate::engine::rules::nested_order::{asks_order, check_nested, in_order, is_nested, no_order};

/// Gives floats one NaN and one zero wherever a plan compares them. The types of all expressions fit.
#[derive(Debug)]
pub(in crate::engine) struct OneNan;

impl AnalyzerRule for OneNan {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let schema = input_schema(&plan)?;
            let names = NamePreserver::new(&plan);
            let is_sort = matches!(plan, LogicalPlan::Sort(_));
            let is_keyed = is_sort || matches!(plan, LogicalPlan::Join(_) | LogicalPlan::Aggregate(_));
            let changed = plan.map_expressions(|expression| {
                let name = names.save(&expression);
                let mut changed = with_one_nan(expression, &schema)?;
                // What rows are ordered, joined or grouped by is compared.
                if is_keyed {
                    changed = changed.transform_data(|key| plain_key(key, &schema))?;
                }
                // The keys of a sort are no columns of what it gives.
                let is_named = changed.transformed && !is_sort;
                Ok(if is_named { changed.update_data(|data| name.restore(data)) } else { changed })
            })?;
            changed.transform_data(with_plain_rows)
        })
        .map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "one_nan"
    }
}

/// The columns that the expressions of a plan name.
pub(super) fn input_schema(plan: &LogicalPlan) -> DfResult<DFSchema> {
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = plan {
        let own = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema());
        schema.merge(&own?);
    }
    Ok(schema)
}

/// A key of rows with one NaN and one zero. What an aggregation computes is no key of it.
fn plain_key(key: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    match key {
        Expr::Alias(alias) => {
            let inner = plain_key(*alias.expr, schema)?;
            Ok(inner.update_data(|inner| Expr::Alias(Alias { expr: Box::new(inner), ..alias })))
        }
        Expr::GroupingSet(_) => key.map_children(|key| {
            let (relation, name) = key.qualified_name();
            let plain = plain_key(key, schema)?;
            let is_named = plain.transformed;
            Ok(plain.update_data(|key| if is_named { key.alias_qualified(relation, name) } else { key }))
        }),
        Expr::AggregateFunction(_) => Ok(Transformed::no(key)),
        key => Ok(plain_side(key, schema)),
    }
}

/// The same plan, where rows are the same ones if they differ by the bits of a NaN or a zero.
fn with_plain_rows(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let rows = plain_rows(input)?;
            Ok(rows.update_data(|rows| LogicalPlan::Distinct(Distinct::All(rows))))
        }
        LogicalPlan::Distinct(Distinct::On(on)) => {
            let schema = Arc::clone(on.input.schema());
            let comparable = |key: Expr| plain_key(key, &schema).map(|key| key.data);
            let on_expr = on.on_expr.into_iter().map(comparable).collect::<DfResult<_>>()?;
            let sort = |key: SortExpr| Ok(SortExpr { expr: comparable(key.expr)?, ..key });
            let sort_expr = on.sort_expr.map(|keys| keys.into_iter().map(sort).collect::<DfResult<_>>());
            let on = DistinctOn { on_expr, sort_expr: sort_expr.transpose()?, ..on };
            Ok(Transformed::yes(LogicalPlan::Distinct(Distinct::On(on))))
        }
        plan => Ok(Transformed::no(plan)),
    }
}

/// Rows whose floats have one NaN and one zero.
fn plain_rows(rows: Arc<LogicalPlan>) -> DfResult<Transformed<Arc<LogicalPlan>>> {
    let schema = Arc::clone(rows.schema());
    if !schema.fields().iter().any(|field| has_twins(field.data_type())) {
        return Ok(Transformed::no(rows));
    }
    let columns = schema.iter().map(|(relation, field)| {
        let plain = plain_side(Expr::Column(Column::from((relation, field))), &schema);
        if plain.transformed {
            plain.data.alias_qualified(relation.cloned(), field.name())
        } else {
            plain.data
        }
    });
    let plain = Projection::try_new(columns.collect(), rows)?;
    Ok(Transformed::yes(Arc::new(LogicalPlan::Projection(plain))))
}

/// The same expression, whose comparisons see one NaN and one zero.
pub(in crate::engine) fn with_one_nan(expression: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    expression.transform_up(|part| {
        let mut changed = false;
        let mut plain = |side: Expr| {
            let side = plain_side(side, schema);
            changed |= side.transformed;
            side.data
        };
        let data = match part {
            Expr::BinaryExpr(BinaryExpr { left, op, right })
                if asks_order(op) && is_nested(&left, schema) =>
            {
                let (left, right) = (plain(*left), plain(*right));
                changed = true;
                in_order(left, op, right)
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
                let (left, right) = (Box::new(plain(*left)), Box::new(plain(*right)));
                Expr::BinaryExpr(BinaryExpr { left, op, right })
            }
            Expr::Between(Between { expr, negated, low, high }) if is_nested(&expr, schema) => {
                let [expr, low, high] = [expr, low, high].map(|side| plain(*side));
                changed = true;
                let from = in_order(expr.clone(), Operator::GtEq, low);
                let between = from.and(in_order(expr, Operator::LtEq, high));
                if negated { not(between) } else { between }
            }
            Expr::Between(Between { expr, negated, low, high }) => {
                let [expr, low, high] = [expr, low, high].map(|side| Box::new(plain(*side)));
                Expr::Between(Between { expr, negated, low, high })
            }
            Expr::InList(InList { expr, list, negated }) => {
                let expr = Box::new(plain(*expr));
                Expr::InList(InList { expr, list: list.into_iter().map(plain).collect(), negated })
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                let (expr, rows) = (Box::new(plain(*expr)), plain_rows(subquery.subquery)?);
                changed |= rows.transformed;
                let subquery = Subquery { subquery: rows.data, ..subquery };
                Expr::InSubquery(InSubquery { expr, subquery, negated })
            }
            Expr::SetComparison(SetComparison { expr, op, .. })
                if asks_order(op) && is_nested(&expr, schema) =>
            {
                return Err(external(no_order(
                    "ANY or ALL with < or >",
                    "write EXISTS (SELECT 1 FROM … WHERE …) with the comparison",
                )));
            }
            Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => {
                let (expr, rows) = (Box::new(plain(*expr)), plain_rows(subquery.subquery)?);
                changed |= rows.transformed;
                let subquery = Subquery { subquery: rows.data, ..subquery };
                Expr::SetComparison(SetComparison { expr, subquery, op, quantifier })
            }
            Expr::ScalarFunction(mut call) if COMPARE.contains(&call.func.name()) => {
                check_nested(call.func.name(), &call.args, schema)?;
                call.args = call.args.into_iter().map(plain).collect();
                Expr::ScalarFunction(call)
            }
            Expr::AggregateFunction(mut call) => {
                let compares = call.params.distinct || COMPARE.contains(&call.func.name());
                if compares {
                    call.params.args = call.params.args.into_iter().map(&mut plain).collect();
                }
                let keys = call.params.order_by.into_iter();
                call.params.order_by = keys.map(|key| SortExpr { expr: plain(key.expr), ..key }).collect();
                Expr::AggregateFunction(call)
            }
            Expr::WindowFunction(mut call) => {
                if call.params.distinct || COMPARE.contains(&call.fun.name()) {
                    call.params.args = call.params.args.into_iter().map(&mut plain).collect();
                }
                let parts = call.params.partition_by.into_iter();
                call.params.partition_by = parts.map(&mut plain).collect();
                let keys = call.params.order_by.into_iter();
                call.params.order_by = keys.map(|key| SortExpr { expr: plain(key.expr), ..key }).collect();
                Expr::WindowFunction(call)
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

/// Functions whose arguments are compared.
const COMPARE: [&str; 29] = [
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "approx_percentile_cont_with_weight",
    "array_distinct",
    "array_except",
    "array_has",
    "array_has_all",
    "array_has_any",
    "array_intersect",
    "array_max",
    "array_min",
    "array_position",
    "array_positions",
    "array_remove",
    "array_remove_all",
    "array_remove_n",
    "array_replace",
    "array_replace_all",
    "array_replace_n",
    "array_sort",
    "array_union",
    "greatest",
    "least",
    "max",
    "median",
    "min",
    "nullif",
    "percentile_cont",
];

/// A side of a comparison with one NaN and one zero.
fn plain_side(side: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match side {
        Expr::Literal(value, metadata) if !value.data_type().is_nested() => {
            // What is too long is refused where it is compared.
            let plain = plain_length(plain_value(value.clone())).unwrap_or_else(|_| value.clone());
            // Equal values of other bits are unequal here.
            if plain == value {
                Transformed::no(Expr::Literal(value, metadata))
            } else {
                Transformed::yes(Expr::Literal(plain, metadata))
            }
        }
        side if may_be_odd(&side, schema) => Transformed::yes(plain_call(side)),
        side => Transformed::no(side),
    }
}

/// Whether it is or holds a float that may be NaN or -0, or an interval. What was a whole number is none of them.
fn may_be_odd(side: &Expr, schema: &DFSchema) -> bool {
    let is_whole = |of: &Expr| of.get_type(schema).is_ok_and(|of| of.is_integer() || of.is_decimal());
    let is_plain = match side {
        Expr::Cast(cast) => is_whole(&cast.expr),
        side => is_plain_call(side),
    };
    !is_plain && side.get_type(schema).is_ok_and(|of| has_twins(&of))
}

/// Whether equal values of this type may have other bits: floats, intervals, and lists, structs or maps that hold some.
fn has_twins(of: &DataType) -> bool {
    match of {
        DataType::Dictionary(_, value) => has_twins(value),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::RunEndEncoded(_, item)
        | DataType::Map(item, _) => has_twins(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_twins(field.data_type())),
        DataType::Interval(_) => true,
        of => of.is_floating(),
    }
}

/// A call of the function. The rules of DataFusion do not see through it.
pub(super) fn plain_call(of: Expr) -> Expr {
    Arc::new(ScalarUDF::new_from_impl(OneNanFunction::default())).call(vec![of])
}

/// Whether it is a call of the function.
pub(in crate::engine) fn is_plain_call(of: &Expr) -> bool {
    matches!(of, Expr::ScalarFunction(call) if call.func.name() == NAME)
}

/// Whether a value is NaN.
pub(in crate::engine) fn is_nan(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Float64(Some(number)) => number.is_nan(),
        ScalarValue::Float32(Some(number)) => number.is_nan(),
        ScalarValue::Float16(Some(number)) => number.is_nan(),
        _ => false,
    }
}

/// The function, for the executors of a cluster: what is planned here calls it by name.
#[cfg(feature = "cluster")]
pub(in crate::engine) fn one_nan() -> ScalarUDF {
    ScalarUDF::new_from_impl(OneNanFunction::default())
}

const NAME: &str = "comparable";

/// Floats with one NaN and one zero, also within lists, structs and maps; other values as they are.
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

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> DfResult<FieldRef> {
        // Messages call it by the name of the argument.
        let of = arguments.arg_fields.first().map(Arc::clone);
        Ok(of.unwrap_or_else(|| Arc::new(Field::new(NAME, DataType::Null, true))))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        Ok(match arguments.args.into_iter().next() {
            Some(ColumnarValue::Scalar(value)) if value.data_type().is_floating() => {
                ColumnarValue::Scalar(plain_value(value))
            }
            Some(ColumnarValue::Scalar(value)) => {
                let plain = plain_floats(&value.to_array()?)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&plain, 0)?)
            }
            Some(ColumnarValue::Array(array)) => ColumnarValue::Array(plain_floats(&array)?),
            None => ColumnarValue::Scalar(ScalarValue::Null),
        })
    }
}

pub(in crate::engine) fn plain_value(value: ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::Float64(Some(number)) => ScalarValue::Float64(Some(plain_double(number))),
        ScalarValue::Float32(Some(number)) => ScalarValue::Float32(Some(plain_single(number))),
        ScalarValue::Float16(Some(number)) => ScalarValue::Float16(Some(plain_half(number))),
        other => other,
    }
}

/// Floats with one NaN and one zero, also within lists, structs and maps; other arrays as they are.
pub(in crate::engine) fn plain_floats(array: &ArrayRef) -> DfResult<ArrayRef> {
    fn map<T: ArrowPrimitiveType>(array: &ArrayRef, plain: impl Fn(T::Native) -> T::Native) -> ArrayRef {
        let plain: PrimitiveArray<T> = array.as_primitive::<T>().unary(plain);
        Arc::new(plain)
    }
    Ok(match array.data_type() {
        DataType::Float64 => map::<Float64Type>(array, plain_double),
        DataType::Float32 => map::<Float32Type>(array, plain_single),
        DataType::Float16 => map::<Float16Type>(array, plain_half),
        DataType::Interval(unit) => plain_lengths(array, *unit)?,
        of if has_twins(of) => {
            let data = array.to_data();
            let plain = |child| Ok(plain_floats(&make_array(child))?.to_data());
            let children = data.child_data().iter().cloned().map(plain).collect::<DfResult<_>>()?;
            make_array(data.into_builder().child_data(children).build()?)
        }
        _ => Arc::clone(array),
    })
}

pub(in crate::engine) fn plain_double(number: f64) -> f64 {
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
pub(in crate::engine) fn plain_bounds(array: &ArrayRef) -> DfResult<ArrayRef> {
    fn known<T: ArrowPrimitiveType>(array: &ArrayRef, is_nan: impl Fn(T::Native) -> bool) -> ArrayRef {
        let bounds = array.as_primitive::<T>().iter().map(|bound| bound.filter(|bound| !is_nan(*bound)));
        Arc::new(bounds.collect::<PrimitiveArray<T>>())
    }
    let plain = plain_floats(array)?;
    Ok(match plain.data_type() {
        DataType::Float64 => known::<Float64Type>(&plain, f64::is_nan),
        DataType::Float32 => known::<Float32Type>(&plain, f32::is_nan),
        DataType::Float16 => known::<Float16Type>(&plain, f16::is_nan),
        _ => plain,
    })
}
