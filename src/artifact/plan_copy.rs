//! A sampled shard: rows repeated, removed, or those of one fold. Streamed, batch by batch.

use std::borrow::Borrow;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::SchemaDescriptor;

use super::files::ROW_LINES;
use super::plan::failed;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::sampling::Decisions;
use crate::store::Place;

/// Rows that are read at a time.
const BATCH_ROWS: usize = 1024;
/// Rows that are written at a time, so that long texts repeated stay below what one array can hold.
const TAKE_ROWS: usize = 8192;
/// The entry that the writer adds itself.
const ARROW_SCHEMA: &str = "ARROW:schema";

/// A shard to be copied.
#[derive(Debug, Clone)]
pub(crate) struct OriginalShard<'a> {
    /// Its place.
    pub place: &'a Place,
    /// What messages call it.
    pub name: &'a str,
    /// Its footer, and how its columns are read.
    pub reader: &'a ArrowReaderMetadata,
    /// The columns of the copy.
    pub columns: &'a SchemaDescriptor,
}

/// Which rows a copy has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CopiedRows {
    /// Every row as many times as its value.
    Repeated,
    /// Every row once whose value is this one.
    OfFold(u32),
    /// Every row once, and rows with value 2 twice, each time with other labels.
    Split,
}

/// Which of its copies a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowCopy {
    /// The only one.
    Whole,
    /// That of the labels up to MeanIR.
    Majority,
    /// That of the labels above it.
    Minority,
}

/// Removes labels from the copies of rows.
pub(crate) type CopyEdit<'a> = &'a (dyn Fn(&RecordBatch, &[RowCopy]) -> Result<RecordBatch> + Sync);

fn damaged(original: &OriginalShard<'_>, cause: &dyn std::fmt::Display) -> Error {
    Error::input(format!("a page cannot be decoded: {cause}"))
        .at(original.name)
        .hint("write the shard again, or leave --materialize out")
}

fn open(original: &OriginalShard<'_>) -> Result<ParquetRecordBatchReader> {
    let open = || -> parquet::errors::Result<ParquetRecordBatchReader> {
        let (file, reader) = (original.place.open()?, original.reader.clone());
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, reader).with_batch_size(BATCH_ROWS).build()
    };
    let opened = guarded(open).ok_or_else(|| damaged(original, &"the decoder gave up"))?;
    opened.map_err(|cause| Error::behind(&cause).unwrap_or_else(|| damaged(original, &cause)))
}

/// Whether an entry of the footer is one of the copy too: the lines of a text file are not.
fn stays(key: &str) -> bool {
    key != ARROW_SCHEMA && key != ROW_LINES
}

/// The fields that are read, with the entries of the original: readers look for what pandas and Hugging Face say of
/// columns in the Arrow schema of a file before they look in its footer.
fn schema(original: &OriginalShard<'_>, read: &Schema) -> SchemaRef {
    let mut metadata = original.reader.schema().metadata().clone();
    metadata.retain(|key, _| stays(key));
    Arc::new(Schema::new_with_metadata(read.fields().clone(), metadata))
}

/// How the original was written, as its footer shows; field ids and logical types come with its columns.
fn options(original: &OriginalShard<'_>) -> ArrowWriterOptions {
    let metadata = original.reader.metadata();
    let compression = metadata.row_groups().first().and_then(|group| group.columns().first());
    let compression = match compression.map(ColumnChunkMetaData::compression) {
        None | Some(Compression::LZO | Compression::LZ4) => Compression::ZSTD(ZstdLevel::default()),
        Some(known) => known,
    };
    let rows = metadata.row_groups().iter().map(|group| usize::try_from(group.num_rows()).unwrap_or(0)).max();
    let entries = metadata.file_metadata().key_value_metadata().cloned().unwrap_or_default();
    let entries = entries.into_iter().filter(|entry| stays(&entry.key)).collect();
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_created_by("posweight".to_owned())
        .set_max_row_group_row_count(rows.filter(|rows| *rows > 0).or(Some(1 << 20)))
        .set_key_value_metadata(Some(entries))
        .build();
    ArrowWriterOptions::new().with_properties(properties).with_parquet_schema(original.columns.clone())
}

/// Copies the `rows` that were decided on; gives how many there are. Up to `group_bytes` of a row group wait to
/// be written.
///
/// # Errors
/// [`Error::Input`] where the shard cannot be read, those of `decisions` and `edit`, and [`Error::Output`] or
/// [`Error::Resource`] where the copy cannot be written.
pub(crate) fn copy_shard<D: Borrow<Decisions>>(
    out: impl Write + Send,
    original: &OriginalShard<'_>,
    decisions: impl Iterator<Item = Result<D>>,
    rows: CopiedRows,
    edit: Option<CopyEdit<'_>>,
    group_bytes: usize,
) -> Result<u64> {
    let mut reader = open(original)?;
    let schema = schema(original, &arrow::array::RecordBatchReader::schema(&reader));
    let mut writer = ArrowWriter::try_new_with_options(out, schema, options(original)).map_err(failed)?;
    let mut cursor = DecisionCursor { decisions, current: None, place: 0 };
    let (mut row, mut written) = (0_u64, 0);
    loop {
        // The decoders of some encodings panic on damaged pages.
        let batch = guarded(|| reader.next()).ok_or_else(|| damaged(original, &"the decoder gave up"))?;
        let Some(batch) = batch.transpose().map_err(|cause| damaged(original, &cause))? else { break };
        let (mut indices, mut copies) = (Vec::new(), Vec::new());
        for at in (0_u32..).take(batch.num_rows()) {
            let Some(value) = cursor.value(row)? else {
                row += 1;
                continue;
            };
            row += 1;
            let wanted: &[RowCopy] = match (rows, value) {
                (CopiedRows::OfFold(fold), value) if fold != value => &[],
                (CopiedRows::Split, 2) => &[RowCopy::Majority, RowCopy::Minority],
                (CopiedRows::OfFold(_) | CopiedRows::Split, _) => &[RowCopy::Whole],
                (CopiedRows::Repeated, times) => {
                    for _ in 0..times {
                        indices.push(at);
                        if indices.len() == TAKE_ROWS {
                            put(&mut writer, &batch, &mut indices, &mut copies, edit)?;
                            flush(&mut writer, group_bytes)?;
                            written += TAKE_ROWS as u64;
                        }
                    }
                    &[]
                }
            };
            indices.extend(wanted.iter().map(|_| at));
            copies.extend_from_slice(wanted);
        }
        written += indices.len() as u64;
        put(&mut writer, &batch, &mut indices, &mut copies, edit)?;
        flush(&mut writer, group_bytes)?;
    }
    writer.close().map_err(failed)?;
    Ok(written)
}

/// Writes some rows of a batch.
fn put<W: Write + Send>(
    writer: &mut ArrowWriter<W>,
    batch: &RecordBatch,
    indices: &mut Vec<u32>,
    copies: &mut Vec<RowCopy>,
    edit: Option<CopyEdit<'_>>,
) -> Result<()> {
    if indices.is_empty() {
        return Ok(());
    }
    let internal = |cause: arrow::error::ArrowError| Error::internal(cause.to_string());
    let mut taken =
        take_record_batch(batch, &UInt32Array::from(std::mem::take(indices))).map_err(internal)?;
    if let Some(edit) = edit {
        taken = edit(&taken, copies)?;
    }
    copies.clear();
    // The writer panics on columns that it does not know.
    let written = guarded(|| writer.write(&taken));
    written.ok_or_else(|| Error::internal("a column of the shard cannot be written"))?.map_err(failed)
}

fn flush<W: Write + Send>(writer: &mut ArrowWriter<W>, group_bytes: usize) -> Result<()> {
    if writer.in_progress_size() > group_bytes { writer.flush().map_err(failed) } else { Ok(()) }
}

/// Goes through decisions row by row.
struct DecisionCursor<D, I> {
    decisions: I,
    current: Option<D>,
    /// The next row of the current block among those that are there.
    place: usize,
}

impl<D: Borrow<Decisions>, I: Iterator<Item = Result<D>>> DecisionCursor<D, I> {
    /// What was decided of a row, which is behind those asked for before; `None` where it is not in the plan.
    fn value(&mut self, row: u64) -> Result<Option<u32>> {
        loop {
            if let Some(current) = &self.current {
                let current: &Decisions = current.borrow();
                if row < current.first_row + current.rows {
                    let is_there = self.place < current.values.len() && current.row(self.place) == row;
                    let value = is_there.then(|| current.values.get(self.place));
                    self.place += usize::from(is_there);
                    return Ok(value);
                }
            }
            match self.decisions.next() {
                None => return Ok(None),
                Some(next) => (self.current, self.place) = (Some(next?), 0),
            }
        }
    }
}
