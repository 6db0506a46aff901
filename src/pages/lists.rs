//! Lists of labels.
//!
//! A list column is first read in the belief that every value stands for at most one label and that
//! none is invalid: then no row needs to be remembered. Where that turns out wrong the chunk is read
//! again row by row, because an invalid row is positive for no label.

use super::chunk::{Workspace, open};
use super::counter::SetCounter;
use super::dictionary::Dictionary;
use super::leaf::Leaf;
use super::rows::{Block, Levels, ones};
use super::sets::{Lookup, SetCount};
use super::stream::{Item, Stream};
use super::vector::wrong_rows;
use super::{Chunk, Step, corrupt};

/// Counts a chunk into `counter`, which the caller commits or rolls back.
pub(super) fn count(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    lookup: &mut Lookup<'_>,
    counter: &mut SetCounter,
) -> Step<SetCount> {
    if let Some(count) = at_once(chunk, workspace, lookup, counter)? {
        return Ok(count);
    }
    counter.begin();
    row_by_row(chunk, workspace, lookup, counter)
}

/// Rows and nulls of a block; fails when rows are more than the row group has, or have no beginning.
fn tally(count: &mut SetCount, block: &Block, rows: u64) -> Step<()> {
    if count.rows == 0 && block.starts[0] & 1 == 0 {
        return Err(corrupt("the first list has no beginning"));
    }
    count.rows += ones(&block.starts) as u64;
    count.null_rows += ones(&block.nulls) as u64;
    count.null_elements += (ones(&block.elements) - ones(&block.values)) as u64;
    if count.rows > rows { Err(wrong_rows(count.rows, rows)) } else { Ok(()) }
}

/// An entry that was not yet asked for.
const UNSEEN: u32 = u32::MAX - 1;
/// No label; never admitted to a counter.
const NONE: u32 = u32::MAX;

/// `None` when a value stands for several labels or is invalid.
fn at_once(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    lookup: &mut Lookup<'_>,
    counter: &mut SetCounter,
) -> Step<Option<SetCount>> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let mut names = Names { leaf, labels: vec![UNSEEN; dictionary.len()], dictionary, lookup };
    let (mut count, mut block, mut labels) = (SetCount::default(), Block::new(), Vec::new());
    while let Some(page) = pages.next()? {
        let mut levels = Levels::new(leaf, &page)?;
        let mut stream = Stream::new(leaf, &page)?;
        while levels.next(&mut block)? {
            tally(&mut count, &block, chunk.rows)?;
            labels.resize(ones(&block.values), 0);
            stream.block(labels.len())?;
            if !names.write(&mut stream, &mut labels, counter)? {
                return Ok(None);
            }
            counter.add_slots(&block.starts, &block.values, &labels);
        }
        stream.finish()?;
    }
    if count.rows == chunk.rows { Ok(Some(count)) } else { Err(wrong_rows(count.rows, chunk.rows)) }
}

/// Turns values into labels, where each value has at most one.
struct Names<'n, 'l> {
    leaf: Leaf,
    dictionary: Dictionary<'n>,
    /// By entry of the dictionary.
    labels: Vec<u32>,
    lookup: &'n mut Lookup<'l>,
}

impl Names<'_, '_> {
    /// Writes the labels of a block; false when a value has several or is invalid.
    fn write(&mut self, stream: &mut Stream<'_>, out: &mut [u32], counter: &mut SetCounter) -> Step<bool> {
        if let Some(indices) = stream.indices() {
            return self.entries(indices, out, counter);
        }
        if self.leaf.is_integer()
            && let Some(values) = stream.plain()
            && values.words_below(self.lookup.bound(), out)?
        {
            if let Some(highest) = out.iter().max() {
                counter.admit(*highest);
            }
            return Ok(true);
        }
        for out in out {
            let Item::Single(raw) = stream.next()? else { return Ok(false) };
            match one_label(self.lookup.labels(self.leaf.value(raw))) {
                Some(label) => *out = label,
                None => return Ok(false),
            }
            if *out != NONE {
                counter.admit(*out);
            }
        }
        Ok(true)
    }

    fn entries(&mut self, indices: &[u32], out: &mut [u32], counter: &mut SetCounter) -> Step<bool> {
        loop {
            let mut unseen = false;
            for (out, &index) in out.iter_mut().zip(indices) {
                let Some(&label) = self.labels.get(index as usize) else {
                    return Err(self.dictionary.no_entry(index));
                };
                unseen |= label == UNSEEN;
                *out = label;
            }
            if !unseen {
                return Ok(true);
            }
            for &index in indices {
                let index = index as usize;
                if self.labels[index] == UNSEEN {
                    match one_label(self.lookup.labels(self.dictionary.value(index))) {
                        Some(label) => self.labels[index] = label,
                        None => return Ok(false),
                    }
                    if self.labels[index] != NONE {
                        counter.admit(self.labels[index]);
                    }
                }
            }
        }
    }
}

fn one_label(labels: Result<&[u32], String>) -> Option<u32> {
    match labels {
        Ok([]) => Some(NONE),
        Ok([label]) => Some(*label),
        Ok(_) | Err(_) => None,
    }
}

/// What a dictionary entry stands for, once it is known.
type Known = Option<Result<Box<[u32]>, String>>;

fn row_by_row(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    lookup: &mut Lookup<'_>,
    counter: &mut SetCounter,
) -> Step<SetCount> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let mut known: Vec<Known> = vec![None; dictionary.len()];
    let (mut count, mut block, mut row) = (SetCount::default(), Block::new(), Row::default());
    while let Some(page) = pages.next()? {
        let mut levels = Levels::new(leaf, &page)?;
        let mut stream = Stream::new(leaf, &page)?;
        while levels.next(&mut block)? {
            tally(&mut count, &block, chunk.rows)?;
            stream.block(ones(&block.values))?;
            for index in 0..block.len {
                let slot = block.slot(index);
                if slot.start {
                    row.close(counter, &mut count);
                }
                if !slot.value {
                    continue;
                }
                match stream.next()? {
                    Item::Single(raw) => row.add(lookup.labels(leaf.value(raw))),
                    Item::Entry(index) => {
                        let entry =
                            known.get_mut(index as usize).ok_or_else(|| dictionary.no_entry(index))?;
                        let labels = entry.get_or_insert_with(|| {
                            lookup.labels(dictionary.value(index as usize)).map(Box::from)
                        });
                        row.add(labels.as_deref().map_err(Clone::clone));
                    }
                }
            }
        }
        stream.finish()?;
    }
    row.close(counter, &mut count);
    if count.rows == chunk.rows { Ok(count) } else { Err(wrong_rows(count.rows, chunk.rows)) }
}

/// The labels of a row until its end.
#[derive(Debug, Default)]
struct Row {
    labels: Vec<u32>,
    /// From this length on repeated labels are dropped, so that a long list needs no more memory than
    /// there are labels.
    limit: usize,
    invalid: Option<String>,
}

impl Row {
    fn add(&mut self, labels: Result<&[u32], String>) {
        match labels {
            Ok(labels) => self.labels.extend_from_slice(labels),
            Err(text) => {
                self.invalid.get_or_insert(text);
            }
        }
        if self.labels.len() > self.limit {
            self.labels.sort_unstable();
            self.labels.dedup();
            self.limit = self.labels.len().max(1024) * 2;
        }
    }

    fn close(&mut self, counter: &mut SetCounter, count: &mut SetCount) {
        match self.invalid.take() {
            Some(text) => count.invalid(&text, 1),
            None => counter.add(&self.labels, 1),
        }
        self.labels.clear();
    }
}
