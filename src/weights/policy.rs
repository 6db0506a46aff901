//! The weight of labels without a formula weight, and how weights are adjusted.

use std::fmt;
use std::str::FromStr;

use crate::counts::Tally;
use crate::error::{Error, Result, choice};

/// The value of a label without positives, or without negatives.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum Fallback {
    /// Neutral: 1 for weights, 0 for additive vectors.
    #[default]
    One,
    /// The largest value of the vector among labels that have both sides.
    Max,
    /// 0: the label is ignored.
    Zero,
    /// Stop with an error that names the labels.
    Error,
    /// This value.
    Value(f64),
}

impl FromStr for Fallback {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "one" => Ok(Self::One),
            "max" => Ok(Self::Max),
            "zero" => Ok(Self::Zero),
            "error" => Ok(Self::Error),
            number => match number.parse::<f64>() {
                Ok(value) if value.is_finite() && value.abs() <= f64::from(f32::MAX) => {
                    Ok(Self::Value(value))
                }
                _ => Err(Error::usage(format!(
                    "\"{text}\" is not a value for labels without positives or negatives"
                ))
                .hint("use one, max, zero, error or a finite number")),
            },
        }
    }
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One => f.write_str("one"),
            Self::Max => f.write_str("max"),
            Self::Zero => f.write_str("zero"),
            Self::Error => f.write_str("error"),
            Self::Value(value) => value.fmt(f),
        }
    }
}

/// Weights of labels without a formula weight.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Policy {
    /// Labels without positives, without known rows, or below `min_positives`.
    pub zero_positives: Fallback,
    /// Labels without negatives.
    pub zero_negatives: Fallback,
    /// Labels with fewer positives are treated like labels without positives; 0 turns this off.
    pub min_positives: u64,
}

/// Whether a label has a formula weight, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Formula weight.
    Ok,
    /// No row is positive.
    NoPositives,
    /// No row is negative.
    NoNegatives,
    /// No row is positive or negative.
    NoKnownRows,
    /// Fewer positives than `--min-positives`.
    BelowMinPositives,
}

impl Status {
    /// The text of the status in files.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NoPositives => "no_positives",
            Self::NoNegatives => "no_negatives",
            Self::NoKnownRows => "no_known_rows",
            Self::BelowMinPositives => "below_min_positives",
        }
    }

    /// The status of a label with this tally and these weighted sides.
    #[must_use]
    pub(crate) fn of(tally: &Tally, (positives, negatives): (f64, f64), policy: &Policy) -> Self {
        match (positives > 0.0, negatives > 0.0) {
            (false, false) => Self::NoKnownRows,
            (false, true) => Self::NoPositives,
            (true, _) if tally.positives < policy.min_positives => Self::BelowMinPositives,
            (true, false) => Self::NoNegatives,
            (true, true) => Self::Ok,
        }
    }
}

/// How the weights of a vector are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Normalize {
    /// Not scaled.
    #[default]
    None,
    /// Mean 1.
    Mean,
    /// Sum 1.
    Sum,
    /// Largest 1.
    Max,
}

impl FromStr for Normalize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let choices = [("none", Self::None), ("mean", Self::Mean), ("sum", Self::Sum), ("max", Self::Max)];
        choice("--normalize", text, &choices)
    }
}

/// Adjusts multiplicative weights, in this order: power, normalise, clip. Additive vectors (margins, biases)
/// are not adjusted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Adjust {
    /// Exponent of every weight; 1 has no effect.
    pub power: f64,
    /// Scaling, over labels with a formula weight.
    pub normalize: Normalize,
    /// Smallest and largest weight.
    pub clip: Option<(f64, f64)>,
}

impl Default for Adjust {
    fn default() -> Self {
        Self { power: 1.0, normalize: Normalize::None, clip: None }
    }
}

impl Adjust {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the flag.
    pub(crate) fn check(&self) -> Result<()> {
        if !(0.0..=10.0).contains(&self.power) {
            return Err(Error::usage(format!("--power {} is outside 0 … 10", self.power))
                .hint("1 leaves weights as they are"));
        }
        match self.clip {
            Some((low, high)) if !(low.is_finite() && high.is_finite() && 0.0 <= low && low <= high) => {
                Err(Error::usage(format!("--clip {low},{high} is not a range"))
                    .hint("give LO,HI with 0 ≤ LO ≤ HI"))
            }
            _ => Ok(()),
        }
    }
}
