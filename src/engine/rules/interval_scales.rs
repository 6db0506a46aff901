//! Intervals times numbers, and intervals divided by numbers, which DataFusion has not.
//!
//! As in PostgreSQL and DuckDB, the rest of a month is days of a month of 30 days, and the rest of a day is hours.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, DurationMicrosecondType, Float64Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::engine::errors::external;
use crate::error::Error;

const INTERVALS: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
/// What differences of times are.
const DURATIONS: DataType = DataType::Duration(TimeUnit::Microsecond);
/// Most digits of a number after the point.
const DIGITS: usize = 18;
const DAYS_OF_MONTH: i128 = 30;
const NANOS_OF_DAY: i128 = 86_400_000_000_000;

/// `interval_times(i, x)` and `interval_over(i, x)`.
pub(in crate::engine) fn interval_scales() -> [ScalarUDF; 2] {
    [false, true].map(|is_quotient| {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::new_from_impl(IntervalScale { is_quotient, signature })
    })
}

/// The product or quotient of an interval and a number.
pub(super) fn scaled(
    op: Operator,
    left: &Expr,
    of_left: &DataType,
    right: &Expr,
    of_right: &DataType,
) -> Option<Expr> {
    let is_interval = |of: &DataType| matches!(of, DataType::Interval(_) | DataType::Duration(_));
    let [times, over] = interval_scales();
    let call = |function: ScalarUDF, interval: &Expr, number: &Expr| {
        Some(Arc::new(function).call(vec![interval.clone(), number.clone()]))
    };
    match op {
        Operator::Multiply if is_interval(of_left) && of_right.is_numeric() => call(times, left, right),
        Operator::Multiply if of_left.is_numeric() && is_interval(of_right) => call(times, right, left),
        Operator::Divide if is_interval(of_left) && of_right.is_numeric() => call(over, left, right),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct IntervalScale {
    is_quotient: bool,
    signature: Signature,
}

impl ScalarUDFImpl for IntervalScale {
    fn name(&self) -> &'static str {
        if self.is_quotient { "interval_over" } else { "interval_times" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        let refused = || {
            let message = format!("{} takes an interval and a number", self.name());
            external(Error::usage(message).hint("write INTERVAL '1 day' * 2, or INTERVAL '1 day' / 2"))
        };
        let [of, by] = types else { return Err(refused()) };
        let of = match of {
            DataType::Interval(_) | DataType::Null => INTERVALS,
            DataType::Duration(_) => DURATIONS,
            _ => return Err(refused()),
        };
        let by = match by {
            by if by.is_integer() => DataType::Int64,
            by if by.is_numeric() || by.is_null() => DataType::Float64,
            _ => return Err(refused()),
        };
        Ok(vec![of, by])
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        Ok(types.first().cloned().unwrap_or(INTERVALS))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let rows = arguments.number_rows;
        let [of, by] = &arguments.args[..] else { return Err(external(Error::internal("two arguments"))) };
        let (of, by) = (of.to_array(rows)?, by.to_array(rows)?);
        let scaled: ArrayRef = if *of.data_type() == DURATIONS {
            let scale = |micros: i64, by: Share| {
                i64::try_from(by.rounded(i128::from(micros).checked_mul(by.times)?)).ok()
            };
            Arc::new(self.each::<DurationMicrosecondType>(&of, &by, scale)?)
        } else {
            Arc::new(self.each::<IntervalMonthDayNanoType>(&cast(&of, &INTERVALS)?, &by, scaled_interval)?)
        };
        Ok(ColumnarValue::Array(scaled))
    }
}

impl IntervalScale {
    fn each<T: ArrowPrimitiveType>(
        &self,
        of: &ArrayRef,
        by: &ArrayRef,
        scale: impl Fn(T::Native, Share) -> Option<T::Native>,
    ) -> DfResult<PrimitiveArray<T>> {
        let of = of.as_primitive::<T>();
        let one = |row: usize| {
            if of.is_null(row) || by.is_null(row) {
                return Ok(None);
            }
            let (share, number) = if let Some(by) = by.as_primitive_opt::<Int64Type>() {
                (Share::of_text(&by.value(row).to_string()), by.value(row).to_string())
            } else {
                let by = by.as_primitive::<Float64Type>().value(row);
                (Share::of_float(by), by.to_string())
            };
            let share = if self.is_quotient { share.and_then(Share::inverted) } else { share };
            match share.and_then(|share| scale(of.value(row), share)) {
                Some(scaled) => Ok(Some(scaled)),
                None => Err(external(out_of_range(self.is_quotient, &number))),
            }
        };
        (0..of.len()).map(one).collect()
    }
}

fn out_of_range(is_quotient: bool, number: &str) -> Error {
    let what = if is_quotient { "divided by" } else { "times" };
    Error::input(format!("an interval {what} {number} is no interval"))
        .hint("leave such numbers out, as in CASE WHEN x > 0 THEN i / x END")
}

/// A number as the quotient of two whole numbers, of which the second one is above zero.
#[derive(Debug, Clone, Copy)]
struct Share {
    times: i128,
    over: i128,
}

impl Share {
    fn of_float(number: f64) -> Option<Self> {
        let text = number.to_string();
        let digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        if digits > DIGITS { Self::of_text(&format!("{number:.DIGITS$}")) } else { Self::of_text(&text) }
    }

    /// A number as it is written; none for infinities and NaN.
    fn of_text(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let times = format!("{whole}{fraction}").parse().ok()?;
        Some(Self { times, over: 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)? })
    }

    fn inverted(self) -> Option<Self> {
        let over = self.times.checked_abs().filter(|over| *over > 0)?;
        Some(Self { times: self.over * self.times.signum(), over })
    }

    /// What is this part of `times` more, rounded half away from zero.
    fn rounded(self, product: i128) -> i128 {
        let rest = product % self.over;
        let up = if rest.abs() >= self.over - rest.abs() { product.signum() } else { 0 };
        product / self.over + up
    }
}

fn scaled_interval(of: IntervalMonthDayNano, by: Share) -> Option<IntervalMonthDayNano> {
    let times = |part: i128, rest: i128| part.checked_mul(by.times)?.checked_add(rest);
    let months = times(of.months.into(), 0)?;
    let days = times(of.days.into(), (months % by.over).checked_mul(DAYS_OF_MONTH)?)?;
    let nanos = times(of.nanoseconds.into(), (days % by.over).checked_mul(NANOS_OF_DAY)?)?;
    Some(IntervalMonthDayNano::new(
        i32::try_from(months / by.over).ok()?,
        i32::try_from(days / by.over).ok()?,
        i64::try_from(by.rounded(nanos)).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_of_months_are_days_and_rests_of_days_are_hours() {
        let interval = IntervalMonthDayNano::new;
        let hour = 3_600_000_000_000;
        for (of, by, expected) in [
            (interval(1, 2, hour), 2.0, interval(2, 4, 2 * hour)),
            (interval(1, 0, 0), 0.5, interval(0, 15, 0)),
            (interval(0, 1, 0), 0.5, interval(0, 0, 12 * hour)),
            (interval(1, 0, 0), 0.55, interval(0, 16, 12 * hour)),
            (interval(-1, -1, -hour), 1.5, interval(-1, -16, -13 * hour - hour / 2)),
            (interval(0, 0, 1), 0.1, interval(0, 0, 0)),
            (interval(0, 0, 3), 0.5, interval(0, 0, 2)),
            (interval(0, 0, hour), 1e-20, interval(0, 0, 0)),
        ] {
            assert_eq!(scaled_interval(of, Share::of_float(by).unwrap()), Some(expected), "{of:?} {by}");
        }
        let third = Share::of_text("3").and_then(Share::inverted).unwrap();
        assert_eq!(scaled_interval(interval(1, 0, 0), third), Some(interval(0, 10, 0)));
        assert_eq!(scaled_interval(interval(i32::MAX, 0, 0), Share::of_float(2.0).unwrap()), None);
        assert!(
            Share::of_float(f64::NAN).is_none() && Share::of_text("0").and_then(Share::inverted).is_none()
        );
    }
}
