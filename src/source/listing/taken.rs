//! Whether files that are not there yet would be listed.

use std::path::{Path, PathBuf};

use super::braces::alternatives;
use super::file_address::of_file_address;
use super::names::is_hidden;
use super::pattern::{Glob, is_glob};
use crate::error::Result;
use crate::store::{Address, is_address, of_path};

/// The first of `sources` that stands for some of `files` as well, or for some below one of `folders`, once they lie in
/// the folder `out`; as the person wrote it.
///
/// # Errors
/// [`crate::error::Error::Usage`] for addresses and globs that are not valid.
pub(crate) fn source_of_files<'s>(
    sources: &'s [String],
    out: &Path,
    files: &[&str],
    folders: &[&str],
) -> Result<Option<&'s str>> {
    for source in sources {
        for one in alternatives(source) {
            if let Some(reach) = SourceReach::of(&one, out)?
                && (files.iter().any(|file| reach.takes(file))
                    || folders.iter().any(|folder| reach.enters(folder)))
            {
                return Ok(Some(source.as_str()));
            }
        }
    }
    Ok(None)
}

/// The names from a source to a folder below it.
struct SourceReach {
    below: Vec<String>,
    /// What is taken of them; all, if there is none.
    glob: Option<Glob>,
}

impl SourceReach {
    /// None, if `out` is not below `source`.
    fn of(source: &str, out: &Path) -> Result<Option<Self>> {
        if let Some(path) = of_file_address(source) {
            return Self::of(&path?, out);
        }
        match (is_address(source), of_path(out).filter(|out| !out.starts_with("file://"))) {
            (true, Some(out)) => Self::in_store(&Address::parse(source)?, &Address::parse(out)?),
            (false, None) => {
                let own = out.to_str().and_then(of_file_address).transpose()?;
                Self::on_disk(source, own.as_deref().map_or(out, Path::new))
            }
            _ => Ok(None),
        }
    }

    fn in_store(source: &Address, out: &Address) -> Result<Option<Self>> {
        let key = source.key();
        let glob = is_glob(key).then(|| Glob::parse(key)).transpose()?;
        let folder = glob.as_ref().map_or(key, |glob| &glob.folder).trim_end_matches('/');
        let below = match folder {
            "" => Some(out.key()),
            folder => out.key().strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')),
        };
        let below = below.filter(|_| source.root() == out.root());
        let names =
            |below: &str| below.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Ok(below.map(|below| Self { below: names(below), glob }))
    }

    fn on_disk(source: &str, out: &Path) -> Result<Option<Self>> {
        let path = Path::new(source);
        let glob = (is_glob(source) && !path.exists()).then(|| Glob::parse(source)).transpose()?;
        let folder = match &glob {
            Some(glob) if glob.folder.is_empty() => Path::new("."),
            Some(glob) => Path::new(&glob.folder),
            None => path,
        };
        if !folder.is_dir() {
            return Ok(None);
        }
        let (folder, out) = (real(folder), real(out));
        let below = out.strip_prefix(&folder).ok();
        let names = |below: &Path| below.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        Ok(below.map(|below| Self { below: names(below), glob }))
    }

    /// Whether `file` is taken.
    fn takes(&self, file: &str) -> bool {
        self.reaches(file, |glob, reached| glob.is_whole(reached) && !glob.folders_only)
    }

    /// Whether something below `folder` may be taken.
    fn enters(&self, folder: &str) -> bool {
        self.reaches(folder, |_, reached| !reached.is_empty())
    }

    fn reaches(&self, path: &str, ends: impl Fn(&Glob, &Vec<usize>) -> bool) -> bool {
        let mut names = self.below.iter().map(String::as_str).chain(path.split('/'));
        let Some(glob) = &self.glob else { return !names.any(is_hidden) };
        let mut reached = glob.start();
        loop {
            // All below a folder that matches is meant.
            if glob.is_whole(&reached) {
                let mut left = names.peekable();
                return if left.peek().is_none() { ends(glob, &reached) } else { !left.any(is_hidden) };
            }
            match names.next() {
                Some(name) => reached = glob.next(&reached, name),
                None => return ends(glob, &reached),
            }
        }
    }
}

/// The absolute path without links, of which the last names need not be there yet.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let known = path.ancestors().find_map(|above| Some((above, std::fs::canonicalize(above).ok()?)));
    match known {
        Some((above, known)) => {
            path.strip_prefix(above).map_or_else(|_| known.clone(), |rest| known.join(rest))
        }
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The source that takes `plan/part.parquet` or `counts.parquet` of a result at `out`.
    fn taken(source: &str, out: &str) -> bool {
        let sources = [source.to_owned()];
        source_of_files(&sources, Path::new(out), &["counts.parquet", "plan/part.parquet"], &["sampled"])
            .unwrap()
            .is_some()
    }

    #[test]
    fn a_result_below_a_source_is_taken_unless_its_name_hides_it() {
        for (source, out) in [
            ("s3://b/data", "s3://b/data/w"),
            ("s3://b/data/", "s3://b/data/x/w/"),
            ("s3a://b", "s3://b/w"),
            ("s3://b/data/**/*.parquet", "s3://b/data/w"),
            ("s3://b/data/*/*.parquet", "s3://b/data/w"),
            ("s3://b/data/**", "s3://b/data/w"),
            ("s3://b/data/**/part*", "s3://b/data/w"),
            ("s3://b/{train,test}/", "s3://b/test/w"),
            ("s3://b/_data/", "s3://b/_data/w"),
            ("s3://b/data/w*/**", "s3://b/data/w1"),
        ] {
            assert!(taken(source, out), "{source} {out}");
        }
        for (source, out) in [
            ("s3://b/data", "s3://b/data2/w"),
            ("s3://b/data", "s3://c/data/w"),
            ("s3://b/data", "gs://b/data/w"),
            ("s3://b/data", "data/w"),
            ("data", "s3://b/data/w"),
            ("s3://b/data", "s3://b/data/_w"),
            ("s3://b/data", "s3://b/data/.x/w"),
            ("s3://b/data/**/*.parquet", "s3://b/data/_w"),
            ("s3://b/data/*.parquet", "s3://b/data/w"),
            ("s3://b/data/x*/*", "s3://b/data/w"),
            ("s3://b/{train,test}/", "s3://b/valid/w"),
        ] {
            assert!(!taken(source, out), "{source} {out}");
        }
    }

    #[test]
    fn folders_on_disk_are_compared_without_links() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name).display().to_string();
        std::fs::create_dir_all(at("data/x")).unwrap();
        std::fs::write(at("data/one.parquet"), "").unwrap();
        std::os::unix::fs::symlink(at("data"), at("link")).unwrap();
        for source in ["data", "link", "data/x/..", "data/**/*.parquet", "link/**", "data/n*"] {
            assert!(taken(&at(source), &at("link/new/w")), "{source}");
        }
        assert!(taken(&format!("file://{}", at("data")), &at("data/w")));
        for (source, out) in [
            ("data", "w"),
            ("data", "data/_w"),
            ("data/one.parquet", "data/w"),
            ("data/*.parquet", "data/w"),
            ("nowhere", "nowhere/w"),
        ] {
            assert!(!taken(&at(source), &at(out)), "{source} {out}");
        }
    }
}
