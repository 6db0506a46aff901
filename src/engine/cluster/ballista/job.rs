//! A physical plan that runs on a cluster: sent, watched, and cancelled when it is dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use ballista_core::BALLISTA_VERSION;
use ballista_core::client_pool::BallistaClientPool;
use ballista_core::config::BallistaConfig;
use ballista_core::extension::{BallistaConfigGrpcEndpoint, SessionConfigExt, SessionConfigHelperExt};
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CancelJobParams, ExecuteQueryParams, GetJobMetricsParams, GetJobStatusParams, PartitionLocation,
    SuccessfulJob, execute_query_result, job_status,
};
use ballista_core::utils::GrpcClientConfig;
use ballista_core::version::{check_compatibility, insert_version_header, version_from_metadata};
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tonic::Request;
use tonic::transport::Channel;

use super::account::account;
use super::codec::PieceCodec;
use super::connect::{channel, check_token};
use super::connections::ConnectionPool;
use super::failure::{ClusterFailure, from_datafusion, from_text};
use super::message_size::MESSAGE_BYTES;
use super::tls::ClusterKeys;
use super::waiting::{ExecutorWarning, cancelled};
use crate::engine::scheduler_address::SchedulerAddress;
use crate::engine::work::ClusterWork;
use crate::error::{Error, Result};

/// Shortest and longest pause between two requests for the status of a job.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(500)];
/// The pause is this part of the time that the job has taken so far, so that no job waits long for its end to be seen.
const PAUSE_SHARE: u32 = 64;
/// Time within which the scheduler has to answer.
const ANSWER: Duration = Duration::from_secs(8);
/// Longest time to wait until a job is cancelled.
const CANCEL: Duration = Duration::from_secs(2);

type SchedulerClient = SchedulerGrpcClient<Channel>;

/// A job that was sent to the scheduler.
pub(super) struct SentJob {
    id: String,
    address: SchedulerAddress,
    scheduler: SchedulerClient,
    is_over: bool,
}

/// The settings of a session whose plans are sent to a cluster.
pub(super) fn settings(config: SessionConfig, address: &SchedulerAddress) -> SessionConfig {
    of_any_scheduler(config).set_bool("ballista.client.use_tls", address.token().is_some())
}

fn of_any_scheduler(config: SessionConfig) -> SessionConfig {
    config
        .upgrade_for_ballista()
        .with_ballista_job_name("posweight")
        .with_ballista_grpc_client_max_message_size(MESSAGE_BYTES as usize)
        // When an executor is lost, one partition per task is repeated, not one per thread.
        .set_usize("ballista.scheduler.max_partitions_per_task", 1)
        // Executors spill when their memory pool is full.
        .set_usize("ballista.shuffle.sort_based.memory_limit_per_task_bytes", 0)
}

/// Sets up a session for plans that shuffle blocks: few rows, which are large.
pub(super) fn with_blocks(context: &SessionContext, codec: &str) {
    /// Rows of a batch: whoever reads them gathers as many, of up to some megabytes each.
    const ROWS: usize = 4;
    let state = context.state_ref();
    let mut state = state.write();
    let config = of_any_scheduler(state.config().clone())
        .set_usize("datafusion.execution.batch_size", ROWS)
        .set_usize("ballista.shuffle.sort_based.batch_size", ROWS)
        .set_str("ballista.shuffle.compression.codec", codec)
        // The plan is what it should be.
        .set_bool("ballista.planner.adaptive.enabled", false);
    *state.config_mut() = config;
}

impl SentJob {
    /// Sends a plan to the scheduler at `address`.
    pub(super) async fn send(
        address: &SchedulerAddress,
        context: &SessionContext,
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<Self, ClusterFailure> {
        let of = |text: String| from_text(&text, address);
        let config = settings(context.copied_config(), address);
        let mut bytes = Vec::new();
        PhysicalPlanNode::try_from_physical_plan(plan, &PieceCodec::default())
            .and_then(|node| node.try_encode(&mut bytes))
            .map_err(|cause| unsendable(&cause))?;
        let mut scheduler = connect(address, &config.ballista_config()).await?;
        let mut request = Request::new(ExecuteQueryParams {
            session_id: context.session_id(),
            settings: config.to_key_value_pairs(),
            operation_id: context.session_id(),
            query: Some(Query::PhysicalPlan(bytes)),
        });
        insert_version_header(request.metadata_mut());
        let answer = match scheduler.execute_query(request).await {
            Ok(answer) => answer,
            Err(status) => {
                check_token(address).await?;
                return Err(of(format!("{status:?}")));
            }
        };
        let version = check_compatibility(Some(BALLISTA_VERSION), version_from_metadata(answer.metadata()));
        let id = match answer.into_inner().result {
            Some(execute_query_result::Result::Success(sent)) => sent.job_id,
            Some(execute_query_result::Result::Failure(why)) => return Err(of(format!("{why:?}"))),
            None => return Err(of("Grpc: the scheduler sent an empty answer".to_owned())),
        };
        let job = Self { id, address: address.clone(), scheduler, is_over: false };
        version.map_err(|cause| {
            Error::usage(format!("{address}: {cause}"))
                .hint("run the same version of posweight on client, scheduler and executors")
        })?;
        Ok(job)
    }

    /// Waits until the job is done.
    pub(super) async fn done(&mut self) -> Result<SuccessfulJob, ClusterFailure> {
        let ([shortest, longest], start) = (PAUSES, Instant::now());
        let mut warning = ExecutorWarning::new();
        loop {
            let asked = GetJobStatusParams { job_id: self.id.clone() };
            let answer = answered(&self.address, self.scheduler.get_job_status(asked)).await?;
            let answer = answer.map_err(|status| from_text(&format!("{status:?}"), &self.address))?;
            match answer.into_inner().status.and_then(|status| status.status) {
                Some(job_status::Status::Successful(done)) => {
                    self.is_over = true;
                    return Ok(done);
                }
                Some(job_status::Status::Failed(failed)) => {
                    self.is_over = true;
                    let cancelled = cancelled(&failed.error, &self.address);
                    return Err(cancelled.unwrap_or_else(|| from_text(&failed.error, &self.address)));
                }
                _ => warning.check(&self.address).await,
            }
            tokio::time::sleep((start.elapsed() / PAUSE_SHARE).clamp(shortest, longest)).await;
        }
    }
}

impl SentJob {
    /// What the job took, and the bytes it read. It is not worth an error where the scheduler does not know.
    async fn account(&mut self, done: &SuccessfulJob) -> (ClusterWork, u64) {
        let asked = GetJobMetricsParams { job_id: self.id.clone() };
        match self.scheduler.get_job_metrics(asked).await {
            Ok(metrics) => account(&metrics.into_inner().stages, done),
            Err(status) => {
                tracing::warn!("{}: what the job took is not known: {}", self.address, status.message());
                (ClusterWork::default(), 0)
            }
        }
    }
}

impl Drop for SentJob {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (mut scheduler, job_id) = (self.scheduler.clone(), self.id.clone());
        // The runtime of this thread may be shutting down.
        let cancel = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let asked = async move { scheduler.cancel_job(CancelJobParams { job_id }).await };
            let _ = runtime.block_on(async { tokio::time::timeout(CANCEL, asked).await });
            std::io::Result::Ok(())
        });
        let _ = cancel.join();
    }
}

/// The rows of a job that is done, and what it took.
pub(super) struct JobRows<S> {
    pub(super) rows: S,
    pub(super) work: ClusterWork,
    /// Bytes of column chunks.
    pub(super) bytes_read: u64,
}

/// Sends a plan and streams its rows from the executors.
pub(super) async fn submit(
    address: &SchedulerAddress,
    context: &SessionContext,
    plan: Arc<dyn ExecutionPlan>,
) -> Result<JobRows<impl Stream<Item = Result<RecordBatch, ClusterFailure>> + Send + use<>>, ClusterFailure> {
    let mut job = SentJob::send(address, context, plan).await?;
    let done = job.done().await?;
    let (work, bytes_read) = job.account(&done).await;
    let (address, connections) = (address.clone(), ConnectionPool::default());
    let parts = stream::iter(done.partition_location).then(move |place| {
        let (address, connections) = (address.clone(), connections.clone());
        async move {
            let rows = rows(place, &address, &connections).await?;
            Ok::<_, ClusterFailure>(rows.map_err(move |cause| from_datafusion(&cause, &address)))
        }
    });
    Ok(JobRows { rows: parts.try_flatten(), work, bytes_read })
}

/// Fetches the rows of one partition of the result.
async fn rows(
    location: PartitionLocation,
    address: &SchedulerAddress,
    connections: &ConnectionPool,
) -> Result<SendableRecordBatchStream, ClusterFailure> {
    let of = |text: String| from_text(&text, address);
    let layout = location.layout();
    let (Some(executor), Some(partition)) = (location.executor_meta, location.partition_id) else {
        return Err(of("Grpc: a result without a location".to_owned()));
    };
    let port = u16::try_from(executor.port).unwrap_or_default();
    let keys = address.token().map(ClusterKeys::new).transpose()?;
    let config = GrpcClientConfig {
        use_tls: keys.is_some(),
        max_message_size: MESSAGE_BYTES as usize,
        initial_connection_window_size: 0,
        initial_stream_window_size: 0,
        ..GrpcClientConfig::from(&BallistaConfig::default())
    };
    let keys = keys.map(|keys| Arc::new(BallistaConfigGrpcEndpoint::new(keys.of_clients())));
    let client = connections.acquire(&executor.host, port, &config, keys).await;
    let mut client = client.map_err(|cause| of(format!("IO error: {cause}")))?;
    let partition = partition.into();
    let rows = client.fetch_partition(&executor.id, &partition, location.file_id, layout, true);
    rows.await.map_err(|cause| of(format!("FetchFailed: {cause}")))
}

/// What the scheduler at `address` answers, within the time that it has.
async fn answered<T>(
    address: &SchedulerAddress,
    answer: impl Future<Output = T>,
) -> Result<T, ClusterFailure> {
    tokio::time::timeout(ANSWER, answer).await.map_err(|_| {
        let seconds = ANSWER.as_secs();
        Error::transient(format!("{address}: the scheduler has not answered for {seconds} s"))
            .hint("check that it runs and can be reached, then run again")
            .into()
    })
}

async fn connect(
    address: &SchedulerAddress,
    config: &BallistaConfig,
) -> Result<SchedulerClient, ClusterFailure> {
    let channel = answered(address, channel(address, &GrpcClientConfig::from(config))).await??;
    let size = MESSAGE_BYTES as usize;
    Ok(SchedulerGrpcClient::new(channel).max_encoding_message_size(size).max_decoding_message_size(size))
}

fn unsendable(cause: &DataFusionError) -> ClusterFailure {
    let text = cause.strip_backtrace();
    Error::usage(format!(
        "the query cannot be sent to a cluster: {}",
        text.lines().next().unwrap_or_default()
    ))
    .hint("run it without --cluster")
    .into()
}
