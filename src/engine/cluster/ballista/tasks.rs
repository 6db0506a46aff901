//! Runs the tasks of an executor as Ballista does, except that it checks the shards of scans against those that the
//! client saw, and keeps the kind of errors.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::error::BallistaError;
use ballista_core::serde::protobuf::{
    RuntimeStatsReport, ShuffleWritePartition, TaskColumnStats, WindowStateReport,
};
use ballista_executor::execution_engine::{DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::prelude::SessionConfig;

use super::account::{ProcessorShare, Running, TaskCost};
use super::codec::piece_scan;
use super::connections::ConnectionPool;
use super::failure::to_datafusion;
use super::files;
use super::merge::MergeExec;
use crate::engine::errors::ours;
use crate::error::Error;

/// Runs stages of physical plans.
pub(super) struct ExecutorEngine {
    inner: DefaultExecutionEngine,
    /// What tells this executor from others, and its threads.
    executor: u64,
    threads: u64,
    processor: Arc<ProcessorShare>,
}

impl ExecutorEngine {
    pub(super) fn new(threads: usize) -> Self {
        let inner = DefaultExecutionEngine::with_client_pool(Arc::new(ConnectionPool::default()));
        // Fits a count of metrics on every machine.
        let executor = RandomState::new().hash_one(std::process::id()) & u64::from(u32::MAX);
        Self { inner, executor, threads: threads as u64, processor: Arc::default() }
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
        let (mut read, mut scheduler) = (Vec::new(), 0);
        plan.apply(|node| {
            if let Some((_, source)) = piece_scan(node) {
                read.push(source.read());
                scheduler = source.place().scheduler;
            }
            if let Some(merge) = node.downcast_ref::<MergeExec>() {
                scheduler = merge.place().scheduler;
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        let stage = self
            .inner
            .create_query_stage_exec(job_id, stage_id, task_id, partitions, plan, work_dir, config)?;
        let cost =
            TaskCost { executor: self.executor, threads: self.threads, scheduler, ..TaskCost::default() };
        let processor = Arc::clone(&self.processor);
        Ok(Arc::new(ExecutorStage { stage, read, cost: Mutex::new(cost), processor }))
    }
}

#[derive(Debug)]
struct ExecutorStage {
    stage: Arc<dyn QueryStageExecutor>,
    /// Bytes that its scans have read.
    read: Vec<Arc<AtomicU64>>,
    cost: Mutex<TaskCost>,
    processor: Arc<ProcessorShare>,
}

impl fmt::Display for ExecutorStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stage.fmt(f)
    }
}

#[async_trait]
impl QueryStageExecutor for ExecutorStage {
    async fn execute_query_stage(
        &self,
        task_id: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        let start = Instant::now();
        let running = Running::begin(&self.processor);
        let done = self.stage.execute_query_stage(task_id, context).await.map_err(encoded)?;
        let mut cost = self.cost.lock().unwrap_or_else(PoisonError::into_inner);
        cost.processor = running.end();
        cost.wall = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        cost.written = done.iter().map(|part| part.num_bytes).sum();
        cost.read = self.read.iter().map(|read| read.load(Ordering::Relaxed)).sum();
        Ok(done)
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        let mut operators = self.stage.collect_plan_metrics();
        self.cost.lock().unwrap_or_else(PoisonError::into_inner).add_to(&mut operators);
        operators
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.stage.collect_runtime_stats_reports()
    }

    fn collect_window_state_reports(&self) -> Result<Vec<WindowStateReport>> {
        self.stage.collect_window_state_reports()
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        self.stage.collect_column_stats()
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
