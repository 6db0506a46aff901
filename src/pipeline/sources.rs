//! What a plan reads: files as they lie, and the shards that this run makes of a query, of files
//! that are not Parquet, and of stdin.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;

use arrow::datatypes::Schema;

use super::count_plan::CountPlan;
use super::query::rows_of;
use super::spec::STDIO;
use crate::error::{Error, Result};
use crate::source::formats::{SavePlace, as_parquet};
use crate::source::label_path::LabelPath;
use crate::source::layout::select;
use crate::source::listing::Listing;
use crate::source::spool::Spooled;
use crate::source::stdin::spool;
use crate::source::{layout, listing};

/// The files to read; a stream on stdin becomes one.
pub(super) fn sources(plan: &CountPlan) -> Result<(Listing, Vec<Spooled>)> {
    if let Some(query) = &plan.query {
        let (listing, spooled) = rows_of(plan, query)?;
        return Ok((listing, vec![spooled]));
    }
    let (stdin, files): (Vec<String>, Vec<String>) =
        plan.sources.iter().cloned().partition(|source| source == STDIO);
    let listed = listing::list(&files, plan.tables)?.of_version(plan.tables)?;
    let temporary = std::env::temp_dir();
    let parent = plan.limits.spill_dir.as_deref().unwrap_or(&temporary);
    let choose = |schema: &Schema| streamed(plan, schema);
    let as_map = |path: &str| as_map(plan, path);
    let save = SavePlace { parent, limit: plan.limits.spill_limit, choose: &choose, as_map: &as_map };
    let (mut listed, mut spooled) = as_parquet(listed, &save)?;
    if stdin.is_empty() {
        return Ok((listed, spooled));
    }
    let stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        return Err(Error::usage("-: stdin is a terminal").hint("pipe an Arrow IPC stream into posweight"));
    }
    let rows = spool(stdin, choose, parent, plan.limits.spill_limit)?;
    listed.shards.push(rows.listed());
    spooled.push(rows);
    Ok((listed, spooled))
}

/// Whether the labels that are named say that a column of objects is a map, or a struct.
fn as_map(plan: &CountPlan, path: &str) -> Option<bool> {
    let below = |name: &str| Some(name.strip_prefix(path)?.strip_prefix('.')?.to_owned());
    let mut names = plan.labels.iter().flat_map(|names| names.split(','));
    names.find_map(|name| match below(name) {
        None => (name == path).then_some(true),
        Some(inside) => Some(matches!(&inside[..], "key" | "value")),
    })
}

/// The columns of a stream that are stored: the named ones, if all needed columns are named.
fn streamed(plan: &CountPlan, schema: &Schema) -> Result<Vec<usize>> {
    if plan.labels.is_empty() || plan.filter.is_some() {
        return Ok((0..schema.fields().len()).collect());
    }
    // Columns that hold label columns are stored whole.
    let inside = layout::nested(&plan.labels, schema);
    if !inside.is_empty() || plan.labels.iter().any(|name| LabelPath::of_map(name, schema).is_some()) {
        return Ok((0..schema.fields().len()).collect());
    }
    let labels = select(&plan.labels, schema)?;
    let beside = plan.id.iter().chain(&plan.value).chain(&plan.sample_weight).chain(&plan.by);
    let named: BTreeSet<&String> = labels.iter().chain(beside).collect();
    let fields = schema.fields().iter().enumerate();
    Ok(fields.filter(|(_, field)| named.contains(field.name())).map(|(i, _)| i).collect())
}
