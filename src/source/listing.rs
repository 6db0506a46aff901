//! From what a person wrote (files, folders, globs) to the list of files to read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// One file to read, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Path, starting as the person wrote it.
    pub path: PathBuf,
    /// `key=value` folders on the way to the file, outermost first.
    pub hive: Vec<(String, String)>,
    /// What messages and accounts call it.
    pub name: String,
}

/// Lists the files that `sources` stand for: sorted by path, each once.
///
/// A folder stands for every Parquet file below it, a glob for what it matches, a file for itself.
/// Files and folders whose name starts with `.` or `_` are passed over unless named outright.
///
/// # Errors
/// [`Error::Input`] naming every source that does not exist, cannot be read or holds no shard.
pub fn list(sources: &[String]) -> Result<Vec<Listed>> {
    let mut found = BTreeMap::new();
    let mut wrong = Vec::new();
    for source in sources {
        match expand(source) {
            Ok(paths) => {
                for path in paths {
                    // The same file by two routes is one shard.
                    let identity = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
                    found.entry(identity).or_insert(path);
                }
            }
            Err(error) => wrong.push(error),
        }
    }
    if let Some(error) = Error::together(wrong, "sources") {
        return Err(error);
    }
    let mut listed: Vec<_> = found.into_values().collect();
    listed.sort();
    Ok(listed
        .into_iter()
        .map(|path| Listed { hive: hive(&path), name: path.display().to_string(), path })
        .collect())
}

fn expand(source: &str) -> Result<Vec<PathBuf>> {
    if source == "-" {
        return Err(Error::usage("-: stdin is a source of compute and run alone")
            .hint("name files, folders or globs; ./- is a file of that name"));
    }
    if let Some((scheme, _)) = source.split_once("://") {
        return Err(Error::usage(format!("{source}: {scheme}:// is not supported by this build"))
            .hint("name files, folders or globs on this machine"));
    }
    let path = Path::new(source);
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => folder(path),
        Ok(meta) if meta.is_file() => Ok(vec![path.to_owned()]),
        Ok(_) => Err(Error::input(format!("{source}: not a file or folder, but a pipe or device"))
            .hint("copy the stream to a file first")),
        Err(_) if source.contains(['*', '?', '[']) => matches_of(source),
        Err(cause) => Err(Error::reading(path, &cause)),
    }
}

fn folder(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut visited = Vec::new();
    walk(root, &mut visited, &mut found)?;
    if found.is_empty() {
        return Err(Error::input(format!("{}: no Parquet file in this folder", root.display())).hint(
            "files must end in .parquet; names that start with . or _ are passed over unless named outright",
        ));
    }
    Ok(found)
}

fn walk(folder: &Path, visited: &mut Vec<PathBuf>, found: &mut Vec<PathBuf>) -> Result<()> {
    let here = fs::canonicalize(folder).map_err(|cause| Error::reading(folder, &cause))?;
    if visited.contains(&here) {
        return Ok(());
    }
    visited.push(here);
    for entry in fs::read_dir(folder).map_err(|cause| Error::reading(folder, &cause))? {
        let path = entry.map_err(|cause| Error::reading(folder, &cause))?.path();
        if is_hidden(&path) {
            continue;
        }
        // A dangling link is an error later, when the shard is opened, not a silent gap.
        let meta = fs::metadata(&path).map_err(|cause| Error::reading(&path, &cause))?;
        if meta.is_dir() {
            walk(&path, visited, found)?;
        } else if is_parquet(&path) && meta.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

fn matches_of(pattern: &str) -> Result<Vec<PathBuf>> {
    let bad = |cause: &dyn std::fmt::Display| {
        Error::usage(format!("{pattern}: not a valid glob: {cause}")).hint("quote it and use *, ** and ?")
    };
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..Default::default() };
    let mut found = Vec::new();
    for entry in glob::glob_with(pattern, options).map_err(|cause| bad(&cause))? {
        let path = entry.map_err(|cause| Error::reading(cause.path(), cause.error()))?;
        if is_hidden(&path) {
            continue;
        }
        if path.is_dir() {
            walk(&path, &mut Vec::new(), &mut found)?;
        } else if path.is_file() {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(Error::input(format!("{pattern}: this glob matches nothing"))
            .hint("check the path; quote the glob so that the shell does not expand it"));
    }
    Ok(found)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']))
}

fn is_parquet(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("parquet") || end.eq_ignore_ascii_case("parq"))
}

/// `key=value` folders of a path. The values are what the folder names say, percent signs included.
fn hive(path: &Path) -> Vec<(String, String)> {
    let folders = path.parent().into_iter().flat_map(Path::components);
    folders
        .filter_map(|part| part.as_os_str().to_str()?.split_once('='))
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
