//! The ways of storing a row's labels, and which columns a layout reads.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use arrow::datatypes::{DataType, FieldRef, Schema};
use serde::{Deserialize, Serialize};

use super::label_path::{LabelPath, paths};
use super::name_list::NameList;
use super::type_words::type_words;
use super::vocabulary::nearest;
use crate::counts::NameOrder;
use crate::error::{Error, Result, choice};
use crate::sql_text::identifier;

/// How a row's labels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayoutKind {
    /// One column per label.
    Wide,
    /// One list of numbers, position = label.
    Vector,
    /// One list of label indices or names.
    List,
    /// One string of label indices or names with a separator between them.
    Delimited,
    /// One label index or name.
    Class,
    /// Several rows, one per (row id, label).
    Long,
    /// One integer, bit i = label i.
    Bits,
    /// Labels with a value each: a map, a list of structs, or a string that holds an object.
    Map,
}

/// One row of `posweight list layouts`.
#[derive(Debug)]
pub struct LayoutInfo {
    /// The layout.
    pub kind: LayoutKind,
    /// Its name in flags and files.
    pub name: &'static str,
    /// What a row's labels are.
    pub labels: &'static str,
    /// Column types it reads.
    pub types: &'static str,
    /// Flags that shape it.
    pub flags: &'static str,
}

/// Every layout, in the order of the documentation.
pub const LAYOUTS: [LayoutInfo; 8] = [
    LayoutInfo {
        kind: LayoutKind::Wide,
        name: "wide",
        labels: "one 0/1 column per label",
        types: "bool, int, float, decimal, \"0\"/\"1\" strings",
        flags: "--labels 'l*'",
    },
    LayoutInfo {
        kind: LayoutKind::Vector,
        name: "vector",
        labels: "one list of 0/1 numbers, position = label",
        types: "list or fixed-size list of bool, int, float, decimal; strings such as \"[1, 0, 0]\" or \"1 0 0\"",
        flags: "--labels COL",
    },
    LayoutInfo {
        kind: LayoutKind::List,
        name: "list",
        labels: "one list of label indices or names",
        types: "list, large list or fixed-size list of int, whole float, string; strings such as '[\"cat\", \"dog\"]'",
        flags: "--labels COL --vocabulary FILE --num-labels C",
    },
    LayoutInfo {
        kind: LayoutKind::Delimited,
        name: "delimited",
        labels: "one string of indices or names with a separator",
        types: "string",
        flags: "--labels COL --delimiter ','",
    },
    LayoutInfo {
        kind: LayoutKind::Class,
        name: "class",
        labels: "one label index or name; of several columns, each is a head",
        types: "int, whole float, string",
        flags: "--labels COL --vocabulary FILE",
    },
    LayoutInfo {
        kind: LayoutKind::Long,
        name: "long",
        labels: "several rows, one per (row id, label), optionally with a value",
        types: "id: int, string, binary; label: int, whole float, string",
        flags: "--id COL --labels COL --value COL --num-rows N",
    },
    LayoutInfo {
        kind: LayoutKind::Bits,
        name: "bits",
        labels: "one integer, bit i = label i",
        types: "int",
        flags: "--labels COL --num-labels C",
    },
    LayoutInfo {
        kind: LayoutKind::Map,
        name: "map",
        labels: "one map of labels to values; a label without a value is negative",
        types: "map, list of structs, two lists, string with a JSON object; key: int, whole float, string",
        flags: "--labels COL --value COL --vocabulary FILE",
    },
];

impl LayoutKind {
    /// Its name in specs and files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.info().name
    }

    /// The layout's row in [`LAYOUTS`].
    #[must_use]
    pub fn info(self) -> &'static LayoutInfo {
        match self {
            Self::Wide => &LAYOUTS[0],
            Self::Vector => &LAYOUTS[1],
            Self::List => &LAYOUTS[2],
            Self::Delimited => &LAYOUTS[3],
            Self::Class => &LAYOUTS[4],
            Self::Long => &LAYOUTS[5],
            Self::Bits => &LAYOUTS[6],
            Self::Map => &LAYOUTS[7],
        }
    }

    /// True when cells hold values that a side is needed for, such as 0 and 1.
    #[must_use]
    pub fn has_values(self) -> bool {
        matches!(self, Self::Wide | Self::Vector | Self::Map)
    }
}

impl fmt::Display for LayoutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().name)
    }
}

impl FromStr for LayoutKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        LAYOUTS.iter().find(|info| info.name == text).map(|info| info.kind).ok_or_else(|| {
            let names: Vec<_> = LAYOUTS.iter().map(|info| info.name).collect();
            let meant = nearest(text, names.iter().copied())
                .map(|n| format!("did you mean {n}? "))
                .unwrap_or_default();
            Error::usage(format!("--layout: there is no layout \"{text}\""))
                .hint(format!("{meant}layouts are {}", names.join(", ")))
        })
    }
}

/// Whether integers are positions in the target tensor or names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum LabelKind {
    /// Integer i is label i.
    #[default]
    Index,
    /// Integers are names, as sparse ids are.
    Name,
}

impl FromStr for LabelKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        choice("--label-kind", text, &[("index", Self::Index), ("name", Self::Name)])
    }
}

/// The order of labels in every vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LabelOrder {
    /// That of the columns, the vocabulary or the positions.
    Given,
    /// By some order of names, or by how frequent labels are.
    By(NameOrder),
}

impl FromStr for LabelOrder {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let choices = [
            ("given", Self::Given),
            ("name", Self::By(NameOrder::Name)),
            ("number", Self::By(NameOrder::Number)),
            ("frequency", Self::By(NameOrder::Frequency)),
        ];
        choice("--order", text, &choices)
    }
}

/// A layout with the columns it reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layout {
    /// How labels are stored.
    pub kind: LayoutKind,
    /// Label columns in the order of the target tensor: one or several of `wide` and `class`, one of the others.
    pub labels: Vec<String>,
    /// Row id column; `long` only.
    pub id: Option<String>,
    /// Value column of `long`; of `map`, the values beside the labels, unless the cells are texts.
    pub value: Option<String>,
    /// Separator; `delimited` only.
    pub delimiter: Option<String>,
}

impl Layout {
    /// The one label column of a layout that is not `wide`; the first of `wide`.
    #[must_use]
    pub(crate) fn column(&self) -> &str {
        self.labels.first().map_or("", String::as_str)
    }

    /// True when several class columns are read, each a head of the target tensor.
    #[must_use]
    pub(crate) fn has_heads(&self) -> bool {
        self.kind == LayoutKind::Class && self.labels.len() > 1
    }

    /// The layout of each label column by itself.
    pub(crate) fn heads(&self) -> impl Iterator<Item = Self> {
        self.labels.iter().map(|column| Self { labels: vec![column.clone()], ..self.clone() })
    }

    /// Every column the layout reads.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().chain(&self.id).chain(&self.value).map(String::as_str)
    }

    /// The columns that rows are read from: the labels, and beside those of `map` their values.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &str> {
        let values = self.value.iter().filter(|_| self.kind == LayoutKind::Map);
        self.labels.iter().chain(values).map(String::as_str)
    }

    /// Checks that the columns exist and can hold what the layout says.
    ///
    /// # Errors
    /// [`Error::Input`] naming the column, its type, and the types expected.
    pub(crate) fn check(&self, schema: &Schema) -> Result<()> {
        // The first of a name, of which a file may have several.
        let by_name: HashMap<&str, &FieldRef> =
            schema.fields().iter().rev().map(|field| (field.name().as_str(), field)).collect();
        let labels: HashSet<&str> = self.labels.iter().map(String::as_str).collect();
        for name in self.columns() {
            let Some(field) = by_name.get(name) else { return Err(no_column(name, schema)) };
            let is_label = labels.contains(name);
            let (fits, expected) = if is_label {
                self.fits(field.data_type())
            } else {
                self.fits_aside(name, field.data_type())
            };
            let is_map = matches!(field.data_type(), DataType::Map(..));
            let is_simple = !is_map || LabelPath::of_map(name, schema).is_some();
            if !(fits && is_simple) {
                return Err(Error::input(format!(
                    "column {name:?} is {}, but layout {} expects {expected}",
                    type_words(field.data_type()),
                    self.kind
                ))
                .hint(match (first_inside(name, schema), query_for(name, field.data_type())) {
                    _ if is_map && is_simple => {
                        format!("read its keys as labels and its values by the value rules: --labels {name} --layout map")
                    }
                    _ if self.kind == LayoutKind::Map && item(field.data_type()).is_some() => {
                        "name the column with the values of these labels with --value".to_owned()
                    }
                    (Some(path), _) => format!("name a column inside it, such as --labels {path}"),
                    _ if is_label && *field.data_type() == DataType::Boolean => {
                        format!("a column of true and false is one label of its own: --labels {name} --layout wide")
                    }
                    (None, Some(flags)) if is_label => format!("make labels of it: {flags}"),
                    (None, _) => "name another column with --labels (or --id, --value), or another --layout (see: posweight \
                                  list layouts)"
                        .to_owned(),
                }));
            }
        }
        Ok(())
    }

    fn fits(&self, data_type: &DataType) -> (bool, &'static str) {
        let fits = match self.kind {
            LayoutKind::Wide => is_number(data_type) || is_text(data_type),
            LayoutKind::Vector => {
                item(data_type).is_some_and(|t| is_number(t) || is_text(t)) || is_text(data_type)
            }
            LayoutKind::List => {
                item(data_type).is_some() && is_label(innermost(data_type)) || is_text(data_type)
            }
            LayoutKind::Bits => data_type.is_integer() || *data_type == DataType::Null,
            LayoutKind::Delimited => is_text(data_type) || *data_type == DataType::Null,
            LayoutKind::Class | LayoutKind::Long => is_label(data_type),
            LayoutKind::Map if self.value.is_some() => item(data_type).is_some_and(is_label),
            LayoutKind::Map => is_text(data_type) || matches!(data_type, DataType::Map(..) | DataType::Null),
        };
        (fits, self.kind.info().types)
    }

    fn fits_aside(&self, name: &str, data_type: &DataType) -> (bool, &'static str) {
        if self.id.as_deref() == Some(name) {
            let fits = data_type.is_integer()
                || is_text(data_type)
                || matches!(data_type, DataType::Null | DataType::FixedSizeBinary(_));
            (fits, "an int, string or binary row id")
        } else if self.kind == LayoutKind::Map {
            let fits = item(data_type).is_some_and(|value| is_number(value) || is_text(value));
            (fits, "a list of values beside the labels")
        } else {
            (is_number(data_type) || is_text(data_type), "a 0/1 value")
        }
    }
}

/// The error for a column that no shard has.
#[must_use]
pub(crate) fn no_column(name: &str, schema: &Schema) -> Error {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    let error = Error::input(format!("there is no column {name:?}"));
    let inside: Vec<String> = inside(root_of(name), schema).take(12).collect();
    if !inside.is_empty() {
        return error.hint(format!("column {:?} holds {}", root_of(name), inside.join(", ")));
    }
    if let Some(near) = nearest(name, names()) {
        return error.hint(format!("did you mean {near:?}?"));
    }
    let shown: Vec<_> = names().take(12).collect();
    let more = if names().count() > shown.len() { ", …" } else { "" };
    error.hint(format!("the shards have {}{more}", shown.join(", ")))
}

/// The columns inside column `root`.
fn inside<'n>(root: &'n str, schema: &Schema) -> impl Iterator<Item = String> + use<'n> {
    paths(schema)
        .into_iter()
        .filter(move |path| path.strip_prefix(root).is_some_and(|rest| rest.starts_with('.')))
}

/// A column inside column `name`; not of a map, whose keys are no labels without their values.
fn first_inside(name: &str, schema: &Schema) -> Option<String> {
    let is_map = matches!(schema.field_with_name(name).ok()?.data_type(), DataType::Map(..));
    inside(name, schema).next().filter(|_| !is_map)
}

/// The name before the first dot.
fn root_of(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// The columns that `patterns` stand for, in the order given; a glob expands in schema order, and a
/// leading `!` takes columns away.
///
/// # Errors
/// [`Error::Input`] for a name or glob that no column has.
pub(crate) fn select(patterns: &[String], schema: &Schema) -> Result<Vec<String>> {
    let mut chosen = NameList::default();
    let parts = patterns.iter().flat_map(|p| {
        // A column whose own name has a comma is taken whole.
        if schema.field_with_name(p).is_ok() { vec![p.as_str()] } else { p.split(',').collect() }
    });
    let mut only_removed = true;
    for part in parts.filter(|part| !part.is_empty()) {
        if schema.field_with_name(part).is_ok() {
            only_removed = false;
            chosen.push(part);
            continue;
        }
        let (pattern, remove) = part.strip_prefix('!').map_or((part, false), |rest| (rest, true));
        let glob = glob::Pattern::new(pattern)
            .map_err(|cause| Error::usage(format!("--labels {pattern:?}: not a valid glob: {cause}")))?;
        let matching: Vec<_> =
            schema.fields().iter().map(|field| field.name()).filter(|name| glob.matches(name)).collect();
        if matching.is_empty() {
            return Err(no_column(pattern, schema));
        }
        if remove {
            if only_removed && chosen.names.is_empty() {
                schema.fields().iter().for_each(|field| chosen.push(field.name()));
            }
            chosen.remove(&matching);
        } else {
            only_removed = false;
            matching.into_iter().for_each(|name| chosen.push(name));
        }
    }
    if chosen.names.is_empty() {
        return Err(Error::usage("--labels leaves no column").hint("name at least one label column"));
    }
    Ok(chosen.names)
}

/// The label columns inside the columns of `schema` that `patterns` name, such as `target.cat` or `target.*`.
#[must_use]
pub(crate) fn nested(patterns: &[String], schema: &Schema) -> Vec<String> {
    let mut chosen = NameList::default();
    let parts = patterns.iter().flat_map(|p| p.split(',')).map(|part| part.strip_prefix('!').unwrap_or(part));
    for part in parts.filter(|part| part.contains('.') && schema.field_with_name(part).is_err()) {
        if LabelPath::find(part, schema).is_some() {
            chosen.push(part);
        } else if let Ok(glob) = glob::Pattern::new(part) {
            let inside = paths(schema).into_iter().filter(|path| glob.matches(path));
            inside.for_each(|path| chosen.push(&path));
        }
    }
    chosen.names
}

/// True for types whose values are numbers or booleans.
#[must_use]
pub(crate) fn is_number(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Boolean | DataType::Null) || data_type.is_numeric()
}

/// True for strings, and for bytes, which many writers make of strings.
#[must_use]
pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
    )
}

/// True for types that can name a label: integers, numbers that may be whole, strings.
#[must_use]
pub(crate) fn is_label(data_type: &DataType) -> bool {
    data_type.is_numeric() || is_text(data_type) || *data_type == DataType::Null
}

/// The type of a list's elements.
#[must_use]
pub(crate) fn item(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            Some(field.data_type())
        }
        _ => None,
    }
}
/// The type of what lists hold, however many are inside each other; that of a column without lists is its own.
#[must_use]
pub(crate) fn innermost(data_type: &DataType) -> &DataType {
    let mut found = data_type;
    while let Some(inner) = item(found) {
        found = inner;
    }
    found
}

/// The flags that read column `name` by a query; `None` for types that need none, and for those that no simple
/// query reads.
fn query_for(name: &str, data_type: &DataType) -> Option<String> {
    let column = identifier(name);
    // Shells read what is in double quotes; the names of columns have them inside.
    let flags = |value: &str, more: &str| {
        let query = format!("SELECT {value} AS label FROM shards").replace('\'', "'\\''");
        format!("--query '{query}' --labels label {more}")
    };
    if is_number(data_type) || is_text(data_type) {
        return None;
    }
    match data_type {
        DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..)
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Some(flags(&format!("CAST({column} AS VARCHAR)"), "--layout class")),
        DataType::FixedSizeBinary(_) => Some(flags(&format!("encode({column}, 'hex')"), "--layout class")),
        other => {
            let element = item(other)?;
            let simple = !(is_number(element) || is_text(element) || element.is_nested());
            simple.then(|| {
                flags(&format!("array_to_string({column}, ';')"), "--layout delimited --delimiter ';'")
            })
        }
    }
}
