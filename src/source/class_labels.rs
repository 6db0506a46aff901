//! Names of classes that the `datasets` library left in the footers of shards.

use serde_json::{Map, Value as Json};

use super::shards::Shard;
use super::vocabulary::check;
use crate::counts::Labels;
use crate::error::{Error, Result};

/// The footer entry that holds the features of a data set.
pub(super) const KEY: &str = "huggingface";
/// Names that a message shows of each shard.
const NAMES_SHOWN: usize = 4;

/// Names of a `ClassLabel` column in the footer of a shard: of the column itself, of the elements of lists, or of what
/// a path such as `objects.category` leads to.
pub(crate) fn class_names(shard: &Shard, column: &str) -> Option<Labels> {
    let entry: Json = serde_json::from_str(shard.key_value(KEY)?).ok()?;
    let names = names_in(entry.get("info")?.get("features")?.as_object()?, column)?;
    check(names.iter().map(Json::as_str).collect::<Option<Vec<_>>>()?.into_iter().collect()).ok()
}

/// The names that `path` leads to from one of `features`. A feature whose own name has the dot wins.
fn names_in<'j>(features: &'j Map<String, Json>, path: &str) -> Option<&'j Vec<Json>> {
    if let Some(feature) = features.get(path) {
        return names_of(feature, "");
    }
    features.iter().find_map(|(name, feature)| {
        let rest = path.strip_prefix(name.as_str())?.strip_prefix('.')?;
        names_of(feature, rest)
    })
}

/// The names that `rest` leads to from a feature: through lists, however they are written, and fields of structs.
fn names_of<'j>(feature: &'j Json, rest: &str) -> Option<&'j Vec<Json>> {
    match feature {
        // The way in which `datasets` wrote lists at first.
        Json::Array(elements) => names_of(elements.first()?, rest),
        Json::Object(object) => {
            let is_struct = !object.get("_type").is_some_and(Json::is_string);
            let field = if is_struct && !rest.is_empty() { names_in(object, rest) } else { None };
            let own = || object.get("names").and_then(Json::as_array).filter(|_| rest.is_empty());
            field.or_else(own).or_else(|| names_of(object.get("feature")?, rest))
        }
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(features: &Json, path: &str) -> Option<usize> {
        names_in(features.as_object().unwrap(), path).map(Vec::len)
    }

    #[test]
    fn names_are_found_whatever_holds_them() {
        let class = json!({"names": ["a", "b", "c"], "_type": "ClassLabel"});
        let list = |of: &Json| json!({"feature": of, "_type": "List"});
        let box_of = |of: &Json| json!({"bbox": {"dtype": "int8", "_type": "Value"}, "category": of});
        for (features, path) in [
            (json!({"label": class}), "label"),
            (json!({"label": list(&class)}), "label"),
            (json!({"label": [class]}), "label"),
            (json!({"label": list(&list(&class))}), "label"),
            (json!({"label": {"feature": class}}), "label"),
            (json!({"meta": {"cls": class}}), "meta.cls"),
            (json!({"objects": list(&box_of(&class))}), "objects.category"),
            (json!({"objects": box_of(&list(&class))}), "objects.category"),
            (json!({"objects": [box_of(&class)]}), "objects.category"),
            (json!({"page": {"lines": list(&box_of(&list(&class)))}}), "page.lines.category"),
            (json!({"a": {"feature": {"_type": class}}}), "a.feature._type"),
            (json!({"a": {"b": [1]}, "a.b": class}), "a.b"),
        ] {
            assert_eq!(found(&features, path), Some(3), "{path} of {features}");
        }
        let features = json!({"objects": box_of(&class), "names": {"dtype": "string", "_type": "Value"}});
        for path in ["objects", "objects.bbox", "category", "names", "objects.category.names"] {
            assert_eq!(found(&features, path), None, "{path}");
        }
    }
}
