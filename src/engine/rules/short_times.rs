//! A time as it is written may end with its minutes: `'2026-11-29 12:00'`, also before a zone. DataFusion asks for seconds.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::{Cast, Expr, TryCast};

use crate::engine::rules::compared::{compared_types, map_compared};

/// Characters of a date.
const DATE: usize = 10;
/// Characters of hours and minutes.
const MINUTES: usize = 5;

/// The same expression, whose texts have seconds where they are read as times.
pub(super) fn with_seconds(part: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    match &part {
        Expr::Cast(Cast { field, .. }) | Expr::TryCast(TryCast { field, .. })
            if is_time(field.data_type()) =>
        {
            part.map_children(|child| Ok(padded(child)))
        }
        Expr::ScalarFunction(call)
            if call.func.name().starts_with("to_timestamp") && call.args.len() == 1 =>
        {
            part.map_children(|child| Ok(padded(child)))
        }
        _ if compared_types(&part, schema).iter().any(is_time) => map_compared(part, padded),
        _ => Ok(Transformed::no(part)),
    }
}

fn is_time(of: &DataType) -> bool {
    matches!(of, DataType::Timestamp(..))
}

/// The same text with seconds, if it is a time that lacks them.
pub(super) fn padded(side: Expr) -> Transformed<Expr> {
    let Expr::Literal(value, metadata) = &side else { return Transformed::no(side) };
    match value.try_as_str().flatten().and_then(seconds_added) {
        Some(text) => Transformed::yes(Expr::Literal(ScalarValue::Utf8(Some(text)), metadata.clone())),
        None => Transformed::no(side),
    }
}

/// The text with seconds after its minutes; none for a text that has them, or is no time.
fn seconds_added(text: &str) -> Option<String> {
    let is = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text.chars().zip(pattern.chars()).all(|(sign, like)| match like {
                '0' => sign.is_ascii_digit(),
                ' ' => sign == ' ' || sign == 'T',
                like => sign == like,
            })
    };
    let end = DATE + 1 + MINUTES;
    let (time, zone) = (text.get(..end)?, text.get(end..)?);
    let ends = zone.chars().next().is_none_or(|sign| matches!(sign, 'Z' | '+' | '-' | ' '));
    (is(time, "0000-00-00 00:00") && ends).then(|| format!("{time}:00{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_seconds_get_them() {
        for (text, expected) in [
            ("2024-03-31 10:00", Some("2024-03-31 10:00:00")),
            ("2024-03-31T10:00Z", Some("2024-03-31T10:00:00Z")),
            ("2024-03-31 10:00+02", Some("2024-03-31 10:00:00+02")),
            ("2024-03-31 10:00 Europe/Berlin", Some("2024-03-31 10:00:00 Europe/Berlin")),
            ("2024-03-31 10:00:30", None),
            ("2024-03-31", None),
            ("2024-03-31 10", None),
            ("2024-03-31 10:00:00", None),
            ("2024-03-31 1:00", None),
            ("2024-03-31 10-00", None),
            ("a b", None),
            ("2024-03-31T10:00+02", Some("2024-03-31T10:00:00+02")),
            ("31.03.2024 10:00", None),
            ("é2024-03-31 10:00", None),
        ] {
            assert_eq!(seconds_added(text).as_deref(), expected, "{text}");
        }
    }
}
