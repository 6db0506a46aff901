//! Maps as label columns: their keys are labels, and their values say which of them a row has.

use super::count_plan::CountPlan;
use crate::error::{Error, Result};
use crate::source::label_path::{LabelPath, map_ends};
use crate::source::layout::{Layout, LayoutKind};
use crate::source::shards::Shard;

/// The map that the plan names as its labels, if it does.
pub(super) fn map_named(plan: &CountPlan, shards: &[Shard]) -> Option<String> {
    let [name] = &plan.labels[..] else { return None };
    let is_free = plan.value.is_none() && plan.layout.is_none_or(|layout| layout == LayoutKind::Map);
    let is_map = |shard: &Shard| LabelPath::of_map(name, &shard.schema).is_some();
    (is_free && shards.iter().any(is_map)).then(|| name.clone())
}

/// The plan with the keys of a map as labels, and its values beside them.
pub(super) fn of_map(plan: &CountPlan, map: &str) -> CountPlan {
    let [keys, values] = map_ends(map);
    CountPlan { labels: vec![keys], value: Some(values), ..plan.clone() }
}

/// The shards with the columns inside the map that is the one label column, which then are in its place.
pub(super) fn with_map(layout: &mut Layout, shards: Vec<Shard>) -> Vec<Shard> {
    let is_map = |shard: &Shard| LabelPath::of_map(layout.column(), &shard.schema).is_some();
    if layout.kind != LayoutKind::Map || layout.value.is_some() || !shards.iter().any(is_map) {
        return shards;
    }
    let ends = map_ends(layout.column());
    let shards = shards.into_iter().map(|shard| shard.with_nested(ends.iter().map(String::as_str))).collect();
    let [keys, values] = ends;
    (layout.labels, layout.value) = (vec![keys], Some(values));
    shards
}

/// Values that are not in the same lists as the labels: which belongs to which would be a guess.
pub(super) fn refuse_apart(layout: &Layout, shards: &[Shard]) -> Result<()> {
    let (LayoutKind::Map, Some(values)) = (layout.kind, &layout.value) else { return Ok(()) };
    let is_apart = |shard: &&Shard| {
        let path = |name: &str| Some(shard.nested_at(shard.schema.index_of(name).ok()?)?.1);
        let pair = [layout.column(), values].map(path);
        let is_beside = matches!(pair, [Some(labels), Some(values)] if labels.is_beside(values));
        !is_beside && pair.into_iter().flatten().any(|path| path.lists() != 1)
    };
    match shards.iter().find(is_apart) {
        None => Ok(()),
        Some(shard) => Err(Error::input(format!(
            "{}: the values {values:?} are not in the same lists as the labels {:?}",
            shard.name,
            layout.column()
        ))
        .hint("name two fields of one list of structs with --labels and --value, or two lists of the same length")),
    }
}

/// Keys or values of a map that are read without the others.
pub(super) fn refuse_in_map(plan: &CountPlan, shards: &[Shard]) -> Result<()> {
    if plan.value.is_some() {
        return Ok(());
    }
    let in_map = |shard: &Shard| {
        let mut nested = shard.nested_names().zip(shard.nested.iter());
        nested.find(|(_, path)| path.is_in_map()).map(|(name, _)| name.to_owned())
    };
    match shards.iter().find_map(|shard| Some((shard, in_map(shard)?))) {
        None => Ok(()),
        Some((shard, name)) => {
            let map = name.rsplit_once('.').map_or(name.as_str(), |(map, _)| map);
            Err(Error::input(format!(
                "{}: column {name:?} is inside a map, and the key of a map is a label only if its value says so",
                shard.name
            ))
            .hint(format!("read both with --labels {map} --layout map")))
        }
    }
}
