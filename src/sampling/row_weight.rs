//! Weights of rows, for samplers that draw rows with replacement.
//!
//! The weight of a label is positives of the rarest label / its own positives. The weight of a row is the
//! maximum, mean or sum over its labels; the sum equals drawing a label uniformly, then one of its rows.

use super::Rarity;
use super::draw::{Stream, rounded};
use super::method::{Combine, Unlabelled};
use crate::counts::as_f64;

/// Weights of rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowWeights {
    /// Per label, 0 … 1; 0 without positives.
    of_label: Vec<f64>,
    combine: Combine,
    /// Weight of a row without labels.
    unlabelled: f64,
}

/// An exact sum of weights in units of 2⁻⁶⁴, independent of the order of addition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum(u128);

const ONE: f64 = 18_446_744_073_709_551_616.0;

impl Sum {
    /// Adds a weight.
    #[inline]
    pub(crate) fn add(&mut self, weight: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "weights are finite, not negative and below 2^32"
        )]
        let parts = (weight * ONE) as u128;
        self.0 = self.0.saturating_add(parts);
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }

    /// The nearest double.
    #[must_use]
    pub(crate) fn value(self) -> f64 {
        self.0 as f64 / ONE
    }
}

impl RowWeights {
    /// For labels with this rarity.
    #[must_use]
    pub(crate) fn new(rarity: &Rarity, combine: Combine, unlabelled: Unlabelled) -> Self {
        let least = rarity.positives.iter().copied().filter(|positives| *positives > 0).min().unwrap_or(0);
        let weight = |positives: &u64| if *positives == 0 { 0.0 } else { as_f64(least) / as_f64(*positives) };
        let unlabelled = match unlabelled {
            Unlabelled::Least if rarity.most == 0 => 1.0,
            Unlabelled::Least => as_f64(least) / as_f64(rarity.most),
            Unlabelled::Weight(weight) => weight,
        };
        Self { of_label: rarity.positives.iter().map(weight).collect(), combine, unlabelled }
    }

    /// The weight of a row with these labels.
    #[must_use]
    #[inline]
    pub(crate) fn weight(&self, labels: &[u32]) -> f64 {
        let each = labels.iter().map(|label| self.of_label[*label as usize]);
        match self.combine {
            _ if labels.is_empty() => self.unlabelled,
            Combine::Max => each.fold(0.0, f64::max),
            Combine::Mean => each.sum::<f64>() / labels.len() as f64,
            Combine::Sum => each.sum(),
        }
    }

    /// How often a row of this weight occurs in `draws` draws from rows of total weight `sum`.
    #[must_use]
    #[inline]
    pub(crate) fn repeats(weight: f64, draws: u64, sum: f64, draw: Stream, row: u64) -> u32 {
        if sum > 0.0 { rounded(weight * (as_f64(draws) / sum), draw.unit(row)) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_by_hand() {
        let rarity = Rarity { rows: 20, positives: vec![10, 5, 0, 2], most: 10, mean_ir: 0.0 };
        let weights = |combine, unlabelled| RowWeights::new(&rarity, combine, unlabelled);
        let max = weights(Combine::Max, Unlabelled::Least);
        assert_eq!(max.of_label, [0.2, 0.4, 0.0, 1.0]);
        assert_eq!((max.weight(&[0, 1]), max.weight(&[])), (0.4, 0.2));
        let mean = weights(Combine::Mean, Unlabelled::Weight(0.0));
        assert!((mean.weight(&[0, 1]) - 0.3).abs() < 1e-15 && mean.weight(&[]) == 0.0);
        assert!((weights(Combine::Sum, Unlabelled::Least).weight(&[0, 1]) - 0.6).abs() < 1e-15);
        let nothing = Rarity { rows: 2, positives: vec![0], most: 0, mean_ir: 0.0 };
        assert_eq!(RowWeights::new(&nothing, Combine::Max, Unlabelled::Least).weight(&[]), 1.0);
    }

    #[test]
    fn a_sum_does_not_depend_on_its_order() {
        let weights: Vec<f64> = (1..2000).map(|i| 1.0 / f64::from(i)).collect();
        let (mut forth, mut back) = (Sum::default(), Sum::default());
        weights.iter().for_each(|weight| forth.add(*weight));
        weights.iter().rev().for_each(|weight| back.add(*weight));
        assert_eq!(forth, back);
        assert!((forth.value() - weights.iter().sum::<f64>()).abs() < 1e-12);
    }
}
