//! `--ancestors` where every label has a cell of its own: the cell of an ancestor is positive where that of a
//! descendant is.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, Scalar, StringArray};
use arrow::compute::cast;
use arrow::compute::kernels::zip::zip;

use crate::counts::Cell;
use crate::engine::counting::{Counting, Keys};
use crate::engine::plain::columns::Lists;
use crate::engine::plain::visit::visit;
use crate::error::{Error, Result};
use crate::source::type_words::type_words;

/// The labels below each ancestor, by their positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy(BTreeMap<usize, Vec<usize>>);

fn internal(cause: &dyn std::fmt::Display) -> Error {
    Error::internal(cause.to_string())
}

impl Hierarchy {
    /// Of layouts `wide` and `vector`; `None` without a hierarchy.
    pub(crate) fn of(counting: &Counting) -> Option<Self> {
        let (Some(ancestors), Keys::Positions(labels)) = (&counting.ancestors, &counting.keys) else {
            return None;
        };
        let spelling = counting.domain.spelling;
        let exact: HashMap<&str, usize> = labels.iter().zip(0..).collect();
        let alike: HashMap<_, usize> = labels.iter().map(|name| spelling.key(name)).zip(0..).collect();
        let mut below: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (name, descendant) in labels.iter().zip(0..) {
            for above in ancestors.of_label(name) {
                let place = exact.get(above.as_str()).or_else(|| alike.get(&spelling.key(above)));
                if let Some(place) = place {
                    below.entry(*place).or_default().push(descendant);
                }
            }
        }
        Some(Self(below))
    }

    /// The columns of layout `wide` as the hierarchy has them.
    pub(crate) fn wide(&self, columns: &[ArrayRef], counting: &Counting) -> Result<Vec<ArrayRef>> {
        let mut raised = columns.to_vec();
        let mut known: HashMap<usize, Vec<bool>> = HashMap::new();
        for (&ancestor, below) in &self.0 {
            let Some(own) = columns.get(ancestor) else { continue };
            let mut mask = vec![false; own.len()];
            for &label in below {
                let Some(column) = columns.get(label) else { continue };
                let positives = match known.entry(label) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(free) => free.insert(sides(column, label, counting, Cell::Positive)?),
                };
                mask.iter_mut().zip(positives).for_each(|(any, one)| *any |= *one);
            }
            // What has no meaning stays an error.
            let invalid = sides(own, ancestor, counting, Cell::Invalid)?;
            mask.iter_mut().zip(invalid).for_each(|(any, invalid)| *any &= !invalid);
            raised[ancestor] = positive_where(mask, own, ancestor, counting)?;
        }
        Ok(raised)
    }

    /// The vectors of layout `vector`, of `width` labels, as the hierarchy has them.
    fn vectors(&self, lists: Lists, width: usize, counting: &Counting) -> Result<Lists> {
        let (mut starts, mut places) = (Vec::new(), vec![None; lists.values.len()]);
        for row in (0..lists.len()).filter(|row| !lists.is_null(*row) && lists.range(*row).len() == width) {
            starts.push(lists.range(row).start);
            lists.range(row).zip(0..).for_each(|(element, label)| places[element] = Some(label));
        }
        let mut cells = vec![Cell::Missing; lists.values.len()];
        visit(&lists.values, |element, value| {
            if let Some(label) = places[element] {
                cells[element] = counting.domain(label).target_of(value.as_ref()).0;
            }
        })?;
        let mut values = Arc::clone(&lists.values);
        for (&ancestor, below) in self.0.iter().filter(|(ancestor, _)| **ancestor < width) {
            let mut mask = vec![false; values.len()];
            for start in &starts {
                let is_positive = |label: &usize| cells[start + label] == Cell::Positive;
                mask[start + ancestor] =
                    below.iter().any(is_positive) && cells[start + ancestor] != Cell::Invalid;
            }
            values = positive_where(mask, &values, ancestor, counting)?;
        }
        Ok(Lists { values, ..lists })
    }
}

/// The vectors of an array, one of each `width` labels, with their ancestors.
pub(crate) fn vectors_of(
    array: &ArrayRef,
    width: usize,
    counting: &Counting,
    hierarchy: Option<&Hierarchy>,
) -> Result<Lists> {
    let lists = Lists::of_vectors(array, &counting.domain)?;
    match hierarchy {
        Some(hierarchy) => hierarchy.vectors(lists, width, counting),
        None => Ok(lists),
    }
}

/// Which cells of a column are on this side.
fn sides(column: &ArrayRef, label: usize, counting: &Counting, side: Cell) -> Result<Vec<bool>> {
    let mut on_side = vec![false; column.len()];
    let domain = counting.domain(label);
    visit(column, |row, value| on_side[row] = domain.target_of(value.as_ref()).0 == side)?;
    Ok(on_side)
}

/// The column with a positive value where `mask` is true.
fn positive_where(mask: Vec<bool>, column: &ArrayRef, label: usize, counting: &Counting) -> Result<ArrayRef> {
    if !mask.contains(&true) {
        return Ok(Arc::clone(column));
    }
    let positive = Scalar::new(positive(column, label, counting)?);
    zip(&BooleanArray::from(mask), &positive, column).map_err(|cause| internal(&cause))
}

/// A value of the type of a column that is positive for a label.
fn positive(column: &ArrayRef, label: usize, counting: &Counting) -> Result<ArrayRef> {
    let domain = counting.domain(label);
    let one: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let thresholds = domain.threshold.map(|threshold| [threshold, threshold.ceil()]);
    let thresholds = thresholds.into_iter().flatten();
    let thresholds = thresholds.map(|number| -> ArrayRef { Arc::new(Float64Array::from(vec![number])) });
    let said = domain.positive.iter().map(ToString::to_string);
    let said = said.map(|text| -> ArrayRef { Arc::new(StringArray::from(vec![text])) });
    for candidate in [one].into_iter().chain(thresholds).chain(said) {
        let Ok(candidate) = cast(&candidate, column.data_type()) else { continue };
        if sides(&candidate, label, counting, Cell::Positive)? == [true] && candidate.is_valid(0) {
            return Ok(candidate);
        }
    }
    let name = match &counting.keys {
        Keys::Positions(labels) => labels.name(label),
        _ => counting.layout.column(),
    };
    Err(Error::input(format!(
        "--ancestors: label {name:?} is an ancestor, but its column of type {} can hold no positive value",
        type_words(column.data_type())
    ))
    .hint("store it as integers 0 and 1"))
}
