//! Columns whose row holds a set of labels, row by row.

use std::collections::HashMap;

use super::batches::{RowBatches, Slots, TakeRows, each_row};
use crate::error::Result;
use crate::label_sets::LabelSets;
use crate::pages::format::bits::Bits;
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::{Coding, DataPage, open};
use crate::pages::format::dictionary::Dictionary;
use crate::pages::format::leaf::LeafColumn;
use crate::pages::format::levels::validity;
use crate::pages::format::nesting::{Nesting, several_lists};
use crate::pages::format::plain::PlainValues;
use crate::pages::format::slots::{BLOCK, Levels, SlotBlock, ones};
use crate::pages::format::stream::{Item, ValueStream};
use crate::pages::format::texts::TextCutter;
use crate::pages::lookup::{LabelSet, Lookup, NO_LABEL};
use crate::pages::outcome::{ChunkOutcome, Step};
use crate::pages::value::StoredValue;

/// Passes the rows of a column of sets of `labels` labels to `give`, in batches that are built in `sets`. On
/// [`ChunkOutcome::Unsupported`] and on an error some rows may have been passed already.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a page contradicts itself or the footer; any error of `give`.
pub(crate) fn rows_of_sets(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    meaning: &mut dyn LabelSet,
    labels: usize,
    sets: &mut LabelSets,
    give: TakeRows<'_>,
) -> Result<ChunkOutcome<()>> {
    let mut rows = RowBatches::new(chunk, sets, labels, give);
    let step = read(chunk, None, workspace, meaning, &mut rows);
    rows.settle(step)
}

/// Like `rows_of_sets`, but of a column with any number of lists and structs around its values, as
/// [`count_nested_sets`](crate::pages::count_nested_sets) counts it.
///
/// # Errors
/// As `rows_of_sets`.
pub(crate) fn rows_of_nested_sets(
    chunk: &Chunk<'_>,
    nesting: &Nesting,
    workspace: &mut Workspace,
    meaning: &mut dyn LabelSet,
    labels: usize,
    sets: &mut LabelSets,
    give: TakeRows<'_>,
) -> Result<ChunkOutcome<()>> {
    let mut rows = RowBatches::new(chunk, sets, labels, give);
    let step = read(chunk, Some(nesting), workspace, meaning, &mut rows);
    rows.settle(step)
}

fn read(
    chunk: &Chunk<'_>,
    nesting: Option<&Nesting>,
    workspace: &mut Workspace,
    meaning: &mut dyn LabelSet,
    rows: &mut RowBatches<'_, '_>,
) -> Step<()> {
    let mut lookup = Lookup::new(meaning);
    let leaf = LeafColumn::of(chunk.meta.column_descr())?;
    if leaf.max_rep == 0 {
        return values(chunk, workspace, &mut lookup, rows);
    }
    lists(chunk, several_lists(leaf, nesting)?, workspace, &mut lookup, rows)
}

/// The labels of values, looked up once per dictionary entry.
struct Meanings<'m, 'l, 'a> {
    leaf: LeafColumn,
    dictionary: Dictionary<'a>,
    lookup: &'m mut Lookup<'l>,
    /// Labels of entries; `None` is missing, and an invalid entry has no labels.
    known: HashMap<u32, Option<Box<[u32]>>>,
    /// By entry, its label where it has just one.
    single: Vec<u32>,
}

/// An entry that was not met, or does not have just one label.
const NOT_SINGLE: u32 = u32::MAX;

impl<'m, 'l, 'a> Meanings<'m, 'l, 'a> {
    fn new(leaf: LeafColumn, dictionary: Dictionary<'a>, lookup: &'m mut Lookup<'l>) -> Self {
        let single = vec![NOT_SINGLE; dictionary.len()];
        Self { leaf, dictionary, lookup, known: HashMap::new(), single }
    }

    fn ask(&mut self, value: StoredValue<'_>) -> Option<&[u32]> {
        if self.lookup.is_missing(value) {
            return None;
        }
        Some(self.lookup.labels(value).unwrap_or_default())
    }

    fn entry(&mut self, index: u32) -> Step<Option<&[u32]>> {
        if !self.known.contains_key(&index) {
            self.dictionary.check(&[index])?;
            let labels: Option<Box<[u32]>> = self.ask(self.dictionary.value(index as usize)).map(Box::from);
            if let Some([label]) = labels.as_deref() {
                self.single[index as usize] = *label;
            }
            self.known.insert(index, labels);
        }
        Ok(self.known.get(&index).and_then(Option::as_deref))
    }

    /// The labels of a value; `None` when it is missing.
    fn of(&mut self, item: Item<'_>) -> Step<Option<&[u32]>> {
        match item {
            Item::Entry(index) => self.entry(index),
            Item::Single(raw) => {
                let value = self.leaf.value(raw);
                Ok(self.ask(value))
            }
        }
    }

    /// Puts the labels of the next `out.len()` values there, if each has just one; else takes none of them.
    fn singles(&mut self, stream: &mut ValueStream<'_>, out: &mut [u32]) -> Step<bool> {
        if let Some(indices) = stream.indices() {
            self.dictionary.check(indices)?;
            let look = |single: &[u32], out: &mut [u32]| {
                out.iter_mut().zip(indices).for_each(|(out, index)| *out = single[*index as usize]);
                !out.contains(&NOT_SINGLE)
            };
            if look(&self.single, out) {
                return Ok(true);
            }
            for &index in indices {
                self.entry(index)?;
            }
            return Ok(look(&self.single, out));
        }
        let bound = self.lookup.bound();
        match stream.plain() {
            Some(values) if self.leaf.is_integer() => values.words_below(bound, out),
            _ => Ok(false),
        }
    }
}

/// One value in each row.
fn values(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    lookup: &mut Lookup<'_>,
    rows: &mut RowBatches<'_, '_>,
) -> Step<()> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let mut meanings = Meanings::new(leaf, dictionary, lookup);
    let mut valid = Bits::default();
    let mut texts = RowsOfTexts::default();
    while let Some(page) = pages.next()? {
        let present = validity(leaf, &page, &mut valid)?;
        let has = |slot: usize| present == page.slots || valid.word(slot, 1) == 1;
        if leaf.is_text() && page.coding == Coding::Plain && texts.read(&page, &has, &mut meanings, rows)? {
            continue;
        }
        let mut stream = ValueStream::new(leaf, &page)?;
        for start in (0..page.slots).step_by(BLOCK) {
            let end = page.slots.min(start + BLOCK);
            stream.block((start..end).filter(|slot| has(*slot)).count())?;
            for slot in start..end {
                let labels = if has(slot) { meanings.of(stream.next()?)? } else { None };
                rows.begin(labels.is_none())?;
                rows.sets.extend(labels.unwrap_or_default());
            }
        }
        stream.finish()?;
    }
    rows.finish()
}

/// Reads plain texts, many at a time.
#[derive(Default)]
struct RowsOfTexts {
    cutter: TextCutter,
    labels: Vec<u32>,
    /// Where the labels of each text end.
    ends: Vec<usize>,
}

impl RowsOfTexts {
    /// Gives the rows of a page; `has` says of each slot whether it has a value. False, and no row is given, where texts
    /// are looked up one by one.
    fn read(
        &mut self,
        page: &DataPage<'_>,
        has: &dyn Fn(usize) -> bool,
        meanings: &mut Meanings<'_, '_, '_>,
        rows: &mut RowBatches<'_, '_>,
    ) -> Step<bool> {
        let Some(by) = meanings.lookup.separator().filter(|_| TextCutter::can_cut(page.values)) else {
            return Ok(false);
        };
        let mut at = 0;
        for start in (0..page.slots).step_by(BLOCK) {
            let slots = start..page.slots.min(start + BLOCK);
            let texts = slots.clone().filter(|slot| has(*slot)).count();
            let (parts, end) = self.cutter.cut(page.values, at, texts, by)?;
            let are_read = meanings.lookup.part_labels(parts, &mut self.labels);
            let (labels, ends) = (&mut self.labels, &mut self.ends);
            ends.clear();
            let mut kept = 0;
            for (part, is_last) in parts.lasts().enumerate().take(if are_read { parts.len() } else { 0 }) {
                labels[kept] = labels[part];
                kept += usize::from(labels[kept] != NO_LABEL);
                if is_last {
                    ends.push(kept);
                }
            }
            let mut plain = PlainValues::new(meanings.leaf.physical, &page.values[at..end]);
            let (mut from, mut ends) = (0, ends.iter());
            for slot in slots {
                if !has(slot) {
                    rows.begin(true)?;
                } else if are_read {
                    let to = ends.next().copied().unwrap_or(from);
                    rows.begin(false)?;
                    rows.sets.extend(&labels[from..to]);
                    from = to;
                } else {
                    let found = meanings.of(Item::Single(plain.next()?))?;
                    rows.begin(found.is_none())?;
                    rows.sets.extend(found.unwrap_or_default());
                }
            }
            at = end;
        }
        Ok(true)
    }
}

/// A list in each row.
fn lists(
    chunk: &Chunk<'_>,
    nesting: Option<&Nesting>,
    workspace: &mut Workspace,
    lookup: &mut Lookup<'_>,
    rows: &mut RowBatches<'_, '_>,
) -> Step<()> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let mut meanings = Meanings::new(leaf, dictionary, lookup);
    let (mut block, mut labels) = (SlotBlock::new(), Vec::new());
    while let Some(page) = pages.next()? {
        let mut levels = Levels::nested(leaf, nesting, &page)?;
        let mut stream = ValueStream::new(leaf, &page)?;
        while levels.next(&mut block)? {
            let count = ones(&block.values);
            stream.block(count)?;
            labels.resize(count, 0);
            let singles = meanings.singles(&mut stream, &mut labels)?;
            if singles && rows.block(&block, &labels)? {
                continue;
            }
            let mut left = &labels[..];
            each_row(&block, &block.values, |step| match step {
                Slots::Row { null } => rows.begin(null),
                Slots::More { len, .. } if singles => {
                    let (now, rest) = left.split_at(len.min(left.len()));
                    left = rest;
                    rows.sets.extend(now);
                    Ok(())
                }
                Slots::More { len, .. } => {
                    for _ in 0..len {
                        rows.sets.extend(meanings.of(stream.next()?)?.unwrap_or_default());
                    }
                    Ok(())
                }
            })?;
        }
        stream.finish()?;
    }
    rows.finish()
}
