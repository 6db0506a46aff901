//! A value that the rules of DataFusion do not see through, for each row: no constant, and never known not to be NULL.

use arrow::datatypes::DataType;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The function, which a cluster calls by name.
pub(in crate::engine) fn on_row() -> ScalarUDF {
    ScalarUDF::new_from_impl(OnRow { signature: Signature::any(2, Volatility::Immutable) })
}

/// Its first argument, for the row of the second. It may be NULL, as far as is known when a query is planned.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OnRow {
    signature: Signature,
}

impl ScalarUDFImpl for OnRow {
    fn name(&self) -> &'static str {
        "on_row"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> DfResult<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Boolean))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        // One value for all rows would be taken for a constant, also where there are no rows yet.
        let first = arguments.args.first().map(|first| first.to_array(arguments.number_rows)).transpose()?;
        Ok(first.map_or(ColumnarValue::Scalar(ScalarValue::Boolean(None)), ColumnarValue::Array))
    }
}
