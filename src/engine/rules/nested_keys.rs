//! `count(DISTINCT x)` and `ORDER BY x` of lists and structs take keys of bytes. DataFusion keeps a value of each for the
//! first, and takes what all rows of its batch need for what that value does; with `LIMIT`, it leaves out rows as if NULL
//! inside were below all values, where it sorts them above.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray};
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    ColumnarValue, Distinct, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

/// Counts and sorts lists and structs by keys.
#[derive(Debug)]
pub(in crate::engine) struct NestedKeys;

impl AnalyzerRule for NestedKeys {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| match &plan {
            LogicalPlan::Sort(sort) => {
                let schema = Arc::clone(sort.input.schema());
                plan.map_expressions(|by| {
                    Ok(if has_key(&by, &schema) { Transformed::yes(key(by)) } else { Transformed::no(by) })
                })
            }
            LogicalPlan::Aggregate(aggregate) => {
                let schema = Arc::clone(aggregate.input.schema());
                let names = NamePreserver::new(&plan);
                plan.map_expressions(|expression| {
                    let name = names.save(&expression);
                    let keyed = expression.transform_up(|part| {
                        with_counted_keys(part, &schema)
                            .transform_data(|part| Ok(with_sorted_keys(part, &schema)))
                    })?;
                    Ok(if keyed.transformed { keyed.update_data(|data| name.restore(data)) } else { keyed })
                })
            }
            LogicalPlan::Window(window) => {
                let schema = Arc::clone(window.input.schema());
                let names = NamePreserver::new(&plan);
                plan.map_expressions(|expression| {
                    let name = names.save(&expression);
                    let keyed = expression.transform_up(|part| Ok(with_sorted_keys(part, &schema)))?;
                    Ok(if keyed.transformed { keyed.update_data(|data| name.restore(data)) } else { keyed })
                })
            }
            LogicalPlan::Distinct(Distinct::On(on)) => {
                let schema = Arc::clone(on.input.schema());
                let mut on = on.clone();
                on.on_expr = on.on_expr.into_iter().map(|by| with_own_key(by, &schema)).collect();
                for by in on.sort_expr.iter_mut().flatten() {
                    by.expr = with_own_key(by.expr.clone(), &schema);
                }
                Ok(Transformed::yes(LogicalPlan::Distinct(Distinct::On(on))))
            }
            _ => Ok(Transformed::no(plan)),
        })
        .map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "nested_keys"
    }
}

/// Whether an expression is a list or a struct that has a key.
fn has_key(of: &Expr, schema: &DFSchema) -> bool {
    of.get_type(schema).is_ok_and(|of| of.is_nested() && RowConverter::supports_fields(&[SortField::new(of)]))
}

/// The key of a list or a struct; other expressions as they are.
pub(super) fn with_own_key(of: Expr, schema: &DFSchema) -> Expr {
    if has_key(&of, schema) { key(of) } else { of }
}

fn key(of: Expr) -> Expr {
    Arc::new(nested_key()).call(vec![of])
}

/// The same call, whose rows are sorted by keys. Distinct values are sorted as they are.
fn with_sorted_keys(mut part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let order = match &mut part {
        Expr::AggregateFunction(AggregateFunction { params, .. }) if !params.distinct => &mut params.order_by,
        Expr::WindowFunction(window) => &mut window.params.order_by,
        _ => return Transformed::no(part),
    };
    let mut changed = false;
    for by in order.iter_mut().filter(|by| has_key(&by.expr, schema)) {
        by.expr = key(by.expr.clone());
        changed = true;
    }
    if changed { Transformed::yes(part) } else { Transformed::no(part) }
}

fn with_counted_keys(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = part else {
        return Transformed::no(part);
    };
    if func.name() != "count" || !params.distinct || !params.args.iter().all(|of| has_key(of, schema)) {
        return Transformed::no(Expr::AggregateFunction(AggregateFunction { func, params }));
    }
    let args = params.args.into_iter().map(key).collect();
    let params = AggregateFunctionParams { args, ..params };
    Transformed::yes(Expr::AggregateFunction(AggregateFunction { func, params }))
}

/// The function, which a cluster calls by name.
pub(in crate::engine) fn nested_key() -> ScalarUDF {
    ScalarUDF::new_from_impl(NestedKey { signature: Signature::any(1, Volatility::Immutable) })
}

/// Bytes that are equal where values are, and in their order, NULL inside above all values; NULL is NULL.
#[derive(Debug, PartialEq, Eq, Hash)]
struct NestedKey {
    signature: Signature,
}

impl ScalarUDFImpl for NestedKey {
    fn name(&self) -> &'static str {
        "nested_key"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Binary)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let Some(values) = arguments.args.first() else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Binary(None)));
        };
        let values = values.to_array(arguments.number_rows)?;
        let null_last = SortOptions { descending: false, nulls_first: false };
        let of = SortField::new_with_options(values.data_type().clone(), null_last);
        let keys = RowConverter::new(vec![of])?;
        let keys = keys.convert_columns(&[Arc::clone(&values)])?.try_into_binary()?;
        let (offsets, bytes, _) = keys.into_parts();
        let keys: ArrayRef = Arc::new(BinaryArray::try_new(offsets, bytes, values.logical_nulls())?);
        Ok(ColumnarValue::Array(keys))
    }
}
