//! The parts of intervals, and of the differences of times: as in other engines, a difference has days, and hours below 24.
//!
//! DataFusion gives the hours, the minutes and the seconds of a difference in total, loses the fraction of more than two
//! seconds, and has years of 360 days in the seconds of an interval, where PostgreSQL has 365.25.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::compute::cast;
use arrow::compute::kernels::cast_utils::IntervalUnit;
use arrow::datatypes::{
    DataType, Field, FieldRef, Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType,
    IntervalUnit as IntervalKind, IntervalYearMonthType, TimeUnit,
};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};

use crate::engine::errors::external;
use crate::error::Error;

const NANOS_OF_SECOND: i64 = 1_000_000_000;
const NANOS_OF_MINUTE: i64 = 60 * NANOS_OF_SECOND;
const NANOS_OF_HOUR: i64 = 60 * NANOS_OF_MINUTE;
const SECONDS_OF_DAY: i64 = 86_400;
const SECONDS_OF_MONTH: i64 = 30 * SECONDS_OF_DAY;
/// 365.25 days.
const SECONDS_OF_YEAR: i64 = 31_557_600;

/// The same expression, whose parts of intervals and differences are those of the fields that they are shown with.
pub(super) fn with_interval_parts(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = &part else { return Transformed::no(part) };
    let ("date_part", [Expr::Literal(name, _), length]) = (func.name(), &args[..]) else {
        return Transformed::no(part);
    };
    let is_known = name.try_as_str().flatten().and_then(LengthPart::of).is_some();
    let is_length =
        length.get_type(schema).is_ok_and(|of| matches!(of, DataType::Duration(_) | DataType::Interval(_)));
    if is_known && is_length {
        Transformed::yes(Arc::new(interval_part()).call(args.clone()))
    } else {
        Transformed::no(part)
    }
}

/// The function, which a cluster calls by name.
pub(in crate::engine) fn interval_part() -> ScalarUDF {
    ScalarUDF::new_from_impl(IntervalPart { signature: Signature::any(2, Volatility::Immutable) })
}

/// A part of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LengthPart {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    /// Seconds below a minute, counted in as many nanoseconds.
    Seconds(i64),
    Epoch,
}

impl LengthPart {
    fn of(name: &str) -> Option<Self> {
        let name = name.trim_matches(['\'', '"']);
        if name.eq_ignore_ascii_case("epoch") {
            return Some(Self::Epoch);
        }
        Some(match IntervalUnit::from_str(name).ok()? {
            IntervalUnit::Year => Self::Year,
            IntervalUnit::Month => Self::Month,
            IntervalUnit::Week => Self::Week,
            IntervalUnit::Day => Self::Day,
            IntervalUnit::Hour => Self::Hour,
            IntervalUnit::Minute => Self::Minute,
            IntervalUnit::Second => Self::Seconds(NANOS_OF_SECOND),
            IntervalUnit::Millisecond => Self::Seconds(1_000_000),
            IntervalUnit::Microsecond => Self::Seconds(1000),
            IntervalUnit::Nanosecond => Self::Seconds(1),
            IntervalUnit::Century | IntervalUnit::Decade => return None,
        })
    }
}

/// Months, days, and nanoseconds beside them.
struct Length {
    months: i64,
    days: i64,
    nanos: i64,
}

impl Length {
    fn whole(&self, part: LengthPart) -> i64 {
        match part {
            LengthPart::Year => self.months / 12,
            LengthPart::Month => self.months % 12,
            LengthPart::Week => self.days / 7,
            LengthPart::Day => self.days,
            LengthPart::Hour => self.nanos / NANOS_OF_HOUR,
            LengthPart::Minute => self.nanos % NANOS_OF_HOUR / NANOS_OF_MINUTE,
            LengthPart::Seconds(unit) => self.nanos % NANOS_OF_MINUTE / unit,
            LengthPart::Epoch => 0,
        }
    }

    fn seconds(&self) -> f64 {
        let whole = self.months / 12 * SECONDS_OF_YEAR
            + self.months % 12 * SECONDS_OF_MONTH
            + self.days * SECONDS_OF_DAY;
        // What has more digits than a double is rounded once.
        let nanos = i128::from(whole) * i128::from(NANOS_OF_SECOND) + i128::from(self.nanos);
        nanos as f64 / NANOS_OF_SECOND as f64
    }
}

/// The lengths of an array; NULL is none.
fn lengths(array: &ArrayRef) -> DfResult<Vec<Option<Length>>> {
    Ok(match array.data_type() {
        DataType::Duration(unit) => {
            let ticks = match unit {
                TimeUnit::Second => 1,
                TimeUnit::Millisecond => 1000,
                TimeUnit::Microsecond => 1_000_000,
                TimeUnit::Nanosecond => NANOS_OF_SECOND,
            };
            let length = |value: i64| {
                let (days, rest) = (value / (SECONDS_OF_DAY * ticks), value % (SECONDS_OF_DAY * ticks));
                Length { months: 0, days, nanos: rest * (NANOS_OF_SECOND / ticks) }
            };
            let values = cast(array, &DataType::Int64)?;
            values.as_primitive::<Int64Type>().iter().map(|value| value.map(length)).collect()
        }
        DataType::Interval(IntervalKind::MonthDayNano) => {
            let values = array.as_primitive::<IntervalMonthDayNanoType>().iter();
            let length = |of: arrow::datatypes::IntervalMonthDayNano| Length {
                months: of.months.into(),
                days: of.days.into(),
                nanos: of.nanoseconds,
            };
            values.map(|value| value.map(length)).collect()
        }
        DataType::Interval(IntervalKind::DayTime) => {
            let values = array.as_primitive::<IntervalDayTimeType>().iter();
            let length = |of: arrow::datatypes::IntervalDayTime| Length {
                months: 0,
                days: of.days.into(),
                nanos: i64::from(of.milliseconds) * 1_000_000,
            };
            values.map(|value| value.map(length)).collect()
        }
        DataType::Interval(IntervalKind::YearMonth) => {
            let values = array.as_primitive::<IntervalYearMonthType>().iter();
            values.map(|value| value.map(|of| Length { months: of.into(), days: 0, nanos: 0 })).collect()
        }
        _ => return Err(external(Error::internal("parts of what is no interval"))),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct IntervalPart {
    signature: Signature,
}

impl ScalarUDFImpl for IntervalPart {
    fn name(&self) -> &'static str {
        "interval_part"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Int64)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> DfResult<FieldRef> {
        let name = arguments.scalar_arguments.first().copied().flatten();
        let part = name.and_then(|name| name.try_as_str().flatten()).and_then(LengthPart::of);
        let of = if part == Some(LengthPart::Epoch) { DataType::Float64 } else { DataType::Int64 };
        Ok(Arc::new(Field::new(self.name(), of, true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let part = match &arguments.args[..] {
            [ColumnarValue::Scalar(name), of] => {
                name.try_as_str().flatten().and_then(LengthPart::of).map(|part| (part, of))
            }
            _ => None,
        };
        let Some((part, of)) = part else {
            return Err(external(Error::internal("an unknown part of an interval")));
        };
        let is_value = matches!(of, ColumnarValue::Scalar(_));
        let lengths = lengths(&of.to_array(if is_value { 1 } else { arguments.number_rows })?)?;
        let lengths = lengths.iter().map(Option::as_ref);
        let parts: ArrayRef = if part == LengthPart::Epoch {
            Arc::new(lengths.map(|of| of.map(Length::seconds)).collect::<Float64Array>())
        } else {
            Arc::new(lengths.map(|of| of.map(|of| of.whole(part))).collect::<Int64Array>())
        };
        Ok(if is_value {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&parts, 0)?)
        } else {
            ColumnarValue::Array(parts)
        })
    }
}
