//! The second pass over the rows, for measures that need more than counts.

use std::sync::Arc;

use super::destination::Destination;
use super::opening::Opened;
use super::plan::Plan;
use crate::counts::LabelCounts;
use crate::engine::counting::Counting;
use crate::engine::rows::{Measured, Request, can_tell, measure};
use crate::engine::session::Limits;
use crate::engine::{GroupKey, Progress, Spilled, Work};
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;

/// Labels up to which rows are measured by default.
const LABELS_MAX: usize = 2000;
/// Numbers that pairs of labels may take in all groups together.
const PAIRS_MAX: usize = 16 << 20;

/// Why rows are not measured, or that they are.
pub(super) fn decide(
    plan: &Plan,
    opened: &Opened,
    counts: &LabelCounts,
) -> Result<std::result::Result<(), String>> {
    let counting = &opened.counting;
    let on_cluster = plan.count.limits.cluster.is_some();
    let can_tell = match can_measure(counting) {
        Ok(()) if on_cluster && counting.layout.kind == LayoutKind::Long => {
            Err("rows of layout long are measured by one machine, not on a cluster")
        }
        Ok(()) if on_cluster && counting.layout.has_heads() => {
            Err("rows of several class columns are measured by one machine, not on a cluster")
        }
        other => other,
    };
    let why_not = match (plan.row_measures, can_tell) {
        (Some(false), _) => Some("--row-measures off".to_owned()),
        (Some(true), Err(why)) => {
            return Err(Error::usage(format!("--row-measures on: {why}")).hint("use auto or off"));
        }
        (None, Err(why)) => Some(why.to_owned()),
        (None, Ok(())) if plan.part.is_some() => Some("--shard-count: a job writes counts alone".to_owned()),
        (None, Ok(())) if plan.state.is_some() => {
            Some("with --state only new shards are read; --row-measures on reads all".to_owned())
        }
        (None, Ok(())) if opened.dataset.coming.as_ref().is_some_and(|rows| !rows.can_reopen()) => Some(
            "a stream is read once; --row-measures on keeps its label columns to measure them".to_owned(),
        ),
        (None, Ok(())) if plan.sampling.is_some() => {
            Some("a sampling plan is made; --row-measures on measures as well".to_owned())
        }
        (None, Ok(())) if matches!(plan.out, Destination::Stdout(_)) => {
            Some("--out - takes weights alone".to_owned())
        }
        (None, Ok(())) if counts.len() > LABELS_MAX => {
            Some(format!("there are more than {LABELS_MAX} labels; --row-measures on measures them anyway"))
        }
        (_, Ok(())) => None,
    };
    Ok(why_not.map_or(Ok(()), Err))
}

/// Whether rows can be measured: each is one row, whatever it weighs.
fn can_measure(counting: &Counting) -> std::result::Result<(), &'static str> {
    if counting.layout.kind == LayoutKind::Long && counting.sample_weight.is_some() {
        return Err("rows of layout long are not measured with --sample-weight");
    }
    can_tell(&unweighed(counting))
}

/// The same rows without their weights.
fn unweighed(counting: &Counting) -> Counting {
    let heads = counting.heads.iter().map(unweighed).collect();
    Counting { sample_weight: None, heads, ..counting.clone() }
}

/// Why a query does not measure rows, or that it does.
pub(super) fn decide_for_query(
    asked: Option<bool>,
    counting: &Counting,
    counts: &LabelCounts,
) -> std::result::Result<(), String> {
    match (asked, can_measure(counting)) {
        (Some(false), _) => Err("row_measures=off".to_owned()),
        (_, Err(why)) => Err(why.to_owned()),
        (None, Ok(())) if counts.len() > LABELS_MAX => {
            Err(format!("there are more than {LABELS_MAX} labels; row_measures=on measures rows anyway"))
        }
        (_, Ok(())) => Ok(()),
    }
}

/// Reads the rows once more. `counts` are of all of them, `groups` of those of each group, whose measures are left
/// out where they would take too much.
pub(super) async fn measure_rows(
    limits: &Limits,
    opened: &Opened,
    counts: &LabelCounts,
    groups: &[(GroupKey, LabelCounts)],
) -> Result<(Measured, Work)> {
    let progress = Arc::new(Progress::default());
    let counting = Arc::new(unweighed(&opened.rows_of(counts)?));
    let of_groups: u64 = groups.iter().map(|(_, counts)| counts.rows()).sum();
    if of_groups > counts.rows() {
        // A row id in several groups is a row of each of them, and one of all rows.
        let alone = Arc::new(Counting { by: Vec::new(), ..Counting::clone(&counting) });
        let keys = [Vec::new()];
        let request = Request {
            dataset: &opened.dataset,
            counting: &alone,
            groups: &keys,
            limits,
            progress: &progress,
        };
        let whole = measured(&request, counts, &[], counts.rows()).await?;
        let of_groups = measure_groups(limits, opened, counts, &counting, groups, &progress).await?;
        let spilled = Spilled {
            bytes: whole.spilled.bytes + of_groups.spilled.bytes,
            files: whole.spilled.files + of_groups.spilled.files,
        };
        return Ok((Measured { groups: of_groups.groups, spilled, ..whole }, progress.work()));
    }
    let measured = measure_groups(limits, opened, counts, &counting, groups, &progress).await?;
    Ok((measured, progress.work()))
}

/// Measures all rows and those of each group, whose rows are all there are.
async fn measure_groups(
    limits: &Limits,
    opened: &Opened,
    counts: &LabelCounts,
    counting: &Arc<Counting>,
    groups: &[(GroupKey, LabelCounts)],
    progress: &Arc<Progress>,
) -> Result<Measured> {
    let few = groups.len().saturating_mul(counts.len().saturating_mul(counts.len())) <= PAIRS_MAX;
    let parts: Vec<&LabelCounts> = groups.iter().filter(|_| few).map(|(_, counts)| counts).collect();
    let keys: Vec<GroupKey> = if groups.is_empty() {
        vec![Vec::new()]
    } else {
        groups.iter().map(|(key, _)| key.clone()).collect()
    };
    let request = Request { dataset: &opened.dataset, counting, groups: &keys, limits, progress };
    let rows =
        if groups.is_empty() { counts.rows() } else { groups.iter().map(|(_, counts)| counts.rows()).sum() };
    measured(&request, counts, &parts, rows).await
}

/// Measures rows, of which `expected` were counted.
async fn measured(
    request: &Request<'_>,
    counts: &LabelCounts,
    parts: &[&LabelCounts],
    expected: u64,
) -> Result<Measured> {
    let measured = measure(request, counts, parts).await?;
    let rows = measured.whole.rows;
    if rows != expected {
        let what = format!("{expected} rows were counted, but {rows} measured");
        return Err(match request.counting.filter {
            Some(_) => {
                Error::changed(what).hint("write the time into --where in place of a function such as now()")
            }
            None => Error::internal(what),
        });
    }
    Ok(measured)
}
