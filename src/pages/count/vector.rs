//! A column of lists in which the position of a value is its label.
//!
//! Such lists usually have the same length throughout and no null inside. Then a value's position
//! follows from its place in the chunk, and rows need not be looked at. Where a list is different, the
//! chunk is read again row by row.

use super::cells::{CellOf, PositionCells, VectorCount};
use super::grid::Grid;
use super::positions::Positions;
use super::vector_by_row;
use crate::counts::{Cell, Tally};
use crate::error::Result;
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::{Coding, DataPage, open};
use crate::pages::format::dictionary::most_frequent;
use crate::pages::format::hybrid::{Hybrid, HybridRun};
use crate::pages::format::leaf::{LeafColumn, Physical, RawValue, low};
use crate::pages::format::packed::Packed;
use crate::pages::format::plain::{self, PlainValues};
use crate::pages::format::row_mask::RowMask;
use crate::pages::format::slots::wrong_rows;
use crate::pages::outcome::{ChunkOutcome, Step, settle, unsupported};
use crate::pages::value::StoredValue;

/// Tallies a column of lists in which position i is label i of `tallies`. `cell` classifies a value at a
/// position; it is called once per position and dictionary entry that occur together, unless there are too
/// many of these. A NULL element is missing.
///
/// On [`ChunkOutcome::Unsupported`] and on an error the tallies are unchanged.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a page contradicts itself or the footer.
pub fn count_vector(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    cell: &dyn Fn(usize, StoredValue<'_>) -> Cell,
    tallies: &mut [Tally],
) -> Result<ChunkOutcome<VectorCount>> {
    settle(count(chunk, None, workspace, cell, tallies))
}

/// Like [`count_vector`], but only the rows of `mask`.
///
/// # Errors
/// As [`count_vector`].
pub(crate) fn count_kept_vector(
    chunk: &Chunk<'_>,
    mask: &RowMask,
    workspace: &mut Workspace,
    cell: &dyn Fn(usize, StoredValue<'_>) -> Cell,
    tallies: &mut [Tally],
) -> Result<ChunkOutcome<VectorCount>> {
    settle(count(chunk, Some(mask), workspace, cell, tallies))
}

fn count(
    chunk: &Chunk<'_>,
    mask: Option<&RowMask>,
    workspace: &mut Workspace,
    cell: CellOf<'_>,
    tallies: &mut [Tally],
) -> Step<VectorCount> {
    let mut cells = PositionCells::new(cell, tallies.len());
    let at_once = if mask.is_none() { at_once(chunk, workspace, &mut cells)? } else { None };
    let count = if let Some(count) = at_once {
        count
    } else {
        cells = PositionCells::new(cell, tallies.len());
        vector_by_row::count(chunk, mask, workspace, &mut cells)?
    };
    for (tally, more) in tallies.iter_mut().zip(&cells.tallies) {
        tally.add(Cell::Positive, more.positives);
        tally.add(Cell::Negative, more.negatives);
        tally.add(Cell::Uncertain, more.uncertain);
        tally.add(Cell::Missing, more.missing + count.null_rows);
        tally.add(Cell::Invalid, more.invalid + count.wrong_rows);
    }
    Ok(VectorCount { first_invalid: cells.first_invalid, ..count })
}

/// `None` when a list is not as long as there are labels or holds a null, or there would be too many
/// counters.
fn at_once(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    cells: &mut PositionCells<'_>,
) -> Step<Option<VectorCount>> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    if leaf.max_rep != 1 {
        return unsupported(format!("{} lists inside each other where one was expected", leaf.max_rep));
    }
    let width = cells.tallies.len();
    let Some(mut singles) = Positions::new(width, 2, 0).filter(|_| width > 0) else { return Ok(None) };
    let (mut grid, mut entries, mut values) = (Grid::new(width, chunk.rows), None, 0);
    while let Some(page) = pages.next()? {
        let Some(len) = grid.add(leaf, &page)? else { return Ok(None) };
        let at = values % width;
        values += len;
        if page.coding == Coding::Dictionary {
            let entries = match &mut entries {
                Some(entries) => entries,
                none => {
                    let base = most_frequent(&dictionary, page.values, len)?;
                    let Some(positions) = Positions::new(width, dictionary.len(), base) else {
                        return Ok(None);
                    };
                    none.insert(positions)
                }
            };
            entries.seek(at);
            entries.add_indices(&dictionary, page.values, len)?;
        } else {
            singles.seek(at);
            add_singles(leaf, &page, len, at, &mut singles, cells)?;
        }
    }
    let Some((rows, null_rows)) = grid.finish() else { return Ok(None) };
    if rows != chunk.rows {
        return Err(wrong_rows(rows, chunk.rows));
    }
    if let Some(entries) = entries {
        entries.finish(|entry, position, rows| cells.add(position, dictionary.value(entry), rows.into()));
    }
    let single = [RawValue::Word(0), RawValue::Word(if leaf.is_bit() { 1 } else { leaf.one() })]
        .map(|raw| leaf.value(raw));
    singles.finish(|entry, position, rows| cells.add(position, single[entry], rows.into()));
    Ok(Some(VectorCount { rows, null_rows, ..VectorCount::default() }))
}

/// Counts the values of a page without indices, the first of which is at position `at`.
fn add_singles(
    leaf: LeafColumn,
    page: &DataPage<'_>,
    len: usize,
    at: usize,
    singles: &mut Positions,
    cells: &mut PositionCells<'_>,
) -> Step<()> {
    if page.coding == Coding::Rle {
        let mut bits = Hybrid::booleans(page.values)?;
        bits.runs(len, |run| {
            singles.add_bits(run);
            Ok(())
        })?;
        return bits.finish();
    }
    plain::check(leaf.physical, page.values, len)?;
    match leaf.physical {
        Physical::Bit => {
            singles.add_bits(HybridRun::Packed(Packed { bytes: page.values, width: 1, start: 0, len }));
        }
        Physical::Word4 => {
            singles.add_words(
                &page.values.as_chunks().0[..len],
                u32::from_le_bytes,
                low(leaf.one()),
                |at, word| {
                    cells.add(at, leaf.value(RawValue::Word(word.into())), 1);
                },
            );
        }
        Physical::Word8 => {
            singles.add_words(
                &page.values.as_chunks().0[..len],
                u64::from_le_bytes,
                leaf.one(),
                |at, word| {
                    cells.add(at, leaf.value(RawValue::Word(word)), 1);
                },
            );
        }
        Physical::Fixed(_) | Physical::Bytes => {
            let mut values = PlainValues::new(leaf.physical, page.values);
            for position in (0..cells.tallies.len()).cycle().skip(at).take(len) {
                cells.add(position, leaf.value(values.next()?), 1);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::by_hand::{ByHand, DICTIONARY, PLAIN, indices, packed, words};

    fn tallies(by_hand: &ByHand) -> Result<Vec<(u64, u64)>> {
        let cell = |_: usize, value: StoredValue<'_>| {
            if value == StoredValue::Int(1) { Cell::Positive } else { Cell::Negative }
        };
        let mut tallies = [Tally::default(); 3];
        let outcome = count_vector(&by_hand.chunk(), &mut Workspace::default(), &cell, &mut tallies)?;
        assert!(matches!(outcome, ChunkOutcome::Counted(VectorCount { wrong_rows: 0, .. })), "{outcome:?}");
        Ok(tallies.iter().map(|tally| (tally.positives, tally.negatives)).collect())
    }

    const LIST: &str = "required group a (LIST) { repeated group list { required int32 element; } }";

    #[test]
    fn a_row_may_go_on_from_page_to_page() {
        // Rows 1 0 0, 0 1 0 and 1 1 2, cut into pages of indices, indices and plain values.
        let values = packed(&[1; 4], 1);
        let by_hand = ByHand::new(LIST, 9, 3).dictionary(2, &words(&[0, 1]));
        let by_hand =
            by_hand.data(4, DICTIONARY, [&packed(&[0, 1, 1, 0], 1), &values], &indices(&[1, 0, 0, 0], 1));
        let by_hand = by_hand.data(1, DICTIONARY, [&packed(&[1], 1), &values], &indices(&[1], 1));
        let by_hand = by_hand.data(4, PLAIN, [&packed(&[1, 0, 1, 1], 1), &values], &words(&[0, 1, 1, 2]));
        assert_eq!(tallies(&by_hand).unwrap(), [(2, 1), (2, 1), (0, 3)]);
    }

    #[test]
    fn a_list_without_a_beginning_is_refused() {
        let levels = packed(&[1; 3], 1);
        let by_hand = ByHand::new(LIST, 3, 1).data(3, PLAIN, [&levels, &levels], &words(&[0, 1, 1]));
        let error = tallies(&by_hand).unwrap_err().to_string();
        assert_eq!(error, "corrupt column chunk: a list goes on without an element");
    }

    #[test]
    fn an_index_without_an_entry_is_refused_behind_a_list_of_wrong_length() {
        let (short, full) = (packed(&[0, 1], 1), packed(&[0, 1, 1], 1));
        let by_hand = ByHand::new(LIST, 5, 2).dictionary(1, &words(&[0]));
        let by_hand = by_hand.data(2, DICTIONARY, [&short, &packed(&[1; 2], 1)], &indices(&[0, 0], 1));
        let by_hand = by_hand.data(3, DICTIONARY, [&full, &packed(&[1; 3], 1)], &indices(&[0, 1, 0], 1));
        let error = tallies(&by_hand).unwrap_err().to_string();
        assert_eq!(error, "corrupt column chunk: index 1 in a dictionary of 1 entries");
    }

    #[test]
    fn more_lists_than_rows_are_refused() {
        let (repetition, definition) = (packed(&[0, 1, 1, 0, 1], 1), packed(&[1; 5], 1));
        let by_hand = ByHand::new(LIST, 5, 1).data(5, PLAIN, [&repetition, &definition], &words(&[0; 5]));
        let error = tallies(&by_hand).unwrap_err().to_string();
        assert_eq!(error, "corrupt column chunk: 2 lists in a row group of 1 rows");
    }
}
