//! What becomes of a chunk: counted, unsupported, or corrupt.

use std::fmt;

use crate::error::{Error, Result};

/// Result of reading a chunk that is not corrupt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ChunkOutcome<T> {
    /// The chunk was read, with this result.
    Counted(T),
    /// The chunk was not read, for this reason. The Arrow reader may be able to read it.
    Unsupported(String),
}

impl<T> ChunkOutcome<T> {
    /// Converts the result of a chunk that was read.
    pub(crate) fn map<U>(self, to: impl FnOnce(T) -> U) -> ChunkOutcome<U> {
        match self {
            Self::Counted(count) => ChunkOutcome::Counted(to(count)),
            Self::Unsupported(why) => ChunkOutcome::Unsupported(why),
        }
    }
}

/// Why reading a chunk stopped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The chunk holds something that `pages` does not read.
    Unsupported(String),
    /// The chunk contradicts itself or the footer.
    Corrupt(String),
}

pub(crate) type Step<T> = std::result::Result<T, Stop>;

#[cold]
pub(crate) fn unsupported<T>(what: impl fmt::Display) -> Step<T> {
    Err(Stop::Unsupported(what.to_string()))
}

#[cold]
pub(crate) fn corrupt(found: impl fmt::Display) -> Stop {
    Stop::Corrupt(found.to_string())
}

pub(crate) fn settle<T>(step: Step<T>) -> Result<ChunkOutcome<T>> {
    match step {
        Ok(count) => Ok(ChunkOutcome::Counted(count)),
        Err(Stop::Unsupported(reason)) => Ok(ChunkOutcome::Unsupported(reason)),
        Err(Stop::Corrupt(found)) => {
            Err(Error::input(format!("corrupt column chunk: {found}")).hint("write the shard again"))
        }
    }
}
