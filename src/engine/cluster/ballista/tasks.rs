//! Tasks of an executor: as Ballista runs them, but shards are those that the client has seen, and errors of ours
//! keep their kind.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::error::BallistaError;
use ballista_core::serde::protobuf::{
    RuntimeStatsReport, ShuffleWritePartition, TaskColumnStats, WindowStateReport,
};
use ballista_executor::execution_engine::{DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::prelude::SessionConfig;

use super::connections::Connections;
use super::failure::to_datafusion;
use super::files;
use crate::engine::session::ours;
use crate::error::Error;

/// Runs stages of plans.
pub(super) struct Tasks(DefaultExecutionEngine);

impl Tasks {
    pub(super) fn new() -> Self {
        Self(DefaultExecutionEngine::with_client_pool(Arc::new(Connections::default())))
    }
}

impl ExecutionEngine for Tasks {
    fn create_query_stage_exec(
        &self,
        job_id: JobId,
        stage_id: usize,
        task_id: usize,
        partitions: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        work_dir: &str,
        config: &SessionConfig,
    ) -> Result<Arc<dyn QueryStageExecutor>> {
        let plan = files::opened(plan).map_err(|error| to_datafusion(&error.into()))?;
        let stage =
            self.0.create_query_stage_exec(job_id, stage_id, task_id, partitions, plan, work_dir, config)?;
        Ok(Arc::new(Stage(stage)))
    }
}

#[derive(Debug)]
struct Stage(Arc<dyn QueryStageExecutor>);

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl QueryStageExecutor for Stage {
    async fn execute_query_stage(
        &self,
        task_id: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        self.0.execute_query_stage(task_id, context).await.map_err(told)
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        self.0.collect_plan_metrics()
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.0.collect_runtime_stats_reports()
    }

    fn collect_window_state_reports(&self) -> Result<Vec<WindowStateReport>> {
        self.0.collect_window_state_reports()
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        self.0.collect_column_stats()
    }
}

/// An error as the client can read it, where it says more than that a task may be tried again.
fn told(cause: DataFusionError) -> DataFusionError {
    let root = root(&cause);
    let speaks = match root {
        DataFusionError::External(inner) => inner.is::<Error>(),
        DataFusionError::ResourcesExhausted(_) | DataFusionError::ParquetError(_) => true,
        DataFusionError::ObjectStore(cause) => matches!(**cause, object_store::Error::NotFound { .. }),
        _ => false,
    };
    if speaks { to_datafusion(&ours(root).into()) } else { cause }
}

/// The first cause, also where Ballista has wrapped it.
fn root(cause: &DataFusionError) -> &DataFusionError {
    let root = cause.find_root();
    match root {
        DataFusionError::External(inner) => match inner.downcast_ref::<BallistaError>() {
            Some(BallistaError::DataFusionError(inner)) => self::root(inner),
            _ => root,
        },
        _ => root,
    }
}
