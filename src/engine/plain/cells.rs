//! What counters of cells and of sets share.

use crate::counts::{Mass, MassTally, Tally};

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
pub(crate) struct CellSum {
    pub(crate) tally: Tally,
    pub(crate) mass: MassTally,
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
