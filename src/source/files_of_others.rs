//! Files beside the shards that hold something else, such as the names of classes.

use super::candidates::Candidate;
use super::column_names::{NameRank, rank_of_name};
use super::layout::Layout;
use super::shards::Shard;
use crate::error::{Error, Result, for_shell};

/// Sets of columns that are compared.
const KINDS_MAX: usize = 16;

/// Asks where two files have a column each that the other lacks, beside the labels: one of them may hold no rows of labels.
/// Columns that were added, or left out, are no question.
///
/// # Errors
/// [`Error::Usage`] with the two files.
pub(super) fn check_columns(shards: &[Shard], layout: &Layout, flags: &str) -> Result<()> {
    match differing(shards, &layout.labels) {
        Some(asked) => Err(asked.told(Some(flags))),
        None => Ok(()),
    }
}

/// What is asked where no reading is sure: which files hold labels, if they differ, or else as it was `asked`, with a file
/// that lacks a column of the first of the `candidates`.
pub(super) fn files_apart(shards: &[Shard], asked: Error, candidates: &[Candidate]) -> Error {
    if let Some(files) = differing(shards, &[]) {
        return files.told(None);
    }
    match candidates.first().and_then(|best| lacking(shards, best.labels.first()?)) {
        Some(told) => asked.because(told),
        None => asked,
    }
}

/// A file that lacks a column which another has, as a sentence that says what to do.
fn lacking(shards: &[Shard], column: &str) -> Option<String> {
    let (with, without): (Vec<&Shard>, Vec<&Shard>) =
        shards.iter().partition(|shard| names(shard).any(|name| name == column));
    let (has, lacks) = (with.first()?, without.first()?);
    Some(format!(
        "{:?} has no column {column:?}, as {:?} has: name the files with labels alone, such as {}, or add \
         --missing-columns missing to the flags below, so that its rows are not labelled",
        lacks.name,
        has.name,
        for_shell(&has.name)
    ))
}

/// Two files with a column each that the other lacks, and one to begin with: the widest of those that have labels.
struct DifferingFiles<'s> {
    files: [&'s Shard; 2],
    columns: [&'s str; 2],
    widest: &'s Shard,
}

impl DifferingFiles<'_> {
    fn told(&self, flags: Option<&str>) -> Error {
        let [one, other] = self.files;
        let [own, missing] = self.columns;
        let both = flags.map(|flags| format!("; if both do, say so with {flags}")).unwrap_or_default();
        let alone = format!("name the shards alone, such as {}", for_shell(&self.widest.name));
        Error::usage(format!(
            "do both hold rows with labels? {:?} has a column {own:?} and none {missing:?}, and in {:?} it is the other \
             way round",
            one.name, other.name
        ))
        .hint(format!("{alone}{both}"))
    }
}

fn differing<'s>(shards: &'s [Shard], labels: &[String]) -> Option<DifferingFiles<'s>> {
    let mut kinds: Vec<&Shard> = Vec::new();
    for shard in shards.iter().filter(|shard| shard.table.is_none()) {
        if !kinds.iter().any(|known| names(known).eq(names(shard))) {
            kinds.push(shard);
        }
        if kinds.len() > KINDS_MAX {
            return None;
        }
    }
    let is_label = |name: &String| match labels {
        [] => rank_of_name(name) == NameRank::Exact,
        labels => labels.contains(name),
    };
    let has_labels = |shard: &Shard| names(shard).any(is_label);
    let widest = kinds.iter().max_by_key(|shard| (has_labels(shard), shard.schema.fields().len()))?;
    let lacks = |one: &'s Shard, other: &Shard| {
        let has = |name: &str| other.schema.field_with_name(name).is_ok();
        names(one).find(|name| !labels.contains(name) && !has(name)).map(String::as_str)
    };
    kinds.iter().enumerate().find_map(|(at, one)| {
        kinds[..at].iter().find_map(|other| {
            let columns = [lacks(one, other)?, lacks(other, one)?];
            Some(DifferingFiles { files: [one, other], columns, widest })
        })
    })
}

/// The names of the columns of a file.
fn names(shard: &Shard) -> impl Iterator<Item = &String> {
    shard.schema.fields().iter().map(|field| field.name())
}
