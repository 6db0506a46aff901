//! Names of classes that the `datasets` library left in the footers of shards.

use serde_json::Value as Json;

use super::shards::Shard;
use super::vocabulary::check;
use crate::counts::Labels;
use crate::error::{Error, Result};

/// The footer entry that holds the features of a data set.
pub(super) const KEY: &str = "huggingface";
/// Names that a message shows of each shard.
const NAMES_SHOWN: usize = 4;

/// Names of a `ClassLabel` column, or of a list of them, in the footer of a shard.
pub(crate) fn class_names(shard: &Shard, column: &str) -> Option<Labels> {
    let entry: Json = serde_json::from_str(shard.key_value(KEY)?).ok()?;
    let feature = entry.get("info")?.get("features")?.get(column)?;
    let names = [Some(feature), feature.get("feature"), feature.get(0)]
        .into_iter()
        .flatten()
        .find_map(|f| f.get("names"))?;
    let labels: Labels =
        names.as_array()?.iter().map(Json::as_str).collect::<Option<Vec<_>>>()?.into_iter().collect();
    check(labels).ok()
}

/// The names that all shards agree on: the longest list where one begins with the other. Shards without names
/// share the indices of the others.
///
/// # Errors
/// [`Error::Input`] naming two shards where an index has different names.
pub(crate) fn agreed_class_names(shards: &[Shard], column: &str) -> Result<Option<Labels>> {
    let mut known: Option<(Labels, &Shard)> = None;
    let mut last: Option<&str> = None;
    for shard in shards {
        let entry = shard.key_value(KEY);
        if entry == last && entry.is_some() {
            continue;
        }
        last = entry;
        let Some(names) = class_names(shard, column) else { continue };
        known = match known {
            None => Some((names, shard)),
            Some((before, first)) => {
                if before.iter().zip(names.iter()).any(|(a, b)| a != b) {
                    return Err(differ(column, (&before, first), (&names, shard)));
                }
                if names.len() > before.len() { Some((names, shard)) } else { Some((before, first)) }
            }
        };
    }
    Ok(known.map(|(names, _)| names))
}

fn differ(column: &str, (a, first): (&Labels, &Shard), (b, second): (&Labels, &Shard)) -> Error {
    let shown = |names: &Labels| {
        let some: Vec<&str> = names.iter().take(NAMES_SHOWN).collect();
        format!("[{}{}]", some.join(", "), if names.len() > NAMES_SHOWN { ", …" } else { "" })
    };
    let at = (0..a.len().min(b.len())).find(|&i| a.name(i) != b.name(i)).unwrap_or(0);
    Error::input(format!(
        "class names of column {column:?} differ between shards: {} has {}, {} has {}, so that class {at} is {:?} in \
         one and {:?} in the other",
        first.name,
        shown(a),
        second.name,
        shown(b),
        a.name(at),
        b.name(at)
    ))
    .hint(format!(
        "write the shards with one list of names: in datasets, cast_column({column:?}, ClassLabel(names=[…]))"
    ))
}
