//! Times are compared in microseconds, and added to without loss.
//!
//! DataFusion compares times with texts, dates and other times in nanoseconds, which end in the year 2262; open ends such
//! as `9999-12-31` are common in tables. Texts that are finer than microseconds stay in nanoseconds. DataFusion drops the
//! hours of an interval that is added to a date. And its `TIMESTAMP` has nanoseconds, where that of other engines has
//! microseconds.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, cast};
use datafusion::optimizer::analyzer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::{DataType as SqlType, TimezoneInfo};

use crate::engine::exact_decimals::{as_decimal, compares_decimals};

/// Makes times exact in all expressions of a plan.
#[derive(Debug)]
pub(super) struct ExactTimes;

impl AnalyzerRule for ExactTimes {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let schema = merge_schema(&plan.inputs());
            let names = NamePreserver::new(&plan);
            let changed = plan.map_expressions(|expression| {
                let name = names.save(&expression);
                let changed = with_exact_times(expression, &schema)?;
                Ok(changed.update_data(|expression| name.restore(expression)))
            })?;
            // A date with hours is a time, and what is above it has to know.
            changed.map_data(LogicalPlan::recompute_schema)
        })
        .map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "ExactTimes"
    }
}

/// `TIMESTAMP` without a precision has microseconds, as in other engines: nanoseconds end in the year 2262.
#[derive(Debug)]
pub(super) struct MicrosecondTimes;

impl TypePlanner for MicrosecondTimes {
    fn plan_type_field(&self, sql_type: &SqlType) -> DfResult<Option<FieldRef>> {
        let unit = match sql_type {
            SqlType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone)
            | SqlType::Datetime(None) => Some(MICROSECONDS),
            _ => None,
        };
        Ok(unit.map(|unit| Arc::new(Field::new("", unit, true)) as FieldRef))
    }
}

/// What dates become where they get hours.
const MICROSECONDS: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// The same expression, where what is compared with times is in microseconds, dates with hours are times, and numbers
/// that are compared with decimals are decimals.
pub(crate) fn with_exact_times(expression: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    expression.transform_up(|expression| {
        if compares(&expression) && compares_decimals(&expression, schema) {
            return expression.map_children(|side| Ok(as_decimal(side)));
        }
        if are_mixed_times(&expression, schema) {
            return expression.map_children(|side| Ok(in_nanoseconds(side, schema)));
        }
        Ok(match expression {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
                let (l, r) = (unit_of(&left, schema), unit_of(&right, schema));
                let (left, right) = match (l, r) {
                    (Some(unit), None) if is_read_as(&right, schema) => (left, Box::new(cast(*right, unit))),
                    (None, Some(unit)) if is_read_as(&left, schema) => (Box::new(cast(*left, unit)), right),
                    _ => return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }))),
                };
                Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right })
                if matches!(op, Operator::Plus | Operator::Minus) =>
            {
                let (left, right) = if is_date(&left, schema) && has_hours(&right, schema) {
                    (Box::new(cast(*left, MICROSECONDS)), right)
                } else if op == Operator::Plus && is_date(&right, schema) && has_hours(&left, schema) {
                    (left, Box::new(cast(*right, MICROSECONDS)))
                } else {
                    return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
                };
                Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
            }
            Expr::Between(Between { expr, negated, low, high }) => match unit_of(&expr, schema) {
                Some(unit) => {
                    let [low, high] = [low, high].map(|end| Box::new(read_as(*end, &unit, schema)));
                    Transformed::yes(Expr::Between(Between { expr, negated, low, high }))
                }
                None => Transformed::no(Expr::Between(Between { expr, negated, low, high })),
            },
            Expr::InList(InList { expr, list, negated }) => match unit_of(&expr, schema) {
                Some(unit) => {
                    let list = list.into_iter().map(|one| read_as(one, &unit, schema)).collect();
                    Transformed::yes(Expr::InList(InList { expr, list, negated }))
                }
                None => Transformed::no(Expr::InList(InList { expr, list, negated })),
            },
            other => Transformed::no(other),
        })
    })
}

fn compares(expression: &Expr) -> bool {
    match expression {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => is_comparison(*op),
        Expr::Between(_) | Expr::InList(_) => true,
        _ => false,
    }
}

/// Whether times of day of several types are compared: nanoseconds hold all of them.
fn are_mixed_times(expression: &Expr, schema: &DFSchema) -> bool {
    let mut types = Vec::new();
    let asked = compares(expression).then(|| {
        expression.apply_children(|side| {
            types.extend(time_of_day(side, schema));
            Ok(TreeNodeRecursion::Continue)
        })
    });
    asked.is_some_and(|asked| asked.is_ok()) && types.iter().any(|other| *other != types[0])
}

fn time_of_day(side: &Expr, schema: &DFSchema) -> Option<DataType> {
    side.get_type(schema).ok().filter(|of| matches!(of, DataType::Time32(_) | DataType::Time64(_)))
}

fn in_nanoseconds(side: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let finest = DataType::Time64(TimeUnit::Nanosecond);
    match time_of_day(&side, schema) {
        Some(of) if of != finest => Transformed::yes(cast(side, finest)),
        _ => Transformed::no(side),
    }
}

pub(crate) fn is_comparison(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

/// The type in which times of this type are compared, unless they are in nanoseconds: seconds and milliseconds would cut
/// off what is beside them. `None` for other types.
fn unit_of(expression: &Expr, schema: &DFSchema) -> Option<DataType> {
    if is_text(expression) {
        return None;
    }
    match expression.get_type(schema).ok()? {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => None,
        DataType::Timestamp(_, zone) => Some(DataType::Timestamp(TimeUnit::Microsecond, zone)),
        _ => None,
    }
}

fn is_text(expression: &Expr) -> bool {
    matches!(
        expression,
        Expr::Literal(
            ScalarValue::Utf8(Some(_)) | ScalarValue::LargeUtf8(Some(_)) | ScalarValue::Utf8View(Some(_)),
            _
        )
    )
}

/// Whether it is a text with more than microseconds: these times are compared in nanoseconds.
fn is_finer(expression: &Expr) -> bool {
    let Expr::Literal(value, _) = expression else { return false };
    let fraction = value.try_as_str().flatten().and_then(|text| text.rsplit_once('.'));
    fraction.is_some_and(|(_, digits)| {
        digits.bytes().take_while(u8::is_ascii_digit).skip(6).any(|digit| digit != b'0')
    })
}

fn is_date(expression: &Expr, schema: &DFSchema) -> bool {
    matches!(expression.get_type(schema), Ok(DataType::Date32 | DataType::Date64))
}

/// Whether an expression is an interval that may be more than whole days.
fn has_hours(expression: &Expr, schema: &DFSchema) -> bool {
    match expression {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) => interval.nanoseconds != 0,
        Expr::Literal(ScalarValue::IntervalDayTime(Some(interval)), _) => interval.milliseconds != 0,
        Expr::Literal(ScalarValue::IntervalYearMonth(_), _) => false,
        other => match other.get_type(schema) {
            Ok(DataType::Interval(unit)) => unit != IntervalUnit::YearMonth,
            Ok(DataType::Duration(_)) => true,
            _ => false,
        },
    }
}

/// Whether it is read in microseconds where it is compared with times: texts, dates, and times of no column, such as
/// `now()`.
fn is_read_as(expression: &Expr, schema: &DFSchema) -> bool {
    is_text(expression) && !is_finer(expression)
        || is_date(expression, schema)
        || !expression.any_column_refs()
            && matches!(expression.get_type(schema), Ok(DataType::Timestamp(TimeUnit::Nanosecond, _)))
}

fn read_as(expression: Expr, data_type: &DataType, schema: &DFSchema) -> Expr {
    if is_read_as(&expression, schema) { cast(expression, data_type.clone()) } else { expression }
}
