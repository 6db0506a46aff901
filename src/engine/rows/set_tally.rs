//! Which sets of labels there are, and how many rows have each, in bounded memory.
//!
//! ```text
//! few labels ─▶ rows      64 bits for each row, sorted when they pass a limit; sets of several rows become entries
//! more       ─▶ front     a thousand sets seen last
//!                 entries   a set and its rows, sorted and added up when they pass the limit
//!                   file      all of them, when they pass the budget
//! ```
//!
//! All are in parts by their bits.

use std::sync::Arc;

use crate::engine::rows::set_bits::{LabelKeys, SetHash};
use crate::engine::spill::{Segment, Spill, SpillFile};
use crate::error::{Error, Result};

/// Parts that sets are divided into.
pub(super) const PARTS: usize = 64;
/// Sets seen last.
const FRONT: usize = 1024;
/// Rows or entries that a part has room for at least.
const WAITING: usize = 256;
/// Entries written to a file at a time.
const SEGMENT_ENTRIES: usize = 8192;
/// Bytes up to which nothing is sorted before the end.
const UNSORTED: usize = 16 << 20;
/// Rows from which an entry takes no more memory than they.
const SEVERAL: usize = 3;

/// Rows of a group that have the same set of labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SetEntry {
    pub(super) hash: SetHash,
    pub(super) group: u32,
    pub(super) rows: u32,
}

/// Bytes of an entry in a file.
const ENTRY_BYTES: usize = 24;

impl SetEntry {
    fn bytes(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.hash[0].to_le_bytes());
        bytes[8..16].copy_from_slice(&self.hash[1].to_le_bytes());
        bytes[16..20].copy_from_slice(&self.group.to_le_bytes());
        bytes[20..].copy_from_slice(&self.rows.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let half = |at: usize| {
            let mut half = [0; 4];
            half.copy_from_slice(&bytes[at..at + 4]);
            u32::from_le_bytes(half)
        };
        let whole = |at: usize| u64::from(half(at)) | u64::from(half(at + 4)) << 32;
        Self { hash: [whole(0), whole(8)], group: half(16), rows: half(20) }
    }

    fn is_of(&self, other: &Self) -> bool {
        self.hash == other.hash && self.group == other.group
    }

    /// Adds rows; false when there would be too many for one entry.
    fn add(&mut self, rows: u32) -> bool {
        let sum = self.rows.checked_add(rows);
        self.rows = sum.unwrap_or(self.rows);
        sum.is_some()
    }
}

/// Sets of one part.
#[derive(Debug, Default)]
pub(super) struct PartSets {
    /// Rows of few labels.
    rows: Vec<u64>,
    entries: Vec<SetEntry>,
}

impl PartSets {
    /// What it takes in memory.
    fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<u64>() + self.entries.capacity() * size_of::<SetEntry>()
    }

    /// Adds up the rows of each set, where rows of few labels are `least` or more.
    fn add_up(&mut self, keys: &LabelKeys, least: usize) {
        self.rows.sort_unstable();
        let (mut start, mut kept) = (0, 0);
        while let Some(&row) = self.rows.get(start) {
            let len = self.rows[start..].iter().take_while(|other| **other == row).count();
            if len >= least {
                let (hash, group) = keys.set_of(row);
                let mut left = len;
                while left > 0 {
                    let rows = u32::try_from(left).unwrap_or(u32::MAX);
                    self.entries.push(SetEntry { hash, group, rows });
                    left -= rows as usize;
                }
            } else {
                self.rows.copy_within(start..start + len, kept);
                kept += len;
            }
            start += len;
        }
        self.rows.truncate(kept);
        // Most are in order already, which this one takes as it is.
        self.entries.sort();
        self.entries.dedup_by(|entry, before| before.is_of(entry) && before.add(entry.rows));
    }

    /// An entry for each set and group, in order; only where there are too many rows for one of them several.
    pub(super) fn into_entries(mut self, keys: &LabelKeys) -> Vec<SetEntry> {
        self.add_up(keys, 1);
        self.entries
    }
}

/// Sets of labels of one thread.
#[derive(Debug)]
pub(super) struct SetTally {
    keys: Arc<LabelKeys>,
    front: Vec<SetEntry>,
    parts: Vec<PartSets>,
    segments: Vec<Vec<Segment>>,
    file: SpillFile,
    /// Bytes that parts may take, and up to which they are not added up.
    budget: usize,
    limit: usize,
}

impl SetTally {
    /// Sets that take up to `budget` bytes of memory.
    pub(super) fn new(keys: Arc<LabelKeys>, budget: usize, spill: Arc<Spill>) -> Self {
        Self {
            keys,
            front: vec![SetEntry::default(); FRONT],
            parts: std::iter::repeat_with(PartSets::default).take(PARTS).collect(),
            segments: vec![Vec::new(); PARTS],
            file: SpillFile::new(spill),
            budget,
            limit: UNSORTED.min(budget),
        }
    }

    /// Adds `rows` rows of `group` at once; gives the bits of their set.
    pub(super) fn add_many(&mut self, labels: &[u32], group: u32, rows: u64) -> Result<SetHash> {
        let (hash, mut left) = (self.keys.hash(labels), rows);
        while left > 0 {
            let rows = u32::try_from(left).unwrap_or(u32::MAX);
            self.put(SetEntry { hash, group, rows })?;
            left -= u64::from(rows);
        }
        Ok(hash)
    }

    /// Adds a row of `group` that has few labels.
    #[inline]
    pub(super) fn add_few(&mut self, labels: &[u32], group: u32) -> Result<()> {
        let row = self.keys.row(labels, group);
        let number = part_of(self.keys.set_of(row).0);
        let rows = &self.parts[number].rows;
        if rows.len() == rows.capacity() {
            self.make_room(number)?;
            self.parts[number].rows.reserve(WAITING);
        }
        self.parts[number].rows.push(row);
        Ok(())
    }

    /// Adds a row of `group` that has more labels; gives the bits of its set.
    #[inline]
    pub(super) fn add(&mut self, labels: &[u32], group: u32) -> Result<SetHash> {
        let hash = self.keys.hash(labels);
        let new = SetEntry { hash, group, rows: 1 };
        // Any bits.
        let place = hash[0].wrapping_add(u64::from(group).wrapping_mul(SCATTER)) % FRONT as u64;
        let place = &mut self.front[usize::try_from(place).unwrap_or(0)];
        if !(place.is_of(&new) && place.add(1)) {
            let old = std::mem::replace(place, new);
            if old.rows > 0 {
                self.put(old)?;
            }
        }
        Ok(hash)
    }

    fn put(&mut self, entry: SetEntry) -> Result<()> {
        let number = part_of(entry.hash);
        let entries = &self.parts[number].entries;
        if entries.len() == entries.capacity() {
            self.make_room(number)?;
            self.parts[number].entries.reserve(WAITING);
        }
        self.parts[number].entries.push(entry);
        Ok(())
    }

    /// Sees to it that a part which is full may grow.
    #[cold]
    fn make_room(&mut self, number: usize) -> Result<()> {
        let bytes = |parts: &[PartSets]| parts.iter().map(PartSets::bytes).sum::<usize>();
        let before = bytes(&self.parts);
        if before + self.parts[number].bytes() <= self.limit {
            return Ok(());
        }
        for part in &mut self.parts {
            part.add_up(&self.keys, SEVERAL);
            part.rows.shrink_to_fit();
            part.entries.shrink_to_fit();
        }
        if bytes(&self.parts) <= before / 2 {
            return Ok(());
        }
        if self.limit == self.budget {
            return self.spill();
        }
        self.limit = (self.limit * 2).min(self.budget);
        Ok(())
    }

    /// Writes all parts to the file.
    fn spill(&mut self) -> Result<()> {
        let mut raw = Vec::with_capacity(SEGMENT_ENTRIES * ENTRY_BYTES);
        for (part, segments) in self.parts.iter_mut().zip(&mut self.segments) {
            let entries = std::mem::take(part).into_entries(&self.keys);
            for entries in entries.chunks(SEGMENT_ENTRIES) {
                raw.clear();
                entries.iter().for_each(|entry| raw.extend(entry.bytes()));
                segments.push(self.file.append(&raw)?);
            }
        }
        Ok(())
    }

    /// Everything found.
    pub(super) fn finish(mut self) -> SetsFound {
        for entry in self.front.drain(..).filter(|entry| entry.rows > 0) {
            self.parts[part_of(entry.hash)].entries.push(entry);
        }
        SetsFound { parts: self.parts, segments: self.segments, file: self.file }
    }
}

/// Scatters the numbers that differ in a few bits.
const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
fn part_of(hash: SetHash) -> usize {
    let bits = (hash[0] ^ hash[1]).wrapping_mul(SCATTER);
    usize::try_from(bits >> (u64::BITS - PARTS.ilog2())).unwrap_or(0)
}

/// The sets that one thread has found.
#[derive(Debug)]
pub(super) struct SetsFound {
    parts: Vec<PartSets>,
    segments: Vec<Vec<Segment>>,
    file: SpillFile,
}

impl SetsFound {
    /// Adds one part to `into`.
    pub(super) fn take(&mut self, number: usize, into: &mut PartSets) -> Result<()> {
        let part = std::mem::take(&mut self.parts[number]);
        into.rows.extend(part.rows);
        into.entries.extend(part.entries);
        for segment in std::mem::take(&mut self.segments[number]) {
            let raw = self.file.read(segment)?;
            let (chunks, rest) = raw.as_chunks::<ENTRY_BYTES>();
            if !rest.is_empty() {
                return Err(Error::resource("a spill file is damaged").hint("run again"));
            }
            into.entries.extend(chunks.iter().map(SetEntry::read));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_row_is_found_again_whatever_was_spilled() {
        let keys = Arc::new(LabelKeys::new(300, 2));
        let mut expected: BTreeMap<(Vec<u32>, u32), u64> = BTreeMap::new();
        for budget in [0, 1 << 18, usize::MAX / 2] {
            let spill = Spill::new(None, 1 << 30, Arc::default());
            let mut tally = SetTally::new(Arc::clone(&keys), budget, Arc::clone(&spill));
            expected.clear();
            for row in 0..120_000_u32 {
                // Some sets again and again, most once or twice; some of many labels.
                let labels: Vec<u32> = match row % 6 {
                    0 | 3 => vec![row % 7],
                    1 => (row % 250..row % 250 + 10).chain([290 + row % 10]).collect(),
                    _ => vec![row % 250, 250 + row % 49],
                };
                let group = row / 2 % 2;
                if labels.len() <= keys.few() {
                    tally.add_few(&labels, group).unwrap();
                } else {
                    assert_eq!(tally.add(&labels, group).unwrap(), keys.hash(&labels));
                }
                *expected.entry((labels, group)).or_default() += 1;
            }
            tally.add_many(&[3], 1, 10_000_000_000).unwrap();
            *expected.entry((vec![3], 1)).or_default() += 10_000_000_000;
            assert_eq!(spill.spilled().files > 0, budget <= 1 << 18);
            let mut found = tally.finish();
            let mut sums: BTreeMap<(SetHash, u32), u64> = BTreeMap::new();
            for number in 0..PARTS {
                let mut part = PartSets::default();
                found.take(number, &mut part).unwrap();
                let entries = part.into_entries(&keys);
                assert!(entries.is_sorted());
                for entry in entries {
                    assert_eq!(part_of(entry.hash), number);
                    *sums.entry((entry.hash, entry.group)).or_default() += u64::from(entry.rows);
                }
            }
            assert_eq!(sums.len(), expected.len());
            for ((labels, group), rows) in &expected {
                assert_eq!(sums[&(keys.hash(labels), *group)], *rows);
            }
        }
    }

    #[test]
    fn sets_of_several_rows_take_no_more_memory_than_one() {
        let keys = Arc::new(LabelKeys::new(300, 0));
        let spill = Spill::new(None, 1 << 30, Arc::default());
        let mut tally = SetTally::new(Arc::clone(&keys), usize::MAX / 2, spill);
        for row in 0..10_000_000_u32 {
            tally.add_few(&[row % 100, 100 + row / 100 % 100], 0).unwrap();
        }
        assert!(tally.parts.iter().map(PartSets::bytes).sum::<usize>() <= 2 * UNSORTED);
    }

    #[test]
    fn more_rows_than_an_entry_holds_are_two_entries() {
        let mut entry = SetEntry { hash: [1, 2], group: 3, rows: u32::MAX - 1 };
        assert!(entry.add(1) && !entry.add(1));
        assert_eq!((entry.rows, SetEntry::read(&entry.bytes())), (u32::MAX, entry));
    }
}
