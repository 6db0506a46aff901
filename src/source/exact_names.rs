//! Names of `--labels` that a column has exactly, though they would stand for other columns, too; and keys of folders
//! that globs do not stand for.

use arrow::datatypes::Schema;

use super::name_list::quoted;

/// What else `patterns` would stand for where a column has exactly their name, as a sentence.
#[must_use]
pub(crate) fn taken_exactly(patterns: &[String], schema: &Schema) -> Option<String> {
    let is_odd = |pattern: &&String| pattern.contains([',', '*', '?', '[', '!']);
    let found: Vec<String> =
        patterns.iter().filter(is_odd).flat_map(|pattern| of_one(pattern, schema)).collect();
    (!found.is_empty()).then(|| found.join("; "))
}

/// Keys of folders that a glob of `patterns` would stand for if they were columns, as a sentence; `labels` were taken,
/// and `other` keys have another use.
#[must_use]
pub(crate) fn keys_like(
    patterns: &[String],
    labels: &[String],
    other: &[String],
    keys: &[String],
) -> Option<String> {
    let parts = || patterns.iter().flat_map(|pattern| pattern.split(','));
    let is_like = |key: &str, glob: &str| glob::Pattern::new(glob).is_ok_and(|glob| glob.matches(key));
    let like = |key: &str| parts().find(|part| part.contains(['*', '?', '[']) && is_like(key, part));
    let is_free = |key: &&String| !labels.contains(key) && !other.contains(key);
    let found: Vec<String> = keys
        .iter()
        .filter(is_free)
        .filter_map(|key| like(key).map(|glob| format!("{glob:?} does not stand for the folder key {key:?}")))
        .collect();
    (!found.is_empty()).then(|| found.join("; "))
}

fn of_one(pattern: &str, schema: &Schema) -> Vec<String> {
    let is_column = |name: &str| schema.field_with_name(name).is_ok();
    // The other columns that a part of a list stands for.
    let others = |part: &str| -> Vec<&str> {
        let glob = glob::Pattern::new(part).ok();
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let matches = |name: &str| name == part || glob.as_ref().is_some_and(|glob| glob.matches(name));
        names.filter(|name| *name != pattern && matches(name)).collect()
    };
    if pattern.contains(',') && is_column(pattern) {
        let parts: Vec<Vec<&str>> = pattern.split(',').filter(|part| !part.is_empty()).map(others).collect();
        let is_list = parts.iter().all(|part| !part.is_empty());
        let said = |names: String| format!("{pattern:?} is one column, and not the columns {names}");
        return is_list.then(|| said(quoted(&parts.concat()))).into_iter().collect();
    }
    let parts = pattern.split(',').filter(|part| is_column(part));
    let shadow = |part: &str| {
        if let Some(name) = part.strip_prefix('!').filter(|name| is_column(name)) {
            return Some(format!("{part:?} is one column, and does not leave out {name:?}"));
        }
        let names: Vec<&str> = others(part).into_iter().filter(|name| *name != part).collect();
        (!names.is_empty()).then(|| format!("{part:?} is one column, and not also {}", quoted(&names)))
    };
    parts.filter_map(shadow).collect()
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    #[test]
    fn keys_of_folders_that_globs_would_match_are_told() {
        let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let said = |patterns: &[&str], labels: &[&str]| {
            let keys = all(&["l_part", "lang", "split"]);
            keys_like(&all(patterns), &all(labels), &all(&["lang"]), &keys)
        };
        let expected = "\"l*\" does not stand for the folder key \"l_part\"";
        assert_eq!(said(&["a,l*"], &["a", "l_a"]).as_deref(), Some(expected));
        assert_eq!(said(&["l*,l_part"], &["l_a", "l_part"]), None);
        assert_eq!(said(&["a", "b"], &["a", "b"]), None);
    }

    #[test]
    fn a_name_that_is_also_a_list_or_a_glob_is_told() {
        let said = |patterns: &[&str], columns: &[&str]| {
            let fields = columns.iter().map(|name| Field::new(*name, DataType::Int8, true));
            let patterns: Vec<String> = patterns.iter().map(|name| (*name).to_owned()).collect();
            taken_exactly(&patterns, &Schema::new(fields.collect::<Vec<_>>()))
        };
        let told = |patterns: &[&str], columns: &[&str]| said(patterns, columns).unwrap_or_default();
        assert_eq!(
            told(&["a,b"], &["a", "b", "a,b"]),
            "\"a,b\" is one column, and not the columns \"a\", \"b\""
        );
        assert_eq!(told(&["x,l*"], &["x", "l*", "lx"]), "\"l*\" is one column, and not also \"lx\"");
        assert_eq!(told(&["!a"], &["!a", "a"]), "\"!a\" is one column, and does not leave out \"a\"");
        for (patterns, columns) in [
            (&["a,b"][..], &["a,b", "a"][..]),
            (&["l*"], &["l*", "x"]),
            (&["l*"], &["la", "lb"]),
            (&["a", "b"], &["a", "b"]),
        ] {
            assert_eq!(said(patterns, columns), None, "{patterns:?}");
        }
    }
}
