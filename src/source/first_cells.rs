//! What the first cells of a column of texts hold, where the flags leave it open.

use arrow::array::ArrayRef;

use super::layout::{Layout, LayoutKind};
use super::row_reader::{Enough, RowChoice, read_columns};
use super::shards::Shard;
use super::structured::{Element, list, object, vector};
use super::text_cells::for_each_text;
use crate::error::Result;

/// Whether the labels in a column of texts are numbers: the elements of their lists, or of layout `map` the keys of
/// their objects. That is said by the first there is; false where there is none.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) naming a shard that cannot be read.
pub(crate) fn holds_numbers(shards: &[Shard], layout: &Layout) -> Result<bool> {
    let first = first_of(shards, layout.column(), &|text| {
        let mut first = None;
        let mut look = |element: &Element<'_>| match element {
            Element::Int(_) | Element::Float(_) => first = first.or(Some(true)),
            Element::Text(_) | Element::Bool(_) => first = first.or(Some(false)),
            Element::Null => {}
        };
        // Counting says what is wrong with a text.
        let _ = match layout.kind {
            LayoutKind::Map => object(text, |key, _| look(&key)),
            _ => list(text, |element| look(&element)),
        };
        first
    })?;
    Ok(first.unwrap_or(false))
}

/// The length of the first vector in an array of texts.
pub(super) fn first_length(array: &ArrayRef) -> Option<i64> {
    let mut first = None;
    for_each_text(array, &mut |text| {
        if let (Ok(text), None) = (text, first) {
            let mut length = 0;
            if vector(text, |_| length += 1).is_ok() {
                first = Some(length);
            }
        }
    });
    first
}

/// The first answer of `ask` to a text of a column.
fn first_of<T: Copy>(shards: &[Shard], column: &str, ask: &dyn Fn(&str) -> Option<T>) -> Result<Option<T>> {
    let mut found = None;
    for shard in shards.iter().filter(|shard| shard.rows > 0) {
        read_columns(shard, RowChoice::All, &|name| name == column, &mut |batch| {
            for_each_text(batch.column(0), &mut |text| {
                if let (Ok(text), None) = (text, found) {
                    found = ask(text);
                }
            });
            Ok(if found.is_some() { Enough::Yes } else { Enough::No })
        })?;
        if found.is_some() {
            break;
        }
    }
    Ok(found)
}
