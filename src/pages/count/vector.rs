//! A column of lists in which the position of a value is its label.
//!
//! Such lists usually have the same length throughout and no null inside. Then a value's position
//! follows from its place in the chunk, and rows need not be looked at. Where a list is different, the
//! chunk is read again row by row.

use super::cells::{PositionCells, VectorCount, VectorSums};
use super::number_rows;
use super::part_rows::{PageRange, PartRows};
use super::positions::{COUNTERS_MAX, Positions};
use super::vector_by_row;
use crate::error::Result;
use crate::pages::cuts::Cuts;
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::{Coding, DataPage, open};
use crate::pages::format::dictionary::{indices, most_frequent};
use crate::pages::format::hybrid::{Hybrid, HybridRun};
use crate::pages::format::leaf::{LeafColumn, NumberKind, Physical, RawValue, low};
use crate::pages::format::packed::Packed;
use crate::pages::format::plain::{self, PlainValues};
use crate::pages::format::row_parts::RowParts;
use crate::pages::format::stored_number::StoredNumber;
use crate::pages::judge::Judge;
use crate::pages::outcome::{ChunkOutcome, Step, settle, unsupported};

/// Counts a column of lists in which position i is label i of `labels`, for the rows of each part. `judge` is asked once
/// per position and dictionary entry that occur together, unless there are too many of these. A NULL element is missing.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a page contradicts itself or the footer.
pub(crate) fn count_vectors(
    chunk: &Chunk<'_>,
    judge: &dyn Judge,
    (labels, parts): (usize, RowParts<'_>),
    workspace: &mut Workspace,
) -> Result<ChunkOutcome<Vec<VectorSums>>> {
    settle(count(chunk, judge, (labels, parts), workspace))
}

/// The same of all rows, as `cell` classifies a value at a position, added to `tallies` unless it fails.
#[cfg(test)]
pub(crate) fn count_vector(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    cell: &dyn Fn(usize, crate::pages::StoredValue<'_>) -> crate::counts::Cell,
    tallies: &mut [crate::counts::Tally],
) -> Result<ChunkOutcome<VectorCount>> {
    let judge = crate::pages::judge::CellJudge(cell);
    let outcome = count_vectors(chunk, &judge, (tallies.len(), RowParts::ALL), workspace)?;
    Ok(outcome.map(|parts| {
        let mut all = VectorCount::default();
        for part in parts {
            part.add_to(tallies);
            all = part.count;
        }
        all
    }))
}

fn count(
    chunk: &Chunk<'_>,
    judge: &dyn Judge,
    (labels, parts): (usize, RowParts<'_>),
    workspace: &mut Workspace,
) -> Step<Vec<VectorSums>> {
    let fresh = || (0..parts.len()).map(|_| PositionCells::new(judge, labels)).collect::<Vec<_>>();
    let leaf = LeafColumn::of(chunk.meta.column_descr())?;
    if leaf.max_rep != 1 {
        return unsupported(format!("{} lists inside each other where one was expected", leaf.max_rep));
    }
    let mut cells = fresh();
    let at_once = match leaf.number_kind().filter(|_| labels > 0 && judge.rule(0).is_some()) {
        Some(NumberKind::Single) => numbers::<f32>(chunk, leaf, parts, workspace, &mut cells)?,
        Some(NumberKind::Double) => numbers::<f64>(chunk, leaf, parts, workspace, &mut cells)?,
        Some(NumberKind::Short) => numbers::<i32>(chunk, leaf, parts, workspace, &mut cells)?,
        Some(NumberKind::Long) => numbers::<i64>(chunk, leaf, parts, workspace, &mut cells)?,
        None => at_once(chunk, parts, workspace, &mut cells)?,
    };
    let counts = if let Some(counts) = at_once {
        counts
    } else {
        cells = fresh();
        vector_by_row::count(chunk, parts, workspace, &mut cells)?
    };
    Ok(cells.into_iter().zip(counts).map(|(cells, count)| cells.finish(count)).collect())
}

/// Numbers by their rules, where there are some; else value by value.
fn numbers<N: StoredNumber>(
    chunk: &Chunk<'_>,
    leaf: LeafColumn,
    parts: RowParts<'_>,
    workspace: &mut Workspace,
    cells: &mut [PositionCells<'_>],
) -> Step<Option<Vec<VectorCount>>> {
    let Some(first) = cells.first() else { return Ok(None) };
    let labels = first.tallies.len();
    match Cuts::<N>::of(first.judge, leaf, labels) {
        Some(cuts) => {
            let rows = PartRows::new(labels, chunk.rows, parts);
            number_rows::count(chunk, &cuts, rows, workspace, cells)
        }
        None => at_once(chunk, parts, workspace, cells),
    }
}

/// `None` when a list is not as long as there are labels or holds a null, or there would be too many
/// counters.
fn at_once(
    chunk: &Chunk<'_>,
    parts: RowParts<'_>,
    workspace: &mut Workspace,
    cells: &mut [PositionCells<'_>],
) -> Step<Option<Vec<VectorCount>>> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let width = cells.first().map_or(0, |cells| cells.tallies.len());
    let counters = |entries: usize, base: usize| {
        let fits = width.saturating_mul(entries).saturating_mul(parts.len()) <= COUNTERS_MAX;
        let all = (0..parts.len()).map(|_| Positions::new(width, entries, base).filter(|_| fits));
        all.collect::<Option<Vec<Positions>>>()
    };
    let Some(mut singles) = counters(2, 0).filter(|_| width > 0) else { return Ok(None) };
    let (mut rows, mut entries) = (PartRows::new(width, chunk.rows, parts), None);
    while let Some(page) = pages.next()? {
        let Some(range) = rows.page(leaf, &page)? else { return Ok(None) };
        if page.coding != Coding::Dictionary {
            add_singles(leaf, &page, (range, &rows), &mut singles, cells)?;
            continue;
        }
        let entries = match &mut entries {
            Some(entries) => entries,
            none => {
                let base = most_frequent(&dictionary, page.values, range.len)?;
                let Some(positions) = counters(dictionary.len(), base) else { return Ok(None) };
                none.insert(positions)
            }
        };
        let mut indices = indices(page.values)?;
        each_part(&rows, range, |part, at, len| match part {
            Some(part) => {
                entries[part].seek(at);
                entries[part].add_indices(&dictionary, &mut indices, len)
            }
            None => indices.runs(len, |_| Ok(())),
        })?;
        indices.finish()?;
    }
    let Some(counts) = rows.finish()? else { return Ok(None) };
    for (entries, cells) in entries.into_iter().flatten().zip(&mut *cells) {
        entries.finish(|entry, position, rows| cells.add(position, dictionary.value(entry), rows.into()));
    }
    let single = [RawValue::Word(0), RawValue::Word(if leaf.is_bit() { 1 } else { leaf.one() })]
        .map(|raw| leaf.value(raw));
    for (singles, cells) in singles.into_iter().zip(cells) {
        singles.finish(|entry, position, rows| cells.add(position, single[entry], rows.into()));
    }
    Ok(Some(counts))
}

/// Calls `each` with the values of a page: all at once where all rows are of one part, else row by row.
fn each_part(
    rows: &PartRows,
    range: PageRange,
    mut each: impl FnMut(Option<usize>, usize, usize) -> Step<()>,
) -> Step<()> {
    if rows.are_together() { each(Some(0), rows.position(range), range.len) } else { rows.each(range, each) }
}

/// Counts the values of a page without indices.
fn add_singles(
    leaf: LeafColumn,
    page: &DataPage<'_>,
    (range, rows): (PageRange, &PartRows),
    singles: &mut [Positions],
    cells: &mut [PositionCells<'_>],
) -> Step<()> {
    if page.coding == Coding::Rle {
        let mut bits = Hybrid::booleans(page.values)?;
        each_part(rows, range, |part, at, len| {
            part.into_iter().for_each(|part| singles[part].seek(at));
            bits.runs(len, |run| {
                part.into_iter().for_each(|part| singles[part].add_bits(run));
                Ok(())
            })
        })?;
        return bits.finish();
    }
    plain::check(leaf.physical, page.values, range.len)?;
    let mut bits = Packed { bytes: page.values, width: 1, start: 0, len: range.len };
    let mut bytes = page.values;
    let mut values = PlainValues::new(leaf.physical, page.values);
    each_part(rows, range, |part, at, len| {
        let own = bytes.split_at(len * leaf.physical.size());
        bytes = own.1;
        let mut add = part.map(|part| (&mut singles[part], &mut cells[part]));
        add.iter_mut().for_each(|(singles, _)| singles.seek(at));
        match (leaf.physical, add) {
            (Physical::Bit, add) => {
                let (own, rest) = bits.split(len);
                bits = rest;
                add.into_iter().for_each(|(singles, _)| singles.add_bits(HybridRun::Packed(own)));
            }
            (Physical::Fixed(_) | Physical::Bytes, mut add) => {
                let labels = rows.width();
                for position in (0..labels).cycle().skip(at).take(len) {
                    let value = values.next()?;
                    if let Some((_, cells)) = &mut add {
                        cells.add(position, leaf.value(value), 1);
                    }
                }
            }
            (Physical::Word4, Some((singles, cells))) => {
                let one = low(leaf.one());
                singles.add_words(own.0.as_chunks().0, u32::from_le_bytes, one, |at, word| {
                    cells.add(at, leaf.value(RawValue::Word(word.into())), 1);
                });
            }
            (Physical::Word8, Some((singles, cells))) => {
                singles.add_words(own.0.as_chunks().0, u64::from_le_bytes, leaf.one(), |at, word| {
                    cells.add(at, leaf.value(RawValue::Word(word)), 1);
                });
            }
            (_, None) => {}
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Cell, Tally};
    use crate::pages::StoredValue;
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
