//! What is asked of rows.

use std::sync::Arc;

use crate::counts::CountUnit;
use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::group_key::GroupKey;
use crate::engine::progress::Progress;
use crate::engine::session::Limits;

/// Whether rows have sets of labels; if not, why.
///
/// # Errors
/// The reason, in words that end "rows are not measured: …".
pub(crate) fn can_tell(counting: &Counting) -> std::result::Result<(), &'static str> {
    if counting.unit == CountUnit::Element {
        return Err("--unit element counts elements, each with one label");
    }
    if counting.has_soft() {
        return Err("soft labels have no sets of labels");
    }
    if counting.has_mass() {
        return Err("rows that --sample-weight weighs are no whole rows with sets of labels");
    }
    Ok(())
}

/// Rows to be read; [`can_tell`] allows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// The shards.
    pub dataset: &'a Dataset,
    /// What values mean, by which the shards were counted: labels are known, and all values have a meaning.
    /// Rows that do not meet its condition are given too, without a group.
    pub counting: &'a Arc<Counting>,
    /// The groups that the count found; the one empty key without `--by`.
    pub groups: &'a [GroupKey],
    /// Threads and memory.
    pub limits: &'a Limits,
    /// Rows and bytes read so far.
    pub progress: &'a Arc<Progress>,
}

/// Rows with the same labels, in one group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowPattern<'a> {
    /// Positions of the labels they have, ascending.
    pub positives: &'a [u32],
    /// Positions of the labels they do not know, ascending.
    pub unknown: &'a [u32],
    /// Which of the groups they are in; 0 without groups.
    pub group: usize,
    /// How many they are.
    pub rows: u64,
}
