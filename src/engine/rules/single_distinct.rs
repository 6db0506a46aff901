//! `sum(p)` beside `count(DISTINCT p)`: the planner groups by `p` first, and adds up the sums of these groups. Sums of
//! decimals have more digits than what is added, so that those of sums would have another type than the query knows.

use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The rule that groups first.
pub(in crate::engine) const GROUPS_FIRST: &str = "single_distinct_aggregation_to_group_by";

/// Groups first where no sum of decimals is asked for.
#[derive(Debug)]
pub(in crate::engine) struct SingleDistinct {
    pub(in crate::engine) rule: Arc<dyn OptimizerRule + Send + Sync>,
}

impl OptimizerRule for SingleDistinct {
    fn name(&self) -> &'static str {
        "single_distinct"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Aggregate(aggregate) if adds_decimals(aggregate)? => Ok(Transformed::no(plan)),
            _ => self.rule.rewrite(plan, config),
        }
    }
}

fn adds_decimals(aggregate: &Aggregate) -> DfResult<bool> {
    for expression in &aggregate.aggr_expr {
        let is_sum = expression.exists(|part| {
            Ok(match part {
                Expr::AggregateFunction(call) if call.func.name() == "sum" => {
                    part.get_type(aggregate.input.schema())?.is_decimal()
                }
                _ => false,
            })
        })?;
        if is_sum {
            return Ok(true);
        }
    }
    Ok(false)
}
