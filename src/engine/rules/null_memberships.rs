//! `x IN (SELECT …)` within a condition is NULL where neither an equal value is found nor all values are known.
//!
//! DataFusion says false there, which is the same for a row that meets the condition or not, unless `NOT`, `IS NULL`,
//! `CASE` or a function asks for more. And the value of a subquery is NULL where that has no row.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::logical_plan::Filter;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Subquery, lit, not, or,
};

use crate::engine::rules::on_row::on_row;
use crate::engine::rules::one_nan::plain_call;
use crate::engine::rules::set_comparisons::with_one_column;

/// The same filter, whose memberships may be NULL wherever that makes a difference.
pub(super) fn with_null_memberships(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let LogicalPlan::Filter(Filter { predicate, input, .. }) = plan else { return Ok(Transformed::no(plan)) };
    let mut changed = false;
    let conditions = split_conjunction_owned(predicate).into_iter().map(|condition| {
        if is_joined(&condition) {
            return Ok(condition);
        }
        let condition = condition.transform_up(|part| match part {
            Expr::InSubquery(membership) => with_null(membership, &input),
            other => Ok(Transformed::no(other)),
        })?;
        changed |= condition.transformed;
        Ok(condition.data)
    });
    let conditions = conditions.collect::<DfResult<Vec<_>>>()?;
    let predicate = conjunction(conditions).unwrap_or_else(|| lit(true));
    let filter = LogicalPlan::Filter(Filter::try_new(predicate, input)?);
    Ok(if changed { Transformed::yes(filter) } else { Transformed::no(filter) })
}

/// Whether a condition alone says which rows are kept: that becomes a join. If it is negated, the join knows of NULL where
/// a column of the rows is compared, and the subquery uses no column of the query around it.
fn is_joined(condition: &Expr) -> bool {
    let (membership, is_not) = match condition {
        Expr::InSubquery(membership) => (membership, false),
        Expr::Not(inner) => match &**inner {
            Expr::InSubquery(membership) => (membership, true),
            _ => return false,
        },
        _ => return false,
    };
    let InSubquery { expr, subquery, negated } = membership;
    *negated == is_not || (subquery.outer_ref_columns.is_empty() && !expr.column_refs().is_empty())
}

/// The same value of a subquery, which may be NULL where there may be no row.
pub(super) fn with_null_of_no_row(part: Expr) -> Transformed<Expr> {
    match &part {
        Expr::ScalarSubquery(Subquery { subquery, outer_ref_columns, .. })
            if outer_ref_columns.is_empty()
                && subquery.schema().fields().iter().all(|field| !field.is_nullable())
                && !is_one_row(subquery) =>
        {
            Transformed::yes(on_row().call(vec![part, lit(true)]))
        }
        _ => Transformed::no(part),
    }
}

/// Whether rows are aggregated into one, even if there are none.
fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(of) => is_one_row(&of.input),
        LogicalPlan::SubqueryAlias(of) => is_one_row(&of.input),
        LogicalPlan::Aggregate(all) => all.group_expr.is_empty(),
        _ => false,
    }
}

fn with_null(membership: InSubquery, outer: &Arc<LogicalPlan>) -> DfResult<Transformed<Expr>> {
    let InSubquery { expr, subquery, negated } = membership;
    let rows = &subquery.subquery;
    let Some((table, field)) = rows.schema().iter().next() else {
        return Ok(Transformed::no(Expr::InSubquery(InSubquery { expr, subquery, negated })));
    };
    let mut unknown = None;
    if field.is_nullable() {
        let value = Expr::Column(Column::from((table, field)));
        let without = LogicalPlanBuilder::new_from_arc(Arc::clone(rows)).filter(value.is_null())?.build()?;
        unknown = Some(any_of(without, &subquery)?);
    }
    if expr.nullable(outer.schema())? {
        let any = any_of(rows.as_ref().clone(), &subquery)?;
        let is_unknown = expr.as_ref().clone().is_null().and(any);
        unknown = Some(unknown.map_or(is_unknown.clone(), |other| or(other, is_unknown)));
    }
    // The join of a constant would ask for NULL among what the rows around are compared with.
    let found = if expr.any_column_refs() || expr.contains_outer() {
        Expr::InSubquery(InSubquery { expr, subquery, negated: false })
    } else {
        let value = Expr::Column(Column::from((table, field)));
        let equal = LogicalPlanBuilder::new_from_arc(Arc::clone(rows)).filter(value.eq(*expr))?.build()?;
        row_of(equal, &subquery)?
    };
    let is_in = match unknown {
        None => found,
        // Rules that see the subquery would make a join of it where it alone decides after all.
        Some(unknown) => or(plain_call(found), unknown.and(lit(ScalarValue::Boolean(None)))),
    };
    Ok(Transformed::yes(if negated { not(is_in) } else { is_in }))
}

/// Whether there is a row. One of them says it, unless each row of the query around has rows of its own.
fn any_of(rows: LogicalPlan, like: &Subquery) -> DfResult<Expr> {
    let rows = if like.outer_ref_columns.is_empty() {
        LogicalPlanBuilder::new(rows).limit(0, Some(1))?.build()?
    } else {
        rows
    };
    row_of(rows, like)
}

/// Whether there is a row for each row of the query around.
fn row_of(rows: LogicalPlan, like: &Subquery) -> DfResult<Expr> {
    let subquery = Subquery { subquery: Arc::new(with_one_column(rows, like)?), ..like.clone() };
    Ok(Expr::Exists(Exists { subquery, negated: false }))
}
