//! Whether a column holds a value twice in one file, and whether two files begin with the same one: ids may start anew in
//! each file.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type};

use super::layout::{is_number, is_text};
use super::schema::plain_type;
use super::text_cells::for_each_text;

/// The cells of one file after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct RepeatedCells {
    /// Hashes of the cells of this file.
    hashes: HashSet<u64>,
    is_found: bool,
    /// The first cells of all files.
    firsts: HashSet<u64>,
    /// Two files begin with the same cell.
    starts_anew: bool,
    is_begun: bool,
}

impl RepeatedCells {
    /// What comes is of another file.
    pub(super) fn begin_file(&mut self) {
        self.hashes.clear();
        self.is_begun = false;
    }

    /// Adds texts or numbers, which are all that ids are.
    pub(super) fn add(&mut self, array: &ArrayRef) {
        if self.is_found && self.is_begun {
            return;
        }
        let data_type = plain_type(array.data_type());
        if is_text(&data_type) {
            for_each_text(array, &mut |text| self.put(&text.ok()));
        } else if data_type.is_integer()
            && let Ok(numbers) = cast(array, &DataType::Decimal128(38, 0))
        {
            numbers.as_primitive::<Decimal128Type>().iter().flatten().for_each(|number| self.put(&number));
        } else if is_number(&data_type)
            && let Ok(numbers) = cast(array, &DataType::Float64)
        {
            let numbers = numbers.as_primitive::<Float64Type>().iter().flatten();
            numbers.filter(|number| !number.is_nan()).for_each(|number| self.put(&number.to_bits()));
        }
    }

    fn put(&mut self, cell: &impl Hash) {
        let mut hasher = DefaultHasher::new();
        cell.hash(&mut hasher);
        let hash = hasher.finish();
        if !std::mem::replace(&mut self.is_begun, true) {
            self.starts_anew |= !self.firsts.insert(hash);
        }
        self.is_found |= !self.hashes.insert(hash);
    }

    /// Whether two files begin with the same cell.
    pub(super) fn starts_anew(&self) -> bool {
        self.starts_anew
    }

    /// Whether a file has some cell twice.
    pub(super) fn is_found(&self) -> bool {
        self.is_found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int32Array, StringArray};

    use super::*;

    #[test]
    fn cells_of_several_files_are_not_compared() {
        let ids: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(2), Some(3)]));
        let fractions: ArrayRef = Arc::new(Float64Array::from(vec![0.5, f64::NAN, f64::NAN, 1.0]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        for cells in [ids, fractions, texts] {
            let mut repeated = RepeatedCells::default();
            repeated.add(&cells);
            repeated.begin_file();
            repeated.add(&cells);
            assert!(!repeated.is_found() && repeated.starts_anew());
            repeated.add(&cells.slice(0, 1));
            assert!(repeated.is_found());
            repeated = RepeatedCells::default();
            repeated.add(&cells.slice(0, 1));
            repeated.begin_file();
            repeated.add(&cells.slice(cells.len() - 1, 1));
            assert!(!repeated.starts_anew());
        }
    }
}
