//! One of several class columns.

use super::tally::Unlisted;

/// The labels of one class column, beside those of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The column.
    pub column: String,
    /// Position of its first label.
    pub start: usize,
    /// Number of its labels.
    pub length: usize,
    /// The tally of its labels that were not found; `None` if they were known before counting.
    pub unlisted: Option<Unlisted>,
}

impl Head {
    /// Its positions.
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.length
    }
}
