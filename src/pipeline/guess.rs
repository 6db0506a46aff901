//! Whether all rows bear out a layout that was guessed from some of them.

use std::sync::Arc;

use super::count_plan::CountPlan;
use super::opening::Opened;
use crate::counts::LabelCounts;
use crate::error::{Error, Result};
use crate::source::guessed::{Kept, check_names, check_rows};

/// Asks what detection would have asked, had it seen all rows. A sentence, where something is worth a word. Only if
/// `reads_all`, rows are read once more.
///
/// # Errors
/// [`Error::Usage`] with the readings that are possible; [`Error::Input`] naming a shard that cannot be read.
pub(super) async fn check_guess(
    plan: &CountPlan,
    opened: &Opened,
    counts: &LabelCounts,
    reads_all: bool,
) -> Result<Option<String>> {
    let columns = plan.by.iter().chain(&plan.sample_weight).chain(&plan.folded_by);
    let columns: Vec<String> = columns.cloned().collect();
    let kept = Kept {
        columns: &columns,
        has_filter: plan.filter.is_some(),
        query: plan.query.as_deref(),
        schema: &opened.dataset.schema,
    };
    check_names(&opened.detected, counts, kept)?;
    if opened.detected.keys.is_empty() || counts.rows() == 0 {
        return Ok(None);
    }
    let checking = tokio::task::spawn_blocking({
        let (detected, shards) = (opened.detected.clone(), Arc::clone(&opened.dataset.shards));
        // Rows that a condition leaves out say nothing.
        let (memory, is_whole) = (plan.limits.memory, reads_all && plan.filter.is_none());
        move || check_rows(&detected, &shards, memory, is_whole)
    });
    checking.await.map_err(|cause| Error::internal(cause.to_string()))?
}
