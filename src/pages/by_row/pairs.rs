//! Labels with a value each, row by row.

use super::batches::{RowBatches, TakeRows};
use super::marks::{RowMark, side_of};
use super::pair_row::PairSink;
use super::pair_walk::{PairChunks, walk};
use crate::counts::Cell;
use crate::error::Result;
use crate::label_sets::LabelSets;
use crate::pages::format::chunk::Workspace;
use crate::pages::lookup::{LabelSet, Lookup};
use crate::pages::outcome::{ChunkOutcome, Step};
use crate::pages::value::StoredValue;

/// Passes the rows of a pair of columns with `labels` labels to `give`, in batches that are built in `sets`, by the
/// rules of [`count_pairs`](crate::pages::count_pairs). Missing and uncertain labels are unknown; a row with a key
/// that is not a label has no label. Otherwise like `rows_of_sets`.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a page contradicts itself, the footer or the other column; any
/// error of `give`.
pub(crate) fn rows_of_pairs(
    pair: &PairChunks<'_>,
    workspaces: [&mut Workspace; 2],
    meaning: &mut dyn LabelSet,
    cell: &dyn Fn(StoredValue<'_>) -> Cell,
    labels: usize,
    sets: &mut LabelSets,
    give: TakeRows<'_>,
) -> Result<ChunkOutcome<()>> {
    let mut rows = RowBatches::new(&pair.keys, sets, labels, give);
    let walked = walk(pair, workspaces, &mut Lookup::new(meaning), cell, &mut rows);
    let step = walked.and_then(|()| rows.finish());
    rows.settle(step)
}

impl PairSink for RowBatches<'_, '_> {
    fn row(&mut self, entries: &[(u32, Cell)]) -> Step<()> {
        self.begin(false)?;
        for &(label, cell) in entries {
            match side_of(cell) {
                RowMark::Negative => {}
                RowMark::Positive => self.sets.add(label),
                RowMark::Unknown => self.sets.add_unknown(label),
            }
        }
        Ok(())
    }

    fn null_row(&mut self) -> Step<()> {
        self.begin(true)
    }

    fn invalid_row(&mut self, _what: &str) -> Step<()> {
        self.begin(false)
    }
}
