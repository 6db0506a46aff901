//! What every file of a result has in common: the format version, names with a meaning, errors of writing.

use std::io::{Error as IoError, ErrorKind};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The entry in the footer of a Parquet file made of a text file that says on which lines its rows begin.
pub(crate) const ROW_LINES: &str = "posweight.lines";

/// Version of the file formats.
pub(crate) const FORMAT_VERSION: &str = "1";
/// Written last: sizes and hashes of everything else.
pub(crate) const SUCCESS: &str = "_SUCCESS";
/// The record of the last run; not part of the result.
/// What a sampling plan does, in words.
pub(crate) const PLAN_IN_WORDS: &str = "plan.md";
pub(crate) const RESULTS: &str = "run_results.json";

/// One published file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct OutputFile {
    /// Path inside the output folder.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// The error for a failed write into a staged file; the caller adds the path.
pub(super) fn unwritable(cause: &IoError) -> Error {
    match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Error::resource(cause.to_string()).hint("free some space or choose another --out")
        }
        _ => Error::output(cause.to_string()).hint("check the disk of --out"),
    }
}
