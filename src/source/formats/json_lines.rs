//! JSON lines: one object a line. Types are those that hold all values of all files.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::json::ReaderBuilder;
use arrow::json::reader::Decoder;
use serde_json::Value as Json;

use super::json_kinds::ObjectKind;
use super::json_value::DistinctJson;
use super::reader::{
    AsMap, BATCH_BYTES, BATCH_ROWS, FormatReader, LinedBatch, ROW_BYTES_MAX, Rows, SourceFile,
};
use crate::error::{Error, Result};
use crate::guard::guarded;

/// Reads files with one JSON object a line.
#[derive(Debug, Default)]
pub(super) struct JsonLinesFiles {
    columns: ObjectKind,
    /// The columns of each file that has rows, by its name.
    own: HashMap<String, Vec<String>>,
    /// The columns of all files.
    all: ObjectNames,
}

/// The lines of a file that are not blank.
struct Lines<'f> {
    file: &'f SourceFile<'f>,
    input: BufReader<Box<dyn Read>>,
    line: Vec<u8>,
    /// The number of the line, from 1.
    number: u64,
}

impl<'f> Lines<'f> {
    fn of(file: &'f SourceFile<'f>) -> Result<Self> {
        Ok(Self { file, input: BufReader::new(file.bytes()?), line: Vec::new(), number: 0 })
    }

    fn next(&mut self) -> Result<Option<&[u8]>> {
        loop {
            self.line.clear();
            let read = self.input.by_ref().take(ROW_BYTES_MAX).read_until(b'\n', &mut self.line);
            let read = read.map_err(|cause| self.file.failed(&cause))?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if read as u64 == ROW_BYTES_MAX {
                return Err(self
                    .file
                    .at_line(self.number, &"a line of more than 256 MB")
                    .hint("write one JSON object a line"));
            }
            if !self.line.trim_ascii().is_empty() {
                let line = &self.line[..];
                return Ok(Some(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)));
            }
        }
    }
}

impl FormatReader for JsonLinesFiles {
    fn look(&mut self, file: &SourceFile<'_>) -> Result<()> {
        let (mut own, mut has_rows) = (ObjectNames::default(), false);
        let mut lines = Lines::of(file)?;
        while let Some(line) = lines.next()? {
            has_rows = true;
            let parsed = serde_json::from_slice(line).map(|DistinctJson(value)| value);
            let start = line.trim_ascii_start().first().copied();
            let at = |what: &dyn std::fmt::Display| file.at_line(lines.number, what);
            let map = match parsed {
                Ok(Json::Object(map)) => map,
                Ok(_) => return Err(not_an_object(file, &at(&"one JSON object is expected"), start)),
                Err(cause) if cause.is_data() => {
                    // The place is that in the line.
                    let what = cause.to_string();
                    let what = what.rsplit_once(" at line ").map_or(&what[..], |(what, _)| what);
                    return Err(
                        at(&what).hint("write each key once; which of the values counts cannot be told")
                    );
                }
                Err(cause) => return Err(not_an_object(file, &at(&format!("not JSON: {cause}")), start)),
            };
            self.columns.see(&map).map_err(|clash| {
                at(&clash).hint(
                    "write one kind of value, or convert the file to Parquet with the columns that you need",
                )
            })?;
            if self.columns.is_too_wide() {
                return Err(at(&"the rows have more than 10 000 different keys, each of which is a column")
                    .hint("write labels as an object in one column, such as \"labels\": {…}"));
            }
            own.see(map.keys());
        }
        self.all.see(own.names.iter());
        if has_rows {
            self.own.insert(file.name.to_owned(), own.names);
        }
        Ok(())
    }

    fn settle(&mut self, as_map: AsMap<'_>) {
        self.columns.settle("", as_map);
    }

    fn open<'f>(&'f self, file: &'f SourceFile<'f>) -> Result<Rows<'f>> {
        // A file without rows lacks nothing: writers leave one for an empty part.
        let names = self.own.get(file.name).unwrap_or(&self.all.names);
        let schema: SchemaRef = Arc::new(Schema::new(self.columns.fields(names)));
        let decoder = ReaderBuilder::new(Arc::clone(&schema))
            .with_batch_size(BATCH_ROWS)
            .with_coerce_primitive(true)
            .build_decoder();
        let mut decoder = decoder.map_err(|cause| Error::internal(cause.to_string()))?;
        let mut lines = Lines::of(file)?;
        Ok(Rows { schema, next: Box::new(move || next_batch(&mut lines, &mut decoder)) })
    }
}

fn next_batch(lines: &mut Lines<'_>, decoder: &mut Decoder) -> Result<Option<LinedBatch>> {
    let (mut numbers, mut bytes) = (Vec::new(), 0);
    while numbers.len() < BATCH_ROWS && bytes < BATCH_BYTES {
        let Some(line) = lines.next()? else { break };
        bytes += line.len();
        // A blank after the object ends it.
        let taken = guarded(|| decoder.decode(line).and_then(|_| decoder.decode(b"\n")).map(|_| ()));
        let what = match taken {
            Some(Ok(())) => {
                numbers.push(lines.number);
                continue;
            }
            Some(Err(cause)) => cause.to_string(),
            None => "the decoder gave up".to_owned(),
        };
        return Err(lines.file.at_line(lines.number, &what));
    }
    let batch = guarded(|| decoder.flush());
    let batch = batch.ok_or_else(|| lines.file.at_line(lines.number, &"the decoder gave up"))?;
    let batch = batch.map_err(|cause| lines.file.at_line(lines.number, &cause))?;
    Ok(batch.map(|batch| LinedBatch { batch, lines: numbers }))
}

/// Adds the way out of what a file of this ending often is.
fn not_an_object(file: &SourceFile<'_>, error: &Error, start: Option<u8>) -> Error {
    let name = file.name;
    let hint = match start {
        Some(b'[') => format!("write one object a line: jq -c '.[]' {name} > rows.jsonl"),
        Some(b'{') => format!("write each object on one line: jq -c . {name} > rows.jsonl"),
        _ => "write one JSON object a line".to_owned(),
    };
    error.clone().hint(hint)
}

/// Names in the order of first sight.
#[derive(Debug, Default)]
struct ObjectNames {
    names: Vec<String>,
    known: std::collections::HashSet<String>,
}

impl ObjectNames {
    fn see<'k>(&mut self, keys: impl Iterator<Item = &'k String>) {
        for key in keys {
            if !self.known.contains(key) {
                self.known.insert(key.clone());
                self.names.push(key.clone());
            }
        }
    }
}
