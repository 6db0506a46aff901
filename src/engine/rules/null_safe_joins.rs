//! `a.x IS NOT DISTINCT FROM b.x` of two tables is made of `=`. DataFusion makes a join of it whose keys may be NULL, and
//! then takes the NULL of other keys of that join for equal, too, or no NULL at all beside a third table.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::utils::{conjunction, merge_schema, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, lit};
use datafusion::optimizer::AnalyzerRule;

use crate::engine::rules::nested_keys::with_own_key;

/// Makes such conditions of `=`.
#[derive(Debug)]
pub(in crate::engine) struct NullSafeJoins;

impl AnalyzerRule for NullSafeJoins {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            if !matches!(plan, LogicalPlan::Join(_) | LogicalPlan::Filter(_)) {
                return Ok(Transformed::no(plan));
            }
            let schema = merge_schema(&plan.inputs());
            plan.map_expressions(|condition| {
                let is_wanted = |part: &Expr| {
                    matches!(part, Expr::BinaryExpr(BinaryExpr { left, op: Operator::IsNotDistinctFrom, right })
                        if left.any_column_refs() && right.any_column_refs())
                };
                let parts = split_conjunction_owned(condition);
                let changed = parts.iter().any(is_wanted);
                let parts = parts.into_iter().map(|part| {
                    if is_wanted(&part) { of_equal(part, &schema) } else { Ok(part) }
                });
                let parts = parts.collect::<DfResult<Vec<_>>>()?;
                let condition = conjunction(parts).unwrap_or_else(|| lit(true));
                Ok(if changed { Transformed::yes(condition) } else { Transformed::no(condition) })
            })
        })
        .map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "null_safe_joins"
    }
}

/// Both are NULL or none, and both have the same value, where NULL has one as well.
fn of_equal(part: Expr, schema: &DFSchema) -> DfResult<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = part else { return Ok(part) };
    let [left_key, right_key] = [&left, &right].map(|side| with_own_key(side.as_ref().clone(), schema));
    let of = left_key.get_type(schema)?;
    let Ok(value) = ScalarValue::new_default(&of) else {
        return Ok(Expr::BinaryExpr(BinaryExpr { left, op, right }));
    };
    if right_key.get_type(schema)? != of {
        return Ok(Expr::BinaryExpr(BinaryExpr { left, op, right }));
    }
    let both = left.is_null().eq(right.is_null());
    let [left_key, right_key] = [left_key, right_key].map(|key| coalesce(vec![key, lit(value.clone())]));
    Ok(both.and(left_key.eq(right_key)))
}
