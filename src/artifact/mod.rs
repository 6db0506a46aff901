//! Files that machines read back: counts, weights, tensors, the account of a run; and how they are
//! published, all or nothing.
//!
//! [`counts`] `counts.parquet` · [`weights`] `weights.parquet` and `weights.json` · [`tensors`]
//! `pos_weight.safetensors` and `.npy` · [`imbalance`] `imbalance.json`, read back by [`saved`] · [`plan`]
//! `plan.json` and the files of a plan, [`plan_copy`] shards as it has them · [`results`]
//! `run_results.json`, and [`summary`], [`metrics`] and [`lineage`] made from it · [`stored`] results in object stores · [`publish`] staging, syncing, renaming, `_SUCCESS`.

pub mod counts;
pub mod imbalance;
pub mod lineage;
pub mod metrics;
pub mod plan;
pub mod plan_copy;
pub mod publish;
pub mod results;
pub mod saved;
pub mod stored;
pub mod summary;
pub mod table;
pub mod tensors;
pub mod weights;

/// Version of the file formats.
pub const FORMAT_VERSION: &str = "1";

use std::io::{Error as IoError, Write};

use crate::error::{Error, Result};

/// An error of writing into a staged file, whose place the caller puts in front.
fn unwritable(cause: &IoError) -> Error {
    use std::io::ErrorKind as Kind;
    match cause.kind() {
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => {
            Error::resource(cause.to_string()).hint("free some space or choose another --out")
        }
        _ => Error::output(cause.to_string()).hint("check the disk of --out"),
    }
}

/// Writes a JSON array, some elements at a time, so that millions of labels need no tree in memory.
fn json_array<T: serde::Serialize>(out: &mut dyn Write, items: impl Iterator<Item = T>) -> Result<()> {
    const BUFFER: usize = 64 << 10;
    let mut buffer = Vec::with_capacity(BUFFER + 64);
    buffer.push(b'[');
    for (i, item) in items.enumerate() {
        if i > 0 {
            buffer.push(b',');
        }
        serde_json::to_writer(&mut buffer, &item).map_err(|cause| Error::internal(cause.to_string()))?;
        if buffer.len() >= BUFFER {
            out.write_all(&buffer).map_err(|cause| unwritable(&cause))?;
            buffer.clear();
        }
    }
    buffer.push(b']');
    out.write_all(&buffer).map_err(|cause| unwritable(&cause))
}
