//! The operator that turns batches of rows into partial counts.
//!
//! ```text
//! AggregateExec / collector
//!   PartialCountsExec        one Counter per partition; gives its counts at the end, or when full
//!     ProjectionExec         [label columns…, weight?, by…, shard]
//!       FilterExec?
//!         DataSourceExec
//! ```

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};

use crate::engine::counting::Counting;
use crate::engine::errors::external;
use crate::engine::partial;
use crate::engine::plain::counter::Counter;
use crate::engine::progress::Progress;

/// Counts its input.
#[derive(Debug)]
pub(crate) struct PartialCountsExec {
    input: Arc<dyn ExecutionPlan>,
    counting: Arc<Counting>,
    progress: Arc<Progress>,
    properties: Arc<PlanProperties>,
}

impl PartialCountsExec {
    pub(crate) fn new(
        input: Arc<dyn ExecutionPlan>,
        counting: Arc<Counting>,
        progress: Arc<Progress>,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(partial::schema(counting.by.len())),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { input, counting, progress, properties: Arc::new(properties) }
    }
}

impl DisplayAs for PartialCountsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PartialCountsExec: layout={}, labels={}",
            self.counting.layout.kind,
            self.counting.layout.labels.len()
        )
    }
}

impl ExecutionPlan for PartialCountsExec {
    fn name(&self) -> &'static str {
        "PartialCountsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => {
                Ok(Arc::new(Self::new(input, Arc::clone(&self.counting), Arc::clone(&self.progress))))
            }
            _ => Err(DataFusionError::Internal("PartialCountsExec has one input".to_owned())),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let counter = Counter::new(Arc::clone(&self.counting));
        let progress = Arc::clone(&self.progress);
        let parts = stream::try_unfold(Some((input, counter)), move |state| {
            let progress = Arc::clone(&progress);
            async move {
                let Some((mut input, mut counter)) = state else { return Ok::<_, DataFusionError>(None) };
                while let Some(batch) = input.next().await {
                    let batch = batch?;
                    counter.update(&batch).map_err(external)?;
                    progress.add(batch.num_rows() as u64);
                    progress.add_listed(counter.take_listed());
                    counter.tell_if_asked(&progress.live);
                    if counter.is_full() {
                        counter.report(&progress.live);
                        return Ok(Some((counter.take(), Some((input, counter)))));
                    }
                }
                counter.report(&progress.live);
                Ok(Some((counter.take(), None)))
            }
        });
        let batches = parts.map_ok(|batches| stream::iter(batches.map(Ok))).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}
