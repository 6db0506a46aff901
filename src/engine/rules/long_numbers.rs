//! Numbers of many digits that are compared, and those that become decimals, are what was written: as doubles they would be
//! numbers near to it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, ExactNumberInfo, Expr, TypedString, UnaryOperator, Value, ValueWithSpan,
    VisitMut, VisitorMut,
};

/// Most digits of a decimal.
const DIGITS_MAX: usize = 76;

/// Reads long numbers that a part of a statement compares as decimals.
pub(in crate::engine) fn with_long_numbers(part: &mut impl VisitMut) {
    // Nothing ends the visit early.
    let _ = part.visit(&mut LongNumbers);
}

pub(in crate::engine) struct LongNumbers;

impl VisitorMut for LongNumbers {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
        match expression {
            Expr::BinaryOp { left, op: Eq | NotEq | Lt | LtEq | Gt | GtEq, right }
            | Expr::IsDistinctFrom(left, right)
            | Expr::IsNotDistinctFrom(left, right) => [left, right].into_iter().for_each(|side| exact(side)),
            Expr::Between { expr, low, high, .. } => {
                [expr, low, high].into_iter().for_each(|side| exact(side));
            }
            Expr::InList { expr, list, .. } => {
                exact(expr);
                list.iter_mut().for_each(exact);
            }
            Expr::Case { operand: Some(operand), conditions, .. } => {
                exact(operand);
                conditions.iter_mut().for_each(|case| exact(&mut case.condition));
            }
            Expr::Cast {
                expr,
                data_type: DataType::Decimal(_) | DataType::Numeric(_) | DataType::Dec(_),
                ..
            } => {
                if let Some(text) = written(expr) {
                    **expr = Expr::Value(Value::SingleQuotedString(text).into());
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Makes a decimal of a number that is neither a whole number of 64 bits nor a double.
fn exact(side: &mut Expr) {
    match side {
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } | Expr::Nested(expr) => {
            exact(expr);
        }
        Expr::Value(ValueWithSpan { value: Value::Number(text, _), span }) => {
            let Some((digits, scale)) = digits_of(text) else { return };
            let info = ExactNumberInfo::PrecisionAndScale(digits as u64, i64::try_from(scale).unwrap_or(0));
            let value = Value::SingleQuotedString(text.clone()).with_span(*span);
            let data_type = DataType::Decimal(info);
            *side = Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false });
        }
        _ => {}
    }
}

/// A number as it is written.
fn written(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Nested(expr) | Expr::UnaryOp { op: UnaryOperator::Plus, expr } => written(expr),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => Some(format!("-{}", written(expr)?)),
        Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) => Some(text.clone()),
        _ => None,
    }
}

/// The digits of a number that no double is written as, and how many are behind the point.
fn digits_of(text: &str) -> Option<(usize, usize)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_plain = [whole, fraction].iter().all(|part| part.bytes().all(|sign| sign.is_ascii_digit()));
    if !is_plain || text.parse::<u64>().is_ok() {
        return None;
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    // Without an exponent.
    let double = text.parse::<f64>().ok()?.to_string();
    let (known, rest) = double.split_once('.').unwrap_or((&double, ""));
    let is_double = (known.trim_start_matches('0'), rest) == (whole, fraction);
    let digits = whole.len() + fraction.len();
    (!is_double && digits <= DIGITS_MAX).then_some((digits.max(1), fraction.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_doubles_are_decimals() {
        for (text, expected) in [
            ("4.4", None),
            ("18446744073709551615", None),
            ("18446744073709551616", Some((20, 0))),
            ("99999999999999999999", Some((20, 0))),
            ("1234567890123456789.50", Some((20, 1))),
            ("0.12345678901234567890", Some((19, 19))),
            ("0.10", None),
            ("1e400", None),
            (".5", None),
            ("5.", None),
        ] {
            assert_eq!(digits_of(text), expected, "{text}");
        }
    }
}
