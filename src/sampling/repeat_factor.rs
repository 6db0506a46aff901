//! Repeat-factor sampling (LVIS, Gupta et al. 2019): a row occurs as often as its rarest label requires.
//!
//! A label in less than a share `threshold` of the rows has the factor √(threshold · N / positives), or the ratio
//! itself with `curve=linear`; every other label, and a row without labels, has the factor 1.

use super::draw::{Stream, rounded};
use super::method::{Curve, Rounding};
use super::{Rarity, whole};
use crate::counts::as_f64;

/// The repeat factors of labels and rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RepeatFactors {
    /// Per label, at least 1.
    factors: Vec<f64>,
    rounding: Rounding,
}

impl RepeatFactors {
    /// For labels with this rarity.
    #[must_use]
    pub(crate) fn new(rarity: &Rarity, threshold: f64, curve: Curve, rounding: Rounding) -> Self {
        let factor = |positives: &u64| {
            if *positives == 0 {
                return 1.0;
            }
            let ratio = threshold * as_f64(rarity.rows) / as_f64(*positives);
            let asked = match curve {
                Curve::Sqrt => ratio.sqrt(),
                Curve::Linear => ratio,
            };
            asked.max(1.0)
        };
        Self { factors: rarity.positives.iter().map(factor).collect(), rounding }
    }

    /// How often row `row` of a shard occurs; `labels` are its labels.
    #[must_use]
    #[inline]
    pub(crate) fn repeats(&self, labels: &[u32], draw: Stream, row: u64) -> u32 {
        let factor = labels.iter().map(|label| self.factors[*label as usize]).fold(1.0, f64::max);
        if factor == 1.0 {
            return 1;
        }
        match self.rounding {
            Rounding::Stochastic => rounded(factor, draw.unit(row)),
            Rounding::Ceil => u32::try_from(whole(factor.ceil())).unwrap_or(u32::MAX),
        }
    }
}
