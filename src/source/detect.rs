//! Which layout the shards have, when nobody says so: proposed from types and the first rows, with the
//! reason, or asked for when two readings are possible.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchReader};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int64Type, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::layout::{Layout, LayoutKind, is_label, is_number, is_text, item};
use super::shards::Shard;
use crate::error::{Error, Result};
use crate::guard::guarded;

/// Rows looked at.
const PEEK_ROWS: usize = 1024;
/// Column names that people give to labels, the surest first.
const LABEL_NAMES: [&str; 16] = [
    "labels",
    "label",
    "targets",
    "target",
    "tags",
    "tag",
    "classes",
    "class",
    "y",
    "categories",
    "category",
    "findings",
    "label_ids",
    "label_names",
    "class_id",
    "genres",
];
/// Separators tried, the most telling first.
const SEPARATORS: [&str; 5] = ["|", ";", ", ", ",", " "];

/// What the flags already say.
#[derive(Debug, Default)]
pub struct Given<'a> {
    /// `--layout`.
    pub kind: Option<LayoutKind>,
    /// `--labels`, resolved to columns; empty when not given.
    pub labels: Vec<String>,
    /// `--id`.
    pub id: Option<&'a str>,
    /// `--value`.
    pub value: Option<&'a str>,
    /// `--delimiter`.
    pub delimiter: Option<&'a str>,
    /// Columns with another job: `--by`, `--sample-weight`.
    pub taken: Vec<&'a str>,
}

/// A layout and the reason for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// The layout with its columns.
    pub layout: Layout,
    /// Why, as a sentence for the person who did not say.
    pub why: String,
}

/// Completes what the flags leave open.
///
/// # Errors
/// [`Error::Usage`] with the possible readings and the flags that choose between them when in doubt;
/// [`Error::Input`] when a named column does not exist or has the wrong type.
pub fn detect(shards: &[Shard], schema: &Schema, given: &Given<'_>) -> Result<Detected> {
    let said = match given.kind {
        Some(LayoutKind::Long) => given.id.is_some(),
        Some(LayoutKind::Delimited) => given.delimiter.is_some(),
        Some(_) => true,
        None => false,
    };
    // Where nothing is left open, no row is read.
    let peek = if said && !given.labels.is_empty() { Peek { rows: None } } else { Peek::of(shards, schema)? };
    let kind = match given.kind {
        Some(kind) => Some((kind, format!("--layout {kind}"))),
        None if given.id.is_some() => Some((LayoutKind::Long, "--id names a row id column".to_owned())),
        None if given.delimiter.is_some() => Some((LayoutKind::Delimited, "--delimiter is given".to_owned())),
        None => None,
    };
    let (kind, why, labels) = match kind {
        Some((kind, why)) => (kind, why, columns_for(kind, schema, &peek, given)?),
        None if given.labels.is_empty() => propose(schema, &peek, given)?,
        None => {
            let (kind, why) = kind_of(&given.labels, schema, &peek)?;
            (kind, why, given.labels.clone())
        }
    };
    if kind != LayoutKind::Wide && labels.len() > 1 {
        return Err(Error::usage(format!(
            "--labels names {} columns, but layout {kind} reads one",
            labels.len()
        ))
        .hint("name one column, or use --layout wide"));
    }
    let mut layout = Layout { kind, labels, id: None, value: None, delimiter: None };
    match kind {
        LayoutKind::Long => {
            layout.id = Some(match given.id {
                Some(id) => id.to_owned(),
                None => id_column(schema, layout.column(), &peek)?,
            });
            layout.value = given.value.map(str::to_owned);
        }
        LayoutKind::Delimited => {
            layout.delimiter = Some(match given.delimiter {
                Some("") => {
                    return Err(Error::usage("--delimiter is empty").hint("give the separator, such as ','"));
                }
                Some(delimiter) => delimiter.to_owned(),
                None => peek.separator(layout.column()).unwrap_or(",").to_owned(),
            });
        }
        _ => {}
    }
    layout.check(schema)?;
    Ok(Detected { layout, why })
}

/// Label columns for a layout that is known.
fn columns_for(kind: LayoutKind, schema: &Schema, peek: &Peek, given: &Given<'_>) -> Result<Vec<String>> {
    if !given.labels.is_empty() {
        return Ok(given.labels.clone());
    }
    let free =
        |name: &str| Some(name) != given.id && Some(name) != given.value && !given.taken.contains(&name);
    if kind == LayoutKind::Wide {
        let binary = peek.binary_columns(schema, &free);
        return if binary.is_empty() { Err(which_columns(kind, &[])) } else { Ok(binary) };
    }
    let fitting: Vec<&str> = schema
        .fields()
        .iter()
        .filter(|field| free(field.name()))
        .filter(|field| match kind {
            LayoutKind::Wide => false,
            LayoutKind::Vector => item(field.data_type()).is_some_and(is_number),
            LayoutKind::List => item(field.data_type()).is_some_and(is_label),
            LayoutKind::Delimited => is_text(field.data_type()),
            LayoutKind::Class | LayoutKind::Long => is_label(field.data_type()),
        })
        .map(|field| field.name().as_str())
        .collect();
    match by_name(&fitting).or(if let [only] = fitting[..] { Some(only) } else { None }) {
        Some(column) => Ok(vec![column.to_owned()]),
        None => Err(which_columns(kind, &fitting)),
    }
}

/// The column with a label's name, or the only one with a label's name among its words.
fn by_name<'a>(columns: &[&'a str]) -> Option<&'a str> {
    let exact = LABEL_NAMES.iter().find_map(|known| columns.iter().find(|c| c.eq_ignore_ascii_case(known)));
    let is_word = |word: &str| LABEL_NAMES.iter().any(|known| word.eq_ignore_ascii_case(known));
    let mut worded = columns.iter().filter(|c| c.split(|c: char| !c.is_alphanumeric()).any(is_word));
    let only = worded.next().filter(|_| worded.next().is_none());
    exact.or(only).copied()
}

fn which_columns(kind: LayoutKind, candidates: &[&str]) -> Error {
    let found = match candidates {
        [] => "no column fits".to_owned(),
        some => format!(
            "{} columns fit: {}",
            some.len(),
            some.iter().take(12).copied().collect::<Vec<_>>().join(", ")
        ),
    };
    Error::usage(format!("which column holds the labels of layout {kind}? {found}"))
        .hint("name it with --labels; posweight inspect shows every column")
}

/// The layout that columns named by the person have.
fn kind_of(labels: &[String], schema: &Schema, peek: &Peek) -> Result<(LayoutKind, String)> {
    let [name] = labels else {
        return Ok((LayoutKind::Wide, format!("--labels names {} columns", labels.len())));
    };
    let field = schema.field_with_name(name).map_err(|_| super::layout::no_column(name, schema))?;
    let data_type = field.data_type();
    if let Some(element) = item(data_type) {
        return peek.list_kind(name, data_type, element);
    }
    if is_text(data_type) && !peek.is_binary(name) {
        return Ok(match peek.separator(name) {
            Some(by) => (
                LayoutKind::Delimited,
                format!("strings in {name:?} hold several labels separated by {by:?}"),
            ),
            None => (LayoutKind::Class, format!("each string in {name:?} is one label")),
        });
    }
    Ok(if peek.is_binary(name) {
        (LayoutKind::Wide, format!("{name:?} holds only 0 and 1"))
    } else if data_type.is_integer() {
        (LayoutKind::Class, format!("each integer in {name:?} is one label index"))
    } else {
        (LayoutKind::Wide, format!("{name:?} is {data_type}"))
    })
}

/// The layout of shards about which nothing is said.
fn propose(schema: &Schema, peek: &Peek, given: &Given<'_>) -> Result<(LayoutKind, String, Vec<String>)> {
    let free = |name: &str| !given.taken.contains(&name);
    let lists: Vec<&str> = schema
        .fields()
        .iter()
        .filter(|f| free(f.name()) && item(f.data_type()).is_some_and(|t| is_number(t) || is_label(t)))
        .map(|f| f.name().as_str())
        .collect();
    let binary = peek.binary_columns(schema, &free);
    let words: Vec<&str> = schema
        .fields()
        .iter()
        .filter(|f| free(f.name()) && is_label(f.data_type()) && !binary.contains(f.name()))
        .map(|f| f.name().as_str())
        .collect();
    if binary.len() < 2 || by_name(&lists).is_some() {
        if let Some(list) = by_name(&lists).or(if let [only] = lists[..] { Some(only) } else { None }) {
            let (kind, why) = kind_of(&[list.to_owned()], schema, peek)?;
            return Ok((kind, why, vec![list.to_owned()]));
        }
        if let Some(word) = by_name(&words) {
            return propose_word(word, schema, peek);
        }
    }
    if binary.len() >= 2 {
        let shown = format!("{} … {}", binary[0], binary[binary.len() - 1]);
        return Ok((
            LayoutKind::Wide,
            format!("{} columns hold only 0, 1 and nulls: {shown}", binary.len()),
            binary,
        ));
    }
    let mut all = lists;
    all.extend(binary.iter().map(String::as_str));
    all.extend(words);
    Err(Error::usage(format!(
        "which columns hold the labels? candidates are {}",
        if all.is_empty() {
            "none".to_owned()
        } else {
            all.into_iter().take(12).collect::<Vec<_>>().join(", ")
        }
    ))
    .hint(
        "name them with --labels, and --layout if that is not enough; posweight inspect shows every column",
    ))
}

/// One column of words or integers: delimited, class, or one half of `long`.
fn propose_word(name: &str, schema: &Schema, peek: &Peek) -> Result<(LayoutKind, String, Vec<String>)> {
    let labels = vec![name.to_owned()];
    let (kind, why) = kind_of(&labels, schema, peek)?;
    if kind == LayoutKind::Class
        && let Ok(id) = id_column(schema, name, peek)
    {
        if peek.repeats(&id) {
            return Ok((
                LayoutKind::Long,
                format!("row ids in {id:?} repeat, one row per (id, {name})"),
                labels,
            ));
        }
        if schema.fields().len() <= 3 {
            return Err(Error::usage(format!(
                "is {name:?} the one label of a row (class), or one of several rows per {id:?} (long)?"
            ))
            .hint(format!("say --layout class, or --layout long --id {id}")));
        }
    }
    Ok((kind, why, labels))
}

fn id_column(schema: &Schema, label: &str, peek: &Peek) -> Result<String> {
    let is_id = |name: &str| {
        let name = name.to_ascii_lowercase();
        name == "id"
            || name.ends_with("_id")
            || name == "rowid"
            || name == "uuid"
            || name == "key"
            || name == "row"
    };
    let ids: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .filter(|name| *name != label && is_id(name) && peek.column(name).is_some())
        .collect();
    match ids[..] {
        [only] => Ok(only.to_owned()),
        _ => {
            Err(Error::usage(format!("which column is the row id of layout long? found {}", ids.join(", ")))
                .hint("name it with --id"))
        }
    }
}

/// The length of the first list in the first rows of a column; `None` when all are null.
///
/// # Errors
/// [`Error::Input`] naming the shard when its first rows cannot be read.
pub fn list_length(shards: &[Shard], column: &str) -> Result<Option<u64>> {
    for shard in shards.iter().filter(|shard| shard.rows > 0) {
        let peek = Peek::of(std::slice::from_ref(shard), &shard.schema)?;
        let lengths =
            peek.column(column).and_then(|array| arrow::compute::kernels::length::length(array).ok());
        let lengths = lengths.and_then(|lengths| cast(&lengths, &DataType::Int64).ok());
        let first = lengths.and_then(|lengths| lengths.as_primitive::<Int64Type>().iter().flatten().next());
        if let Some(length) = first.and_then(|length| u64::try_from(length).ok()) {
            return Ok(Some(length));
        }
    }
    Ok(None)
}

/// The first rows of the first shard that has any.
struct Peek {
    rows: Option<RecordBatch>,
}

impl Peek {
    fn of(shards: &[Shard], schema: &Schema) -> Result<Self> {
        let Some(shard) = shards.iter().find(|shard| shard.rows > 0) else { return Ok(Self { rows: None }) };
        let broken = |cause: &dyn std::fmt::Display| Error::input(format!("{}: {cause}", shard.name));
        let behind = |cause: &(dyn std::error::Error + 'static)| {
            Error::behind(cause).unwrap_or_else(|| broken(&cause))
        };
        let file = shard.place.open().map_err(|cause| shard.place.failed(&cause))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|cause| behind(&cause))?;
        let wanted = builder.schema().fields().iter().enumerate().filter(|(_, field)| {
            schema.field_with_name(field.name()).is_ok_and(|f| {
                let t = f.data_type();
                is_number(t) || is_label(t) || item(t).is_some_and(|t| is_number(t) || is_label(t))
            })
        });
        let mask =
            ProjectionMask::roots(builder.parquet_schema(), wanted.map(|(i, _)| i).collect::<Vec<_>>());
        let reader = builder
            .with_projection(mask)
            .with_batch_size(PEEK_ROWS)
            .with_limit(PEEK_ROWS)
            .build()
            .map_err(|cause| behind(&cause))?;
        let schema = RecordBatchReader::schema(&reader);
        let batches = guarded(|| reader.collect::<std::result::Result<Vec<_>, _>>())
            .ok_or_else(|| broken(&"its first rows cannot be decoded"))?
            .map_err(|cause| broken(&cause))?;
        Ok(Self { rows: Some(concat_batches(&schema, &batches).map_err(|cause| broken(&cause))?) })
    }

    fn column(&self, name: &str) -> Option<&ArrayRef> {
        self.rows.as_ref()?.column_by_name(name)
    }

    /// Numbers of a column, nulls and NaN left out; `None` when it does not hold numbers.
    fn numbers(array: &ArrayRef) -> Option<Vec<f64>> {
        let wide = cast(array, &DataType::Float64).ok()?;
        if wide.null_count() > array.null_count() {
            return None;
        }
        Some(wide.as_primitive::<Float64Type>().iter().flatten().filter(|x| !x.is_nan()).collect())
    }

    fn is_binary(&self, name: &str) -> bool {
        let numbers = self.column(name).and_then(Self::numbers).unwrap_or_default();
        !numbers.is_empty() && numbers.iter().all(|x| *x == 0.0 || *x == 1.0)
    }

    /// Columns that hold 0, 1 and nulls; a column with nothing but nulls counts when its type is one
    /// that the others have, since a rare label may not be known in the first rows.
    fn binary_columns(&self, schema: &Schema, free: &dyn Fn(&str) -> bool) -> Vec<String> {
        let scalar = |t: &DataType| is_number(t) || is_text(t);
        let fields = || schema.fields().iter().filter(|f| free(f.name()) && scalar(f.data_type()));
        let sure: HashSet<&str> =
            fields().map(|f| f.name().as_str()).filter(|name| self.is_binary(name)).collect();
        let types: HashSet<_> =
            fields().filter(|f| sure.contains(f.name().as_str())).map(|f| f.data_type()).collect();
        let unknown = |name: &str| self.column(name).is_none_or(|array| array.null_count() == array.len());
        fields()
            .filter(|f| {
                sure.contains(f.name().as_str()) || (types.contains(f.data_type()) && unknown(f.name()))
            })
            .map(|f| f.name().clone())
            .collect()
    }

    /// Whether a list holds labels or one 0/1 number per label.
    fn list_kind(
        &self,
        name: &str,
        data_type: &DataType,
        element: &DataType,
    ) -> Result<(LayoutKind, String)> {
        if is_text(element) {
            return Ok((LayoutKind::List, format!("{name:?} is a list of strings, the label names")));
        }
        if !element.is_integer() {
            return Ok((
                LayoutKind::Vector,
                format!("{name:?} is a list of {element}, one number per label"),
            ));
        }
        let (lengths, binary) = self.list_shape(name);
        let one_length = lengths.len() == 1 && lengths.iter().all(|n| *n > 1);
        match (one_length || matches!(data_type, DataType::FixedSizeList(..)), binary) {
            (true, true) => {
                Ok((LayoutKind::Vector, format!("lists in {name:?} hold only 0 and 1 and have one length")))
            }
            (false, true) if lengths.iter().any(|n| *n > 2) => Err(Error::usage(format!(
                "are the lists in {name:?} label indices (list) or one 0/1 number per label (vector)?"
            ))
            .hint("say --layout list or --layout vector")),
            _ => Ok((LayoutKind::List, format!("{name:?} is a list of {element}, the label indices"))),
        }
    }

    /// The lengths of the lists, and whether they hold nothing but 0 and 1.
    fn list_shape(&self, name: &str) -> (HashSet<i64>, bool) {
        let Some(array) = self.column(name) else { return (HashSet::new(), false) };
        let lengths = arrow::compute::kernels::length::length(array)
            .and_then(|lengths| cast(&lengths, &DataType::Int64))
            .map(|lengths| lengths.as_primitive::<Int64Type>().iter().flatten().collect())
            .unwrap_or_default();
        let values = match array.data_type() {
            DataType::List(_) => Some(array.as_list::<i32>().values()),
            DataType::LargeList(_) => Some(array.as_list::<i64>().values()),
            DataType::FixedSizeList(..) => Some(array.as_fixed_size_list().values()),
            _ => None,
        };
        let numbers = values.and_then(Self::numbers).unwrap_or_default();
        (lengths, !numbers.is_empty() && numbers.iter().all(|x| *x == 0.0 || *x == 1.0))
    }

    fn texts(&self, name: &str) -> Vec<String> {
        let Some(text) = self.column(name).and_then(|array| cast(array, &DataType::Utf8).ok()) else {
            return Vec::new();
        };
        text.as_string::<i32>().iter().flatten().map(str::to_owned).collect()
    }

    /// The separator of a column of joined labels: one that stands in some values, and whose pieces
    /// come back, as labels do and words of a sentence do not.
    fn separator(&self, name: &str) -> Option<&'static str> {
        let texts = self.texts(name);
        SEPARATORS.into_iter().find(|by| {
            let pieces: Vec<&str> = texts.iter().flat_map(|text| text.split(by)).collect();
            let distinct: HashSet<&&str> = pieces.iter().collect();
            let joined = texts.iter().filter(|text| text.contains(by)).count();
            joined > 0 && (distinct.len() * 2 <= pieces.len() || texts.len() < 32 && *by != " ")
        })
    }

    fn repeats(&self, name: &str) -> bool {
        let texts = self.texts(name);
        let distinct: HashSet<&String> = texts.iter().collect();
        distinct.len() < texts.len()
    }
}

#[cfg(test)]
mod tests;
