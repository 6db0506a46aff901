//! Labels of `list`, `delimited`, `class` and `bits`: a row holds a set of them, whatever it repeats.

use arrow::array::ArrayRef;

use crate::counts::{CountUnit, Mass, MassTally, Tally};
use crate::engine::counting::{Counting, Keys};
use crate::engine::group_key::GroupKey;
use crate::engine::partial::{PartialRow, Partials};
use crate::engine::plain::batch_weights::{BatchWeights, mass_of};
use crate::engine::plain::cells::{BatchRows, STRAYS_SHOWN, StrayValue};
use crate::engine::plain::columns::Lists;
use crate::engine::plain::visit::visit;
use crate::engine::read::interner::Interner;
use crate::engine::read::weights::mass_overflow;
use crate::error::Result;
use crate::source::layout::{LayoutKind, item};

/// Calls `each` with rows and the labels of a value in them, repeated as they are, and with `None` for a row that
/// says nothing. Null elements and values declared missing name no label. Of lists, rows that say nothing come first
/// and rows without a label not at all; otherwise rows come in their order.
pub(crate) fn labels_in(
    array: &ArrayRef,
    counting: &Counting,
    interner: &mut Interner,
    mut each: impl FnMut(usize, Option<&[u32]>),
) -> Result<()> {
    let domain = &counting.domain;
    let mut ids = Vec::new();
    let of_null = counting.null_is_no_label().then_some(&[][..]);
    if has_lists(array, counting) {
        let lists = Lists::of(array)?;
        if of_null.is_none() {
            (0..lists.len()).filter(|&row| lists.is_null(row)).for_each(|row| each(row, None));
        }
        let mut rows = (0..lists.len()).filter(|&row| !lists.is_null(row) && !lists.range(row).is_empty());
        let mut current = rows.next();
        return visit(&lists.values, |element, value| {
            let Some(row) = current else { return };
            let range = lists.range(row);
            if !range.contains(&element) {
                return;
            }
            if let Some(value) = value.filter(|value| !domain.is_missing(value)) {
                ids.clear();
                // What is wrong with a value was said when it was counted.
                let _ = interner.ids(&value, &mut ids);
                each(row, Some(&ids));
            }
            if element + 1 == range.end {
                current = rows.next();
            }
        });
    }
    visit(array, |row, value| match value {
        None => each(row, of_null),
        Some(value) if domain.is_missing(&value) => each(row, None),
        Some(value) => {
            ids.clear();
            let _ = interner.cell(counting, value, &mut ids);
            each(row, Some(&ids));
        }
    })
}

/// Whether rows hold lists, not one value each.
pub(super) fn has_lists(array: &ArrayRef, counting: &Counting) -> bool {
    counting.layout.kind == LayoutKind::List && item(array.data_type()).is_some()
}

/// Positives per label id.
#[derive(Debug)]
pub(super) struct Sets {
    interner: Interner,
    positional: bool,
    positives: Vec<u64>,
    masses: Option<Vec<Mass>>,
    /// Per label id: the serial number of the last row that had it.
    last_row: Vec<u64>,
    serial: u64,
    /// Labels of a value.
    ids: Vec<u32>,
}

impl Sets {
    pub(super) fn new(counting: &Counting) -> Self {
        let has_mass = counting.has_mass();
        Self {
            interner: Interner::of(counting),
            positional: !matches!(counting.keys, Keys::Names(_)),
            positives: Vec::new(),
            masses: has_mass.then(Vec::new),
            last_row: Vec::new(),
            serial: 0,
            ids: Vec::new(),
        }
    }

    pub(super) fn name_bytes(&self) -> usize {
        self.interner.name_bytes()
    }

    pub(super) fn update(
        &mut self,
        array: &ArrayRef,
        counting: &Counting,
        weights: Option<&BatchWeights>,
        counted: &mut BatchRows,
        strays: &mut Vec<StrayValue>,
    ) -> Result<()> {
        if !has_lists(array, counting) {
            self.update_flat(array, counting, weights, counted, strays)
        } else if counting.unit == CountUnit::Element {
            self.update_elements(&Lists::of(array)?, counting, weights, counted, strays)
        } else {
            self.update_lists(&Lists::of(array)?, counting, weights, counted, strays)
        }
    }

    fn update_lists(
        &mut self,
        lists: &Lists,
        counting: &Counting,
        weights: Option<&BatchWeights>,
        counted: &mut BatchRows,
        strays: &mut Vec<StrayValue>,
    ) -> Result<()> {
        if !counting.null_is_no_label() {
            for row in (0..lists.len()).filter(|&row| lists.is_null(row)) {
                null_row(row, weights, counted)?;
            }
        }
        let mut rows = (0..lists.len()).filter(|&row| !lists.is_null(row) && !lists.range(row).is_empty());
        let mut current = rows.next();
        self.serial += 1;
        let mut failed = None;
        visit(&lists.values, |element, value| {
            let Some(row) = current else { return };
            let range = lists.range(row);
            if !range.contains(&element) {
                return;
            }
            match value {
                None => counted.skipped += 1,
                Some(value) if counting.domain.is_missing(&value) => {}
                Some(value) => {
                    counted.listed += 1;
                    self.ids.clear();
                    let read = self.interner.ids(&value, &mut self.ids);
                    if let Err(error) = self.add_read(row, read, weights, strays) {
                        failed.get_or_insert(error);
                    }
                }
            }
            if element + 1 == range.end {
                self.serial += 1;
                current = rows.next();
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Each element is a unit with one label; NULL lists hold none.
    fn update_elements(
        &mut self,
        lists: &Lists,
        counting: &Counting,
        weights: Option<&BatchWeights>,
        counted: &mut BatchRows,
        strays: &mut Vec<StrayValue>,
    ) -> Result<()> {
        let mut rows = (0..lists.len()).filter(|&row| !lists.is_null(row) && !lists.range(row).is_empty());
        let mut current = rows.next();
        let mut failed = None;
        visit(&lists.values, |element, value| {
            let Some(row) = current.filter(|row| lists.range(*row).contains(&element)) else { return };
            let mut count = || {
                self.serial += 1;
                counted.rows += 1;
                let weight = mass_of(weights, row);
                counted.unit_mass = counted.unit_mass.checked_add(weight).ok_or_else(mass_overflow)?;
                match value.filter(|value| !counting.domain.is_missing(value)) {
                    None => null_row(row, weights, counted),
                    Some(value) => {
                        self.ids.clear();
                        let read = self.interner.ids(&value, &mut self.ids);
                        self.add_read(row, read, weights, strays)
                    }
                }
            };
            if let Err(error) = count() {
                failed.get_or_insert(error);
            }
            if element + 1 == lists.range(row).end {
                current = rows.next();
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    fn update_flat(
        &mut self,
        array: &ArrayRef,
        counting: &Counting,
        weights: Option<&BatchWeights>,
        counted: &mut BatchRows,
        strays: &mut Vec<StrayValue>,
    ) -> Result<()> {
        let mut failed = None;
        visit(array, |row, value| {
            self.serial += 1;
            let outcome = match value {
                None if counting.null_is_no_label() => Ok(()),
                None => null_row(row, weights, counted),
                Some(value) if counting.domain.is_missing(&value) => null_row(row, weights, counted),
                Some(value) => {
                    self.ids.clear();
                    let read = self.interner.cell(counting, value, &mut self.ids);
                    self.add_read(row, read, weights, strays)
                }
            };
            if let Err(error) = outcome {
                failed.get_or_insert(error);
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Counts the labels that were read of one row.
    fn add_read(
        &mut self,
        row: usize,
        read: std::result::Result<(), String>,
        weights: Option<&BatchWeights>,
        strays: &mut Vec<StrayValue>,
    ) -> Result<()> {
        match read {
            Ok(()) => (0..self.ids.len()).try_for_each(|at| self.add(row, self.ids[at] as usize, weights)),
            Err(text) => {
                if strays.len() < STRAYS_SHOWN {
                    strays.push(StrayValue { label: None, row, text });
                }
                Ok(())
            }
        }
    }

    /// Counts one label of one row, once.
    fn add(&mut self, row: usize, id: usize, weights: Option<&BatchWeights>) -> Result<()> {
        if id >= self.positives.len() {
            self.positives.resize(id + 1, 0);
            self.last_row.resize(id + 1, 0);
            if let Some(masses) = &mut self.masses {
                masses.resize(id + 1, Mass::ZERO);
            }
        }
        if self.last_row[id] == self.serial {
            return Ok(());
        }
        self.last_row[id] = self.serial;
        self.positives[id] += 1;
        if let Some(masses) = &mut self.masses {
            let weight = mass_of(weights, row);
            masses[id] = masses[id].checked_add(weight).ok_or_else(mass_overflow)?;
        }
        Ok(())
    }

    /// Number of label ids.
    pub(super) fn len(&self) -> usize {
        self.positives.len()
    }

    /// Rows so far that have each label, by its id.
    pub(super) fn positives(&self) -> impl ExactSizeIterator<Item = u64> {
        self.positives.iter().copied()
    }

    /// The name of an id that is no position.
    pub(super) fn name(&self, id: usize) -> Option<&str> {
        self.interner.name(id)
    }

    /// Gives out one partial row per label of `ids` that was seen.
    pub(super) fn give(&self, ids: std::ops::Range<usize>, by: &GroupKey, out: &mut Partials) {
        for (id, &positives) in ids.clone().zip(&self.positives[ids]).filter(|(_, n)| **n > 0) {
            let mass = self.masses.as_ref().map(|m| m[id]).unwrap_or_default();
            out.push(&PartialRow {
                by,
                index: self.positional.then_some(id as u64),
                name: self.interner.name(id),
                tally: Tally { positives, ..Tally::default() },
                mass: MassTally { positives: mass, negatives: Mass::ZERO },
                ..PartialRow::default()
            });
        }
    }
}

/// Counts a row that says nothing.
pub(super) fn null_row(row: usize, weights: Option<&BatchWeights>, counted: &mut BatchRows) -> Result<()> {
    counted.null_rows += 1;
    let weight = mass_of(weights, row);
    counted.null_mass = counted.null_mass.checked_add(weight).ok_or_else(mass_overflow)?;
    Ok(())
}
