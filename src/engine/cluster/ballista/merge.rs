//! The operator that adds up blocks: counts of labels, or pairs of row id and label.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::StreamExt;

use super::failure::to_datafusion;
use super::order::{PieceOrder, PieceOutput, PlanPlace};
use super::piece::{OutputSender, computed, id_type};
use crate::engine::cluster::exchange::blocks;
use crate::engine::cluster::exchange::count_blocks::CountMerger;
use crate::engine::errors::external;
use crate::engine::one_input::one_input;
use crate::engine::pairs::blocks::BlockCounter;
use crate::engine::progress::Progress;
use crate::engine::session::Limits;
use crate::engine::spill::Spill;
use crate::error::{Error, Result};

/// Adds up the blocks of each partition of its input, as blocks of counts.
#[derive(Debug)]
pub(super) struct MergeExec {
    order: Arc<PieceOrder>,
    place: PlanPlace,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl MergeExec {
    pub(super) fn new(order: Arc<PieceOrder>, place: PlanPlace, input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(blocks::schema()),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { order, place, input, properties: Arc::new(properties) }
    }

    pub(super) fn order(&self) -> &Arc<PieceOrder> {
        &self.order
    }

    pub(super) fn place(&self) -> &PlanPlace {
        &self.place
    }
}

impl DisplayAs for MergeExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MergeExec: {:?}", self.order.output)
    }
}

impl ExecutionPlan for MergeExec {
    one_input!("MergeExec", input, |exec: &Self, input| {
        Self::new(Arc::clone(&exec.order), exec.place.clone(), input)
    });

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let limits = self.place.limits.clone();
        let limits = limits.ok_or_else(|| external(Error::internal("only executors merge")))?;
        let order = Arc::clone(&self.order);
        let merged = computed(move |out| merge(order, limits, input, out));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), merged)))
    }
}

/// Errors of the input stay what they are: by them, Ballista knows that an executor is lost.
async fn merge(
    order: Arc<PieceOrder>,
    limits: Limits,
    mut input: SendableRecordBatchStream,
    out: OutputSender,
) -> DfResult<()> {
    let failed = |error: Error| to_datafusion(&error.into());
    let writer = order.writer().map_err(failed)?;
    let budget = limits.half().pool_bytes();
    if let PieceOutput::Pairs { rows, parts, .. } = order.output {
        let progress = Arc::new(Progress::default());
        let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, progress);
        let size = (rows / parts.max(1) as u64, parts);
        let id_type = id_type(&order).map_err(failed)?;
        let mut counter = BlockCounter::new(&order.counting, id_type, size, budget, &spill);
        while let Some(batch) = input.next().await {
            blocks::read(&batch?, |block| counter.add(block)).map_err(failed)?;
        }
        let mut counts = Vec::new();
        let finished = counter.finish(&mut |batch: &RecordBatch| {
            counts.extend(writer.blocks(batch)?);
            Ok(())
        });
        finished.map_err(failed)?;
        return give(&out, counts).await.map_err(failed);
    }
    let mut merger = CountMerger::default();
    while let Some(batch) = input.next().await {
        blocks::read(&batch?, |block| merger.add(block)).map_err(failed)?;
        if merger.held() > budget {
            give(&out, merger.take(&writer).map_err(failed)?).await.map_err(failed)?;
        }
    }
    give(&out, merger.take(&writer).map_err(failed)?).await.map_err(failed)
}

async fn give(out: &OutputSender, all: Vec<(u32, Vec<u8>)>) -> Result<()> {
    for (part, block) in all {
        out.give(blocks::batch(part, block)?).await;
    }
    Ok(())
}
