//! Errors on their way through DataFusion and out of it.

use std::fmt::Display;

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;

use crate::error::Error;
use crate::source::type_words::in_words;

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
            ArrowError::ComputeError(what) | ArrowError::ArithmeticOverflow(what)
                if what.to_ascii_lowercase().contains("overflow") =>
            {
                of_overflow(what)
            }
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

/// A result of a function that its type cannot hold, such as of `abs(-128)` in 8 bits.
fn of_overflow(what: &str) -> Error {
    let what = in_words(&what.replace("Array overflow on ", " overflows in "));
    let hint = if what.contains("Decimal overflow") {
        "cast the argument to more digits, as in floor(CAST(x AS DECIMAL(50, 10)))"
    } else {
        "cast the argument to a wider type, as in abs(CAST(x AS BIGINT)) or abs(CAST(x AS DOUBLE))"
    };
    Error::input(format!("a result does not fit its type: {what}")).hint(hint)
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
