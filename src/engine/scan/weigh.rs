//! What rows weigh that have a label.

use crate::counts::{Mass, MassTally};
use crate::engine::read::row_facts::RowWeights;
use crate::engine::read::weights::{mass, mass_overflow};
use crate::error::{Error, Result};
use crate::label_sets::LabelSets;
use crate::pages::{Marks, RowMask};

/// The weights of the positive and of the negative rows of a column.
pub(super) fn weigh(marks: &Marks, mask: Option<&RowMask>, weights: RowWeights<'_>) -> Result<MassTally> {
    let sum = |bits: &[u64]| {
        let mut sum = Mass::ZERO;
        for (at, &word) in bits.iter().enumerate() {
            let mut word = mask.map_or(word, |mask| word & mask.word(at * 64, 64));
            while word != 0 {
                let row = at * 64 + word.trailing_zeros() as usize;
                sum = plus(sum, weight(weights, row)?)?;
                word &= word - 1;
            }
        }
        Ok::<_, Error>(sum)
    };
    let (positives, unknown) = (sum(&marks.positives)?, sum(&marks.unknown)?);
    let negatives = Mass::from_units(weights.sum.units() - positives.units() - unknown.units());
    Ok(MassTally { positives, negatives })
}

fn weight(weights: RowWeights<'_>, row: usize) -> Result<Mass> {
    mass(*weights.values.get(row).ok_or_else(|| Error::internal("a row without a weight"))?)
}

fn plus(a: Mass, b: Mass) -> Result<Mass> {
    a.checked_add(b).ok_or_else(mass_overflow)
}

/// The weights of rows that come as sets of labels, one batch after the other.
#[derive(Debug, Default)]
pub(super) struct SetWeights {
    /// By label, of the rows that are positive.
    pub(super) positives: Vec<Mass>,
    /// The same of rows that say nothing of the label; those that say nothing of any label are not in it.
    unknown: Vec<Mass>,
    /// Of the rows that say nothing of any label.
    silent: Mass,
    /// Rows so far.
    rows: usize,
}

impl SetWeights {
    /// Adds those of the next rows that count.
    pub(super) fn add(
        &mut self,
        sets: &LabelSets,
        mask: Option<&RowMask>,
        weights: RowWeights<'_>,
    ) -> Result<()> {
        let first = self.rows;
        self.rows += sets.rows();
        for (row, number) in (0..sets.rows()).zip(first..) {
            if mask.is_some_and(|mask| !mask.has(number)) {
                continue;
            }
            let weight = weight(weights, number)?;
            if sets.is_silent(row) {
                self.silent = plus(self.silent, weight)?;
                continue;
            }
            add_to(&mut self.positives, sets.positives(row), weight)?;
            add_to(&mut self.unknown, sets.unknown(row), weight)?;
        }
        Ok(())
    }

    /// What the rows weigh that say something.
    pub(super) fn known(&self, weights: RowWeights<'_>) -> Mass {
        Mass::from_units(weights.sum.units() - self.silent.units())
    }

    /// What the rows weigh that are positive, and negative, for a label.
    pub(super) fn of_label(&self, label: usize, weights: RowWeights<'_>) -> MassTally {
        let of = |all: &[Mass]| all.get(label).copied().unwrap_or_default();
        let (positives, unknown) = (of(&self.positives), of(&self.unknown));
        let negatives = self.known(weights).units() - positives.units() - unknown.units();
        MassTally { positives, negatives: Mass::from_units(negatives) }
    }
}

fn add_to(sums: &mut Vec<Mass>, labels: &[u32], weight: Mass) -> Result<()> {
    if let Some(highest) = labels.last()
        && *highest as usize >= sums.len()
    {
        sums.resize(*highest as usize + 1, Mass::ZERO);
    }
    for &label in labels {
        if let Some(sum) = sums.get_mut(label as usize) {
            *sum = plus(*sum, weight)?;
        }
    }
    Ok(())
}
