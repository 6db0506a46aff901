//! Numbers that are compared with decimals are decimals.
//!
//! DataFusion reads `4.4` as a double, and compares a decimal with what this double is in 15 places:
//! 4.400000000000001, which no price of 4.4 equals. It cuts decimals that have no common type of 38 digits, and makes
//! decimals of doubles, of which most fit none: here, columns of doubles are compared with decimals as doubles.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, cast, lit};

use crate::source::readable::wide_decimal;

/// Most digits of a decimal of 128 bits.
const DIGITS: usize = 38;
/// Most digits of a decimal of 256 bits.
const DIGITS_MAX: i16 = 76;

/// A number as the decimal that was written, if it is one; what is no number stays.
pub(super) fn as_decimal(side: Expr) -> Transformed<Expr> {
    let Expr::Literal(value, metadata) = &side else { return Transformed::no(side) };
    let decimal = match value {
        ScalarValue::Float64(Some(number)) => decimal_of(&number.to_string()),
        // Its type has more digits than most numbers.
        ScalarValue::Int64(Some(number)) => decimal_of(&number.to_string()),
        _ => None,
    };
    match decimal {
        Some(decimal) => Transformed::yes(Expr::Literal(decimal, metadata.clone())),
        None => Transformed::no(side),
    }
}

/// The decimal that a number is written as: without an exponent, and infinities and NaN as words.
fn decimal_of(text: &str) -> Option<ScalarValue> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let value: i128 = format!("{whole}{fraction}").parse().ok()?;
    let digits = whole.trim_start_matches(['-', '0']).len() + fraction.len();
    let (precision, scale) = (u8::try_from(digits.max(1)).ok()?, i8::try_from(fraction.len()).ok()?);
    (digits <= DIGITS).then_some(ScalarValue::Decimal128(Some(value), precision, scale))
}

/// The type in which decimals are compared with other numbers, unless DataFusion has one that holds all of them.
pub(super) fn decimal_or_double(types: &[DataType]) -> Option<DataType> {
    match even_type(types)? {
        // Its own types for decimals of few bits are whole numbers.
        DataType::Decimal128(..) if !types.iter().any(|of| wide_decimal(of).is_some()) => None,
        of => Some(of),
    }
}

/// The type of values that are not all of one type, and of which some are decimals.
pub(super) fn even_type(types: &[DataType]) -> Option<DataType> {
    if !types.iter().any(DataType::is_decimal) {
        return None;
    }
    if types.iter().any(DataType::is_floating) {
        return Some(DataType::Float64);
    }
    let digits = types.iter().filter_map(digits);
    let (whole, scale) =
        digits.fold((0, 0), |(whole, scale), (w, s)| (w.max(whole), i16::from(s).max(scale)));
    let all = whole + scale;
    let (precision, scale) = (u8::try_from(all).ok()?, i8::try_from(scale).ok()?);
    if usize::from(precision) > DIGITS {
        return (all <= DIGITS_MAX).then_some(DataType::Decimal256(precision, scale));
    }
    let differ = types.iter().any(|of| Some(of) != types.first());
    differ.then_some(DataType::Decimal128(precision, scale))
}

/// The same expression, of whose parts decimals of few bits become wide.
pub(super) fn with_wide_parts(part: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    if matches!(part, Expr::Cast(_) | Expr::TryCast(_) | Expr::Alias(_) | Expr::GroupingSet(_)) {
        return Ok(Transformed::no(part));
    }
    part.map_children(|child| {
        Ok(match child.get_type(schema).ok().and_then(|of| wide_decimal(&of)) {
            Some(wide) => Transformed::yes(cast(child, wide)),
            None => Transformed::no(child),
        })
    })
}

/// The double next to a decimal that was written: a cast of the decimal would round twice.
pub(super) fn written_double(side: &Expr) -> Option<f64> {
    match side {
        Expr::Literal(ScalarValue::Decimal128(Some(value), _, scale), _) => {
            format!("{value}e{}", -i16::from(*scale)).parse().ok()
        }
        Expr::Cast(Cast { expr, field }) => {
            let Expr::Literal(value, _) = &**expr else { return None };
            let text = value.try_as_str().flatten()?;
            let fraction = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            let (_, scale) = digits(field.data_type())?;
            let is_whole = text.bytes().all(|sign| sign.is_ascii_digit() || sign == b'.');
            (is_whole && fraction <= usize::try_from(scale).ok()?).then(|| text.parse().ok()).flatten()
        }
        _ => None,
    }
}

/// Digits before and after the point.
pub(super) fn digits(of: &DataType) -> Option<(i16, i8)> {
    Some(match of {
        DataType::Int8 | DataType::UInt8 => (3, 0),
        DataType::Int16 | DataType::UInt16 => (5, 0),
        DataType::Int32 | DataType::UInt32 => (10, 0),
        DataType::Int64 => (19, 0),
        DataType::UInt64 => (20, 0),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => (i16::from(*precision) - i16::from(*scale), *scale),
        _ => return None,
    })
}

/// `round` of a decimal in the type that the plan takes it for. DataFusion has one type for digits that are written and
/// another for those that it finds out later, so that what is compared with them has a wrong scale.
pub(super) fn with_known_places(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = &part else { return Transformed::no(part) };
    let [number, places] = &args[..] else { return Transformed::no(part) };
    if func.name() != "round" || !number.get_type(schema).is_ok_and(|of| of.is_decimal()) {
        return Transformed::no(part);
    }
    match places {
        Expr::Literal(ScalarValue::Int32(_), _) => Transformed::no(part),
        Expr::Literal(places, _) => match places.cast_to(&DataType::Int32) {
            Ok(places) => Transformed::yes(func.call(vec![number.clone(), lit(places)])),
            Err(_) => Transformed::no(part),
        },
        _ => match part.get_type(schema) {
            Ok(planned) => Transformed::yes(cast(part, planned)),
            Err(_) => Transformed::no(part),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_decimal_that_was_written() {
        assert_eq!(decimal_of("4.4"), Some(ScalarValue::Decimal128(Some(44), 2, 1)));
        assert_eq!(decimal_of("-123456.789"), Some(ScalarValue::Decimal128(Some(-123_456_789), 9, 3)));
        assert_eq!(decimal_of("100"), Some(ScalarValue::Decimal128(Some(100), 3, 0)));
        assert_eq!(decimal_of("-0"), Some(ScalarValue::Decimal128(Some(0), 1, 0)));
        assert_eq!(decimal_of("2.05"), Some(ScalarValue::Decimal128(Some(205), 3, 2)));
        assert_eq!(decimal_of("0.05"), Some(ScalarValue::Decimal128(Some(5), 2, 2)));
        for number in [f64::NAN, f64::INFINITY, 1e300, 1e-300] {
            assert_eq!(decimal_of(&number.to_string()), None);
        }
    }

    #[test]
    fn decimals_are_compared_in_a_type_that_holds_them() {
        use DataType::{Decimal64, Decimal128, Decimal256, Float32, Float64, Int64};
        for (types, expected) in [
            (vec![Decimal128(38, 10), Decimal128(3, 2)], None),
            (vec![Decimal128(38, 10), Decimal128(38, 15)], Some(Decimal256(43, 15))),
            (vec![Decimal128(38, 30), Int64], Some(Decimal256(49, 30))),
            (vec![Decimal128(38, 10), Int64], None),
            (vec![Decimal128(9, -2), Decimal128(38, 38)], Some(Decimal256(49, 38))),
            (vec![Decimal128(9, 3), Float64], Some(Float64)),
            (vec![Int64, Float32, Decimal128(9, 3)], Some(Float64)),
            (vec![Int64, Float64], None),
            (vec![Decimal64(9, 2), Decimal64(9, 2)], None),
            (vec![Decimal64(9, 2), Int64], Some(Decimal128(21, 2))),
        ] {
            assert_eq!(decimal_or_double(&types), expected, "{types:?}");
        }
    }
}
