//! What is asked of rows.

use std::sync::Arc;

use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::group_key::GroupKey;
use crate::engine::progress::Progress;
use crate::engine::session::Limits;
use crate::source::layout::LayoutKind;

/// Whether the labels of rows can be told, and if not, why.
///
/// # Errors
/// The reason, in words that end "rows are not measured: …".
pub fn can_tell(counting: &Counting) -> std::result::Result<(), &'static str> {
    if counting.layout.kind == LayoutKind::Long {
        return Err("in layout long a row is spread over many lines");
    }
    if counting.has_mass() {
        return Err("soft labels and weights have no sets of labels");
    }
    Ok(())
}

/// Rows to be read. [`can_tell`] has nothing against it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The shards.
    pub dataset: &'a Dataset,
    /// What values mean, by which the shards were counted: labels are known, and all values have a meaning.
    /// Where it has a condition, rows that do not meet it are there all the same, and are told apart.
    pub counting: &'a Arc<Counting>,
    /// The groups that the count found; the one empty key without `--by`.
    pub groups: &'a [GroupKey],
    /// Threads and memory.
    pub limits: &'a Limits,
    /// Told of rows and bytes.
    pub progress: &'a Arc<Progress>,
}

/// Rows that are alike.
#[derive(Debug, Clone, Copy)]
pub struct Alike<'a> {
    /// Positions of the labels they have, ascending.
    pub positives: &'a [u32],
    /// Positions of the labels of which they say nothing, ascending.
    pub unknown: &'a [u32],
    /// Which of the groups they are in; 0 without groups.
    pub group: usize,
    /// How many they are.
    pub rows: u64,
}
