//! Signals end a run of the command line. A run in another program is stopped by that program.

use crate::error::Error;

/// Waits for Ctrl-C or SIGTERM. The handlers stay for the life of the process.
pub(super) async fn stopped() -> Error {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            return tokio::select! {
                _ = tokio::signal::ctrl_c() => Error::Stopped(130),
                _ = terminate.recv() => Error::Stopped(143),
            };
        }
    }
    // Without a handler the system's own behaviour remains.
    match tokio::signal::ctrl_c().await {
        Ok(()) => Error::Stopped(130),
        Err(_) => std::future::pending().await,
    }
}
