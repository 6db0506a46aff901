//! Ends a count without progress: an operator that waits for ever, a disk that no longer answers.

use std::future::Future;
use std::time::Duration;

use crate::engine::progress::Progress;
use crate::error::{Error, Result};

/// Longest time in which nothing is done.
pub(super) const PATIENCE: Duration = Duration::from_mins(10);

/// What `work` gives.
///
/// # Errors
/// Those of `work`; [`Error::Transient`] when `progress` stood still for as long as `patience`.
pub(super) async fn guard<T>(
    work: impl Future<Output = Result<T>>,
    progress: &Progress,
    patience: Duration,
) -> Result<T> {
    let stalled = async {
        let mut before = progress.pulse();
        loop {
            tokio::time::sleep(patience).await;
            let now = progress.pulse();
            if now == before {
                return now;
            }
            before = now;
        }
    };
    tokio::select! {
        done = work => done,
        (rows, steps) = stalled => Err(Error::transient(format!(
            "nothing was done for {} minutes, after {rows} rows and {steps} steps of merging",
            patience.as_secs() / 60
        ))
        .hint("check the disks of the shards and of --spill-dir, then run again, with a larger --memory-limit")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn standing_still_is_an_error_and_slowness_is_none() {
        let patience = Duration::from_millis(200);
        let progress = Progress::default();
        let stuck = guard(std::future::pending::<Result<()>>(), &progress, patience).await.unwrap_err();
        assert_eq!(stuck.exit_code(), 5);
        let slow = async {
            for _ in 0..30 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                progress.beat();
            }
            Ok(7)
        };
        assert_eq!(guard(slow, &progress, patience).await.unwrap(), 7);
    }
}
