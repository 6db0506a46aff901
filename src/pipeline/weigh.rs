//! Weights and reports from counts that were saved: no shard is read.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::outputs::{self, Derived, Request};
use super::plan::weighing;
use super::spec::Spec;
use crate::artifact::counts::{CountsFile, read};
use crate::artifact::publish::{OutputFile, Staging};
use crate::error::{Error, Result};
use crate::findings::RowFacts;

/// Merges saved counts and weighs them anew.
///
/// # Errors
/// [`Error::Input`] when a file is not counts or labels disagree; [`Error::Output`] for the place.
pub fn weigh(files: &[PathBuf], spec: &Spec, formats: &[String]) -> Result<(Derived, Vec<OutputFile>)> {
    let out = spec
        .out
        .as_deref()
        .ok_or_else(|| Error::usage("no output folder is named").hint("name one with --out DIR"))?;
    let weighing = weighing(spec)?;
    let mut staging = Staging::begin(out, spec.overwrite.unwrap_or(false))?;
    let derived = Derived::of(merge(files)?, &weighing, &RowFacts::default())?;
    let meaning = serde_json::to_value(spec.meaning()).map_err(|cause| Error::internal(cause.to_string()))?;
    let report = || derived.report(source(files));
    outputs::write(
        &mut staging,
        &derived,
        &report,
        &Request { folder: "", formats, spec: &meaning, features: None, threads: 1 },
    )?;
    let outputs = staging.publish()?;
    Ok((derived, outputs))
}

/// `2 counts files`.
#[must_use]
pub fn source(files: &[PathBuf]) -> String {
    format!("{} counts file{}", files.len(), if files.len() == 1 { "" } else { "s" })
}

fn merge(files: &[PathBuf]) -> Result<CountsFile> {
    let mut merged: Option<CountsFile> = None;
    for path in files {
        let path = if path.is_dir() { path.join("counts.parquet") } else { path.clone() };
        let file = read(&path)?;
        merged = Some(match merged {
            None => file,
            Some(before) => before.merge(&file).map_err(|error| error.at(path.display()))?,
        });
    }
    merged.ok_or_else(|| Error::usage("no counts files are named").hint("name counts.parquet files"))
}

/// Reads a finished run again, as its `weights.json` says it was weighed: its folder, or a counts file in it.
///
/// # Errors
/// [`Error::Input`] when there is no run.
pub fn reopen(run: &Path) -> Result<Derived> {
    #[derive(Deserialize)]
    struct OnlySpec {
        spec: Spec,
    }
    let counts = if run.is_dir() { run.join("counts.parquet") } else { run.to_owned() };
    let file = read(&counts)?;
    let path = counts.with_file_name("weights.json");
    let spec = match std::fs::read_to_string(&path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Spec::default(),
        Err(cause) => return Err(Error::reading(&path, &cause)),
        Ok(text) => {
            let parsed: OnlySpec = serde_json::from_str(&text).map_err(|cause| {
                Error::input(format!("{}: {cause}", path.display())).hint("run posweight again")
            })?;
            parsed.spec
        }
    };
    Derived::of(file, &weighing(&spec)?, &RowFacts::default())
}
