//! Lists and structs in `<` and `>`: NULL in them is above all values, as in `ORDER BY`. Arrow has it below.

use std::sync::Arc;

use arrow::array::{Array, Int8Array, make_comparator};
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility, lit,
};

use crate::engine::errors::external;
use crate::error::Error;

/// Whether an expression is a list, a struct or a map.
pub(super) fn is_nested(expression: &Expr, schema: &DFSchema) -> bool {
    expression.get_type(schema).is_ok_and(|of| of.is_nested())
}

/// Whether the operator asks which side is larger.
pub(super) fn asks_order(op: Operator) -> bool {
    matches!(op, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

/// `left op right` of lists or structs.
pub(super) fn in_order(left: Expr, op: Operator, right: Expr) -> Expr {
    let order = Arc::new(nested_order()).call(vec![left, right]);
    Expr::BinaryExpr(BinaryExpr { left: Box::new(order), op, right: Box::new(lit(0_i8)) })
}

/// `greatest` and the like take NULL in lists and structs as the smallest value, or as any.
pub(super) fn check_nested(function: &str, arguments: &[Expr], schema: &DFSchema) -> DfResult<()> {
    let instead = match function {
        "greatest" => "write CASE WHEN a > b THEN a ELSE b END",
        "least" => "write CASE WHEN a < b THEN a ELSE b END",
        "array_max" => "UNNEST the list, and take the first of ORDER BY x DESC",
        "array_min" => "UNNEST the list, and take the first of ORDER BY x",
        _ => return Ok(()),
    };
    let is_wrong = arguments.iter().any(|argument| match argument.get_type(schema) {
        Ok(DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _))
            if function.starts_with("array_") =>
        {
            item.data_type().is_nested()
        }
        of => of.is_ok_and(|of| of.is_nested()),
    });
    if is_wrong { Err(external(no_order(function, instead))) } else { Ok(()) }
}

/// The error of a function that has no order for lists and structs.
pub(in crate::engine) fn no_order(function: &str, instead: &str) -> Error {
    Error::usage(format!("{function} does not take lists, structs or maps here")).hint(instead.to_owned())
}

/// The function, which a cluster calls by name.
pub(in crate::engine) fn nested_order() -> ScalarUDF {
    ScalarUDF::new_from_impl(NestedOrder { signature: Signature::any(2, Volatility::Immutable) })
}

/// -1, 0 or 1 where the first value is smaller, equal or larger; NULL where one is NULL.
#[derive(Debug, PartialEq, Eq, Hash)]
struct NestedOrder {
    signature: Signature,
}

impl ScalarUDFImpl for NestedOrder {
    fn name(&self) -> &'static str {
        "nested_order"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Int8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let [left, right] = &arguments.args[..] else {
            return Err(external(Error::internal("an order of two values")));
        };
        let rows = arguments.number_rows;
        let (left, right) = (left.to_array(rows)?, right.to_array(rows)?);
        let null_last = SortOptions { descending: false, nulls_first: false };
        let compare = make_comparator(&left, &right, null_last).map_err(|_| {
            external(
                Error::usage("< and > do not take values of this type")
                    .hint("compare fields or elements, as in s['field'] or l[1]"),
            )
        })?;
        let orders: Int8Array = (0..left.len())
            .map(|row| (left.is_valid(row) && right.is_valid(row)).then(|| compare(row, row) as i8))
            .collect();
        Ok(ColumnarValue::Array(Arc::new(orders)))
    }
}
