//! `octet_length` of bytes, as in other engines. That of texts is DataFusion's.

use std::sync::Arc;

use arrow::compute::cast;
use arrow::compute::kernels::length::length;
use arrow::datatypes::DataType;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::functions::string::octet_length as of_texts;
use datafusion::logical_expr::{
    Coercion, ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    TypeSignatureClass, Volatility,
};

/// The function.
pub(in crate::engine) fn octet_length() -> ScalarUDF {
    let texts = of_texts();
    let bytes = TypeSignature::Coercible(vec![Coercion::new_exact(TypeSignatureClass::Binary)]);
    let either = TypeSignature::OneOf(vec![texts.signature().type_signature.clone(), bytes]);
    ScalarUDF::new_from_impl(OctetLength { texts, signature: Signature::new(either, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OctetLength {
    texts: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for OctetLength {
    fn name(&self) -> &'static str {
        "octet_length"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> DfResult<DataType> {
        match arguments {
            [of] if of.is_binary() => Ok(DataType::Int64),
            texts => self.texts.inner().return_type(texts),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        match &arguments.args[..] {
            [bytes] if bytes.data_type().is_binary() => {
                // All kinds of bytes become one, whose lengths are of 64 bits.
                let lengths = length(&cast(&bytes.to_array(1)?, &DataType::LargeBinary)?)?;
                Ok(match bytes {
                    ColumnarValue::Scalar(_) => {
                        ColumnarValue::Scalar(ScalarValue::try_from_array(&lengths, 0)?)
                    }
                    ColumnarValue::Array(_) => ColumnarValue::Array(lengths),
                })
            }
            _ => self.texts.invoke_with_args(arguments),
        }
    }
}
