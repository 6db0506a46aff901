//! Rows as bytes, batch by batch.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::WriterBuilder as JsonBuilder;
use arrow::json::writer::LineDelimited;
use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};

use super::cells::rows;
use super::json_numbers::JsonNumbers;
use crate::error::{Error, Result};
use crate::report::visible;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Automatic,
    Table,
    Csv,
    Tsv,
    Json,
    Ndjson,
    Markdown,
    Parquet,
}

/// Maximum rows of a table, which is laid out as a whole.
pub(super) const TABLE_ROWS: usize = 10_000;

/// Writes the rows of one statement, in every format except Parquet.
pub(super) struct Text {
    format: Format,
    schema: SchemaRef,
    begun: bool,
    /// Rows that a table collects before it is laid out.
    waiting: Vec<Vec<String>>,
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn failed(cause: ArrowError) -> Error {
    Error::internal(cause.to_string())
}

impl Text {
    pub(super) fn new(format: Format, schema: SchemaRef) -> Self {
        Self { format, schema, begun: false, waiting: Vec::new() }
    }

    /// True when no more rows are shown.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= TABLE_ROWS
    }

    /// What to write for `batch`.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let begun = std::mem::replace(&mut self.begun, true);
        match self.format {
            Format::Json | Format::Ndjson => self.json(batch, begun),
            Format::Markdown => {
                let mut text = if begun { String::new() } else { self.markdown_head() };
                for row in rows(batch, "NULL")? {
                    text.push_str(&markdown_row(&row));
                }
                Ok(text.into_bytes())
            }
            Format::Csv | Format::Tsv => self.separated(batch, !begun),
            Format::Automatic | Format::Table | Format::Parquet => {
                self.waiting.extend(rows(batch, "NULL")?);
                self.waiting.truncate(TABLE_ROWS);
                Ok(Vec::new())
            }
        }
    }

    /// What to write after the last batch.
    pub(super) fn end(&mut self) -> Result<Vec<u8>> {
        match self.format {
            Format::Ndjson => Ok(Vec::new()),
            Format::Json => Ok(if self.begun { b"\n]\n".to_vec() } else { b"[]\n".to_vec() }),
            // The header is written even without rows.
            _ if !self.begun => {
                let mut head = self.add(&RecordBatch::new_empty(Arc::clone(&self.schema)))?;
                head.extend(self.end()?);
                Ok(head)
            }
            Format::Automatic | Format::Table | Format::Parquet => Ok(self.table().into_bytes()),
            Format::Csv | Format::Tsv | Format::Markdown => Ok(Vec::new()),
        }
    }

    /// Lines of JSON, separated by commas within an array.
    fn json(&mut self, batch: &RecordBatch, begun: bool) -> Result<Vec<u8>> {
        let mut lines = Vec::new();
        let mut writer = JsonBuilder::new()
            .with_explicit_nulls(true)
            .with_encoder_factory(Arc::new(JsonNumbers))
            .build::<_, LineDelimited>(&mut lines);
        writer.write(batch).and_then(|()| writer.finish()).map_err(failed)?;
        drop(writer);
        if self.format == Format::Ndjson {
            return Ok(lines);
        }
        let mut text = if begun { Vec::new() } else { b"[\n".to_vec() };
        // An empty batch does not begin the array.
        let mut first = !begun;
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            text.extend_from_slice(if first { b"" } else { b",\n" });
            text.extend_from_slice(line);
            first = false;
        }
        self.begun = begun || !first;
        Ok(if self.begun { text } else { Vec::new() })
    }

    fn separated(&self, batch: &RecordBatch, header: bool) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        let delimiter = if self.format == Format::Tsv { b'\t' } else { b',' };
        let builder = arrow::csv::WriterBuilder::new().with_header(header).with_delimiter(delimiter);
        let mut writer = builder.build(&mut text);
        writer.write(&flat(batch)?).map_err(failed)?;
        drop(writer);
        Ok(text)
    }

    fn markdown_head(&self) -> String {
        let names: Vec<String> = self.schema.fields().iter().map(|field| field.name().clone()).collect();
        let rule = |field: &Arc<Field>| if field.data_type().is_numeric() { "--:" } else { "---" };
        let rules: Vec<&str> = self.schema.fields().iter().map(rule).collect();
        format!("{}| {} |\n", markdown_row(&names), rules.join(" | "))
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::ASCII_FULL_CONDENSED);
        table.set_header(self.schema.fields().iter().map(|field| visible(field.name())));
        let show = |cell: &String| if cell.is_empty() { String::new() } else { visible(cell) };
        for row in &self.waiting {
            table.add_row(row.iter().map(show));
        }
        for (column, field) in table.column_iter_mut().zip(self.schema.fields()) {
            if field.data_type().is_numeric() {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        format!("{table}\n")
    }
}

fn markdown_row(cells: &[String]) -> String {
    let safe =
        |cell: &String| if cell.is_empty() { String::new() } else { visible(cell).replace('|', "\\|") };
    format!("| {} |\n", cells.iter().map(safe).collect::<Vec<_>>().join(" | "))
}

/// Lists and structs as text, which a cell of CSV can hold.
fn flat(batch: &RecordBatch) -> Result<RecordBatch> {
    if !batch.schema().fields().iter().any(|field| field.data_type().is_nested()) {
        return Ok(batch.clone());
    }
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.data_type().is_nested() {
            let one =
                RecordBatch::try_from_iter_with_nullable([("", Arc::clone(column), true)]).map_err(failed)?;
            let texts = rows(&one, "")?.into_iter().map(|mut row| row.pop());
            let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(texts);
        } else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(failed)
}
