//! A call of a table function in a physical plan.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::stream;

use super::call::OpenedCall;
use crate::engine::errors::external;

/// Emits the rows of a call as one batch.
#[derive(Debug)]
pub(in crate::engine) struct CallExec {
    name: &'static str,
    opened: OpenedCall,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
}

impl CallExec {
    /// `schema` has all columns of the call; `projection` lists the positions of those that the query reads.
    pub(super) fn new(
        name: &'static str,
        opened: OpenedCall,
        schema: &SchemaRef,
        projection: Option<Vec<usize>>,
    ) -> DfResult<Self> {
        let given = match &projection {
            Some(columns) => Arc::new(schema.project(columns)?),
            None => Arc::clone(schema),
        };
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(given),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        Ok(Self { name, opened, projection, properties })
    }
}

impl DisplayAs for CallExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallExec: {}, {}", self.name, self.opened.how)
    }
}

impl ExecutionPlan for CallExec {
    fn name(&self) -> &'static str {
        "CallExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let (make, projection) = (Arc::clone(&self.opened.make), self.projection.clone());
        let batch = stream::once(async move {
            // A task of its own: it ends its turn even while this stream is not polled.
            let joined = SpawnedTask::spawn(make()).join_unwind().await;
            let batch = joined.map_err(|cause| DataFusionError::ExecutionJoin(Box::new(cause)))?;
            let batch = batch.map_err(external)?;
            Ok(match projection {
                Some(columns) => batch.project(&columns)?,
                None => batch,
            })
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batch)))
    }
}
