//! Weights and reports from counts that were saved: no shard is read.

use std::path::PathBuf;

use serde_json::Value as Json;

use super::derived::Derived;
use super::options::{measure_options, weighing};
use super::outputs::{self, WriteRequest, with_groups};
use super::overlap::refuse_twice;
use super::parts::{Whole, groups_of, whole};
use super::reopened::{against, compared, counts_of, read_counts, spec_in};
use super::spec::Spec;
use super::spec_keys::{meanings, weighings};
use crate::artifact::counts::CountsFile;
use crate::artifact::files::OutputFile;
use crate::artifact::publish::Staging;
use crate::artifact::stored::Fetched;
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
    let drift = last.as_ref().map(|(name, last)| (name.as_str(), compared(last, &derived)));
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
        let path = counts_of(fetched.path());
        Ok((path.clone(), read_counts(&path)?))
    });
    let files = files.collect::<Result<Vec<_>>>()?;
    let mut warnings = refuse_twice(&files)?;
    warnings.extend(counted_differently(&files));
    warnings.extend(groups_left_out(&files));
    let mut whole = match whole(&files)? {
        Some(mut whole) => {
            whole.spec.weigh_as(spec);
            whole
        }
        None => finished_results(&files, spec, &mut warnings)?,
    };
    let meaning =
        serde_json::to_value(whole.spec.meaning()).map_err(|cause| Error::internal(cause.to_string()))?;
    for file in std::iter::once(&mut whole.total).chain(whole.groups.iter_mut().map(|(_, file)| file)) {
        file.provenance.spec = Some(meaning.clone());
    }
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
    Ok(Merged { derived, groups, source, spec: meaning, warnings })
}

/// The counts of results that were finished, weighed as all of them were, where `given` does not say otherwise.
fn finished_results(
    files: &[(PathBuf, CountsFile)],
    given: &Spec,
    warnings: &mut Vec<String>,
) -> Result<Whole> {
    let mut total = merge(files)?;
    let said = total.provenance.spec.take();
    if said.is_none() {
        // Nothing is known of how values were read, so that nothing may be taken for known.
        total.provenance.mixed.extend(meanings().map(str::to_owned));
    }
    let mut spec = said.map_or_else(|| Ok(Spec::default()), |said| spec_in(&said, &files[0].0))?;
    if files.len() > 1 {
        // That of each is not that of all.
        (spec.num_rows, spec.groups, spec.plan) = Default::default();
    }
    if given.scheme.is_some() {
        // What adjusts one scheme may not fit another.
        let kept = Spec { labels: None, ..spec.clone() };
        (spec.scheme, spec.epsilon, spec.power, spec.clip, spec.normalize) = Default::default();
        let dropped = [
            ("epsilon", kept.epsilon.is_some() && given.epsilon.is_none()),
            ("power", kept.power.is_some() && given.power.is_none()),
            ("clip", kept.clip.is_some() && given.clip.is_none()),
            ("normalize", kept.normalize.is_some() && given.normalize.is_none()),
        ];
        let dropped = dropped.into_iter().filter(|(_, is)| *is).map(|(key, _)| format!("--{key}"));
        let dropped = dropped.collect::<Vec<_>>().join(", ");
        if !dropped.is_empty() {
            warnings.push(format!(
                "{dropped} of the results is not kept with another --scheme; give it again to keep it"
            ));
        }
    }
    spec.weigh_as(given);
    let differ = weighings().filter(|key| total.provenance.mixed.contains(*key) && given.scheme.is_none());
    let differ = differ.map(|key| format!("--{}", key.replace('_', "-"))).collect::<Vec<_>>().join(", ");
    if !differ.is_empty() {
        warnings.push(format!(
            "the results were not weighed alike ({differ}), so that the defaults hold; give the scheme and its flags"
        ));
    }
    total.provenance.mixed.retain(|key| !weighings().any(|known| known == key));
    let groups = match groups_of(files, &total)? {
        Ok(groups) => groups,
        Err(why) => {
            warnings.push(why);
            Vec::new()
        }
    };
    Ok(Whole { total, groups, spec, facts: RowFacts::default(), shards: 0 })
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

/// Where results that are merged say that values meant something else.
fn counted_differently(files: &[(PathBuf, CountsFile)]) -> Vec<String> {
    let known: Vec<_> =
        files.iter().filter_map(|(path, file)| Some((path, file.provenance.spec.as_ref()?, file))).collect();
    let Some((first, first_spec, _)) = known.first() else { return Vec::new() };
    let shown = |value: &Json| if value.is_null() { "the default".to_owned() } else { value.to_string() };
    let differ = meanings().chain(["label"]).filter_map(|key| {
        if let Some((path, ..)) = known.iter().find(|(.., file)| file.provenance.mixed.contains(key)) {
            return Some(format!(
                "{key} is not the same in the counts that were merged into {}",
                path.display()
            ));
        }
        let (path, spec, _) = known.iter().find(|(_, spec, _)| spec[key] != first_spec[key])?;
        Some(format!(
            "{key} is {} in {}, but {} in {}; the merged counts mix both",
            shown(&first_spec[key]),
            first.display(),
            shown(&spec[key]),
            path.display()
        ))
    });
    differ.collect()
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
