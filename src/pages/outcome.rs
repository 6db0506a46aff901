//! What becomes of a chunk: counted, unsupported, or corrupt.

use std::fmt;

use crate::error::{Error, Result};

/// What became of a chunk.
#[derive(Debug, Clone, PartialEq)]
pub enum ChunkOutcome<T> {
    /// Its counts.
    Counted(T),
    /// Nothing was counted, because of this; the Arrow reader may know what to do.
    Unsupported(String),
}

impl<T> ChunkOutcome<T> {
    /// The same with another value.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> ChunkOutcome<U> {
        match self {
            Self::Counted(count) => ChunkOutcome::Counted(to(count)),
            Self::Unsupported(why) => ChunkOutcome::Unsupported(why),
        }
    }
}

/// Why counting a chunk stopped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It holds something that this module does not read.
    Unsupported(String),
    /// It contradicts itself or its footer.
    Corrupt(String),
}

pub(super) type Step<T> = std::result::Result<T, Stop>;

#[cold]
pub(super) fn unsupported<T>(what: impl fmt::Display) -> Step<T> {
    Err(Stop::Unsupported(what.to_string()))
}

#[cold]
pub(super) fn corrupt(found: impl fmt::Display) -> Stop {
    Stop::Corrupt(found.to_string())
}

pub(super) fn settle<T>(step: Step<T>) -> Result<ChunkOutcome<T>> {
    match step {
        Ok(count) => Ok(ChunkOutcome::Counted(count)),
        Err(Stop::Unsupported(reason)) => Ok(ChunkOutcome::Unsupported(reason)),
        Err(Stop::Corrupt(found)) => {
            Err(Error::input(format!("corrupt column chunk: {found}")).hint("write the shard again"))
        }
    }
}
