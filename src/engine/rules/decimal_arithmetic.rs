//! Arithmetic of decimals that fails where a result has more digits than its type, and rounds quotients half away from zero:
//! the kernels of Arrow give such results, and cut quotients.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal256Array, PrimitiveArray};
use arrow::compute::kernels::numeric::{add, mul, rem, sub};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, i256,
};
use arrow::error::ArrowError;
use datafusion::logical_expr::Operator;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;

/// A result that was not computed to its end.
const NAMELESS: &str = "a result";

/// The type of the result, if both sides are decimals of as many bits.
pub(super) fn decimal_result(left: &DataType, op: Operator, right: &DataType) -> Option<DataType> {
    let are_alike = left.is_decimal() && std::mem::discriminant(left) == std::mem::discriminant(right);
    let result = are_alike.then(|| BinaryTypeCoercer::new(left, &op, right).get_result_type());
    result?.ok().filter(|result| std::mem::discriminant(result) == std::mem::discriminant(left))
}

/// The results of the operator; none has more digits than `of`. The text of an overflow is the result.
pub(super) fn decimal_results(
    op: Operator,
    left: &ArrayRef,
    right: &ArrayRef,
    of: &DataType,
) -> Result<ArrayRef, ArrowError> {
    let results = match op {
        Operator::Plus => add(left, right),
        Operator::Minus => sub(left, right),
        Operator::Multiply => mul(left, right),
        Operator::Modulo => rem(left, right),
        _ => quotients(left, right, of),
    };
    let results = results.map_err(|cause| match cause {
        ArrowError::ArithmeticOverflow(_) => ArrowError::ArithmeticOverflow(NAMELESS.to_owned()),
        other => other,
    })?;
    match of {
        DataType::Decimal32(digits, _) => refuse_long::<Decimal32Type>(&results, *digits)?,
        DataType::Decimal64(digits, _) => refuse_long::<Decimal64Type>(&results, *digits)?,
        DataType::Decimal128(digits, _) => refuse_long::<Decimal128Type>(&results, *digits)?,
        DataType::Decimal256(digits, _) => refuse_long::<Decimal256Type>(&results, *digits)?,
        _ => {}
    }
    Ok(results)
}

fn refuse_long<T: DecimalType>(results: &ArrayRef, digits: u8) -> Result<(), ArrowError> {
    let results: &PrimitiveArray<T> = results.as_primitive();
    let is_long = |value: &T::Native| !T::is_valid_decimal_precision(*value, digits);
    match results.iter().flatten().find(is_long) {
        None => Ok(()),
        Some(value) => {
            // As many digits as it has: it has too many for its type.
            let value = T::format_decimal(value, u8::MAX, results.scale());
            Err(ArrowError::ArithmeticOverflow(value))
        }
    }
}

fn quotients(left: &ArrayRef, right: &ArrayRef, of: &DataType) -> Result<ArrayRef, ArrowError> {
    let (left, left_scale) = wide(left)?;
    let (right, right_scale) = wide(right)?;
    let scale = scale_of(of);
    let shift = i32::from(scale) - i32::from(left_scale) + i32::from(right_scale);
    let power = i256::from(10_i64).checked_pow(shift.unsigned_abs());
    let quotient = |over: i256, under: i256| {
        if under == i256::ZERO {
            return Err(ArrowError::DivideByZero);
        }
        let sides = power.and_then(|power| {
            if shift < 0 {
                Some((over, under.checked_mul(power)?))
            } else {
                Some((over.checked_mul(power)?, under))
            }
        });
        let quotient = sides.and_then(|(over, under)| rounded_quotient(over, under));
        quotient.ok_or_else(|| ArrowError::ArithmeticOverflow(NAMELESS.to_owned()))
    };
    let quotients: Decimal256Array = arrow::compute::try_binary(&left, &right, quotient)?;
    let quotients: ArrayRef =
        Arc::new(quotients.with_precision_and_scale(Decimal256Type::MAX_PRECISION, scale)?);
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(&quotients, of, &strict)
        .map_err(|_| ArrowError::ArithmeticOverflow(NAMELESS.to_owned()))
}

/// The same decimals in 256 bits, and their scale.
fn wide(array: &ArrayRef) -> Result<(Decimal256Array, i8), ArrowError> {
    let scale = scale_of(array.data_type());
    let wide = cast_with_options(
        array,
        &DataType::Decimal256(Decimal256Type::MAX_PRECISION, scale),
        &CastOptions { safe: false, ..CastOptions::default() },
    )?;
    Ok((wide.as_primitive::<Decimal256Type>().clone(), scale))
}

fn scale_of(of: &DataType) -> i8 {
    match of {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    }
}

/// A quotient, rounded half away from zero; `None` if it is divided by zero.
pub(in crate::engine) fn rounded_quotient(over: i256, under: i256) -> Option<i256> {
    let (quotient, rest) = (over.checked_div(under)?, over.checked_rem(under)?.checked_abs()?);
    // Twice the rest may be more than 256 bits hold.
    if rest < under.checked_abs()?.checked_sub(rest)? {
        return Some(quotient);
    }
    let away = if over.is_negative() == under.is_negative() { i256::ONE } else { i256::MINUS_ONE };
    quotient.checked_add(away)
}
