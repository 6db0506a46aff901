//! The labels of every row, with its place; and rows that are alike as one, however many there are, in
//! bounded memory.
//!
//! ```text
//! row groups, one after the other to whichever thread is free
//!   Arrays ─▶ Decoder ─▶ Block: shard, first row, labels of each row
//!                          ├─▶ read_rows:          a RowSink per thread
//!                          ├─▶ read_rows_in_order: one closure, in the order of shards and rows
//!                          └─▶ alike:              Patterns, one per thread: pattern ─▶ rows
//!                                                    │ sorted and spilled where they pass the budget
//!                                                    ▼ at the end
//!                                                  merge in order ─▶ (labels, unknown labels, group, rows)
//! ```

mod arrays;
#[cfg(feature = "cluster")]
pub(super) mod batches;
mod block;
mod condition;
mod decode;
mod job;
mod merge;
mod patterns;
mod read;

use std::sync::Arc;

use super::cluster;
use super::collect::GroupKey;
use super::counting::Counting;
use super::partial_exec::Progress;
use super::query::Dataset;
use super::session::Limits;
use super::spill::{Spill, Spilled};
use crate::error::Result;
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;
use patterns::{Pattern, Patterns};

pub use block::{Block, Row};
pub use read::{RowSink, read_rows, read_rows_in_order};

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

/// Calls `each` with all rows, those with the same labels one after the other.
///
/// # Errors
/// As [`super::count`].
pub async fn alike(request: &Request<'_>, each: impl FnMut(Alike<'_>) + Send) -> Result<Spilled> {
    let Request { dataset, counting, groups, limits, progress } = *request;
    if let Some(address) = &limits.cluster {
        let spilled = cluster::alike(address, dataset, counting, groups, limits, progress, each).await?;
        dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
        return Ok(spilled);
    }
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
    // Half of what a thread may take: the other half is the batch, and what merging holds.
    let budget = limits.pool_bytes() / limits.threads.max(1) / 2;
    let make = || Gatherer::new(budget, &spill);
    let found = read_rows(request, make).await?;
    merge::merge(found, each)?;
    Ok(spill.spilled())
}

/// Gathers what one thread finds.
struct Gatherer {
    patterns: Patterns,
    pattern: Pattern,
}

impl Gatherer {
    /// Holds up to `budget` bytes in memory.
    fn new(budget: usize, spill: &Arc<Spill>) -> Self {
        Self { patterns: Patterns::new(budget, Arc::clone(spill)), pattern: Pattern::default() }
    }
}

impl RowSink for Gatherer {
    type Found = Patterns;

    fn take(&mut self, block: &mut Block) -> Result<()> {
        for row in (0..block.rows()).filter_map(|row| block.row(row)) {
            self.patterns.add(self.pattern.of(&row), 1)?;
        }
        Ok(())
    }

    fn finish(self) -> Patterns {
        self.patterns
    }
}
