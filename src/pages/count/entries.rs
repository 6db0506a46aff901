//! Indices into the dictionary of a list column.
//!
//! Entries that are numbers of labels become labels at once, where labels ascend in their rows. All others
//! are counted as entries, and their labels asked for at the end.

use super::counter::SetCounter;
use super::groups::GroupedSlots;
use super::repeats::ascend;
use crate::pages::format::data_pages::Coding;
use crate::pages::format::dictionary::Dictionary;
use crate::pages::lookup::{Lookup, NO_LABEL};
use crate::pages::value::StoredValue;

/// What is known of the entries of a dictionary.
#[derive(Debug)]
pub(crate) enum Entries {
    /// The label of each.
    Labels(Vec<u32>),
    /// The rows of each; so many times for each entry, once for each group.
    Counted(Vec<EntryRows>, u32),
}

/// Counters of entries, at most: 256 MiB.
const COUNTED_MAX: usize = 1 << 25;

impl Entries {
    /// Chooses by the first indices of a chunk. A bit of `firsts` says that an index is the first of its row. `None` where
    /// counters for so many groups would be too many.
    pub(crate) fn new(
        dictionary: &Dictionary<'_>,
        lookup: &Lookup<'_>,
        (firsts, indices): (&[u64], &[u32]),
        groups: u32,
    ) -> Option<Self> {
        if let Some(known) = dictionary.words_below(lookup.bound()) {
            let mut labels = vec![0; indices.len()];
            translate(&known, indices, &mut labels);
            if ascend(firsts, &labels) {
                return Some(Self::Labels(known));
            }
        }
        let counters = dictionary.len().saturating_mul(groups as usize);
        let fits = groups == 1 || counters <= COUNTED_MAX;
        fits.then(|| Self::Counted(vec![EntryRows::default(); counters], groups))
    }

    /// Counts checked indices, whose groups `grouped` knows; `labels` has room for as many. False where labels are too large.
    pub(crate) fn add(
        &mut self,
        firsts: &[u64],
        indices: &[u32],
        (labels, grouped): (&mut [u32], &GroupedSlots<'_>),
        counter: &mut SetCounter,
    ) -> bool {
        match self {
            Self::Labels(known) => {
                translate(known, indices, labels);
                if !grouped.number(labels) {
                    return false;
                }
                counter.admit_all(labels);
                counter.add_rows(firsts, labels);
            }
            Self::Counted(slots, 1) => count_entries(slots, counter.row(), firsts, indices),
            Self::Counted(slots, _) => {
                labels.copy_from_slice(indices);
                if !grouped.number(labels) {
                    return false;
                }
                count_entries(slots, counter.row(), firsts, labels);
            }
        }
        true
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
        let Self::Counted(slots, groups) = self else { return true };
        let row = *counter.row();
        to == Coding::Plain
            && slots.iter().zip(0_u32..).filter(|(slot, _)| slot.row == row && slot.count > 0).all(
                |(_, number)| match one_label(lookup, dictionary.value((number / groups) as usize)) {
                    Some(NO_LABEL) => true,
                    Some(label) => in_group(label, number, *groups).is_some_and(|label| counter.mark(label)),
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
        let Self::Counted(slots, groups) = self else { return true };
        counter.start_distinct();
        let mut batch = Vec::with_capacity(1024);
        for (start, slots) in (0_u32..).step_by(1024).zip(slots.chunks(1024)) {
            batch.clear();
            for (number, slot) in (start..).zip(slots).filter(|(_, slot)| slot.count > 0) {
                match one_label(lookup, dictionary.value((number / groups) as usize)) {
                    Some(NO_LABEL) => {}
                    Some(label) => match in_group(label, number, *groups) {
                        Some(label) => batch.push((label, slot.count)),
                        None => return false,
                    },
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

/// The number of a label in the group of an entry's number; `None` where labels are too large.
fn in_group(label: u32, number: u32, groups: u32) -> Option<u32> {
    if groups == 1 { Some(label) } else { label.checked_mul(groups)?.checked_add(number % groups) }
}

/// Writes the label of each index.
fn translate(known: &[u32], indices: &[u32], labels: &mut [u32]) {
    for (label, index) in labels.iter_mut().zip(indices) {
        *label = known.get(*index as usize).copied().unwrap_or(NO_LABEL);
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
        Ok([]) => Some(NO_LABEL),
        Ok([label]) => Some(*label),
        Ok(_) | Err(_) => None,
    }
}
