//! A column of numbers that a rule judges, and sums of targets of a column of any kind.

use super::cells::PositionCells;
use super::flat::FlatCount;
use super::kept_values::each_kept_value;
use super::values::each_value;
use crate::counts::Cell;
use crate::error::Result;
use crate::pages::cuts::{Cuts, OddNumber};
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::{Coding, open};
use crate::pages::format::dictionary::Histogram;
use crate::pages::format::leaf::{LeafColumn, NumberKind};
use crate::pages::format::levels::values;
use crate::pages::format::plain;
use crate::pages::format::row_mask::{KeptValues, RowMask};
use crate::pages::format::stored_number::StoredNumber;
use crate::pages::judge::Judge;
use crate::pages::outcome::{ChunkOutcome, Step, corrupt, settle, unsupported};
use crate::pages::value::StoredValue;

/// Numbers read at a time.
const BATCH: usize = 1024;

/// Like [`count_flat`](super::flat::count_flat), but of the rows of `mask` where there is one, as `judge` says at
/// position 0. Gives the sum of targets too, in units; 0 unless it is asked for.
///
/// # Errors
/// As [`count_flat`](super::flat::count_flat).
pub(crate) fn count_judged(
    chunk: &Chunk<'_>,
    judge: &dyn Judge,
    mask: Option<&RowMask>,
    workspace: &mut Workspace,
) -> Result<ChunkOutcome<(FlatCount, i128)>> {
    settle(count(chunk, judge, mask, workspace))
}

fn count(
    chunk: &Chunk<'_>,
    judge: &dyn Judge,
    mask: Option<&RowMask>,
    workspace: &mut Workspace,
) -> Step<(FlatCount, i128)> {
    let leaf = LeafColumn::of(chunk.meta.column_descr())?;
    if leaf.max_rep > 0 {
        return unsupported("a list where a column of single values was expected");
    }
    if let Some(mask) = mask
        && mask.rows() as u64 != chunk.rows
    {
        return Err(corrupt(format!("{} rows in a row group of {}", mask.rows(), chunk.rows)));
    }
    let mut cells = PositionCells::new(judge, 1);
    let nulls = match leaf.number_kind().filter(|_| judge.rule(0).is_some()) {
        Some(NumberKind::Single) => numbers::<f32>(chunk, mask, leaf, workspace, &mut cells)?,
        Some(NumberKind::Double) => numbers::<f64>(chunk, mask, leaf, workspace, &mut cells)?,
        Some(NumberKind::Short) => numbers::<i32>(chunk, mask, leaf, workspace, &mut cells)?,
        Some(NumberKind::Long) => numbers::<i64>(chunk, mask, leaf, workspace, &mut cells)?,
        None => None,
    };
    let nulls = if let Some(nulls) = nulls {
        nulls
    } else {
        cells = PositionCells::new(judge, 1);
        let mut each = |value: StoredValue<'_>, rows| cells.add(0, value, rows);
        match mask {
            Some(mask) => each_kept_value(chunk, mask, workspace, &mut each)?.nulls,
            None => each_value(chunk, workspace, &mut each)?.nulls,
        }
    };
    cells.put(0, Cell::Missing, nulls);
    let tally = cells.tallies.first().copied().unwrap_or_default();
    let targets = cells.targets.first().copied().unwrap_or_default();
    Ok((FlatCount { tally, first_invalid: cells.first_invalid.map(|(_, text)| text) }, targets))
}

/// Gives the number of NULLs; `None` where numbers have no rule, or one does not fit.
fn numbers<N: StoredNumber>(
    chunk: &Chunk<'_>,
    mask: Option<&RowMask>,
    leaf: LeafColumn,
    workspace: &mut Workspace,
    cells: &mut PositionCells<'_>,
) -> Step<Option<u64>> {
    let Some(cuts) = Cuts::<N>::of(cells.judge, leaf, 1) else { return Ok(None) };
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let Some(entries) = dictionary.numbers::<N>() else { return Ok(None) };
    let mut sum = NumberSum::new(leaf, &cuts);
    let mut histogram = Histogram::new(&dictionary);
    let (mut nulls, mut row, mut kept) = (0, 0, mask.map(KeptValues::new));
    let (mut batch, size) = ([N::default(); BATCH], leaf.physical.size());
    while let Some(page) = pages.next()? {
        let len = if let Some(kept) = &mut kept {
            kept.find(leaf, &page, row)?;
            nulls += (kept.rows - kept.ones()) as u64;
            kept.len()
        } else {
            let len = values(leaf, &page)?;
            nulls += (page.slots - len) as u64;
            len
        };
        row += page.slots;
        match (page.coding, &kept) {
            (Coding::Rle, _) => return unsupported("numbers of one bit"),
            (Coding::Dictionary, None) => histogram.add(&dictionary, page.values, len)?,
            (Coding::Dictionary, Some(kept)) => histogram.add_kept(&dictionary, page.values, kept.range())?,
            (Coding::Plain, kept) => {
                plain::check(leaf.physical, page.values, len)?;
                for at in (0..len).step_by(BATCH) {
                    let batch = &mut batch[..BATCH.min(len - at)];
                    if !N::read(leaf, &page.values[at * size..], batch) {
                        return Ok(None);
                    }
                    let some = kept.as_ref().map_or(batch.len(), |kept| keep(batch, kept, at));
                    sum.add(&batch[..some], cells);
                }
            }
        }
    }
    for (entry, rows) in histogram.entries() {
        sum.add_times(entries[entry], rows, cells);
    }
    sum.finish(cells);
    Ok(Some(nulls))
}

/// Moves the numbers that are kept to the front, and gives how many they are; the first is value `from` of the page.
fn keep<N: StoredNumber>(batch: &mut [N], kept: &KeptValues<'_>, from: usize) -> usize {
    let mut some = 0;
    for at in (0..batch.len()).step_by(64) {
        let mut word = kept.word(from + at, 64.min(batch.len() - at));
        while word != 0 {
            batch[some] = batch[at + word.trailing_zeros() as usize];
            some += 1;
            word &= word - 1;
        }
    }
    some
}

/// The sides of the numbers of a column.
struct NumberSum<'c, N> {
    leaf: LeafColumn,
    cuts: &'c Cuts<N>,
    at: N,
    /// Numbers that are not odd, those of them that are positive, and their targets.
    ruled: u64,
    above: u64,
    targets: i128,
    /// By kind of odd number that is known.
    known: Vec<u64>,
}

impl<'c, N: StoredNumber> NumberSum<'c, N> {
    fn new(leaf: LeafColumn, cuts: &'c Cuts<N>) -> Self {
        let at = cuts.at.first().copied().unwrap_or_default();
        Self { leaf, cuts, at, ruled: 0, above: 0, targets: 0, known: vec![0; cuts.known()] }
    }

    fn add(&mut self, numbers: &[N], cells: &mut PositionCells<'_>) {
        if self.cuts.any_odd(numbers) {
            numbers.iter().for_each(|x| self.add_times(*x, 1, cells));
            return;
        }
        let above: u32 = numbers.iter().map(|x| u32::from(*x >= self.at)).sum();
        (self.ruled, self.above) = (self.ruled + numbers.len() as u64, self.above + u64::from(above));
        if self.cuts.is_soft() {
            for few in numbers.chunks(16) {
                // As many as fit 64 bits together.
                self.targets += i128::from(few.iter().map(|x| self.cuts.units(*x)).sum::<u64>());
            }
        }
    }

    fn add_times(&mut self, x: N, rows: u64, cells: &mut PositionCells<'_>) {
        match self.cuts.odd(x) {
            None => {
                self.ruled += rows;
                self.above += if x >= self.at { rows } else { 0 };
                if self.cuts.is_soft() {
                    self.targets += i128::from(self.cuts.units(x)) * i128::from(rows);
                }
            }
            Some(OddNumber::Known(kind)) => self.known[kind] += rows,
            Some(OddNumber::Stray) => cells.add(0, x.value(self.leaf), rows),
        }
    }

    fn finish(self, cells: &mut PositionCells<'_>) {
        cells.put(0, Cell::Positive, self.above);
        cells.put(0, Cell::Negative, self.ruled - self.above);
        cells.add_target(0, self.targets);
        for (kind, rows) in self.known.iter().enumerate().filter(|(_, rows)| **rows > 0) {
            cells.add(0, self.cuts.known_value(self.leaf, kind), *rows);
        }
    }
}
