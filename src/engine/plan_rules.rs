//! The rules for plans of a session: those of DataFusion, some of them changed, with our own between them. Rules of logical
//! plans say themselves what they are for; of physical ones:
//!
//! * Its check knows of no order by `length(x) > 1`, as of all comparisons with functions that do not say which values they
//!   give. In its place, each step gets its rows in the order that it asks for.
//! * Pushed through joins of a plan, by names of columns alone, `a.x < 0` becomes a condition on `b.x`. Conditions are pushed
//!   below them before, by names of tables, too; here they are pushed below joins only, so that scans know them.
//! * Counts that statistics know take the place of aggregates above them: `count(*) FILTER (WHERE n > 3)` of the one row with
//!   a count becomes that count.
//! * `ORDER BY a OFFSET 2` skips rows before `a` is left out: above, no step would need their order, and they would not be
//!   sorted.

use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::optimizer::OptimizerRule;
use datafusion::optimizer::optimizer::Optimizer;
use datafusion::physical_expr::OrderingRequirements;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_optimizer::sanity_checker::check_plan_sanity;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary};

use crate::engine::nullable_rows::NullableRows;
use crate::engine::rules::correlated_keys::{CorrelatedKeys, JOINS_SUBQUERIES};
use crate::engine::rules::fields_of_one_table::{FieldsOfOneTable, TAKES_FIELDS};
use crate::engine::rules::literals_last::LiteralsLast;
use crate::engine::rules::single_distinct::{GROUPS_FIRST, SingleDistinct};

/// The rule of DataFusion that checks plans.
const CHECKS: &str = "SanityCheckPlan";
/// What the names of the rules begin with that push conditions through plans.
const PUSHES: &str = "FilterPushdown";
/// That which sorts.
const ORDERS: &str = "EnsureRequirements";
/// That which takes counts from statistics.
const COUNTS: &str = "aggregate_statistics";
/// That of logical plans which pushes conditions.
const PUSHES_DOWN: &str = "push_down_filter";
/// What it says of an order.
const NO_ORDER: &str = "does not satisfy order requirements";

/// The rules of DataFusion for logical plans: literals are put last before conditions are pushed, subqueries get keys before
/// they are joined, and two are kept from some plans.
pub(in crate::engine) fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = Vec::new();
    for rule in Optimizer::new().rules {
        match rule.name() {
            PUSHES_DOWN => rules.push(Arc::new(LiteralsLast)),
            JOINS_SUBQUERIES => rules.push(Arc::new(CorrelatedKeys)),
            _ => {}
        }
        rules.push(match rule.name() {
            GROUPS_FIRST => Arc::new(SingleDistinct { rule }),
            name if TAKES_FIELDS.contains(&name) => Arc::new(FieldsOfOneTable { rule }),
            _ => rule,
        });
    }
    rules
}

/// The rules of DataFusion for physical plans, one left out and two changed, with two of our own.
pub(in crate::engine) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let rules = PhysicalOptimizer::new().rules.into_iter().filter(|rule| rule.name() != COUNTS);
    let changed = rules.map(|rule| -> Arc<dyn PhysicalOptimizerRule + Send + Sync> {
        match rule.name() {
            CHECKS => Arc::new(CheckOrder),
            name if name.starts_with(PUSHES) => Arc::new(PushBelowJoins { rule }),
            _ => rule,
        }
    });
    let mut all: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = vec![Arc::new(SkipFirst)];
    for rule in changed {
        // Sides of joins are chosen before, and rows sorted after.
        if rule.name() == ORDERS {
            all.push(Arc::new(NullableRows));
        }
        all.push(rule);
    }
    all
}

/// Skips rows before columns are left out.
#[derive(Debug)]
struct SkipFirst;

impl PhysicalOptimizerRule for SkipFirst {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> DfResult<Arc<dyn ExecutionPlan>> {
        let skipped = plan.transform_down(|step| {
            // With a number of rows to give, the sort itself knows of it.
            let limit = step.downcast_ref::<GlobalLimitExec>().filter(|limit| limit.fetch().is_none());
            let Some((limit, columns)) = limit.zip(limit.map(GlobalLimitExec::input)) else {
                return Ok(Transformed::no(step));
            };
            let Some(projection) = columns.downcast_ref::<ProjectionExec>() else {
                return Ok(Transformed::no(step));
            };
            let rows = GlobalLimitExec::new(Arc::clone(projection.input()), limit.skip(), None);
            Ok(Transformed::yes(Arc::new(ProjectionExec::try_new(
                projection.expr().to_vec(),
                Arc::new(rows),
            )?)))
        })?;
        Ok(skipped.data)
    }

    fn name(&self) -> &'static str {
        "SkipFirst"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Pushes conditions within parts of a plan that have no join.
#[derive(Debug)]
struct PushBelowJoins {
    rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
}

impl PhysicalOptimizerRule for PushBelowJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let pushed = plan.transform_down(|step| {
            if step.exists(|step| Ok(step.name().contains("Join")))? {
                return Ok(Transformed::no(step));
            }
            let pushed = self.rule.optimize(step, config)?;
            Ok(Transformed::new(pushed, true, TreeNodeRecursion::Jump))
        })?;
        Ok(pushed.data)
    }

    fn name(&self) -> &'static str {
        "PushBelowJoins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Refuses plans that would give wrong rows, but for those whose rows only need to be sorted. Of a column with one value,
/// for which no sort is needed, that is forgotten where a projection becomes part of a join.
#[derive(Debug)]
struct CheckOrder;

impl PhysicalOptimizerRule for CheckOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let checked = plan.transform_up(|step| {
            if is_sane(&step, config)? {
                return Ok(Transformed::no(step));
            }
            let sorted = with_sorted_inputs(step)?;
            is_sane(&sorted, config)?;
            Ok(Transformed::yes(sorted))
        })?;
        Ok(checked.data)
    }

    fn name(&self) -> &'static str {
        "CheckOrder"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether a step, which has no other fault, gets its rows in the order that it asks for.
fn is_sane(step: &Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> DfResult<bool> {
    match check_plan_sanity(step, &config.optimizer) {
        Err(cause) if cause.to_string().contains(NO_ORDER) => Ok(is_ordered(step)),
        sane => sane.map(|()| true),
    }
}

/// The same step, whose inputs are sorted as it asks for.
fn with_sorted_inputs(step: Arc<dyn ExecutionPlan>) -> DfResult<Arc<dyn ExecutionPlan>> {
    let inputs = step.children().into_iter().zip(step.required_input_ordering());
    let sorted = inputs
        .map(|(input, wanted)| -> DfResult<Arc<dyn ExecutionPlan>> {
            let input = Arc::clone(input);
            let Some(wanted) = wanted.map(OrderingRequirements::into_single) else { return Ok(input) };
            if input.equivalence_properties().ordering_satisfy_requirement(wanted.clone())? {
                return Ok(input);
            }
            Ok(Arc::new(SortExec::new(wanted.into(), input).with_preserve_partitioning(true)))
        })
        .collect::<DfResult<Vec<_>>>()?;
    replace_children_if_necessary(step, sorted)
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
    fn rules_of_logical_plans_are_changed_by_their_names() {
        let names = optimizer_rules().iter().map(|rule| rule.name().to_owned()).collect::<Vec<_>>();
        assert!(names.windows(2).any(|pair| pair == ["literals_last", PUSHES_DOWN]), "{names:?}");
        assert!(names.windows(2).any(|pair| pair == ["correlated_keys", JOINS_SUBQUERIES]), "{names:?}");
        for changed in ["single_distinct", "fields_of_one_table"] {
            assert!(names.contains(&changed.to_owned()), "{names:?}");
        }
        assert_eq!(names.len(), Optimizer::new().rules.len() + 2);
    }

    #[test]
    fn rules_are_changed_by_their_names() {
        let of = |rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>| {
            rules.iter().map(|rule| rule.name().to_owned()).collect::<Vec<_>>()
        };
        let (known, changed) = (of(PhysicalOptimizer::new().rules), of(physical_rules()));
        for (name, count) in [(CHECKS, 1), (PUSHES, 2), (COUNTS, 1)] {
            assert_eq!(known.iter().filter(|known| known.starts_with(name)).count(), count, "{known:?}");
            assert!(!changed.iter().any(|changed| changed.starts_with(name)), "{changed:?}");
        }
        assert_eq!(known.len() + 1, changed.len());
        assert!(changed.contains(&NullableRows.name().to_owned()), "{changed:?}");
    }
}
