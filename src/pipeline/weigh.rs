//! Weights and reports from counts that were saved: no shard is read.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value as Json;

use super::call_options::OPTIONS;
use super::derived::Derived;
use super::options::{measure_options, weighing};
use super::outputs::{self, WriteRequest, group_folder, with_groups};
use super::parts::{Whole, whole};
use super::spec::Spec;
use crate::artifact::counts::{CountsFile, read};
use crate::artifact::files::{OutputFile, RESULTS};
use crate::artifact::publish::Staging;
use crate::artifact::saved;
use crate::artifact::stored::Fetched;
use crate::drift::compare;
use crate::error::{Error, Result};
use crate::findings::RowFacts;

/// Counts that were merged and weighed.
#[derive(Debug)]
pub(crate) struct Weighed {
    /// The counts and what follows from them.
    pub derived: Derived,
    /// The same of each group of `--by`.
    pub groups: Vec<(String, Derived)>,
    /// `2 counts files`.
    pub source: String,
    /// Published files.
    pub outputs: Vec<OutputFile>,
    /// What the files have that their merge has not, and how the counts were made differently, one line each.
    pub warnings: Vec<String>,
}

/// Merges saved counts and weighs them. Counts of jobs that shared the shards of a run become the result of one
/// run.
///
/// # Errors
/// [`Error::Input`] when a file is not counts or labels disagree; [`Error::Output`] for the place.
pub(crate) fn weigh(files: &[PathBuf], spec: &Spec, formats: &[String]) -> Result<Weighed> {
    let out = spec
        .out
        .as_deref()
        .ok_or_else(|| Error::usage("no output folder is named").hint("name one with --out DIR"))?;
    weighing(spec)?;
    let mut staging = Staging::begin(out, spec.overwrite.unwrap_or(false))?;
    let Merged { derived, groups, source, spec: meaning, warnings } = merged(files, spec)?;
    let last = spec.against.as_deref().map(|path| against(path, Some(out))).transpose()?.flatten();
    let drift = last.as_ref().map(|(name, last)| (name.as_str(), compare(last.side(), derived.side())));
    let drift = drift.as_ref().map(|(name, drift)| (*name, drift));
    let request = WriteRequest { folder: "", formats, spec: &meaning, threads: 1 };
    outputs::write_all(&mut staging, &derived, &groups, &source, drift, &request)?;
    let outputs = staging.publish()?;
    Ok(Weighed { derived, groups, source, outputs, warnings })
}

/// Counts that were merged and weighed, before they are written.
#[derive(Debug)]
pub(crate) struct Merged {
    /// The counts and what follows from them.
    pub derived: Derived,
    /// The same of each group of `--by`.
    pub groups: Vec<(String, Derived)>,
    /// `2 counts files`.
    pub source: String,
    /// What decides the result.
    pub spec: Json,
    /// What the files have that their merge has not, and how the counts were made differently, one line each.
    pub warnings: Vec<String>,
}

/// Merges saved counts and weighs them.
///
/// # Errors
/// As [`weigh`].
pub(crate) fn merged(files: &[PathBuf], spec: &Spec) -> Result<Merged> {
    let fetched = files.iter().map(|path| Fetched::of(path)).collect::<Result<Vec<_>>>()?;
    let files = fetched.iter().map(|fetched| {
        let path = fetched.path();
        let path = if path.is_dir() { path.join("counts.parquet") } else { path.to_owned() };
        Ok((path.clone(), read(&path)?))
    });
    let files = files.collect::<Result<Vec<_>>>()?;
    refuse_twice(&files)?;
    let mut warnings = counted_differently(&fetched, &files)?;
    warnings.extend(groups_left_out(&files));
    let whole = match whole(&files)? {
        Some(mut whole) => {
            whole.spec.weigh_as(spec);
            whole
        }
        None => Whole {
            total: merge(&files)?,
            groups: Vec::new(),
            spec: spec.meaning(),
            facts: RowFacts::default(),
            shards: 0,
        },
    };
    let weighing = weighing(&whole.spec)?;
    let source = match whole.shards {
        0 => format!("{} counts file{}", files.len(), if files.len() == 1 { "" } else { "s" }),
        shards => outputs::source(shards, &whole.total.layout, whole.total.unit),
    };
    let options = measure_options(&whole.spec)?;
    let groups = whole
        .groups
        .into_iter()
        .map(|(name, file)| Ok((name, Derived::of(file, &weighing, options, &RowFacts::default())?)));
    let groups = groups.collect::<Result<Vec<_>>>()?;
    let facts = with_groups(whole.facts, &whole.total.counts, None, &groups);
    let derived = Derived::of(whole.total, &weighing, options, &facts)?;
    let spec = serde_json::to_value(&whole.spec).map_err(|cause| Error::internal(cause.to_string()))?;
    Ok(Merged { derived, groups, source, spec, warnings })
}

/// Weighs counts that a program has.
///
/// # Errors
/// [`Error::Usage`] for keys of `spec` that are wrong, [`Error::Input`] if a policy refuses a label.
pub(crate) fn weigh_counts(file: CountsFile, spec: &Spec) -> Result<Derived> {
    Derived::of(file, &weighing(spec)?, measure_options(spec)?, &RowFacts::default())
}

/// What is said where groups were counted in some of several files.
fn groups_left_out(files: &[(PathBuf, CountsFile)]) -> Option<String> {
    let [_, _, ..] = files else { return None };
    let (path, grouped) = files.iter().find_map(|(path, file)| Some((path, file.grouped.as_ref()?)))?;
    let column = &grouped.column;
    Some(format!(
        "positives_groups of {} is left out: a value of {column} may be in several of the counts, so that they do not add \
         up; count all shards in one run with --groups {column}",
        path.display()
    ))
}

/// Refuses counts that are named twice, and counts of the same shards by the same rules: their rows would count twice.
fn refuse_twice(files: &[(PathBuf, CountsFile)]) -> Result<()> {
    for (at, (path, file)) in files.iter().enumerate() {
        let is_same = |(other_path, other): &&(PathBuf, CountsFile)| {
            let is_whole = file.part.is_none() && other.part.is_none();
            is_whole
                && (path == other_path || file.fingerprint == other.fingerprint && file.group == other.group)
        };
        if let Some((other, _)) = files[..at].iter().find(is_same) {
            let what = if path == other {
                format!("{} is named twice", path.display())
            } else {
                format!("{} and {} are counts of the same shards", other.display(), path.display())
            };
            return Err(Error::usage(format!("{what}, so that their rows would count twice"))
                .hint("name each result once"));
        }
    }
    Ok(())
}

/// Keys that say what values mean: counts of results that differ in them do not mean the same.
const MEANINGS: [&str; 14] = [
    "unit",
    "label_kind",
    "ancestors",
    "positive_values",
    "negative_values",
    "missing_values",
    "uncertain_values",
    "uncertain_as",
    "threshold",
    "soft",
    "null_as",
    "trim",
    "ignore_case",
    "sample_weight",
];

/// Where results that are merged say that values meant something else.
fn counted_differently(fetched: &[Fetched], files: &[(PathBuf, CountsFile)]) -> Result<Vec<String>> {
    let specs = fetched.iter().map(|run| made_with(run.path())).collect::<Result<Vec<_>>>()?;
    let known: Vec<_> =
        specs.iter().zip(files).filter_map(|(spec, (path, _))| Some((path, &spec.as_ref()?.0))).collect();
    let Some((first, first_spec)) = known.first() else { return Ok(Vec::new()) };
    let shown = |value: &Json| if value.is_null() { "the default".to_owned() } else { value.to_string() };
    let differ = MEANINGS.iter().chain(&["label"]).filter_map(|key| {
        let (path, spec) = known.iter().find(|(_, spec)| spec[*key] != first_spec[*key])?;
        Some(format!(
            "{key} is {} in {}, but {} in {}; the merged counts mix both",
            shown(&first_spec[*key]),
            first.display(),
            shown(&spec[*key]),
            path.display()
        ))
    });
    Ok(differ.collect())
}

fn merge(files: &[(PathBuf, CountsFile)]) -> Result<CountsFile> {
    let mut merged: Option<CountsFile> = None;
    for (path, file) in files {
        merged = Some(match merged {
            None => file.clone(),
            Some(before) => before.merge(file).map_err(|error| error.at(path.display()))?,
        });
    }
    merged.ok_or_else(|| Error::usage("no counts files are named").hint("name counts.parquet files"))
}

/// How two results were counted and weighed differently, one line each. A counts file without `weights.json` beside it
/// says nothing.
///
/// # Errors
/// [`Error::Input`] when a result cannot be read.
pub(crate) fn made_differently(before: &Path, after: &Path) -> Result<Vec<String>> {
    let (Some(before), Some(after)) = (made_with(before)?, made_with(after)?) else { return Ok(Vec::new()) };
    let shown = |value: &Json| if value.is_null() { "default".to_owned() } else { value.to_string() };
    let keys = OPTIONS.iter().map(|key| (*key, &before.0[*key], &after.0[*key]));
    let versions = ("version of posweight", &before.1, &after.1);
    let differ = keys.chain([versions]).filter(|(_, before, after)| before != after);
    Ok(differ.map(|(key, before, after)| format!("{key}: {} → {}", shown(before), shown(after))).collect())
}

/// The spec of a result and the version that made it.
fn made_with(run: &Path) -> Result<Option<(Json, Json)>> {
    let fetched = Fetched::of(run)?;
    let run = fetched.path();
    let folder = if run.is_dir() { run } else { run.parent().unwrap_or(run) };
    let json =
        |name: &str| -> Option<Json> { serde_json::from_slice(&std::fs::read(folder.join(name)).ok()?).ok() };
    let version =
        json(RESULTS).map(|results| results["metadata"]["tool_version"].clone()).unwrap_or_default();
    Ok(json("weights.json").map(|weights| (weights["spec"].clone(), version)))
}

/// The spec that decides the result at `run`, as its `weights.json` has it; that of every default without the file.
///
/// # Errors
/// [`Error::Input`] when there is no result.
pub(crate) fn meaning_of(run: &Path) -> Result<Json> {
    Ok(made_with(run)?.map_or_else(|| Json::Object(serde_json::Map::new()), |(spec, _)| spec))
}

/// Reads a finished run, from its folder or a counts file in it, and weighs it by the spec in its `weights.json`.
///
/// # Errors
/// [`Error::Input`] when there is no run.
pub(crate) fn reopen(run: &Path) -> Result<Derived> {
    #[derive(Deserialize)]
    struct OnlySpec {
        spec: Spec,
    }
    let fetched = Fetched::of(run)?;
    let run = fetched.path();
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
    Derived::of(file, &weighing(&spec)?, measure_options(&spec)?, &RowFacts::default())
}

/// The result at `path` and its name, to compare with; `None` if `path` is `out` and there is no result yet.
///
/// # Errors
/// [`Error::Input`] when there is no result.
pub(crate) fn against(path: &Path, out: Option<&Path>) -> Result<Option<(String, Derived)>> {
    if out.is_some_and(|out| out == path) && !path.exists() {
        return Ok(None);
    }
    let name =
        path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let result = reopen(path).map_err(|error| error.at("--against"))?;
    Ok(Some((name, result)))
}

/// A finished run with everything for its report.
#[derive(Debug)]
pub(crate) struct Finished {
    /// All rows.
    pub derived: Derived,
    /// The groups of `--by`.
    pub groups: Vec<(String, Derived)>,
    /// Where the counts come from.
    pub source: String,
}

/// Reads a finished run, with the rows and groups from its `imbalance.json`.
///
/// # Errors
/// [`Error::Input`] when there is no run.
pub(crate) fn finished(run: &Path) -> Result<Finished> {
    let mut derived = reopen(run)?;
    let mut source = format!("layout {}", derived.file.layout);
    let mut groups = Vec::new();
    if let Some(saved) = saved::read(&run.join("imbalance.json"))? {
        for group in &saved.groups {
            groups.push((group.name.clone(), reopen(&run.join(group_folder(&group.name)))?));
        }
        derived.row_report = saved.rows.into();
        (derived.failed_checks, derived.warned_checks) = (saved.failed_checks, saved.warned_checks);
        (derived.findings, derived.groups, source) = (saved.findings, saved.groups, saved.source);
    }
    Ok(Finished { derived, groups, source })
}
