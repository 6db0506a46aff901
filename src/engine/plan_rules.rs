//! The rules for plans of a session: those of DataFusion, but for two.
//!
//! * Its check knows of no order by `length(x) > 1`, as of all comparisons with functions that do not say which values they
//!   give. In its place, each step gets its rows in the order that it asks for.
//! * Conditions are pushed towards the rows before, by names of tables and columns. Pushed once more through joins of a plan,
//!   by names of columns alone, `a.x < 0` becomes a condition on `b.x`.

use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::OrderingRequirements;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_optimizer::sanity_checker::check_plan_sanity;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// The rule of DataFusion that checks plans.
const CHECKS: &str = "SanityCheckPlan";
/// What the name of the rules begins with that push conditions through plans.
const PUSHES: &str = "FilterPushdown";
/// What it says of an order.
const NO_ORDER: &str = "does not satisfy order requirements";

/// The rules of DataFusion with this check in place of its own, and without a second push of conditions.
pub(in crate::engine) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let rules = PhysicalOptimizer::new().rules.into_iter().filter(|rule| !rule.name().starts_with(PUSHES));
    rules.map(|rule| if rule.name() == CHECKS { Arc::new(CheckOrder) as _ } else { rule }).collect()
}

/// Refuses plans that would give wrong rows.
#[derive(Debug)]
struct CheckOrder;

impl PhysicalOptimizerRule for CheckOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        plan.apply(|step| {
            match check_plan_sanity(step, &config.optimizer) {
                Err(cause) if !(cause.to_string().contains(NO_ORDER) && is_ordered(step)) => {
                    return Err(cause);
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(plan)
    }

    fn name(&self) -> &'static str {
        "CheckOrder"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether the rows of each input are sorted by just what is asked for.
fn is_ordered(step: &Arc<dyn ExecutionPlan>) -> bool {
    step.children().into_iter().zip(step.required_input_ordering()).all(|(input, wanted)| {
        let Some(wanted) = wanted.map(OrderingRequirements::into_single) else { return true };
        if input.equivalence_properties().ordering_satisfy_requirement(wanted.clone()).unwrap_or(false) {
            return true;
        }
        input.output_ordering().is_some_and(|given| {
            wanted.len() <= given.len()
                && wanted.iter().zip(given.iter()).all(|(wanted, given)| {
                    wanted.expr.eq(&given.expr)
                        && wanted.options.is_none_or(|options| options == given.options)
                })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_is_in_place_and_nothing_is_pushed() {
        let known = PhysicalOptimizer::new().rules;
        assert_eq!(known.iter().filter(|rule| rule.name().starts_with(PUSHES)).count(), 2);
        let names = physical_rules().iter().map(|rule| rule.name().to_owned()).collect::<Vec<_>>();
        assert!(!names.iter().any(|name| name.starts_with(PUSHES)), "{names:?}");
        assert!(names.contains(&"CheckOrder".to_owned()) && !names.contains(&CHECKS.to_owned()), "{names:?}");
    }
}
