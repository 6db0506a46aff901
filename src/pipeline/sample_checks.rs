//! What a sampling plan cannot do with the shards that were opened.

use super::opening::Opened;
use super::plan::Plan;
use super::rows_of_ids::RowsOfIds;
use super::sampling::Sampling;
use crate::engine::counting::Counting;
use crate::engine::rows::can_tell;
use crate::error::{Error, Result};
use crate::sampling::Method;
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;
use crate::source::vocabulary::nearest;

/// Refuses data without labels of single rows, what ids cannot name, columns that are not there, and copies that would
/// say two folds.
pub(super) fn check_opened(plan: &Plan, opened: &Opened) -> Result<()> {
    if let Some(sampling) = &plan.sampling {
        check_folds(opened, sampling)?;
    }
    can_tell(&opened.counting).map_err(|why| {
        Error::usage(format!("--plan: {why}, so rows cannot be planned")).hint(
            if opened.counting.has_soft() {
                "make soft labels 0 or 1 with --threshold 0.5"
            } else if opened.counting.has_mass() {
                "drop --sample-weight: a plan says itself how often a row is seen"
            } else {
                "store one row per example, such as layout list"
            },
        )
    })?;
    let Some(sampling) = &plan.sampling else { return Ok(()) };
    if sampling.edits_labels() && opened.counting.layout.kind != LayoutKind::Long {
        check_edits(opened)?;
    }
    if opened.counting.layout.has_heads() {
        check_heads(plan, sampling, opened)?;
    }
    if opened.counting.layout.kind == LayoutKind::Long { check_long(plan, sampling, opened) } else { Ok(()) }
}

/// What a plan of several class columns cannot do.
fn check_heads(plan: &Plan, sampling: &Sampling, opened: &Opened) -> Result<()> {
    if plan.count.limits.cluster.is_some() {
        return Err(Error::usage(
            "--plan: rows of several class columns are planned by one machine, not on a cluster",
        )
        .hint("drop --cluster"));
    }
    let compares =
        |method: &&Method| !matches!(method, Method::RepeatFactor { .. } | Method::StratifiedSplit { .. });
    sampling.methods().find(compares).map_or(Ok(()), |method| {
        Err(Error::usage(format!(
            "--plan {} compares labels, and those of several class columns are not rare or frequent against each \
             other",
            method.name()
        ))
        .hint(format!(
            "use repeat-factor or stratified-split, or plan one column at a time with --labels {}",
            opened.counting.layout.column()
        )))
    })
}

/// Refuses plans that edit labels where these are in no cells of their own, before anyone has a plan that is of no use.
fn check_edits(opened: &Opened) -> Result<()> {
    let refused = |why: &str| Err(Error::usage(format!("--plan remedial edits labels, {why}")));
    if opened.counting.layout.kind == LayoutKind::Map {
        return refused("which is not supported for layout map").map_err(|error| {
            error.hint("use another plan, or write the labels of each row as a list of names, and read it with --layout list")
        });
    }
    if opened.counting.ancestors.is_some() {
        return refused("and a label of --ancestors is in no cell of its own")
            .map_err(|error| error.hint("use another plan, or write the ancestors into the shards"));
    }
    let mut nested = opened.dataset.shards.iter().flat_map(Shard::nested_names);
    nested.next().map_or(Ok(()), |name| {
        refused(&format!("and column {name:?} lies inside another column"))
            .map_err(|error| error.hint("use another plan, or write the labels as columns of their own"))
    })
}

/// What a plan of layout `long` cannot do.
fn check_long(plan: &Plan, sampling: &Sampling, opened: &Opened) -> Result<()> {
    if plan.count.limits.cluster.is_some() {
        return Err(Error::usage("--plan: rows of layout long are planned by one machine, not on a cluster")
            .hint("drop --cluster"));
    }
    let (what, instead) = if sampling.groups.is_some() {
        ("--groups keeps rows of one group in one fold", "drop --groups; or ")
    } else if sampling.edits_labels() {
        ("--plan remedial splits a row and edits its labels", "")
    } else if sampling.materialize {
        ("--materialize repeats rows", "drop --materialize, and join the plan to the shards by id; or ")
    } else {
        return Ok(());
    };
    let Counting { layout, domain, filter, .. } = &opened.counting;
    let value = layout.value.as_deref().and_then(|name| opened.dataset.schema.field_with_name(name).ok());
    let rows = RowsOfIds {
        sources: &plan.count.sources,
        layout,
        domain,
        value_type: value.map(arrow::datatypes::Field::data_type),
        groups: sampling.groups.as_deref(),
        filter: filter.as_deref(),
    };
    let command = rows.command().map(|command| format!(": {command}")).unwrap_or_default();
    Err(Error::usage(format!("{what}; in layout long, lines of one id are one row however often they occur"))
        .hint(format!(
            "{instead}write one row per id, with the list of its positive labels, and use --layout list{}{command}",
            rows.remark()
        )))
}

/// What is wrong with the columns of folds.
fn check_folds(opened: &Opened, sampling: &Sampling) -> Result<()> {
    let shards = &opened.dataset.shards;
    let has = |shard: &Shard, name: &str| {
        shard.schema.fields().iter().any(|field| field.name() == name)
            || shard.hive.iter().any(|(key, _)| key == name)
    };
    if let Some(column) = &sampling.groups
        && let Some(shard) = shards.iter().find(|shard| !has(shard, column))
    {
        let names = shard.schema.fields().iter().map(|field| field.name().as_str());
        let names = names.chain(shard.hive.iter().map(|(key, _)| key.as_str()));
        let meant = nearest(column, names).map(|near| format!("did you mean {near}? "));
        return Err(Error::usage(format!("--groups: {} has no column {column:?}", shard.name))
            .hint(format!("{}posweight inspect lists the columns", meant.unwrap_or_default())));
    }
    let fold = &sampling.fold_column;
    let copies = sampling.materialize && !sampling.method.folds().is_empty();
    match shards.iter().find(|shard| copies && has(shard, fold)) {
        None => Ok(()),
        Some(shard) => {
            let free = ["fold", "new_fold", "split_fold", "posweight_fold"];
            let free = free.iter().find(|name| !shards.iter().any(|shard| has(shard, name)));
            Err(Error::usage(format!(
                "{} has a column {fold:?} already, and the folders of the copies would give it another value",
                shard.name
            ))
            .hint(format!("name the folders otherwise: --fold-column {}", free.unwrap_or(&"NAME"))))
        }
    }
}
