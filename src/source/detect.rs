//! Which layout the shards have where flags leave it open: the reading with the best evidence, if it is far
//! ahead, or else the question with every reading, its cells and its flags.

use std::collections::HashSet;

use arrow::datatypes::Schema;

use super::candidates::Candidate;
use super::files_of_others::{check_columns, files_apart};
use super::first_cells::first_length;
use super::layout::{Layout, LayoutKind, is_text, no_column};
use super::look::{Given, Look};
use super::row_reader::{Enough, RowChoice, read_columns};
use super::schema::plain_type;
use super::shards::Shard;
use crate::error::{Error, Result, plural};

/// A layout and the reason for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Detected {
    /// The layout with its columns.
    pub layout: Layout,
    /// Why, as a sentence for the person who did not say.
    pub why: String,
    /// Every reading that was looked at, the best first; empty where the flags said all.
    pub candidates: Vec<Candidate>,
    /// Columns that may be labels, but are none of those that were found, as a sentence.
    pub left_out: Option<String>,
    /// Flags do not say the layout, or not its separator.
    pub is_guessed: bool,
    /// Columns that nearly name each row beside classes that were guessed.
    pub keys: Vec<String>,
    /// What all rows say of these columns, as a sentence, where it is worth a word.
    pub repeated: Option<String>,
}

/// Completes what the flags leave open.
///
/// # Errors
/// [`Error::Usage`] with the possible readings and the flags that choose between them when in doubt;
/// [`Error::Input`] when a named column does not exist or has the wrong type.
pub(crate) fn detect(shards: &[Shard], schema: &Schema, given: &Given<'_>) -> Result<Detected> {
    let known: HashSet<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    if let Some(missing) = given.labels.iter().find(|name| !known.contains(name.as_str())) {
        return Err(no_column(missing, schema));
    }
    if given.delimiter == Some("") {
        return Err(Error::usage("--delimiter is empty").hint("give the separator, such as ','"));
    }
    let kind = match given.kind {
        Some(kind) => Some((kind, format!("--layout {kind}"))),
        None if given.id.is_some() => Some((LayoutKind::Long, "--id names a row id column".to_owned())),
        None if given.delimiter.is_some() => Some((LayoutKind::Delimited, "--delimiter is given".to_owned())),
        None if let Some(map) = given.map => {
            Some((LayoutKind::Map, format!("{map:?} is a map: its keys are the labels, each with its value")))
        }
        None if given.names_pairs(schema) => {
            let why = format!("--value names the values beside the labels in {:?}", given.labels[0]);
            Some((LayoutKind::Map, why))
        }
        None if given.labels.len() > 1 => Some((
            LayoutKind::Wide,
            format!("--labels names {}", plural(given.labels.len() as u64, "column")),
        )),
        None => None,
    };
    let is_whole = match kind {
        // Whether pairs have a value is asked where the layout was not said.
        Some((LayoutKind::Long, _)) => given.id.is_some() && (given.kind.is_some() || given.value.is_some()),
        Some((LayoutKind::Delimited, _)) => given.delimiter.is_some(),
        Some(_) => true,
        None => false,
    };
    // Where nothing is left open, no row is read.
    let look = if is_whole && !given.labels.is_empty() {
        Look::nothing(schema, given)
    } else {
        Look::at(shards, schema, given)?
    };
    let candidates = look.candidates();
    let is_split = matches!(kind, Some((LayoutKind::Delimited, _)));
    let is_guessed = kind.is_none() || is_split && given.delimiter.is_none();
    let (chosen, why) = if let Some((kind, why)) = kind {
        (look.complete(kind, &candidates)?, why)
    } else {
        look.refuse_unnamed(shards)?;
        candidates.first().map_or(Ok(()), |best| look.refuse_ids_anew(best))?;
        let chosen = look.decide(&candidates).map_err(|asked| files_apart(shards, asked, &candidates))?;
        let why = chosen.why.clone();
        (chosen, why)
    };
    let flags = chosen.flags();
    let Candidate { kind, labels, id, value, delimiter, .. } = chosen;
    if !matches!(kind, LayoutKind::Wide | LayoutKind::Class) && labels.len() > 1 {
        return Err(Error::usage(format!(
            "--labels names {} columns, but layout {kind} reads one",
            labels.len()
        ))
        .hint(
            "name one column, or use --layout wide (a 0/1 column per label) or class (a head per column)",
        ));
    }
    let has_value = matches!(kind, LayoutKind::Long | LayoutKind::Map);
    let value = given.value.filter(|_| has_value).map(str::to_owned).or(value);
    let layout = Layout { kind, labels, id, value, delimiter };
    layout.check(schema)?;
    if is_guessed {
        check_columns(shards, &layout, &flags)?;
    }
    let left_out = look.left_out(&layout);
    let keys = if is_guessed { look.nearly_unique(&layout) } else { Vec::new() };
    Ok(Detected { layout, why, candidates, left_out, is_guessed, keys, repeated: None })
}

/// The length of the first list of a column; `None` when all are null.
///
/// # Errors
/// [`Error::Input`] naming the shard when its rows cannot be read.
pub(crate) fn list_length(shards: &[Shard], column: &str) -> Result<Option<u64>> {
    use arrow::array::AsArray;
    use arrow::compute::{cast, kernels::length::length};
    use arrow::datatypes::{DataType, Int64Type};
    for shard in shards.iter().filter(|shard| shard.rows > 0) {
        let mut first = None;
        read_columns(shard, RowChoice::All, &|name| name == column, &mut |batch| {
            if is_text(&plain_type(batch.column(0).data_type())) {
                first = first_length(batch.column(0));
                return Ok(if first.is_some() { Enough::Yes } else { Enough::No });
            }
            let lengths = length(batch.column(0)).and_then(|lengths| cast(&lengths, &DataType::Int64));
            first =
                lengths.ok().and_then(|lengths| lengths.as_primitive::<Int64Type>().iter().flatten().next());
            Ok(if first.is_some() { Enough::Yes } else { Enough::No })
        })?;
        if let Some(length) = first.and_then(|length| u64::try_from(length).ok()) {
            return Ok(Some(length));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
