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

/// The folder of a group inside a result: no two groups have the same, nothing in its name leaves the result or hides
/// it, and NULL is called as Hive calls it. Bytes of UTF-8 that are no plain character are `%` and two digits.
fn group_folder(group: &[(String, Option<String>)]) -> String {
    const NULL: &str = "__HIVE_DEFAULT_PARTITION__";
    let safe = |c: char| c.is_alphanumeric() || "-_. ".contains(c);
    let escaped = |text: &str| -> String {
        let byte = |byte: &u8| format!("%{byte:02X}");
        let character = |c: char| match c {
            c if safe(c) => c.to_string(),
            c => c.encode_utf8(&mut [0; 4]).as_bytes().iter().map(byte).collect(),
        };
        text.chars().map(character).collect()
    };
    let value = |value: &Option<String>| match value.as_deref() {
        None => NULL.to_owned(),
        Some(NULL) => NULL.replacen('_', "%5F", 1),
        Some(text) => escaped(text),
    };
    let parts = group.iter().map(|(column, text)| format!("{}={}", escaped(column), value(text)));
    format!("by/{}/", parts.collect::<Vec<_>>().join(","))
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

/// `split=train,year=2024`. No two groups have the same name: a text that could be taken for more than itself is in
/// quotes.
pub(super) fn group_name(group: &[(String, Option<String>)]) -> String {
    let text = |text: &str| {
        let is_plain = text != "NULL" && !text.contains([',', '=', '"']);
        if is_plain { text.to_owned() } else { format!("{text:?}") }
    };
    let value = |value: &Option<String>| value.as_deref().map_or_else(|| "NULL".to_owned(), text);
    group.iter().map(|(name, v)| format!("{}={}", text(name), value(v))).collect::<Vec<_>>().join(",")
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
        let folder = group_folder(&group.file.group);
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
        pairs: derived.pairs(),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_groups_have_the_same_folder_or_name() {
        let of = |values: &[(&str, Option<&str>)]| -> Vec<(String, Option<String>)> {
            values.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
        };
        let texts = [
            "NULL",
            "\"NULL\"",
            "null",
            "",
            "__HIVE_DEFAULT_PARTITION__",
            "%5F_HIVE_DEFAULT_PARTITION__",
            "a/b",
            "a%2Fb",
            "\u{1F600}",
            "\u{1F}600",
            "é",
            "e\u{301}",
            "..",
            "a\nb",
            "a\\nb",
        ];
        let mut groups: Vec<_> = texts.iter().map(|text| of(&[("g", Some(text))])).collect();
        groups.push(of(&[("g", None)]));
        groups.push(of(&[("a", Some("x")), ("b", Some("y,b=y"))]));
        groups.push(of(&[("a", Some("x,b=y")), ("b", Some("y"))]));
        groups.push(of(&[("a=x,b", Some("y")), ("b", Some("y"))]));
        groups.push(of(&[("a", Some("x")), ("b", Some("y")), ("b", Some("y"))]));
        let folders: BTreeSet<String> = groups.iter().map(|group| group_folder(group)).collect();
        let names: BTreeSet<String> = groups.iter().map(|group| group_name(group)).collect();
        assert_eq!((folders.len(), names.len()), (groups.len(), groups.len()));
        assert!(folders.iter().all(|folder| folder.matches('/').count() == 2 && !folder.contains('\n')));
        assert_eq!(group_folder(&of(&[("g", None)])), "by/g=__HIVE_DEFAULT_PARTITION__/");
        assert_eq!(
            group_folder(&of(&[("split", Some("train")), ("day", Some("1"))])),
            "by/split=train,day=1/"
        );
        assert_eq!(group_name(&of(&[("split", Some("train")), ("day", None)])), "split=train,day=NULL");
    }
}
