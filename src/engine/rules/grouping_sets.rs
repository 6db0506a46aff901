//! ROLLUP, CUBE and GROUPING SETS of expressions: these are columns of a projection below, so that they keep their names
//! when they get a type.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;

/// Computes the keys of grouping sets below them.
#[derive(Debug)]
pub(in crate::engine) struct GroupingSets;

impl AnalyzerRule for GroupingSets {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan.transform_up_with_subqueries(with_computed_keys).map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "grouping_sets"
    }
}

fn with_computed_keys(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
    let [sets @ Expr::GroupingSet(_)] = &aggregate.group_expr[..] else { return Ok(Transformed::no(plan)) };
    let mut computed: Vec<(Expr, Column)> = Vec::new();
    let sets = sets.clone().map_children(|key| {
        if matches!(key, Expr::Column(_)) {
            return Ok(Transformed::no(key));
        }
        let column = Column::new_unqualified(key.schema_name().to_string());
        if computed.iter().all(|(known, _)| *known != key) {
            computed.push((key, column.clone()));
        }
        Ok(Transformed::yes(Expr::Column(column)))
    })?;
    let names = aggregate.input.schema();
    let is_taken = |(_, column): &(Expr, Column)| names.fields().iter().any(|of| *of.name() == column.name);
    if computed.is_empty() || computed.iter().any(is_taken) {
        return Ok(Transformed::no(plan));
    }
    let below = aggregate.input.schema().columns().into_iter().map(Expr::Column);
    let below = below.chain(computed.iter().map(|(key, column)| key.clone().alias(column.name.clone())));
    let below: Vec<Expr> = below.collect();
    let input = LogicalPlanBuilder::new_from_arc(Arc::clone(&aggregate.input)).project(below)?.build()?;
    let preserver = NamePreserver::new(&plan);
    let aggregates = aggregate.aggr_expr.iter().map(|expression| {
        let name = preserver.save(expression);
        let with_columns = expression.clone().transform_up(|part| Ok(of_columns(part, &computed)))?;
        Ok(name.restore(with_columns.data))
    });
    let aggregates = aggregates.collect::<DfResult<Vec<Expr>>>()?;
    let aggregate = Aggregate::try_new(Arc::new(input), vec![sets.data], aggregates)?;
    Ok(Transformed::yes(LogicalPlan::Aggregate(aggregate)))
}

/// `grouping(…)` of the columns that keys became.
fn of_columns(part: Expr, computed: &[(Expr, Column)]) -> Transformed<Expr> {
    match part {
        Expr::AggregateFunction(AggregateFunction { func, params }) if func.name() == "grouping" => {
            let column = |key: Expr| match computed.iter().find(|(known, _)| *known == key) {
                Some((_, column)) => Expr::Column(column.clone()),
                None => key,
            };
            let args = params.args.into_iter().map(column).collect();
            let params = AggregateFunctionParams { args, ..params };
            Transformed::yes(Expr::AggregateFunction(AggregateFunction { func, params }))
        }
        other => Transformed::no(other),
    }
}
