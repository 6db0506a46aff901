//! Functions that count give signed numbers, as in other engines: those of DataFusion give unsigned ones, which no subscript
//! and no place in a text takes, and of which no difference is negative.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
};

use crate::engine::rules::own_functions::named_as_inner;

/// Functions that count in unsigned numbers of 64 bits.
const COUNTING: [&str; 5] =
    ["array_length", "array_ndims", "array_position", "array_positions", "cardinality"];

/// These functions of a session, of all that it knows.
pub(in crate::engine) fn signed_functions(known: &HashMap<String, Arc<ScalarUDF>>) -> Vec<ScalarUDF> {
    let found = COUNTING.iter().filter_map(|name| known.get(*name).cloned());
    found.map(|inner| ScalarUDF::new_from_impl(Signed { inner })).collect()
}

/// The signed type in place of an unsigned one.
pub(super) fn signed(of: &DataType) -> DataType {
    match of {
        DataType::UInt64 => DataType::Int64,
        DataType::List(item) => {
            DataType::List(Arc::new(Field::new(item.name(), signed(item.data_type()), item.is_nullable())))
        }
        of => of.clone(),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Signed {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Signed {
    named_as_inner!();

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        self.inner.return_type(types).map(|of| signed(&of))
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> DfResult<FieldRef> {
        let field = self.inner.return_field_from_args(arguments)?;
        let of = signed(field.data_type());
        Ok(Arc::new(field.as_ref().clone().with_data_type(of)))
    }

    fn invoke_with_args(&self, mut arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let to = arguments.return_field.data_type().clone();
        let types: Vec<DataType> =
            arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let of = self.inner.return_type(&types)?;
        arguments.return_field = Arc::new(arguments.return_field.as_ref().clone().with_data_type(of));
        Ok(match self.inner.inner().invoke_with_args(arguments)? {
            ColumnarValue::Array(counts) => ColumnarValue::Array(cast(&counts, &to)?),
            ColumnarValue::Scalar(count) => ColumnarValue::Scalar(count.cast_to(&to)?),
        })
    }
}
