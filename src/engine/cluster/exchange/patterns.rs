//! Patterns of rows, each once with its number of rows.
//!
//! A pattern is bytes: the labels a row has, the labels of which it says nothing, and its group. Labels are
//! distances, which are never 0, so that 0 ends a list, and patterns in the order of bytes have equal labels
//! side by side.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::engine::rows::{Block, Row, RowSink};
use crate::engine::spill::{Segment, Spill, SpillFile};
use crate::error::{Error, Result};

/// Bytes of patterns that are written at a time.
const SEGMENT_BYTES: usize = 256 << 10;

/// A place to write one pattern.
#[derive(Debug, Default)]
pub(super) struct Pattern(Vec<u8>);

impl Pattern {
    pub(super) fn of(&mut self, row: &Row<'_>) -> &[u8] {
        self.0.clear();
        for labels in [row.positives, row.unknown] {
            put_labels(&mut self.0, labels);
        }
        put(&mut self.0, row.group as u64);
        &self.0
    }
}

/// Reads a pattern back; false when it is none.
pub(super) fn read(mut bytes: &[u8], sides: [&mut Vec<u32>; 2], group: &mut usize) -> bool {
    for labels in sides {
        if take_labels(&mut bytes, labels).is_none() {
            return false;
        }
    }
    match take(&mut bytes).and_then(|group| usize::try_from(group).ok()) {
        Some(number) => *group = number,
        None => return false,
    }
    bytes.is_empty()
}

/// Labels, ascending, as distances and a 0.
pub(super) fn put_labels(bytes: &mut Vec<u8>, labels: &[u32]) {
    let mut next = 0;
    for &label in labels {
        put(bytes, u64::from(label - next) + 1);
        next = label + 1;
    }
    bytes.push(0);
}

/// The labels that stand first in `bytes`, which begin behind them then; `None` when there are none such.
pub(super) fn take_labels(bytes: &mut &[u8], labels: &mut Vec<u32>) -> Option<()> {
    labels.clear();
    let mut next = 0_u32;
    loop {
        let distance = u32::try_from(take(bytes)?).ok()?;
        if distance == 0 {
            return Some(());
        }
        next = next.checked_add(distance)?;
        labels.push(next - 1);
    }
}

/// A number in as many bytes as it needs, seven bits each, the lowest first.
pub(super) fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Gathers the patterns that one thread finds.
pub(super) struct Gatherer {
    patterns: Patterns,
    pattern: Pattern,
}

impl Gatherer {
    /// Holds up to `budget` bytes in memory.
    pub(super) fn new(budget: usize, spill: &Arc<Spill>) -> Self {
        Self { patterns: Patterns::new(budget, Arc::clone(spill)), pattern: Pattern::default() }
    }
}

impl RowSink for Gatherer {
    type Found = Patterns;

    fn take(&mut self, block: &mut Block) -> Result<()> {
        for row in (0..block.rows()).filter_map(|row| block.row(row)) {
            self.patterns.add(self.pattern.of(&row), 1)?;
        }
        Ok(())
    }

    fn finish(self) -> Patterns {
        self.patterns
    }
}

/// A pattern, and where its bytes lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    hash: u64,
    start: usize,
    bytes: u32,
    rows: u64,
}

/// Patterns of one thread.
#[derive(Debug)]
pub(super) struct Patterns {
    hasher: DefaultHashBuilder,
    slots: HashTable<Slot>,
    text: Vec<u8>,
    budget: usize,
    file: SpillFile,
    /// Sorted patterns in the file.
    runs: Vec<Vec<Segment>>,
}

impl Patterns {
    /// Patterns that take up to `budget` bytes of memory.
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
        let same = |slot: &Slot| slot.hash == hash && at(text, slot) == pattern;
        if let Some(slot) = self.slots.find_mut(hash, same) {
            slot.rows += rows;
            return Ok(());
        }
        // Both may double, and are then there twice for a moment.
        if (self.text.len() + self.slots.len() * size_of::<Slot>()) * 3 > self.budget {
            self.spill()?;
        }
        let bytes = u32::try_from(pattern.len()).map_err(|_| Error::resource("a row of 4 GiB of labels"))?;
        let slot = Slot { hash, start: self.text.len(), bytes, rows };
        self.text.extend_from_slice(pattern);
        self.slots.insert_unique(hash, slot, |slot| slot.hash);
        Ok(())
    }

    /// All slots in the order of their patterns.
    fn sorted(&mut self) -> Vec<Slot> {
        let mut slots: Vec<Slot> = self.slots.drain().collect();
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

    /// Everything, as runs that are sorted each.
    pub(super) fn into_runs(mut self) -> Vec<Run> {
        let slots = self.sorted();
        let file = Arc::new(self.file);
        let mut runs: Vec<Run> =
            self.runs.into_iter().map(|segments| Run::spilled(segments, Arc::clone(&file))).collect();
        runs.push(Run::Held { slots: slots.into_iter(), text: self.text });
        runs
    }
}

fn at<'a>(text: &'a [u8], slot: &Slot) -> &'a [u8] {
    text.get(slot.start..slot.start + slot.bytes as usize).unwrap_or_default()
}

/// Sorted patterns, read one by one.
#[derive(Debug)]
pub(super) enum Run {
    /// In memory.
    Held {
        /// What is left.
        slots: std::vec::IntoIter<Slot>,
        /// Their bytes.
        text: Vec<u8>,
    },
    /// In a file.
    Spilled {
        /// What is left.
        segments: std::vec::IntoIter<Segment>,
        /// The file.
        file: Arc<SpillFile>,
        /// The segment that is being read, and how far.
        raw: Vec<u8>,
        /// How far.
        read: usize,
    },
}

impl Run {
    fn spilled(segments: Vec<Segment>, file: Arc<SpillFile>) -> Self {
        Self::Spilled { segments: segments.into_iter(), file, raw: Vec::new(), read: 0 }
    }

    /// Puts the next pattern into `pattern` and gives its rows; `None` at the end.
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
                let bytes = take(&mut rest).and_then(|bytes| usize::try_from(bytes).ok());
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

    #[test]
    fn a_pattern_is_read_back() {
        let mut pattern = Pattern::default();
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
}
