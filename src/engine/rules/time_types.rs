//! Times of several units and zones: the type in which they are compared, and what is read in a zone.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable};

use crate::engine::rules::local_times::{has_changes, local_instant_of};

/// The type in which times of this type are compared, unless they are in nanoseconds: seconds and milliseconds would cut
/// off what is beside them. `None` for other types.
pub(super) fn unit_of(of: &DataType) -> Option<DataType> {
    match of {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => None,
        DataType::Timestamp(_, zone) => Some(DataType::Timestamp(TimeUnit::Microsecond, zone.clone())),
        _ => None,
    }
}

pub(super) fn is_text(expression: &Expr) -> bool {
    matches!(
        expression,
        Expr::Literal(
            ScalarValue::Utf8(Some(_)) | ScalarValue::LargeUtf8(Some(_)) | ScalarValue::Utf8View(Some(_)),
            _
        )
    )
}

/// Whether it is a text with more than microseconds: these times are compared in nanoseconds.
pub(super) fn is_finer(expression: &Expr) -> bool {
    let Expr::Literal(value, _) = expression else { return false };
    let fraction = value.try_as_str().flatten().and_then(|text| text.rsplit_once('.'));
    fraction.is_some_and(|(_, digits)| {
        digits.bytes().take_while(u8::is_ascii_digit).skip(6).any(|digit| digit != b'0')
    })
}

pub(super) fn is_zoned(of: &DataType) -> bool {
    matches!(of, DataType::Timestamp(_, Some(_)))
}

/// The type in microseconds of times and dates of which one is given, if they are in one zone or in none, or in a zone in
/// which those without one are read.
pub(super) fn common_unit(types: &[DataType]) -> Option<DataType> {
    let zone = |of: &DataType| match of {
        DataType::Timestamp(_, zone) => Some(zone.clone()),
        _ => None,
    };
    let mut zones = types.iter().filter_map(zone);
    let first = zones.next()?;
    if zones.all(|other| other == first) {
        return types.iter().find_map(unit_of);
    }
    zone_of_all(types)
}

/// The type of times of several units, or of times and dates, for which DataFusion takes nanoseconds.
pub(super) fn mixed_times(types: &[DataType]) -> Option<DataType> {
    let is_nanos = |of: &DataType| matches!(of, DataType::Timestamp(TimeUnit::Nanosecond, _));
    let are_alike = types.windows(2).all(|two| two[0] == two[1]);
    if are_alike || types.iter().any(is_nanos) { None } else { common_unit(types) }
}

/// The type in the one zone of times, in which others, and dates, have no zone; only of zones that change their offset.
fn zone_of_all(types: &[DataType]) -> Option<DataType> {
    let mut zones = types.iter().filter(|of| is_zoned(of));
    let first = zones.next()?;
    let (DataType::Timestamp(_, Some(zone)), Some(unit)) = (first, unit_of(first)) else { return None };
    let is_local = |of: &DataType| {
        matches!(
            of,
            DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond, None)
        ) || matches!(of, DataType::Date32 | DataType::Date64)
    };
    let is_alone = types.iter().all(|of| is_local(of) || unit_of(of).as_ref() == Some(&unit));
    (has_changes(zone) && is_alone && types.iter().any(is_local)).then_some(unit)
}

/// A time or a date without a zone, in the zone of this type.
pub(super) fn in_zone(side: Expr, to: &DataType, schema: &DFSchema) -> Transformed<Expr> {
    match to {
        DataType::Timestamp(unit, Some(zone)) if has_changes(zone) && is_local(&side, schema) => {
            Transformed::yes(local_instant_of(side, *unit, zone))
        }
        _ => Transformed::no(side),
    }
}

/// Whether it is a time without a zone: a text is one if it ends after its time of day.
pub(super) fn is_local(expression: &Expr, schema: &DFSchema) -> bool {
    let is_plain = |sign: char| sign.is_ascii_digit() || matches!(sign, ':' | '.');
    match expression {
        Expr::Literal(value, _) if is_text(expression) && !is_finer(expression) => {
            let text = value.try_as_str().flatten().unwrap_or_default();
            let time = text.split_once([' ', 'T']).map_or("", |(_, time)| time);
            time.chars().all(is_plain) && text.len() >= 10
        }
        other => matches!(
            other.get_type(schema),
            Ok(DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond, None)
                | DataType::Date32
                | DataType::Date64)
        ),
    }
}
