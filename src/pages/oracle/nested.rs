//! Labels inside structs and inside several lists, and labels with a value each.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::counts::{Cell, Tally};
use crate::label_sets::LabelSets;
use crate::pages::{
    Chunk, ChunkOutcome, LabelSet, Marks, Nesting, PairChunks, SetCount, SetCounter, StoredValue, Workspace,
    count_nested_sets, count_pairs, mark_flat, rows_of_nested_sets, rows_of_pairs,
};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use proptest::prelude::*;

use super::sets::{Expected, Rules, rules, trimmed};
use super::{ColumnFile, cell, counted, flat, value};
use crate::pages::generate::{TYPES, array, codes, label_array, settings};

/// NULL, or lists of NULL or structs of NULL or a code.
type Items = Option<Vec<Option<Option<u8>>>>;

fn items() -> impl Strategy<Value = Items> {
    let item = prop_oneof![8 => (0..12_u8).prop_map(|code| Some(Some(code))), 1 => Just(Some(None)), 1 => Just(None)];
    prop_oneof![6 => proptest::collection::vec(item, 0..5).prop_map(Some), 1 => Just(None)]
}

/// A field that is required where `strict` and possible: required fields have other levels.
fn field(name: &str, column: &ArrayRef, strict: bool) -> Field {
    Field::new(name, column.data_type().clone(), !strict || column.null_count() > 0)
}

/// Without NULL where `strict`.
fn list_of(inner: ArrayRef, lengths: &[Option<usize>], strict: bool) -> ArrayRef {
    let field = Arc::new(field("element", &inner, strict));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().map(|length| length.unwrap_or(0)));
    let nulls: NullBuffer = lengths.iter().map(Option::is_some).collect();
    Arc::new(ListArray::new(field, offsets, inner, (!strict).then_some(nulls)))
}

fn struct_of(columns: Vec<(&str, ArrayRef)>, valid: &[bool], strict: bool) -> ArrayRef {
    let fields: Fields = columns.iter().map(|(name, column)| field(name, column, strict)).collect();
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    let nulls: NullBuffer = valid.iter().copied().collect();
    Arc::new(StructArray::new(fields, arrays, (!strict).then_some(nulls)))
}

/// Structs of codes inside lists; where `strict`, nothing is NULL.
fn items_array(kind: &str, rows: &[Items], strict: bool) -> ArrayRef {
    let code =
        |item: Option<Option<u8>>| if strict { Some(item.flatten().unwrap_or(0)) } else { item.flatten() };
    let all: Vec<_> = rows.iter().flatten().flatten().copied().collect();
    let codes: Vec<_> = all.iter().map(|item| code(*item)).collect();
    let valid: Vec<_> = all.iter().map(|item| strict || item.is_some()).collect();
    let structs = struct_of(vec![("category", label_array(kind, &codes))], &valid, strict);
    let lengths: Vec<_> = rows.iter().map(|row| row.as_ref().map(Vec::len).or(strict.then_some(0))).collect();
    list_of(structs, &lengths, strict)
}

/// All that is in a row below its outermost list, NULL where anything is NULL.
fn collect<'a>(array: &'a ArrayRef, row: usize, out: &mut Vec<Option<StoredValue<'a>>>) {
    if array.is_null(row) {
        out.push(None);
        return;
    }
    match array.data_type() {
        DataType::List(_) => {
            elements(array, row).for_each(|item| collect(array.as_list::<i32>().values(), item, out));
        }
        DataType::Struct(_) => collect(array.as_struct().column(0), row, out),
        _ => out.push(value(array, row)),
    }
}

fn elements(array: &ArrayRef, row: usize) -> std::ops::Range<usize> {
    let offsets = array.as_list::<i32>().offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

/// The values of a row; `None` where its outermost list is NULL, or a struct around it.
fn row_values(array: &ArrayRef, row: usize) -> Option<Vec<Option<StoredValue<'_>>>> {
    if array.is_null(row) {
        return None;
    }
    if let DataType::Struct(_) = array.data_type() {
        return row_values(array.as_struct().column(0), row);
    }
    let mut out = Vec::new();
    elements(array, row).for_each(|item| collect(array.as_list::<i32>().values(), item, &mut out));
    Some(out)
}

fn nesting(shard: &ColumnFile, leaf: usize) -> Nesting {
    Nesting::of(shard.meta.file_metadata().schema_descr(), leaf).unwrap()
}

fn nested_sets(shard: &ColumnFile, rules: &mut dyn LabelSet) -> Expected {
    let nesting = nesting(shard, 0);
    let (mut workspace, mut counter, mut sum) =
        (Workspace::default(), SetCounter::new(), SetCount::default());
    for chunk in shard.chunks() {
        let count = count_nested_sets(&chunk, &nesting, &mut workspace, rules, &mut counter).unwrap();
        let count = counted(count);
        sum.rows += count.rows;
        sum.null_rows += count.null_rows;
        sum.null_elements += count.null_elements;
        sum.invalid_rows += count.invalid_rows;
    }
    Expected { positives: trimmed(counter.take()), count: sum }
}

/// The labels of each row; `None` for a row that says nothing.
type LabelRows = Vec<Option<(Vec<u32>, Vec<u32>)>>;

fn take(found: &mut LabelRows, sets: &LabelSets) {
    for row in 0..sets.rows() {
        let labels = || (sets.positives(row).to_vec(), sets.unknown(row).to_vec());
        found.push((!sets.is_silent(row)).then(labels));
    }
}

/// Labels there are.
const LABELS: usize = 20;

fn nested_rows(shard: &ColumnFile, rules: &mut dyn LabelSet) -> LabelRows {
    let (nesting, mut workspace, mut found) = (nesting(shard, 0), Workspace::default(), Vec::new());
    for chunk in shard.chunks() {
        let mut give = |sets: &mut LabelSets| {
            take(&mut found, sets);
            Ok(())
        };
        let mut sets = LabelSets::default();
        let outcome =
            rows_of_nested_sets(&chunk, &nesting, &mut workspace, rules, LABELS, &mut sets, &mut give);
        counted(outcome.unwrap());
    }
    found
}

proptest! {
    #[test]
    fn a_value_inside_a_struct_is_tallied_as_arrow_reads_it(
        kind in proptest::sample::select(&TYPES[..]), codes in codes(700), nulls in 2..9_usize,
        strict in any::<bool>(), settings in settings(),
    ) {
        let codes: Vec<_> = codes.iter().map(|code| if strict { code.or(Some(0)) } else { *code }).collect();
        let valid: Vec<_> = (0..codes.len()).map(|row| strict || row % nulls > 0).collect();
        let shard = ColumnFile::write(&struct_of(vec![("cat", array(kind, &codes))], &valid, strict), settings.properties().build());
        let (mut expected, mut rows) = (Tally::default(), Vec::new());
        for array in shard.arrays() {
            for row in 0..array.len() {
                let value = array.is_valid(row).then(|| value(array.as_struct().column(0), row)).flatten();
                let cell = value.map_or(Cell::Missing, cell);
                expected.add(cell, 1);
                rows.push((cell == Cell::Positive, matches!(cell, Cell::Missing | Cell::Uncertain)));
            }
        }
        let mut workspace = Workspace::default();
        prop_assert_eq!(flat(&shard, &mut workspace).tally, expected);
        let mut found = Vec::new();
        for chunk in shard.chunks() {
            let mut marks = Marks::default();
            counted(mark_flat(&chunk, &mut workspace, &cell, &mut marks).unwrap());
            let bit = |bits: &[u64], row: usize| bits.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1);
            found.extend((0..chunk.rows as usize).map(|row| (bit(&marks.positives, row), bit(&marks.unknown, row))));
        }
        prop_assert_eq!(found, rows);
    }

    #[test]
    fn labels_inside_lists_and_structs_are_counted_as_arrow_reads_them(
        kind in proptest::sample::select(&["i32", "i64", "u16", "text"][..]),
        rows in proptest::collection::vec(prop_oneof![8 => proptest::collection::vec(items(), 0..4).prop_map(Some), 1 => Just(None)], 0..120),
        depth in 1..=2_usize, inside in any::<bool>(), [outer_strict, inner_strict] in any::<[bool; 2]>(),
        mut rules in rules(), settings in settings(),
    ) {
        let inner: Vec<Items> = rows.iter().flatten().flatten().cloned().collect();
        let lists = items_array(kind, &inner, inner_strict);
        let array = if depth == 1 {
            lists
        } else {
            let lengths: Vec<_> = rows.iter().map(|row| row.as_ref().map(Vec::len).or(outer_strict.then_some(0))).collect();
            list_of(lists, &lengths, outer_strict)
        };
        let valid: Vec<_> = (0..array.len()).map(|row| outer_strict || row % 5 != 2).collect();
        let array = if inside { struct_of(vec![("objects", array)], &valid, outer_strict) } else { array };
        let shard = ColumnFile::write(&array, settings.properties().build());
        let (mut expected, mut by_row) = (Expected::default(), Vec::new());
        for array in shard.arrays() {
            for row in 0..array.len() {
                let values = row_values(&array, row);
                expected.row(values.clone().map(Vec::into_iter), &mut rules);
                by_row.push(values.map(|values| {
                    let mut labels = Vec::new();
                    // What is no label leaves nothing of itself.
                    for value in values.into_iter().flatten() {
                        let before = labels.len();
                        if rules.labels(value, &mut labels).is_err() {
                            labels.truncate(before);
                        }
                    }
                    labels.sort_unstable();
                    labels.dedup();
                    (labels, Vec::new())
                }));
            }
        }
        prop_assert_eq!(nested_sets(&shard, &mut rules), expected);
        prop_assert_eq!(nested_rows(&shard, &mut rules), by_row);
    }

    #[test]
    fn labels_with_values_are_counted_as_arrow_reads_them(
        rows in proptest::collection::vec(pair_items(), 0..120), map in any::<bool>(), value_kind in 0..3_usize,
        mut rules in rules(), settings in settings(),
    ) {
        let shard = ColumnFile::write(&pair_array(&rows, map, ["i32", "f64", "bool"][value_kind]), settings.properties().build());
        let (mut expected, mut by_row, mut nulls, mut invalid) = (BTreeMap::new(), Vec::new(), [0, 0], 0);
        for array in shard.arrays() {
            for row in 0..array.len() {
                let Some((keys, values, items)) = pair_row(&array, row) else {
                    nulls[0] += 1;
                    by_row.push(None);
                    continue;
                };
                let (mut cells, mut wrong) = (BTreeMap::new(), false);
                for item in items {
                    let Some(key) = keys.is_valid(item).then(|| value(keys, item)).flatten() else {
                        nulls[1] += 1;
                        continue;
                    };
                    let mut labels = Vec::new();
                    wrong |= rules.labels(key, &mut labels).is_err();
                    let cell = value(values, item).map_or(Cell::Missing, cell);
                    for label in labels {
                        let entry = cells.entry(label).or_insert(cell);
                        if strength(cell) > strength(*entry) {
                            *entry = cell;
                        }
                    }
                }
                if wrong {
                    invalid += 1;
                    cells.clear();
                }
                let of = |wanted: &[Cell]| cells.iter().filter(|(_, cell)| wanted.contains(cell)).map(|(label, _)| *label).collect();
                by_row.push(Some((of(&[Cell::Positive]), of(&[Cell::Missing, Cell::Uncertain]))));
                for (label, cell) in cells {
                    expected.entry(label).or_insert_with(Tally::default).add(cell, 1);
                }
            }
        }
        let (found, tallies, count) = pairs(&shard, &mut rules);
        let tallies: BTreeMap<_, _> = (0_u32..).zip(tallies).filter(|(_, tally)| *tally != Tally::default()).collect();
        prop_assert_eq!(tallies, expected);
        prop_assert_eq!((count.rows, [count.null_rows, count.null_elements], count.invalid_rows), (by_row.len() as u64, nulls, invalid));
        prop_assert_eq!(found, by_row);
    }
}

fn strength(cell: Cell) -> usize {
    [Cell::Missing, Cell::Negative, Cell::Uncertain, Cell::Positive, Cell::Invalid]
        .iter()
        .position(|known| *known == cell)
        .unwrap()
}

/// NULL, or NULL or a key and a value.
type CellPairs = Option<Vec<Option<(Option<u8>, Option<u8>)>>>;

fn pair_items() -> impl Strategy<Value = CellPairs> {
    let code = |to: u8| prop_oneof![8 => (0..to).prop_map(Some), 1 => Just(None)];
    let item = prop_oneof![9 => (code(12), code(6)).prop_map(Some), 1 => Just(None)];
    prop_oneof![6 => proptest::collection::vec(item, 0..9).prop_map(Some), 1 => Just(None)]
}

/// A map, whose keys are never NULL, or a list of structs.
fn pair_array(rows: &[CellPairs], map: bool, kind: &str) -> ArrayRef {
    let all: Vec<_> = rows.iter().flatten().flatten().copied().collect();
    let keys: Vec<_> = all.iter().map(|item| item.and_then(|(key, _)| key).or(map.then_some(0))).collect();
    let values: Vec<_> = all.iter().map(|item| item.and_then(|(_, value)| value)).collect();
    let (keys, values) = (label_array("text", &keys), array(kind, &values));
    let lengths: Vec<_> = rows.iter().map(|row| row.as_ref().map(Vec::len)).collect();
    if !map {
        let valid: Vec<_> = all.iter().map(Option::is_some).collect();
        return list_of(struct_of(vec![("name", keys), ("score", values)], &valid, false), &lengths, false);
    }
    let fields = Fields::from(vec![
        Field::new("keys", keys.data_type().clone(), false),
        Field::new("values", values.data_type().clone(), true),
    ]);
    let entries = StructArray::new(fields, vec![keys, values], None);
    let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().map(|length| length.unwrap_or(0)));
    let nulls: NullBuffer = lengths.iter().map(Option::is_some).collect();
    Arc::new(MapArray::new(field, offsets, entries, Some(nulls), false))
}

/// Keys, values, and which of them are those of a row; `None` where its list is NULL. A NULL struct has no key.
fn pair_row(array: &ArrayRef, row: usize) -> Option<(&ArrayRef, &ArrayRef, std::ops::Range<usize>)> {
    if array.is_null(row) {
        return None;
    }
    let (entries, offsets) = match array.data_type() {
        DataType::Map(..) => (array.as_map().entries(), array.as_map().offsets()),
        _ => (array.as_list::<i32>().values().as_struct(), array.as_list::<i32>().offsets()),
    };
    let items = offsets[row] as usize..offsets[row + 1] as usize;
    Some((entries.column(0), entries.column(1), items))
}

/// The two leaves of every row group.
fn pair_chunks(shard: &ColumnFile) -> impl Iterator<Item = [Chunk<'_>; 2]> {
    shard.leaf(0).zip(shard.leaf(1)).map(|(keys, values)| [keys, values])
}

fn pairs(shard: &ColumnFile, rules: &mut Rules) -> (LabelRows, Vec<Tally>, SetCount) {
    let nesting = nesting(shard, 0);
    let [mut first, mut second] = [Workspace::default(), Workspace::default()];
    let (mut found, mut tallies, mut sum) = (Vec::new(), Vec::new(), SetCount::default());
    for [keys, values] in pair_chunks(shard) {
        let pair = PairChunks { keys, values, nesting: &nesting };
        let count = count_pairs(&pair, [&mut first, &mut second], rules, &cell, &mut tallies).unwrap();
        let count = counted(count).keys;
        sum.rows += count.rows;
        sum.null_rows += count.null_rows;
        sum.null_elements += count.null_elements;
        sum.invalid_rows += count.invalid_rows;
        let mut give = |sets: &mut LabelSets| {
            take(&mut found, sets);
            Ok(())
        };
        let mut sets = LabelSets::default();
        let spaces = [&mut first, &mut second];
        counted(rows_of_pairs(&pair, spaces, rules, &cell, LABELS, &mut sets, &mut give).unwrap());
    }
    (found, tallies, sum)
}

#[test]
fn columns_of_different_lists_are_no_pair_and_damage_leaves_no_trace() {
    let settings = crate::pages::generate::Settings::plain();
    let write = |rows: &[CellPairs]| {
        ColumnFile::write(&pair_array(rows, false, "i32"), settings.properties().build())
    };
    let item = |key, value| Some((Some(key), Some(value)));
    let one = write(&[Some(vec![item(1, 1), item(2, 0)]), Some(vec![item(1, 1)])]);
    let other = write(&[Some(vec![item(1, 1)]), Some(vec![item(2, 0), item(1, 1)])]);
    let nesting = nesting(&one, 0);
    let (keys, values) = (one.leaf(0).next().unwrap(), other.leaf(1).next().unwrap());
    let [mut first, mut second] = [Workspace::default(), Workspace::default()];
    let mut rules = Rules { bound: None, invalid: 1000, two: 1000, alike: false };
    let mut tallies = vec![Tally { positives: 5, ..Tally::default() }; 3];
    let pair = PairChunks { keys, values, nesting: &nesting };
    let error = count_pairs(&pair, [&mut first, &mut second], &mut rules, &cell, &mut tallies).unwrap_err();
    assert!(error.to_string().contains("keys and values in different lists"), "{error}");
    assert_eq!(tallies, vec![Tally { positives: 5, ..Tally::default() }; 3]);

    let deep = ColumnFile::write(
        &list_of(items_array("i32", &[Some(vec![Some(Some(1))])], false), &[Some(1)], false),
        settings.properties().build(),
    );
    let pair = PairChunks { values: deep.leaf(0).next().unwrap(), ..pair };
    let outcome = count_pairs(&pair, [&mut first, &mut second], &mut rules, &cell, &mut tallies).unwrap();
    assert!(matches!(outcome, ChunkOutcome::Unsupported(_)), "{outcome:?}");
}
