//! Opens a session of queries over shards and finished runs.

use std::path::PathBuf;

use super::calls;
use crate::engine::session::Limits;
use crate::engine::sql::{Access, Session};
use crate::error::{Error, Result};

/// What a session is opened with.
#[derive(Debug, Clone)]
pub(crate) struct SqlRequest {
    /// `NAME=SHARDS`; a name may be repeated.
    pub tables: Vec<String>,
    /// Folder of a finished run.
    pub run: Option<PathBuf>,
    /// Memory, threads, spilling.
    pub limits: Limits,
    /// What statements may touch.
    pub access: Access,
}

/// Opens the session.
///
/// # Errors
/// [`Error::Input`] for shards that cannot be read, [`Error::Usage`] for tables that are not `NAME=SHARDS`,
/// [`Error::Resource`] when the memory limit is too small.
pub(crate) fn open(request: &SqlRequest) -> Result<Session> {
    let limits = request.limits.clone().shared()?;
    // The functions that count name files, so they exist only where statements may.
    let calls = if request.access.paths { calls::all(&limits, request.access.tables) } else { Vec::new() };
    let session = Session::new(&limits, request.access, calls)?;
    let mut tables: Vec<(&str, Vec<String>)> = Vec::new();
    for text in &request.tables {
        let (name, source) = match text.split_once('=') {
            Some((name, source)) if !name.is_empty() && !source.is_empty() => (name, source.to_owned()),
            _ => {
                return Err(Error::usage(format!("--table {text}: not NAME=SHARDS"))
                    .hint("name the table, then its files, folder or glob: --table pets='data/*.parquet'"));
            }
        };
        match tables.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sources)) => sources.push(source),
            None => tables.push((name, vec![source])),
        }
    }
    for (name, sources) in &tables {
        session.add_shards(name, sources)?;
    }
    if let Some(folder) = &request.run {
        session.add_run(folder)?;
    }
    Ok(session)
}
