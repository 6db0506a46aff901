//! Rows of equal sets added up, by tables that are used again for one part after the other.

use crate::engine::rows::set_bits::{LabelKeys, PARTS, scattered};
use crate::engine::rows::set_entry::SetEntry;

/// Rows of few labels with their numbers, and where entries stand.
#[derive(Debug, Default)]
pub(super) struct SetSums {
    /// A row, which is never 0, and how often it occurs.
    rows: Vec<(u64, u64)>,
    /// The number of an entry, from 1 on; 0 where there is none.
    entries: Vec<u32>,
}

/// Places of a table of so many elements, two or another power of two: a ninth is free at least.
fn places(elements: usize) -> usize {
    (elements + elements / 8 + 2).next_power_of_two()
}

/// Where a search begins in a table of this many places. The highest bits are the same in all of a part.
#[inline]
fn place(bits: u64, places: usize) -> usize {
    usize::try_from(scattered(bits) << PARTS.ilog2() >> (u64::BITS - places.ilog2())).unwrap_or(0)
}

impl SetSums {
    /// Takes rows, and what `entries` has of few labels.
    pub(super) fn take_rows(&mut self, keys: &LabelKeys, rows: Vec<Vec<u64>>, entries: &mut Vec<SetEntry>) {
        let of_entry = |entry: &SetEntry| keys.row_of(entry.hash, entry.group);
        let few = entries.iter().filter(|entry| of_entry(entry).is_some()).count();
        self.rows.clear();
        self.rows.resize(places(rows.iter().map(Vec::len).sum::<usize>() + few), (0, 0));
        for rows in rows {
            rows.iter().for_each(|row| self.add(*row, 1));
        }
        entries.retain(|entry| match of_entry(entry) {
            Some(row) => {
                self.add(row, entry.rows.into());
                false
            }
            None => true,
        });
    }

    #[inline]
    fn add(&mut self, row: u64, rows: u64) {
        let (places, mut at) = (self.rows.len(), place(row, self.rows.len()));
        while let Some((other, sum)) = self.rows.get_mut(at) {
            if *other == row || *other == 0 {
                (*other, *sum) = (row, *sum + rows);
                return;
            }
            at = (at + 1) & (places - 1);
        }
    }

    /// Every row that was taken, and how often it occurs.
    pub(super) fn rows(&mut self) -> &[(u64, u64)] {
        // Whether a place is taken cannot be foreseen, so that nothing depends on it but where the next one goes.
        let mut kept = 0;
        for at in 0..self.rows.len() {
            let (row, rows) = self.rows[at];
            self.rows[kept] = (row, rows);
            kept += usize::from(row != 0);
        }
        self.rows.truncate(kept);
        &self.rows
    }

    /// Adds up entries of the same set and group; true where there are too many rows for one entry of some set.
    pub(super) fn add_up(&mut self, entries: &mut Vec<SetEntry>) -> bool {
        let places = places(entries.len());
        self.entries.clear();
        self.entries.resize(places, 0);
        let (mut kept, mut is_split) = (0, false);
        for next in 0..entries.len() {
            let entry = entries[next];
            let mut at = place(entry.hash[0] ^ entry.hash[1] ^ scattered(entry.group.into()), places);
            let is_new = loop {
                // A part of 2³² entries would take 100 GB.
                let Some(old) = self.entries[at].checked_sub(1) else { break true };
                let old = &mut entries[old as usize];
                if old.is_of(&entry) {
                    if old.add(entry.rows) {
                        break false;
                    }
                    is_split = true;
                }
                at = (at + 1) & (places - 1);
            };
            if is_new {
                entries[kept] = entry;
                kept += 1;
                self.entries[at] = u32::try_from(kept).unwrap_or(u32::MAX);
            }
        }
        entries.truncate(kept);
        is_split
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_more_rows_than_an_entry_holds_are_several_entries() {
        let entry = |set, rows| SetEntry { hash: [set, 1 << 63], group: 0, rows };
        let (mut sums, mut entries) = (SetSums::default(), Vec::new());
        assert!(!sums.add_up(&mut entries));
        for set in 0..1000 {
            entries.extend([entry(set % 400, 2), entry(set % 7, 1)]);
        }
        assert!(!sums.add_up(&mut entries));
        assert_eq!(
            (entries.len(), entries[0], entries[399]),
            (400, entry(0, 3 * 2 + 143), entry(399, 2 * 2))
        );
        entries.extend([entry(9, u32::MAX), entry(9, 5)]);
        assert!(sums.add_up(&mut entries));
        let rows: u64 =
            entries.iter().filter(|other| other.is_of(&entry(9, 0))).map(|entry| u64::from(entry.rows)).sum();
        assert_eq!((entries.len(), rows), (401, u64::from(u32::MAX) + 5 + 6));
    }
}
