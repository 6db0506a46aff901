//! Times are compared in microseconds, and added to without loss.
//!
//! DataFusion compares times with texts, dates and other times in nanoseconds, which end in the year 2262; open ends such
//! as `9999-12-31` are common in tables. Texts that are finer than microseconds stay in nanoseconds. DataFusion drops the
//! hours of an interval that is added to a date. And its `TIMESTAMP` has nanoseconds, where that of other engines has
//! microseconds.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::functions::datetime::to_local_time;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable, Operator, TryCast, cast, lit};
use datafusion::sql::sqlparser::ast::{DataType as SqlType, TimezoneInfo};

use crate::engine::rules::compared::{compared_types, map_compared};
use crate::engine::rules::time_types::{in_zone, is_finer, is_text, is_zoned, unit_of};
use crate::engine::rules::wide_times::wide_trunc;
use crate::engine::rules::written_values::{as_written, text_as};

/// The zone of instants that have no other one.
pub(in crate::engine) const UTC: &str = "UTC";

/// `TIMESTAMP` without a precision has microseconds, as in other engines: nanoseconds end in the year 2262. Those with a
/// time zone are instants.
#[derive(Debug)]
pub(in crate::engine) struct MicrosecondTimes;

impl TypePlanner for MicrosecondTimes {
    fn plan_type_field(&self, sql_type: &SqlType) -> DfResult<Option<FieldRef>> {
        let unit = match sql_type {
            SqlType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone)
            | SqlType::Datetime(None) => Some(MICROSECONDS),
            SqlType::Timestamp(None, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
                Some(DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())))
            }
            _ => None,
        };
        Ok(unit.map(|unit| Arc::new(Field::new("", unit, true)) as FieldRef))
    }
}

/// Gives a part of a time.
const PART: &str = "date_part";
/// Functions that take a time after their first argument.
const OF_TIMES: [&str; 3] = [PART, "date_trunc", "date_bin"];

/// Gives the seconds since 1970.
const IN_SECONDS: &str = "to_unixtime";
const SECONDS_A_DAY: i64 = 86_400;

/// What dates become where they get hours.
const MICROSECONDS: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// The same expression, where what is compared with times is in microseconds, and dates with hours are times.
pub(super) fn with_exact_times(part: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let types = compared_types(&part, schema);
    let mut units = types.iter().filter_map(unit_of);
    if let Some(unit) = units.clone().find(is_zoned).or_else(|| units.next()) {
        return map_compared(part, |side| {
            let text = text_as(side, &unit, schema);
            if text.transformed { text } else { read_as(text.data, &unit, schema) }
        });
    }
    Ok(match part {
        Expr::ScalarFunction(call) if OF_TIMES.contains(&call.func.name()) => with_read_time(call, schema),
        Expr::ScalarFunction(call) if call.func.name() == IN_SECONDS => with_cut_time(call, schema),
        Expr::Cast(Cast { expr, field }) => cut_down(*expr, field.data_type(), schema)
            .update_data(|expr| Expr::Cast(Cast { expr: Box::new(expr), field })),
        Expr::TryCast(TryCast { expr, field }) => cut_down(*expr, field.data_type(), schema)
            .update_data(|expr| Expr::TryCast(TryCast { expr: Box::new(expr), field })),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right })
            if is_date(&left, schema) != is_date(&right, schema)
                && [&left, &right].iter().any(|side| type_unit(side, schema).is_some()) =>
        {
            let unit =
                [&left, &right].iter().find_map(|side| type_unit(side, schema)).unwrap_or(MICROSECONDS);
            let [left, right] = [left, right].map(|side| Box::new(as_time(*side, &unit, schema).data));
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if matches!(op, Operator::Plus | Operator::Minus) =>
        {
            let fine =
                |side: &Expr, other: &Expr| fine_enough(side, schema).filter(|_| has_hours(other, schema));
            let (left, right) = if let Some(fine) = fine(&left, &right) {
                (Box::new(cast(*left, fine)), right)
            } else if let Some(fine) = fine(&right, &left).filter(|_| op == Operator::Plus) {
                (left, Box::new(cast(*right, fine)))
            } else {
                return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
            };
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        other => Transformed::no(other),
    })
}

/// The same call, whose time is in microseconds if it is no time yet: DataFusion reads it in nanoseconds.
fn with_read_time(mut call: ScalarFunction, schema: &DFSchema) -> Transformed<Expr> {
    let is_part = call.func.name() == PART;
    let of_nanos =
        |of: &Expr| matches!(of, Expr::Literal(of, _) if of.try_as_str().flatten().is_some_and(is_nanos));
    let is_fine = is_part && call.args.first().is_some_and(of_nanos);
    let mut changed = false;
    let mut read_as = |argument: Option<&mut Expr>, of: DataType| {
        if let Some(argument) = argument {
            *argument = cast(argument.clone(), of);
            changed = true;
        }
    };
    let type_of = |call: &ScalarFunction, at: usize| call.args.get(at)?.get_type(schema).ok();
    match type_of(&call, 1) {
        Some(DataType::Date32 | DataType::Date64) if !is_part => read_as(call.args.get_mut(1), MICROSECONDS),
        Some(of) if of.is_string() && !is_fine && !call.args.get(1).is_some_and(is_finer) => {
            read_as(call.args.get_mut(1), MICROSECONDS);
        }
        _ => {}
    }
    // Bins begin at a time in nanoseconds, whatever the unit of the times in them.
    match type_of(&call, 2) {
        Some(DataType::Timestamp(_, zone)) => {
            read_as(call.args.get_mut(2), DataType::Timestamp(TimeUnit::Nanosecond, zone));
        }
        Some(of) if of.is_string() || matches!(of, DataType::Date32 | DataType::Date64) => {
            read_as(call.args.get_mut(2), DataType::Timestamp(TimeUnit::Nanosecond, None));
        }
        _ => {}
    }
    let call = Expr::ScalarFunction(call);
    if changed { Transformed::yes(call) } else { Transformed::no(call) }
}

/// The same call of the seconds of a time, without its parts of a second.
fn with_cut_time(mut call: ScalarFunction, schema: &DFSchema) -> Transformed<Expr> {
    let mut changed = false;
    if let Some(time) = call.args.first_mut()
        && let Ok(DataType::Timestamp(_, zone)) = time.get_type(schema)
    {
        let cut = cut_down(time.clone(), &DataType::Timestamp(TimeUnit::Second, zone), schema);
        (*time, changed) = (cut.data, cut.transformed);
    }
    Transformed::new_transformed(Expr::ScalarFunction(call), changed)
}

/// Whether a part of a time is one of nanoseconds.
fn is_nanos(part: &str) -> bool {
    part.trim_start_matches(['\'', '"']).to_ascii_lowercase().starts_with('n')
}

/// The time that a cast to this type leaves. One without a zone is the time of day in the zone that it had, as its date and
/// its hour are. One of fewer digits of a second is the last of these that is not later: `arrow` takes the nearest to 1970.
fn cut_down(expression: Expr, to: &DataType, schema: &DFSchema) -> Transformed<Expr> {
    let (Ok(DataType::Timestamp(of, of_zone)), DataType::Timestamp(unit, zone)) =
        (expression.get_type(schema), to)
    else {
        return Transformed::no(expression);
    };
    let (mut time, mut changed) = (expression, false);
    if of_zone.is_some() && zone.is_none() {
        (time, changed) = (to_local_time().call(vec![time]), true);
    }
    let digits = match unit {
        TimeUnit::Second => "second",
        TimeUnit::Millisecond => "millisecond",
        TimeUnit::Microsecond => "microsecond",
        TimeUnit::Nanosecond => return Transformed::new_transformed(time, changed),
    };
    if of > *unit {
        (time, changed) = (wide_trunc().call(vec![lit(digits), time]), true);
    }
    Transformed::new_transformed(time, changed)
}

fn is_date(expression: &Expr, schema: &DFSchema) -> bool {
    matches!(expression.get_type(schema), Ok(DataType::Date32 | DataType::Date64))
}

/// The type of a date, or of a time in seconds or milliseconds, that hours and what is below them are added to.
fn fine_enough(expression: &Expr, schema: &DFSchema) -> Option<DataType> {
    match expression.get_type(schema).ok()? {
        DataType::Date32 | DataType::Date64 => Some(MICROSECONDS),
        DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond, zone) => {
            Some(DataType::Timestamp(TimeUnit::Microsecond, zone))
        }
        _ => None,
    }
}

/// Whether an expression is an interval that may be more than whole days.
fn has_hours(expression: &Expr, schema: &DFSchema) -> bool {
    match expression {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) => interval.nanoseconds != 0,
        Expr::Literal(ScalarValue::IntervalDayTime(Some(interval)), _) => interval.milliseconds != 0,
        Expr::Literal(ScalarValue::IntervalYearMonth(_), _) => false,
        other if is_whole_days(other) => false,
        other => match other.get_type(schema) {
            Ok(DataType::Interval(unit)) => unit != IntervalUnit::YearMonth,
            Ok(DataType::Duration(_)) => true,
            _ => false,
        },
    }
}

/// Whether an expression is the interval that DataFusion makes of a number of days, in views before their query is read:
/// `CAST(CAST(days * 86400 AS Duration(s)) AS Interval)`.
fn is_whole_days(expression: &Expr) -> bool {
    fn of_cast(of: &Expr) -> Option<&Expr> {
        if let Expr::Cast(Cast { expr, .. }) = of { Some(expr) } else { None }
    }
    matches!(
        of_cast(expression).and_then(of_cast),
        Some(Expr::BinaryExpr(BinaryExpr { op: Operator::Multiply, right, .. }))
            if matches!(**right, Expr::Literal(ScalarValue::Int64(Some(SECONDS_A_DAY)), _))
    )
}

fn type_unit(expression: &Expr, schema: &DFSchema) -> Option<DataType> {
    expression.get_type(schema).ok().as_ref().and_then(unit_of)
}

/// A date, or a time of no column in nanoseconds, beside times of this type.
pub(super) fn as_time(expression: Expr, data_type: &DataType, schema: &DFSchema) -> Transformed<Expr> {
    if is_text(&expression) { Transformed::no(expression) } else { read_as(expression, data_type, schema) }
}

/// Whether it is read in microseconds where it is compared with times: texts, dates, and times of no column, such as
/// `now()`.
fn is_read_as(expression: &Expr, schema: &DFSchema) -> bool {
    is_text(expression) && !is_finer(expression)
        || is_date(expression, schema)
        || !expression.any_column_refs()
            && matches!(expression.get_type(schema), Ok(DataType::Timestamp(TimeUnit::Nanosecond, _)))
}

fn read_as(expression: Expr, data_type: &DataType, schema: &DFSchema) -> Transformed<Expr> {
    let expression = as_written(expression, data_type).data;
    let expression = in_zone(expression, data_type, schema);
    if expression.transformed {
        return expression;
    }
    let expression = expression.data;
    if is_read_as(&expression, schema) {
        Transformed::yes(cast(expression, data_type.clone()))
    } else {
        Transformed::no(expression)
    }
}
