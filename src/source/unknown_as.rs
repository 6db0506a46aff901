//! Where values count that do not say whether a label applies.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, choice};

/// On which side an uncertain value is counted, if not on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum UncertainAs {
    /// Counted by itself: tallied as uncertain, unknown to the weights.
    Uncertain,
    /// Counted as positive (U-Ones).
    Positive,
    /// Counted as negative (U-Zeros).
    Negative,
    /// Counted as missing (U-Ignore).
    Missing,
}

impl FromStr for UncertainAs {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let choices = [
            ("positive", Self::Positive),
            ("negative", Self::Negative),
            ("missing", Self::Missing),
            ("uncertain", Self::Uncertain),
        ];
        choice("--uncertain-as", text, &choices)
    }
}

/// What NULL and NaN in place of a value say about a label. NULL in place of a list or of a class says nothing,
/// and a null element of a list of labels names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum NullAs {
    /// Nothing.
    #[default]
    Missing,
    /// That it does not apply.
    Negative,
    /// That it applies.
    Positive,
    /// What values declared uncertain say.
    Uncertain,
}

impl NullAs {
    /// Its name in flags and specs.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Negative => "negative",
            Self::Positive => "positive",
            Self::Uncertain => "uncertain",
        }
    }
}

impl FromStr for NullAs {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let choices =
            [("missing", Self::Missing), ("negative", Self::Negative), ("positive", Self::Positive)];
        choice("--null-as", text, &choices)
    }
}
