//! Connections to executors, reused from one fetch to the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ballista_core::client::BallistaClient;
use ballista_core::client_pool::{BallistaClientPool, PooledClient};
use ballista_core::error::Result;
use ballista_core::extension::BallistaConfigGrpcEndpoint;
use ballista_core::utils::GrpcClientConfig;

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);

type ConnectionKey = (String, u16, GrpcClientConfig);
type IdleConnections = HashMap<ConnectionKey, Vec<(Instant, BallistaClient)>>;

/// Idle connections, by time of last use.
#[derive(Clone, Default)]
pub(super) struct ConnectionPool(Arc<Mutex<IdleConnections>>);

impl std::fmt::Debug for ConnectionPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ConnectionPool")
    }
}

impl ConnectionPool {
    fn take(&self, key: &ConnectionKey) -> Option<BallistaClient> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for connections in idle.values_mut() {
            connections.retain(|(since, _)| since.elapsed() < IDLE);
        }
        idle.get_mut(key)?.pop().map(|(_, client)| client)
    }

    fn put(&self, key: ConnectionKey, client: BallistaClient) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.entry(key).or_default().push((Instant::now(), client));
    }
}

#[async_trait]
impl BallistaClientPool for ConnectionPool {
    async fn acquire(
        &self,
        host: &str,
        port: u16,
        config: &GrpcClientConfig,
        endpoint: Option<Arc<BallistaConfigGrpcEndpoint>>,
    ) -> Result<PooledClient> {
        let key = (host.to_owned(), port, config.clone());
        let client = match self.take(&key) {
            Some(client) => client,
            None => {
                BallistaClient::try_new(
                    host,
                    port,
                    config.max_message_size,
                    config.use_tls,
                    endpoint,
                    config.io_retries_times,
                    config.io_retry_wait_time_ms,
                    config.initial_connection_window_size,
                    config.initial_stream_window_size,
                )
                .await?
            }
        };
        let all = self.clone();
        Ok(PooledClient::new(client, Box::new(move |client| all.put(key, client))))
    }

    /// [`Self::take`] drops those that are idle for too long.
    async fn evict_idle(&self) {}
}
