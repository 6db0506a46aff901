//! Connections to a scheduler, and why there is none.

use std::time::Duration;

use ballista_core::utils::{GrpcClientConfig, create_grpc_client_endpoint};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, StatusCode};
use tonic::transport::Channel;

use super::tls::ClusterKeys;
use crate::engine::cluster_token::{ClusterToken, TOKEN_VARIABLE};
use crate::engine::scheduler_address::SchedulerAddress;
use crate::error::{Error, Result};

/// How TLS names a certificate that is not that of the own token.
const OTHER_TOKEN: &str = "InvalidCertificate";
/// How TLS names an answer that is not TLS.
const NO_TLS: &str = "InvalidMessage";

/// Connects to the scheduler at `address`.
///
/// # Errors
/// [`Error::Usage`] when one of both has no token or another one, [`Error::Transient`] when no scheduler answers.
pub(super) async fn channel(address: &SchedulerAddress, config: &GrpcClientConfig) -> Result<Channel> {
    let token = address.token();
    let cause = match connect(address, token, config).await? {
        Ok(channel) => return Ok(channel),
        Err(cause) => cause,
    };
    if cause.contains(OTHER_TOKEN) {
        return Err(Error::usage(format!("{address}: the scheduler has another token")).hint(give()));
    }
    if token.is_some() && cause.contains(NO_TLS) {
        return Err(Error::usage(format!("{address}: the scheduler was started without a token")).hint(
            format!("start it with --token-file FILE, or drop --token-file and {TOKEN_VARIABLE} here"),
        ));
    }
    Err(unanswered(address))
}

/// Whether the own token, or that there is none, is what the scheduler at `address` asks for; `Ok` when none answers.
///
/// # Errors
/// [`Error::Usage`] when it is not.
pub(super) async fn check_token(address: &SchedulerAddress) -> Result<()> {
    let config = GrpcClientConfig::default();
    if address.token().is_some() {
        return match channel(address, &config).await {
            Err(Error::Transient(_)) | Ok(_) => Ok(()),
            Err(wrong) => Err(wrong),
        };
    }
    // Any token shows whether it speaks TLS.
    match connect(address, Some(&ClusterToken::any()), &config).await? {
        Err(cause) if cause.contains(OTHER_TOKEN) => {
            Err(Error::usage(format!("{address}: the scheduler asks for a token")).hint(give()))
        }
        _ => Ok(()),
    }
}

/// How to give a token.
fn give() -> String {
    format!(
        "give the file that the scheduler was started with as --token-file FILE, or its text as {TOKEN_VARIABLE}"
    )
}

/// Whether the scheduler answers that it has no executor.
pub(super) async fn has_no_executor(address: &SchedulerAddress) -> Option<bool> {
    let mut channel = channel(address, &GrpcClientConfig::default()).await.ok()?;
    let question = Request::get("/readyz").body(Body::empty()).ok()?;
    std::future::poll_fn(|context| channel.poll_ready(context)).await.ok()?;
    Some(channel.call(question).await.ok()?.status() == StatusCode::SERVICE_UNAVAILABLE)
}

/// No scheduler listens at `address`.
pub(super) fn unanswered(address: &SchedulerAddress) -> Error {
    Error::transient(format!("{address}: no scheduler answers"))
        .hint("start one with posweight cluster scheduler, or correct the address in --cluster")
}

/// A connection, or what all layers say of the failure.
async fn connect(
    address: &SchedulerAddress,
    token: Option<&ClusterToken>,
    config: &GrpcClientConfig,
) -> Result<Result<Channel, String>> {
    let keys = token.map(ClusterKeys::new).transpose()?;
    let url = format!("http://{}:{}", address.host(), address.port());
    let done = async {
        let endpoint = create_grpc_client_endpoint(url, Some(config))?;
        let endpoint = match keys {
            Some(keys) => keys.secure(endpoint, config)?,
            None => endpoint,
        };
        endpoint.connect().await
    };
    // A machine that hangs accepts connections.
    let patience = Duration::from_secs(config.connect_timeout_seconds);
    Ok(match tokio::time::timeout(patience, done).await {
        Ok(done) => done.map_err(|cause| format!("{cause:?}")),
        Err(late) => Err(late.to_string()),
    })
}
