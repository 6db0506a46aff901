//! Opens a session of queries over shards and finished runs.

use std::path::PathBuf;

use super::calls;
use crate::engine::session::Limits;
use crate::engine::sql::{Access, Session};
use crate::error::{Error, Result};

/// What a session has.
#[derive(Debug, Clone)]
pub struct Request {
    /// `NAME=SHARDS`; of one name there may be several.
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
/// [`Error::Resource`] when the limits cannot be kept.
pub fn open(request: &Request) -> Result<Session> {
    // The functions that count name files, so they are there where statements may.
    let calls = if request.access.paths { calls::all(&request.limits) } else { Vec::new() };
    let session = Session::new(&request.limits, request.access, calls)?;
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
