//! `count(DISTINCT x)` of lists and structs counts keys of bytes: DataFusion keeps a value of each, and takes what all rows
//! of its batch need for what that value does.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::optimizer::AnalyzerRule;

/// Counts distinct lists and structs by keys.
#[derive(Debug)]
pub(in crate::engine) struct KeyedCounts;

impl AnalyzerRule for KeyedCounts {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
            let schema = Arc::clone(aggregate.input.schema());
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expression| {
                let name = names.save(&expression);
                let keyed = expression.transform_up(|part| Ok(with_keys(part, &schema)))?;
                Ok(if keyed.transformed { keyed.update_data(|data| name.restore(data)) } else { keyed })
            })
        })
        .map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "keyed_counts"
    }
}

fn with_keys(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = part else {
        return Transformed::no(part);
    };
    let has_key = |of: &Expr| {
        of.get_type(schema)
            .is_ok_and(|of| of.is_nested() && RowConverter::supports_fields(&[SortField::new(of)]))
    };
    if func.name() != "count" || !params.distinct || !params.args.iter().all(has_key) {
        return Transformed::no(Expr::AggregateFunction(AggregateFunction { func, params }));
    }
    let key = |of| Arc::new(distinct_key()).call(vec![of]);
    let args = params.args.into_iter().map(key).collect();
    let params = AggregateFunctionParams { args, ..params };
    Transformed::yes(Expr::AggregateFunction(AggregateFunction { func, params }))
}

/// The function, which a cluster calls by name.
pub(in crate::engine) fn distinct_key() -> ScalarUDF {
    ScalarUDF::new_from_impl(DistinctKey { signature: Signature::any(1, Volatility::Immutable) })
}

/// Bytes that are equal where values are; NULL is NULL.
#[derive(Debug, PartialEq, Eq, Hash)]
struct DistinctKey {
    signature: Signature,
}

impl ScalarUDFImpl for DistinctKey {
    fn name(&self) -> &'static str {
        "distinct_key"
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
        let keys = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
        let keys = keys.convert_columns(&[Arc::clone(&values)])?.try_into_binary()?;
        let (offsets, bytes, _) = keys.into_parts();
        let keys: ArrayRef = Arc::new(BinaryArray::try_new(offsets, bytes, values.logical_nulls())?);
        Ok(ColumnarValue::Array(keys))
    }
}
