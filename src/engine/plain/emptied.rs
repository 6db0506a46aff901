//! Lists that hold something, all of which was declared missing: rows without labels, not rows that say nothing.

use arrow::array::ArrayRef;

use crate::counts::CountUnit;
use crate::engine::cell_labels::labels_of_cell;
use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::plain::columns::Lists;
use crate::engine::plain::sets::has_lists;
use crate::engine::plain::visit::visit;
use crate::error::Result;
use crate::source::layout::{LayoutKind, item};
use crate::source::row_reader::{Enough, RowChoice, read_columns};
use crate::source::structured::{Element, list};
use crate::source::values::Value;

/// Rows that are looked at.
const ROWS: usize = 1024;

/// How many of the first rows hold such a list, and how many rows were looked at. Streams, objects of a store, and lists
/// inside lists are not looked at.
///
/// # Errors
/// [`crate::error::Error::Input`] naming the shard whose first rows cannot be read.
pub(crate) fn emptied_lists(dataset: &Dataset, counting: &Counting) -> Result<(u64, u64)> {
    let can_be = counting.layout.kind == LayoutKind::List
        && counting.unit == CountUnit::Row
        && !counting.domain.missing.is_empty();
    let mut filled = dataset.shards.iter().filter(|shard| shard.rows > 0);
    let near = filled.next().filter(|shard| dataset.coming.is_none() && shard.place.object().is_none());
    let Some(shard) = near.filter(|_| can_be) else { return Ok((0, 0)) };
    let column = counting.layout.column();
    let (mut emptied, mut rows) = (0, 0);
    let first = RowChoice::Of(0, std::iter::once(0..ROWS).collect());
    read_columns(shard, first, &|name| name == column, &mut |batch| {
        rows += batch.num_rows() as u64;
        for array in batch.columns() {
            emptied += emptied_in(array, counting)?;
        }
        Ok(Enough::No)
    })?;
    Ok((emptied, rows))
}

/// Such lists in an array of lists, or of texts that hold them.
fn emptied_in(array: &ArrayRef, counting: &Counting) -> Result<u64> {
    let mut emptied = 0;
    if !has_lists(array, counting) {
        visit(array, |_, value| {
            let Some(Value::Text(text)) = value.filter(|value| !counting.domain.is_missing(value)) else {
                return;
            };
            let (mut elements, mut labels) = (0, 0);
            let read = list(text, |element| elements += u64::from(!matches!(element, Element::Null)));
            let given = labels_of_cell(counting, Value::Text(text), &mut |_| labels += 1);
            emptied += u64::from(read.is_ok() && given.is_ok() && elements > 0 && labels == 0);
        })?;
        return Ok(emptied);
    }
    if item(array.data_type()).is_some_and(arrow::datatypes::DataType::is_nested) {
        return Ok(0);
    }
    let lists = Lists::of(array)?;
    // NULL elements say nothing about the others.
    let mut is_label: Vec<Option<bool>> = vec![None; lists.values.len()];
    visit(&lists.values, |element, value| {
        is_label[element] = value.map(|value| !counting.domain.is_missing(&value));
    })?;
    for row in (0..lists.len()).filter(|&row| !lists.is_null(row)) {
        let mut said = is_label[lists.range(row)].iter().flatten().peekable();
        emptied += u64::from(said.peek().is_some() && said.all(|is_label| !is_label));
    }
    Ok(emptied)
}
