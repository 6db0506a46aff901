//! Casts stay where a query has them.
//!
//! DataFusion takes a cast away from what is compared with a value, and casts the value instead: `CAST(d AS INT) = 0` is
//! asked as `d = 0.0`, which 0.4 does not meet. Only casts that keep every value apart may be moved so.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan, TryCast};
use datafusion::optimizer::AnalyzerRule;

use crate::engine::rules::exact_decimals::digits;
use crate::engine::rules::one_nan::{input_schema, is_plain_call, plain_call};

/// Functions that cast.
const CASTS: [&str; 4] = ["arrow_cast", "arrow_try_cast", "cast_to_type", "try_cast_to_type"];

/// Hides the casts of a plan that must not be moved.
#[derive(Debug)]
pub(in crate::engine) struct KeptCasts;

impl AnalyzerRule for KeptCasts {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let schema = input_schema(&plan)?;
            let names = NamePreserver::new(&plan);
            // The keys of a sort are no columns of what it gives.
            let is_sort = matches!(plan, LogicalPlan::Sort(_));
            plan.map_expressions(|expression| {
                let name = names.save(&expression);
                let kept = with_kept_casts(expression, &schema)?;
                let is_named = kept.transformed && !is_sort;
                Ok(if is_named { kept.update_data(|data| name.restore(data)) } else { kept })
            })
        })
        .map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "kept_casts"
    }
}

/// The same expression, whose casts are hidden where they must not be moved. The types of all expressions fit.
pub(in crate::engine) fn with_kept_casts(expression: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    expression.transform_up(|part| {
        let moves = match &part {
            Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
                matches!(**expr, Expr::Literal(..))
                    || expr.get_type(schema).is_ok_and(|from| may_move(&from, field.data_type()))
            }
            // What was hidden before, in a view.
            Expr::ScalarFunction(call) if is_plain_call(&part) => match &call.args[..] {
                [inner] if is_plain_call(inner) => return Ok(Transformed::yes(inner.clone())),
                _ => true,
            },
            // These become casts later.
            Expr::ScalarFunction(call) => !CASTS.contains(&call.func.name()),
            _ => true,
        };
        Ok(if moves { Transformed::no(part) } else { Transformed::yes(plain_call(part)) })
    })
}

/// Whether a comparison with a value is the same one after a cast is moved from a column to the value, or DataFusion does
/// not move it.
fn may_move(from: &DataType, to: &DataType) -> bool {
    !(is_moved(from) && is_moved(to)) || holds_all(from, to) || from.is_integer() && to.is_string()
}

/// The types whose casts DataFusion moves.
fn is_moved(of: &DataType) -> bool {
    match of {
        DataType::Dictionary(_, value) => is_moved(value),
        DataType::Decimal256(..) => false,
        of => {
            of.is_integer()
                || of.is_decimal()
                || of.is_string()
                || matches!(
                    of,
                    DataType::Date32
                        | DataType::Date64
                        | DataType::Timestamp(..)
                        | DataType::Binary
                        | DataType::FixedSizeBinary(_)
                )
        }
    }
}

/// Whether each value of a type is one of another type, in the same order. Times are not: a finer value that they are
/// compared with would lose what is finer.
fn holds_all(from: &DataType, to: &DataType) -> bool {
    if from == to {
        return true;
    }
    if let DataType::Dictionary(_, value) = from {
        return **value == *to;
    }
    if let DataType::Dictionary(_, value) = to {
        return *from == **value;
    }
    if from.is_string() && to.is_string() {
        return true;
    }
    if let (Some((whole, scale)), Some((wide_whole, wide_scale))) = (digits(from), digits(to))
        && to.is_decimal()
    {
        return scale >= 0 && wide_scale >= scale && wide_whole >= whole;
    }
    match (from.primitive_width(), to.primitive_width()) {
        (Some(narrow), Some(wide)) if from.is_integer() && to.is_integer() => {
            narrow < wide && (to.is_signed_integer() || from.is_unsigned_integer())
        }
        _ => false,
    }
}

/// Whether a cast takes all values of a type, and a greater value never becomes a lesser one: then the bounds of a column
/// are those of its casts.
pub(in crate::engine) fn keeps_order(from: &DataType, to: &DataType) -> bool {
    let is_plain = |zone: Option<&str>| zone.is_none_or(|zone| zone == "UTC");
    match (from, to) {
        (DataType::Dictionary(_, value), to) => keeps_order(value, to),
        (from, DataType::Dictionary(_, value)) => keeps_order(from, value),
        (DataType::Boolean, to) => to.is_integer() || to.is_floating(),
        (DataType::Float16 | DataType::Float32, DataType::Float32 | DataType::Float64) => true,
        (from, DataType::Float32 | DataType::Float64) => from.is_integer() || from.is_decimal() || from == to,
        (DataType::Date32, DataType::Timestamp(unit, None)) => *unit != TimeUnit::Nanosecond,
        (DataType::Timestamp(_, zone), DataType::Date32) => is_plain(zone.as_deref()),
        (DataType::Timestamp(from, zone), DataType::Timestamp(to, other)) => {
            zone == other && (from == to || *to != TimeUnit::Nanosecond)
        }
        (from, to) => holds_all(from, to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_move_where_nothing_is_lost() {
        use DataType::{Date32, Int8, Int16, Int32, Int64, UInt8, UInt64, Utf8, Utf8View};
        let decimal = DataType::Decimal128;
        let time = |unit| DataType::Timestamp(unit, None);
        let [seconds, micros] = [time(TimeUnit::Second), time(TimeUnit::Microsecond)];
        for (from, to, moves, in_order) in [
            (Int8, Int64, true, true),
            (UInt8, Int16, true, true),
            (Int8, UInt64, false, false),
            (Int64, Int32, false, false),
            (UInt64, Int64, false, false),
            (Int32, decimal(12, 2), true, true),
            (Int32, decimal(11, 2), false, false),
            (decimal(9, 2), decimal(10, 3), true, true),
            (decimal(9, 2), decimal(9, 1), false, false),
            (decimal(9, 2), Int64, false, false),
            (decimal(9, -2), decimal(12, 0), false, false),
            (decimal(9, 2), DataType::Float64, true, true),
            (DataType::Float64, Int32, true, false),
            (Utf8, Utf8View, true, true),
            (Int32, Utf8, true, false),
            (Utf8, Int32, false, false),
            (Date32, micros.clone(), false, true),
            (micros.clone(), Date32, false, true),
            (seconds.clone(), micros.clone(), false, true),
            (micros.clone(), seconds, false, true),
            (micros.clone(), DataType::Time64(TimeUnit::Microsecond), true, false),
            (micros, DataType::Timestamp(TimeUnit::Microsecond, Some("+01:00".into())), false, false),
        ] {
            assert_eq!((may_move(&from, &to), keeps_order(&from, &to)), (moves, in_order), "{from} {to}");
        }
    }
}
