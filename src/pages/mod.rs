//! Labels counted straight from encoded Parquet pages, without building an array.
//!
//! ```text
//! Chunk ─▶ chunk: page by page, decompressed ─┬─▶ levels:     which slots start a row, hold a value
//!          (header, codec, thrift)            │               or a null, run by run (hybrid)
//!                                             ├─▶ plain:      values compared with 0 and 1
//!                                             └─▶ dictionary: runs of indices, a count per entry
//!
//! count_flat    one column per label                  Tally
//! count_sets    a set of labels in every row          SetCounter: positives per label
//! count_vector  position in the list = label          Tally per position
//! read_codes    one column of layout `long`           a number per row
//! read_values   its row ids                           values in the order of rows
//!
//! constant, known_pages   what statistics of a chunk and its page indexes tell without decoding
//! count_flat_pages        the rest of a column per label    Tally
//!
//! mark_flat, rows_of_sets, rows_of_vectors            the same row by row: which labels each has
//! ```
//!
//! What a value means is asked from the caller once per dictionary entry, or once per run of equal plain
//! values. A chunk is counted wholly or not at all: where it holds something that this module does not
//! read ([`ChunkOutcome::Unsupported`]) or contradicts itself (an error), nothing is counted. Every length,
//! width and index is checked before it is used, so that hostile bytes cost an error, never a panic, and
//! no more memory than a few pages of [`PAGE_LIMIT`].

#[cfg(test)]
mod by_hand;
mod by_value;
mod carry;
mod chunk;
mod codec;
mod counter;
mod dictionary;
mod entries;
mod flat;
mod footer;
mod grid;
mod header;
mod hybrid;
mod lanes;
mod leaf;
mod levels;
mod lists;
mod lists_by_row;
mod marks;
mod number;
mod packed;
mod page_index;
mod page_statistics;
mod plain;
mod positions;
mod repeats;
mod row_sets;
mod rows;
mod sets;
mod statistics;
mod stream;
mod thrift;
mod vector;
mod vector_by_row;

use std::fmt;

use parquet::file::metadata::ColumnChunkMetaData;

use crate::error::{Error, Result};

pub use by_value::{read_codes, read_values};
pub use chunk::{PAGE_LIMIT, Workspace};
pub use counter::SetCounter;
pub use flat::{FlatCount, count_flat, count_flat_pages};
pub use footer::{Outline, check_footer, outline};
pub use marks::{Marks, mark_flat};
pub use page_index::{Chosen, PagePlace};
pub use page_statistics::{KnownPages, known_pages};
pub use row_sets::{TakeRows, rows_of_sets, rows_of_vectors};
pub use sets::{LabelSet, SetCount, count_sets};
pub use statistics::{Constant, constant};
pub use vector::{VectorCount, WrongLength, count_vector};

/// One column of one row group, as it lies in the file.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// The bytes of [`ColumnChunkMetaData::byte_range`].
    pub bytes: &'a [u8],
    /// What the footer says of them.
    pub meta: &'a ColumnChunkMetaData,
    /// Rows of the row group.
    pub rows: u64,
}

/// One stored value, its logical type resolved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StoredValue<'a> {
    /// A boolean.
    Bool(bool),
    /// A signed integer, or a decimal without fraction.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A floating-point number, or a decimal with a fraction.
    Float(f64),
    /// A string; not known to be UTF-8.
    Text(&'a [u8]),
}

impl fmt::Display for StoredValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => b.fmt(f),
            Self::Int(i) => i.fmt(f),
            Self::UInt(u) => u.fmt(f),
            Self::Float(x) => x.fmt(f),
            Self::Text(text) => write!(f, "{:?}", String::from_utf8_lossy(text)),
        }
    }
}

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
enum Stop {
    /// It holds something that this module does not read.
    Unsupported(String),
    /// It contradicts itself or its footer.
    Corrupt(String),
}

type Step<T> = std::result::Result<T, Stop>;

#[cold]
fn unsupported<T>(what: impl fmt::Display) -> Step<T> {
    Err(Stop::Unsupported(what.to_string()))
}

#[cold]
fn corrupt(found: impl fmt::Display) -> Stop {
    Stop::Corrupt(found.to_string())
}

fn settle<T>(step: Step<T>) -> Result<ChunkOutcome<T>> {
    match step {
        Ok(count) => Ok(ChunkOutcome::Counted(count)),
        Err(Stop::Unsupported(reason)) => Ok(ChunkOutcome::Unsupported(reason)),
        Err(Stop::Corrupt(found)) => {
            Err(Error::input(format!("corrupt column chunk: {found}")).hint("write the shard again"))
        }
    }
}
