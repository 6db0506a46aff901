//! What is made exact in a plan before expressions get a type: what they compare, times and their parts, texts that
//! functions take, quotients of whole numbers, and what is rounded.

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::functions::core::coalesce;
use datafusion::logical_expr::expr::{Case, Like, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::type_coercion::other::get_coerce_type_for_case_expression;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast, lit, when};
use datafusion::optimizer::analyzer::AnalyzerRule;

use crate::engine::errors::external;
use crate::engine::rules::compared::{
    as_exact, compared, compared_types, exact_type, map_compared, with_exact_keys, with_exact_subquery,
    with_exact_union,
};
use crate::engine::rules::exact_decimals::{as_decimal, even_type, with_known_places, with_wide_parts};
use crate::engine::rules::exact_times::{as_time, with_exact_times};
use crate::engine::rules::interval_parts::with_interval_parts;
use crate::engine::rules::kept_calls::{with_kept_branches, with_kept_calls};
use crate::engine::rules::local_times::with_local_times;
use crate::engine::rules::mixed_kinds::{check_columns, check_kinds};
use crate::engine::rules::null_memberships::{with_null_memberships, with_null_of_no_row};
use crate::engine::rules::ordered_aggregates::{check_orders, with_keys_once, with_rows_sorted_once};
use crate::engine::rules::own_lists::{has_lists, lists_in, with_own_lists, with_values_of_rows};
use crate::engine::rules::own_windows::with_own_order;
use crate::engine::rules::planned_wrongly::check_planned;
use crate::engine::rules::range_frames::with_room_for_frames;
use crate::engine::rules::rounded_casts::with_rounded_casts;
use crate::engine::rules::set_comparisons::{check_place, with_own_rows};
use crate::engine::rules::text_arguments::with_texts;
use crate::engine::rules::time_types::common_unit;
use crate::engine::rules::whole_quotients::{with_signed_counts, with_whole_quotients};
use crate::engine::rules::written_values::with_written_values;
use crate::error::Error;

/// Functions that give one of their arguments, or a list of them.
const ONE_OF: [&str; 5] = ["coalesce", "greatest", "least", "make_array", "nullif"];

/// Makes all expressions of a plan exact.
#[derive(Debug)]
pub(in crate::engine) struct ExactExpressions;

impl AnalyzerRule for ExactExpressions {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        let (has_lists, mut list) = (has_lists(&plan)?, 0);
        plan.transform_up_with_subqueries(|plan| {
            check_place(&plan)?;
            check_columns(&plan)?;
            check_orders(&plan)?;
            let schema = merge_schema(&plan.inputs());
            let names = NamePreserver::new(&plan);
            // Of one step, equal expressions stay equal.
            let first = list;
            let plan = with_rows_sorted_once(plan);
            let changed = plan.transform_data(|plan| {
                plan.map_expressions(|expression| {
                    let name = names.save(&expression);
                    let changed = exact(expression, &schema)?;
                    let changed = if has_lists {
                        let mut next = first;
                        let changed =
                            changed.transform_data(|expression| with_own_lists(expression, &mut next))?;
                        list = list.max(next);
                        changed
                    } else {
                        changed
                    };
                    Ok(changed.update_data(|expression| name.restore(expression)))
                })
            })?;
            // A date with hours is a time, and what is above it has to know.
            changed
                .transform_data(with_null_memberships)?
                .transform_data(with_exact_keys)?
                .transform_data(with_exact_union)?
                .map_data(LogicalPlan::recompute_schema)?
                .transform_data(with_signed_counts)
        })
        .map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "exact_expressions"
    }
}

/// The same expression, whose parts lose nothing when they get a type.
pub(crate) fn with_exact_expressions(expression: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let changed = exact(expression, schema)?;
    if lists_in(&changed.data)? < 2 {
        return Ok(changed);
    }
    changed.transform_data(|expression| with_own_lists(expression, &mut 0))
}

fn exact(expression: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    // What a quotient is of is seen before its parts become decimals.
    let before =
        |part: Expr| with_common_names(part)?.transform_data(|part| Ok(with_whole_quotients(part, schema)));
    expression.transform_down_up(before, |part| {
        if matches!(part, Expr::SimilarTo(_)) {
            return Err(external(similar_to()));
        }
        check_kinds(&part, schema)?;
        check_planned(&part, schema)?;
        with_escapes(part)
            .transform_data(|part| Ok(with_keys_once(part)))?
            .transform_data(|part| with_wide_parts(part, schema))?
            .transform_data(|part| with_texts(part, schema))?
            .transform_data(|part| Ok(with_room(part, schema)))?
            .transform_data(|part| with_room_for_frames(part, schema))?
            .transform_data(|part| Ok(with_null_of_no_row(part)))?
            .transform_data(|part| Ok(with_values_of_rows(part)))?
            .transform_data(|part| Ok(with_kept_calls(part)))?
            .transform_data(|part| Ok(with_kept_branches(part, schema)))?
            .transform_data(|part| Ok(with_known_places(part, schema)))?
            .transform_data(|part| with_exact_sides(part, schema))?
            .transform_data(|part| with_exact_values(part, schema))?
            .transform_data(|part| with_exact_subquery(part, schema))?
            .transform_data(|part| with_own_rows(part, schema))?
            .transform_data(|part| with_written_values(part, schema))?
            .transform_data(|part| with_exact_times(part, schema))?
            .transform_data(|part| Ok(with_local_times(part, schema)))?
            .transform_data(|part| Ok(with_interval_parts(part, schema)))?
            .transform_data(|part| Ok(with_rounded_casts(part, schema)))?
            .transform_data(|part| Ok(with_own_order(part)))
    })
}

/// DataFusion takes its pattern for a regular expression, and looks for it anywhere in the text.
fn similar_to() -> Error {
    Error::usage("SIMILAR TO is not supported, since engines differ in its patterns")
        .hint("write x LIKE 'a%', or a regular expression for the whole text, as in x ~ '^(a|b).*$'")
}

/// The same comparison in a type that holds all sides.
fn with_exact_sides(part: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let types = compared_types(&part, schema);
    let is_decimal = types.iter().any(DataType::is_decimal);
    let decimals = if is_decimal || are_long_integers(&part, schema) {
        map_compared(part, as_decimal)?
    } else {
        Transformed::no(part)
    };
    decimals.transform_data(|part| match exact_type(&compared_types(&part, schema)) {
        Some(to) => map_compared(part, |side| as_exact(side, &to, schema)),
        None => Ok(Transformed::no(part)),
    })
}

/// Whether integers that doubles do not hold are compared with numbers that were written.
fn are_long_integers(part: &Expr, schema: &DFSchema) -> bool {
    let sides = compared(part);
    let types = || sides.iter().map(|side| (side, side.get_type(schema)));
    let is_long = |of: &DataType| matches!(of, DataType::Int64 | DataType::UInt64);
    let is_written = |side: &Expr| as_decimal(side.clone()).transformed;
    types().any(|(side, of)| of.is_ok_and(|of| is_long(&of)) && !matches!(side, Expr::Literal(..)))
        && types().any(|(_, of)| of.is_ok_and(|of| of.is_floating()))
        && types().all(|(side, of)| of.is_ok_and(|of| !of.is_floating() || is_written(side)))
}

/// The same expression that gives one of several values, in a type that holds all of them.
fn with_exact_values(part: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let types = |part: &Expr| {
        let mut types = Vec::new();
        map_values(part.clone(), |value| {
            types.extend(value.get_type(schema).ok());
            Transformed::no(value)
        })?;
        Ok::<_, datafusion::common::DataFusionError>(types)
    };
    let of = types(&part)?;
    if let Some(unit) = common_unit(&of) {
        return map_values(part, |value| as_time(value, &unit, schema));
    }
    if !of.iter().any(DataType::is_decimal) {
        return with_even_branches(part, &of);
    }
    map_values(part, as_decimal)?.transform_data(|part| match even_type(&types(&part)?) {
        Some(to) => map_values(part, |value| as_exact(value, &to, schema)),
        None => Ok(Transformed::no(part)),
    })
}

/// The same `CASE`, whose branches have one type: before they get it, its own is that of the first one.
fn with_even_branches(part: Expr, of: &[DataType]) -> DfResult<Transformed<Expr>> {
    let is_even = |of: &[DataType]| of.iter().all(|one| one.is_null() || one.is_string() || one.is_integer());
    if !matches!(part, Expr::Case(_)) || of.iter().all(|one| Some(one) == of.first()) || is_even(of) {
        return Ok(Transformed::no(part));
    }
    match get_coerce_type_for_case_expression(of, None) {
        Some(to) => map_values(part, |value| Transformed::yes(cast(value, to.clone()))),
        None => Ok(Transformed::no(part)),
    }
}

/// `nvl` and `nvl2` as `coalesce` and `CASE`: `nvl` turns a signed and an unsigned number of 64 bits into 32-bit floats. And
/// `nullif` as `CASE`: what it gives has the type of its first value, whatever that is compared with.
fn with_common_names(part: Expr) -> DfResult<Transformed<Expr>> {
    let Expr::ScalarFunction(call) = part else { return Ok(Transformed::no(part)) };
    Ok(match (call.func.name(), &call.args[..]) {
        ("nvl", [_, _]) => Transformed::yes(coalesce().call(call.args)),
        ("nvl2", [value, then, other]) => {
            Transformed::yes(when(value.clone().is_not_null(), then.clone()).otherwise(other.clone())?)
        }
        ("nullif", [value, other]) if !value.is_volatile() => {
            let equal = value.clone().eq(other.clone());
            Transformed::yes(when(equal, lit(ScalarValue::Null)).otherwise(value.clone())?)
        }
        _ => Transformed::no(Expr::ScalarFunction(call)),
    })
}

/// The same expression with other values of which it gives one.
fn map_values(part: Expr, mut value: impl FnMut(Expr) -> Transformed<Expr>) -> DfResult<Transformed<Expr>> {
    match part {
        Expr::ScalarFunction(call) if ONE_OF.contains(&call.func.name()) => {
            Expr::ScalarFunction(call).map_children(|one| Ok(value(one)))
        }
        Expr::Case(Case { expr, when_then_expr, else_expr }) => {
            let mut changed = false;
            let mut value = |one: Expr| {
                let one = value(one);
                changed |= one.transformed;
                Box::new(one.data)
            };
            let cases = when_then_expr.into_iter().map(|(when, then)| (when, value(*then))).collect();
            let else_expr = else_expr.map(|other| value(*other));
            let case = Expr::Case(Case { expr, when_then_expr: cases, else_expr });
            Ok(if changed { Transformed::yes(case) } else { Transformed::no(case) })
        }
        other => Ok(Transformed::no(other)),
    }
}

/// The same `LIKE`, whose escapes are the backslashes that DataFusion knows.
fn with_escapes(part: Expr) -> Transformed<Expr> {
    let Expr::Like(Like { negated, expr, pattern, escape_char: Some(escape), case_insensitive }) = &part
    else {
        return Transformed::no(part);
    };
    let (Expr::Literal(value, _), true) = (&**pattern, *escape != '\\') else { return Transformed::no(part) };
    let Some(text) = value.try_as_str().flatten() else { return Transformed::no(part) };
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        let (sign, is_escaped) = match sign {
            sign if sign == *escape => match signs.next() {
                Some(next) => (next, true),
                None => (sign, true),
            },
            sign => (sign, false),
        };
        if sign == '\\' || is_escaped && matches!(sign, '%' | '_') {
            plain.push('\\');
        }
        plain.push(sign);
    }
    let pattern = Box::new(Expr::Literal(ScalarValue::Utf8(Some(plain)), None));
    Transformed::yes(Expr::Like(Like::new(*negated, expr.clone(), pattern, None, *case_insensitive)))
}

/// `floor` and `ceil` with room for one more digit: those of -999.9 and 999.9 have four.
fn with_room(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = &part else { return Transformed::no(part) };
    let [number] = &args[..] else { return Transformed::no(part) };
    if !["floor", "ceil"].contains(&func.name()) {
        return Transformed::no(part);
    }
    match number.get_type(schema) {
        Ok(
            DataType::Decimal32(digits, scale)
            | DataType::Decimal64(digits, scale)
            | DataType::Decimal128(digits, scale),
        ) if scale > 0 && digits < 38 => {
            let wide = cast(number.clone(), DataType::Decimal128(digits + 1, scale));
            Transformed::yes(func.call(vec![wide]))
        }
        _ => Transformed::no(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_backslashes() {
        for (pattern, expected) in
            [("a!%b%", r"a\%b%"), ("!_!!", r"\_!"), (r"a\%", r"a\\%"), ("!a!", "a!"), (r"!\_", r"\\_")]
        {
            let (expr, pattern) =
                (Box::new(datafusion::prelude::lit("x")), datafusion::prelude::lit(pattern));
            let like = Expr::Like(Like::new(false, expr, Box::new(pattern), Some('!'), false));
            let Expr::Like(Like { pattern, escape_char: None, .. }) = with_escapes(like).data else {
                panic!("{expected}")
            };
            assert_eq!(*pattern, datafusion::prelude::lit(expected));
        }
    }
}
