//! Errors on their way through DataFusion and out of it.

use std::fmt::Display;

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;

use crate::error::Error;

/// Wraps one of our errors for DataFusion; [`ours`] takes it out again.
pub(crate) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Our error for one of DataFusion's: the cause at the root of the chain decides.
pub(crate) fn ours(error: &DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
            Some(error) => error.clone(),
            None => Error::internal(inner.to_string()),
        },
        DataFusionError::ResourcesExhausted(what) => {
            let first = what.lines().next().unwrap_or_default();
            Error::resource(format!("the memory or spill limit is reached: {first}"))
                .hint("raise --memory-limit or --spill-limit, or lower --threads")
        }
        DataFusionError::IoError(cause) => of_io(cause),
        DataFusionError::ObjectStore(cause) => of_reader(&**cause),
        DataFusionError::ParquetError(cause) => of_reader(&**cause),
        DataFusionError::ArrowError(cause, _) => match &**cause {
            ArrowError::IoError(_, cause) => of_io(cause),
            cause => of_reader(cause),
        },
        DataFusionError::ExecutionJoin(_) => Error::input("a page could not be decoded"),
        DataFusionError::SQL(..)
        | DataFusionError::Plan(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::Execution(_)
        | DataFusionError::NotImplemented(_) => Error::usage(error.strip_backtrace()),
        _ => Error::internal(error.strip_backtrace()),
    }
}

/// Stores give our own errors.
fn of_reader(cause: &(dyn std::error::Error + 'static)) -> Error {
    Error::behind(cause).unwrap_or_else(|| Error::input(cause.to_string()))
}

/// Spill files give our own errors.
fn of_io(cause: &std::io::Error) -> Error {
    let inner = cause.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    inner.cloned().unwrap_or_else(|| Error::input(cause.to_string()))
}

/// The error for a page that no decoder understands.
pub(crate) fn damaged(cause: impl Display) -> Error {
    Error::input(format!("a page cannot be decoded: {cause}"))
        .hint("write the shard again, or leave it out of the sources")
}
