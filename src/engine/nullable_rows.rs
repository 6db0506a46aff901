//! Rows beside which there will be rows of NULL: those of a side of an outer join, and those of several grouping sets.
//!
//! The planner knows of columns with one value, such as `s` of `WHERE s = 'b'`, and does not sort by them. It keeps this
//! knowledge where an outer join or a grouping set gives NULL for some rows, which would then stand anywhere. A
//! [`NullableExec`] below it gives the rows as they come, and says of no column that it has one value.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    replace_children_if_necessary,
};

use crate::engine::one_input::one_input;

/// Puts a [`NullableExec`] below each such step.
#[derive(Debug)]
pub(super) struct NullableRows;

impl PhysicalOptimizerRule for NullableRows {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> DfResult<Arc<dyn ExecutionPlan>> {
        let changed = plan.transform_up(|step| {
            let nullable = nullable_inputs(&step);
            let is_known =
                |input: &Arc<dyn ExecutionPlan>| !input.equivalence_properties().constants().is_empty();
            let inputs = step.children().into_iter().zip(nullable);
            let inputs: Vec<(Arc<dyn ExecutionPlan>, bool)> =
                inputs.map(|(input, nullable)| (Arc::clone(input), nullable && is_known(input))).collect();
            if !inputs.iter().any(|(_, hides)| *hides) {
                return Ok(Transformed::no(step));
            }
            let inputs = inputs.into_iter().map(|(input, hides)| -> Arc<dyn ExecutionPlan> {
                if hides { Arc::new(NullableExec::new(input)) } else { input }
            });
            let inputs = inputs.collect();
            replace_children_if_necessary(step, inputs).map(Transformed::yes)
        })?;
        Ok(changed.data)
    }

    fn name(&self) -> &'static str {
        "NullableRows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether the rows of each input come out beside rows of NULL.
fn nullable_inputs(step: &Arc<dyn ExecutionPlan>) -> [bool; 2] {
    let join = step.downcast_ref::<HashJoinExec>().map(HashJoinExec::join_type).copied();
    let join = join.or_else(|| step.downcast_ref::<SortMergeJoinExec>().map(SortMergeJoinExec::join_type));
    let join = join.or_else(|| step.downcast_ref::<NestedLoopJoinExec>().map(|join| *join.join_type()));
    match join {
        Some(JoinType::Left) => [false, true],
        Some(JoinType::Right) => [true, false],
        Some(JoinType::Full) => [true, true],
        Some(_) => [false, false],
        None => {
            let sets =
                step.downcast_ref::<AggregateExec>().map(|aggregate| aggregate.group_expr().groups().len());
            [sets.is_some_and(|sets| sets > 1), false]
        }
    }
}

/// Gives the rows of its input.
#[derive(Debug)]
pub(super) struct NullableExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl NullableExec {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self { input, properties: Arc::new(properties) }
    }
}

impl DisplayAs for NullableExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NullableExec")
    }
}

impl ExecutionPlan for NullableExec {
    one_input!("NullableExec", input, |_: &Self, input| Self::new(input));

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }
}
