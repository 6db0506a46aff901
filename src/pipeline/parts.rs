//! Counts of jobs that shared the shards of a run become the counts of one run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::outputs::group_name;
use super::reopened::{group_files, read_counts};
use super::spec::Spec;
use crate::artifact::counts::{CountsFile, JobPart};
use crate::counts::Cell;
use crate::error::{Error, Result, plural};
use crate::findings::RowFacts;

/// `--shard-index` and `--shard-count`.
pub(super) fn part(spec: &Spec) -> Result<Option<(u64, u64)>> {
    match (spec.shard_index, spec.shard_count) {
        (None, None) => Ok(None),
        (Some(index), Some(count)) if index < count => Ok(Some((index, count))),
        (Some(_), Some(0)) => Err(Error::usage("--shard-count 0: there is at least one job")
            .hint("job I of N has --shard-index I --shard-count N, I from 0")),
        (Some(index), Some(count)) => {
            Err(Error::usage(format!("--shard-index {index} is none of {count} jobs"))
                .hint(format!("the jobs of --shard-count {count} are 0 to {}", count.saturating_sub(1))))
        }
        (given, _) => {
            let lacks = if given.is_some() { "--shard-count" } else { "--shard-index" };
            Err(Error::usage(format!("--shard-index and --shard-count go together, but there is no {lacks}"))
                .hint("job I of N has --shard-index I --shard-count N, I from 0"))
        }
    }
}

/// What one run over all shards would have counted.
pub(super) struct Whole {
    pub(super) total: CountsFile,
    /// Counts per group of `--by`, by name.
    pub(super) groups: Vec<(String, CountsFile)>,
    pub(super) spec: Spec,
    pub(super) facts: RowFacts,
    pub(super) shards: u64,
}

/// Jobs named in a message.
const SHOWN: usize = 10;

/// Merges the counts in `files` where they are of jobs; `None` where they are of whole runs.
///
/// # Errors
/// [`Error::Input`] when a job is missing, appears twice or was asked for something else,
/// [`Error::Changed`] when the jobs listed different shards.
pub(super) fn whole(files: &[(PathBuf, CountsFile)]) -> Result<Option<Whole>> {
    let mut parts: Vec<_> =
        files.iter().filter_map(|(path, file)| Some((path, file, file.part.as_ref()?))).collect();
    let Some(&(first_path, _, first)) = parts.first() else { return Ok(None) };
    if let Some((path, _)) = files.iter().find(|(_, file)| file.part.is_none()) {
        let (index, count) = (first.index, first.count);
        let (first, other) = (first_path.display(), path.display());
        return Err(Error::input(format!(
            "{first} is of job {index} of {count}, but {other} is of a whole run"
        ))
        .hint("merge all jobs of one run alone, then that with others"));
    }
    parts.sort_by_key(|(_, _, part)| part.index);
    check(&parts.iter().map(|(_, _, part)| *part).collect::<Vec<_>>())?;
    let mut spec: Spec = serde_json::from_value(first.spec.clone()).map_err(|cause| {
        Error::input(format!("{}: {cause}", first_path.display())).hint("run the jobs again")
    })?;
    let mut facts = RowFacts { null_elements: 0, listed: 0, skipped_shards: 0, ..first.facts.clone() };
    let mut total: Option<CountsFile> = None;
    for (path, file, part) in &parts {
        facts.null_elements += part.facts.null_elements;
        facts.listed += part.facts.listed;
        facts.skipped_shards += part.facts.skipped_shards;
        facts.empty_cells |= part.facts.empty_cells;
        let before = total.take().map_or_else(|| Ok((*file).clone()), |before| before.merge(file));
        total = Some(before.map_err(|error| error.at(path.display()))?);
    }
    let mut total = total.ok_or_else(|| Error::internal("there are no parts"))?;
    if let Some(rows) = spec.num_rows {
        let rest = if first.rest_is_missing { Cell::Missing } else { Cell::Negative };
        total.counts = total.counts.with_rows(rows, rest)?;
    }
    total.part = None;
    let groups = merged_groups(parts.iter().map(|(path, ..)| path.as_path()), &total)?;
    spec = spec.meaning();
    let shards = parts.iter().map(|(_, _, part)| part.shards).sum();
    Ok(Some(Whole { total, groups, spec, facts, shards }))
}

/// Whether these are all jobs of one run. They are in their order.
fn check(parts: &[&JobPart]) -> Result<()> {
    let Some(first) = parts.first() else { return Ok(()) };
    let (count, again) = (first.count, "run those jobs again, or leave out what is of another run");
    if let Some(other) = parts.iter().find(|part| part.count != count || part.spec != first.spec) {
        let what = format!(
            "job {} of {count} and job {} of {} were asked for different things",
            first.index, other.index, other.count
        );
        return Err(Error::input(what).hint(again));
    }
    if let Some(other) = parts.iter().find(|part| part.whole != first.whole) {
        return Err(Error::changed(format!(
            "job {} and job {} of {count} listed different shards",
            first.index, other.index
        ))
        .hint("run the jobs again once nothing writes to the shards"));
    }
    if let Some(pair) = parts.windows(2).find(|pair| pair[0].index == pair[1].index) {
        return Err(Error::input(format!("job {} of {count} appears twice", pair[0].index)).hint(again));
    }
    let there: BTreeSet<u64> = parts.iter().map(|part| part.index).collect();
    let missing = count - there.len() as u64;
    if missing > 0 {
        let some: Vec<String> =
            (0..count).filter(|index| !there.contains(index)).take(SHOWN).map(|i| i.to_string()).collect();
        let more = if missing > SHOWN as u64 { ", …" } else { "" };
        return Err(Error::input(format!(
            "{missing} of {} {} missing: {}{more}",
            plural(count, "job"),
            if missing == 1 { "is" } else { "are" },
            some.join(", ")
        ))
        .hint("name the results of all jobs"));
    }
    Ok(())
}

/// The groups beside the counts at `paths`, merged by their values.
fn merged_groups<'p>(
    paths: impl Iterator<Item = &'p Path>,
    total: &CountsFile,
) -> Result<Vec<(String, CountsFile)>> {
    let mut groups: BTreeMap<Vec<Option<String>>, CountsFile> = BTreeMap::new();
    for path in paths {
        for beside in group_files(path)? {
            let group = read_counts(&beside)?;
            let key = group.group.iter().map(|(_, value)| value.clone()).collect();
            let merged = match groups.remove(&key) {
                None => group,
                Some(before) => before.merge(&group).map_err(|error| error.at(beside.display()))?,
            };
            groups.insert(key, merged);
        }
    }
    // A job that counted no row has a group of none.
    if groups.values().any(|group| group.counts.rows() > 0) {
        groups.retain(|_, group| group.counts.rows() > 0);
    }
    let groups = groups.into_values().map(|mut group| {
        group.counts = group.counts.spread_to(&total.counts)?;
        group.fingerprint.clone_from(&total.fingerprint);
        group.provenance.mixed.clone_from(&total.provenance.mixed);
        Ok((group_name(&group.group), group))
    });
    groups.collect()
}

/// The groups of results that were finished; in words why there are none, where some have groups.
///
/// # Errors
/// [`Error::Input`] when the counts of a group cannot be read.
pub(super) fn groups_of(
    files: &[(PathBuf, CountsFile)],
    total: &CountsFile,
) -> Result<std::result::Result<Vec<(String, CountsFile)>, String>> {
    let mut columns = Vec::new();
    for (path, file) in files {
        // The groups of a group would be those of the whole it lies in.
        let first = group_files(path)?.into_iter().next().filter(|_| file.group.is_empty());
        let group = first.map(|group| read_counts(&group)).transpose()?.map(|group| group.group);
        let names = group.unwrap_or_default().into_iter().map(|(column, _)| column);
        columns.push((path, names.collect::<Vec<String>>()));
    }
    let Some((first, by)) = columns.iter().find(|(_, by)| !by.is_empty()) else { return Ok(Ok(Vec::new())) };
    if let Some((path, other)) = columns.iter().find(|(_, other)| other != by) {
        let other =
            if other.is_empty() { "none".to_owned() } else { format!("those of {}", other.join(", ")) };
        return Ok(Err(format!(
            "the groups of --by are left out: {} has groups of {}, {} has {other}",
            first.display(),
            by.join(", "),
            path.display()
        )));
    }
    merged_groups(files.iter().map(|(path, _)| path.as_path()), total).map(Ok)
}
