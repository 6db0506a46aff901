//! `(SELECT count(*) FROM e WHERE lower(e.kind) = p.kind)`: a subquery is joined by columns of its own, so what it
//! computes of them becomes one first. What is the same for all rows needs no join, which would give NULL where there are none.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, LogicalPlan, LogicalPlanBuilder, Operator, Projection, Subquery, lit,
};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// The rule that joins subqueries, before which this one stands.
pub(in crate::engine) const JOINS_SUBQUERIES: &str = "scalar_subquery_to_join";
/// What the columns made here are called, with a number behind it.
const KEY: &str = "__correlated_key_";

/// Makes columns of what subqueries compute for the query around them.
#[derive(Debug)]
pub(in crate::engine) struct CorrelatedKeys;

impl OptimizerRule for CorrelatedKeys {
    fn name(&self) -> &'static str {
        "correlated_keys"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expression| {
            let name = names.save(&expression);
            let changed = expression.transform_up(|part| match part {
                Expr::ScalarSubquery(subquery) if !subquery.outer_ref_columns.is_empty() => {
                    match constant(&subquery.subquery) {
                        Some(value) => Ok(Transformed::yes(value)),
                        None => with_columns(subquery),
                    }
                }
                part => Ok(Transformed::no(part)),
            })?;
            Ok(if changed.transformed { changed.update_data(|data| name.restore(data)) } else { changed })
        })
    }
}

/// What a subquery gives whatever its rows are: a constant beside an aggregate over all of them, as `count(*) IS NULL` is.
fn constant(subquery: &LogicalPlan) -> Option<Expr> {
    let LogicalPlan::Projection(Projection { expr, input, .. }) = subquery else { return None };
    let [only] = &expr[..] else { return None };
    let is_one_row = matches!(&**input, LogicalPlan::Aggregate(all) if all.group_expr.is_empty());
    let plain = only.clone().unalias();
    (is_one_row && matches!(plain, Expr::Literal(..))).then_some(plain)
}

fn with_columns(subquery: Subquery) -> DfResult<Transformed<Expr>> {
    let plan = Arc::unwrap_or_clone(subquery.subquery);
    let changed = plan.transform_up(|step| match step {
        LogicalPlan::Filter(filter) => with_keys(filter),
        step => Ok(Transformed::no(step)),
    })?;
    let subquery = Subquery { subquery: Arc::new(changed.data), ..subquery };
    Ok(Transformed::new_transformed(Expr::ScalarSubquery(subquery), changed.transformed))
}

/// The same condition over columns for what it compares with the query around it.
fn with_keys(filter: Filter) -> DfResult<Transformed<LogicalPlan>> {
    let mut keys: Vec<Expr> = Vec::new();
    let mut key_of = |side: Expr| -> Box<Expr> {
        let name = format!("{KEY}{}", keys.len() + 1);
        keys.push(side.alias(&name));
        Box::new(Expr::Column(Column::new_unqualified(name)))
    };
    let parts = split_conjunction_owned(filter.predicate.clone()).into_iter().map(|part| match part {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right })
            if is_computed(&left) && is_outer(&right) =>
        {
            Expr::BinaryExpr(BinaryExpr { left: key_of(*left), op: Operator::Eq, right })
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right })
            if is_computed(&right) && is_outer(&left) =>
        {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right: key_of(*right) })
        }
        // What is asked of the query around alone is a column of its own, too, which is true in each row.
        part if is_outer(&part) && !part.is_volatile() => {
            let right = key_of(lit(true));
            Expr::BinaryExpr(BinaryExpr { left: Box::new(part), op: Operator::Eq, right })
        }
        part => part,
    });
    let condition = conjunction(parts.collect::<Vec<_>>());
    let (Some(condition), false) = (condition, keys.is_empty()) else {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    };
    let own: Vec<Expr> = filter.input.schema().columns().into_iter().map(Expr::Column).collect();
    let wider = Projection::try_new([own.clone(), keys].concat(), filter.input)?;
    let kept = LogicalPlanBuilder::from(LogicalPlan::Projection(wider)).filter(condition)?.project(own)?;
    Ok(Transformed::yes(kept.build()?))
}

/// Whether it is computed of columns of the subquery alone, and no column itself.
fn is_computed(side: &Expr) -> bool {
    !matches!(side, Expr::Column(_)) && side.any_column_refs() && !has_outer(side) && !side.is_volatile()
}

/// Whether it is computed of the query around alone.
fn is_outer(side: &Expr) -> bool {
    has_outer(side) && !side.any_column_refs()
}

/// Whether it has a column of the query around.
pub(in crate::engine) fn has_outer(side: &Expr) -> bool {
    let mut found = false;
    // Visiting fails nowhere.
    let _ = side.apply(|part| {
        found |= matches!(part, Expr::OuterReferenceColumn(..));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}
