//! Which sets of labels there are, and how many rows have each, in bounded memory.
//!
//! ```text
//! set of labels ─▶ 128 bits: the keys of its labels, exclusive-or
//!   front     a thousand sets seen last; most rows end here
//!     TallyPart    by the highest bits: entries wait in a short list, then are added to a table
//!       file  all tables, when they pass the budget
//! ```
//!
//! Keys are random in every process, so that two different sets have the same bits with probability 2⁻¹²⁸,
//! whatever the sets: of a hundred million sets any two with 10⁻²³.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use crate::engine::spill::{Segment, Spill, SpillFile};
use crate::error::{Error, Result};

/// Parts that sets are divided into, by their highest bits.
pub(super) const PARTS: usize = 64;
/// Sets seen last.
const FRONT: usize = 1024;
/// Entries that wait for their table.
const WAITING: usize = 256;
/// Entries written to a file at a time.
const SEGMENT_ENTRIES: usize = 8192;

/// A set of labels in 128 bits, the lowest first.
pub(super) type SetHash = [u64; 2];

/// A random key for every label.
#[derive(Debug)]
pub(super) struct LabelKeys(Vec<SetHash>);

impl LabelKeys {
    pub(super) fn new(labels: usize) -> Self {
        let [low, high] = [RandomState::new(), RandomState::new()];
        Self((0..labels).map(|label| [low.hash_one(label), high.hash_one(label)]).collect())
    }

    /// The bits of a set; none for the empty one.
    #[inline]
    pub(super) fn hash(&self, labels: &[u32]) -> SetHash {
        labels.iter().fold([0; 2], |[low, high], &label| {
            let key = self.0[label as usize];
            [low ^ key[0], high ^ key[1]]
        })
    }
}

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

    /// Bits that differ within a part.
    fn key(&self) -> u64 {
        self.hash[0].wrapping_add(u64::from(self.group).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// One part of the sets of a thread.
#[derive(Debug, Default)]
struct TallyPart {
    waiting: Vec<SetEntry>,
    table: HashTable<SetEntry>,
    segments: Vec<Segment>,
}

impl TallyPart {
    /// Adds what waits to the table.
    fn settle(&mut self) {
        for entry in self.waiting.drain(..) {
            let found = self.table.find_mut(entry.key(), |other| other.is_of(&entry));
            if !found.is_some_and(|other| other.add(entry.rows)) {
                self.table.insert_unique(entry.key(), entry, SetEntry::key);
            }
        }
    }
}

/// Sets of labels of one thread.
#[derive(Debug)]
pub(super) struct SetTally {
    keys: Arc<LabelKeys>,
    front: Vec<SetEntry>,
    parts: Vec<TallyPart>,
    file: SpillFile,
    /// Bytes that tables may take, and what they take.
    budget: usize,
    taken: usize,
}

impl SetTally {
    /// Sets that take up to `budget` bytes of memory.
    pub(super) fn new(keys: Arc<LabelKeys>, budget: usize, spill: Arc<Spill>) -> Self {
        Self {
            keys,
            front: vec![SetEntry::default(); FRONT],
            parts: std::iter::repeat_with(TallyPart::default).take(PARTS).collect(),
            file: SpillFile::new(spill),
            budget,
            taken: 0,
        }
    }

    /// Adds `rows` rows of `group` at once; gives the bits of their set.
    pub(super) fn add_many(&mut self, labels: &[u32], group: u32, rows: u64) -> Result<SetHash> {
        let (hash, mut left) = (self.keys.hash(labels), rows);
        while left > 0 {
            let rows = u32::try_from(left).unwrap_or(u32::MAX);
            self.wait(SetEntry { hash, group, rows })?;
            left -= u64::from(rows);
        }
        Ok(hash)
    }

    /// Adds a row of `group`; gives the bits of its set.
    #[inline]
    pub(super) fn add(&mut self, labels: &[u32], group: u32) -> Result<SetHash> {
        let hash = self.keys.hash(labels);
        let new = SetEntry { hash, group, rows: 1 };
        // Any bits but those that choose the part.
        let place = &mut self.front[usize::try_from(new.key() % FRONT as u64).unwrap_or(0)];
        if !(place.is_of(&new) && place.add(1)) {
            let old = std::mem::replace(place, new);
            if old.rows > 0 {
                self.wait(old)?;
            }
        }
        Ok(hash)
    }

    fn wait(&mut self, entry: SetEntry) -> Result<()> {
        let part = &mut self.parts[part_of(entry.hash)];
        part.waiting.push(entry);
        if part.waiting.len() < WAITING {
            return Ok(());
        }
        let before = part.table.allocation_size();
        part.settle();
        self.taken += part.table.allocation_size() - before;
        // A table that grows is there twice for a moment.
        if self.taken + self.taken / 16 > self.budget { self.spill() } else { Ok(()) }
    }

    /// Writes all tables to the file.
    fn spill(&mut self) -> Result<()> {
        let mut raw = Vec::with_capacity(SEGMENT_ENTRIES * ENTRY_BYTES);
        for part in &mut self.parts {
            let mut entries = std::mem::take(&mut part.table).into_iter().peekable();
            while entries.peek().is_some() {
                raw.clear();
                entries.by_ref().take(SEGMENT_ENTRIES).for_each(|entry| raw.extend(entry.bytes()));
                part.segments.push(self.file.append(&raw)?);
            }
        }
        self.taken = 0;
        Ok(())
    }

    /// Everything found.
    pub(super) fn finish(mut self) -> SetsFound {
        for entry in self.front.drain(..).filter(|entry| entry.rows > 0) {
            self.parts[part_of(entry.hash)].waiting.push(entry);
        }
        SetsFound { parts: self.parts, file: self.file }
    }
}

fn part_of(hash: SetHash) -> usize {
    usize::try_from(hash[1] >> (u64::BITS - PARTS.ilog2())).unwrap_or(0)
}

/// The sets that one thread has found.
#[derive(Debug)]
pub(super) struct SetsFound {
    parts: Vec<TallyPart>,
    file: SpillFile,
}

impl SetsFound {
    /// All entries of one part; the same set may be in several of them.
    pub(super) fn take(&mut self, number: usize, entries: &mut Vec<SetEntry>) -> Result<()> {
        let part = std::mem::take(&mut self.parts[number]);
        entries.extend(part.waiting);
        entries.extend(part.table);
        for segment in part.segments {
            let raw = self.file.read(segment)?;
            let (chunks, rest) = raw.as_chunks::<ENTRY_BYTES>();
            if !rest.is_empty() {
                return Err(Error::resource("a spill file is damaged").hint("run again"));
            }
            entries.extend(chunks.iter().map(SetEntry::read));
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
        let keys = Arc::new(LabelKeys::new(300));
        let mut expected: BTreeMap<(Vec<u32>, u32), u64> = BTreeMap::new();
        for budget in [0, 1 << 14, usize::MAX / 2] {
            let spill = Spill::new(None, 1 << 30, Arc::default());
            let mut tally = SetTally::new(Arc::clone(&keys), budget, Arc::clone(&spill));
            expected.clear();
            for row in 0..120_000_u32 {
                // Some sets again and again, most once or twice.
                let labels = if row % 3 == 0 { vec![row % 7] } else { vec![row % 250, 250 + row % 49] };
                let group = row % 2;
                let hash = tally.add(&labels, group).unwrap();
                assert_eq!(hash, keys.hash(&labels));
                *expected.entry((labels, group)).or_default() += 1;
            }
            tally.add_many(&[3], 1, 10_000_000_000).unwrap();
            *expected.entry((vec![3], 1)).or_default() += 10_000_000_000;
            assert_eq!(spill.spilled().files > 0, budget <= 1 << 14);
            let mut found = tally.finish();
            let mut sums: BTreeMap<(SetHash, u32), u64> = BTreeMap::new();
            for part in 0..PARTS {
                let mut entries = Vec::new();
                found.take(part, &mut entries).unwrap();
                for entry in entries {
                    assert_eq!(part_of(entry.hash), part);
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
    fn more_rows_than_an_entry_holds_are_two_entries() {
        let mut entry = SetEntry { hash: [1, 2], group: 3, rows: u32::MAX - 1 };
        assert!(entry.add(1) && !entry.add(1));
        assert_eq!((entry.rows, SetEntry::read(&entry.bytes())), (u32::MAX, entry));
    }
}
