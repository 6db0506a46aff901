//! Columns whose row holds a set of labels, row by row.

use std::collections::HashMap;

use super::chunk::{Workspace, open};
use super::dictionary::Dictionary;
use super::leaf::LeafColumn;
use super::lists::wrong_rows;
use super::marks::{Marks, ValueMarker, deposit, side_of, take, validity};
use super::packed::low_bits;
use super::rows::{BLOCK, Bitmap, Levels, SlotBlock, ones};
use super::sets::{LabelSet, Lookup};
use super::stream::{Item, ValueStream};
use super::{Chunk, ChunkOutcome, Step, Stop, StoredValue, settle, unsupported};
use crate::counts::Cell;
use crate::error::{Error, Result};
use crate::label_sets::LabelSets;

/// Rows given at a time, about.
const ROWS: usize = 4096;
/// Labels after which fewer rows are given.
const LABELS: usize = 1 << 20;

/// Takes the next rows of a chunk.
pub type TakeRows<'t> = &'t mut dyn FnMut(&mut LabelSets) -> Result<()>;

/// Rows on their way to whoever takes them.
struct RowBatches<'s, 't> {
    sets: &'s mut LabelSets,
    labels: usize,
    take: TakeRows<'t>,
    /// Rows that ended, and rows of the row group.
    rows: u64,
    expected: u64,
    /// Whether a row has begun, and whether it says nothing.
    begun: bool,
    silent: bool,
    failed: Option<Error>,
}

impl<'s, 't> RowBatches<'s, 't> {
    fn new(chunk: &Chunk<'_>, sets: &'s mut LabelSets, labels: usize, take: TakeRows<'t>) -> Self {
        sets.clear(labels);
        let expected = chunk.rows;
        Self { sets, labels, take, rows: 0, expected, begun: false, silent: false, failed: None }
    }

    /// Begins a row; the one before ends.
    #[inline]
    fn begin(&mut self, silent: bool) -> Step<()> {
        self.end()?;
        (self.begun, self.silent) = (true, silent);
        Ok(())
    }

    #[inline]
    fn end(&mut self) -> Step<()> {
        if !std::mem::take(&mut self.begun) {
            return Ok(());
        }
        if self.silent {
            self.sets.end_silent_row();
        } else {
            self.sets.end_row();
        }
        self.rows += 1;
        if self.rows > self.expected {
            return Err(wrong_rows(self.rows, self.expected));
        }
        if self.sets.rows() >= ROWS || self.sets.size() >= LABELS { self.give() } else { Ok(()) }
    }

    fn give(&mut self) -> Step<()> {
        if self.sets.rows() == 0 {
            return Ok(());
        }
        let taken = (self.take)(self.sets);
        self.sets.clear(self.labels);
        taken.map_err(|error| {
            self.failed = Some(error);
            // It is replaced by that error.
            Stop::Corrupt(String::new())
        })
    }

    /// Gives what is left.
    fn finish(&mut self) -> Step<()> {
        self.end()?;
        if self.rows != self.expected {
            return Err(wrong_rows(self.rows, self.expected));
        }
        self.give()
    }

    fn settle(self, step: Step<()>) -> Result<ChunkOutcome<()>> {
        match self.failed {
            Some(error) => Err(error),
            None => settle(step),
        }
    }
}

/// Gives the rows of a column of sets of `labels` labels, some at a time, by `sets`. On
/// [`ChunkOutcome::Unsupported`] some rows may have been given already.
///
/// # Errors
/// [`Error::Input`] when a page contradicts itself or the footer, and those of `give`.
pub fn rows_of_sets(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    meaning: &mut dyn LabelSet,
    labels: usize,
    sets: &mut LabelSets,
    give: TakeRows<'_>,
) -> Result<ChunkOutcome<()>> {
    let mut rows = RowBatches::new(chunk, sets, labels, give);
    let mut lookup = Lookup::new(meaning);
    let step = match LeafColumn::of(chunk.meta.column_descr()).map(|leaf| leaf.max_rep) {
        Ok(0) => values(chunk, workspace, &mut lookup, &mut rows),
        Ok(1) => lists(chunk, workspace, &mut lookup, &mut rows),
        Ok(lists) => unsupported(format!("{lists} lists inside each other")),
        Err(stop) => Err(stop),
    };
    rows.settle(step)
}

/// What values stand for, asked once per dictionary entry.
struct Meanings<'m, 'l, 'a> {
    leaf: LeafColumn,
    dictionary: Dictionary<'a>,
    lookup: &'m mut Lookup<'l>,
    /// Labels of entries; `None` says nothing, and what has no meaning has no labels.
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

    /// The labels of a value; `None` when it says nothing.
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
    let mut valid = Vec::new();
    while let Some(page) = pages.next()? {
        let present = validity(leaf, &page, &mut valid)?;
        let has = |slot: usize| present == page.slots || valid[slot / 64] >> (slot % 64) & 1 == 1;
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

/// A list in each row.
fn lists(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    lookup: &mut Lookup<'_>,
    rows: &mut RowBatches<'_, '_>,
) -> Step<()> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let mut meanings = Meanings::new(leaf, dictionary, lookup);
    let (mut block, mut labels) = (SlotBlock::new(), Vec::new());
    while let Some(page) = pages.next()? {
        let mut levels = Levels::new(leaf, &page)?;
        let mut stream = ValueStream::new(leaf, &page)?;
        while levels.next(&mut block)? {
            let count = ones(&block.values);
            stream.block(count)?;
            labels.resize(count, 0);
            let singles = meanings.singles(&mut stream, &mut labels)?;
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

/// What comes next in the slots of a block.
enum Slots {
    /// A row begins.
    Row {
        /// Its list is NULL.
        null: bool,
    },
    /// The row at hand goes on.
    More {
        /// The first slot.
        at: usize,
        /// So many slots of interest.
        len: usize,
    },
}

/// Goes through the rows of a block; `wanted` are the slots of interest.
#[inline]
fn each_row(block: &SlotBlock, wanted: &Bitmap, mut each: impl FnMut(Slots) -> Step<()>) -> Step<()> {
    let words = block.starts.iter().zip(&block.nulls).zip(wanted).take(block.len.div_ceil(64));
    for (word, ((&starts, &nulls), &wanted)) in words.enumerate() {
        let (mut starts, mut from) = (starts, 0);
        loop {
            let bit = if starts == 0 { 64 } else { starts.trailing_zeros() as usize };
            let len = (wanted & low_bits(bit) & !low_bits(from)).count_ones() as usize;
            if len > 0 {
                each(Slots::More { at: word * 64 + from, len })?;
            }
            if bit == 64 {
                break;
            }
            each(Slots::Row { null: nulls >> bit & 1 == 1 })?;
            from = bit;
            starts &= starts - 1;
        }
    }
    Ok(())
}

/// Gives the rows of a column of lists in which position i is label i of `labels`. `cell` says on which side a
/// value falls, whatever its position; otherwise as [`rows_of_sets`].
///
/// # Errors
/// [`Error::Input`] when a page contradicts itself or the footer, and those of `give`.
pub fn rows_of_vectors(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    cell: &dyn Fn(StoredValue<'_>) -> Cell,
    labels: usize,
    sets: &mut LabelSets,
    give: TakeRows<'_>,
) -> Result<ChunkOutcome<()>> {
    let mut rows = RowBatches::new(chunk, sets, labels, give);
    let step = vectors(chunk, workspace, cell, labels, &mut rows);
    rows.settle(step)
}

fn vectors(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    cell: &dyn Fn(StoredValue<'_>) -> Cell,
    labels: usize,
    rows: &mut RowBatches<'_, '_>,
) -> Step<()> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    if leaf.max_rep != 1 {
        return unsupported(format!("{} lists inside each other where one was expected", leaf.max_rep));
    }
    let side = |value: StoredValue<'_>| side_of(cell(value));
    let reader = ValueMarker::new(leaf, dictionary, &side);
    let (mut block, mut marks, mut position) = (SlotBlock::new(), Marks::default(), 0);
    let [mut positives, mut unknown]: [Bitmap; 2] = [[0; BLOCK / 64]; 2];
    while let Some(page) = pages.next()? {
        let mut count = 0;
        let mut levels = Levels::new(leaf, &page)?;
        // Where a list of the page before may go on is known later.
        let mut ahead = SlotBlock { open: true, ..SlotBlock::new() };
        while levels.next(&mut ahead)? {
            count += ones(&ahead.values);
        }
        marks.clear(count);
        reader.page(&page, count, &mut marks)?;
        let (mut levels, mut seen) = (Levels::new(leaf, &page)?, 0);
        while levels.next(&mut block)? {
            for (word, &values) in block.values.iter().enumerate().take(block.len.div_ceil(64)) {
                let n = values.count_ones() as usize;
                positives[word] = deposit(take(&marks.positives, seen, n), values);
                unknown[word] =
                    deposit(take(&marks.unknown, seen, n), values) | block.elements[word] & !values;
                seen += n;
            }
            each_row(&block, &block.elements, |step| match step {
                Slots::Row { null } => {
                    position = 0;
                    rows.begin(null)
                }
                Slots::More { at, len } => {
                    let (word, shift) = (at / 64, at % 64);
                    let base = position;
                    let label = |bit: u32| u32::try_from(base + bit as usize).unwrap_or(u32::MAX);
                    // A list that is too long was refused when it was counted.
                    let fits = low_bits(len.min(labels.saturating_sub(base)));
                    each_bit(positives[word] >> shift & fits, |bit| rows.sets.add(label(bit)));
                    each_bit(unknown[word] >> shift & fits, |bit| rows.sets.add_unknown(label(bit)));
                    position += len;
                    Ok(())
                }
            })?;
        }
    }
    rows.finish()
}

/// Calls `each` with every bit that is set, from the lowest on.
#[inline]
fn each_bit(word: u64, mut each: impl FnMut(u32)) {
    let mut word = word;
    while word != 0 {
        each(word.trailing_zeros());
        word &= word - 1;
    }
}
