//! What a run would do with every shard, and why.

use super::machine::Machine;
use super::opening::{Opened, open_plan};
use super::plan::Plan;
use super::spec::Spec;
use crate::engine::fates;
use crate::engine::states::{Fate, States};
use crate::error::{Error, Result};
use crate::report::visible;
use crate::source::shards::Unreadable;

/// One line per shard: `reused`, `new`, `changed`, `skipped` or `removed`, the path, and why. Nothing is
/// counted or written.
///
/// # Errors
/// Those of the run, up to where it would begin to count; [`Error::Usage`] without a state file.
pub(crate) fn explain(spec: Spec) -> Result<String> {
    let plan = Plan::resolve(spec, Machine::here())?;
    let path = plan.state.as_ref().ok_or_else(|| {
        Error::usage("no file saves counts of shards, so every run reads every shard")
            .hint("name one with --state FILE, or the key state of a spec")
    })?;
    let Opened { dataset, counting, heads, unreadable, others, .. } = open_plan(&plan)?;
    let looked = if heads.is_empty() {
        vec![(States::look(path, &counting, &dataset.schema_with_keys())?, &counting)]
    } else {
        let mut looked = Vec::with_capacity(heads.len());
        for head in &heads {
            let path = States::path_of_head(path, head.layout.column());
            looked.push((States::look(&path, head, &dataset.schema_with_keys())?, head));
        }
        looked
    };
    let all: Vec<_> =
        looked.iter().map(|(states, counting)| (states, fates(states, &dataset.shards, counting))).collect();
    let mut text = String::new();
    for (at, shard) in dataset.shards.iter().enumerate() {
        // Of several heads, one that is not reused decides.
        let of_heads = || all.iter().filter_map(|(states, fates)| Some((states, *fates.get(at)?)));
        let is_reused = |fate: &(Fate, bool)| matches!(fate, (Fate::Reused, true));
        let one = of_heads().find(|(_, fate)| !is_reused(fate)).or_else(|| of_heads().next());
        let Some((states, (fate, kept))) = one else { continue };
        let (fate, why) = match fate {
            _ if plan.full => ("counted", "--full asks for it"),
            _ if !kept => {
                ("counted", "its row ids may lie in other shards too; --ids-disjoint says they do not")
            }
            Fate::New => match states.why_anew() {
                Some(why) => ("counted", why),
                None => ("new", "no counts of this path are saved"),
            },
            Fate::Changed => ("changed", "it was replaced or rewritten since its counts were saved"),
            Fate::Reused => ("reused", "it is the file whose counts were saved"),
        };
        text.push_str(&format!("{fate:8} {}  ({why})\n", visible(&shard.name)));
    }
    for Unreadable { name, error } in &unreadable {
        let why = error.to_string();
        let why = why.strip_prefix(name.as_str()).and_then(|why| why.strip_prefix(": ")).unwrap_or(&why);
        text.push_str(&format!("skipped  {}  ({})\n", visible(name), visible(why)));
    }
    let listed = || dataset.shards.iter().chain(&others);
    for gone in looked.first().into_iter().flat_map(|(states, _)| states.removed(listed())) {
        let gone = visible(&gone.display().to_string());
        text.push_str(&format!("removed  {gone}  (it is not among the sources any more)\n"));
    }
    Ok(text)
}
