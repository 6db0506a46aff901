//! Records scattered by their ids over parts that are small enough to sort; parts that do not fit spill.

use std::sync::Arc;

use crate::engine::pairs::record::Record;
use crate::engine::spill::{Segment, Spill, SpillFile};
use crate::error::Result;

/// Records of a part when it is first filled.
const FIRST_RECORDS: usize = 64;
/// Bytes that a part should have: they are sorted while they stay in the cache.
const PART_BYTES: u64 = 512 << 10;
const PARTS_MIN: u64 = 16;
const PARTS_MAX: u64 = 1024;

/// Of so many records one must repeat another one, so that it is worth sorting them before they are spilled; one in so many
/// segments is sorted to see it.
const REPEATED: usize = 16;
const SEGMENTS_UNSORTED: usize = 8;

/// Parts with all records of an id in one of them.
#[derive(Debug)]
pub(super) struct Scatter<R> {
    parts: Vec<ScatterPart<R>>,
    /// Bytes that records may take, and do take.
    budget: usize,
    held: usize,
    file: SpillFile,
    buffer: Vec<u8>,
    /// Spread bits that chose this scatter's records already.
    used_bits: u32,
}

#[derive(Debug)]
struct ScatterPart<R> {
    records: Vec<R>,
    segments: Vec<Segment>,
    /// Records in the segments.
    spilled: usize,
    /// Whether some of those that were sorted last repeat others.
    do_repeat: bool,
}

impl<R: Record> Scatter<R> {
    /// For about `records` records within `budget` bytes.
    pub(super) fn new(records: u64, budget: usize, spill: Arc<Spill>, used_bits: u32) -> Self {
        Self::of_parts(records, 1, budget, spill, used_bits)
    }

    /// The same with at least `least` parts.
    pub(super) fn of_parts(
        records: u64,
        least: usize,
        budget: usize,
        spill: Arc<Spill>,
        used_bits: u32,
    ) -> Self {
        let parts = (records.saturating_mul(R::BYTES as u64) / PART_BYTES).clamp(PARTS_MIN, PARTS_MAX);
        let parts = usize::try_from(parts).unwrap_or(1).max(least).next_power_of_two();
        let empty = || ScatterPart { records: Vec::new(), segments: Vec::new(), spilled: 0, do_repeat: true };
        Self {
            parts: std::iter::repeat_with(empty).take(parts).collect(),
            budget,
            held: 0,
            file: SpillFile::new(spill),
            buffer: Vec::new(),
            used_bits,
        }
    }

    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Spread bits that chose the records of one part.
    pub(super) fn bits(&self) -> u32 {
        self.used_bits + self.parts.len().trailing_zeros()
    }

    /// A scatter of the records of one part.
    pub(super) fn finer(&self, records: u64, budget: usize) -> Self {
        Self::new(records, budget, self.file.spill(), self.bits())
    }

    pub(super) fn push(&mut self, record: R) -> Result<()> {
        let spread = record.spread() >> self.used_bits;
        let number = usize::try_from(spread & (self.parts.len() as u64 - 1)).unwrap_or(0);
        let part = &mut self.parts[number];
        // Duplicates are mostly neighbours.
        if part.records.last() == Some(&record) {
            return Ok(());
        }
        if part.records.len() == part.records.capacity() {
            self.make_room(number)?;
        }
        self.parts[number].records.push(record);
        Ok(())
    }

    /// Doubles a full part, or spills it when that would pass the budget.
    fn make_room(&mut self, number: usize) -> Result<()> {
        let part = &mut self.parts[number];
        let more = part.records.capacity().max(FIRST_RECORDS);
        let bytes = more * size_of::<R>();
        if self.held + bytes <= self.budget || part.records.is_empty() {
            part.records.reserve_exact(more);
            self.held += bytes;
            return Ok(());
        }
        if part.do_repeat || part.segments.len().is_multiple_of(SEGMENTS_UNSORTED) {
            let all = part.records.len();
            part.records.sort_unstable();
            part.records.dedup();
            part.do_repeat = (all - part.records.len()) * REPEATED >= all;
        }
        self.buffer.clear();
        part.records.iter().for_each(|record| record.write(&mut self.buffer));
        part.segments.push(self.file.append(&self.buffer)?);
        part.spilled += part.records.len();
        part.records.clear();
        Ok(())
    }

    /// Records of one part, as written.
    pub(super) fn len(&self, number: usize) -> usize {
        self.parts[number].spilled + self.parts[number].records.len()
    }

    /// The records of one part, where none of them is spilled.
    pub(super) fn held(&self, number: usize) -> Option<&[R]> {
        let part = &self.parts[number];
        part.segments.is_empty().then_some(&part.records)
    }

    /// Calls `each` with the records of one part, some at a time.
    pub(super) fn read(&self, number: usize, mut each: impl FnMut(&[R]) -> Result<()>) -> Result<()> {
        let part = &self.parts[number];
        each(&part.records)?;
        for &segment in &part.segments {
            let bytes = self.file.read(segment)?;
            let records: Vec<R> = bytes.chunks_exact(R::BYTES).map(R::read).collect();
            each(&records)?;
        }
        Ok(())
    }

    /// Forgets the records of all parts, and keeps their room.
    pub(super) fn clear(&mut self) {
        for part in &mut self.parts {
            part.records.clear();
            part.segments.clear();
            part.spilled = 0;
        }
        self.file.restart();
    }
}
