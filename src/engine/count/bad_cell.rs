//! The row of a cell that holds no labels: a text or an integer is hard to search for.

use crate::engine::counting::{Counting, Keys};
use crate::engine::plain::visit::visit;
use crate::engine::read::interner::Interner;
use crate::engine::read::vector_text::{VectorText, wrong_length};
use crate::source::layout::{LayoutKind, is_text};
use crate::source::row_reader::{Enough, RowChoice, read_columns};
use crate::source::schema::plain_type;
use crate::source::shards::Shard;
use crate::source::values::Value;

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
    row.map(|row| format!("row {row}: {what}"))
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
                Some(wrong_length(numbers.len(), labels.len()))
            }
            _ => None,
        },
        _ => interner.cell(counting, value, &mut Vec::new()).err(),
    }
}
