//! Threads for requests, so that counting never blocks the network.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};
use crate::threads;

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
    let made = threads::runtime(THREADS, "store")?;
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
