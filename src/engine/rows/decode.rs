//! From a batch of label columns to the labels of each of its rows.

use std::collections::VecDeque;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::counts::Cell;
use crate::engine::counting::{Counting, Keys};
use crate::engine::plain::columns::Lists;
use crate::engine::plain::hierarchy::{Hierarchy, vectors_of};
use crate::engine::plain::maps::MapReader;
use crate::engine::plain::sets::labels_in;
use crate::engine::plain::visit::visit;
use crate::engine::read::interner::Interner;
use crate::error::{Error, Result};
use crate::label_sets::LabelSets;
use crate::pages::Marks;
use crate::source::layout::LayoutKind;
use crate::source::values::{Domain, Value};

/// Reads batches of label columns.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// (row, label) as columns give them.
    positives: Vec<(u32, u32)>,
    unknown: Vec<(u32, u32)>,
    interner: Option<Interner>,
    /// One for each of several class columns.
    interners: Vec<Interner>,
    maps: Option<MapReader>,
    /// Of layouts whose labels have a cell each.
    hierarchy: Option<Hierarchy>,
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Number of labels, which is known before rows are read.
pub(crate) fn label_count(keys: &Keys) -> Result<usize> {
    match keys {
        Keys::Positions(labels) => Ok(labels.len()),
        Keys::Vocabulary(vocabulary) => Ok(vocabulary.labels().len()),
        Keys::Indices(Some(labels)) => Ok(usize::try_from(*labels).unwrap_or(usize::MAX)),
        Keys::Indices(None) | Keys::Names(_) => {
            Err(Error::internal("labels are not known before rows are read"))
        }
    }
}

impl Decoder {
    /// Puts the rows of a batch into `sets`.
    pub(super) fn read(
        &mut self,
        columns: &[ArrayRef],
        counting: &Counting,
        sets: &mut LabelSets,
    ) -> Result<()> {
        sets.clear(label_count(&counting.keys)?);
        let Some(first) = columns.first() else { return Ok(()) };
        match (&counting.keys, counting.layout.kind) {
            _ if !counting.heads.is_empty() => self.read_heads(columns, counting, sets),
            (Keys::Positions(_), LayoutKind::Wide) => {
                self.positives.clear();
                self.unknown.clear();
                let raised =
                    self.hierarchy(counting).map(|above| above.wide(columns, counting)).transpose()?;
                let columns = raised.as_deref().unwrap_or(columns);
                for (position, array) in columns.iter().enumerate() {
                    self.read_column(array, position, counting)?;
                }
                sets.set(first.len(), &self.positives, &self.unknown);
                Ok(())
            }
            (_, LayoutKind::Map) => {
                let reader = self.maps.get_or_insert_with(|| MapReader::new(counting));
                read_maps(columns, counting, reader, sets)
            }
            (Keys::Positions(labels), _) => {
                let lists = vectors_of(first, labels.len(), counting, self.hierarchy(counting))?;
                read_vectors(&lists, labels.len(), counting, sets)
            }
            _ => {
                let interner = self.interner.get_or_insert_with(|| Interner::of(counting));
                read_sets(first, counting, interner, sets)
            }
        }
    }

    /// The hierarchy, if there is one.
    fn hierarchy(&mut self, counting: &Counting) -> Option<&Hierarchy> {
        if self.hierarchy.is_none() && counting.ancestors.is_some() {
            self.hierarchy = Hierarchy::of(counting);
        }
        self.hierarchy.as_ref()
    }

    /// Rows with a label of each of several columns.
    fn read_heads(&mut self, columns: &[ArrayRef], counting: &Counting, sets: &mut LabelSets) -> Result<()> {
        let Self { positives, unknown, interners, .. } = self;
        positives.clear();
        unknown.clear();
        if interners.is_empty() {
            interners.extend(counting.heads.iter().map(Interner::of));
        }
        let (mut start, mut rows) = (0, 0);
        for ((array, head), interner) in columns.iter().zip(&counting.heads).zip(interners) {
            let end = start + small(label_count(&head.keys)?);
            labels_in(array, head, interner, |row, labels| match labels {
                None => unknown.extend((start..end).map(|label| (small(row), label))),
                Some(labels) => {
                    let first = positives.len();
                    positives.extend(labels.iter().map(|label| (small(row), start + label)));
                    // Ancestors come behind the label.
                    positives[first..].sort_unstable();
                }
            })?;
            (start, rows) = (end, array.len());
        }
        sets.set(rows, positives, unknown);
        Ok(())
    }

    fn read_column(&mut self, array: &ArrayRef, position: usize, counting: &Counting) -> Result<()> {
        let label = small(position);
        let Self { positives, unknown, .. } = self;
        cells(array, counting.domain(position), |row, cell| match cell {
            Cell::Positive => positives.push((small(row), label)),
            Cell::Missing => unknown.push((small(row), label)),
            _ => {}
        })
    }
}

/// Marks the rows of a column, of which the first is row `first`.
pub(super) fn mark_column(
    array: &ArrayRef,
    position: usize,
    counting: &Counting,
    first: usize,
    marks: &mut Marks,
) -> Result<()> {
    cells(array, counting.domain(position), |row, cell| marks.mark(first + row, cell))
}

/// Calls `each` with every row that is positive, and every row of which nothing is known.
fn cells(array: &ArrayRef, domain: &Domain, mut each: impl FnMut(usize, Cell)) -> Result<()> {
    if domain.is_binary()
        && let Some(ones) = ones(array)
    {
        let known = array.nulls().filter(|nulls| nulls.null_count() > 0);
        let ones = match known {
            Some(known) => &ones & known.inner(),
            None => ones,
        };
        ones.set_indices().for_each(|row| each(row, Cell::Positive));
        if let Some(known) = known {
            (!known.inner()).set_indices().for_each(|row| each(row, Cell::Missing));
        }
        return Ok(());
    }
    visit(array, |row, value| {
        let cell = side(domain, value);
        if matches!(cell, Cell::Positive | Cell::Missing) {
            each(row, cell);
        }
    })
}

/// Positive, missing or neither. Values without a meaning were refused when they were counted.
fn side(domain: &Domain, value: Option<Value<'_>>) -> Cell {
    match domain.target_of(value.as_ref()).0 {
        Cell::Uncertain => Cell::Missing,
        cell => cell,
    }
}

/// Rows in which position is label.
fn read_vectors(lists: &Lists, labels: usize, counting: &Counting, sets: &mut LabelSets) -> Result<()> {
    let end_rows = |sets: &mut LabelSets, to: usize| {
        while sets.rows() < to {
            if lists.is_null(sets.rows()) {
                sets.end_silent_row();
            } else {
                sets.end_row();
            }
        }
    };
    let mut rows = (0..lists.len()).filter(|&row| !lists.is_null(row) && !lists.range(row).is_empty());
    let mut current = rows.next();
    visit(&lists.values, |element, value| {
        let Some(row) = current else { return };
        let range = lists.range(row);
        if !range.contains(&element) {
            return;
        }
        end_rows(sets, row);
        let position = element - range.start;
        // A list that is too long was refused when it was counted.
        match side(counting.domain(position), value) {
            Cell::Positive if position < labels => sets.add(small(position)),
            Cell::Missing if position < labels => sets.add_unknown(small(position)),
            _ => {}
        }
        if element + 1 == range.end {
            current = rows.next();
        }
    })?;
    end_rows(sets, lists.len());
    Ok(())
}

/// Rows that hold labels, in any order and perhaps repeated.
fn read_sets(
    array: &ArrayRef,
    counting: &Counting,
    interner: &mut Interner,
    sets: &mut LabelSets,
) -> Result<()> {
    // Rows that say nothing, before they are ended.
    let mut silent = VecDeque::new();
    let end_rows = |sets: &mut LabelSets, silent: &mut VecDeque<usize>, to: usize| {
        while sets.rows() < to {
            if silent.front() == Some(&sets.rows()) {
                silent.pop_front();
                sets.end_silent_row();
            } else {
                sets.end_row();
            }
        }
    };
    labels_in(array, counting, interner, |row, labels| match labels {
        None => silent.push_back(row),
        Some(labels) => {
            end_rows(sets, &mut silent, row);
            labels.iter().for_each(|label| sets.add(*label));
        }
    })?;
    end_rows(sets, &mut silent, array.len());
    Ok(())
}

/// Rows that name labels with a value each.
fn read_maps(
    columns: &[ArrayRef],
    counting: &Counting,
    reader: &mut MapReader,
    sets: &mut LabelSets,
) -> Result<()> {
    reader.read(columns, counting, &mut |_, row, _| {
        for entry in &row.entries {
            match entry.cell {
                Cell::Positive => sets.add(entry.label),
                Cell::Missing | Cell::Uncertain => sets.add_unknown(entry.label),
                _ => {}
            }
        }
        if row.is_null {
            sets.end_silent_row();
        } else {
            sets.end_row();
        }
        Ok(())
    })
}

/// Which values are 1, where a type has a fast way to tell; every other valid value is 0 then. There is none
/// where NaN says that nothing is known.
fn ones(array: &ArrayRef) -> Option<BooleanBuffer> {
    fn of<T: ArrowPrimitiveType>(array: &ArrayRef) -> BooleanBuffer {
        let values = array.as_primitive::<T>().values();
        BooleanBuffer::collect_bool(values.len(), |i| values[i] == T::Native::ONE)
    }
    let has_nan = match array.data_type() {
        DataType::Float32 => array.as_primitive::<Float32Type>().values().iter().any(|value| value.is_nan()),
        DataType::Float64 => array.as_primitive::<Float64Type>().values().iter().any(|value| value.is_nan()),
        _ => false,
    };
    if has_nan {
        return None;
    }
    Some(match array.data_type() {
        DataType::Boolean => array.as_boolean().values().clone(),
        DataType::Int8 => of::<Int8Type>(array),
        DataType::Int16 => of::<Int16Type>(array),
        DataType::Int32 => of::<Int32Type>(array),
        DataType::Int64 => of::<Int64Type>(array),
        DataType::UInt8 => of::<UInt8Type>(array),
        DataType::UInt16 => of::<UInt16Type>(array),
        DataType::UInt32 => of::<UInt32Type>(array),
        DataType::UInt64 => of::<UInt64Type>(array),
        DataType::Float32 => of::<Float32Type>(array),
        DataType::Float64 => of::<Float64Type>(array),
        _ => return None,
    })
}
