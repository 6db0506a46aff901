//! Pairs of a key and a row in their order, in bounded memory, each to be found by its place or its key.
//!
//! ```text
//! Unsorted, one per thread ─▶ sorted runs of pages ─▶ merged ─▶ Sorted
//!                               pages that pass the budget lie in a spill file
//! ```

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::engine::spill::{Segment, Spill, SpillFile};
use crate::error::{Error, Result};

/// A key and a row.
pub(super) type Entry = (u128, u64);

/// Entries per page.
const PAGE: usize = 128;
/// Entries that are sorted at a time, at most.
const BUFFER: usize = 1 << 20;

/// One page of entries.
#[derive(Debug)]
enum Page {
    Held(Box<[u8]>),
    Spilled(Segment),
}

/// Pages in their order.
#[derive(Debug)]
struct Pages {
    /// The first entry of each.
    firsts: Vec<Entry>,
    pages: Vec<Page>,
    file: SpillFile,
    /// Bytes that pages may still take in memory.
    budget: usize,
    entries: u64,
}

impl Pages {
    fn new(spill: Arc<Spill>, budget: usize) -> Self {
        Self { firsts: Vec::new(), pages: Vec::new(), file: SpillFile::new(spill), budget, entries: 0 }
    }

    fn push(&mut self, entries: &[Entry]) -> Result<()> {
        let Some(&first) = entries.first() else { return Ok(()) };
        let mut bytes = Vec::with_capacity(entries.len() * 4);
        let mut last = (0, 0);
        for &(key, row) in entries {
            let same = key == last.0;
            put(&mut bytes, key - last.0);
            put(&mut bytes, u128::from(if same { row - last.1 } else { row }));
            last = (key, row);
        }
        self.firsts.push(first);
        self.entries += entries.len() as u64;
        let taken = bytes.len() + size_of::<Page>() + size_of::<Entry>();
        self.pages.push(if taken <= self.budget {
            self.budget -= taken;
            Page::Held(bytes.into_boxed_slice())
        } else {
            Page::Spilled(self.file.append(&bytes)?)
        });
        Ok(())
    }

    /// Calls `each` with the entries of a page, until it says stop.
    fn visit(&self, page: usize, mut each: impl FnMut(Entry) -> bool) -> Result<()> {
        let bytes = match &self.pages[page] {
            Page::Held(bytes) => Cow::Borrowed(&bytes[..]),
            Page::Spilled(segment) => Cow::Owned(self.file.read(*segment)?),
        };
        let (mut rest, mut last): (&[u8], Entry) = (&bytes, (0, 0));
        while !rest.is_empty() {
            let entry = take(&mut rest).and_then(|step| {
                let key = last.0.checked_add(step)?;
                let row = u64::try_from(take(&mut rest)?).ok()?;
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

/// A number in as many bytes as it needs, seven bits each, the lowest first.
fn put(bytes: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn take(bytes: &mut &[u8]) -> Option<u128> {
    let mut number = 0;
    for shift in (0..128).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u128::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Entries as they come.
#[derive(Debug)]
pub(super) struct Unsorted {
    spill: Arc<Spill>,
    /// Bytes for entries that wait, and as many again for pages.
    budget: usize,
    waiting: Vec<Entry>,
    runs: Vec<Pages>,
}

impl Unsorted {
    /// None yet, in `budget` bytes of memory.
    pub(super) fn new(spill: Arc<Spill>, budget: usize) -> Self {
        Self { spill, budget: budget / 2, waiting: Vec::new(), runs: Vec::new() }
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, key: u128, row: u64) -> Result<()> {
        self.waiting.push((key, row));
        // The vector doubles, and is then there twice for a moment.
        let most = (self.budget / size_of::<Entry>() / 3).clamp(PAGE, BUFFER);
        if self.waiting.len() >= most { self.sort() } else { Ok(()) }
    }

    fn sort(&mut self) -> Result<()> {
        // Many come sorted, which is found out.
        self.waiting.sort_unstable();
        let left = self.runs.last().map_or(self.budget, |run| run.budget);
        let mut run = Pages::new(Arc::clone(&self.spill), left);
        self.waiting.chunks(PAGE).try_for_each(|page| run.push(page))?;
        self.waiting.clear();
        self.runs.push(run);
        Ok(())
    }
}

/// Entries in their order.
#[derive(Debug)]
pub(super) struct Sorted(Pages);

impl Sorted {
    /// All entries of `parts`, in `budget` bytes of memory.
    pub(super) fn merge(parts: Vec<Unsorted>, spill: Arc<Spill>, budget: usize) -> Result<Self> {
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
        let mut cursors: Vec<Cursor> = runs.into_iter().map(Cursor::new).collect();
        let mut heads = BinaryHeap::with_capacity(cursors.len());
        for (number, cursor) in cursors.iter_mut().enumerate() {
            heads.extend(cursor.next()?.map(|entry| Reverse((entry, number))));
        }
        let mut merged = Pages::new(spill, budget);
        let mut page = Vec::with_capacity(PAGE);
        while let Some(Reverse((mut entry, number))) = heads.pop() {
            let limit = heads.peek().map(|Reverse((entry, _))| *entry);
            // Runs mostly hold rows of their own, so one goes on for a while.
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

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.0.entries
    }

    /// The entry at a place. Every page but the last is full.
    pub(super) fn get(&self, place: u64) -> Result<Entry> {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let (mut left, mut found) = (place % PAGE, None);
        if place / PAGE < self.0.pages.len() {
            self.0.visit(place / PAGE, |entry| {
                found = (left == 0).then_some(entry);
                left = left.saturating_sub(1);
                found.is_none()
            })?;
        }
        found.ok_or_else(|| Error::internal("a row is looked for behind the last"))
    }

    /// Calls `each` with the entries from `first` on, until it says stop.
    pub(super) fn from(&self, first: Entry, mut each: impl FnMut(Entry) -> bool) -> Result<()> {
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
struct Cursor {
    run: Pages,
    page: usize,
    entries: std::vec::IntoIter<Entry>,
}

impl Cursor {
    fn new(run: Pages) -> Self {
        Self { run, page: 0, entries: Vec::new().into_iter() }
    }

    fn next(&mut self) -> Result<Option<Entry>> {
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
        // What was read is not needed again.
        self.run.pages[self.page] = Page::Held(Box::default());
        self.page += 1;
        self.entries = entries.into_iter();
        Ok(self.entries.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
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
            let mut parts: Vec<_> = (0..3).map(|_| Unsorted::new(Arc::clone(&spill), budget)).collect();
            for (i, (key, row)) in entries().into_iter().enumerate() {
                parts[i % 3].push(key, row).unwrap();
            }
            let sorted = Sorted::merge(parts, Arc::clone(&spill), budget).unwrap();
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
        let sorted = Sorted::merge(Vec::new(), spill, 0).unwrap();
        assert_eq!(sorted.len(), 0);
        sorted.from((0, 0), |_| panic!("there is none")).unwrap();
    }
}
