//! Patterns of rows, each stored once with its number of rows.
//!
//! A pattern is bytes: the positive labels of a row, its unknown labels, and its group. Labels are stored as distances,
//! which are never 0, and 0 ends a list. In byte order, patterns with the same labels follow each other.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::engine::rows::block::{Block, Row};
use crate::engine::rows::sink::RowSink;
use crate::engine::spill::varint::{put, take};
use crate::engine::spill::{Segment, Spill, SpillFile};
use crate::error::{Error, Result};

/// Bytes of patterns per write to the spill file.
const SEGMENT_BYTES: usize = 256 << 10;

/// A buffer for one pattern.
#[derive(Debug, Default)]
pub(super) struct PatternBuffer(Vec<u8>);

impl PatternBuffer {
    pub(super) fn of(&mut self, row: &Row<'_>) -> &[u8] {
        self.0.clear();
        for labels in [row.positives, row.unknown] {
            put_labels(&mut self.0, labels);
        }
        put(&mut self.0, row.group as u64);
        &self.0
    }
}

/// Decodes a pattern into its positive and unknown labels and its group; false when it is damaged.
pub(super) fn read(mut bytes: &[u8], sides: [&mut Vec<u32>; 2], group: &mut usize) -> bool {
    for labels in sides {
        if take_labels(&mut bytes, labels).is_none() {
            return false;
        }
    }
    let Some(number) = take(&mut bytes) else { return false };
    *group = number;
    bytes.is_empty()
}

/// Appends ascending labels as distances, then a 0.
pub(super) fn put_labels(bytes: &mut Vec<u8>, labels: &[u32]) {
    let mut next = 0;
    for &label in labels {
        put(bytes, u64::from(label - next) + 1);
        next = label + 1;
    }
    bytes.push(0);
}

/// Takes a list of labels off the front of `bytes`; `None` when it is damaged.
pub(super) fn take_labels(bytes: &mut &[u8], labels: &mut Vec<u32>) -> Option<()> {
    labels.clear();
    let mut next = 0_u32;
    loop {
        let distance: u32 = take(bytes)?;
        if distance == 0 {
            return Some(());
        }
        next = next.checked_add(distance)?;
        labels.push(next - 1);
    }
}

/// Collects the patterns of the rows that one thread reads.
pub(super) struct PatternGatherer {
    patterns: PatternTable,
    pattern: PatternBuffer,
}

impl PatternGatherer {
    /// Keeps up to `budget` bytes in memory and spills the rest.
    pub(super) fn new(budget: usize, spill: &Arc<Spill>) -> Self {
        Self { patterns: PatternTable::new(budget, Arc::clone(spill)), pattern: PatternBuffer::default() }
    }
}

impl RowSink for PatternGatherer {
    type Found = PatternTable;

    fn take(&mut self, block: &mut Block) -> Result<()> {
        for row in (0..block.rows()).filter_map(|row| block.row(row)) {
            self.patterns.add(self.pattern.of(&row), 1)?;
        }
        Ok(())
    }

    fn finish(self) -> PatternTable {
        self.patterns
    }
}

/// Where the bytes of a pattern lie, and how many rows have it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PatternSlot {
    hash: u64,
    start: usize,
    bytes: u32,
    rows: u64,
}

/// A table of patterns with their numbers of rows, in bounded memory.
#[derive(Debug)]
pub(super) struct PatternTable {
    hasher: DefaultHashBuilder,
    slots: HashTable<PatternSlot>,
    text: Vec<u8>,
    budget: usize,
    file: SpillFile,
    /// Sorted patterns in the file.
    runs: Vec<Vec<Segment>>,
}

impl PatternTable {
    /// An empty table; keeps up to `budget` bytes in memory and spills the rest.
    pub(super) fn new(budget: usize, spill: Arc<Spill>) -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            slots: HashTable::new(),
            text: Vec::new(),
            budget,
            file: SpillFile::new(spill),
            runs: Vec::new(),
        }
    }

    /// Adds `rows` rows of a pattern.
    pub(super) fn add(&mut self, pattern: &[u8], rows: u64) -> Result<()> {
        let hash = self.hasher.hash_one(pattern);
        let text = &self.text;
        let same = |slot: &PatternSlot| slot.hash == hash && at(text, slot) == pattern;
        if let Some(slot) = self.slots.find_mut(hash, same) {
            slot.rows += rows;
            return Ok(());
        }
        // When a buffer grows, old and new exist at the same time.
        if (self.text.len() + self.slots.len() * size_of::<PatternSlot>()) * 3 > self.budget {
            self.spill()?;
        }
        let bytes = u32::try_from(pattern.len())
            .map_err(|_| Error::resource("a row with more than 4 GiB of labels"))?;
        let slot = PatternSlot { hash, start: self.text.len(), bytes, rows };
        self.text.extend_from_slice(pattern);
        self.slots.insert_unique(hash, slot, |slot| slot.hash);
        Ok(())
    }

    /// All slots, sorted by pattern.
    fn sorted(&mut self) -> Vec<PatternSlot> {
        let mut slots: Vec<PatternSlot> = self.slots.drain().collect();
        let text = &self.text;
        slots.sort_unstable_by(|a, b| at(text, a).cmp(at(text, b)));
        slots
    }

    fn spill(&mut self) -> Result<()> {
        let (mut segments, mut raw) = (Vec::new(), Vec::with_capacity(SEGMENT_BYTES + 1024));
        for slot in self.sorted() {
            put(&mut raw, u64::from(slot.bytes));
            raw.extend_from_slice(at(&self.text, &slot));
            put(&mut raw, slot.rows);
            if raw.len() >= SEGMENT_BYTES {
                segments.push(self.file.append(&raw)?);
                raw.clear();
            }
        }
        if !raw.is_empty() {
            segments.push(self.file.append(&raw)?);
        }
        self.runs.push(segments);
        self.text.clear();
        Ok(())
    }

    /// All patterns, as sorted runs.
    pub(super) fn into_runs(mut self) -> Vec<PatternRun> {
        let slots = self.sorted();
        let file = Arc::new(self.file);
        let mut runs: Vec<PatternRun> =
            self.runs.into_iter().map(|segments| PatternRun::spilled(segments, Arc::clone(&file))).collect();
        runs.push(PatternRun::Held { slots: slots.into_iter(), text: self.text });
        runs
    }
}

fn at<'a>(text: &'a [u8], slot: &PatternSlot) -> &'a [u8] {
    text.get(slot.start..slot.start + slot.bytes as usize).unwrap_or_default()
}

/// Sorted patterns, read one after the other.
#[derive(Debug)]
pub(super) enum PatternRun {
    /// In memory.
    Held {
        slots: std::vec::IntoIter<PatternSlot>,
        /// The bytes of all patterns.
        text: Vec<u8>,
    },
    /// In a file.
    Spilled {
        segments: std::vec::IntoIter<Segment>,
        file: Arc<SpillFile>,
        /// The segment that is being read.
        raw: Vec<u8>,
        /// Bytes of `raw` that were read.
        read: usize,
    },
}

impl PatternRun {
    fn spilled(segments: Vec<Segment>, file: Arc<SpillFile>) -> Self {
        Self::Spilled { segments: segments.into_iter(), file, raw: Vec::new(), read: 0 }
    }

    /// Writes the next pattern to `pattern` and gives its number of rows; `None` at the end.
    pub(super) fn next(&mut self, pattern: &mut Vec<u8>) -> Result<Option<u64>> {
        pattern.clear();
        match self {
            Self::Held { slots, text } => {
                let Some(slot) = slots.next() else { return Ok(None) };
                pattern.extend_from_slice(at(text, &slot));
                Ok(Some(slot.rows))
            }
            Self::Spilled { segments, file, raw, read } => {
                if *read == raw.len() {
                    let Some(segment) = segments.next() else { return Ok(None) };
                    (*raw, *read) = (file.read(segment)?, 0);
                }
                let damaged = || Error::resource("a spill file is damaged").hint("run again");
                let mut rest = &raw[*read..];
                let bytes = take::<usize>(&mut rest);
                let bytes = bytes.filter(|bytes| *bytes <= rest.len()).ok_or_else(damaged)?;
                pattern.extend_from_slice(&rest[..bytes]);
                rest = &rest[bytes..];
                let rows = take(&mut rest).ok_or_else(damaged)?;
                *read = raw.len() - rest.len();
                Ok(Some(rows))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cluster::exchange::pattern_merge::merge;
    use crate::engine::rows::request::RowPattern;

    #[test]
    fn a_pattern_is_read_back() {
        let mut pattern = PatternBuffer::default();
        for (positives, unknown, group) in
            [(&[][..], &[][..], 0), (&[0, 1, 500, 70_000], &[3, 4_000_000], 9), (&[], &[0], 300)]
        {
            let bytes = pattern.of(&Row { positives, unknown, group }).to_vec();
            let (mut one, mut other, mut number) = (Vec::new(), Vec::new(), 0);
            assert!(read(&bytes, [&mut one, &mut other], &mut number));
            assert_eq!((&one[..], &other[..], number), (positives, unknown, group));
            assert!(!read(&bytes[..bytes.len() - 1], [&mut one, &mut other], &mut number));
        }
    }
    #[test]
    fn patterns_are_added_up_and_merged_in_order_from_memory_and_disk() {
        for budget in [0, 1 << 20] {
            let spill = Spill::new(None, 1 << 20, Arc::default());
            let mut tables = [0, 1].map(|_| PatternTable::new(budget, Arc::clone(&spill)));
            let mut buffer = PatternBuffer::default();
            for i in 0..600_u32 {
                let (positives, group) = ([i % 7, 10 + i % 3], i as usize % 2);
                let row = Row { positives: &positives, unknown: &[], group };
                tables[(i % 2) as usize].add(buffer.of(&row), 2).unwrap();
            }
            assert_eq!(spill.spilled().bytes > 0, budget == 0);
            let mut found = Vec::new();
            merge(tables.into(), |RowPattern { positives, group, rows, .. }| {
                found.push((positives.to_vec(), group, rows));
            })
            .unwrap();
            assert_eq!((found.len(), found.iter().map(|(.., rows)| rows).sum::<u64>()), (42, 1200));
            assert!(found.iter().all(|(.., rows)| (28..=30).contains(rows)), "{found:?}");
            assert!(found.is_sorted());
        }
    }
}
