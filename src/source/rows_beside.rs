//! What the rows that were looked at say of several columns together: lists of the same lengths, and columns of which each
//! row has just one.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::compute::kernels::length::length;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::layout::{is_number, item};
use super::named_alike::stem;

/// Rows that show that each has just one 1.
const ROWS_MIN: u64 = 20;

/// What rows say of several columns.
#[derive(Debug, Default)]
pub(super) struct RowsBeside {
    batches: u64,
    /// The lengths of the lists of a column, row by row.
    lengths: BTreeMap<String, DefaultHasher>,
    /// Rows with just one 1 in the columns whose names begin alike; `None` where a row has not.
    ones: BTreeMap<String, Option<u64>>,
    /// Of tables of two columns: the rows that differ, and how many rows are like one before.
    pairs: HashSet<u64>,
    again: u64,
}

impl RowsBeside {
    /// Adds some rows.
    pub(super) fn add(&mut self, batch: &RecordBatch) {
        self.batches += 1;
        let mut alike: BTreeMap<String, Vec<&ArrayRef>> = BTreeMap::new();
        let schema = batch.schema();
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            if item(field.data_type()).is_some() {
                self.add_lengths(field.name(), array);
            } else if let Some(stem) = stem(field.name()).filter(|_| is_number(array.data_type())) {
                alike.entry(stem.to_owned()).or_default().push(array);
            }
        }
        if let [one, other] = batch.columns()
            && ![one, other].iter().any(|column| column.data_type().is_nested())
        {
            self.add_pairs([one, other]);
        }
        for (stem, columns) in alike {
            let seen = self.ones.entry(stem).or_insert(Some(0));
            *seen = seen.filter(|_| each_has_one(&columns)).map(|rows| rows + batch.num_rows() as u64);
        }
    }

    fn add_pairs(&mut self, columns: [&ArrayRef; 2]) {
        let options = FormatOptions::default();
        let [Ok(one), Ok(other)] = columns.map(|column| ArrayFormatter::try_new(column, &options)) else {
            return;
        };
        for row in 0..columns[0].len() {
            let mut hasher = DefaultHasher::new();
            [&one, &other].map(|cells| cells.value(row).to_string()).hash(&mut hasher);
            self.again += u64::from(!self.pairs.insert(hasher.finish()));
        }
    }

    /// The share of rows of a table of two columns that another row equals.
    pub(super) fn share_again(&self) -> f64 {
        let rows = self.pairs.len() as u64 + self.again;
        if rows == 0 { 0.0 } else { self.again as f64 / rows as f64 }
    }

    fn add_lengths(&mut self, name: &str, array: &ArrayRef) {
        let lengths = length(array).and_then(|lengths| cast(&lengths, &DataType::Int64));
        let Ok(lengths) = lengths else { return };
        let hasher = self.lengths.entry(name.to_owned()).or_default();
        self.batches.hash(hasher);
        // NULL is as long as an empty list, as which others write it.
        lengths.as_primitive::<Int64Type>().iter().for_each(|length| length.unwrap_or(0).hash(hasher));
    }

    /// Whether the lists of two columns have the same lengths in every row.
    pub(super) fn are_aligned(&self, a: &str, b: &str) -> bool {
        let lengths = |name: &str| self.lengths.get(name).map(DefaultHasher::finish);
        a != b && lengths(a).is_some() && lengths(a) == lengths(b)
    }

    /// Whether each row has just one 1 in the columns whose names begin with `stem`.
    pub(super) fn has_one_each(&self, stem: &str) -> bool {
        self.ones.get(stem).is_some_and(|rows| rows.is_some_and(|rows| rows >= ROWS_MIN))
    }
}

/// Whether several columns hold a single 1, and else 0, in each row.
fn each_has_one(columns: &[&ArrayRef]) -> bool {
    let Some(first) = columns.first().filter(|_| columns.len() > 1) else { return false };
    let mut ones = vec![false; first.len()];
    for column in columns {
        let Ok(numbers) = cast(column, &DataType::Float64) else { return false };
        let numbers = numbers.as_primitive::<Float64Type>();
        for (one, number) in ones.iter_mut().zip(numbers.iter()) {
            match number {
                Some(0.0) => {}
                Some(1.0) if !*one => *one = true,
                _ => return false,
            }
        }
    }
    ones.into_iter().all(|one| one)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, Int64Array, ListArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    fn rows(columns: Vec<(&str, ArrayRef)>) -> RowsBeside {
        let mut rows = RowsBeside::default();
        rows.add(&RecordBatch::try_from_iter(columns).unwrap());
        rows
    }

    #[test]
    fn lists_of_the_same_lengths_are_found() {
        let lists = |lengths: &[usize]| -> ArrayRef {
            let rows = lengths.iter().map(|length| Some(vec![Some(1); *length]));
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
        };
        let some = rows(vec![("a", lists(&[1, 0, 3])), ("b", lists(&[1, 0, 3])), ("c", lists(&[0, 1, 3]))]);
        assert!(some.are_aligned("a", "b") && !some.are_aligned("a", "c") && !some.are_aligned("a", "a"));
        assert!(!some.are_aligned("x", "y"));
    }

    #[test]
    fn columns_of_which_each_row_has_one_are_found() {
        let ints = |of: &dyn Fn(i32) -> Option<i32>| -> ArrayRef {
            Arc::new((0..30).map(of).collect::<Int32Array>())
        };
        let is = |which: i32| ints(&move |i| Some(i32::from(i % 3 == which)));
        let wide: ArrayRef = Arc::new(Int64Array::from_iter_values((0..30).map(|i| i64::from(i % 3 == 2))));
        let some = rows(vec![
            ("site_0", is(0)),
            ("site_1", is(1)),
            ("site_2", wide),
            ("l_0", is(0)),
            ("l_1", is(0)),
            ("x_0", is(0)),
            ("x_1", is(1)),
            ("y_0", ints(&|i| (i > 3).then_some(1))),
            ("y_1", ints(&|_| Some(0))),
            ("z_0", ints(&|_| Some(1))),
        ]);
        assert!(some.has_one_each("site_"));
        for stem in ["l_", "x_", "y_", "z_", "w_"] {
            assert!(!some.has_one_each(stem), "{stem}");
        }
    }
}
