//! Errors of executors, which Ballista passes to the client as text.

use std::fmt;
use std::io;

use datafusion::common::DataFusionError;
use serde::{Deserialize, Serialize};

use super::connect::unanswered;
use super::hex;
use crate::engine::errors::ours;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::error::Error;

/// What encloses an encoded failure within a text.
const OPEN: &str = "posweight[";
const CLOSE: char = ']';

/// An error of the cluster.
#[derive(Debug, Clone)]
pub(super) struct ClusterFailure {
    pub(super) error: Error,
    /// Where the client treats it in a special way.
    pub(super) cause: Option<FailureCause>,
}

/// Causes that the client treats in a special way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum FailureCause {
    /// The shard with this number cannot be read.
    Shard(u32),
    /// The footers of shards state a wrong range of row ids.
    Footers,
    /// There is no executor, so a retry would fail as well.
    NoExecutor,
}

impl From<Error> for ClusterFailure {
    fn from(error: Error) -> Self {
        Self { error, cause: None }
    }
}

#[derive(Serialize, Deserialize)]
struct WireFailure {
    exit_code: u8,
    message: String,
    hint: Option<String>,
    cause: Option<FailureCause>,
}

/// A failure as text, with equal `Debug` and `Display` forms.
struct FailureText(String);

impl fmt::Display for FailureText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FailureText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for FailureText {}

/// For the scheduler, which retries I/O errors and fails the job on any other error.
pub(super) fn to_datafusion(failure: &ClusterFailure) -> DataFusionError {
    let carrier = FailureText(encode(failure));
    match failure.error {
        Error::Transient(_) => DataFusionError::IoError(io::Error::other(carrier)),
        _ => DataFusionError::External(Box::new(carrier)),
    }
}

/// For the client: the failure that an executor reported, or that of the cluster at `address`.
pub(super) fn from_datafusion(error: &DataFusionError, address: &SchedulerAddress) -> ClusterFailure {
    let text = error.to_string();
    let known = decode(&text).or_else(|| Some(from_cluster(&text, address)?.into()));
    known.unwrap_or_else(|| ours(error).into())
}

/// The failure in a message of the scheduler.
pub(super) fn from_text(text: &str, address: &SchedulerAddress) -> ClusterFailure {
    let known = decode(text).or_else(|| Some(from_cluster(text, address)?.into()));
    known.unwrap_or_else(|| {
        Error::internal(format!("{address}: {}", text.lines().next().unwrap_or_default())).into()
    })
}

fn encode(failure: &ClusterFailure) -> String {
    let ClusterFailure { error, cause } = failure;
    let written = WireFailure {
        exit_code: error.exit_code(),
        message: error.detail().map_or_else(String::new, |detail| detail.message.clone()),
        hint: error.remedy().map(str::to_owned),
        cause: *cause,
    };
    let bytes = postcard::to_allocvec(&written).unwrap_or_default();
    format!("{OPEN}{}{CLOSE}", hex::encode(&bytes))
}

fn decode(text: &str) -> Option<ClusterFailure> {
    let (_, rest) = text.split_once(OPEN)?;
    let bytes = hex::decode(rest.split_once(CLOSE)?.0)?;
    let WireFailure { exit_code, message, hint, cause } = postcard::from_bytes(&bytes).ok()?;
    let error = Error::of_exit_code(exit_code, message);
    Some(ClusterFailure { cause, ..hint.into_iter().fold(error, Error::hint).into() })
}

/// The error in a message of Ballista itself.
fn from_cluster(text: &str, address: &SchedulerAddress) -> Option<Error> {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let line = text.lines().next().unwrap_or_default();
    if says(&["Resources exhausted", "Failed to allocate"]) {
        return Some(
            Error::resource(format!("an executor ran out of memory: {line}"))
                .hint("give executors a larger --memory-limit, or fewer --threads"),
        );
    }
    if says(&["No space left on device", "StorageFull", "QuotaExceeded"]) {
        return Some(
            Error::resource("the disk of an executor is full")
                .hint("give executors a --work-dir and a --spill-dir with more room"),
        );
    }
    if says(&["ConnectError", "ConnectionRefused", "tcp connect error", "dns error"]) {
        return Some(unanswered(address));
    }
    let lost =
        ["no executors", "FetchFailed", "IoError", "IO error", "transport error", "Stream closed", "Grpc"];
    says(&lost).then(|| {
        Error::transient(format!("{address}: {line}"))
            .hint("start scheduler and executors with --verbose to see the cause, then run again")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_come_back_from_any_text() {
        let error = Error::input("a/b.parquet: column \"x\": \"ü\"").hint("mend it");
        let failure = ClusterFailure { error, cause: Some(FailureCause::Shard(7)) };
        let sent = to_datafusion(&failure);
        for text in
            [format!("Job 1 failed: {sent}"), format!("{:?}", sent.to_string()), format!("{sent:?} x]")]
        {
            let back = decode(&text).unwrap();
            assert_eq!(back.error.to_string(), "a/b.parquet: column \"x\": \"ü\"");
            assert_eq!((back.error.remedy(), back.error.exit_code()), (Some("mend it"), 4));
            assert_eq!(back.cause, Some(FailureCause::Shard(7)));
        }
        let transient = to_datafusion(&Error::transient("busy").into());
        assert!(matches!(transient, DataFusionError::IoError(_)));
        let address: SchedulerAddress = "df://node".parse().unwrap();
        let full =
            "Task failed: ArrowError(IoError(\"No space left on device (os error 28)\", Os { code: 28 }))";
        assert_eq!(from_text(full, &address).error.exit_code(), 6);
        assert_eq!(from_text("Job failed: IO error: broken pipe", &address).error.exit_code(), 5);
        assert!(decode("posweight[0]").is_none() && decode("posweight[zz]").is_none());
    }
}
