//! Aggregates that take rows in an order: DataFusion stops at a key that is said twice, and sorts the distinct values of one
//! aggregate in the order of another.

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::expr::{AggregateFunction, Sort};
use datafusion::logical_expr::{Distinct, DistinctOn, Expr, LogicalPlan};

use crate::engine::errors::external;
use crate::error::Error;

/// The same call, whose rows are sorted by each key once.
pub(super) fn with_keys_once(mut part: Expr) -> Transformed<Expr> {
    let changed = match &mut part {
        Expr::AggregateFunction(AggregateFunction { params, .. }) => keep_first(&mut params.order_by),
        _ => false,
    };
    if changed { Transformed::yes(part) } else { Transformed::no(part) }
}

/// The same `DISTINCT ON`, whose rows are sorted by each key once.
pub(super) fn with_rows_sorted_once(mut plan: LogicalPlan) -> Transformed<LogicalPlan> {
    let changed = match &mut plan {
        LogicalPlan::Distinct(Distinct::On(DistinctOn { sort_expr: Some(keys), .. })) => keep_first(keys),
        _ => false,
    };
    if changed { Transformed::yes(plan) } else { Transformed::no(plan) }
}

/// Takes keys away that stand before in a list, whatever their direction: rows are alike in them.
fn keep_first(keys: &mut Vec<Sort>) -> bool {
    let all = keys.len();
    let mut at = 0;
    while let Some(key) = keys.get(at) {
        if keys[..at].iter().any(|before| before.expr == key.expr) {
            keys.remove(at);
        } else {
            at += 1;
        }
    }
    keys.len() < all
}

/// Refuses distinct values in an order beside values in another one.
pub(super) fn check_orders(plan: &LogicalPlan) -> DfResult<()> {
    let LogicalPlan::Aggregate(aggregate) = plan else { return Ok(()) };
    let ordered = aggregate.aggr_expr.iter().filter_map(|expression| match expression.clone().unalias() {
        Expr::AggregateFunction(call) if !call.params.order_by.is_empty() => {
            Some((call.params.distinct, call.params.order_by))
        }
        _ => None,
    });
    let ordered: Vec<(bool, Vec<Sort>)> = ordered.collect();
    let mut distinct = ordered.iter().filter(|(is_distinct, _)| *is_distinct).map(|(_, keys)| keys);
    let fits = |keys: &[Sort], other: &[Sort]| keys.iter().zip(other).all(|(key, other)| key == other);
    if distinct.any(|keys| ordered.iter().any(|(_, other)| !fits(keys, other))) {
        return Err(external(
            Error::usage("distinct values are taken in one order, and other values in another")
                .hint("sort the list of them, as in array_sort(array_agg(DISTINCT x)), which array_to_string(…, ',') makes a text of"),
        ));
    }
    Ok(())
}
