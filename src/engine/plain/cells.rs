//! What counters of cells and of sets share.

use crate::counts::{Mass, MassTally, Tally};
use crate::error::{Error, Result};

/// An invalid value and its place.
#[derive(Debug)]
pub(super) struct StrayValue {
    pub(super) label: Option<usize>,
    pub(super) row: usize,
    pub(super) text: String,
}

/// Invalid values shown per batch; the tally has their number.
pub(super) const STRAYS_SHOWN: usize = 8;

/// What is known of one label, and of one group as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CellSum {
    pub(super) tally: Tally,
    pub(super) mass: MassTally,
}

/// What one batch of a group adds to the group as a whole. With elements as units, the rows are the elements.
#[derive(Debug, Default)]
pub(super) struct BatchRows {
    pub(super) rows: u64,
    pub(super) null_rows: u64,
    pub(super) skipped: u64,
    /// Labels in lists, however often a row repeats them.
    pub(super) listed: u64,
    pub(super) null_mass: Mass,
    /// Weights of all units, where these are not the rows.
    pub(super) unit_mass: Mass,
}

pub(crate) fn mass(value: f64) -> Result<Mass> {
    Mass::from_f64(value).ok_or_else(mass_overflow)
}

pub(crate) fn mass_overflow() -> Error {
    Error::resource("the weighted counts pass 1.7e20").hint("divide the --sample-weight column by a constant")
}
