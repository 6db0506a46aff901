//! Files and folders of this machine.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::met_tables::{Tables, is_metadata};
use super::names::{endings, is_hidden, is_shard};
use super::pattern::{Glob, Reached, is_glob};
use super::table_kind::TableKind;
use crate::error::{Error, Result, for_shell, plural};

/// Files of folders that are no shards by their ending.
#[derive(Debug, Default)]
pub(super) struct PassedOver(BTreeMap<String, u64>);

impl PassedOver {
    pub(super) fn add(&mut self, path: &Path) {
        let ending = path.extension().map(|end| format!(".{}", end.to_string_lossy()));
        *self.0.entry(ending.unwrap_or_else(|| "no ending".to_owned())).or_default() += 1;
    }

    /// `3 files were passed over: 2 .csv, 1 no ending`.
    pub(super) fn said(&self) -> Option<String> {
        const SHOWN: usize = 5;
        let total: u64 = self.0.values().sum();
        let shown: Vec<String> =
            self.0.iter().take(SHOWN).map(|(ending, count)| format!("{count} {ending}")).collect();
        let more = if self.0.len() > SHOWN { ", …" } else { "" };
        let verb = if total == 1 { "was" } else { "were" };
        (total > 0)
            .then(|| format!("{} {verb} passed over: {}{more}", plural(total, "file"), shown.join(", ")))
    }
}

/// What was found below a folder.
#[derive(Debug, Default)]
struct Found {
    shards: Vec<PathBuf>,
    /// Files of other endings, or of none.
    others: Vec<PathBuf>,
    /// Files that would be shards but for their names.
    hidden: Vec<PathBuf>,
}

/// The files that a path or a glob stands for.
pub(super) fn expand(source: &str, tables: &mut Tables, passed: &mut PassedOver) -> Result<Vec<PathBuf>> {
    let path = Path::new(source);
    let (mut found, known_tables) = (Found::default(), tables.count());
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => walk(path, tables, &mut Vec::new(), &mut found)?,
        Ok(meta) if meta.is_file() && tables.reads(TableKind::Iceberg) && is_metadata(source) => {
            tables.add_metadata(path);
            return Ok(Vec::new());
        }
        Ok(meta) if meta.is_file() => found.shards.push(path.to_owned()),
        Ok(_) => {
            return Err(Error::input("not a file or folder, but a pipe or device")
                .at(source)
                .hint("copy the stream to a file first"));
        }
        Err(_) if is_glob(source) && fs::symlink_metadata(path).is_err() => {
            let glob = Glob::parse(source)?;
            let folder = Path::new(if glob.folder.is_empty() { "." } else { &glob.folder });
            let start = glob.start();
            if glob.is_whole(&start) {
                walk(folder, tables, &mut Vec::new(), &mut found)?;
            } else if folder.is_dir() {
                let walked = Walk { glob: &glob, in_place: glob.folder.is_empty() };
                walked.matches(folder, &start, tables, &mut Vec::new(), &mut found)?;
            }
            if found.shards.is_empty() && found.others.is_empty() && tables.count() == known_tables {
                return Err(Error::input("this glob matches nothing")
                    .at(source)
                    .hint("check the path; quote the glob so that the shell does not expand it"));
            }
        }
        Err(cause) => return Err(dangling(path, &cause)),
    }
    if found.shards.is_empty() {
        let bare = found.others.iter().filter(|path| path.extension().is_none());
        found.shards = bare.filter(|path| is_parquet_inside(path)).cloned().collect();
        found.others.retain(|path| !found.shards.contains(path));
    }
    if found.shards.is_empty() && tables.count() == known_tables && !tables.are_in(path) {
        let mut others = PassedOver::default();
        found.others.iter().for_each(|path| others.add(path));
        let others = others.said().map_or_else(String::new, |said| format!("; {said}"));
        let hint = match found.hidden.first() {
            Some(hidden) => format!(
                "names that start with . or _ and forms such as sample_submission are passed over; name the file outright: {}",
                for_shell(&hidden.to_string_lossy())
            ),
            None => format!(
                "files must end in {}; names that start with . or _ and forms such as sample_submission are skipped unless named outright",
                endings()
            ),
        };
        return Err(Error::input(format!("no Parquet file in this folder{others}")).at(source).hint(hint));
    }
    found.others.iter().for_each(|path| passed.add(path));
    // Files side by side lie in the same tables, unless links lead out of their folder.
    let mut last = None;
    for path in &found.shards {
        if last != path.parent() || is_link(path) {
            tables.look_above(path);
        }
        last = path.parent();
    }
    Ok(found.shards)
}

/// Whether a path is a link.
pub(super) fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink())
}

/// Entries of a folder, by name.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let unreadable = |cause: std::io::Error| Error::reading(folder, &cause);
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let mut named = entries
        .map(|entry| entry.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(unreadable)?;
    named.sort();
    Ok(named)
}

/// Enters a folder unless a link leads back to one of those it lies in.
fn enter(folder: &Path, above: &mut Vec<PathBuf>) -> Result<bool> {
    let here = fs::canonicalize(folder).map_err(|cause| Error::reading(folder, &cause))?;
    let is_new = !above.contains(&here);
    above.push(here);
    Ok(is_new)
}

/// All files below a folder.
fn walk(folder: &Path, tables: &mut Tables, above: &mut Vec<PathBuf>, found: &mut Found) -> Result<()> {
    if enter(folder, above)? && !tables.enter(folder) {
        for (name, path) in entries(folder)? {
            if is_hidden(&name) {
                found.hidden.extend(Some(path).filter(|path| is_shard(path) && path.is_file()));
                continue;
            }
            let meta = fs::metadata(&path).map_err(|cause| dangling(&path, &cause))?;
            if meta.is_dir() {
                walk(&path, tables, above, found)?;
            } else if meta.is_file() && is_shard(&path) {
                found.shards.push(path);
            } else if meta.is_file() {
                found.others.push(path);
            }
        }
    }
    above.pop();
    Ok(())
}

struct Walk<'a> {
    glob: &'a Glob,
    /// Paths have no folder in front.
    in_place: bool,
}

impl Walk<'_> {
    fn matches(
        &self,
        folder: &Path,
        reached: &Reached,
        tables: &mut Tables,
        above: &mut Vec<PathBuf>,
        found: &mut Found,
    ) -> Result<()> {
        if enter(folder, above)? {
            for (name, path) in entries(folder)? {
                let next = self.glob.next(reached, &name);
                if next.is_empty() {
                    continue;
                }
                let path =
                    if self.in_place { path.strip_prefix(".").unwrap_or(&path).to_owned() } else { path };
                let meta = match fs::metadata(&path) {
                    Ok(meta) => meta,
                    Err(cause) if self.glob.is_whole(&next) => return Err(dangling(&path, &cause)),
                    Err(_) => continue,
                };
                match (self.glob.is_whole(&next), meta.is_dir()) {
                    (true, true) => walk(&path, tables, above, found)?,
                    (true, false) if meta.is_file() && !self.glob.folders_only => found.shards.push(path),
                    (false, true) => self.matches(&path, &next, tables, above, found)?,
                    _ => {}
                }
            }
        }
        above.pop();
        Ok(())
    }
}

/// A path that cannot be reached; a link that leads nowhere says so.
fn dangling(path: &Path, cause: &std::io::Error) -> Error {
    match fs::read_link(path) {
        Ok(target) if cause.kind() == std::io::ErrorKind::NotFound => {
            Error::input(format!("the link leads to {}, which does not exist", target.display()))
                .at(path.display())
                .hint("restore the file, or remove the link")
        }
        _ => Error::reading(path, cause),
    }
}

/// Whether a file begins as Parquet files do.
fn is_parquet_inside(path: &Path) -> bool {
    let mut start = [0_u8; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"PAR1"
}
