//! A pipeline file becomes a spec, or an error with line and column.

use std::ops::Range;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::{Map as JsonMap, Value as Json};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::spec::{OneOrMany, STDIO, Spec, ValueSpec};
use super::variables::Variables;
use crate::checks::CHECKS;
use crate::error::{Error, Result};
use crate::store::{is_address, of_path};

/// Where a reader finds an example.
const HINT: &str = "see pipelines/ for specs that run";

/// Reads the text of a pipeline file.
///
/// # Errors
/// [`Error::Usage`] with line and column for anything that is not a spec.
pub(crate) fn parse(text: &str) -> Result<Spec> {
    let document = DeTable::parse(text).map_err(|cause| {
        Error::usage(format!("not a valid spec:\n{}", cause.to_string().trim_end())).hint(HINT)
    })?;
    let document = document.into_inner();
    let value_keys = keys::<ValueSpec>();
    check_keys(text, &document, &keys::<Spec>())?;
    check_checks(text, &document)?;
    if let Some(labels) = document.get("label").and_then(|labels| labels.get_ref().as_table()) {
        for label in labels.values().filter_map(|label| label.get_ref().as_table()) {
            check_keys(text, label, &value_keys)?;
        }
    }
    // One key at a time, and one entry of a table at a time, so that a wrong value is found at its place:
    // flattened and untagged types forget where they were read.
    for (key, value) in &document {
        check_value(text, &[key.get_ref()], value)?;
    }
    let document = Spanned::new(0..text.len(), DeValue::Table(document));
    Spec::deserialize(ValueDeserializer::from(document))
        .map_err(|cause| Error::usage(cause.message().to_owned()).hint(HINT))
}

/// Reads keys of a spec, whose values are as JSON has them, into `spec`; `null` is not given.
///
/// # Errors
/// [`Error::Usage`] for a key that does not exist and a value that does not fit it.
pub(crate) fn put(spec: &mut Spec, given: JsonMap<String, Json>) -> Result<()> {
    let known = keys::<Spec>();
    let mut all = match serde_json::to_value(&*spec) {
        Ok(Json::Object(all)) => all,
        Ok(other) => return Err(Error::internal(format!("a spec is {other}"))),
        Err(cause) => return Err(Error::internal(cause.to_string())),
    };
    for (key, value) in given {
        if !known.contains(&key) {
            let near = crate::source::vocabulary::nearest(&key, known.iter().map(String::as_str));
            let hint = near.map_or_else(
                || format!("keys are {}", known.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            return Err(Error::usage(format!("there is no key \"{key}\"")).hint(hint));
        }
        if value.is_null() {
            continue;
        }
        // A wrong value is found here, before flattened and untagged types forget which key it was.
        let alone = Json::Object(std::iter::once((key.clone(), value.clone())).collect());
        Spec::deserialize(alone).map_err(|cause| {
            Error::usage(format!("key \"{key}\": {}", in_words(&cause.to_string())))
                .hint(about(&key, &value).unwrap_or_else(|| HINT.to_owned()))
        })?;
        all.insert(key, value);
    }
    *spec =
        Spec::deserialize(Json::Object(all)).map_err(|cause| Error::usage(cause.to_string()).hint(HINT))?;
    Ok(())
}

/// What serde says of a value, without names of types.
fn in_words(cause: &str) -> String {
    let untagged = "data did not match any variant of untagged enum ";
    if cause.starts_with(untagged) {
        "expected a value or a list of values".to_owned()
    } else {
        cause.to_owned()
    }
}

/// What a key is for, where its value does not fit it.
fn about(key: &str, value: &Json) -> Option<String> {
    if let ("clip", Some(most)) = (key, value.as_number()) {
        return Some(format!("give the smallest and the largest weight: --clip 0,{most}"));
    }
    let schema = schema_for!(Spec);
    let about = schema.get("properties")?.get(key)?.get("description")?.as_str()?;
    Some(format!("{key}: {}", about.replace('\n', " ").trim_end_matches('.')))
}

/// The keys that a type of the spec has.
pub(super) fn keys<T: JsonSchema>() -> Vec<String> {
    let schema = schema_for!(T);
    let properties = schema.get("properties").and_then(|properties| properties.as_object());
    properties.into_iter().flat_map(|properties| properties.keys().cloned()).collect()
}

/// Whether a pipeline file has such a key.
#[must_use]
pub(crate) fn is_key(name: &str) -> bool {
    keys::<Spec>().iter().any(|key| key == name)
}

/// The checks of a file are those that there are.
fn check_checks(text: &str, document: &DeTable<'_>) -> Result<()> {
    let Some(checks) = document.get("checks").and_then(|checks| checks.get_ref().as_table()) else {
        return Ok(());
    };
    let known = || CHECKS.iter().map(|info| info.name);
    let Some(key) = checks.keys().find(|key| !known().any(|name| name == key.get_ref())) else {
        return Ok(());
    };
    let hint = crate::source::vocabulary::nearest(key.get_ref(), known()).map_or_else(
        || format!("the checks are {}", known().collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean {near}?"),
    );
    Err(Error::usage(format!("{}: unknown check \"{}\"", place(text, &key.span()), key.get_ref())).hint(hint))
}

/// What to do about a value that does not fit its key.
fn remedy(path: &[&str], value: &DeValue<'_>) -> String {
    match (path, value) {
        (["label"], _) => {
            "to name the label columns, write labels; [label.NAME] says what the values of one label mean"
                .to_owned()
        }
        (["clip"], DeValue::Integer(_) | DeValue::Float(_)) => {
            "give the smallest and the largest weight: clip = [0, 5]".to_owned()
        }
        (["checks", _], DeValue::Table(table)) => match table.get("severity").map(Spanned::get_ref) {
            Some(DeValue::String(severity)) if !["warn", "error"].contains(&&**severity) => {
                format!("severity is \"warn\" or \"error\", not \"{severity}\"")
            }
            _ => HINT.to_owned(),
        },
        _ => HINT.to_owned(),
    }
}

fn check_keys(text: &str, table: &DeTable<'_>, known: &[String]) -> Result<()> {
    let Some(key) = table.keys().find(|key| !known.iter().any(|known| known == key.get_ref())) else {
        return Ok(());
    };
    let near = crate::source::vocabulary::nearest(key.get_ref(), known.iter().map(String::as_str));
    let hint =
        near.map_or_else(|| format!("keys are {}", known.join(", ")), |near| format!("did you mean {near}?"));
    Err(Error::usage(format!("{}: there is no key \"{}\"", place(text, &key.span()), key.get_ref()))
        .hint(hint))
}

/// Whether a spec with this key alone is one.
fn check_value(text: &str, path: &[&str], value: &Spanned<DeValue<'_>>) -> Result<()> {
    if let ([_] | [_, _], DeValue::Table(table)) = (path, value.get_ref())
        && matches!(path[0], "checks" | "label")
        && !(path[0] == "checks" && path.len() == 2)
    {
        return table
            .iter()
            .try_for_each(|(key, value)| check_value(text, &[path, &[key.get_ref()]].concat(), value));
    }
    let mut nested = value.clone();
    for key in path.iter().rev() {
        let span = value.span();
        let mut table = DeTable::new();
        table.insert(Spanned::new(span.clone(), (*key).into()), nested);
        nested = Spanned::new(span, DeValue::Table(table));
    }
    match Spec::deserialize(ValueDeserializer::from(nested)) {
        Ok(_) => Ok(()),
        Err(cause) => Err(Error::usage(format!(
            "{}: key \"{}\": {}",
            place(text, &value.span()),
            path.join("."),
            cause.message()
        ))
        .hint(remedy(path, value.get_ref()))),
    }
}

/// `line 3, column 9`.
fn place(text: &str, span: &Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    format!("line {line}, column {column}")
}

/// Reads a pipeline file; its paths start at its own folder, and `${NAME}` in them is looked up in
/// `variables`.
///
/// # Errors
/// [`Error::Usage`] with line and column for anything that is not a spec, and for unknown variables.
pub(crate) fn read(path: &Path, variables: &Variables) -> Result<Spec> {
    let text = std::fs::read_to_string(path).map_err(|cause| match Error::reading(path, &cause) {
        Error::Input(detail) => Error::Usage(detail),
        other => other,
    })?;
    let mut spec = parse(&text).map_err(|error| error.at(path.display()))?;
    // Comments are no part of it.
    variables.check_used(&spec.to_toml()?).map_err(|error| error.at(path.display()))?;
    expand(&mut spec, variables)?;
    start_at(&mut spec, path.parent().unwrap_or(Path::new("")));
    Ok(spec)
}

/// The file for the summary that a pipeline file names, also where the rest of the file is wrong.
#[must_use]
pub(crate) fn summary_place(path: &Path, variables: &Variables) -> Option<PathBuf> {
    let text = std::fs::read_to_string(path).ok()?;
    let place = text.lines().find_map(|line| {
        let line = line.trim_start();
        let table: toml::Table = line.starts_with("summary_json").then(|| line.parse().ok()).flatten()?;
        Some(table.get("summary_json")?.as_str()?.to_owned())
    })?;
    let place = variables.expand_path(&place).ok()?;
    Some(within(path.parent().unwrap_or(Path::new("")), Path::new(&place)))
}

/// Relative paths start at `folder`.
fn start_at(spec: &mut Spec, folder: &Path) {
    let join = |path: &str| {
        if is_address(path) || path == STDIO {
            path.to_owned()
        } else {
            within(folder, Path::new(path)).display().to_string()
        }
    };
    let shards = spec.shards.take();
    spec.shards = shards.map(|shards| OneOrMany::Many(shards.to_vec().iter().map(|s| join(s)).collect()));
    spec.vocabulary = spec.vocabulary.take().map(|path| join(&path));
    spec.ancestors = spec.ancestors.take().map(|path| join(&path));
    for (place, _) in places(spec) {
        if place.as_os_str() != STDIO && of_path(place).is_none() {
            *place = within(folder, place);
        }
    }
    let events = spec.openlineage.as_deref().and_then(|place| place.strip_prefix("file:"));
    if let Some(path) = events.filter(|path| *path != STDIO) {
        spec.openlineage = Some(format!("file:{}", within(folder, Path::new(path)).display()));
    }
}

/// Files and folders that are written, and the result that is compared with.
fn places(spec: &mut Spec) -> impl Iterator<Item = (&mut PathBuf, &'static str)> {
    let Spec { out, against, state, spill_dir, token_file, summary_json, metrics_textfile, .. } = spec;
    let places = [
        (out, "out"),
        (against, "against"),
        (state, "state"),
        (spill_dir, "spill_dir"),
        (token_file, "token_file"),
        (summary_json, "summary_json"),
        (metrics_textfile, "metrics_textfile"),
    ];
    places.into_iter().filter_map(|(place, key)| Some((place.as_mut()?, key)))
}

/// Replaces `${NAME}` in paths and the condition.
fn expand(spec: &mut Spec, variables: &Variables) -> Result<()> {
    let expanded = |text: &str, key: &str, empty: bool| {
        let expanded = if empty { variables.expand(text) } else { variables.expand_path(text) };
        expanded.map_err(|error| error.at(format!("key \"{key}\"")))
    };
    let one = |text: &mut String, key: &str| {
        *text = expanded(text, key, matches!(key, "where" | "query"))?;
        Ok::<_, Error>(())
    };
    match &mut spec.shards {
        Some(OneOrMany::One(text)) => one(text, "shards")?,
        Some(OneOrMany::Many(texts)) => texts.iter_mut().try_for_each(|text| one(text, "shards"))?,
        None => {}
    }
    for (text, key) in [
        (&mut spec.vocabulary, "vocabulary"),
        (&mut spec.ancestors, "ancestors"),
        (&mut spec.r#where, "where"),
        (&mut spec.query, "query"),
        (&mut spec.openlineage, "openlineage"),
    ] {
        text.as_mut().map_or(Ok(()), |text| one(text, key))?;
    }
    for (place, key) in places(spec) {
        if let Some(text) = place.to_str() {
            let mut text = text.to_owned();
            one(&mut text, key)?;
            *place = text.into();
        }
    }
    Ok(())
}

/// `path` as seen from `folder`, without going into the folder and out again.
fn within(folder: &Path, path: &Path) -> PathBuf {
    let (mut folder, mut rest) = (folder, path);
    while let Ok(below) = rest.strip_prefix("..") {
        // `..` of a linked folder is the parent of its target, not of the link.
        let is_plain = folder.file_name().is_some() && !folder.is_symlink();
        let Some(parent) = folder.parent().filter(|_| is_plain) else { break };
        (folder, rest) = (parent, below);
    }
    folder.join(rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mistakes_are_found_at_their_place() {
        for (text, says) in [
            ("shards = \"x\"\n layot = \"wide\"\n", "line 2, column 2: there is no key \"layot\""),
            ("num_labels = \"many\"", "line 1, column 14: key \"num_labels\": "),
            ("soft = 1", "line 1, column 8: key \"soft\": "),
            ("[label.a]\nthreshhold = 0.5", "line 2, column 1: there is no key \"threshhold\""),
            ("[label]\na.threshold = \"x\"", "line 2, column 15: key \"label.a.threshold\": "),
            (
                "[checks]\nmin_rows = 1\nmin_positives = true",
                "line 3, column 17: key \"checks.min_positives\": a limit is",
            ),
            ("a = ", "line 1, column 5"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(says), "{error}\nfor {text}");
        }
    }

    #[test]
    fn keys_are_put_as_json_has_them() {
        let put = |spec: &mut Spec, given: Json| put(spec, given.as_object().unwrap().clone());
        let mut spec = Spec::default();
        put(&mut spec, json!({ "labels": ["a", "b"], "missing_values": -100, "threads": null })).unwrap();
        put(
            &mut spec,
            json!({ "clip": [0, 5], "checks": { "min_rows": 1 }, "label": { "a": { "soft": true } } }),
        )
        .unwrap();
        let text = "labels = [\"a\", \"b\"]\nmissing_values = -100\nclip = [0.0, 5.0]\n[checks]\nmin_rows = 1\n\
                    [label.a]\nsoft = true";
        assert_eq!(spec, parse(text).unwrap());
        let error = put(&mut spec, json!({ "layot": "wide" })).unwrap_err();
        assert_eq!((error.exit_code(), error.remedy()), (2, Some("did you mean layout?")));
        let error = put(&mut spec, json!({ "num_labels": "many" })).unwrap_err();
        assert!(error.to_string().starts_with("key \"num_labels\": "), "{error}");
        assert_eq!(error.remedy(), Some("num_labels: Number of labels, C"));
        let error = put(&mut spec, json!({ "clip": 5 })).unwrap_err();
        assert_eq!(error.remedy(), Some("give the smallest and the largest weight: --clip 0,5"));
        let error = parse("clip = 5").unwrap_err();
        assert_eq!(error.remedy(), Some("give the smallest and the largest weight: clip = [0, 5]"));
        let error = put(&mut spec, json!({ "scheme": 5 })).unwrap_err();
        assert_eq!(error.to_string(), "key \"scheme\": expected a value or a list of values");
    }

    #[test]
    fn every_key_of_a_spec_is_known() {
        let known = keys::<Spec>();
        assert!(known.len() > 45 && known.iter().any(|key| key == "uncertain_as"), "{known:?}");
        let text = "shards = [\"a\", \"-\"]\nmissing_values = -1\nlabels = \"l*\"\n[label.x]\nsoft = true";
        let spec = parse(text).unwrap();
        assert_eq!(parse(&spec.to_toml().unwrap()).unwrap(), spec);
    }
}
