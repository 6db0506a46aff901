//! Stored values, and rows that all hold the same one.

use std::fmt;

use crate::error::digits;

/// A stored value, converted by its logical type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum StoredValue<'a> {
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
    /// A string; not known to be UTF-8.
    Text(&'a [u8]),
}

impl fmt::Display for StoredValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => b.fmt(f),
            Self::Int(i) => i.fmt(f),
            Self::UInt(u) => u.fmt(f),
            Self::Float(x) | Self::Half(x) => f.write_str(&digits(*x)),
            Self::Text(text) => write!(f, "{:?}", String::from_utf8_lossy(text)),
        }
    }
}

/// Rows that all hold the same value or NULL.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Constant<'a> {
    /// The value; `None` when all rows are NULL.
    pub value: Option<StoredValue<'a>>,
    /// Rows that hold the value.
    pub rows: u64,
    /// Rows that are NULL.
    pub nulls: u64,
}
