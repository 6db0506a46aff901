//! Opens a session of queries over shards and finished runs.

use std::path::{Path, PathBuf};

use super::calls;
use crate::engine::session::Limits;
use crate::engine::sql::{Access, Session};
use crate::error::{Error, Result};

/// What a session is opened with.
#[derive(Debug, Clone)]
pub(crate) struct SqlRequest {
    /// `NAME=SHARDS`; a name may be repeated.
    pub tables: Vec<String>,
    /// Folders of finished runs, `DIR` or `NAME=DIR`.
    pub runs: Vec<String>,
    /// Memory, threads, spilling.
    pub limits: Limits,
    /// What statements may touch.
    pub access: Access,
    /// The file that the rows will replace, which statements must not read.
    pub replaces: Option<PathBuf>,
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
    if let Some(path) = &request.replaces {
        session.replaces(path);
    }
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
    for text in &request.runs {
        let (name, folder) = run_of(text);
        let only = request.runs.len() == 1;
        // The only run needs no name, unless it is given one.
        let name = (!only || folder.len() < text.len()).then_some(name.as_str());
        session.add_run(name, Path::new(folder), only)?;
    }
    Ok(session)
}

/// The name and the folder of a run: `DIR`, which its last part names, or `NAME=DIR`.
fn run_of(text: &str) -> (String, &str) {
    match text.split_once('=') {
        // A folder such as fold=0 is no name.
        Some((name, folder)) if !name.is_empty() && !name.contains('/') && !Path::new(text).exists() => {
            (name.to_owned(), folder)
        }
        _ => {
            let last = text.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            (if matches!(last, "" | "." | "..") { "run" } else { last }.to_owned(), text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_the_name_of_its_folder_or_one_of_its_own() {
        let run = |text| {
            let (name, folder) = run_of(text);
            (name, folder.to_owned())
        };
        let pair = |name: &str, folder: &str| (name.to_owned(), folder.to_owned());
        assert_eq!(run("runs/a/"), pair("a", "runs/a/"));
        assert_eq!(run("old=runs/a"), pair("old", "runs/a"));
        assert_eq!(run("runs/fold=0"), pair("fold=0", "runs/fold=0"));
        assert_eq!(run("."), pair("run", "."));
    }
}
