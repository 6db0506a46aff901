//! Labels with a value each: a map, or a list of structs.

use super::pair_entries;
use super::set_count::SetCount;
use crate::counts::{Cell, Tally};
use crate::error::Result;
use crate::pages::by_row::pair_row::PairSink;
use crate::pages::by_row::pair_walk::{PairCell, PairChunks, walk};
use crate::pages::format::chunk::Workspace;
use crate::pages::lookup::{LabelSet, Lookup};
use crate::pages::outcome::{ChunkOutcome, Step, settle};
use crate::pages::value::StoredValue;

/// What the rows of a pair of columns say beside the tallies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PairCount {
    /// Rows and keys. A NULL key is a NULL element; a row with a key that is not a label is an invalid row, and
    /// nothing else of it is counted.
    pub keys: SetCount,
    /// The first invalid value: the id of its label, and the value as text.
    pub first_invalid_value: Option<(u32, String)>,
}

/// Tallies the labels that rows name, by label id, in `tallies`, which grows to the highest id. `cell` classifies
/// values; a NULL value is missing. If a row repeats a label, one cell counts: invalid,
/// else positive, uncertain, negative or missing, the first of these that occurs.
///
/// The tallies do not include rows that do not name a label. In `rows - null_rows - invalid_rows` less the total of
/// its tally the label is negative; it is missing in null rows.
///
/// On [`ChunkOutcome::Unsupported`] and on an error the tallies are unchanged, except for their number.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a page contradicts itself, the footer or the other column.
pub(crate) fn count_pairs(
    pair: &PairChunks<'_>,
    [keys, values]: [&mut Workspace; 2],
    labels: &mut dyn LabelSet,
    cell: &dyn Fn(StoredValue<'_>) -> Cell,
    tallies: &mut Vec<Tally>,
) -> Result<ChunkOutcome<PairCount>> {
    let mut lookup = Lookup::new(labels);
    // What is wrong with the chunks is found row by row, and at which row.
    if let Ok(Some(found)) = pair_entries::count(pair, [&mut *keys, &mut *values], &mut lookup, cell) {
        found.add_to(tallies);
        return Ok(ChunkOutcome::Counted(PairCount { keys: found.rows, first_invalid_value: None }));
    }
    let mut count = |tallies: &mut Vec<Tally>, undoing: bool| {
        let mut sink = PairTallies { tallies, count: PairCount::default(), undoing };
        walk(pair, [&mut *keys, &mut *values], &mut lookup, cell as PairCell<'_>, &mut sink)?;
        Ok(sink.count)
    };
    let counted = count(tallies, false);
    if counted.is_err() {
        // It ends as it did before, which is known already.
        let _ = count(tallies, true);
    }
    settle(counted)
}

/// Adds rows to tallies, or takes them back.
struct PairTallies<'t> {
    tallies: &'t mut Vec<Tally>,
    count: PairCount,
    undoing: bool,
}

impl PairSink for PairTallies<'_> {
    fn row(&mut self, entries: &[(u32, Cell)]) -> Step<()> {
        self.count.keys.rows += 1;
        if let Some((highest, _)) = entries.last() {
            let len = self.tallies.len().max(*highest as usize + 1);
            self.tallies.resize(len, Tally::default());
        }
        for &(label, cell) in entries {
            let tally = &mut self.tallies[label as usize];
            if self.undoing {
                subtract(tally, cell);
            } else {
                tally.add(cell, 1);
            }
        }
        Ok(())
    }

    fn null_row(&mut self) -> Step<()> {
        self.count.keys.rows += 1;
        self.count.keys.null_rows += 1;
        Ok(())
    }

    fn invalid_row(&mut self, what: &str) -> Step<()> {
        self.count.keys.rows += 1;
        self.count.keys.invalid(what, 1);
        Ok(())
    }

    fn null_keys(&mut self, keys: u64) {
        self.count.keys.null_elements += keys;
    }

    fn invalid_value(&mut self, label: u32, value: String) {
        self.count.first_invalid_value.get_or_insert((label, value));
    }
}

fn subtract(tally: &mut Tally, cell: Cell) {
    let count = match cell {
        Cell::Positive => &mut tally.positives,
        Cell::Negative => &mut tally.negatives,
        Cell::Uncertain => &mut tally.uncertain,
        Cell::Missing => &mut tally.missing,
        Cell::Invalid => &mut tally.invalid,
    };
    *count = count.saturating_sub(1);
}
