//! The scheduler and the executor of Ballista, with the functions, codec and memory settings of posweight.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::BallistaError;
use ballista_core::extension::SessionConfigExt;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion::common::Result as DfResult;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use tokio::net::{TcpListener, TcpSocket};

use super::codec::PieceCodec;
use super::connect::check_token;
use super::job_ids::JobIds;
use super::log;
use super::message_size::MESSAGE_BYTES;
use super::tasks::ExecutorEngine;
use super::tls::{ClusterKeys, TaskGate, serve_scheduler};
use super::total;
use super::waiting::cancel_waiting;
use crate::engine::cluster_token::ClusterToken;
use crate::engine::errors::external;
use crate::engine::functions;
use crate::engine::plan_rules::{optimizer_rules, physical_rules};
use crate::engine::progress::Progress;
use crate::engine::rules::exact_arithmetic::operators;
use crate::engine::rules::interval_parts::interval_part;
use crate::engine::rules::local_times::local_instant;
use crate::engine::rules::nested_keys::nested_key;
use crate::engine::rules::nested_order::nested_order;
use crate::engine::rules::octet_length::octet_length;
use crate::engine::rules::on_row::on_row;
use crate::engine::rules::one_nan::one_nan;
use crate::engine::rules::own_windows::own_windows;
use crate::engine::rules::rounded_casts::round_half_even;
use crate::engine::rules::signed_functions::signed_functions;
use crate::engine::rules::whole_quotients::whole_quotient;
use crate::engine::rules::wide_times::wide_times;
use crate::engine::rules::written_values::written_values;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::engine::session::{Limits, runtime};
use crate::engine::spill::Spill;
use crate::error::{Error, Result};

/// Seconds for which an executor tries to reach its scheduler.
const CONNECT_SECONDS: u16 = 30;
/// Seconds for which results that are not fetched are kept.
const JOB_SECONDS: u64 = 24 * 3600;
/// Seconds between two searches for results that are too old.
const CLEAN_SECONDS: u64 = 600;

/// Settings of a scheduler.
#[derive(Debug, Clone)]
pub(crate) struct Scheduler {
    /// IP address and port where it listens.
    pub bind: SocketAddr,
    /// Host name that executors and clients use.
    pub host: String,
    /// Seconds without a heartbeat after which an executor is lost, and seconds without any executor after which a
    /// job is cancelled.
    pub executor_timeout: u64,
    /// What it asks of clients and executors.
    pub token: Option<ClusterToken>,
}

/// Settings of an executor.
#[derive(Debug, Clone)]
pub(crate) struct Executor {
    /// The scheduler that gives it tasks.
    pub scheduler: SchedulerAddress,
    /// IP address and port where others fetch its results.
    pub bind: SocketAddr,
    /// Port where it receives tasks.
    pub task_port: u16,
    /// Host name that others use; when `None`, the address from which it connects to the scheduler.
    pub host: Option<String>,
    /// Folder for results that are not fetched yet.
    pub work_dir: PathBuf,
    /// Seconds between two heartbeats.
    pub heartbeat: u64,
    /// Memory, threads and spill folder.
    pub limits: Limits,
}

/// Runs a scheduler until the process ends.
///
/// # Errors
/// [`Error::Output`] when it cannot listen.
pub(crate) async fn scheduler(with: Scheduler) -> Result<()> {
    log::forward();
    let keys = with.token.as_ref().map(ClusterKeys::new).transpose()?;
    let config = SchedulerConfig {
        bind_host: with.bind.ip().to_string(),
        bind_port: with.bind.port(),
        external_host: with.host,
        scheduling_policy: TaskSchedulingPolicy::PushStaged,
        executor_timeout_seconds: with.executor_timeout,
        expire_dead_executor_interval_seconds: with.executor_timeout.div_ceil(4),
        no_executors_grace_period_seconds: with.executor_timeout,
        grpc_server_max_decoding_message_size: MESSAGE_BYTES,
        grpc_server_max_encoding_message_size: MESSAGE_BYTES,
        grpc_client_max_message_size: MESSAGE_BYTES,
        override_config_producer: Some(Arc::new(SessionConfig::new_with_ballista)),
        override_session_builder: Some(Arc::new(state)),
        override_physical_codec: Some(Arc::new(PieceCodec::for_scheduler())),
        override_create_grpc_client_endpoint: keys.as_ref().map(ClusterKeys::of_clients),
        job_id_generator: Some(Arc::new(JobIds)),
        ..SchedulerConfig::default()
    };
    let failed = |cause: BallistaError| {
        Error::output(format!("the scheduler at {}: {cause}", with.bind))
            .hint("choose another --bind or --port")
    };
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(failed)?;
    config.validate().map_err(failed)?;
    let scheduler = create_scheduler(cluster, Arc::new(config)).await.map_err(failed)?;
    let patience = Duration::from_secs(with.executor_timeout);
    tokio::spawn(cancel_waiting(scheduler.clone(), patience));
    if let Some(keys) = keys {
        let ended = serve_scheduler(with.bind, scheduler, &keys).await;
        return ended.map_err(|cause| failed(BallistaError::TonicError(cause)));
    }
    let listener = listen(with.bind).map_err(|cause| failed(cause.into()))?;
    start_grpc_service_with_listener(listener, scheduler).await.map_err(failed)
}

/// Listens at `bind`. An answer goes out in several packets: connections must not hold the last one until the others are
/// acknowledged, which takes 40 ms. They have this setting from the socket that listens.
fn listen(bind: SocketAddr) -> std::io::Result<TcpListener> {
    /// Connections that wait to be accepted.
    const WAITING: u32 = 1024;
    let socket = if bind.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_nodelay(true)?;
    socket.bind(bind)?;
    socket.listen(WAITING)
}

/// Runs an executor until the process ends.
///
/// # Errors
/// [`Error::Transient`] when no scheduler answers, [`Error::Output`] when it cannot listen.
pub(crate) async fn executor(with: Executor) -> Result<()> {
    log::forward();
    let Executor { scheduler, bind, limits, .. } = with;
    check_token(&scheduler).await?;
    let keys = scheduler.token().map(ClusterKeys::new).transpose()?;
    let bind_host = match &keys {
        Some(keys) => TaskGate::open(&scheduler, bind.ip(), with.task_port, keys)?,
        None => bind.ip(),
    };
    let of_clients = keys.as_ref().map(ClusterKeys::of_clients);
    let session = move || match of_clients.clone() {
        Some(secure) => {
            SessionConfig::new_with_ballista().with_ballista_override_create_grpc_client_endpoint(secure)
        }
        None => SessionConfig::new_with_ballista(),
    };
    // Tasks that count have no group-bys beside them; those that have some take half of their share, as group-bys do.
    let (pool, threads) = (limits.pool_bytes() / 2, limits.threads.max(1));
    let task = limits.for_task();
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::new(Progress::default()));
    let shared = runtime(&limits, &spill)?;
    let state =
        state(SessionConfig::new_with_ballista()).map_err(|cause| Error::internal(cause.to_string()))?;
    let config = ExecutorProcessConfig {
        bind_host: bind_host.to_string(),
        external_host: with.host,
        port: bind.port(),
        grpc_port: with.task_port,
        scheduler_host: scheduler.host().to_owned(),
        scheduler_port: scheduler.port(),
        scheduler_connect_timeout_seconds: CONNECT_SECONDS,
        vcores: threads,
        task_scheduling_policy: TaskSchedulingPolicy::PushStaged,
        work_dir: Some(with.work_dir.display().to_string()),
        job_data_ttl_seconds: JOB_SECONDS,
        job_data_clean_up_interval_seconds: CLEAN_SECONDS,
        grpc_max_decoding_message_size: MESSAGE_BYTES,
        grpc_max_encoding_message_size: MESSAGE_BYTES,
        executor_heartbeat_interval_seconds: with.heartbeat,
        memory_pool_size: Some(pool as u64),
        override_execution_engine: Some(Arc::new(ExecutorEngine::new(threads))),
        override_function_registry: Some(Arc::new(BallistaFunctionRegistry::from(&state))),
        override_runtime_producer: Some(Arc::new(move |_| Ok(Arc::clone(&shared)))),
        override_config_producer: Some(Arc::new(session)),
        override_physical_codec: Some(Arc::new(PieceCodec::for_executor(task))),
        override_create_grpc_client_endpoint: keys.as_ref().map(ClusterKeys::of_clients),
        override_arrow_flight_service: keys.as_ref().map(|keys| keys.of_results(bind)),
        ..ExecutorProcessConfig::default()
    };
    let Err(cause) = start_executor_process(Arc::new(config)).await else { return Ok(()) };
    // The scheduler may have come later.
    check_token(&scheduler).await?;
    Err(match cause {
        BallistaError::GrpcConnectionError(_) | BallistaError::General(_) => {
            Error::transient(format!("{scheduler}: no scheduler answers"))
                .hint("start one with posweight cluster scheduler, or correct the address in --scheduler")
        }
        cause => {
            Error::output(format!("the executor at {bind}: {cause}")).hint("choose another --bind or --port")
        }
    })
}

/// A session with the functions of posweight.
fn state(config: SessionConfig) -> DfResult<SessionState> {
    let state = SessionStateBuilder::new().with_config(config).with_default_features();
    let state =
        state.with_optimizer_rules(optimizer_rules()).with_physical_optimizer_rules(physical_rules()).build();
    let context = SessionContext::new_with_state(state);
    functions::register(&context).map_err(external)?;
    let others = [
        one_nan(),
        nested_order(),
        octet_length(),
        interval_part(),
        round_half_even(),
        nested_key(),
        on_row(),
        local_instant(),
    ];
    let quotients = [false, true].map(whole_quotient);
    let operators = operators().into_iter().chain(others).chain(quotients).chain(wide_times());
    let signed = signed_functions(context.state().scalar_functions());
    for operator in operators.chain(written_values()).chain(signed) {
        context.register_udf(operator);
    }
    for function in own_windows(context.state().window_functions()) {
        context.register_udwf(function);
    }
    context.register_udaf(total::counts());
    Ok(context.state())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn connections_send_each_packet_at_once() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let _caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (connection, _) = listener.accept().await.unwrap();
        assert!(connection.nodelay().unwrap());
    }
}
