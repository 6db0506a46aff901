//! What a stored value says about its label.
//!
//! ```text
//! cell ─▶ NULL, NaN? ─▶ missing? ─▶ uncertain? ─▶ positive? ─▶ negative? ─▶ soft or threshold? ─▶ invalid
//!         `NullAs`,     declared    declared      1, true,     0, false,    0 … 1, or ≥ T
//!         missing                                 declared     declared
//! ```
//!
//! The first question that says yes decides. NaN comes first, because IEEE total order puts it above every
//! number and a threshold would call it positive. With a threshold, 1 and 0 have no side of their own: it decides
//! about every number that is not declared.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::spelling::Spelling;
use super::unknown_as::{NullAs, UncertainAs};
use crate::counts::Cell;
use crate::error::{Error, Result, digits};

/// One stored value, whatever its physical type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    /// A boolean.
    Bool(bool),
    /// A signed integer, or a decimal without fraction.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A floating-point number, or a decimal with a fraction.
    Float(f64),
    /// A floating-point number of 16 bits.
    Half(f64),
    /// A string.
    Text(&'a str),
    /// Bytes of a column of strings that are not UTF-8.
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// The value as a number: booleans are 0 and 1, strings are read as decimals.
    #[must_use]
    pub(crate) fn number(&self) -> Option<f64> {
        match *self {
            Self::Bool(b) => Some(f64::from(u8::from(b))),
            Self::Int(i) => Some(i as f64),
            Self::UInt(u) => Some(u as f64),
            Self::Float(f) | Self::Half(f) => Some(f),
            Self::Text(text) => text.parse().ok(),
            Self::Bytes(_) => None,
        }
    }

    /// True for a floating-point number that is none.
    fn is_nan(&self) -> bool {
        matches!(self, Self::Float(x) | Self::Half(x) if x.is_nan())
    }

    /// `declared` as the type of this value holds it; `None` where it is the same. In a column of 32-bit floats 0.7
    /// is 0.699999988, and a person who declares 0.7 means it.
    fn rounded(&self, declared: f64) -> Option<f64> {
        #[expect(clippy::cast_possible_truncation, reason = "the nearest 32-bit float is asked for")]
        let narrow = match self {
            Self::Half(_) => half::f16::from_f64(declared).to_f64(),
            _ => f64::from(declared as f32),
        };
        // Whole numbers are those that are declared, and no others.
        (declared.fract() != 0.0 && narrow.fract() != 0.0 && narrow != declared).then_some(narrow)
    }

    /// A number as cells hold it: an integer where it is one, so that it prints as such.
    #[must_use]
    pub(crate) fn of_number(number: f64) -> Value<'static> {
        Value::whole(number).map_or(Value::Float(number), Value::Int)
    }

    /// From here, 2⁵³, a double may stand for several integers.
    pub(super) const EXACT: f64 = 9_007_199_254_740_992.0;

    /// A floating-point number as the integer that it is; `None` for one with a fraction, and for one that may stand for
    /// several integers.
    #[must_use]
    pub(crate) fn whole(number: f64) -> Option<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "bounded by EXACT, without a fraction")]
        (number.abs() < Self::EXACT && number.fract() == 0.0).then_some(number as i64)
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => b.fmt(f),
            Self::Int(i) => i.fmt(f),
            Self::UInt(u) => u.fmt(f),
            Self::Float(x) | Self::Half(x) => f.write_str(&digits(*x)),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => write!(f, "{:?}", String::from_utf8_lossy(bytes)),
        }
    }
}

/// A value as a person writes it in a flag: `1`, `-100`, `0.5`, `yes`, `true`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Literal {
    text: String,
    number: Option<f64>,
}

impl Literal {
    /// Reads a flag's text; every text is a literal.
    #[must_use]
    pub(crate) fn new(text: &str) -> Self {
        let number = match text {
            "true" => Some(1.0),
            "false" => Some(0.0),
            _ => text.parse().ok(),
        };
        Self { text: text.to_owned(), number }
    }

    /// The number that the text is.
    #[must_use]
    pub(crate) fn number(&self) -> Option<f64> {
        self.number
    }

    /// True for `nan` and `null` in any case, which declare what NaN and NULL mean.
    #[must_use]
    pub(crate) fn is_null(&self) -> bool {
        self.text.eq_ignore_ascii_case("nan") || self.text.eq_ignore_ascii_case("null")
    }

    fn matches(&self, value: &Value<'_>, spelling: Spelling) -> bool {
        if let Value::Text(text) = value
            && self.is_text(text, spelling)
        {
            return true;
        }
        match (self.number, value.number()) {
            #[expect(clippy::float_cmp, reason = "a declared value is matched exactly")]
            (Some(a), Some(b)) if a == b => b.abs() < Value::EXACT || self.is_integer_of(value),
            (Some(a), Some(b)) => value.rounded(a) == Some(b),
            _ => false,
        }
    }

    /// Whether it is this text, as texts are compared.
    fn is_text(&self, text: &str, spelling: Spelling) -> bool {
        text == self.text || spelling.key(text) == spelling.key(&self.text)
    }

    /// Whether a value that is the same double is the same number: there, several integers have one double.
    fn is_integer_of(&self, value: &Value<'_>) -> bool {
        let integer = match value {
            Value::Int(i) => Some(i128::from(*i)),
            Value::UInt(u) => Some(i128::from(*u)),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        };
        #[expect(clippy::cast_possible_truncation, reason = "it is the double of an integer")]
        let own = self.text.parse().ok().or_else(|| self.number.map(|number| number as i128));
        integer.is_none() || integer == own
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What the values of one label mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Domain {
    /// Values that say yes.
    pub positive: Vec<Literal>,
    /// Values that say no.
    pub negative: Vec<Literal>,
    /// Values that say nothing, beside NULL and NaN.
    pub missing: Vec<Literal>,
    /// Values that say perhaps.
    pub uncertain: Vec<Literal>,
    /// Where those are counted.
    pub uncertain_as: UncertainAs,
    /// Numbers at or above are positive, below negative, unless they are declared.
    pub threshold: Option<f64>,
    /// Numbers from 0 to 1 count in part: t as positive, 1 − t as negative.
    pub soft: bool,
    /// What NULL and NaN say.
    pub null_as: NullAs,
    /// How texts are compared.
    pub spelling: Spelling,
}

impl Default for Domain {
    fn default() -> Self {
        Self {
            positive: vec![Literal::new("1")],
            negative: vec![Literal::new("0")],
            missing: Vec::new(),
            uncertain: Vec::new(),
            uncertain_as: UncertainAs::Uncertain,
            threshold: None,
            soft: false,
            null_as: NullAs::Missing,
            spelling: Spelling::default(),
        }
    }
}

impl Domain {
    /// True when only 0, 1, NULL and NaN have a meaning, so that counting ones and zeros is enough.
    #[must_use]
    pub(crate) fn is_binary(&self) -> bool {
        *self == Self::default()
    }

    /// True for a stored label that names none: NaN, or a value that was declared missing. A text is a name, not the
    /// number that it may be: "007" is another label than "7".
    #[must_use]
    pub(crate) fn is_missing(&self, value: &Value<'_>) -> bool {
        let is_declared = |literal: &Literal| match value {
            Value::Text(text) => literal.is_text(text, self.spelling),
            _ => literal.matches(value, self.spelling),
        };
        value.is_nan() || self.missing.iter().any(is_declared)
    }

    /// All numbers that may mean something else than the numbers around them: those that are declared, and these and the
    /// threshold as columns of narrow floats hold them.
    #[must_use]
    pub(crate) fn declared_numbers(&self) -> Vec<f64> {
        let literals = [&self.missing, &self.uncertain, &self.positive, &self.negative].into_iter().flatten();
        let declared = literals.filter_map(|literal| literal.number).filter(|number| !number.is_nan());
        let narrow = |number: f64| [Value::Float(0.0), Value::Half(0.0)].map(|kind| kind.rounded(number));
        let all =
            declared.flat_map(|number| std::iter::once(number).chain(narrow(number).into_iter().flatten()));
        all.chain(self.threshold.iter().flat_map(|at| narrow(*at).into_iter().flatten())).collect()
    }

    /// Which of the five sides `value` falls on.
    #[must_use]
    pub(crate) fn cell(&self, value: &Value<'_>) -> Cell {
        self.target(value).0
    }

    /// The side, and the target t in 0 … 1 that a loss would see; 0 where nothing is known.
    #[must_use]
    pub(crate) fn target(&self, value: &Value<'_>) -> (Cell, f64) {
        let among = |literals: &[Literal]| literals.iter().any(|l| l.matches(value, self.spelling));
        if value.is_nan() {
            return self.null();
        }
        if among(&self.missing) {
            return (Cell::Missing, 0.0);
        }
        if among(&self.uncertain) {
            return self.perhaps();
        }
        if among(&self.positive) {
            return (Cell::Positive, 1.0);
        }
        if among(&self.negative) {
            return (Cell::Negative, 0.0);
        }
        // A truth is no number that a threshold could part.
        if let (Value::Bool(truth), Some(_)) = (value, self.threshold) {
            return if *truth { (Cell::Positive, 1.0) } else { (Cell::Negative, 0.0) };
        }
        let number = match value {
            Value::Text(text) => Value::Text(self.spelling.trimmed(text)).number(),
            other => other.number(),
        };
        match (number, self.threshold) {
            (Some(x), Some(threshold)) if !x.is_nan() => {
                if x >= threshold || value.rounded(threshold) == Some(x) {
                    (Cell::Positive, 1.0)
                } else {
                    (Cell::Negative, 0.0)
                }
            }
            (Some(x), None) if self.soft && (0.0..=1.0).contains(&x) => {
                (if x >= 0.5 { Cell::Positive } else { Cell::Negative }, x)
            }
            _ => match value {
                Value::Text(text) => word(self.spelling.trimmed(text))
                    .map_or((Cell::Invalid, 0.0), |number| self.target(&number)),
                _ => (Cell::Invalid, 0.0),
            },
        }
    }

    /// The side of a cell, NULL included, and its target.
    #[must_use]
    pub(crate) fn target_of(&self, value: Option<&Value<'_>>) -> (Cell, f64) {
        value.map_or_else(|| self.null(), |value| self.target(value))
    }

    /// The side of NULL and NaN, and its target.
    fn null(&self) -> (Cell, f64) {
        match self.null_as {
            NullAs::Missing => (Cell::Missing, 0.0),
            NullAs::Negative => (Cell::Negative, 0.0),
            NullAs::Positive => (Cell::Positive, 1.0),
            NullAs::Uncertain => self.perhaps(),
        }
    }

    /// The side of a value that was declared uncertain, and its target.
    fn perhaps(&self) -> (Cell, f64) {
        match self.uncertain_as {
            UncertainAs::Uncertain => (Cell::Uncertain, 0.0),
            UncertainAs::Positive => (Cell::Positive, 1.0),
            UncertainAs::Negative => (Cell::Negative, 0.0),
            UncertainAs::Missing => (Cell::Missing, 0.0),
        }
    }

    /// Checks that each value has one meaning and that the parts do not contradict each other.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the flags.
    pub(crate) fn check(&self) -> Result<()> {
        self.check_declared(true, true)
    }

    /// The same of what was declared: the defaults of `--positive-values` and `--negative-values` matter only
    /// to layouts whose cells are values.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the flags.
    pub(crate) fn check_declared(&self, positive: bool, negative: bool) -> Result<()> {
        let sides = [
            ("--missing-values", Some(&self.missing)),
            ("--uncertain-values", Some(&self.uncertain)),
            ("--positive-values", Some(&self.positive).filter(|_| positive)),
            ("--negative-values", Some(&self.negative).filter(|_| negative)),
        ];
        for (i, (flag, literals)) in sides.iter().enumerate() {
            for (other, others) in &sides[i + 1..] {
                let (Some(literals), Some(others)) = (literals, others) else { continue };
                let same = |a: &Literal, b: &Literal| {
                    a == b || self.spelling.key(&a.text) == self.spelling.key(&b.text)
                };
                if let Some(twice) = literals.iter().find(|l| others.iter().any(|other| same(l, other))) {
                    return Err(Error::usage(format!("{twice} appears in both {flag} and {other}"))
                        .hint("a value has one meaning: remove it from one of the two"));
                }
            }
        }
        if self.threshold.is_some() && self.soft {
            return Err(Error::usage("--threshold and --soft exclude each other")
                .hint("--threshold makes numbers 0 or 1, --soft counts them in part"));
        }
        Ok(())
    }
}

/// The words `true` and `false`, in any case, as the truths they stand for.
fn word(text: &str) -> Option<Value<'static>> {
    if text.eq_ignore_ascii_case("true") {
        Some(Value::Bool(true))
    } else if text.eq_ignore_ascii_case("false") {
        Some(Value::Bool(false))
    } else {
        None
    }
}
