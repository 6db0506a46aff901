//! Cells of `wide` and `vector`: each is exactly one of positive, negative, uncertain, missing, invalid.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, Float64Builder,
    PrimitiveArray, UInt64Builder,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{cast, take};
use arrow::datatypes::{
    ArrowNativeTypeOp, ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::counts::{Cell, Mass, MassTally};
use crate::engine::counting::Counting;
use crate::engine::plain::batch_weights::{BatchWeights, mass_of};
use crate::engine::plain::cells::{BatchRows, CellSum, STRAYS_SHOWN, StrayValue};
use crate::engine::plain::visit::visit;
use crate::engine::read::vector_text::{VectorText, wrong_length};
use crate::engine::read::weights::{mass, mass_overflow};
use crate::error::{Error, Result};
use crate::source::layout::item;
use crate::source::values::{Domain, Value};

/// Tallies one label column of layout `wide`: its cells with their weights, and the first invalid value.
pub(crate) fn tally_column(
    array: &ArrayRef,
    position: usize,
    counting: &Counting,
    weights: Option<&BatchWeights>,
) -> Result<(CellSum, Option<String>)> {
    let (mut side, mut strays) = (CellSum::default(), Vec::new());
    tally(array, position, counting, weights, &mut side, &mut strays)?;
    Ok((side, strays.into_iter().next().map(|stray| stray.text)))
}

/// Tallies one label column.
pub(super) fn tally(
    array: &ArrayRef,
    position: usize,
    counting: &Counting,
    weights: Option<&BatchWeights>,
    side: &mut CellSum,
    strays: &mut Vec<StrayValue>,
) -> Result<()> {
    let domain = counting.domain(position);
    if domain.is_binary()
        && (weights.is_some() || !counting.has_mass())
        && let Some((positives, negatives)) = ones_and_zeros(array)
    {
        let known = array.len() - array.null_count();
        if positives + negatives == known {
            if let Some(weights) = weights {
                let bits =
                    cast(array, &DataType::Boolean).map_err(|cause| Error::internal(cause.to_string()))?;
                weigh_bits(bits.as_boolean(), weights, side)?;
            }
            side.tally.positives += positives as u64;
            side.tally.negatives += negatives as u64;
            side.tally.missing += array.null_count() as u64;
            return Ok(());
        }
    }
    let mut failed = None;
    visit(array, |row, value| {
        let outcome = put(side, position, row, value, weights, counting, strays);
        if let Err(error) = outcome {
            failed.get_or_insert(error);
        }
    })?;
    failed.map_or(Ok(()), Err)
}

/// Puts one cell on its side, with its mass where soft or weighted counts are asked for.
fn put(
    side: &mut CellSum,
    position: usize,
    row: usize,
    value: Option<Value<'_>>,
    weights: Option<&BatchWeights>,
    counting: &Counting,
    strays: &mut Vec<StrayValue>,
) -> Result<()> {
    let (cell, target) = counting.domain(position).target_of(value.as_ref());
    side.tally.add(cell, 1);
    match cell {
        Cell::Invalid if strays.len() < STRAYS_SHOWN => {
            let text = value.map_or_else(String::new, |v| v.to_string());
            strays.push(StrayValue { label: Some(position), row, text });
        }
        Cell::Positive | Cell::Negative if counting.has_mass() => {
            // Both sides come from one rounding of w·t, so that they add up to w exactly.
            let all = mass_of(weights, row);
            let yes = match target {
                0.0 => Mass::ZERO,
                1.0 => all,
                part => mass(weights.map_or(1.0, |weights| weights.value(row)) * part)?,
            };
            let no = Mass::from_units(all.units() - yes.units());
            side.mass.positives = side.mass.positives.checked_add(yes).ok_or_else(mass_overflow)?;
            side.mass.negatives = side.mass.negatives.checked_add(no).ok_or_else(mass_overflow)?;
        }
        _ => {}
    }
    Ok(())
}

/// Adds the weights of rows by their booleans.
fn weigh_bits(bits: &BooleanArray, weights: &BatchWeights, side: &mut CellSum) -> Result<()> {
    let (yes, missing) = match bits.nulls() {
        None => (weights.sum_of(bits.values().set_indices())?, Mass::ZERO),
        Some(nulls) => {
            let (both, missing) = (bits.values() & nulls.inner(), !nulls.inner());
            (weights.sum_of(both.set_indices())?, weights.sum_of(missing.set_indices())?)
        }
    };
    let no = Mass::from_units(weights.sum.units() - yes.units() - missing.units());
    let more = MassTally { positives: yes, negatives: no };
    side.mass = side.mass.checked_add(&more).ok_or_else(mass_overflow)?;
    Ok(())
}

/// Ones and zeros among the valid values; `None` for types without a fast count.
fn ones_and_zeros(array: &ArrayRef) -> Option<(usize, usize)> {
    macro_rules! primitive {
        ($type:ty) => {
            Some(primitive_ones_and_zeros(array.as_primitive::<$type>()))
        };
    }
    match array.data_type() {
        DataType::Boolean => {
            let array = array.as_boolean();
            let ones = array.true_count();
            Some((ones, array.len() - array.null_count() - ones))
        }
        DataType::Int8 => primitive!(Int8Type),
        DataType::Int16 => primitive!(Int16Type),
        DataType::Int32 => primitive!(Int32Type),
        DataType::Int64 => primitive!(Int64Type),
        DataType::UInt8 => primitive!(UInt8Type),
        DataType::UInt16 => primitive!(UInt16Type),
        DataType::UInt32 => primitive!(UInt32Type),
        DataType::UInt64 => primitive!(UInt64Type),
        DataType::Float32 => primitive!(Float32Type),
        DataType::Float64 => primitive!(Float64Type),
        _ => None,
    }
}

fn primitive_ones_and_zeros<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> (usize, usize) {
    let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) else {
        return values_of_ones_and_zeros(array.values());
    };
    nulls.valid_slices().fold((0, 0), |(ones, zeros), (start, end)| {
        let (more_ones, more_zeros) = values_of_ones_and_zeros(&array.values()[start..end]);
        (ones + more_ones, zeros + more_zeros)
    })
}

fn values_of_ones_and_zeros<N: ArrowNativeTypeOp>(values: &[N]) -> (usize, usize) {
    // Counted in numbers no wider than the values, for as many values as these hold, so that more of them fit a register.
    macro_rules! parts {
        ($count:ty, $len:expr) => {
            values.chunks($len).fold((0, 0), |(ones, zeros), part| {
                let (mut part_ones, mut part_zeros): ($count, $count) = (0, 0);
                for value in part {
                    part_ones += <$count>::from(*value == N::ONE);
                    part_zeros += <$count>::from(*value == N::ZERO);
                }
                (ones + part_ones as usize, zeros + part_zeros as usize)
            })
        };
    }
    match size_of::<N>() {
        1 => parts!(u8, u8::MAX as usize),
        8 => parts!(usize, 1 << 16),
        _ => parts!(u32, 1 << 16),
    }
}

/// Tallies lists in which element i belongs to label i.
pub(super) fn tally_vector(
    lists: &Lists,
    counting: &Counting,
    weights: Option<&BatchWeights>,
    sides: &mut [CellSum],
    counted: &mut BatchRows,
    strays: &mut Vec<StrayValue>,
) -> Result<()> {
    let width = sides.len();
    for row in 0..lists.len() {
        if lists.is_null(row) {
            counted.null_rows += 1;
            if let Some(weights) = weights {
                let sum = counted.null_mass.checked_add(weights.mass(row));
                counted.null_mass = sum.ok_or_else(mass_overflow)?;
            }
            sides.iter_mut().for_each(|side| side.tally.missing += 1);
        } else if lists.range(row).len() != width || lists.malformed.contains_key(&row) {
            let text = match lists.malformed.get(&row) {
                Some(why) => why.clone(),
                None => wrong_length(lists.range(row).len() as u64, width),
            };
            strays.push(StrayValue { label: None, row, text });
            sides.iter_mut().for_each(|side| side.tally.add(Cell::Invalid, 1));
        }
    }
    let is_right = |&row: &usize| !lists.is_null(row) && lists.range(row).len() == width && width > 0;
    let mut rows = (0..lists.len()).filter(is_right);
    let mut current = rows.next();
    let mut failed = None;
    visit(&lists.values, |element, value| {
        let Some(row) = current else { return };
        let range = lists.range(row);
        if !range.contains(&element) {
            return;
        }
        let position = element - range.start;
        if let Err(error) = put(&mut sides[position], position, row, value, weights, counting, strays) {
            failed.get_or_insert(error);
        }
        if element + 1 == range.end {
            current = rows.next();
        }
    })?;
    failed.map_or(Ok(()), Err)
}

/// Lists of any kind with their child values.
pub(crate) struct Lists {
    pub(crate) values: ArrayRef,
    pub(super) offsets: Vec<usize>,
    pub(super) nulls: Option<NullBuffer>,
    /// Rows of texts that hold no list, with what is wrong with them.
    pub(super) malformed: BTreeMap<usize, String>,
}

impl Lists {
    /// The vectors of an array of lists, or of texts that hold them.
    pub(super) fn of_vectors(array: &ArrayRef, domain: &Domain) -> Result<Self> {
        if item(array.data_type()).is_some() {
            return Self::of(array);
        }
        let (mut values, mut offsets) = (Float64Builder::new(), vec![0]);
        let (mut nulls, mut malformed) = (BooleanBufferBuilder::new(array.len()), BTreeMap::new());
        visit(array, |row, value| {
            let vector = value.map_or(VectorText::Missing, |value| VectorText::of(&value, domain));
            nulls.append(vector != VectorText::Missing);
            match vector {
                VectorText::Missing => {}
                VectorText::Numbers(numbers) => numbers.into_iter().for_each(|x| values.append_option(x)),
                VectorText::Malformed(why) => {
                    malformed.insert(row, why);
                }
            }
            offsets.push(values.len());
        })?;
        Ok(Self {
            values: Arc::new(values.finish()),
            offsets,
            nulls: Some(NullBuffer::new(nulls.finish())),
            malformed,
        })
    }

    pub(crate) fn of(array: &ArrayRef) -> Result<Self> {
        let large = match array.data_type() {
            DataType::LargeList(_) => array.clone(),
            DataType::List(field) | DataType::FixedSizeList(field, _) => {
                cast(array, &DataType::LargeList(field.clone()))
                    .map_err(|cause| Error::internal(cause.to_string()))?
            }
            other => return Err(Error::internal(format!("{other} is not a list"))),
        };
        let lists = large.as_list::<i64>();
        let offsets =
            lists.value_offsets().iter().map(|&offset| usize::try_from(offset).unwrap_or(0)).collect();
        let lists = Self {
            values: lists.values().clone(),
            offsets,
            nulls: lists.nulls().cloned(),
            malformed: BTreeMap::new(),
        };
        if item(lists.values.data_type()).is_some() { lists.joined() } else { Ok(lists) }
    }

    /// One list per row of what the lists inside these lists hold; a NULL list among them is a NULL element.
    fn joined(self) -> Result<Self> {
        let inner = Self::of(&self.values)?;
        let (mut places, mut offsets) = (UInt64Builder::new(), vec![0]);
        for row in 0..self.len() {
            for list in if self.is_null(row) { 0..0 } else { self.range(row) } {
                if inner.is_null(list) {
                    places.append_null();
                } else {
                    inner.range(list).for_each(|place| places.append_value(place as u64));
                }
            }
            offsets.push(places.len());
        }
        let values = take(&inner.values, &places.finish(), None);
        let values = values.map_err(|cause| Error::internal(cause.to_string()))?;
        Ok(Self { values, offsets, nulls: self.nulls, malformed: BTreeMap::new() })
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    pub(crate) fn range(&self, row: usize) -> std::ops::Range<usize> {
        self.offsets[row]..self.offsets[row + 1]
    }
}

#[cfg(test)]
mod tests {
    use super::values_of_ones_and_zeros;

    #[test]
    fn ones_and_zeros_are_counted_whatever_their_number_and_width() {
        for len in [0, 1, 254, 255, 256, 511, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 200_000] {
            // Ones alone fill each part to its limit.
            for every in [1, 2, 3] {
                let bytes: Vec<i8> =
                    (0..len).map(|i| if i % every == 0 { 1 } else { i8::from(i % 5 == 0) * 2 }).collect();
                let ones = bytes.iter().filter(|value| **value == 1).count();
                let zeros = bytes.iter().filter(|value| **value == 0).count();
                let floats: Vec<f64> = bytes.iter().map(|value| f64::from(*value)).collect();
                assert_eq!(values_of_ones_and_zeros(&bytes), (ones, zeros));
                assert_eq!(values_of_ones_and_zeros(&floats), (ones, zeros));
            }
        }
    }
}
