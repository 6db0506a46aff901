//! Lists of numbers that a rule judges: comparisons of a row at a time, each position with its cut.

use super::cells::{PositionCells, VectorCount};
use super::part_rows::PartRows;
use crate::counts::{Cell, Mass};
use crate::pages::cuts::{Cuts, OddNumber};
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::{Coding, open};
use crate::pages::format::dictionary::indices;
use crate::pages::format::plain;
use crate::pages::format::stored_number::StoredNumber;
use crate::pages::outcome::{Step, unsupported};

/// Counts a chunk into the `cells` of each part; `None` when a list is not as long as there are labels or holds a null,
/// or a number does not fit.
pub(super) fn count<N: StoredNumber>(
    chunk: &Chunk<'_>,
    cuts: &Cuts<N>,
    mut rows: PartRows,
    workspace: &mut Workspace,
    cells: &mut [PositionCells<'_>],
) -> Step<Option<Vec<VectorCount>>> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let width = cuts.at.len();
    let Some(entries) = dictionary.numbers::<N>() else { return Ok(None) };
    let mut sums = vec![NumberSums::new(cuts); cells.len()];
    let (mut row, mut row_indices) = (vec![N::default(); width], vec![0; width]);
    while let Some(page) = pages.next()? {
        let Some(range) = rows.page(leaf, &page)? else { return Ok(None) };
        let mut fits = true;
        let mut add = |part: usize, at: usize, row: &[N]| {
            let cells = &mut cells[part];
            sums[part].add(cuts, at, row, |position, x| cells.add(position, x.value(leaf), 1));
        };
        match page.coding {
            Coding::Plain => {
                plain::check(leaf.physical, page.values, range.len)?;
                let (size, mut bytes) = (leaf.physical.size(), page.values);
                rows.each(range, |part, at, len| {
                    let (own, rest) = bytes.split_at(len * size);
                    bytes = rest;
                    if let Some(part) = part {
                        fits &= N::read(leaf, own, &mut row[..len]);
                        add(part, at, &row[..len]);
                    }
                    Ok(())
                })?;
            }
            Coding::Dictionary => {
                let mut indices = indices(page.values)?;
                rows.each(range, |part, at, len| {
                    let row_indices = &mut row_indices[..len];
                    indices.fill(row_indices)?;
                    dictionary.check(row_indices)?;
                    if let Some(part) = part {
                        for (x, index) in row.iter_mut().zip(&*row_indices) {
                            *x = entries.get(*index as usize).copied().unwrap_or_default();
                        }
                        add(part, at, &row[..len]);
                    }
                    Ok(())
                })?;
                indices.finish()?;
            }
            Coding::Rle => return unsupported("numbers of one bit"),
        }
        if !fits {
            return Ok(None);
        }
    }
    let Some(counts) = rows.finish()? else { return Ok(None) };
    for ((sums, cells), count) in sums.into_iter().zip(&mut *cells).zip(&counts) {
        let with_values = u32::try_from(count.rows - count.null_rows).unwrap_or(u32::MAX);
        let mut known = Vec::new();
        sums.finish(
            with_values,
            |position, [positives, negatives], target| {
                cells.put(position, Cell::Positive, positives.into());
                cells.put(position, Cell::Negative, negatives.into());
                cells.add_target(position, target);
            },
            |kind, position, times| known.push((kind, position, times)),
        );
        for (kind, position, times) in known {
            cells.add(position, cuts.known_value(leaf, kind), times.into());
        }
    }
    Ok(Some(counts))
}

/// The side of numbers that are not odd, how often each kind of odd number occurs, and the sums of targets.
#[derive(Debug, Clone)]
struct NumberSums {
    /// By position, numbers from the cut on.
    above: Vec<u32>,
    /// By position, numbers that are odd.
    odd: Vec<u32>,
    /// By kind of odd number that is known, then position; empty until there is one.
    known: Vec<u32>,
    /// By position, targets of few rows; then of all rows before. Empty unless targets are asked for.
    few: Vec<u64>,
    many: Vec<i128>,
    pending: u32,
}

/// Targets that fit 64 bits together.
const FEW: u32 = 16;

impl NumberSums {
    fn new<N: StoredNumber>(cuts: &Cuts<N>) -> Self {
        let width = cuts.at.len();
        let soft = if cuts.is_soft() { width } else { 0 };
        Self {
            above: vec![0; width],
            odd: vec![0; width],
            known: Vec::new(),
            few: vec![0; soft],
            many: vec![0; soft],
            pending: 0,
        }
    }

    /// Adds numbers from position `at` on, of one row; what is odd and not known goes to `stray`.
    fn add<N: StoredNumber>(
        &mut self,
        cuts: &Cuts<N>,
        at: usize,
        numbers: &[N],
        mut stray: impl FnMut(usize, N),
    ) {
        let range = at..at + numbers.len();
        for ((above, cut), x) in
            self.above[range.clone()].iter_mut().zip(&cuts.at[range.clone()]).zip(numbers)
        {
            *above += u32::from(*x >= *cut);
        }
        if cuts.any_odd(numbers) {
            self.add_odd(cuts, at, numbers, &mut stray);
        } else if cuts.is_soft() {
            for (few, x) in self.few[range].iter_mut().zip(numbers) {
                *few += cuts.units(*x);
            }
        }
        self.pending += 1;
        if self.pending == FEW {
            self.flush();
        }
    }

    fn add_odd<N: StoredNumber>(
        &mut self,
        cuts: &Cuts<N>,
        at: usize,
        numbers: &[N],
        stray: &mut impl FnMut(usize, N),
    ) {
        let width = self.above.len();
        for (position, &x) in (at..).zip(numbers) {
            let Some(odd) = cuts.odd(x) else {
                if let Some(few) = self.few.get_mut(position) {
                    *few += cuts.units(x);
                }
                continue;
            };
            self.odd[position] += 1;
            self.above[position] -= u32::from(x >= cuts.at[position]);
            match odd {
                OddNumber::Known(kind) => {
                    self.known.resize(cuts.known() * width, 0);
                    self.known[kind * width + position] += 1;
                }
                OddNumber::Stray => stray(position, x),
            }
        }
    }

    fn flush(&mut self) {
        for (many, few) in self.many.iter_mut().zip(&mut self.few) {
            *many += i128::from(std::mem::take(few));
        }
        self.pending = 0;
    }

    /// Gives `rows` numbers of each position: how many are positive and negative with their targets, then each kind of odd
    /// number that is known.
    fn finish(
        mut self,
        rows: u32,
        mut ruled: impl FnMut(usize, [u32; 2], i128),
        mut known: impl FnMut(usize, usize, u32),
    ) {
        self.flush();
        let width = self.above.len();
        for (position, (&above, &odd)) in self.above.iter().zip(&self.odd).enumerate() {
            let target = self.many.get(position).copied();
            ruled(position, [above, rows - odd - above], target.unwrap_or_else(|| whole(above)));
        }
        for (at, &times) in self.known.iter().enumerate().filter(|(_, times)| **times > 0) {
            known(at / width, at % width, times);
        }
    }
}

/// The targets of rows that are wholly positive.
fn whole(rows: u32) -> i128 {
    Mass::from_rows(rows.into()).units()
}
