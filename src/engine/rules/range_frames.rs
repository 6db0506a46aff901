//! Windows whose frames end at a distance, as in `RANGE BETWEEN 3 PRECEDING AND CURRENT ROW`.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{Sort, WindowFunctionParams};
use datafusion::logical_expr::{Expr, ExprSchemable, WindowFrameBound, WindowFrameUnits, cast};

use crate::engine::errors::external;
use crate::engine::rules::local_times::has_changes;
use crate::error::Error;

/// The same window, whose keys have room for values before the first and behind the last; refuses distances that would
/// mean something else.
pub(super) fn with_room_for_frames(part: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let Expr::WindowFunction(mut window) = part else { return Ok(Transformed::no(part)) };
    let WindowFunctionParams { order_by, window_frame: frame, .. } = &window.params;
    let key = order_by.first().map(|key| key.expr.get_type(schema)).transpose()?;
    let Some(key) = key.filter(|_| frame.units == WindowFrameUnits::Range) else {
        return Ok(Transformed::no(Expr::WindowFunction(window)));
    };
    let distances = || {
        [&frame.start_bound, &frame.end_bound].into_iter().filter_map(|bound| match bound {
            WindowFrameBound::Preceding(by) | WindowFrameBound::Following(by) if !by.is_null() => Some(by),
            _ => None,
        })
    };
    if key.is_temporal() && !matches!(key, DataType::Interval(_)) && distances().any(is_number) {
        return Err(external(
            Error::usage("RANGE over dates or times needs an interval, not a number")
                .hint("write RANGE BETWEEN INTERVAL '3 days' PRECEDING AND CURRENT ROW"),
        ));
    }
    let is_zoned = matches!(&key, DataType::Timestamp(_, Some(zone)) if has_changes(zone));
    if is_zoned && distances().any(|by| !is_of_hours(by)) {
        return Err(external(
            Error::usage(
                "RANGE of days or months over times of a zone is not supported: its days differ in length",
            )
            .hint("write hours, as in INTERVAL '24 hours', or order by x AT TIME ZONE 'UTC'"),
        ));
    }
    let wide = match key {
        DataType::Int64 | DataType::UInt64 => DataType::Decimal128(20, 0),
        // Of an hour before a date, or a part of a second before a time in seconds, nothing is cut.
        DataType::Date32 | DataType::Date64 => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond, zone) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone)
        }
        of if of.is_integer() => DataType::Int64,
        _ => return Ok(Transformed::no(Expr::WindowFunction(window))),
    };
    if distances().next().is_none() {
        return Ok(Transformed::no(Expr::WindowFunction(window)));
    }
    let keys = std::mem::take(&mut window.params.order_by);
    let wider = |Sort { expr, asc, nulls_first }| Sort { expr: cast(expr, wide.clone()), asc, nulls_first };
    window.params.order_by = keys.into_iter().map(wider).collect();
    Ok(Transformed::yes(Expr::WindowFunction(window)))
}

/// Whether a distance has no unit. A word is an interval, as in `'3 days'`.
fn is_number(by: &ScalarValue) -> bool {
    match by {
        ScalarValue::Utf8(Some(text)) => text.trim().parse::<f64>().is_ok_and(|number| number != 0.0),
        by => by.data_type().is_numeric(),
    }
}

/// Whether a distance is the same everywhere.
fn is_of_hours(by: &ScalarValue) -> bool {
    match by {
        ScalarValue::IntervalMonthDayNano(Some(of)) => of.months == 0 && of.days == 0,
        ScalarValue::IntervalDayTime(Some(of)) => of.days == 0,
        ScalarValue::IntervalYearMonth(Some(months)) => *months == 0,
        ScalarValue::Utf8(Some(text)) => {
            let text = text.to_ascii_lowercase();
            !["day", "week", "mon", "year", "decade", "centur"].iter().any(|unit| text.contains(unit))
        }
        _ => true,
    }
}
