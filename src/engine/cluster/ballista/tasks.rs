//! Runs the tasks of an executor as Ballista does, except that it checks the shards of scans against those that the
//! client saw, and keeps the kind of errors.

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

use super::connections::ConnectionPool;
use super::failure::to_datafusion;
use super::files;
use crate::engine::errors::ours;
use crate::error::Error;

/// Runs stages of physical plans.
pub(super) struct ExecutorEngine(DefaultExecutionEngine);

impl ExecutorEngine {
    pub(super) fn new() -> Self {
        Self(DefaultExecutionEngine::with_client_pool(Arc::new(ConnectionPool::default())))
    }
}

impl ExecutionEngine for ExecutorEngine {
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
        Ok(Arc::new(ExecutorStage(stage)))
    }
}

#[derive(Debug)]
struct ExecutorStage(Arc<dyn QueryStageExecutor>);

impl fmt::Display for ExecutorStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl QueryStageExecutor for ExecutorStage {
    async fn execute_query_stage(
        &self,
        task_id: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        self.0.execute_query_stage(task_id, context).await.map_err(encoded)
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

/// The error in the encoding that the client reads; unchanged where Ballista only needs to know that it may retry.
fn encoded(cause: DataFusionError) -> DataFusionError {
    let root = root(&cause);
    let is_final = match root {
        DataFusionError::External(inner) => inner.is::<Error>(),
        DataFusionError::ResourcesExhausted(_) | DataFusionError::ParquetError(_) => true,
        DataFusionError::ObjectStore(cause) => matches!(**cause, object_store::Error::NotFound { .. }),
        _ => false,
    };
    if is_final { to_datafusion(&ours(root).into()) } else { cause }
}

/// The root cause, also of errors that Ballista has wrapped.
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
