//! What is seen of shards before they are counted.

use serde_json::{Value as Json, json};

use super::options::Options;
use crate::error::{Error, Result};
use crate::pipeline::destination::Destination;
use crate::pipeline::machine::Machine;
use crate::pipeline::opening::{Opened, open_whole};
use crate::pipeline::plan::Plan;
use crate::pipeline::spec::OneOrMany;
use crate::source::evidence::gather;

/// Shards, columns and the layout that is detected, as JSON: `rows`, `shards`, `columns`, `layout`, `labels`, `why`, and
/// `spec`, the pipeline file to start from.
///
/// # Errors
/// As `posweight inspect`; [`Error::Usage`] also where the layout is in doubt.
pub fn inspect(options: Options) -> Result<String> {
    let Options { mut spec, streams, .. } = options.ready()?;
    let mut plan = Plan::resolve_to(spec.clone(), Machine::left(), Destination::of_program)?;
    plan.count.streams = streams;
    let opened = open_whole(&plan)?;
    let Opened { dataset, detected, .. } = &opened;
    let cells = gather(&dataset.shards, &dataset.schema, &|_| true)?;
    let shard = |shard: &crate::source::shards::Shard| json!({ "name": shard.name, "rows": shard.rows, "bytes": shard.bytes });
    let column = |field: &arrow::datatypes::FieldRef| {
        let shown = cells.get(field.name()).map(|evidence| evidence.shown.clone()).unwrap_or_default();
        json!({ "name": field.name(), "type": field.data_type().to_string(), "cells": shown })
    };
    let layout = &detected.layout;
    spec.layout = Some(layout.kind.to_string());
    spec.labels = spec.labels.or_else(|| Some(OneOrMany::Many(layout.labels.clone())));
    spec.id.clone_from(&layout.id);
    spec.value.clone_from(&layout.value);
    spec.delimiter.clone_from(&layout.delimiter);
    let seen = json!({
        "rows": dataset.shards.iter().map(|shard| shard.rows).sum::<u64>(),
        "shards": dataset.shards.iter().map(shard).collect::<Json>(),
        "columns": dataset.schema.fields().iter().map(column).collect::<Json>(),
        "layout": layout.kind.to_string(),
        "labels": layout.labels,
        "why": detected.why,
        "spec": spec.to_toml()?,
    });
    serde_json::to_string(&seen).map_err(|cause| Error::internal(cause.to_string()))
}
