//! Texts that hold vectors, counted from encoded pages: each distinct text is read once.

use crate::counts::{Cell, Tally};
use crate::engine::counting::Counting;
use crate::engine::read::meaning::stored;
use crate::engine::read::vector_text::{VectorText, wrong_length};
use crate::error::Result;
use crate::pages::{Chunk, ChunkOutcome, StoredValue, Workspace, count_values};
use crate::source::values::Value;

/// What the rows of a column of texts say beside the tallies.
#[derive(Debug, Default)]
pub(super) struct VectorTextCount {
    pub(super) rows: u64,
    pub(super) null_rows: u64,
    pub(super) wrong_rows: u64,
    pub(super) first_wrong: Option<String>,
    pub(super) first_invalid: Option<(usize, String)>,
}

/// Adds a chunk to `tallies`, which are unchanged unless it was counted.
pub(super) fn count(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    counting: &Counting,
    tallies: &mut [Tally],
) -> Result<ChunkOutcome<VectorTextCount>> {
    let mut own = vec![Tally::default(); tallies.len()];
    let mut count = VectorTextCount::default();
    let outcome = count_values(chunk, workspace, &mut |value, rows| {
        add(value, rows, counting, &mut own, &mut count);
    })?;
    Ok(outcome.map(|nulls| {
        count.null_rows += nulls;
        count.rows += nulls;
        for (tally, more) in tallies.iter_mut().zip(&own) {
            tally.positives += more.positives;
            tally.negatives += more.negatives;
            tally.uncertain += more.uncertain;
            tally.missing += more.missing + count.null_rows;
            tally.invalid += more.invalid + count.wrong_rows;
        }
        count
    }))
}

fn add(
    value: StoredValue<'_>,
    rows: u64,
    counting: &Counting,
    tallies: &mut [Tally],
    count: &mut VectorTextCount,
) {
    count.rows += rows;
    let vector = match stored(value) {
        Some(value) => VectorText::of(&value, &counting.domain),
        None => VectorText::Malformed(format!("{value} is not UTF-8")),
    };
    let numbers = match vector {
        VectorText::Missing => {
            count.null_rows += rows;
            return;
        }
        VectorText::Numbers(numbers) if numbers.len() == tallies.len() => numbers,
        VectorText::Numbers(numbers) => {
            count.wrong_rows += rows;
            count.first_wrong.get_or_insert_with(|| wrong_length(numbers.len() as u64, tallies.len()));
            return;
        }
        VectorText::Malformed(why) => {
            count.wrong_rows += rows;
            count.first_wrong.get_or_insert(why);
            return;
        }
    };
    for (position, (number, tally)) in numbers.into_iter().zip(tallies).enumerate() {
        let domain = counting.domain(position);
        let value = number.map(Value::Float);
        let (cell, _) = domain.target_of(value.as_ref());
        tally.add(cell, rows);
        if let (Cell::Invalid, Some(value)) = (cell, value) {
            count.first_invalid.get_or_insert_with(|| (position, value.to_string()));
        }
    }
}
