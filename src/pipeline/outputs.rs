//! Writes everything that is made from counts into a staged folder.

use serde_json::Value as Json;

use super::derived::Derived;
use crate::artifact::catalog::{Contents, ResultFile, wanted, wanted_with_pairs};
use crate::artifact::publish::{StagedFile, Staging};
use crate::counts::{CountUnit, LabelCounts};
use crate::drift::Drift;
use crate::error::{Result, plural};
use crate::findings::RowFacts;
use crate::groups::compare;
use crate::report::Report;
use crate::row_measures::RowMeasures;

/// The folder of a group inside a result: nothing in its name leaves the result or hides it.
pub(crate) fn group_folder(name: &str) -> String {
    let safe = |c: char| c.is_alphanumeric() || "=,-_. ".contains(c);
    let name = name.chars().map(|c| if safe(c) { c.to_string() } else { format!("%{:02X}", u32::from(c)) });
    format!("by/{}/", name.collect::<String>())
}

/// The files that every result in these formats has, whatever is counted.
pub(super) fn names(formats: &[String]) -> impl Iterator<Item = &'static str> {
    wanted(formats).map(|file| file.name)
}

/// `16 shards, layout wide`.
pub(super) fn source(shards: u64, layout: &str, unit: CountUnit) -> String {
    let units = if unit == CountUnit::Row { "" } else { ", elements as units" };
    format!("{}, layout {layout}{units}", plural(shards, "shard"))
}

/// `split=train,year=2024`.
pub(super) fn group_name(group: &[(String, Option<String>)]) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    group.iter().map(|(name, v)| format!("{name}={}", value(v))).collect::<Vec<_>>().join(",")
}

/// `facts` with the findings of `groups`, whose rows are those of `counts`.
pub(super) fn with_groups(
    facts: RowFacts,
    counts: &LabelCounts,
    rows: Option<&RowMeasures>,
    groups: &[(String, Derived)],
) -> RowFacts {
    let groups: Vec<_> = groups.iter().map(|(name, group)| group.as_group(name)).collect();
    RowFacts { groups: compare(counts, rows, &groups), ..facts }
}

/// What is written, and where inside the output folder.
#[derive(Clone, Copy)]
pub(crate) struct WriteRequest<'a> {
    pub(crate) folder: &'a str,
    pub(crate) formats: &'a [String],
    pub(crate) spec: &'a Json,
    /// Threads that write.
    pub(crate) threads: usize,
}

/// Writes the files of a result and of each of its groups, made from `source`.
pub(crate) fn write_all(
    staging: &mut Staging,
    derived: &Derived,
    groups: &[(String, Derived)],
    source: &str,
    drift: Option<(&str, &Drift<'_>)>,
    request: &WriteRequest<'_>,
) -> Result<()> {
    let report = || derived.report(source.to_owned(), groups, drift);
    write(staging, derived, &report, request)?;
    for (name, group) in groups {
        let folder = group_folder(name);
        let report = || group.report(format!("{source}, {name}"), &[], None);
        write(staging, group, &report, &WriteRequest { folder: &folder, ..*request })?;
    }
    Ok(())
}

/// Writes the files of one result; `report` is called for each file that needs one.
fn write<'a>(
    staging: &mut Staging,
    derived: &'a Derived,
    report: &'a (dyn Fn() -> Report<'a> + Sync),
    request: &WriteRequest<'a>,
) -> Result<()> {
    let contents = Contents {
        file: &derived.file,
        weights: &derived.weights,
        failed_checks: &derived.failed_checks,
        pairs: derived.rows.as_ref().and_then(|rows| rows.pairs.as_ref()),
        report,
        spec: request.spec,
        threads: request.threads,
    };
    let file = |file: &'static ResultFile| StagedFile {
        name: format!("{}{}", request.folder, file.name),
        write: Box::new(move |out| file.write(out, &contents)),
    };
    let files: Vec<StagedFile<'_>> = if contents.pairs.is_some() {
        wanted_with_pairs(request.formats).map(file).collect()
    } else {
        wanted(request.formats).map(file).collect()
    };
    staging.files(files, request.threads)
}
