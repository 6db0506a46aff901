//! From what a person wrote (files, folders, globs, addresses) to the list of files and objects to read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::store::{Address, Bucket, Object, Place, is_address};

/// One file or object to read, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The path, starting as the person wrote it, or the object.
    pub place: Place,
    /// `key=value` folders on the way to it, outermost first.
    pub hive: Vec<(String, String)>,
    /// What messages and accounts call it.
    pub name: String,
}

/// Lists the files that `sources` stand for: sorted by path, each once.
///
/// A folder stands for every Parquet file below it, a glob for what it matches, a file for itself; so it is
/// with addresses of stores.
/// Files and folders whose name starts with `.` or `_` are skipped unless named outright.
///
/// # Errors
/// [`Error::Input`] naming every source that does not exist, cannot be read or holds no shard.
pub(crate) fn list(sources: &[String]) -> Result<Vec<Listed>> {
    let mut found = BTreeMap::new();
    let mut wrong = Vec::new();
    for source in sources {
        match expand(source) {
            Ok(places) => {
                for place in places {
                    // The same file by two routes is one shard.
                    found.entry(place.absolute()).or_insert(place);
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
        .map(|place| Listed { hive: hive(&place), name: place.to_string(), place })
        .collect())
}

fn expand(source: &str) -> Result<Vec<Place>> {
    if source == "-" {
        return Err(Error::usage("-: stdin is a source of compute and run alone")
            .hint("name files, folders or globs; ./- is a file of that name"));
    }
    if is_address(source) {
        let found = objects(&Address::parse(source)?)?;
        return Ok(found.into_iter().map(Place::Object).collect());
    }
    let path = Path::new(source);
    let found = match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => folder(path),
        Ok(meta) if meta.is_file() => Ok(vec![path.to_owned()]),
        Ok(_) => Err(Error::input(format!("{source}: not a file or folder, but a pipe or device"))
            .hint("copy the stream to a file first")),
        Err(_) if source.contains(['*', '?', '[']) => matches_of(source),
        Err(cause) => Err(Error::reading(path, &cause)),
    };
    Ok(found?.into_iter().map(Place::File).collect())
}

/// What an address stands for: an object, all shards in a folder, or those that a glob matches.
fn objects(address: &Address) -> Result<Vec<Object>> {
    let bucket = Bucket::of(address)?;
    if address.is_web() {
        return bucket.object(address)?.map(|object| vec![object]).ok_or_else(|| {
            Error::input(format!("{address}: there is no such file"))
                .hint("http(s) addresses name single files; folders and globs are for s3, gs and az")
        });
    }
    if address.key().contains(['*', '?', '[']) {
        return objects_of(&bucket, address);
    }
    if !address.key().is_empty()
        && !address.key().ends_with('/')
        && let Some(object) = bucket.object(address)?
    {
        return Ok(vec![object]);
    }
    let below = address.key().trim_end_matches('/').len();
    let found = bucket.objects(address, move |key| is_shard(key.get(below..).unwrap_or_default()))?;
    if found.is_empty() {
        return Err(Error::input(format!(
            "{address}: there is no such object, and no shard in such a folder"
        ))
        .hint(
            "objects must end in .parquet; names that start with . or _ are skipped unless named outright",
        ));
    }
    Ok(found)
}

fn objects_of(bucket: &Bucket, address: &Address) -> Result<Vec<Object>> {
    let key = address.key();
    let pattern = glob::Pattern::new(key.trim_end_matches('/')).map_err(|cause| {
        Error::usage(format!("{address}: not a valid glob: {cause}")).hint("quote it and use *, ** and ?")
    })?;
    // Listed is what lies in the folder before the first part that varies.
    let first = key.find(['*', '?', '[']).unwrap_or(key.len());
    let fixed = key[..first].rfind('/').unwrap_or(0);
    let options = glob::MatchOptions { require_literal_separator: true, ..Default::default() };
    let matches = move |key: &str| {
        let hidden = |part: &str| part.starts_with(['.', '_']);
        let mut ends = key.match_indices('/').map(|(at, _)| at).chain([key.len()]);
        let is_shown = !key.get(fixed..).unwrap_or_default().split('/').any(|part| part.starts_with('.'));
        // What lies in a folder that matches is meant too.
        is_shown
            && ends.any(|end| {
                let (path, below) = key.split_at(end);
                !path.rsplit('/').next().is_some_and(hidden)
                    && (below.is_empty() || is_shard(below))
                    && pattern.matches_with(path, options)
            })
    };
    let found = bucket.objects(&address.with_key(&key[..fixed]), matches)?;
    if found.is_empty() {
        return Err(Error::input(format!("{address}: this glob matches no shard"))
            .hint("check the address; quote the glob so that the shell does not expand it"));
    }
    Ok(found)
}

/// Whether a key names a shard, and no part of it is hidden.
fn is_shard(key: &str) -> bool {
    is_parquet(Path::new(key)) && !key.split('/').any(|part| part.starts_with(['.', '_']))
}

fn folder(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut visited = Vec::new();
    walk(root, &mut visited, &mut found)?;
    if found.is_empty() {
        return Err(Error::input(format!("{}: no Parquet file in this folder", root.display())).hint(
            "files must end in .parquet; names that start with . or _ are skipped unless named outright",
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
fn hive(place: &Place) -> Vec<(String, String)> {
    let path = match place {
        Place::File(path) => path.as_path(),
        Place::Object(object) => Path::new(object.key()),
    };
    let folders = path.parent().into_iter().flat_map(Path::components);
    folders
        .filter_map(|part| part.as_os_str().to_str()?.split_once('='))
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
