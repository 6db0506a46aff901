//! A [`Spread`] of every label, in words that are added without a carry.

use super::{Spread, times};

/// Spreads of labels. The same value of one row is added to all labels of the row, and that is all this does.
#[derive(Debug, Clone)]
pub(super) struct LabelSpreads {
    /// By label: values of the rows that are in `halves`.
    values: Vec<u64>,
    /// By label: the lower and the higher 32 bits of values, then of squares, each added up by itself.
    halves: Vec<[u64; 4]>,
    /// Rows in `halves`: as long as 32 bits hold their number, 64 bits hold the sums.
    rows: u64,
    /// What is no longer in `halves`, if there is any.
    totals: Vec<Spread>,
}

/// The lower half of a word.
const LOW: u64 = u32::MAX as u64;

impl LabelSpreads {
    /// Of `labels` labels.
    pub(super) fn new(labels: usize) -> Self {
        Self { values: vec![0; labels], halves: vec![[0; 4]; labels], rows: 0, totals: Vec::new() }
    }

    /// Adds `rows` rows that have these labels, and the same value and square, both in [`super::units`].
    #[inline]
    pub(super) fn add(&mut self, labels: &[u32], units: [u64; 2], rows: u64) {
        if self.rows + rows > LOW {
            self.flush();
            if rows > LOW {
                let (sum, squares) = (times(units[0], rows), times(units[1], rows));
                labels.iter().for_each(|&label| self.totals[label as usize].add(sum, squares, rows));
                return;
            }
        }
        self.rows += rows;
        let [value, square] = units;
        let (low, high) = ((value & LOW) * rows, (value >> 32) * rows);
        let (square_low, square_high) = ((square & LOW) * rows, (square >> 32) * rows);
        for &label in labels {
            self.values[label as usize] += rows;
            let halves = &mut self.halves[label as usize];
            halves[0] += low;
            halves[1] += high;
            halves[2] += square_low;
            halves[3] += square_high;
        }
    }

    /// Puts all into the totals.
    fn flush(&mut self) {
        self.totals.resize(self.halves.len(), Spread::default());
        for ((total, halves), values) in self.totals.iter_mut().zip(&mut self.halves).zip(&mut self.values) {
            let [low, high, square_low, square_high] = std::mem::take(halves).map(i128::from);
            total.add(low + (high << 32), square_low + (square_high << 32), std::mem::take(values));
        }
        self.rows = 0;
    }

    /// Adds those of `other`.
    pub(super) fn merge(&mut self, mut other: Self) {
        if self.rows + other.rows > LOW || !other.totals.is_empty() {
            self.flush();
            other.flush();
            self.totals.iter_mut().zip(&other.totals).for_each(|(total, more)| total.merge(more));
            return;
        }
        self.rows += other.rows;
        self.values.iter_mut().zip(&other.values).for_each(|(values, more)| *values += more);
        for (halves, more) in self.halves.iter_mut().zip(&other.halves) {
            halves.iter_mut().zip(more).for_each(|(half, more)| *half += more);
        }
    }

    /// All of them.
    pub(super) fn finish(mut self) -> Vec<Spread> {
        self.flush();
        self.totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_whole_numbers_however_many_rows() {
        let (mut spreads, mut other) = (LabelSpreads::new(3), LabelSpreads::new(3));
        let mut expected = vec![Spread::default(); 3];
        let most = 1_u64 << 60;
        for (at, rows) in [1, 7, 0xffff_fff0, 9, 3 << 40, 0xffff_ffff, 1].into_iter().enumerate() {
            let at = at as u64;
            let (labels, units) =
                (&[0, 1 + u32::from(at.is_multiple_of(2))][..], [most - at, most / (at + 1)]);
            if at < 4 { &mut spreads } else { &mut other }.add(labels, units, rows);
            let [sum, squares] = units.map(|units| times(units, rows));
            labels.iter().for_each(|label| expected[*label as usize].add(sum, squares, rows));
        }
        spreads.merge(other);
        spreads.add(&[2], [1, 1], 1);
        expected[2].add(1, 1, 1);
        assert_eq!(spreads.finish(), expected);
    }
}
