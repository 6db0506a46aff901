//! Errors of executors on their way to the client, which are texts to all that lies between.

use std::fmt;
use std::io;

use datafusion::common::DataFusionError;
use serde::{Deserialize, Serialize};

use super::hex;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::engine::session::ours;
use crate::error::Error;

/// Stands around what a text carries.
const OPEN: &str = "posweight[";
const CLOSE: char = ']';

/// What went wrong on an executor.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) blame: Option<Blame>,
}

/// What the client can do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Blame {
    /// The shard with this number, which cannot be read.
    Shard(u32),
    /// Footers that lie about row ids.
    Footers,
    /// That there is no executor, so that sending it again is of no use.
    Nobody,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, blame: None }
    }
}

#[derive(Serialize, Deserialize)]
struct Written {
    exit_code: u8,
    message: String,
    hint: Option<String>,
    blame: Option<Blame>,
}

/// A failure as text, which is the same however it is printed.
struct Carrier(String);

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Carrier {}

/// For the scheduler: what may pass is tried again, everything else ends the job.
pub(super) fn to_datafusion(failure: &Failure) -> DataFusionError {
    let carrier = Carrier(write(failure));
    match failure.error {
        Error::Transient(_) => DataFusionError::IoError(io::Error::other(carrier)),
        _ => DataFusionError::External(Box::new(carrier)),
    }
}

/// For the client: what an executor said, or what is wrong with the cluster at `address`.
pub(super) fn from_datafusion(error: &DataFusionError, address: &SchedulerAddress) -> Failure {
    let text = error.to_string();
    let known = read(&text).or_else(|| Some(from_cluster(&text, address)?.into()));
    known.unwrap_or_else(|| ours(error).into())
}

/// The same, of what the scheduler says.
pub(super) fn of_text(text: &str, address: &SchedulerAddress) -> Failure {
    let known = read(text).or_else(|| Some(from_cluster(text, address)?.into()));
    known.unwrap_or_else(|| {
        Error::internal(format!("{address}: {}", text.lines().next().unwrap_or_default())).into()
    })
}

fn write(failure: &Failure) -> String {
    let Failure { error, blame } = failure;
    let written = Written {
        exit_code: error.exit_code(),
        message: error.detail().map_or_else(String::new, |detail| detail.message.clone()),
        hint: error.remedy().map(str::to_owned),
        blame: *blame,
    };
    let bytes = postcard::to_allocvec(&written).unwrap_or_default();
    format!("{OPEN}{}{CLOSE}", hex::encode(&bytes))
}

fn read(text: &str) -> Option<Failure> {
    let (_, rest) = text.split_once(OPEN)?;
    let bytes = hex::decode(rest.split_once(CLOSE)?.0)?;
    let Written { exit_code, message, hint, blame } = postcard::from_bytes(&bytes).ok()?;
    let error = Error::of_exit_code(exit_code, message);
    Some(Failure { blame, ..hint.into_iter().fold(error, Error::hint).into() })
}

/// What the scheduler or an executor says in words of its own.
fn from_cluster(text: &str, address: &SchedulerAddress) -> Option<Error> {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let line = text.lines().next().unwrap_or_default();
    if says(&["Resources exhausted", "Failed to allocate"]) {
        return Some(
            Error::resource(format!("the memory of an executor is used up: {line}"))
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
        return Some(
            Error::transient(format!("{address}: no scheduler answers there"))
                .hint("start one with posweight cluster scheduler, or correct --cluster"),
        );
    }
    let lost =
        ["no executors", "FetchFailed", "IoError", "IO error", "transport error", "Stream closed", "Grpc"];
    says(&lost).then(|| {
        Error::transient(format!("{address}: {line}"))
            .hint("see what scheduler and executors say with --verbose, then run again")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_come_back_from_any_text() {
        let error = Error::input("a/b.parquet: column \"x\": \"ü\"").hint("mend it");
        let failure = Failure { error, blame: Some(Blame::Shard(7)) };
        let sent = to_datafusion(&failure);
        for text in
            [format!("Job 1 failed: {sent}"), format!("{:?}", sent.to_string()), format!("{sent:?} x]")]
        {
            let back = read(&text).unwrap();
            assert_eq!(back.error.to_string(), "a/b.parquet: column \"x\": \"ü\"");
            assert_eq!((back.error.remedy(), back.error.exit_code()), (Some("mend it"), 4));
            assert_eq!(back.blame, Some(Blame::Shard(7)));
        }
        let transient = to_datafusion(&Error::transient("busy").into());
        assert!(matches!(transient, DataFusionError::IoError(_)));
        let address: SchedulerAddress = "df://node".parse().unwrap();
        let full =
            "Task failed: ArrowError(IoError(\"No space left on device (os error 28)\", Os { code: 28 }))";
        assert_eq!(of_text(full, &address).error.exit_code(), 6);
        assert_eq!(of_text("Job failed: IO error: broken pipe", &address).error.exit_code(), 5);
        assert!(read("posweight[0]").is_none() && read("posweight[zz]").is_none());
    }
}
