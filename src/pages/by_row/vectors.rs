//! Columns of lists in which the position of a value is its label, row by row.

use super::batches::{RowBatches, Slots, TakeRows, each_row};
use super::mark_flat::ValueMarker;
use super::marks::Marks;
use crate::error::Result;
use crate::label_sets::LabelSets;
use crate::pages::format::bits::{deposit, take};
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::open;
use crate::pages::format::packed::low_bits;
use crate::pages::format::slots::{BLOCK, Bitmap, Levels, SlotBlock, ones};
use crate::pages::judge::Judge;
use crate::pages::outcome::{ChunkOutcome, Step, unsupported};

/// Passes the rows of a column of lists in which position i is label i of `labels` to `give`. `judge` says at position 0
/// what values mean at all positions. Otherwise like [`rows_of_sets`](super::sets::rows_of_sets).
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a page contradicts itself or the footer; any error of `give`.
pub(crate) fn rows_of_vectors(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    judge: &dyn Judge,
    labels: usize,
    sets: &mut LabelSets,
    give: TakeRows<'_>,
) -> Result<ChunkOutcome<()>> {
    let mut rows = RowBatches::new(chunk, sets, labels, give);
    let step = vectors(chunk, workspace, judge, labels, &mut rows);
    rows.settle(step)
}

fn vectors(
    chunk: &Chunk<'_>,
    workspace: &mut Workspace,
    judge: &dyn Judge,
    labels: usize,
    rows: &mut RowBatches<'_, '_>,
) -> Step<()> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    if leaf.max_rep != 1 {
        return unsupported(format!("{} lists inside each other where one was expected", leaf.max_rep));
    }
    let reader = ValueMarker::new(leaf, dictionary, judge);
    let (mut block, mut marks, mut position) = (SlotBlock::new(), Marks::default(), 0);
    let [mut positives, mut unknown]: [Bitmap; 2] = [[0; BLOCK / 64]; 2];
    while let Some(page) = pages.next()? {
        let mut count = 0;
        let mut levels = Levels::new(leaf, &page)?;
        // Where a list of the page before may go on is known later.
        let mut ahead = SlotBlock { depth: 1, ..SlotBlock::new() };
        while levels.next(&mut ahead)? {
            count += ones(&ahead.values);
        }
        marks.clear(count);
        reader.page(&page, count, &mut marks)?;
        let (mut levels, mut seen) = (Levels::new(leaf, &page)?, 0);
        while levels.next(&mut block)? {
            for (word, &values) in block.values.iter().enumerate().take(block.len.div_ceil(64)) {
                let n = values.count_ones() as usize;
                positives[word] = deposit(take(&marks.positives, seen, n), values);
                unknown[word] =
                    deposit(take(&marks.unknown, seen, n), values) | block.elements[word] & !values;
                seen += n;
            }
            each_row(&block, &block.elements, |step| match step {
                Slots::Row { null } => {
                    position = 0;
                    rows.begin(null)
                }
                Slots::More { at, len } => {
                    let (word, shift) = (at / 64, at % 64);
                    let base = position;
                    let label = |bit: u32| u32::try_from(base + bit as usize).unwrap_or(u32::MAX);
                    // A list that is too long was refused when it was counted.
                    let fits = low_bits(len.min(labels.saturating_sub(base)));
                    each_bit(positives[word] >> shift & fits, |bit| rows.sets.add(label(bit)));
                    each_bit(unknown[word] >> shift & fits, |bit| rows.sets.add_unknown(label(bit)));
                    position += len;
                    Ok(())
                }
            })?;
        }
    }
    rows.finish()
}

/// Calls `each` with every bit that is set, from the lowest on.
#[inline]
fn each_bit(word: u64, mut each: impl FnMut(u32)) {
    let mut word = word;
    while word != 0 {
        each(word.trailing_zeros());
        word &= word - 1;
    }
}
