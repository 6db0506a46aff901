//! `date_trunc` and `date_bin` of all times. DataFusion goes through nanoseconds, which end in the year 2262: the first
//! fails beyond, and the second gives NULL.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::compute::kernels::numeric::{add, sub};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{CastOptions, cast, cast_with_options, not, nullif};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, TimeUnit};
use chrono::{DateTime, Datelike, Months, Utc};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::functions::datetime::{date_bin, date_trunc, to_local_time};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl};

use crate::engine::errors::external;
use crate::engine::rules::own_functions::called_as_inner;
use crate::error::Error;

const NANOS_OF_SECOND: i64 = 1_000_000_000;
/// The calendar repeats itself after 400 years, with the days of the week.
const SECONDS_OF_ERA: i64 = 146_097 * 86_400;
/// 1770-01-01; nanoseconds hold the 400 years from then.
const ERA_START: i64 = -6_311_433_600;

/// Both functions, under the names that they have in DataFusion.
pub(in crate::engine) fn wide_times() -> [ScalarUDF; 2] {
    [wide_trunc(), ScalarUDF::new_from_impl(WideTimes { inner: date_bin() })]
}

/// `date_trunc` of all times.
pub(super) fn wide_trunc() -> ScalarUDF {
    ScalarUDF::new_from_impl(WideTimes { inner: date_trunc() })
}

/// One of the two; what it does not widen is done by DataFusion's own.
#[derive(Debug, PartialEq, Eq, Hash)]
struct WideTimes {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for WideTimes {
    called_as_inner!();

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let Some(DataType::Timestamp(unit, zone)) = arguments.args.get(1).map(ColumnarValue::data_type)
        else {
            return self.inner.invoke_with_args(arguments);
        };
        let is_value = arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if is_value { 1 } else { arguments.number_rows };
        let times = arguments.args.get(1).map(|times| times.to_array(rows)).transpose()?;
        let Some(times) = times else { return self.inner.invoke_with_args(arguments) };
        let done = if self.name() == date_bin().name() {
            let origin = arguments.args.get(2);
            match bins(arguments.args.first(), origin, &times, unit)? {
                Some(done) => done,
                None => return self.inner.invoke_with_args(arguments),
            }
        } else {
            Truncation { inner: &self.inner, arguments, rows }.of(&times, unit, zone.is_some())?
        };
        Ok(if is_value {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&done, 0)?)
        } else {
            ColumnarValue::Array(done)
        })
    }
}

/// How many of the unit a second has.
fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => NANOS_OF_SECOND,
    }
}

struct Truncation<'a> {
    inner: &'a ScalarUDF,
    arguments: ScalarFunctionArgs,
    rows: usize,
}

impl Truncation<'_> {
    fn of(&self, times: &ArrayRef, unit: TimeUnit, is_zoned: bool) -> DfResult<ArrayRef> {
        if unit == TimeUnit::Nanosecond {
            return self.plain(Arc::clone(times));
        }
        let (start, era) = (ERA_START * per_second(unit), SECONDS_OF_ERA * per_second(unit));
        let ticks = cast(times, &DataType::Int64)?;
        let ticks = ticks.as_primitive::<Int64Type>();
        let is_near = |tick: i64| (start..start + era).contains(&tick);
        if ticks.iter().flatten().all(is_near) {
            return self.plain(Arc::clone(times));
        }
        if !is_zoned {
            return self.in_era(times, start, era);
        }
        // A zone has no transitions that far.
        let near: BooleanArray = ticks.iter().map(|tick| Some(tick.is_none_or(is_near))).collect();
        let far = not(&near)?;
        let locals = vec![ColumnarValue::Array(nullif(times, &near)?)];
        let locals = self.call(&to_local_time(), locals, DataType::Timestamp(unit, None))?;
        let locals = self.in_era(&locals, start, era)?;
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let far_ones = cast_with_options(&locals, times.data_type(), &strict)?;
        let near_ones = self.plain(nullif(times, &far)?)?;
        Ok(zip(&near, &near_ones, &far_ones)?)
    }

    /// Truncates times in the 400 years that nanoseconds hold, as many times 400 years away.
    fn in_era(&self, times: &ArrayRef, start: i64, era: i64) -> DfResult<ArrayRef> {
        let ticks = cast(times, &DataType::Int64)?;
        let near: Int64Array = ticks
            .as_primitive::<Int64Type>()
            .unary(|tick: i64| tick.wrapping_sub(start).rem_euclid(era) + start);
        let away = sub(&ticks, &near)?;
        let cut = self.plain(cast(&near, times.data_type())?)?;
        let cut = add(&cast(&cut, &DataType::Int64)?, &away)?;
        Ok(cast(&cut, times.data_type())?)
    }

    fn plain(&self, times: ArrayRef) -> DfResult<ArrayRef> {
        let granularity = self.arguments.args.iter().take(1).cloned();
        let of = times.data_type().clone();
        self.call(self.inner, granularity.chain([ColumnarValue::Array(times)]).collect(), of)
    }

    fn call(&self, function: &ScalarUDF, args: Vec<ColumnarValue>, gives: DataType) -> DfResult<ArrayRef> {
        let outer = &self.arguments;
        let field = |of: DataType| -> FieldRef { Arc::new(Field::new(function.name(), of, true)) };
        let call = ScalarFunctionArgs {
            arg_fields: args.iter().map(|argument| field(argument.data_type())).collect(),
            args,
            number_rows: self.rows,
            return_field: field(gives),
            config_options: Arc::clone(&outer.config_options),
        };
        function.invoke_with_args(call)?.to_array(self.rows)
    }
}

/// How wide bins are.
enum BinWidth {
    Nanos(i128),
    Months(i64),
}

impl BinWidth {
    /// The width that an argument says; `None` for one that DataFusion has something to say about.
    fn of(stride: &ScalarValue) -> Option<Self> {
        let nanos = |days: i32, nanos: i128| i128::from(days) * 86_400 * i128::from(NANOS_OF_SECOND) + nanos;
        let width = match stride {
            ScalarValue::IntervalMonthDayNano(Some(of)) if of.months == 0 => {
                Self::Nanos(nanos(of.days, of.nanoseconds.into()))
            }
            ScalarValue::IntervalMonthDayNano(Some(of)) if of.days == 0 && of.nanoseconds == 0 => {
                Self::Months(of.months.into())
            }
            ScalarValue::IntervalDayTime(Some(of)) => {
                Self::Nanos(nanos(of.days, i128::from(of.milliseconds) * 1_000_000))
            }
            _ => return None,
        };
        match width {
            Self::Nanos(of) => of > 0,
            Self::Months(of) => of > 0,
        }
        .then_some(width)
    }

    /// Where the bin of a time starts, all in nanoseconds.
    fn start(&self, time: i128, origin: i128) -> Option<i128> {
        match self {
            Self::Nanos(width) => Some(origin + (time - origin).div_euclid(*width) * width),
            Self::Months(width) => {
                let (from, to) = (date_of(origin)?, date_of(time)?);
                let months =
                    i64::from(to.year() - from.year()) * 12 + i64::from(to.month()) - i64::from(from.month());
                let months = months.div_euclid(*width) * width;
                let start = shifted(from, months)?;
                // The day and the hour of the origin may come later in the month.
                let start = if start > to { shifted(from, months - width)? } else { start };
                let seconds = i128::from(start.timestamp()) * i128::from(NANOS_OF_SECOND);
                Some(seconds + i128::from(start.timestamp_subsec_nanos()))
            }
        }
    }
}

fn date_of(nanos: i128) -> Option<DateTime<Utc>> {
    let second = i128::from(NANOS_OF_SECOND);
    let seconds = i64::try_from(nanos.div_euclid(second)).ok()?;
    DateTime::from_timestamp(seconds, u32::try_from(nanos.rem_euclid(second)).ok()?)
}

fn shifted(date: DateTime<Utc>, months: i64) -> Option<DateTime<Utc>> {
    let by = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { date.checked_sub_months(by) } else { date.checked_add_months(by) }
}

/// The start of the bin of each time; `None` for arguments that DataFusion has something to say about.
fn bins(
    stride: Option<&ColumnarValue>,
    origin: Option<&ColumnarValue>,
    times: &ArrayRef,
    unit: TimeUnit,
) -> DfResult<Option<ArrayRef>> {
    let Some(ColumnarValue::Scalar(stride)) = stride else { return Ok(None) };
    let origin = match origin {
        None => 0,
        Some(ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(Some(origin), _))) => *origin,
        Some(_) => return Ok(None),
    };
    let Some(width) = BinWidth::of(stride) else { return Ok(None) };
    let tick_nanos = i128::from(NANOS_OF_SECOND / per_second(unit));
    let ticks = cast(times, &DataType::Int64)?;
    let starts: Int64Array = ticks.as_primitive::<Int64Type>().try_unary(|tick| {
        let start = width.start(i128::from(tick) * tick_nanos, origin.into());
        let start = start.and_then(|start| i64::try_from(start.div_euclid(tick_nanos)).ok());
        start.ok_or_else(|| external(too_early()))
    })?;
    Ok(Some(cast(&starts, times.data_type())?))
}

fn too_early() -> Error {
    Error::input("date_bin: a time is in a bin that starts before all times of its type")
        .hint("nanoseconds begin in the year 1677: write date_bin(i, arrow_cast(x, 'Timestamp(µs)')) for microseconds")
}
