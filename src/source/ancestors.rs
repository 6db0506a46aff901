//! Labels in a hierarchy: a row that has a label has the ancestors of the label too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::spelling::Spelling;
use super::vocabulary::{bytes, text};
use crate::error::{Error, Result};
use crate::guard::guarded;

/// All ancestors of each label that has some, from a file of (child, parent) pairs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ancestors {
    /// By the key of the label.
    above: BTreeMap<String, Vec<String>>,
    spelling: Spelling,
}

type Pair = (String, String);

impl Ancestors {
    /// Reads a file by the end of its name: `.csv` and `.parquet` with columns `child` and `parent`; `.json` a list of
    /// pairs, or a map from child to its parent or parents. A file may be an object of a store.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file: unreadable, of another shape, with a label among its own ancestors;
    /// [`Error::Usage`] for another kind of file.
    pub(crate) fn read(given: &str, spelling: Spelling) -> Result<Self> {
        let path = Path::new(given);
        let pairs = match path.extension().and_then(|end| end.to_str()).unwrap_or("") {
            "csv" => text(path).and_then(|text| from_csv(&text)),
            "json" => text(path).and_then(|text| from_json(&text)),
            "parquet" => bytes(path).and_then(from_parquet),
            _ => Err(Error::usage("the name does not end in .csv, .json or .parquet")
                .hint("write pairs as CSV with the heading child,parent")),
        };
        pairs
            .and_then(|pairs| Self::of(pairs, spelling))
            .map_err(|error| error.at(format!("--ancestors {given}")))
    }

    /// The ancestors that pairs of child and parent lead to.
    fn of(pairs: Vec<Pair>, spelling: Spelling) -> Result<Self> {
        let mut parents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (child, parent) in pairs {
            let [child, parent] = [child, parent].map(|name| spelling.trimmed(&name).to_owned());
            if child.is_empty() || parent.is_empty() {
                return Err(Error::input(format!("a pair lacks a name: {child:?}, {parent:?}"))
                    .hint("leave out labels without a parent"));
            }
            parents.entry(spelling.key(&child).into_owned()).or_default().insert(parent);
        }
        let mut above = BTreeMap::new();
        for child in parents.keys() {
            let (mut all, mut waiting) = (BTreeSet::new(), vec![child.as_str()]);
            while let Some(name) = waiting.pop() {
                for parent in parents.get(&*spelling.key(name)).into_iter().flatten() {
                    if *spelling.key(parent) == **child {
                        return Err(cycle(&parents, child, spelling));
                    }
                    if all.insert(parent.as_str()) {
                        waiting.push(parent);
                    }
                }
            }
            above.insert(child.clone(), all.into_iter().map(str::to_owned).collect());
        }
        Ok(Self { above, spelling })
    }

    /// The ancestors of a label.
    pub(crate) fn of_label(&self, name: &str) -> &[String] {
        self.above.get(&*self.spelling.key(name)).map_or(&[], Vec::as_slice)
    }

    /// Every label and every ancestor in the file.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let ancestors = self.above.values().flatten().map(String::as_str);
        self.above.keys().map(String::as_str).chain(ancestors).collect()
    }

    /// Leaves out ancestors for which `is_none` says that they name no label.
    pub(crate) fn leave_out(&mut self, is_none: impl Fn(&str) -> bool) {
        self.above.values_mut().for_each(|all| all.retain(|name| !is_none(name)));
    }
}

/// The error for a label that is its own ancestor, with the way back to it.
fn cycle(parents: &BTreeMap<String, BTreeSet<String>>, start: &str, spelling: Spelling) -> Error {
    // The first way found, by depth.
    let (mut before, mut waiting) = (BTreeMap::new(), vec![start.to_owned()]);
    let mut last = start.to_owned();
    'search: while let Some(name) = waiting.pop() {
        for parent in parents.get(&name).into_iter().flatten() {
            let parent = spelling.key(parent).into_owned();
            if parent == start {
                last = name;
                break 'search;
            }
            if !before.contains_key(&parent) {
                before.insert(parent.clone(), name.clone());
                waiting.push(parent);
            }
        }
    }
    let mut way = vec![start.to_owned(), last.clone()];
    while last != start
        && let Some(name) = before.get(&last)
    {
        way.push(name.clone());
        last.clone_from(name);
    }
    way.reverse();
    Error::input(format!("label {start:?} is its own ancestor: {}", way.join(" → ")))
        .hint("remove one of these pairs")
}

/// Where child and parent lie among columns.
fn columns(header: &[String]) -> Result<(usize, usize)> {
    let find = |name: &str| header.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
    match (find("child"), find("parent")) {
        (Some(child), Some(parent)) => Ok((child, parent)),
        _ => Err(Error::input(format!("expected columns child and parent, found {}", header.join(", ")))
            .hint("name the columns child and parent; in CSV, the first line is child,parent")),
    }
}

fn from_csv(text: &str) -> Result<Vec<Pair>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let rows = reader
        .records()
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|cause| Error::input(format!("not CSV: {cause}")))?;
    let header: Vec<String> = rows.first().into_iter().flatten().map(str::to_owned).collect();
    let (child, parent) = columns(&header)?;
    let cell = |row: &csv::StringRecord, at: usize| row.get(at).unwrap_or("").to_owned();
    Ok(rows[1..].iter().map(|row| (cell(row, child), cell(row, parent))).collect())
}

fn from_json(text: &str) -> Result<Vec<Pair>> {
    let shape = || {
        Error::input("expected a list of [child, parent], or a map from child to its parent or parents")
            .hint("for example [[\"poodle\", \"dog\"]] or {\"poodle\": [\"dog\", \"pet\"]}")
    };
    let name = |value: &Json| match value {
        Json::String(name) => Ok(name.clone()),
        Json::Number(number) => Ok(number.to_string()),
        _ => Err(shape()),
    };
    match serde_json::from_str(text).map_err(|cause| Error::input(format!("not JSON: {cause}")))? {
        Json::Array(pairs) => pairs
            .iter()
            .map(|pair| match pair {
                Json::Array(both) if both.len() == 2 => Ok((name(&both[0])?, name(&both[1])?)),
                Json::Object(both) if both.len() == 2 => {
                    let of = |key: &str| both.get(key).ok_or_else(shape).and_then(name);
                    Ok((of("child")?, of("parent")?))
                }
                _ => Err(shape()),
            })
            .collect(),
        Json::Object(map) => {
            let mut pairs = Vec::new();
            for (child, parents) in &map {
                match parents {
                    Json::Array(all) => {
                        for parent in all {
                            pairs.push((child.clone(), name(parent)?));
                        }
                    }
                    one => pairs.push((child.clone(), name(one)?)),
                }
            }
            Ok(pairs)
        }
        _ => Err(shape()),
    }
}

fn from_parquet(file: bytes::Bytes) -> Result<Vec<Pair>> {
    // Damaged files can panic inside the decoder.
    guarded(|| pairs_of(file))
        .unwrap_or_else(|| Err(Error::input("not a readable Parquet file: the decoder gave up")))
}

fn pairs_of(file: bytes::Bytes) -> Result<Vec<Pair>> {
    let bad = |cause: &dyn std::fmt::Display| Error::input(format!("not a readable Parquet file: {cause}"));
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|cause| bad(&cause))?;
    let header: Vec<String> = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
    let (child, parent) = columns(&header)?;
    let mut pairs = Vec::new();
    for batch in builder.build().map_err(|cause| bad(&cause))? {
        let batch = batch.map_err(|cause| bad(&cause))?;
        let text = |at: usize| cast(batch.column(at), &DataType::Utf8).map_err(|cause| bad(&cause));
        let (children, parents) = (text(child)?, text(parent)?);
        let both = children.as_string::<i32>().iter().zip(parents.as_string::<i32>());
        pairs.extend(both.map(|(a, b)| (a.unwrap_or("").to_owned(), b.unwrap_or("").to_owned())));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Ancestors> {
        let pairs = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Ancestors::of(pairs, Spelling::default())
    }

    #[test]
    fn ancestors_are_all_that_parents_lead_to() {
        let all = of(&[("poodle", "dog"), ("dog", "animal"), ("dog", "pet"), ("pet", "animal")]).unwrap();
        assert_eq!(all.of_label("poodle"), ["animal", "dog", "pet"]);
        assert_eq!(all.of_label("animal"), [""; 0]);
        assert_eq!(all.names().into_iter().collect::<Vec<_>>(), ["animal", "dog", "pet", "poodle"]);
    }

    #[test]
    fn a_cycle_is_named() {
        let said = |pairs: &[(&str, &str)]| of(pairs).unwrap_err().to_string();
        assert!(said(&[("a", "a")]).contains("a → a"), "{}", said(&[("a", "a")]));
        let three = said(&[("a", "b"), ("b", "c"), ("b", "x"), ("c", "a")]);
        assert!(three.contains("a → b → c → a"), "{three}");
    }

    #[test]
    fn pairs_are_read_in_every_shape() {
        let expected = [("a".to_owned(), "b".to_owned()), ("1".to_owned(), "2".to_owned())];
        for text in
            [r#"[["a", "b"], [1, 2]]"#, r#"[{"child": "a", "parent": "b"}, {"parent": 2, "child": "1"}]"#]
        {
            assert_eq!(from_json(text).unwrap(), expected);
        }
        assert_eq!(from_json(r#"{"a": ["b", "c"]}"#).unwrap().len(), 2);
        assert_eq!(from_csv("parent,child\nb,a\n2,1\n").unwrap(), expected);
        assert!(from_csv("a,b\n").unwrap_err().to_string().contains("child and parent"));
        assert!(from_json("[1]").is_err());
    }
}
