//! Measures of single labels, and how packages treat labels without positives.

use std::fmt;
use std::str::FromStr;

use super::ratio;
use crate::error::{Error, Result, choice};

/// A measure of one label, from its positives, its negatives and the positives of the most frequent label;
/// `None` where it is undefined.
pub(crate) type LabelMeasure = fn(f64, f64, f64) -> Option<f64>;

/// Every measure of single labels: key in `imbalance.json`, definition, function.
pub(crate) const LABEL_MEASURES: [(&str, &str, LabelMeasure); 4] = [
    ("prevalence", "pos / known", prevalence),
    ("irlbl", "positives of the most frequent label / pos (Charte et al. 2015)", irlbl),
    ("im_r", "larger side / smaller side (MULAN)", im_r),
    ("entropy", "entropy of prevalence in bits (MLDA)", entropy),
];

/// positives / known rows, 0 … 1.
#[must_use]
pub(crate) fn prevalence(positives: f64, negatives: f64, _most: f64) -> Option<f64> {
    ratio(positives, positives + negatives)
}

/// Positives of the most frequent label / positives, 1 … (Charte et al. 2015).
#[must_use]
pub(crate) fn irlbl(positives: f64, _negatives: f64, most: f64) -> Option<f64> {
    ratio(most, positives)
}

/// Larger side / smaller side, 1 … (MULAN).
#[must_use]
pub(crate) fn im_r(positives: f64, negatives: f64, _most: f64) -> Option<f64> {
    ratio(positives.max(negatives), positives.min(negatives))
}

/// Entropy of prevalence in bits, 0 … 1 (MLDA): −Σ p·log2 p over the two sides.
#[must_use]
pub(crate) fn entropy(positives: f64, negatives: f64, _most: f64) -> Option<f64> {
    let p = ratio(positives, positives + negatives)?;
    // A sum without elements is -0.
    Some([p, 1.0 - p].into_iter().filter(|q| *q > 0.0).map(|q| -q * q.log2()).sum::<f64>() + 0.0)
}

/// How labels without positives are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Compat {
    /// Their IRLbl is undefined; means and deviations exclude them.
    #[default]
    Mulan,
    /// Their IRLbl is 0; means and deviations include them.
    Mldr,
}

impl Compat {
    /// The function for IRLbl.
    #[must_use]
    pub(crate) fn irlbl(self) -> LabelMeasure {
        match self {
            Self::Mulan => irlbl,
            Self::Mldr => |positives, negatives, most| irlbl(positives, negatives, most).or(Some(0.0)),
        }
    }
}

impl FromStr for Compat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        choice("--compat", text, &[("mulan", Self::Mulan), ("mldr", Self::Mldr)])
    }
}

impl fmt::Display for Compat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mulan => "mulan",
            Self::Mldr => "mldr",
        })
    }
}
