//! Label columns that some shards lack.

use arrow::datatypes::DataType;

use super::count_plan::CountPlan;
use crate::error::{Error, Result, for_shell};
use crate::source::layout::Layout;
use crate::source::schema::Agreement;
use crate::source::shards::Shard;
use crate::source::unknown_as::NullAs;

/// Absent columns count as missing, which NULL may not.
///
/// # Errors
/// [`Error::Usage`] where both are asked for.
pub(super) fn check_absent(plan: &CountPlan, absent: &[String]) -> Result<()> {
    match absent.first() {
        Some(name) if plan.domain.null_as != NullAs::Missing => Err(Error::usage(format!(
            "column {name:?} is missing in some shards, where --missing-columns and --null-as contradict each other"
        ))
        .hint("drop one of the two, or write the column to all shards")),
        _ => Ok(()),
    }
}

/// Whether a column that lies inside another is absent only where that one has no type, and so is NULL in all rows.
fn is_null(name: &str, shards: &[Shard]) -> bool {
    let holds = |shard: &Shard| shard.schema.index_of(name).ok();
    let root = shards.iter().find_map(|shard| Some(shard.nested_at(holds(shard)?)?.1.root()));
    let Some(root) = root else { return false };
    let is_untyped = |shard: &Shard| {
        shard.schema.field_with_name(root).is_ok_and(|field| *field.data_type() == DataType::Null)
    };
    shards.iter().filter(|shard| holds(shard).is_none()).all(is_untyped)
}

/// The label columns that some shard lacks.
///
/// # Errors
/// [`Error::Input`] unless `--missing-columns` allows it.
pub(super) fn absent_columns(
    plan: &CountPlan,
    layout: &Layout,
    agreement: &Agreement,
    shards: &[Shard],
) -> Result<Vec<String>> {
    let absent: Vec<&str> = columns(plan, layout)
        .filter(|name| agreement.absent.contains_key(*name) && !is_null(name, shards))
        .collect();
    if absent.is_empty() {
        return Ok(Vec::new());
    }
    let only_labels = absent.iter().all(|name| layout.cells().any(|own| own == *name));
    if plan.missing_columns && only_labels {
        return Ok(absent.into_iter().map(str::to_owned).collect());
    }
    let errors = absent.iter().map(|name| {
        let other = shards.iter().find(|shard| shard.schema.index_of(name).is_ok());
        let has = other.map_or_else(String::new, |shard| format!(", but {} has it", shard.name));
        Error::input(format!("there is no column {name:?}{has}")).at(&agreement.absent[*name])
    });
    let has_all = |shard: &&Shard| absent.iter().all(|name| shard.schema.index_of(name).is_ok());
    let alone = shards.iter().find(has_all).map_or_else(String::new, |shard| {
        format!(
            "; if files without it hold no labels, name the others alone, such as {}",
            for_shell(&shard.name)
        )
    });
    match Error::together(errors.collect(), "columns") {
        Some(error) => Err(error.hint(format!(
            "if a column is new or gone on purpose, so that rows without it are not labelled, say --missing-columns \
             missing{alone}"
        ))),
        None => Ok(Vec::new()),
    }
}

/// The columns that are read.
fn columns<'a>(plan: &'a CountPlan, layout: &'a Layout) -> impl Iterator<Item = &'a str> {
    let beside = plan.by.iter().chain(&plan.sample_weight).chain(&plan.groups);
    layout.columns().chain(beside.map(String::as_str))
}
