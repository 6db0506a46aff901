//! Threads for requests, so that counting never blocks the network.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};

/// Threads that serve requests.
const THREADS: usize = 2;

fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread().worker_threads(THREADS).thread_name("store").enable_all().build()
    });
    made.as_ref().map_err(|cause| Error::resource(format!("threads cannot be started: {cause}")))
}

/// Starts `work`.
pub(super) fn start<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<JoinHandle<T>> {
    Ok(runtime()?.spawn(work))
}

/// Waits for `work`; callable on any thread.
pub(super) fn wait<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let (done, result) = std::sync::mpsc::channel();
    start(async move {
        // The receiver may be gone.
        let _ = done.send(work.await);
    })?;
    result.recv().map_err(|_| Error::internal("a request ended without an answer"))?
}
