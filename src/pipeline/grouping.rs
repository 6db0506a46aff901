//! `--groups` of a count: distinct patients, users or documents beside rows.

use std::sync::Arc;

use arrow::datatypes::DataType;

use super::account::Account;
use super::opening::Opened;
use super::plan::Plan;
use crate::counts::{CountUnit, GroupedPositives, LabelCounts};
use crate::engine::Progress;
use crate::engine::counting::Counting;
use crate::engine::rows::{Request, grouped_positives};
use crate::error::{Error, Result};
use crate::source::layout::{LayoutKind, is_text};

/// Refuses, before the scan, groups that cannot be counted.
pub(super) fn check_groups(plan: &Plan, opened: &Opened) -> Result<()> {
    let Some(column) = &plan.count.groups else { return Ok(()) };
    let counting = &opened.counting;
    if counting.unit == CountUnit::Element {
        return Err(Error::usage("--groups and --unit element exclude each other: a group has rows")
            .hint("drop --unit element"));
    }
    if counting.domains().any(|domain| domain.soft) {
        return Err(Error::usage(
            "--groups counts groups that have a positive, which soft labels do not tell",
        )
        .hint("say from which value on a label is positive: --threshold 0.5 in place of --soft"));
    }
    if counting.layout.kind != LayoutKind::Long {
        return Ok(());
    }
    let schema = &opened.dataset.schema;
    let data_type = schema.field_with_name(column).map(|field| field.data_type().clone());
    match data_type.unwrap_or(DataType::Null) {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            Ok(())
        }
        other if other.is_integer() || is_text(&other) => Ok(()),
        DataType::Null => Err(Error::usage(format!(
            "--groups {column}: in layout long the groups are a column of the shards, not a key of folders"
        ))
        .hint(format!("write the value of {column} into a column of each row"))),
        other => Err(Error::usage(format!(
            "--groups {column}: in layout long groups are integers or texts, but the column is {other}"
        ))
        .hint("name a column with the id of a patient, a user or a document")),
    }
}

/// Counts groups, where the plan asks for them. `counts` are of all rows.
pub(super) async fn count_groups(
    plan: &Plan,
    opened: &Opened,
    counts: &LabelCounts,
    account: &mut Account,
) -> Result<Option<GroupedPositives>> {
    let Some(column) = &plan.count.groups else { return Ok(None) };
    let _timer = account.timings.start("count_groups");
    let progress = Arc::new(Progress::default());
    // Weights of rows change no group, nor do the groups of --by.
    let counting = Counting { sample_weight: None, by: Vec::new(), ..opened.rows_of(counts)? };
    let request = Request {
        dataset: &opened.dataset,
        counting: &Arc::new(counting),
        groups: &[Vec::new()],
        limits: &plan.count.limits,
        progress: &progress,
    };
    let (groups, spilled) = grouped_positives(&request, column, counts).await?;
    account.read_more(progress.work(), spilled);
    tracing::info!(column, groups = groups.groups, "counted groups");
    Ok(Some(groups))
}
