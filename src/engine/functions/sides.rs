//! The side of each value of a label column: positive, negative or missing.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::counts::Cell;
use crate::engine::plain::visit::visit;
use crate::error::{Error, Result};
use crate::source::schema::plain_type;
use crate::source::type_words::type_words;
use crate::source::values::Domain;

/// The side of a value as one byte; the first three index into the counts.
pub(super) type SideCode = u8;
pub(super) const POSITIVE: SideCode = 0;
pub(super) const NEGATIVE: SideCode = 1;
pub(super) const MISSING: SideCode = 2;
const INVALID: SideCode = 3;

/// Number of sides that are counted.
pub(super) const SIDES: usize = 3;

/// True for types that can hold labels; of dictionaries and run-end encoding, the value type decides.
pub(super) fn is_label(data_type: &DataType) -> bool {
    match plain_type(data_type) {
        DataType::Null
        | DataType::Boolean
        | DataType::Utf8View
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => true,
        other => other.is_integer() || other.is_floating(),
    }
}

/// The side of every value, by the default rules: 1 and true are positive, 0 and false negative, NULL and NaN
/// missing.
pub(super) fn of(array: &ArrayRef) -> Result<Vec<SideCode>> {
    macro_rules! primitive {
        ($type:ty) => {
            Ok(primitive(array.as_primitive::<$type>()))
        };
    }
    match array.data_type() {
        DataType::Boolean => {
            let array = array.as_boolean();
            let sides = array.values().iter().map(|yes| if yes { POSITIVE } else { NEGATIVE });
            Ok(without_nulls(sides.collect(), array))
        }
        DataType::Int8 => primitive!(Int8Type),
        DataType::Int16 => primitive!(Int16Type),
        DataType::Int32 => primitive!(Int32Type),
        DataType::Int64 => primitive!(Int64Type),
        DataType::UInt8 => primitive!(UInt8Type),
        DataType::UInt16 => primitive!(UInt16Type),
        DataType::UInt32 => primitive!(UInt32Type),
        DataType::UInt64 => primitive!(UInt64Type),
        DataType::Float32 => primitive!(Float32Type),
        DataType::Float64 => primitive!(Float64Type),
        DataType::Dictionary(..) | DataType::RunEndEncoded(..) => {
            let plain = cast(array, &plain_type(array.data_type()));
            of(&plain.map_err(|cause| Error::internal(cause.to_string()))?)
        }
        _ => {
            let domain = Domain::default();
            let mut sides = vec![MISSING; array.len()];
            visit(array, |row, value| {
                if let (Some(side), Some(value)) = (sides.get_mut(row), value) {
                    *side = match domain.cell(&value) {
                        Cell::Positive => POSITIVE,
                        Cell::Negative => NEGATIVE,
                        Cell::Missing => MISSING,
                        Cell::Uncertain | Cell::Invalid => INVALID,
                    };
                }
            })?;
            Ok(sides)
        }
    }
}

fn primitive<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> Vec<SideCode> {
    let side = |value: &T::Native| {
        if *value == T::Native::ONE {
            POSITIVE
        } else if *value == T::Native::ZERO {
            NEGATIVE
        } else if value.partial_cmp(value).is_none() {
            MISSING // NaN
        } else {
            INVALID
        }
    };
    without_nulls(array.values().iter().map(side).collect(), array)
}

fn without_nulls(mut sides: Vec<SideCode>, array: &dyn Array) -> Vec<SideCode> {
    if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
        for (side, valid) in sides.iter_mut().zip(nulls) {
            *side = if valid { *side } else { MISSING };
        }
    }
    sides
}

/// The index of a side in the counts.
///
/// # Errors
/// [`Error::Input`] naming the value of `row` when it is on no side.
pub(super) fn index(side: SideCode, array: &ArrayRef, row: usize) -> Result<usize> {
    if side < INVALID {
        return Ok(usize::from(side));
    }
    let mut text = String::new();
    visit(&array.slice(row, 1), |_, value| text = value.map_or_else(String::new, |v| v.to_string()))
        .or_else(|_| {
            let plain = cast(&array.slice(row, 1), &plain_type(array.data_type()));
            let plain = plain.map_err(|cause| Error::internal(cause.to_string()))?;
            visit(&plain, |_, value| text = value.map_or_else(String::new, |v| v.to_string()))
        })?;
    let kind = type_words(array.data_type());
    Err(Error::input(format!("value {text} of type {kind} is neither positive nor negative"))
        .hint("1 and true are positive, 0 and false are negative, NULL and NaN are missing; map other values with CASE, or compare, as in positives(x > 0)"))
}
