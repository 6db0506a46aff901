//! Repeat-factor sampling (LVIS, Gupta et al. 2019): a row is seen as often as its rarest label asks for.
//!
//! A label that fewer than a share `threshold` of the rows have asks for √(threshold · N / positives), or
//! for the ratio itself with `curve=linear`; every other label asks for 1, and so does a row without labels.

use super::draw::{Stream, rounded};
use super::method::{Curve, Rounding};
use super::{Rarity, whole};
use crate::counts::as_f64;

/// How often rows are seen.
#[derive(Debug, Clone, PartialEq)]
pub struct RepeatFactors {
    /// Per label, at least 1.
    factors: Vec<f64>,
    rounding: Rounding,
}

impl RepeatFactors {
    /// Of labels as rare as `rarity` says.
    #[must_use]
    pub fn new(rarity: &Rarity, threshold: f64, curve: Curve, rounding: Rounding) -> Self {
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

    /// What each label asks for.
    #[must_use]
    pub fn factors(&self) -> &[f64] {
        &self.factors
    }

    /// How often row `row` of a shard is seen, which has these labels.
    #[must_use]
    #[inline]
    pub fn repeats(&self, labels: &[u32], draw: Stream, row: u64) -> u32 {
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
