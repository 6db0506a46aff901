//! Finished results, read again.

use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_json::Value as Json;

use super::derived::Derived;
use super::options::{measure_options, weighing};
use super::outputs::{group_name, with_groups};
use super::spec::Spec;
use super::spec_keys::keys_of_calls;
use crate::artifact::counts::{CountsFile, read};
use crate::artifact::files::{PLAN_IN_WORDS, RESULTS};
use crate::artifact::saved;
use crate::artifact::stored::Fetched;
use crate::artifact::tensors::read_together;
use crate::drift::{Drift, compare};
use crate::error::{Error, Result};
use crate::findings::RowFacts;
use crate::groups::GroupMeasures;

/// The counts file of a result: its folder, or the file itself.
pub(super) fn counts_of(run: &Path) -> PathBuf {
    if run.is_dir() { run.join("counts.parquet") } else { run.to_owned() }
}

/// Reads saved counts, with the spec of the `weights.json` beside them where an older version wrote none into them.
///
/// # Errors
/// [`Error::Input`] when there are none.
pub(super) fn read_counts(path: &Path) -> Result<CountsFile> {
    let mut file = read(path)?;
    let weights = path.with_file_name("weights.json");
    if file.provenance.spec.is_none() {
        file.provenance.spec = match std::fs::read(&weights) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => None,
            Err(cause) => return Err(Error::reading(&weights, &cause)),
            Ok(text) => {
                let all: Json = serde_json::from_slice(&text).map_err(|cause| damaged(&weights, &cause))?;
                all.get("spec").filter(|spec| spec.is_object()).cloned()
            }
        };
    }
    Ok(file)
}

fn damaged(path: &Path, cause: &dyn std::fmt::Display) -> Error {
    Error::input(cause.to_string()).at(path.display()).hint("compute the result again")
}

/// Reads a finished run, from its folder or a counts file in it, and weighs it by its own spec.
///
/// # Errors
/// [`Error::Input`] when there is no run, and for that of one of several jobs.
pub(crate) fn reopen(run: &Path) -> Result<Derived> {
    let derived = reopen_part(run)?;
    check_whole(run, &derived.file)?;
    Ok(derived)
}

/// The same, also of one of several jobs.
///
/// # Errors
/// [`Error::Input`] when there is no run, or it does not say how it was weighed.
pub(crate) fn reopen_part(run: &Path) -> Result<Derived> {
    let fetched = Fetched::of(run)?;
    let path = counts_of(fetched.path());
    let file = read_counts(&path)?;
    let Some(said) = &file.provenance.spec else {
        return Err(Error::input(format!(
            "{}: this does not say how it was counted and weighed: an older version wrote it, and its weights.json is \
             not beside it",
            path.display()
        ))
        .hint("put the weights.json of this result beside it, or compute the result again"));
    };
    let spec = spec_in(said, &path)?;
    Derived::of(file, &weighing(&spec)?, measure_options(&spec)?, &RowFacts::default())
}

/// The spec that the counts at `path` were made with.
///
/// # Errors
/// [`Error::Input`] for one that no run has.
pub(super) fn spec_in(said: &Json, path: &Path) -> Result<Spec> {
    let spec = Spec::deserialize(said).map_err(|cause| damaged(path, &cause))?;
    let checked = weighing(&spec).and_then(|_| measure_options(&spec));
    checked.map(|_| spec).map_err(|cause| damaged(path, &cause))
}

/// Refuses the counts of one of several jobs where those of a whole run are needed.
///
/// # Errors
/// [`Error::Input`] for such a job.
pub(crate) fn check_whole(run: &Path, file: &CountsFile) -> Result<()> {
    let Some(part) = &file.part else { return Ok(()) };
    Err(Error::input(format!(
        "these are the counts of job {} of {}, not of all shards",
        part.index, part.count
    ))
    .at(run.display())
    .hint("merge all jobs first: posweight weigh JOBS/*/ --out DIR; then name DIR"))
}

/// `job 1 of 3` of counts that are not of all shards.
fn job(file: &CountsFile) -> Option<String> {
    file.part.as_ref().map(|part| format!("job {} of {}", part.index, part.count))
}

/// How two results were counted and weighed differently, one line each.
///
/// # Errors
/// [`Error::Input`] when a result cannot be read.
pub(crate) fn made_differently(
    (before_path, before): (&Path, &CountsFile),
    (after_path, after): (&Path, &CountsFile),
) -> Result<Vec<String>> {
    let mut lines = spec_differences(before, after);
    if let Some((old, new)) = version(before_path)?.zip(version(after_path)?).filter(|(old, new)| old != new)
    {
        lines.push(format!("version of posweight: {old} → {new}"));
    }
    if let (Some(one), true) = (job(before), job(before) == job(after)) {
        lines.push(format!("shards: both are {one} and lack the shards of the other jobs"));
    }
    Ok(lines)
}

/// How the specs of two results differ, and the shards that they are of, one line each.
pub(super) fn spec_differences(before: &CountsFile, after: &CountsFile) -> Vec<String> {
    let said = |file: &CountsFile, key: &str| match &file.provenance {
        provenance if provenance.mixed.contains(key) => "several".to_owned(),
        provenance => match provenance.spec.as_ref().map(|spec| &spec[key]) {
            None | Some(Json::Null) => "default".to_owned(),
            // Older results have lists of one text where others have the text.
            Some(Json::Array(list)) if list.len() == 1 => list[0].to_string(),
            Some(value) => value.to_string(),
        },
    };
    // Groups change no count of all rows.
    let keys =
        keys_of_calls().filter(|key| *key != "by").map(|key| (key, said(before, key), said(after, key)));
    let whole = |file: &CountsFile| job(file).unwrap_or_else(|| "all".to_owned());
    let jobs = ("shards", whole(before), whole(after));
    let differ = keys.chain([jobs]).filter(|(_, before, after)| before != after);
    differ.map(|(key, before, after)| format!("{key}: {before} → {after}")).collect()
}

/// The version that made a result, where a record of its run is beside it.
fn version(run: &Path) -> Result<Option<String>> {
    let fetched = Fetched::of(run)?;
    let results = std::fs::read(counts_of(fetched.path()).with_file_name(RESULTS)).ok();
    let results = results.and_then(|bytes| serde_json::from_slice::<Json>(&bytes).ok());
    let version = results.map(|results| results["metadata"]["tool_version"].clone());
    Ok(version.filter(|version| !version.is_null()).map(|version| version.to_string()))
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

/// How a result differs from the `last` one, and how it was made differently.
#[must_use]
pub(crate) fn compared<'a>(last: &'a Derived, now: &'a Derived) -> Drift<'a> {
    Drift { differences: spec_differences(&last.file, &now.file), ..compare(last.side(), now.side()) }
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

/// Reads a finished run, from its folder or a counts file in it, with the groups beside it and the rows from its
/// `imbalance.json`.
///
/// # Errors
/// [`Error::Input`] when there is no run.
pub(crate) fn finished(run: &Path) -> Result<Finished> {
    read_finished(run, false)
}

/// The same, with all that the files hold: the pairs of labels, too.
///
/// # Errors
/// As [`finished`].
pub(crate) fn finished_with_pairs(run: &Path) -> Result<Finished> {
    read_finished(run, true)
}

fn read_finished(run: &Path, with_pairs: bool) -> Result<Finished> {
    let fetched = Fetched::of(run)?;
    let run = fetched.path();
    let counts = counts_of(run);
    let mut derived = reopen_part(run)?;
    let mut groups = Vec::new();
    for path in group_files(&counts)? {
        let mut group = reopen_part(&path)?;
        add_saved(&mut group, &path, with_pairs)?;
        groups.push((group_name(&group.file.group), group));
    }
    groups.sort_by(|(_, one), (_, other)| one.file.group.cmp(&other.file.group));
    let compared = with_groups(RowFacts::default(), &derived.file.counts, None, &groups);
    derived.groups = compared.groups;
    let mut source = format!("layout {}", derived.file.layout);
    if let Some((saved_source, saved_groups)) = add_saved(&mut derived, &counts, with_pairs)? {
        (source, derived.groups) = (saved_source, saved_groups);
    }
    if let Some(job) = job(&derived.file) {
        source = format!("{source}, {job}: the shards of the other jobs are not in it");
    }
    Ok(Finished { derived, groups, source })
}

/// Adds what the files beside `counts` hold and counts do not; where the counts come from, and their groups. Beside a file
/// of another name may lie another result.
fn add_saved(
    derived: &mut Derived,
    counts: &Path,
    with_pairs: bool,
) -> Result<Option<(String, Vec<GroupMeasures>)>> {
    let names = ["counts.parquet", "weights.parquet"];
    if !counts.file_name().is_some_and(|name| names.iter().any(|known| name == *known)) {
        return Ok(None);
    }
    derived.plan = plan_in_words(&counts.with_file_name(PLAN_IN_WORDS));
    if with_pairs {
        derived.saved_pairs =
            read_together(&counts.with_file_name("cooccurrence.npy"), derived.file.counts.len())?;
    }
    let Some(saved) = saved::read(&counts.with_file_name("imbalance.json"))? else { return Ok(None) };
    derived.row_report = saved.rows.into();
    (derived.failed_checks, derived.warned_checks) = (saved.failed_checks, saved.warned_checks);
    derived.findings = saved.findings;
    Ok(Some((saved.source, saved.groups)))
}

/// The sampling plan of a result, if it has one.
fn plan_in_words(path: &Path) -> Option<String> {
    let told = std::fs::read_to_string(path).ok()?;
    let inside = told.split_once("```text\n").and_then(|(_, rest)| rest.rsplit_once("```"));
    inside.map(|(lines, _)| lines.to_owned())
}

/// The counts of each group beside the counts at `path`.
///
/// # Errors
/// That of the file system.
pub(super) fn group_files(path: &Path) -> Result<Vec<PathBuf>> {
    let folder = path.with_file_name("by");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for entry in entries {
        let counts = entry.map_err(|cause| Error::reading(&folder, &cause))?.path().join("counts.parquet");
        files.extend(counts.exists().then_some(counts));
    }
    files.sort();
    Ok(files)
}
