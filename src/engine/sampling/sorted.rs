//! Pairs of a key and a row number, sorted in bounded memory and found by position or by key.
//!
//! ```text
//! UnsortedRows, one per thread ─▶ sorted runs of pages ─▶ merged ─▶ SortedRows
//!                                 pages beyond the budget lie in a spill file
//! ```

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::engine::spill::varint::{put, take};
use crate::engine::spill::{Segment, Spill, SpillFile};
use crate::error::{Error, Result};

/// A key and the number of a row.
pub(super) type KeyedRow = (u128, u64);

/// Entries per page.
const PAGE: usize = 128;
/// Most entries that are sorted at a time.
const BUFFER: usize = 1 << 20;

/// A page of entries: differences of keys and rows, as numbers of variable length.
#[derive(Debug)]
enum StoredPage {
    Held(Box<[u8]>),
    Spilled(Segment),
}

/// Pages in order.
#[derive(Debug)]
struct SortedPages {
    /// The first entry of each.
    firsts: Vec<KeyedRow>,
    pages: Vec<StoredPage>,
    file: SpillFile,
    /// Bytes of memory that are left for pages.
    budget: usize,
    entries: u64,
}

impl SortedPages {
    fn new(spill: Arc<Spill>, budget: usize) -> Self {
        Self { firsts: Vec::new(), pages: Vec::new(), file: SpillFile::new(spill), budget, entries: 0 }
    }

    fn push(&mut self, entries: &[KeyedRow]) -> Result<()> {
        let Some(&first) = entries.first() else { return Ok(()) };
        let mut bytes = Vec::with_capacity(entries.len() * 4);
        let mut last = (0, 0);
        for &(key, row) in entries {
            let same = key == last.0;
            put(&mut bytes, key - last.0);
            put(&mut bytes, if same { row - last.1 } else { row });
            last = (key, row);
        }
        self.firsts.push(first);
        self.entries += entries.len() as u64;
        let taken = bytes.len() + size_of::<StoredPage>() + size_of::<KeyedRow>();
        self.pages.push(if taken <= self.budget {
            self.budget -= taken;
            StoredPage::Held(bytes.into_boxed_slice())
        } else {
            StoredPage::Spilled(self.file.append(&bytes)?)
        });
        Ok(())
    }

    /// Calls `each` with the entries of a page, until it returns false.
    fn visit(&self, page: usize, mut each: impl FnMut(KeyedRow) -> bool) -> Result<()> {
        let bytes = match &self.pages[page] {
            StoredPage::Held(bytes) => Cow::Borrowed(&bytes[..]),
            StoredPage::Spilled(segment) => Cow::Owned(self.file.read(*segment)?),
        };
        let (mut rest, mut last): (&[u8], KeyedRow) = (&bytes, (0, 0));
        while !rest.is_empty() {
            let entry = take::<u128>(&mut rest).and_then(|step| {
                let key = last.0.checked_add(step)?;
                let row = take::<u64>(&mut rest)?;
                Some((key, if step == 0 { last.1.checked_add(row)? } else { row }))
            });
            let entry = entry.ok_or_else(|| Error::resource("a spill file is damaged").hint("run again"))?;
            if !each(entry) {
                return Ok(());
            }
            last = entry;
        }
        Ok(())
    }
}

/// Entries in the order in which they are added.
#[derive(Debug)]
pub(super) struct UnsortedRows {
    spill: Arc<Spill>,
    /// Bytes for entries that are not sorted yet, and as many again for pages.
    budget: usize,
    waiting: Vec<KeyedRow>,
    runs: Vec<SortedPages>,
}

impl UnsortedRows {
    /// No entries; uses up to `budget` bytes of memory.
    pub(super) fn new(spill: Arc<Spill>, budget: usize) -> Self {
        Self { spill, budget: budget / 2, waiting: Vec::new(), runs: Vec::new() }
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, key: u128, row: u64) -> Result<()> {
        self.waiting.push((key, row));
        // When the vector grows, old and new buffer exist at the same time.
        let most = (self.budget / size_of::<KeyedRow>() / 3).clamp(PAGE, BUFFER);
        if self.waiting.len() >= most { self.sort() } else { Ok(()) }
    }

    fn sort(&mut self) -> Result<()> {
        // Most are sorted already, which `sort_unstable` detects.
        self.waiting.sort_unstable();
        let left = self.runs.last().map_or(self.budget, |run| run.budget);
        let mut run = SortedPages::new(Arc::clone(&self.spill), left);
        self.waiting.chunks(PAGE).try_for_each(|page| run.push(page))?;
        self.waiting.clear();
        self.runs.push(run);
        Ok(())
    }
}

/// Entries in order.
#[derive(Debug)]
pub(super) struct SortedRows(SortedPages);

impl SortedRows {
    /// Sorts all entries of `parts`; keeps up to `budget` bytes of them in memory.
    pub(super) fn merge(parts: Vec<UnsortedRows>, spill: Arc<Spill>, budget: usize) -> Result<Self> {
        let mut runs = Vec::new();
        for mut part in parts {
            part.sort()?;
            part.waiting = Vec::new();
            runs.append(&mut part.runs);
        }
        runs.retain(|run| run.entries > 0);
        if runs.len() == 1 {
            return Ok(Self(runs.swap_remove(0)));
        }
        let mut cursors: Vec<PageCursor> = runs.into_iter().map(PageCursor::new).collect();
        let mut heads = BinaryHeap::with_capacity(cursors.len());
        for (number, cursor) in cursors.iter_mut().enumerate() {
            heads.extend(cursor.next()?.map(|entry| Reverse((entry, number))));
        }
        let mut merged = SortedPages::new(spill, budget);
        let mut page = Vec::with_capacity(PAGE);
        while let Some(Reverse((mut entry, number))) = heads.pop() {
            let limit = heads.peek().map(|Reverse((entry, _))| *entry);
            // Ranges of runs overlap little, so the same run often has the next entry too.
            loop {
                page.push(entry);
                if page.len() == PAGE {
                    merged.push(&page)?;
                    page.clear();
                }
                match cursors[number].next()? {
                    None => break,
                    Some(next) if limit.is_some_and(|limit| next > limit) => {
                        heads.push(Reverse((next, number)));
                        break;
                    }
                    Some(next) => entry = next,
                }
            }
        }
        merged.push(&page)?;
        Ok(Self(merged))
    }

    /// Number of entries.
    pub(super) fn len(&self) -> u64 {
        self.0.entries
    }

    /// The entry at position `place`. Every page but the last is full.
    pub(super) fn get(&self, place: u64) -> Result<KeyedRow> {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let (mut left, mut found) = (place % PAGE, None);
        if place / PAGE < self.0.pages.len() {
            self.0.visit(place / PAGE, |entry| {
                found = (left == 0).then_some(entry);
                left = left.saturating_sub(1);
                found.is_none()
            })?;
        }
        found.ok_or_else(|| Error::internal("a sampling plan looks up a row behind the last one"))
    }

    /// Calls `each` with the entries from `first` on, until it returns false.
    pub(super) fn from(&self, first: KeyedRow, mut each: impl FnMut(KeyedRow) -> bool) -> Result<()> {
        let start = self.0.firsts.partition_point(|page| *page < first).saturating_sub(1);
        let mut goes_on = true;
        for page in start..self.0.pages.len() {
            self.0.visit(page, |entry| {
                goes_on = entry < first || each(entry);
                goes_on
            })?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }
}

/// Reads a run to its end.
struct PageCursor {
    run: SortedPages,
    page: usize,
    entries: std::vec::IntoIter<KeyedRow>,
}

impl PageCursor {
    fn new(run: SortedPages) -> Self {
        Self { run, page: 0, entries: Vec::new().into_iter() }
    }

    fn next(&mut self) -> Result<Option<KeyedRow>> {
        if let Some(entry) = self.entries.next() {
            return Ok(Some(entry));
        }
        if self.page == self.run.pages.len() {
            return Ok(None);
        }
        let mut entries = Vec::with_capacity(PAGE);
        self.run.visit(self.page, |entry| {
            entries.push(entry);
            true
        })?;
        // Frees the page, which is not read again.
        self.run.pages[self.page] = StoredPage::Held(Box::default());
        self.page += 1;
        self.entries = entries.into_iter();
        Ok(self.entries.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<KeyedRow> {
        let key =
            |i: u64| if i.is_multiple_of(7) { u128::MAX - u128::from(i % 3) } else { u128::from(i % 11) };
        (0..5000).map(|i| (key(i), i * 7919 % 5003)).collect()
    }

    #[test]
    fn entries_come_back_in_order_from_memory_and_disk() {
        let mut expected = entries();
        expected.sort_unstable();
        for budget in [0, 1 << 30] {
            let spill = Spill::new(None, 1 << 30, Arc::default());
            let mut parts: Vec<_> = (0..3).map(|_| UnsortedRows::new(Arc::clone(&spill), budget)).collect();
            for (i, (key, row)) in entries().into_iter().enumerate() {
                parts[i % 3].push(key, row).unwrap();
            }
            let sorted = SortedRows::merge(parts, Arc::clone(&spill), budget).unwrap();
            assert_eq!((sorted.len(), spill.spilled().bytes > 0), (5000, budget == 0));
            let mut all = Vec::new();
            sorted
                .from((0, 0), |entry| {
                    all.push(entry);
                    true
                })
                .unwrap();
            assert_eq!(all, expected);
            for place in [0, 127, 128, 4999] {
                assert_eq!(sorted.get(place).unwrap(), expected[usize::try_from(place).unwrap()]);
            }
            assert!(sorted.get(5000).is_err());
            let mut of_key = Vec::new();
            sorted
                .from((5, 0), |(key, row)| {
                    of_key.extend((key == 5).then_some(row));
                    key == 5
                })
                .unwrap();
            let expected: Vec<u64> =
                expected.iter().filter(|entry| entry.0 == 5).map(|entry| entry.1).collect();
            assert_eq!(of_key, expected);
        }
    }

    #[test]
    fn nothing_is_sorted_too() {
        let spill = Spill::new(None, 1 << 30, Arc::default());
        let sorted = SortedRows::merge(Vec::new(), spill, 0).unwrap();
        assert_eq!(sorted.len(), 0);
        sorted.from((0, 0), |_| panic!("there is none")).unwrap();
    }
}
