//! The second pass over the rows, for measures that need more than counts.

use std::sync::Arc;

use super::opening::Opened;
use super::plan::Plan;
use crate::counts::LabelCounts;
use crate::engine::counting::Counting;
use crate::engine::rows::{Alike, Request, alike, can_tell};
use crate::engine::{GroupKey, Progress, Spilled};
use crate::error::{Error, Result};
use crate::row_measures::{RowMeasures, RowPass};

/// Labels up to which rows are measured when nobody says so.
const LABELS_MAX: usize = 2000;
/// Numbers that pairs of labels may take in all groups together.
const PAIRS_MAX: usize = 64 << 20;

/// Measures of all rows and of each group.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) whole: RowMeasures,
    /// Empty where there are too many groups.
    pub(super) groups: Vec<RowMeasures>,
    pub(super) spilled: Spilled,
    pub(super) bytes_read: u64,
}

/// Why rows are not measured, or that they are.
pub(super) fn decide(
    plan: &Plan,
    counting: &Counting,
    counts: &LabelCounts,
) -> Result<std::result::Result<(), String>> {
    let why_not = match (plan.row_measures, can_tell(counting)) {
        (Some(false), _) => Some("--row-measures off".to_owned()),
        (Some(true), Err(why)) => {
            return Err(Error::usage(format!("--row-measures on: {why}")).hint("use auto or off"));
        }
        (None, Err(why)) => Some(why.to_owned()),
        (None, Ok(())) if plan.part.is_some() => Some("--shard-count: a job writes counts alone".to_owned()),
        (None, Ok(())) if plan.state.is_some() => {
            Some("with --state only new shards are read; --row-measures on reads all".to_owned())
        }
        (None, Ok(())) if plan.out.folder().is_none() => Some("--out - takes weights alone".to_owned()),
        (None, Ok(())) if counts.len() > LABELS_MAX => {
            Some(format!("there are more than {LABELS_MAX} labels; --row-measures on measures all the same"))
        }
        (_, Ok(())) => None,
    };
    Ok(why_not.map_or(Ok(()), Err))
}

/// Reads the rows once more. `counts` are of all of them, `groups` of those of each group.
pub(super) async fn measure_rows(
    plan: &Plan,
    opened: &Opened,
    counts: &LabelCounts,
    groups: &[(GroupKey, LabelCounts)],
) -> Result<Measured> {
    let progress = Arc::new(Progress::default());
    let mut whole = RowPass::new(counts);
    let few = groups.len().saturating_mul(counts.len().saturating_mul(counts.len())) <= PAIRS_MAX;
    let mut parts: Vec<RowPass> =
        groups.iter().filter(|_| few).map(|(_, counts)| RowPass::new(counts)).collect();
    let keys: Vec<GroupKey> = if groups.is_empty() {
        vec![Vec::new()]
    } else {
        groups.iter().map(|(key, _)| key.clone()).collect()
    };
    let each = |Alike { positives, unknown, group, rows }: Alike<'_>| {
        whole.add(positives, unknown, rows);
        if let Some(part) = parts.get_mut(group) {
            part.add(positives, unknown, rows);
        }
    };
    let request = Request {
        dataset: &opened.dataset,
        counting: &Arc::new(opened.counting.knowing(counts.labels())),
        groups: &keys,
        limits: &plan.limits,
        progress: &progress,
    };
    let spilled = alike(&request, each).await?;
    let whole = whole.finish();
    if whole.rows != counts.rows() {
        return Err(Error::internal(format!("{} rows were counted, {} measured", counts.rows(), whole.rows)));
    }
    Ok(Measured {
        whole,
        groups: parts.into_iter().map(RowPass::finish).collect(),
        spilled,
        bytes_read: progress.bytes(),
    })
}
