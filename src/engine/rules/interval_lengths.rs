//! Intervals are as long as their time: a day has 24 hours, and a month 30 days, as in PostgreSQL.
//!
//! Arrow compares months, then days, then hours, so that one day would be longer than 36 hours.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, IntervalDayTimeArray, IntervalMonthDayNanoArray};
use arrow::datatypes::{
    IntervalDayTime, IntervalDayTimeType, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::common::{Result as DfResult, ScalarValue};

use crate::engine::errors::external;
use crate::error::Error;

const DAYS_OF_MONTH: i64 = 30;
const NANOS_OF_DAY: i64 = 86_400_000_000_000;
const MILLIS_OF_DAY: i64 = 86_400_000;

/// An interval of the same length in whole days and what is left of one, which intervals of that length share.
pub(super) fn plain_interval(of: IntervalMonthDayNano) -> DfResult<IntervalMonthDayNano> {
    let days = i64::from(of.months) * DAYS_OF_MONTH + i64::from(of.days);
    let (days, nanoseconds) = in_days(days, of.nanoseconds, NANOS_OF_DAY)?;
    Ok(IntervalMonthDayNano { months: 0, days, nanoseconds })
}

fn plain_days(of: IntervalDayTime) -> DfResult<IntervalDayTime> {
    let (days, rest) = in_days(of.days.into(), of.milliseconds.into(), MILLIS_OF_DAY)?;
    Ok(IntervalDayTime { days, milliseconds: i32::try_from(rest).map_err(|_| too_long())? })
}

/// Whole days and the rest of a day, of one sign.
fn in_days(days: i64, rest: i64, of_day: i64) -> DfResult<(i32, i64)> {
    let (mut days, mut rest) = (days + rest / of_day, rest % of_day);
    if days > 0 && rest < 0 {
        (days, rest) = (days - 1, rest + of_day);
    } else if days < 0 && rest > 0 {
        (days, rest) = (days + 1, rest - of_day);
    }
    Ok((i32::try_from(days).map_err(|_| too_long())?, rest))
}

fn too_long() -> datafusion::common::DataFusionError {
    external(
        Error::input("an interval of more than 5 million years cannot be compared")
            .hint("leave such rows out with WHERE"),
    )
}

/// The value of a list of intervals that all of one length share; of other values the same one.
pub(super) fn plain_length(value: ScalarValue) -> DfResult<ScalarValue> {
    Ok(match value {
        ScalarValue::IntervalMonthDayNano(Some(of)) => {
            ScalarValue::IntervalMonthDayNano(Some(plain_interval(of)?))
        }
        ScalarValue::IntervalDayTime(Some(of)) => ScalarValue::IntervalDayTime(Some(plain_days(of)?)),
        other => other,
    })
}

/// Intervals of this unit, each as all of its length are.
pub(super) fn plain_lengths(array: &ArrayRef, unit: IntervalUnit) -> DfResult<ArrayRef> {
    Ok(match unit {
        IntervalUnit::MonthDayNano => {
            let lengths = array.as_primitive::<IntervalMonthDayNanoType>();
            let plain: IntervalMonthDayNanoArray = lengths.try_unary(plain_interval)?;
            Arc::new(plain)
        }
        IntervalUnit::DayTime => {
            let plain: IntervalDayTimeArray =
                array.as_primitive::<IntervalDayTimeType>().try_unary(plain_days)?;
            Arc::new(plain)
        }
        // Months alone are in order.
        IntervalUnit::YearMonth => Arc::clone(array),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_one_length_are_one_interval() {
        let of = |months, days, hours: i64| {
            plain_interval(IntervalMonthDayNano::new(months, days, hours * 3_600_000_000_000)).unwrap()
        };
        assert_eq!(of(0, 1, 0), of(0, 0, 24));
        assert_eq!(of(1, 0, 0), of(0, 30, 0));
        assert_eq!(of(1, -30, 0), of(0, 0, 0));
        assert_eq!(of(0, 1, -25), of(0, 0, -1));
        assert_eq!(of(0, -1, 25), of(0, 0, 1));
        assert_eq!(of(0, -2, 25), of(0, 0, -23));
        let in_order = [of(0, -1, -1), of(0, -1, 0), of(0, 0, -23), of(0, 0, 23), of(0, 1, 0), of(0, 0, 36)];
        assert!(in_order.is_sorted());
        assert!(of(0, 40, 0) > of(1, 0, 0));
        assert!(plain_interval(IntervalMonthDayNano::new(i32::MAX, 0, 0)).is_err());
        let days = |days, hours: i32| plain_days(IntervalDayTime::new(days, hours * 3_600_000)).unwrap();
        assert_eq!(days(1, 12), days(0, 36));
    }
}
