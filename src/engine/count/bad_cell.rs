//! The row of a cell that holds no labels: a text or an integer is hard to search for.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;

use crate::counts::Cell;
use crate::engine::counting::{Counting, Keys};
use crate::engine::plain::visit::visit;
use crate::engine::read::interner::Interner;
use crate::engine::read::vector_text::{VectorText, wrong_length};
use crate::source::layout::{LayoutKind, is_text};
use crate::source::row_reader::{Enough, RowChoice, read_columns};
use crate::source::schema::plain_type;
use crate::source::shards::Shard;
use crate::source::values::{Domain, Value};

/// What is wrong with a cell of a shard, with the first row that holds such a cell where one value is all that a
/// row holds.
pub(super) fn with_row(shard: Option<&Shard>, counting: &Counting, what: &str) -> Option<String> {
    let reads_cells = match counting.layout.kind {
        LayoutKind::List | LayoutKind::Vector => {
            let field = shard?.schema.field_with_name(counting.layout.column()).ok()?;
            is_text(&plain_type(field.data_type()))
        }
        LayoutKind::Bits => true,
        _ => false,
    };
    let row = if reads_cells { first_row(shard?, counting, what) } else { None };
    Some(format!("{}: {what}", shard?.row_words(row?)))
}

/// What is wrong with a value that has no meaning.
pub(super) fn no_meaning(domain: &Domain, value: &str) -> String {
    if domain.soft && value.parse::<f64>().is_ok() {
        return format!("value {value} is no soft label from 0 to 1");
    }
    format!("value {value} is neither positive nor negative")
}

/// What is wrong with the first value of `column` that has no meaning for the label at `position`: element `element` of a
/// vector, or all of a cell. `None` where a condition may leave out its row.
pub(super) fn value_with_row(
    shard: &Shard,
    counting: &Counting,
    (column, position, element): (&str, usize, Option<usize>),
) -> Option<String> {
    if counting.filter.is_some() {
        return None;
    }
    let (row, value) = first_bad_value(shard, column, element, counting.domain(position))?;
    Some(format!("{}: {}", shard.row_words(row), no_meaning(counting.domain(position), &value)))
}

fn first_bad_value(
    shard: &Shard,
    column: &str,
    element: Option<usize>,
    domain: &Domain,
) -> Option<(u64, String)> {
    let (mut before, mut found) = (0, None);
    let read = read_columns(shard, RowChoice::All, &|name| name == column, &mut |batch| {
        let array = batch.column(0);
        let plain = arrow::compute::cast(array, &plain_type(array.data_type()));
        let plain = plain.unwrap_or_else(|_| Arc::clone(array));
        let mut note = |row: usize, value: Option<Value<'_>>| {
            let bad = value.filter(|value| found.is_none() && domain.cell(value) == Cell::Invalid);
            if let Some(value) = bad {
                found = Some((before + row as u64, value.to_string()));
            }
        };
        match element {
            None => visit(&plain, note)?,
            Some(place) => {
                for row in 0..plain.len() {
                    let Some(cell) = list_at(&plain, row).filter(|cell| place < cell.len()) else { continue };
                    visit(&cell.slice(place, 1), |_, value| note(row, value))?;
                }
            }
        }
        before += array.len() as u64;
        Ok(if found.is_some() { Enough::Yes } else { Enough::No })
    });
    read.ok().and(found)
}

/// The elements of a list.
fn list_at(lists: &ArrayRef, row: usize) -> Option<ArrayRef> {
    if lists.is_null(row) {
        return None;
    }
    match lists.data_type() {
        DataType::List(_) => Some(lists.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Some(lists.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => Some(lists.as_fixed_size_list().value(row)),
        _ => None,
    }
}

fn first_row(shard: &Shard, counting: &Counting, what: &str) -> Option<u64> {
    let (mut before, mut found) = (0, None);
    let mut interner = Interner::of(counting);
    let read = read_columns(shard, RowChoice::All, &|name| name == counting.layout.column(), &mut |batch| {
        let array = batch.column(0);
        let plain = arrow::compute::cast(array, &plain_type(array.data_type()));
        visit(plain.as_ref().unwrap_or(array), |row, value| {
            if let (Some(value), None) = (value, found)
                && why_not(counting, &mut interner, value).is_some_and(|why| why == what)
            {
                found = Some(before + row as u64);
            }
        })?;
        before += array.len() as u64;
        Ok(if found.is_some() { Enough::Yes } else { Enough::No })
    });
    read.ok().and(found)
}

/// What is wrong with a value.
fn why_not(counting: &Counting, interner: &mut Interner, value: Value<'_>) -> Option<String> {
    if counting.domain.is_missing(&value) {
        return None;
    }
    match &counting.keys {
        Keys::Positions(labels) => match VectorText::of(&value, &counting.domain) {
            VectorText::Malformed(why) => Some(why),
            VectorText::Numbers(numbers) if numbers.len() != labels.len() => {
                Some(wrong_length(numbers.len() as u64, labels.len()))
            }
            _ => None,
        },
        _ => interner.cell(counting, value, &mut Vec::new()).err(),
    }
}
