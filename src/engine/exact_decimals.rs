//! Numbers that are compared with decimals are decimals.
//!
//! DataFusion reads `4.4` as a double, and compares a decimal with what this double is in 15 places:
//! 4.400000000000001, which no price of 4.4 equals.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable};

/// Most digits of a decimal of 128 bits.
const DIGITS: usize = 38;

/// Whether one side of a comparison is a decimal.
pub(super) fn compares_decimals(comparison: &Expr, schema: &DFSchema) -> bool {
    let mut found = false;
    let asked = comparison.apply_children(|side| {
        found |= side.get_type(schema).is_ok_and(|of| of.is_decimal());
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    asked.is_ok() && found
}

/// A number as the decimal that was written, if it is one; what is no number stays.
pub(super) fn as_decimal(side: Expr) -> Transformed<Expr> {
    match &side {
        Expr::Literal(ScalarValue::Float64(Some(number)), metadata) => match decimal_of(*number) {
            Some(decimal) => Transformed::yes(Expr::Literal(decimal, metadata.clone())),
            None => Transformed::no(side),
        },
        _ => Transformed::no(side),
    }
}

/// The shortest decimal that is read as this number.
fn decimal_of(number: f64) -> Option<ScalarValue> {
    // Without an exponent, and infinities and NaN as words.
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let value: i128 = format!("{whole}{fraction}").parse().ok()?;
    let digits = whole.trim_start_matches(['-', '0']).len() + fraction.len();
    let (precision, scale) = (u8::try_from(digits.max(1)).ok()?, i8::try_from(fraction.len()).ok()?);
    (digits <= DIGITS).then_some(ScalarValue::Decimal128(Some(value), precision, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_decimal_that_was_written() {
        assert_eq!(decimal_of(4.4), Some(ScalarValue::Decimal128(Some(44), 2, 1)));
        assert_eq!(decimal_of(-123_456.789), Some(ScalarValue::Decimal128(Some(-123_456_789), 9, 3)));
        assert_eq!(decimal_of(100.0), Some(ScalarValue::Decimal128(Some(100), 3, 0)));
        assert_eq!(decimal_of(-0.0), Some(ScalarValue::Decimal128(Some(0), 1, 0)));
        assert_eq!(decimal_of(2.05), Some(ScalarValue::Decimal128(Some(205), 3, 2)));
        assert_eq!(decimal_of(0.05), Some(ScalarValue::Decimal128(Some(5), 2, 2)));
        for number in [f64::NAN, f64::INFINITY, 1e300, 1e-300] {
            assert_eq!(decimal_of(number), None);
        }
    }
}
