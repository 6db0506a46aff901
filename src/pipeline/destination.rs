//! Where a run's result goes.

use std::path::{Path, PathBuf};

use super::spec::{STDIO, Spec};
use crate::error::{Error, Result, choice};

/// Where a result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Files in a folder.
    Folder(PathBuf),
    /// The weights alone, to stdout.
    Stdout(StdoutFormat),
    /// Nothing is written.
    Nowhere,
}

impl Destination {
    /// The place that a spec asks for.
    pub(super) fn asked(spec: &Spec) -> Result<Self> {
        let format = spec.format.as_deref();
        if spec.dry_run == Some(true) && spec.plan.is_some() {
            return Ok(Self::Nowhere);
        }
        let out = spec.out.clone().ok_or_else(|| {
            Error::usage("no output folder is named")
                .hint("name one with --out DIR, or the key out of a spec")
        })?;
        let formats = [("json", StdoutFormat::Json), ("arrow", StdoutFormat::Arrow)];
        let stream = choice("--format", format.unwrap_or("json"), &formats)?;
        match (out.as_os_str() == STDIO, format) {
            (true, _) => Ok(Self::Stdout(stream)),
            (false, None) => Ok(Self::Folder(out)),
            (false, Some(_)) => {
                Err(Error::usage("--format is about --out -")
                    .hint("choose the files of a folder with --formats"))
            }
        }
    }

    /// The place that a program asks for, which has the result in any case: a folder, if one is named.
    pub(crate) fn of_program(spec: &Spec) -> Result<Self> {
        match &spec.out {
            None if spec.format.is_some() => {
                Err(Error::usage("--format is about stdout, and nothing goes there")
                    .hint("drop it; a result in memory has every format"))
            }
            None if spec.materialize == Some(true) => {
                Err(Error::usage("--materialize writes shards, but no folder is named")
                    .hint("name one with --out DIR"))
            }
            None => Ok(Self::Nowhere),
            Some(out) if out.as_os_str() == STDIO => {
                Err(Error::usage("--out - is stdout, which belongs to the program")
                    .hint("name a folder, or drop --out and take the result"))
            }
            Some(_) => Self::asked(spec),
        }
    }

    /// The folder, if it is one.
    #[must_use]
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Stdout(_) | Self::Nowhere => None,
        }
    }
}

/// What stdout gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StdoutFormat {
    /// `weights.json` on one line.
    Json,
    /// The table of `weights.parquet` as an Arrow IPC stream.
    Arrow,
}
