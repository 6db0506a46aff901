//! Columns whose position in a list is the label.

use std::sync::Arc;

use crate::counts::{Cell, Tally};
use crate::pages::{StoredValue, VectorCount, Workspace, count_vector};
use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Float32Type};
use proptest::prelude::*;

use super::{ColumnFile, cell, counted, value};
use crate::pages::generate::{Rows, Settings, TYPES, array, lists, rows, settings};

pub(super) const WIDTH: usize = 5;

/// Lists of one length without nulls inside, or anything.
fn vectors() -> impl Strategy<Value = Rows> {
    let even = proptest::collection::vec(
        prop_oneof![
            9 => proptest::collection::vec(prop_oneof![3 => Just(Some(0)), 1 => (1..6_u8).prop_map(Some)], WIDTH).prop_map(Some),
            1 => Just(None),
        ],
        0..150,
    );
    prop_oneof![
        even,
        rows(Just(WIDTH)).prop_map(|mut rows| {
            rows.iter_mut().flatten().flatten().flatten().for_each(|code| *code %= 6);
            rows
        })
    ]
}

/// Positions differ in what they take for positive.
pub(super) fn cell_at(position: usize, value: StoredValue<'_>) -> Cell {
    match (position, cell(value)) {
        (0, Cell::Positive) => Cell::Uncertain,
        (_, cell) => cell,
    }
}

fn vector(shard: &ColumnFile) -> (Vec<Tally>, VectorCount) {
    let (mut workspace, mut tallies, mut sum) =
        (Workspace::default(), vec![Tally::default(); WIDTH], VectorCount::default());
    for chunk in shard.chunks() {
        let count = counted(count_vector(&chunk, &mut workspace, &cell_at, &mut tallies).unwrap());
        sum.first_wrong = sum.first_wrong.or(count.first_wrong.map(|mut wrong| {
            wrong.row += sum.rows;
            wrong
        }));
        sum.rows += count.rows;
        sum.null_rows += count.null_rows;
        sum.wrong_rows += count.wrong_rows;
        sum.first_invalid = sum.first_invalid.or(count.first_invalid);
    }
    assert!(tallies.iter().all(|tally| tally.total() == Some(sum.rows)));
    (tallies, sum)
}

proptest! {
    #[test]
    fn vectors_are_tallied_as_arrow_reads_them(
        kind in proptest::sample::select(&TYPES[..]), rows in vectors(), settings in settings(),
    ) {
        let shard = ColumnFile::write(&lists("list", &rows, |codes| array(kind, codes)), settings.properties().build());
        let (mut tallies, mut count) = (vec![Tally::default(); WIDTH], VectorCount::default());
        for array in shard.arrays() {
            for row in 0..array.len() {
                count.rows += 1;
                let items = array.as_list::<i32>().value(row);
                if array.is_null(row) {
                    count.null_rows += 1;
                    for tally in &mut tallies {
                        tally.add(Cell::Missing, 1);
                    }
                } else if items.len() != WIDTH {
                    count.wrong_rows += 1;
                    for tally in &mut tallies {
                        tally.add(Cell::Invalid, 1);
                    }
                } else {
                    for (position, tally) in tallies.iter_mut().enumerate() {
                        tally.add(value(&items, position).map_or(Cell::Missing, |value| cell_at(position, value)), 1);
                    }
                }
            }
        }
        let (found, found_count) = vector(&shard);
        prop_assert_eq!(&found, &tallies);
        prop_assert_eq!((found_count.rows, found_count.null_rows, found_count.wrong_rows), (count.rows, count.null_rows, count.wrong_rows));
        let first = rows.iter().position(|row| row.as_ref().is_some_and(|row| row.len() != WIDTH));
        prop_assert_eq!(found_count.first_wrong.map(|wrong| wrong.row as usize), first);
        let invalid: u64 = tallies.iter().map(|tally| tally.invalid - count.wrong_rows).sum();
        prop_assert_eq!(found_count.first_invalid.is_some(), invalid > 0);
    }
}

#[test]
fn lists_of_fixed_size_may_be_null() {
    let values: ArrayRef = Arc::new(PrimitiveArray::<Float32Type>::from_iter_values([
        1., 0., 0., 0., 0., 9., 9., 9., 9., 9., 0., 1., 1., 0., 0.,
    ]));
    let field = Arc::new(Field::new("element", DataType::Float32, true));
    let nulls = NullBuffer::from(vec![true, false, true]);
    let array: ArrayRef = Arc::new(FixedSizeListArray::new(field, WIDTH as i32, values, Some(nulls)));
    let (tallies, count) = vector(&ColumnFile::write(&array, Settings::plain().properties().build()));
    assert_eq!((count.rows, count.null_rows, count.wrong_rows), (3, 1, 0));
    assert_eq!(
        tallies.iter().map(|t| (t.positives + t.uncertain, t.negatives, t.missing)).collect::<Vec<_>>(),
        [(1, 1, 1), (1, 1, 1), (1, 1, 1), (0, 2, 1), (0, 2, 1)]
    );
}
