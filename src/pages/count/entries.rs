//! Indices into the dictionary of a list column.
//!
//! Entries that are numbers of labels become labels at once, where labels ascend in their rows. All others
//! are counted as entries, and their labels asked for at the end.

use super::counter::SetCounter;
use super::repeats::ascend;
use crate::pages::format::data_pages::Coding;
use crate::pages::format::dictionary::Dictionary;
use crate::pages::lookup::Lookup;
use crate::pages::value::StoredValue;

/// No label; never admitted to a counter.
pub(crate) const NONE: u32 = u32::MAX;

/// What is known of the entries of a dictionary.
#[derive(Debug)]
pub(crate) enum Entries {
    /// The label of each.
    Labels(Vec<u32>),
    /// The rows of each.
    Counted(Vec<EntryRows>),
}

impl Entries {
    /// Chooses by the first indices of a chunk. A bit of `firsts` says that an index is the first of its row.
    pub(crate) fn new(
        dictionary: &Dictionary<'_>,
        lookup: &Lookup<'_>,
        firsts: &[u64],
        indices: &[u32],
    ) -> Self {
        if let Some(known) = dictionary.words_below(lookup.bound()) {
            let mut labels = vec![0; indices.len()];
            translate(&known, indices, &mut labels);
            if ascend(firsts, &labels) {
                return Self::Labels(known);
            }
        }
        Self::Counted(vec![EntryRows::default(); dictionary.len()])
    }

    /// Counts checked indices; `labels` has room for as many.
    pub(crate) fn add(
        &mut self,
        firsts: &[u64],
        indices: &[u32],
        labels: &mut [u32],
        counter: &mut SetCounter,
    ) {
        match self {
            Self::Labels(known) => {
                translate(known, indices, labels);
                counter.admit_all(labels);
                counter.add_rows(firsts, labels);
            }
            Self::Counted(slots) => count_entries(slots, counter.row(), firsts, indices),
        }
    }

    /// Where plain values go on with a row that began as indices: notes which labels the row has already.
    /// False when that is not possible.
    pub(super) fn hand_over(
        &self,
        to: Coding,
        dictionary: &Dictionary<'_>,
        lookup: &mut Lookup<'_>,
        counter: &mut SetCounter,
    ) -> bool {
        let Self::Counted(slots) = self else { return true };
        let row = *counter.row();
        to == Coding::Plain
            && slots.iter().enumerate().filter(|(_, slot)| slot.row == row && slot.count > 0).all(
                |(entry, _)| match one_label(lookup, dictionary.value(entry)) {
                    Some(NONE) => true,
                    Some(label) => counter.mark(label),
                    None => false,
                },
            )
    }

    /// Counts the rows of each entry for its label; false when it has several, is invalid, or another entry
    /// has the same.
    pub(crate) fn finish(
        &self,
        dictionary: &Dictionary<'_>,
        lookup: &mut Lookup<'_>,
        counter: &mut SetCounter,
    ) -> bool {
        let Self::Counted(slots) = self else { return true };
        counter.start_distinct();
        let mut batch = Vec::with_capacity(1024);
        for (start, slots) in (0..).step_by(1024).zip(slots.chunks(1024)) {
            batch.clear();
            for (entry, slot) in (start..).zip(slots).filter(|(_, slot)| slot.count > 0) {
                match one_label(lookup, dictionary.value(entry)) {
                    Some(NONE) => {}
                    Some(label) => batch.push((label, slot.count)),
                    None => return false,
                }
            }
            if !counter.add_distinct(&batch) {
                return false;
            }
        }
        true
    }
}

/// Writes the label of each index.
fn translate(known: &[u32], indices: &[u32], labels: &mut [u32]) {
    for (label, index) in labels.iter_mut().zip(indices) {
        *label = known.get(*index as usize).copied().unwrap_or(NONE);
    }
}

/// A dictionary entry and the rows that had it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct EntryRows {
    /// The last row that had it.
    row: u32,
    /// Rows that had it.
    count: u32,
}

/// Counts dictionary entries of lists. A bit of `firsts` says that an entry is the first of its row; `row`
/// is the number of the row at hand. Entries without a place in `slots` are passed over.
fn count_entries(slots: &mut [EntryRows], row: &mut u32, firsts: &[u64], entries: &[u32]) {
    for (&firsts, entries) in firsts.iter().zip(entries.chunks(64)) {
        let mut firsts = firsts;
        for &entry in entries {
            *row += u32::from(firsts & 1 == 1);
            firsts >>= 1;
            // No branch on what a slot holds: those of rare entries are far away in memory, and a wrong
            // guess would wait for each of them.
            if let Some(slot) = slots.get_mut(entry as usize) {
                let new = u32::from(slot.row != *row);
                slot.row = *row;
                slot.count = slot.count.wrapping_add(new);
            }
        }
    }
}

/// The label of a value; `None` when it has several or is invalid.
pub(super) fn one_label(lookup: &mut Lookup<'_>, value: StoredValue<'_>) -> Option<u32> {
    match lookup.labels(value) {
        Ok([]) => Some(NONE),
        Ok([label]) => Some(*label),
        Ok(_) | Err(_) => None,
    }
}
