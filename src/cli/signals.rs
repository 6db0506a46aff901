//! Signals end a run of the command line. A run in another program is stopped by that program.

use std::time::Duration;

use crate::error::{Error, Result};

/// Waits for Ctrl-C or SIGTERM. The handlers stay for the life of the process.
pub(super) async fn stopped() -> Error {
    match Signals::new() {
        Ok(mut signals) => signals.end().await,
        // Without a handler the system's own behaviour remains.
        Err(_) => std::future::pending().await,
    }
}

/// What ended a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// Its time.
    Time,
    /// What was waited for.
    Changed,
    /// SIGHUP.
    Asked,
    /// A signal that ends the program; the number is 128 + the signal.
    Ended(u8),
}

/// The signals that this program heeds.
pub(super) struct Signals {
    #[cfg(unix)]
    ends: [tokio::signal::unix::Signal; 2],
    /// SIGHUP, where it means something; else it ends the program, as the system has it.
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    /// Hears Ctrl-C and SIGTERM from now on.
    pub(super) fn new() -> Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::SignalKind;
            let [interrupt, terminate] = [SignalKind::interrupt(), SignalKind::terminate()].map(heard);
            Ok(Self { ends: [interrupt?, terminate?], hangup: None })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Hears SIGHUP too.
    pub(super) fn with_hangup(self) -> Result<Self> {
        #[cfg(unix)]
        return Ok(Self { hangup: Some(heard(tokio::signal::unix::SignalKind::hangup())?), ..self });
        #[cfg(not(unix))]
        Ok(self)
    }

    /// Waits for a signal that ends the program.
    pub(super) async fn end(&mut self) -> Error {
        #[cfg(unix)]
        {
            let [interrupt, terminate] = &mut self.ends;
            tokio::select! {
                _ = interrupt.recv() => Error::Stopped(130),
                _ = terminate.recv() => Error::Stopped(143),
            }
        }
        #[cfg(not(unix))]
        match tokio::signal::ctrl_c().await {
            Ok(()) => Error::Stopped(130),
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits for `pause`, or less if a signal comes or `changed` ends.
    pub(super) async fn woken(&mut self, pause: Duration, changed: impl Future<Output = ()>) -> Woken {
        #[cfg(unix)]
        {
            let Self { ends: [interrupt, terminate], hangup } = self;
            let asked = async {
                match hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = interrupt.recv() => Woken::Ended(130),
                _ = terminate.recv() => Woken::Ended(143),
                _ = asked => Woken::Asked,
                () = changed => Woken::Changed,
                () = tokio::time::sleep(pause) => Woken::Time,
            }
        }
        #[cfg(not(unix))]
        tokio::select! {
            error = self.end() => Woken::Ended(error.exit_code()),
            () = changed => Woken::Changed,
            () = tokio::time::sleep(pause) => Woken::Time,
        }
    }
}

#[cfg(unix)]
fn heard(kind: tokio::signal::unix::SignalKind) -> Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(kind)
        .map_err(|cause| Error::resource(format!("signals cannot be heard: {cause}")))
}
