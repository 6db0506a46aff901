//! TLS between client, scheduler and executors, which prove by their certificates that they have the same token.
//!
//! All make the same key and the same certificate of the token, and trust nothing else. Whoever has another token, or
//! none, fails the handshake, so Ballista never sees a request of theirs.
//!
//! Ballista has a place for this at every client, at the scheduler and at the results of an executor, but not where an
//! executor receives tasks. That server listens on the loopback interface only, behind a [`TaskGate`].

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::error::BallistaError;
use ballista_core::extension::EndpointOverrideFn;
use ballista_core::serde::protobuf::executor_grpc_client::ExecutorGrpcClient;
use ballista_core::serde::protobuf::executor_grpc_server::{ExecutorGrpc, ExecutorGrpcServer};
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use ballista_core::serde::protobuf::{
    CancelTasksParams, CancelTasksResult, LaunchMultiTaskParams, LaunchMultiTaskResult, LaunchTaskParams,
    LaunchTaskResult, RemoveJobDataParams, RemoveJobDataResult, StopExecutorParams, StopExecutorResult,
};
use ballista_core::utils::{
    GrpcClientConfig, GrpcServerConfig, create_grpc_client_endpoint, create_grpc_server,
    create_grpc_server_incoming,
};
use ballista_executor::ArrowFlightServerProvider;
use ballista_executor::flight_service::BallistaFlightService;
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use rcgen::{CertificateParams, DnType, KeyPair, SerialNumber};
use sha2::{Digest, Sha256};
use tonic::codegen::InterceptedService;
use tonic::codegen::http::StatusCode;
use tonic::service::Routes;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

use super::message_size::MESSAGE_BYTES;
use crate::engine::cluster_token::ClusterToken;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::error::{Error, Result};

/// The name in the certificate, whatever the machine is called.
const NAME: &str = "posweight-cluster";
/// What comes before the 32 bytes of an Ed25519 key in PKCS #8.
const ED25519: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Key and certificate that are made of a token.
#[derive(Clone)]
pub(super) struct ClusterKeys {
    certificate: String,
    key: String,
}

impl ClusterKeys {
    pub(super) fn new(token: &ClusterToken) -> Result<Self> {
        let seed = Sha256::new().chain_update(b"posweight cluster key 1\0").chain_update(token.secret());
        let failed = |cause: rcgen::Error| Error::internal(format!("a key of the cluster's token: {cause}"));
        let der = [&ED25519[..], &seed.finalize()].concat();
        let pair = KeyPair::try_from(der.as_slice()).map_err(failed)?;
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, NAME);
        params.serial_number = Some(SerialNumber::from(1));
        let certificate = params.self_signed(&pair).map_err(failed)?;
        Ok(Self { certificate: certificate.pem(), key: pair.serialize_pem() })
    }

    fn client(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .domain_name(NAME)
            .ca_certificate(Certificate::from_pem(&self.certificate))
            .identity(Identity::from_pem(&self.certificate, &self.key))
    }

    fn server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new()
            .identity(Identity::from_pem(&self.certificate, &self.key))
            .client_ca_root(Certificate::from_pem(&self.certificate))
    }

    /// The same endpoint with TLS.
    pub(super) fn secure(
        &self,
        endpoint: Endpoint,
        config: &GrpcClientConfig,
    ) -> Result<Endpoint, tonic::transport::Error> {
        let endpoint = match endpoint.uri().authority() {
            // Ballista knows of TLS for results only.
            Some(place) if endpoint.uri().scheme_str() == Some("http") => {
                create_grpc_client_endpoint(format!("https://{place}"), Some(config))?
            }
            _ => endpoint,
        };
        endpoint.tls_config(self.client())
    }

    /// Makes TLS of every connection that Ballista opens.
    pub(super) fn of_clients(&self) -> EndpointOverrideFn {
        let keys = self.clone();
        Arc::new(move |endpoint| keys.secure(endpoint, &GrpcClientConfig::default()).map_err(Into::into))
    }

    /// Serves the results of an executor at `bind`.
    pub(super) fn of_results(&self, bind: SocketAddr) -> Arc<ArrowFlightServerProvider> {
        let keys = self.clone();
        Arc::new(move |folder, _, mut end, config: GrpcServerConfig| {
            let keys = keys.clone();
            tokio::spawn(async move {
                let results = FlightServiceServer::new(BallistaFlightService::new(folder))
                    .max_decoding_message_size(MESSAGE_BYTES as usize)
                    .max_encoding_message_size(MESSAGE_BYTES as usize);
                let server = create_grpc_server(&config).tls_config(keys.server());
                let server = server.map_err(BallistaError::TonicError)?.add_service(results);
                server.serve_with_shutdown(bind, end.recv()).await.map_err(BallistaError::TonicError)
            })
        })
    }
}

/// Serves a scheduler at `bind`, as Ballista does without TLS.
pub(super) async fn serve_scheduler(
    bind: SocketAddr,
    scheduler: SchedulerServer<LogicalPlanNode, PhysicalPlanNode>,
    keys: &ClusterKeys,
) -> Result<(), tonic::transport::Error> {
    let service = SchedulerGrpcServer::new(scheduler.clone())
        .max_decoding_message_size(MESSAGE_BYTES as usize)
        .max_encoding_message_size(MESSAGE_BYTES as usize);
    // Ballista asks for the address of an executor in this way.
    let with_address = |mut request: Request<()>| {
        if let Some(from) = request.remote_addr() {
            request.extensions_mut().insert(axum::extract::ConnectInfo(from));
        }
        Ok::<_, Status>(request)
    };
    let ready = move || {
        let is_ready = scheduler.is_ready();
        async move { if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE } }
    };
    let routes = Routes::new(InterceptedService::new(service, with_address));
    let routes = routes.into_axum_router().route("/readyz", axum::routing::get(ready));
    let mut server = Server::builder().tcp_nodelay(true).tls_config(keys.server())?;
    server.add_routes(Routes::from(routes)).serve(bind).await
}

/// Where an executor receives tasks: passes them to the server of Ballista, which listens where only this machine can
/// reach it.
pub(super) struct TaskGate(ExecutorGrpcClient<Channel>);

impl TaskGate {
    /// Opens a gate at `bind` and `port`; where `bind` is all addresses, at that one from which `scheduler` is reached.
    /// Returns the IP address for the server behind, which is another one, as its port is the same.
    pub(super) fn open(
        scheduler: &SchedulerAddress,
        bind: IpAddr,
        port: u16,
        keys: &ClusterKeys,
    ) -> Result<IpAddr> {
        let bind = SocketAddr::new(if bind.is_unspecified() { facing(scheduler)? } else { bind }, port);
        let behind = Ipv4Addr::new(127, 0, 0, if bind.ip() == Ipv4Addr::new(127, 0, 0, 2) { 3 } else { 2 });
        let inner = Endpoint::from_shared(format!("http://{behind}:{port}"))
            .map_err(|cause| Error::internal(cause.to_string()))?
            .tcp_nodelay(true)
            .connect_lazy();
        let inner = ExecutorGrpcClient::new(inner)
            .max_decoding_message_size(MESSAGE_BYTES as usize)
            .max_encoding_message_size(MESSAGE_BYTES as usize);
        let tasks = ExecutorGrpcServer::new(Self(inner))
            .max_decoding_message_size(MESSAGE_BYTES as usize)
            .max_encoding_message_size(MESSAGE_BYTES as usize);
        let config = GrpcServerConfig::default();
        // Before the executor is known to the scheduler, which calls at once.
        let incoming = create_grpc_server_incoming(bind, &config).map_err(|cause| {
            Error::output(format!("the executor at {bind}: {cause}"))
                .hint("choose another --bind or --task-port")
        })?;
        let server = create_grpc_server(&config).tls_config(keys.server());
        let server = server.map_err(|cause| Error::internal(cause.to_string()))?.add_service(tasks);
        tokio::spawn(async move {
            if let Err(cause) = server.serve_with_incoming(incoming).await {
                tracing::error!("no more tasks are received at {bind}: {cause:?}");
            }
        });
        Ok(behind.into())
    }
}

/// The address of this machine from which `scheduler` is reached.
fn facing(scheduler: &SchedulerAddress) -> Result<IpAddr> {
    let host = scheduler.host().trim_matches(['[', ']']);
    // Connecting a datagram socket sends nothing.
    let found = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((host, scheduler.port()))?;
        socket.local_addr()
    });
    found.map(|address| address.ip()).map_err(|cause| {
        Error::transient(format!("{scheduler}: {cause}"))
            .hint("correct the address in --scheduler, or give --bind one IP address of this machine")
    })
}

#[tonic::async_trait]
impl ExecutorGrpc for TaskGate {
    async fn launch_task(
        &self,
        request: Request<LaunchTaskParams>,
    ) -> Result<Response<LaunchTaskResult>, Status> {
        self.0.clone().launch_task(request.into_inner()).await
    }

    async fn launch_multi_task(
        &self,
        request: Request<LaunchMultiTaskParams>,
    ) -> Result<Response<LaunchMultiTaskResult>, Status> {
        self.0.clone().launch_multi_task(request.into_inner()).await
    }

    async fn stop_executor(
        &self,
        request: Request<StopExecutorParams>,
    ) -> Result<Response<StopExecutorResult>, Status> {
        self.0.clone().stop_executor(request.into_inner()).await
    }

    async fn cancel_tasks(
        &self,
        request: Request<CancelTasksParams>,
    ) -> Result<Response<CancelTasksResult>, Status> {
        self.0.clone().cancel_tasks(request.into_inner()).await
    }

    async fn remove_job_data(
        &self,
        request: Request<RemoveJobDataParams>,
    ) -> Result<Response<RemoveJobDataResult>, Status> {
        self.0.clone().remove_job_data(request.into_inner()).await
    }
}
