//! What the statements of a session must not read.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::table::QueryTable;
use crate::error::{Error, Result};

/// A name that stands for no path, and a file that will be replaced.
#[derive(Debug, Default)]
pub(super) struct Unread {
    made: Mutex<Option<String>>,
    /// As it was given, and whole.
    replaced: Mutex<Option<(PathBuf, PathBuf)>>,
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

    /// Refuses a table that has the file which will be replaced.
    pub(super) fn check(&self, table: &QueryTable) -> Result<()> {
        let replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        match &*replaced {
            Some((path, whole)) if table.reads(whole) => Err(Error::output(format!(
                "{}: the query reads this file, and --overwrite would replace it",
                path.display()
            ))
            .hint("choose another --out")),
            _ => Ok(()),
        }
    }
}
