//! Which sets of labels there are, and how many rows have each, in bounded memory.
//!
//! ```text
//! few labels ─▶ rows      64 bits for each row, added up when they pass a limit; sets of several rows become entries
//! more       ─▶ front     a thousand sets seen last
//!                 entries   a set and its rows, added up when they pass the limit
//!                   file      all of them, when they pass the budget
//! ```
//!
//! All are in parts by their bits.

use std::sync::Arc;

use crate::engine::rows::most::each_set;
use crate::engine::rows::set_bits::{LabelKeys, PARTS, SetHash, part_of, scattered};
use crate::engine::rows::set_entry::{ENTRY_BYTES, SetEntry};
use crate::engine::rows::set_sums::SetSums;
use crate::engine::spill::{Segment, Spill, SpillFile};
use crate::error::{Error, Result};

/// Sets seen last.
const FRONT: usize = 1024;
/// Rows that are kept side by side.
const ROWS: usize = 512;
/// Entries that a part has room for at least.
const WAITING: usize = 128;
/// Entries written to a file at a time.
const SEGMENT_ENTRIES: usize = 8192;
/// Bytes up to which nothing is added up before the end.
const UNADDED: usize = 16 << 20;
/// Parts that tell what adding up would save.
const SAMPLED: usize = 4;
/// Rows from which an entry takes no more memory than they.
const SEVERAL: u64 = 3;

/// Sets of one part.
#[derive(Debug, Default)]
pub(super) struct PartSets {
    /// Rows of few labels, and those before them, [`ROWS`] at a time: none is ever moved.
    rows: Vec<u64>,
    full: Vec<Vec<u64>>,
    entries: Vec<SetEntry>,
}

impl PartSets {
    /// What it takes in memory.
    fn bytes(&self) -> usize {
        (self.full.len() * ROWS + self.rows.capacity()) * size_of::<u64>()
            + self.entries.capacity() * size_of::<SetEntry>()
    }

    /// Whether the next row needs memory.
    #[inline]
    fn is_full(&self) -> bool {
        self.rows.len() == self.rows.capacity()
    }

    #[inline]
    fn push(&mut self, row: u64) {
        if self.is_full() {
            self.make_room();
        }
        self.rows.push(row);
    }

    #[cold]
    fn make_room(&mut self) {
        let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(ROWS));
        if !rows.is_empty() {
            self.full.push(rows);
        }
    }

    /// Adds up rows into `sums`, with entries of few labels, and the other entries by themselves; true where there are
    /// too many rows for one entry of some set.
    fn sum(&mut self, keys: &LabelKeys, sums: &mut SetSums) -> bool {
        self.full.push(std::mem::take(&mut self.rows));
        sums.take_rows(keys, std::mem::take(&mut self.full), &mut self.entries);
        sums.add_up(&mut self.entries)
    }

    /// Adds up the rows of each set, where rows of few labels are `least` or more.
    fn add_up(&mut self, keys: &LabelKeys, sums: &mut SetSums, least: u64) {
        self.sum(keys, sums);
        for &(row, rows) in sums.rows() {
            if rows < least {
                (0..rows).for_each(|_| self.push(row));
                continue;
            }
            let mut left = rows;
            let (hash, group) = keys.set_of(row);
            while left > 0 {
                let rows = u32::try_from(left).unwrap_or(u32::MAX);
                self.entries.push(SetEntry { hash, group, rows });
                left -= u64::from(rows);
            }
        }
    }

    /// Calls `each` with the rows of every set: first by group, then, with `None`, of all groups together.
    pub(super) fn each_set(
        mut self,
        keys: &LabelKeys,
        sums: &mut SetSums,
        mut each: impl FnMut(Option<u32>, u64, SetHash),
    ) {
        if keys.has_groups() {
            self.add_up(keys, sums, 1);
            self.entries.sort_unstable();
            return each_set(&self.entries, each);
        }
        if self.sum(keys, sums) {
            self.entries.sort_unstable();
        }
        for &(row, rows) in sums.rows() {
            let (hash, group) = keys.set_of(row);
            each(Some(group), rows, hash);
            each(None, rows, hash);
        }
        each_set(&self.entries, each);
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
    sums: SetSums,
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
            sums: SetSums::default(),
            budget,
            limit: UNADDED.min(budget),
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

    /// Adds a row of `group` that has few labels: the first `size` of `labels`.
    #[inline]
    pub(super) fn add_few(&mut self, labels: &[u32], size: usize, group: u32) -> Result<()> {
        let row = self.keys.row(labels, size, group);
        let number = part_of(self.keys.set_of(row).0);
        if self.parts[number].is_full() {
            self.make_room(ROWS * size_of::<u64>())?;
        }
        self.parts[number].push(row);
        Ok(())
    }

    /// Adds a row of `group` that has more labels; gives the bits of its set.
    #[inline]
    pub(super) fn add(&mut self, labels: &[u32], group: u32) -> Result<SetHash> {
        let hash = self.keys.hash(labels);
        let new = SetEntry { hash, group, rows: 1 };
        // Any bits.
        let place = hash[0].wrapping_add(scattered(group.into())) % FRONT as u64;
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
            self.make_room(self.parts[number].entries.len().max(WAITING) * size_of::<SetEntry>())?;
            self.parts[number].entries.reserve(WAITING);
        }
        self.parts[number].entries.push(entry);
        Ok(())
    }

    /// Sees to it that parts may take this number of bytes more.
    #[cold]
    fn make_room(&mut self, more: usize) -> Result<()> {
        let bytes = |parts: &[PartSets]| parts.iter().map(PartSets::bytes).sum::<usize>();
        let before = bytes(&self.parts);
        if before + more <= self.limit {
            return Ok(());
        }
        // Sets are as often the same in one part as in another.
        let (some, others) = self.parts.split_at_mut(SAMPLED);
        for parts in [some, others] {
            let before = bytes(parts);
            for part in &mut *parts {
                part.add_up(&self.keys, &mut self.sums, SEVERAL);
                part.entries.shrink_to_fit();
            }
            if bytes(parts) > before / 2 {
                break;
            }
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
            part.add_up(&self.keys, &mut self.sums, 1);
            for entries in std::mem::take(part).entries.chunks(SEGMENT_ENTRIES) {
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
        into.full.extend(part.full);
        into.full.push(part.rows);
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
        let mut expected: BTreeMap<(Vec<u32>, u32), u64> = BTreeMap::new();
        for (budget, groups) in [(0, 2), (1 << 18, 2), (usize::MAX / 2, 2), (1 << 18, 1), (usize::MAX / 2, 0)]
        {
            let keys = Arc::new(LabelKeys::new(300, groups));
            let spill = Spill::new(None, 1 << 30, Arc::default());
            let mut tally = SetTally::new(Arc::clone(&keys), budget, Arc::clone(&spill));
            expected.clear();
            for row in 0..60_000_u32 {
                // Some sets again and again, most once or twice; some of many labels.
                let labels: Vec<u32> = match row % 6 {
                    0 | 3 => vec![row % 7],
                    1 => (row % 250..row % 250 + 10).chain([290 + row % 10]).collect(),
                    _ => vec![row % 250, 250 + row % 49],
                };
                let group = if groups > 1 { row / 2 % 2 } else { 0 };
                if labels.len() <= keys.few() {
                    tally.add_few(&labels, labels.len(), group).unwrap();
                } else {
                    assert_eq!(tally.add(&labels, group).unwrap(), keys.hash(&labels));
                }
                *expected.entry((labels, group)).or_default() += 1;
            }
            let many = u32::from(groups > 1);
            tally.add_many(&[3], many, 10_000_000_000).unwrap();
            *expected.entry((vec![3], many)).or_default() += 10_000_000_000;
            assert_eq!(spill.spilled().files > 0, budget <= 1 << 18);
            let mut found = tally.finish();
            let (mut sums, mut set_sums) = (BTreeMap::<(SetHash, u32), u64>::new(), SetSums::default());
            for number in 0..PARTS {
                let mut part = PartSets::default();
                found.take(number, &mut part).unwrap();
                let mut all = 0;
                part.each_set(&keys, &mut set_sums, |group, rows, hash| {
                    assert_eq!(part_of(hash), number);
                    let Some(group) = group else {
                        assert_eq!(std::mem::take(&mut all), rows);
                        return;
                    };
                    all += rows;
                    assert_eq!(sums.insert((hash, group), rows), None, "a set comes twice");
                });
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
            tally.add_few(&[row % 100, 100 + row / 100 % 100], 2, 0).unwrap();
        }
        assert!(tally.parts.iter().map(PartSets::bytes).sum::<usize>() <= 2 * UNADDED);
    }
}
