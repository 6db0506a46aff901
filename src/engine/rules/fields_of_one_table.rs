//! Fields of structs become columns of their own, so that scans read them alone. The rule of DataFusion takes those of
//! subqueries, too, forgets from which query they are, and gives those of two tables one name.

use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::engine::rules::correlated_keys::has_outer;

/// The rules that make columns of the fields of structs, and move these.
pub(in crate::engine) const TAKES_FIELDS: [&str; 2] =
    ["extract_leaf_expressions", "push_down_leaf_projections"];
/// Takes fields of structs where no column of a query around is left, and below no join.
#[derive(Debug)]
pub(in crate::engine) struct FieldsOfOneTable {
    pub(in crate::engine) rule: Arc<dyn OptimizerRule + Send + Sync>,
}

impl OptimizerRule for FieldsOfOneTable {
    fn name(&self) -> &'static str {
        "fields_of_one_table"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        let mut are_mixed = false;
        plan.apply_with_subqueries(|step| {
            are_mixed |= matches!(step, LogicalPlan::Join(_));
            step.apply_expressions(|expression| {
                are_mixed |= has_outer(expression);
                Ok(if are_mixed { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })?;
        if are_mixed { Ok(Transformed::no(plan)) } else { self.rule.rewrite(plan, config) }
    }
}
