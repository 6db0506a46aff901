//! What the statements of a session must not read.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::table::QueryTable;
use crate::engine::functions::tables::CallGuard;
use crate::error::{Error, Result};
use crate::source::listing::list;
use crate::source::tables::at::HowTables;

impl CallGuard for Unread {
    /// The first argument of a call names shards.
    fn check_call(&self, arguments: &[String]) -> Result<()> {
        let is_free = |replaced: &Mutex<Option<_>>| replaced.lock().is_ok_and(|replaced| replaced.is_none());
        let Some(shards) = arguments.first().filter(|_| !(is_free(&self.replaced) && is_free(&self.copied)))
        else {
            return Ok(());
        };
        // A path that stands for nothing is an error of the call.
        let how = HowTables { as_files: true, at: None };
        let Ok(listing) = list(std::slice::from_ref(shards), how) else { return Ok(()) };
        self.check_files(|whole| {
            let mut files = listing.shards.iter().filter(|shard| shard.place.object().is_none());
            files.any(|shard| std::fs::canonicalize(shard.place.path()).is_ok_and(|own| own == whole))
        })
    }
}

/// A name that stands for no path, and a file that will be replaced.
#[derive(Debug, Default)]
pub(super) struct Unread {
    made: Mutex<Option<String>>,
    /// Of the whole session, as it was given, and whole.
    replaced: Mutex<Option<(PathBuf, PathBuf)>>,
    /// The same of a statement that copies rows.
    copied: Mutex<Option<(PathBuf, PathBuf)>>,
}

impl Unread {
    /// From now on `name`, which a statement makes, stands for no file or folder; with `None`, all names may again.
    pub(super) fn make(&self, name: Option<String>) {
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = name;
    }

    /// Whether a statement makes the table `name`.
    pub(super) fn is_made(&self, name: &str) -> bool {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(name)
    }

    /// The rows of the session will replace this file.
    pub(super) fn replace(&self, path: &Path) {
        // A file that is not there yet is no shard.
        let both = std::fs::canonicalize(path).ok().map(|whole| (path.to_owned(), whole));
        *self.replaced.lock().unwrap_or_else(PoisonError::into_inner) = both;
    }

    /// The statement that runs will replace this file; with `None`, none.
    pub(super) fn copy(&self, path: Option<&Path>) {
        let both = path.and_then(|path| Some((path.to_owned(), std::fs::canonicalize(path).ok()?)));
        *self.copied.lock().unwrap_or_else(PoisonError::into_inner) = both;
    }

    /// Refuses a table that has a file which will be replaced.
    pub(super) fn check(&self, table: &QueryTable) -> Result<()> {
        self.check_files(|whole| table.reads(whole))
    }

    /// Refuses what `reads` a file which will be replaced; its path leads over no link.
    pub(super) fn check_files(&self, reads: impl Fn(&Path) -> bool) -> Result<()> {
        for (replaced, hint) in [
            (&self.replaced, "choose another --out"),
            (&self.copied, "copy to another file, such as one in a new folder"),
        ] {
            let replaced = replaced.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((path, _)) = replaced.as_ref().filter(|(_, whole)| reads(whole)) {
                return Err(Error::output(format!(
                    "{}: the query reads this file, and --overwrite would replace it",
                    path.display()
                ))
                .hint(hint));
            }
        }
        Ok(())
    }
}
