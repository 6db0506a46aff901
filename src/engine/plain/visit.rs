//! Any Arrow array, value by value.

use arrow::array::{Array, ArrayAccessor, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::error::{Error, Result};
use crate::source::values::Value;

/// Calls `each` with every row and its value; NULL is `None`.
pub(crate) fn visit(array: &ArrayRef, mut each: impl FnMut(usize, Option<Value<'_>>)) -> Result<()> {
    macro_rules! primitive {
        ($type:ty, $to:expr) => {
            visit_primitive(array.as_primitive::<$type>(), &$to, each)
        };
    }
    match array.data_type() {
        DataType::Null => (0..array.len()).for_each(|i| each(i, None)),
        DataType::Boolean => visit_with(array.as_boolean(), &Value::Bool, each),
        DataType::Int8 => primitive!(Int8Type, |v| Value::Int(i64::from(v))),
        DataType::Int16 => primitive!(Int16Type, |v| Value::Int(i64::from(v))),
        DataType::Int32 => primitive!(Int32Type, |v| Value::Int(i64::from(v))),
        DataType::Int64 => primitive!(Int64Type, Value::Int),
        DataType::UInt8 => primitive!(UInt8Type, |v| Value::UInt(u64::from(v))),
        DataType::UInt16 => primitive!(UInt16Type, |v| Value::UInt(u64::from(v))),
        DataType::UInt32 => primitive!(UInt32Type, |v| Value::UInt(u64::from(v))),
        DataType::UInt64 => primitive!(UInt64Type, Value::UInt),
        DataType::Float16 => {
            primitive!(Float16Type, |v: <Float16Type as ArrowPrimitiveType>::Native| Value::Half(v.to_f64()));
        }
        DataType::Float32 => primitive!(Float32Type, |v| Value::Float(f64::from(v))),
        DataType::Float64 => primitive!(Float64Type, Value::Float),
        DataType::Decimal128(_, scale) => {
            let scale = *scale;
            primitive!(Decimal128Type, |v| decimal(v, scale));
        }
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal256(..) => {
            let floats =
                cast(array, &DataType::Float64).map_err(|cause| Error::internal(cause.to_string()))?;
            return visit(&floats, each);
        }
        DataType::Utf8 => visit_with(array.as_string::<i32>(), &Value::Text, each),
        DataType::LargeUtf8 => visit_with(array.as_string::<i64>(), &Value::Text, each),
        DataType::Utf8View => visit_with(array.as_string_view(), &Value::Text, each),
        DataType::Binary => visit_with(array.as_binary::<i32>(), &text, each),
        DataType::LargeBinary => visit_with(array.as_binary::<i64>(), &text, each),
        DataType::BinaryView => visit_with(array.as_binary_view(), &text, each),
        other => return Err(Error::internal(format!("values of type {other} reached the counter"))),
    }
    Ok(())
}

/// Bytes as the text that they are.
fn text(bytes: &[u8]) -> Value<'_> {
    std::str::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Text)
}

fn visit_primitive<'a, T: ArrowPrimitiveType>(
    array: &'a PrimitiveArray<T>,
    to: &impl Fn(T::Native) -> Value<'a>,
    mut each: impl FnMut(usize, Option<Value<'_>>),
) {
    if array.null_count() == 0 {
        for (i, &value) in array.values().iter().enumerate() {
            each(i, Some(to(value)));
        }
    } else {
        visit_with(array, to, each);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an array accessor is itself a reference")]
fn visit_with<'a, A: ArrayAccessor + 'a>(
    array: A,
    to: &impl Fn(A::Item) -> Value<'a>,
    mut each: impl FnMut(usize, Option<Value<'_>>),
) {
    for i in 0..array.len() {
        each(i, array.is_valid(i).then(|| to(array.value(i))));
    }
}

/// A decimal as an integer where it has no fraction.
fn decimal(units: i128, scale: i8) -> Value<'static> {
    let one = 10_i128.checked_pow(u32::from(scale.unsigned_abs())).unwrap_or(i128::MAX);
    let whole = if scale >= 0 { (units % one == 0).then(|| units / one) } else { units.checked_mul(one) };
    match whole.and_then(|whole| i64::try_from(whole).ok()) {
        Some(whole) => Value::Int(whole),
        None => Value::Float(units as f64 / 10_f64.powi(i32::from(scale))),
    }
}
