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

use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};

use crate::engine::counting::Counting;
use crate::engine::errors::external;
use crate::engine::one_input::one_input;
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
    one_input!("PartialCountsExec", input, |exec: &Self, input| {
        Self::new(input, Arc::clone(&exec.counting), Arc::clone(&exec.progress))
    });

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
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
