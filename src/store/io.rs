//! Threads for requests, so that counting never blocks the network.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};

/// Threads that serve requests.
const THREADS: usize = 2;

/// The threads of this process. A process that was forked has none of its parent's.
fn runtime() -> Result<Handle> {
    static RUNTIME: Mutex<Option<(u32, Runtime)>> = Mutex::new(None);
    let mut kept = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some((owner, runtime)) = &*kept
        && *owner == process
    {
        return Ok(runtime.handle().clone());
    }
    let made = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("store")
        .enable_all()
        .build()
        .map_err(|cause| Error::resource(format!("threads cannot be started: {cause}")))?;
    let handle = made.handle().clone();
    // To drop the runtime of the parent would be to wait for threads that are not here.
    std::mem::forget(kept.replace((process, made)));
    Ok(handle)
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
