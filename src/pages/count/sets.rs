//! Columns whose row holds a set of labels: a list, a delimited string, or one label.

use super::counter::SetCounter;
use super::kept_values::each_kept_value;
use super::lists;
use super::set_count::SetCount;
use super::values::{ValueSink, each_value};
use crate::error::Result;
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::leaf::{LeafColumn, Physical, RawValue};
use crate::pages::format::nesting::{Nesting, several_lists};
use crate::pages::format::plain::PlainValues;
use crate::pages::format::row_mask::RowMask;
use crate::pages::format::texts::TextCutter;
use crate::pages::lookup::{LabelSet, Lookup};
use crate::pages::outcome::{ChunkOutcome, Step, settle};
use crate::pages::value::StoredValue;

/// Counts the labels of a column of sets into `counter`: a list of labels, or without a list one value
/// per row that stands for one or several. A label that a row repeats counts once.
///
/// `labels` is asked once per dictionary entry that occurs, and for plain values once per run of equal
/// values. On [`ChunkOutcome::Unsupported`] and on an error the counter is unchanged.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a page contradicts itself or the footer.
pub(crate) fn count_sets(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    labels: &mut dyn LabelSet,
    counter: &mut SetCounter,
) -> Result<ChunkOutcome<SetCount>> {
    settle(count(chunk, None, None, workspace, labels, counter))
}

/// Like [`count_sets`], but of a column with any number of lists and structs around its values: the labels of a
/// row are all values in it. A row is a null row if its outermost list is NULL, or a struct around that list.
/// Whatever is NULL inside counts as a NULL element; a list without an element adds no label.
///
/// # Errors
/// As [`count_sets`].
pub(crate) fn count_nested_sets(
    chunk: &Chunk<'_>,
    nesting: &Nesting,
    workspace: &mut Workspace,
    labels: &mut dyn LabelSet,
    counter: &mut SetCounter,
) -> Result<ChunkOutcome<SetCount>> {
    settle(count(chunk, Some(nesting), None, workspace, labels, counter))
}

/// Counts the elements of a column with one list around its values: each is a unit with one label. The rows of
/// the count are these units; a NULL element is a null row, a NULL list and an empty one hold no unit.
///
/// # Errors
/// As [`count_sets`].
pub(crate) fn count_elements(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    labels: &mut dyn LabelSet,
    counter: &mut SetCounter,
) -> Result<ChunkOutcome<SetCount>> {
    let mut lookup = Lookup::new(labels);
    let units = counter.attempt(|counter| flat(chunk, None, workspace, &mut lookup, counter).map(Some));
    settle(units.map(Option::unwrap_or_default))
}

/// Like [`count_sets`] and [`count_nested_sets`], but only the rows of `mask`.
///
/// # Errors
/// As [`count_sets`].
pub(crate) fn count_kept_sets(
    chunk: &Chunk<'_>,
    nesting: Option<&Nesting>,
    mask: &RowMask,
    workspace: &mut Workspace,
    labels: &mut dyn LabelSet,
    counter: &mut SetCounter,
) -> Result<ChunkOutcome<SetCount>> {
    settle(count(chunk, nesting, Some(mask), workspace, labels, counter))
}

/// Like [`count_kept_sets`], but of the rows of each of `masks`, which have no row in common, and of a column with lists: in
/// group g, label i has the number i times the groups + g. `None` where the groups have to be counted one by one.
///
/// # Errors
/// As [`count_sets`].
pub(crate) fn count_grouped_sets(
    chunk: &Chunk<'_>,
    nesting: Option<&Nesting>,
    masks: &[&RowMask],
    workspace: &mut Workspace,
    labels: &mut dyn LabelSet,
    counter: &mut SetCounter,
) -> Result<ChunkOutcome<Option<Vec<SetCount>>>> {
    let mut lookup = Lookup::new(labels);
    settle(grouped(chunk, nesting, masks, workspace, &mut lookup, counter))
}

fn grouped(
    chunk: &Chunk<'_>,
    nesting: Option<&Nesting>,
    masks: &[&RowMask],
    workspace: &mut Workspace,
    lookup: &mut Lookup<'_>,
    counter: &mut SetCounter,
) -> Step<Option<Vec<SetCount>>> {
    let leaf = LeafColumn::of(chunk.meta.column_descr())?;
    if leaf.max_rep == 0 {
        return Ok(None);
    }
    lists::count_groups(chunk, several_lists(leaf, nesting)?, masks, workspace, lookup, counter)
}

fn count(
    chunk: &Chunk<'_>,
    nesting: Option<&Nesting>,
    mask: Option<&RowMask>,
    workspace: &mut Workspace,
    labels: &mut dyn LabelSet,
    counter: &mut SetCounter,
) -> Step<SetCount> {
    let mut lookup = Lookup::new(labels);
    let leaf = LeafColumn::of(chunk.meta.column_descr())?;
    if leaf.max_rep == 0 {
        let count =
            counter.attempt(|counter| flat(chunk, mask, workspace, &mut lookup, counter).map(Some))?;
        return Ok(count.unwrap_or_default());
    }
    lists::count(chunk, several_lists(leaf, nesting)?, mask, workspace, &mut lookup, counter)
}

/// One label per value; with a list around the values, each of its elements is a unit.
fn flat(
    chunk: &Chunk<'_>,
    mask: Option<&RowMask>,
    workspace: &mut Workspace,
    lookup: &mut Lookup<'_>,
    counter: &mut SetCounter,
) -> Step<SetCount> {
    let leaf = LeafColumn::of(chunk.meta.column_descr())?;
    several_lists(leaf, None)?;
    let count = SetCount { rows: chunk.rows, ..SetCount::default() };
    let mut rows = FlatRows { lookup, counter, count, cutter: TextCutter::default(), labels: Vec::new() };
    let found = match mask {
        Some(mask) => each_kept_value(chunk, mask, workspace, &mut rows)?,
        None => each_value(chunk, workspace, &mut rows)?,
    };
    let mut count = rows.count;
    count.null_rows += found.nulls;
    if leaf.max_rep > 0 || mask.is_some() {
        count.rows = found.units;
    }
    Ok(count)
}

/// Rows of one value each.
struct FlatRows<'r, 'l> {
    lookup: &'r mut Lookup<'l>,
    counter: &'r mut SetCounter,
    /// Its null rows are those whose value counts as missing.
    count: SetCount,
    cutter: TextCutter,
    labels: Vec<u32>,
}

/// Texts that are cut together: their parts stay close to the processor.
const TEXTS: usize = 512;

impl ValueSink for FlatRows<'_, '_> {
    fn value(&mut self, value: StoredValue<'_>, rows: u64) {
        if self.lookup.is_missing(value) {
            self.count.null_rows += rows;
            return;
        }
        match self.lookup.labels(value) {
            Ok(labels) => self.counter.add(labels, u32::try_from(rows).unwrap_or(u32::MAX)),
            Err(text) => self.count.invalid(&text, rows),
        }
    }

    fn takes_texts(&self) -> bool {
        self.lookup.separator().is_some()
    }

    fn texts(&mut self, bytes: &[u8], len: usize, rows: Option<&[u64]>) -> Step<bool> {
        let Some(separator) = self.lookup.separator().filter(|_| TextCutter::can_cut(bytes)) else {
            return Ok(false);
        };
        let mut at = 0;
        for first in (0..len).step_by(TEXTS) {
            let some = TEXTS.min(len - first);
            let rows = rows.map(|rows| &rows[first..first + some]);
            let (parts, end) = self.cutter.cut(bytes, at, some, separator)?;
            // What no row holds names no label.
            let all_occur = rows.is_none_or(|rows| !rows.contains(&0));
            if all_occur && self.lookup.part_labels(parts, &mut self.labels) {
                self.counter.add_parts(&self.labels, parts.lasts(), rows);
            } else {
                let mut texts = PlainValues::new(Physical::Bytes, &bytes[at..end]);
                for text in 0..some {
                    let rows = rows.map_or(1, |rows| rows[text]);
                    if let RawValue::Bytes(text) = texts.next()?
                        && rows > 0
                    {
                        self.value(StoredValue::Text(text), rows);
                    }
                }
            }
            at = end;
        }
        Ok(true)
    }
}
