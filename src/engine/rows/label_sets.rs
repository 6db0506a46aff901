//! From a batch of label columns to the labels of each of its rows.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::counts::Cell;
use crate::engine::counting::{Counting, Keys};
use crate::engine::plain::columns::Lists;
use crate::engine::plain::interner::Interner;
use crate::engine::plain::sets::labels_in;
use crate::engine::plain::visit::visit;
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::values::Value;

/// The labels of each row of a batch.
#[derive(Debug, Default)]
pub(super) struct LabelSets {
    positives: Side,
    unknown: Side,
    interner: Option<Interner>,
}

/// Labels by row, ascending.
#[derive(Debug, Default)]
struct Side {
    /// (row, label) as they are found.
    found: Vec<(u32, u32)>,
    /// Where the labels of each row begin, and where the last end.
    starts: Vec<u32>,
    labels: Vec<u32>,
}

impl Side {
    /// Puts what was found in the order of rows. Within a row the order of finding remains.
    fn sort(&mut self, rows: usize) {
        let Self { found, starts, labels } = self;
        starts.clear();
        starts.resize(rows + 2, 0);
        for (row, _) in found.iter() {
            starts[*row as usize + 2] += 1;
        }
        for row in 2..starts.len() {
            starts[row] += starts[row - 1];
        }
        labels.clear();
        labels.resize(found.len(), 0);
        // `starts[row + 1]` moves from the beginning of a row to its end.
        for (row, label) in found.drain(..) {
            let place = &mut starts[row as usize + 1];
            labels[*place as usize] = label;
            *place += 1;
        }
        starts.pop();
    }

    fn row(&self, row: usize) -> &[u32] {
        &self.labels[self.starts[row] as usize..self.starts[row + 1] as usize]
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl LabelSets {
    /// Rows of the batch.
    pub(super) fn rows(&self) -> usize {
        self.positives.starts.len().saturating_sub(1)
    }

    /// The labels that a row has, and those of which it says nothing.
    pub(super) fn row(&self, row: usize) -> (&[u32], &[u32]) {
        (self.positives.row(row), self.unknown.row(row))
    }

    /// Reads a batch.
    pub(super) fn read(&mut self, columns: &[ArrayRef], counting: &Counting) -> Result<()> {
        let Some(first) = columns.first() else { return Ok(()) };
        match (&counting.keys, counting.layout.kind) {
            (Keys::Positions(_), LayoutKind::Wide) => {
                for (position, array) in columns.iter().enumerate() {
                    self.read_column(array, position, counting)?;
                }
            }
            (Keys::Positions(labels), _) => self.read_vectors(first, labels.len(), counting)?,
            (keys, _) => {
                let labels = match keys {
                    Keys::Vocabulary(vocabulary) => vocabulary.labels().len(),
                    Keys::Indices(Some(n)) => usize::try_from(*n).unwrap_or(usize::MAX),
                    _ => return Err(Error::internal("labels are not known before rows are read")),
                };
                self.read_sets(first, labels, counting)?;
            }
        }
        self.positives.sort(first.len());
        self.unknown.sort(first.len());
        Ok(())
    }

    fn read_column(&mut self, array: &ArrayRef, position: usize, counting: &Counting) -> Result<()> {
        let (domain, label) = (counting.domain(position), small(position));
        if domain.is_binary()
            && let Some(ones) = ones(array)
        {
            let known = array.nulls().filter(|nulls| nulls.null_count() > 0);
            let ones = match known {
                Some(known) => &ones & known.inner(),
                None => ones,
            };
            self.positives.found.extend(ones.set_indices_u32().map(|row| (row, label)));
            if let Some(known) = known {
                let lost = !known.inner();
                self.unknown.found.extend(lost.set_indices_u32().map(|row| (row, label)));
            }
            return Ok(());
        }
        visit(array, |row, value| self.put(row, label, value, counting))
    }

    fn put(&mut self, row: usize, label: u32, value: Option<Value<'_>>, counting: &Counting) {
        let domain = counting.domain(label as usize);
        match value.map_or(Cell::Missing, |value| domain.target(&value).0) {
            Cell::Positive => self.positives.found.push((small(row), label)),
            Cell::Missing | Cell::Uncertain => self.unknown.found.push((small(row), label)),
            Cell::Negative | Cell::Invalid => {}
        }
    }

    fn read_vectors(&mut self, array: &ArrayRef, labels: usize, counting: &Counting) -> Result<()> {
        let lists = Lists::of(array)?;
        self.null_rows(&lists, labels);
        let mut rows = (0..lists.len()).filter(|&row| !lists.is_null(row) && !lists.range(row).is_empty());
        let mut current = rows.next();
        visit(&lists.values, |element, value| {
            let Some(row) = current else { return };
            let range = lists.range(row);
            if !range.contains(&element) {
                return;
            }
            self.put(row, small(element - range.start), value, counting);
            if element + 1 == range.end {
                current = rows.next();
            }
        })
    }

    fn null_rows(&mut self, lists: &Lists, labels: usize) {
        for row in (0..lists.len()).filter(|&row| lists.is_null(row)) {
            self.unknown.found.extend((0..small(labels)).map(|label| (small(row), label)));
        }
    }

    /// Rows that hold labels, in any order and perhaps repeated.
    fn read_sets(&mut self, array: &ArrayRef, labels: usize, counting: &Counting) -> Result<()> {
        let Self { positives, unknown, interner } = self;
        let interner = interner.get_or_insert_with(|| Interner::new(&counting.keys));
        let mut row_before = None;
        let mut from = 0;
        let mut close = |found: &mut Vec<(u32, u32)>, row: Option<usize>| {
            if row_before != row {
                found[from..].sort_unstable();
                dedup(found, from);
                (from, row_before) = (found.len(), row);
            }
        };
        labels_in(array, counting, |row, label| {
            close(&mut positives.found, Some(row));
            match label {
                // Values without a meaning were refused when they were counted.
                Some(label) => positives.found.extend(interner.id(&label).ok().map(|id| (small(row), id))),
                None => unknown.found.extend((0..small(labels)).map(|label| (small(row), label))),
            }
        })?;
        close(&mut positives.found, None);
        Ok(())
    }
}

/// Drops repetitions of what stands from `from` on.
fn dedup(found: &mut Vec<(u32, u32)>, from: usize) {
    let mut kept = from;
    for at in from..found.len() {
        if at == from || found[at] != found[kept - 1] {
            found[kept] = found[at];
            kept += 1;
        }
    }
    found.truncate(kept);
}

/// Which values are 1, where a type has a fast way to tell; every other valid value is 0 then.
fn ones(array: &ArrayRef) -> Option<BooleanBuffer> {
    fn of<T: ArrowPrimitiveType>(array: &ArrayRef) -> BooleanBuffer {
        let values = array.as_primitive::<T>().values();
        BooleanBuffer::collect_bool(values.len(), |i| values[i] == T::Native::ONE)
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
