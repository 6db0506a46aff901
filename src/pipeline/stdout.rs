//! The bytes that `--out -` writes.

use arrow::ipc::writer::StreamWriter;
use serde_json::Value as Json;

use super::derived::Derived;
use super::destination::StdoutFormat;
use crate::artifact::table::rows;
use crate::artifact::weights::write_json;
use crate::error::{Error, Result};

/// The weights on one line, or as an Arrow IPC stream.
pub(super) fn to_stdout(format: StdoutFormat, derived: &Derived, spec: &Json) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match format {
        StdoutFormat::Json => {
            write_json(&mut bytes, &derived.file, &derived.weights, &derived.failed_checks, spec)?;
            // Names are escaped, so every line break is one between keys.
            bytes.retain(|byte| *byte != b'\n');
            bytes.push(b'\n');
        }
        StdoutFormat::Arrow => {
            let internal = |cause: arrow::error::ArrowError| Error::internal(cause.to_string());
            let rows = rows(&derived.file.counts, Some(&derived.weights), derived.file.grouped.as_ref())?;
            let mut writer = StreamWriter::try_new(&mut bytes, &rows.schema()).map_err(internal)?;
            writer.write(&rows).and_then(|()| writer.finish()).map_err(internal)?;
        }
    }
    Ok(bytes)
}
