//! Times of day of a zone as instants, also those that the zone has twice or not at all, as in other engines: of two
//! instants it is the later one, and a time that is skipped is read with the offset before. Arrow takes neither.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, TimeUnit};
use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, Offset, TimeZone};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, TryCast, Volatility, cast, lit,
};

use crate::engine::errors::external;
use crate::error::Error;

/// Longer than any time that a zone skips.
const SKIPPED_HOURS_MAX: i64 = 25;

/// The same cast of a time or a date without a zone to a time with one, which knows all times of day.
pub(super) fn with_local_times(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let (Expr::Cast(Cast { expr: inner, field }) | Expr::TryCast(TryCast { expr: inner, field })) = &part
    else {
        return Transformed::no(part);
    };
    let is_local = inner
        .get_type(schema)
        .is_ok_and(|of| matches!(of, DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64));
    match field.data_type() {
        DataType::Timestamp(unit, Some(zone)) if is_local && has_changes(zone) => {
            Transformed::yes(local_instant_of(inner.as_ref().clone(), *unit, zone))
        }
        _ => Transformed::no(part),
    }
}

/// A time without a zone, or a date, as the instant of that time of day.
pub(super) fn local_instant_of(time: Expr, unit: TimeUnit, zone: &str) -> Expr {
    let local = cast(time, DataType::Timestamp(unit, None));
    Arc::new(local_instant()).call(vec![local, lit(zone)])
}

/// Whether a zone may change its offset.
pub(super) fn has_changes(zone: &str) -> bool {
    !zone.eq_ignore_ascii_case("UTC") && !zone.starts_with(['+', '-'])
}

/// The function, which a cluster calls by name.
pub(in crate::engine) fn local_instant() -> ScalarUDF {
    ScalarUDF::new_from_impl(LocalInstant { signature: Signature::any(2, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct LocalInstant {
    signature: Signature,
}

impl ScalarUDFImpl for LocalInstant {
    fn name(&self) -> &'static str {
        "local_instant"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Err(external(Error::internal("the type of an instant depends on its zone")))
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> DfResult<FieldRef> {
        let zone = arguments.scalar_arguments.get(1).copied().flatten();
        let zone = zone.and_then(|zone| zone.try_as_str().flatten());
        match (arguments.arg_fields.first().map(|field| field.data_type()), zone) {
            (Some(DataType::Timestamp(unit, _)), Some(zone)) => {
                Ok(Arc::new(Field::new(self.name(), DataType::Timestamp(*unit, Some(zone.into())), true)))
            }
            _ => Err(external(Error::internal("an instant of no time or no zone"))),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let of = arguments.return_field.data_type();
        let (Some(times), DataType::Timestamp(unit, Some(zone))) = (arguments.args.first(), of) else {
            return Err(external(Error::internal("an instant of no time or no zone")));
        };
        let zone = Tz::from_str(zone)?;
        let is_value = matches!(times, ColumnarValue::Scalar(_));
        let times = times.to_array(if is_value { 1 } else { arguments.number_rows })?;
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let ticks = cast_with_options(&times, &DataType::Int64, &strict)?;
        let instants: Int64Array = ticks.as_primitive::<Int64Type>().try_unary(|tick| {
            instant(tick, *unit, zone).ok_or_else(|| external(Error::input("a time is beyond its type")))
        })?;
        let instants: ArrayRef = cast_with_options(&instants, of, &strict)?;
        Ok(if is_value {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&instants, 0)?)
        } else {
            ColumnarValue::Array(instants)
        })
    }
}

/// The instant of a time of day.
fn instant(tick: i64, unit: TimeUnit, zone: Tz) -> Option<i64> {
    let per_second = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    let local = DateTime::from_timestamp(tick.div_euclid(per_second), 0)?.naive_utc();
    let offset = |at: &NaiveDateTime| match zone.offset_from_local_datetime(at) {
        LocalResult::Single(offset) => Some(offset.fix()),
        // The later instant is the one with the smaller offset.
        LocalResult::Ambiguous(one, other) => {
            let (one, other) = (one.fix(), other.fix());
            Some(if one.local_minus_utc() < other.local_minus_utc() { one } else { other })
        }
        LocalResult::None => None,
    };
    let before = || offset(&local.checked_sub_signed(Duration::try_hours(SKIPPED_HOURS_MAX)?)?);
    let offset = offset(&local).or_else(before)?;
    tick.checked_sub(i64::from(offset.local_minus_utc()).checked_mul(per_second)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_that_are_twice_or_not_at_all_are_instants() {
        let zone = Tz::from_str("Europe/Berlin").unwrap();
        let of = |local: &str| {
            let local: NaiveDateTime = local.parse().unwrap();
            let instant =
                instant(local.and_utc().timestamp_micros() + 5, TimeUnit::Microsecond, zone).unwrap();
            DateTime::from_timestamp_micros(instant - 5).unwrap().naive_utc().to_string()
        };
        assert_eq!(of("2024-07-01T12:00:00"), "2024-07-01 10:00:00");
        assert_eq!(of("2024-10-27T02:30:00"), "2024-10-27 01:30:00");
        assert_eq!(of("2024-03-31T02:30:00"), "2024-03-31 01:30:00");
        assert_eq!(of("2024-03-31T03:30:00"), "2024-03-31 01:30:00");
    }
}
