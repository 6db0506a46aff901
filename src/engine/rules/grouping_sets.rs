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

/// How the names of computed keys begin. Their own would hide that a cast is not the column that it casts.
const KEY: &str = "__key_";
const GROUPING_ID: &str = Aggregate::INTERNAL_GROUPING_ID;

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
        let at = computed.iter().position(|(known, _)| *known == key).unwrap_or(computed.len());
        let column = Column::new_unqualified(format!("{KEY}{at}"));
        if at == computed.len() {
            computed.push((key, column.clone()));
        }
        Ok(Transformed::yes(Expr::Column(column)))
    })?;
    if computed.is_empty() {
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
    // What is above knows them by their own names.
    let own = aggregate.schema.columns().into_iter().filter(|column| column.name != GROUPING_ID);
    let named = own.map(|column| {
        let is_own = |key: &Expr| column.relation.is_none() && key.schema_name().to_string() == column.name;
        match computed.iter().find(|(key, _)| is_own(key)) {
            Some((_, key)) => Expr::Column(key.clone()).alias(column.name),
            None => Expr::Column(column),
        }
    });
    let named: Vec<Expr> = named.collect();
    let aggregate = Aggregate::try_new(Arc::new(input), vec![sets.data], aggregates)?;
    let above = LogicalPlanBuilder::new(LogicalPlan::Aggregate(aggregate)).project(named)?.build()?;
    Ok(Transformed::yes(above))
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
