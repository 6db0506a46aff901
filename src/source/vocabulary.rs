//! Label names and their order, from a file.

use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value as Json};

use super::column_names::is_label_heading;
use crate::counts::Labels;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::store::{Address, Bucket, is_address, of_path};

/// Column names that mark the label in a CSV or Parquet vocabulary.
const NAME_COLUMNS: [&str; 4] = ["label", "name", "labels", "names"];
/// Column names that mark its index.
const INDEX_COLUMNS: [&str; 4] = ["label_index", "index", "idx", "id"];

/// Reads a vocabulary: label names in the order of the target tensor.
///
/// By the end of the file's name: `.txt` one name a line; `.json` a list of names, a map from name to index or from
/// index to name, such as `id2label` in a `config.json`, or a list of objects with `name` and `id`; `.csv` and `.parquet` a column `label` or `name`, in the order of a
/// column `index` if there is one. `FILE:COLUMN` names another column. A file may be an object of a store.
/// `labels` is the number of labels, where it is known: it shows whether the first line of a CSV file is a
/// heading.
///
/// # Errors
/// [`Error::Input`] naming the file: unreadable, an index left out or used twice, a name used twice;
/// [`Error::Usage`] when the first line of a CSV file may be a heading or a label.
pub(crate) fn read(given: &str, labels: Option<u64>) -> Result<Labels> {
    let (path, column) = split(given);
    let names = match path.extension().and_then(|end| end.to_str()).unwrap_or("") {
        "json" => from_json(&text(&path)?),
        "csv" => from_csv(&text(&path)?, column, labels).map_err(|error| with_file(error, given)),
        "parquet" => from_parquet(bytes(&path)?, column),
        _ => from_lines(&text(&path)?),
    }
    .map_err(|error| error.at(path.display()))?;
    check(names).map_err(|error| error.at(path.display()))
}

pub(super) fn check(labels: Labels) -> Result<Labels> {
    if labels.is_empty() {
        return Err(Error::input("the vocabulary holds no label").hint("give one name per label"));
    }
    if let Some((name, first, second)) = labels.duplicate() {
        return Err(Error::input(format!("label {name:?} appears twice, at positions {first} and {second}"))
            .hint("a label has one position: remove or rename one of the two"));
    }
    Ok(labels)
}

/// `FILE` or `FILE:COLUMN`.
fn split(given: &str) -> (PathBuf, Option<&str>) {
    if is_address(given) {
        // A key may hold colons; an address with a port has one in front of it.
        let column = given.rsplit_once(':').filter(|(file, column)| {
            !column.contains('/') && [".csv", ".parquet"].iter().any(|end| file.ends_with(end))
        });
        return column.map_or((PathBuf::from(given), None), |(file, column)| (file.into(), Some(column)));
    }
    if !Path::new(given).exists()
        && let Some((file, column)) = given.rsplit_once(':')
        && Path::new(file).exists()
    {
        return (PathBuf::from(file), Some(column));
    }
    (PathBuf::from(given), None)
}

pub(super) fn bytes(path: &Path) -> Result<Bytes> {
    let Some(address) = of_path(path).map(Address::parse).transpose()? else {
        return fs::read(path).map(Bytes::from).map_err(|cause| Error::reading(path, &cause));
    };
    let found = Bucket::of(&address)?.read(&address)?.map(|(bytes, _)| bytes);
    found.ok_or_else(|| Error::input("no such object").at(&address).hint("check the address"))
}

pub(super) fn text(path: &Path) -> Result<String> {
    let text = String::from_utf8(bytes(path)?.into())
        .map_err(|_| Error::input("not UTF-8 text").at(path.display()).hint("save it as UTF-8"))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// One name on each line. Blank lines may only follow the last name: the place of a line is the place of its label.
fn from_lines(text: &str) -> Result<Labels> {
    let names: Vec<&str> = text.lines().map(|line| line.trim_end_matches('\r')).collect();
    let last = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    match names[..last].iter().position(|name| name.is_empty()) {
        Some(place) => Err(blank(place + 1)),
        None => Ok(names[..last].iter().collect()),
    }
}

/// The error for a line without a name.
fn blank(line: usize) -> Error {
    Error::input(format!("line {line} is blank, and names follow it")).hint(
        "if it stands for a label, write a name into it, such as unused; if it stands for none, delete it",
    )
}

fn from_json(text: &str) -> Result<Labels> {
    let shape = || {
        Error::input(
            "expected a list of names, a map from name to index or from index to name, or a list of objects with name \
             and id",
        )
        .hint("for example [\"cat\", \"dog\"] or {\"cat\": 0, \"dog\": 1}")
    };
    let of_map = |map: &Map<String, Json>| {
        let pairs = map.iter().map(|(key, value)| match value {
            Json::String(name) => Some((key.parse().ok()?, name.clone())),
            other => Some((usize::try_from(other.as_u64()?).ok()?, key.clone())),
        });
        by_index(pairs.collect::<Option<Vec<_>>>().ok_or_else(shape)?)
    };
    let of_list = |list: &[Json]| {
        if list.iter().any(Json::is_object) {
            return from_objects(list)?.ok_or_else(shape);
        }
        list.iter().map(|name| name.as_str().ok_or_else(shape)).collect()
    };
    match serde_json::from_str(text).map_err(|cause| Error::input(format!("not JSON: {cause}")))? {
        Json::Array(list) => of_list(&list),
        // The settings of a model of Hugging Face, and the annotations of COCO, hold more than names.
        Json::Object(all) => match (all.get("id2label"), all.get("label2id"), all.get("categories")) {
            (Some(Json::Object(one)), Some(Json::Object(other)), _) => {
                let [names, same] = [of_map(one)?, of_map(other)?];
                if names != same {
                    return Err(Error::input("id2label and label2id name the labels in different orders")
                        .hint("mend one of the two, or save the right one as a file of its own"));
                }
                Ok(names)
            }
            (Some(Json::Object(one)), ..) | (_, Some(Json::Object(one)), _) => of_map(one),
            (.., Some(Json::Array(list))) => of_list(list),
            _ => of_map(&all),
        },
        _ => Err(shape()),
    }
}

/// The names in objects such as `{"id": 0, "name": "cat"}`, at their indices, or else in their order; `None` where
/// some lack one of the two.
fn from_objects(list: &[Json]) -> Result<Option<Labels>> {
    let find = |object: &Json, known: &[&str]| known.iter().find_map(|key| object.get(key).cloned());
    let names: Option<Vec<String>> =
        list.iter().map(|one| find(one, &NAME_COLUMNS)?.as_str().map(str::to_owned)).collect();
    let Some(names) = names else { return Ok(None) };
    let ids: Vec<Option<Json>> = list.iter().map(|one| find(one, &INDEX_COLUMNS)).collect();
    if ids.iter().all(Option::is_none) {
        return Ok(Some(names.into_iter().collect()));
    }
    let index = |id: Option<Json>| usize::try_from(id?.as_u64()?).ok();
    let ids: Option<Vec<usize>> = ids.into_iter().map(index).collect();
    ids.map(|ids| by_index(ids.into_iter().zip(names).collect())).transpose()
}

/// Puts names at their indices, which must be 0 … n−1.
fn by_index(mut pairs: Vec<(usize, String)>) -> Result<Labels> {
    pairs.sort();
    for (expected, (index, name)) in pairs.iter().enumerate() {
        if *index != expected {
            let wrong = if *index < expected { "used twice" } else { "left out" };
            let which = (*index).min(expected);
            return Err(Error::input(format!("index {which} is {wrong} (near label {name:?})"))
                .hint("the indices must be 0 … C−1, each once"));
        }
    }
    Ok(pairs.into_iter().map(|(_, name)| name).collect())
}

/// Puts the file into a hint that names a column of it.
fn with_file(error: Error, given: &str) -> Error {
    match error.remedy().map(|remedy| remedy.replace("FILE:", &format!("{given}:"))) {
        Some(remedy) => error.hint(remedy),
        None => error,
    }
}

fn from_csv(text: &str, column: Option<&str>, labels: Option<u64>) -> Result<Labels> {
    let text = text.replace("\r\n", "\n");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let rows = reader
        .records()
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|cause| Error::input(format!("not CSV: {cause}")))?;
    // The reader passes over blank lines, so that a record begins with those in front of it.
    let blank_line = rows.iter().find_map(|row| {
        let start = usize::try_from(row.position()?.byte()).ok()?;
        let (before, rest) = text.split_at_checked(start)?;
        rest.starts_with('\n').then(|| before.matches('\n').count() + 1)
    });
    let no_blank = || blank_line.map_or(Ok(()), |line| Err(blank(line)));
    let Some(header) = rows.first() else { return Ok(Labels::default()) };
    let header: Vec<String> = header.iter().map(str::to_owned).collect();
    if let ([first], None) = (&header[..], column)
        && !has_heading(first, rows.len() as u64, labels)?
    {
        no_blank()?;
        return Ok(rows.iter().filter_map(|row| row.get(0)).collect());
    }
    let (name, index) = pick(&header, column)?;
    let cell = |row: &csv::StringRecord, at: usize| row.get(at).unwrap_or("").to_owned();
    match index {
        None => no_blank().map(|()| rows[1..].iter().map(|row| cell(row, name)).collect()),
        Some(index) => {
            let pairs = rows[1..].iter().map(|row| {
                let number = cell(row, index);
                let number = number.trim().parse().map_err(|_| {
                    Error::input(format!("{number:?} in column {:?} is not an index", header[index]))
                })?;
                Ok((number, cell(row, name)))
            });
            by_index(pairs.collect::<Result<_>>()?)
        }
    }
}

/// Whether the first line of a single column is its heading.
fn has_heading(first: &str, lines: u64, labels: Option<u64>) -> Result<bool> {
    let is_known =
        NAME_COLUMNS.iter().any(|known| first.eq_ignore_ascii_case(known)) || is_label_heading(first);
    match labels {
        Some(labels) if labels == lines => Ok(false),
        Some(labels) if labels + 1 == lines => Ok(true),
        _ if is_known => Ok(true),
        _ => Err(Error::usage(format!("is {first:?}, on the first line, a heading or the first label?")).hint(format!(
            "if it is a heading, say --vocabulary FILE:{first}; if it is a label, give --num-labels {lines}, or \
             save the names as .txt, one on each line"
        ))),
    }
}

/// Which column holds the name and which the index.
fn pick(header: &[String], column: Option<&str>) -> Result<(usize, Option<usize>)> {
    let find =
        |known: &[&str]| known.iter().find_map(|k| header.iter().position(|h| h.eq_ignore_ascii_case(k)));
    let name = match (column, header) {
        (Some(column), _) => header.iter().position(|h| h == column).ok_or_else(|| {
            Error::input(format!("no column {column:?}; there are {}", header.join(", ")))
                .hint("name one of these after the colon: --vocabulary FILE:COLUMN")
        })?,
        (None, [_]) => 0,
        (None, _) => find(&NAME_COLUMNS).ok_or_else(|| {
            Error::input(format!("which column holds the label? found {}", header.join(", ")))
                .hint("name it after a colon: --vocabulary FILE:COLUMN")
        })?,
    };
    Ok((name, find(&INDEX_COLUMNS).filter(|&index| index != name)))
}

fn from_parquet(file: Bytes, column: Option<&str>) -> Result<Labels> {
    // Damaged files can panic inside the decoder.
    guarded(|| names_of(file, column))
        .unwrap_or_else(|| Err(Error::input("not a readable Parquet file: the decoder gave up")))
}

fn names_of(file: Bytes, column: Option<&str>) -> Result<Labels> {
    let bad = |cause: &dyn std::fmt::Display| Error::input(format!("not a readable Parquet file: {cause}"));
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|cause| bad(&cause))?;
    let header: Vec<String> = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
    let (name, index) = pick(&header, column)?;
    let (mut names, mut indices) = (Vec::new(), Vec::new());
    for batch in builder.build().map_err(|cause| bad(&cause))? {
        let batch = batch.map_err(|cause| bad(&cause))?;
        let text = cast(batch.column(name), &DataType::Utf8).map_err(|cause| bad(&cause))?;
        names.extend(text.as_string::<i32>().iter().map(|n| n.unwrap_or("").to_owned()));
        if let Some(index) = index {
            let numbers = cast(batch.column(index), &DataType::Int64).map_err(|cause| bad(&cause))?;
            let numbers = numbers.as_primitive::<Int64Type>();
            indices
                .extend((0..numbers.len()).map(|i| usize::try_from(numbers.value(i)).unwrap_or(usize::MAX)));
        }
    }
    if index.is_some() {
        by_index(indices.into_iter().zip(names).collect())
    } else {
        Ok(names.into_iter().collect())
    }
}

/// The known name nearest to `unknown`, if one is near enough to be what was meant.
#[must_use]
pub(crate) fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const NEAR: f64 = 0.8;
    let wanted = unknown.to_lowercase();
    // One slip of the finger in a short name, two in a longer one.
    let slips = 1 + unknown.chars().count() / 8;
    known
        .into_iter()
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let likeness = strsim::jaro_winkler(&wanted, &lower);
            (likeness >= NEAR || strsim::damerau_levenshtein(&wanted, &lower) <= slips)
                .then_some((likeness, name))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_follows_a_file_or_an_address() {
        let column = |given| split(given).1;
        assert_eq!(column("s3://bucket/a/names.csv:tag"), Some("tag"));
        assert_eq!(column("http://host:8080/names.parquet:tag"), Some("tag"));
        for none in [
            "s3://bucket/names.csv",
            "http://host:8080/names.csv",
            "s3://bucket/a:b.txt",
            "s3://b/x.csv:y/z.csv",
        ] {
            assert_eq!(split(none), (PathBuf::from(none), None));
        }
    }
}
