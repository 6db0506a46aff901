//! A shard with columns more: its own column chunks are copied as bytes, row group by row group, and the new ones are
//! written behind them.
//!
//! ```text
//! shard:  chunk chunk chunk │ chunk chunk chunk │ footer
//!           │ bytes           │ bytes               │ schema, entries, page index, Bloom filters
//! copy:   chunk chunk chunk new │ chunk chunk chunk new │ footer
//! ```

use std::io::{BufReader, Read, Seek as _, SeekFrom, Write};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata, parquet_to_arrow_schema};
use parquet::basic::{Compression, ZstdLevel};
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{
    ColumnChunkMetaData, KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type as ParquetType, TypePtr};
use serde_json::{Value as Json, json};

use super::files::ROW_LINES;
use super::plan::failed;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::store::{Place, Reader};

/// The entry with the Arrow types of columns, which is written anew.
const ARROW_SCHEMA: &str = "ARROW:schema";
/// The entry of Spark, which reads only the columns that it lists.
const SPARK_SCHEMA: &str = "org.apache.spark.sql.parquet.row.metadata";
/// Bytes that are read at a time.
const BUFFER: usize = 1 << 20;

/// Ends the work early with its error.
pub(crate) type CopyStop<'a> = &'a (dyn Fn() -> Result<()> + Sync);

/// A shard whose columns are copied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WholeShard<'a> {
    /// Its place.
    pub place: &'a Place,
    /// What messages call it.
    pub name: &'a str,
    /// Its footer.
    pub metadata: &'a ParquetMetaData,
}

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CopiedBytes {
    pub rows: u64,
    /// Bytes of column chunks that were copied as they are.
    pub bytes: u64,
}

/// Encodes new columns, row group by row group.
#[derive(Debug)]
pub(crate) struct ColumnEncoder {
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
}

/// The new columns of one row group in the making.
#[derive(Debug)]
pub(crate) struct GroupColumns {
    schema: SchemaRef,
    writers: Vec<ArrowColumnWriter>,
}

/// The new columns of one row group.
pub(crate) struct EncodedColumns(Vec<ArrowColumnChunk>);

/// How a shard is compressed, as its first column shows.
fn compression_of(metadata: &ParquetMetaData) -> Compression {
    let first = metadata.row_groups().first().and_then(|group| group.columns().first());
    match first.map(ColumnChunkMetaData::compression) {
        None | Some(Compression::LZO | Compression::LZ4) => Compression::ZSTD(ZstdLevel::default()),
        Some(known) => known,
    }
}

/// Whether a shard says where the pages of its columns are. Readers want that of all columns, or of none.
fn has_pages(metadata: &ParquetMetaData) -> bool {
    let mut columns = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    columns.all(|column| column.offset_index_offset().is_some())
}

impl ColumnEncoder {
    /// For these columns of a shard with this footer, whose other columns show how they are written.
    ///
    /// # Errors
    /// [`Error::Internal`] for a type that Parquet has not.
    pub(crate) fn new(schema: &SchemaRef, metadata: &ParquetMetaData) -> Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(compression_of(metadata))
            .set_offset_index_disabled(!has_pages(metadata))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .build();
        let converted = ArrowSchemaConverter::new().convert(schema).map_err(failed)?;
        let root = converted.root_schema_ptr();
        let file = SerializedFileWriter::new(std::io::sink(), root, Arc::new(properties)).map_err(failed)?;
        Ok(Self {
            factory: ArrowRowGroupWriterFactory::new(&file, Arc::clone(schema)),
            schema: Arc::clone(schema),
        })
    }

    /// Begins a row group.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn begin(&self) -> Result<GroupColumns> {
        let writers = self.factory.create_column_writers(0).map_err(failed)?;
        Ok(GroupColumns { schema: Arc::clone(&self.schema), writers })
    }
}

impl GroupColumns {
    /// Adds the next rows, an array for each column.
    ///
    /// # Errors
    /// [`Error::Internal`] for an array of another type.
    pub(crate) fn write(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        let mut writers = self.writers.iter_mut();
        for (field, array) in self.schema.fields().iter().zip(arrays) {
            for (leaf, writer) in compute_leaves(field, array).map_err(failed)?.iter().zip(&mut writers) {
                writer.write(leaf).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// The row group is complete.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(crate) fn finish(self) -> Result<EncodedColumns> {
        let chunks = self.writers.into_iter().map(ArrowColumnWriter::close);
        chunks.collect::<ParquetResult<_>>().map(EncodedColumns).map_err(failed)
    }
}

/// Writes `shard` with the columns `added`, which `next` gives for each row group that has rows.
///
/// # Errors
/// [`Error::Input`] naming the shard where a chunk cannot be copied, those of `next` and `stop`, and [`Error::Output`] or
/// [`Error::Resource`] where the copy cannot be written.
pub(crate) fn append_columns(
    out: impl Write + Send,
    shard: &WholeShard<'_>,
    added: &SchemaRef,
    next: &mut dyn FnMut(usize) -> Result<EncodedColumns>,
    stop: CopyStop<'_>,
) -> Result<CopiedBytes> {
    let damaged = |cause: ParquetError| match Error::behind(&cause) {
        Some(error) => error,
        None => Error::input(format!("its columns cannot be copied: {cause}"))
            .at(shard.name)
            .hint("write the shard again, or leave it out of the sources"),
    };
    let source = Chunks { reader: shard.place.open().map_err(|cause| shard.place.failed(&cause))?, stop };
    let metadata = with_page_index(shard.metadata, &source.reader);
    let root = root_with(&metadata, added).map_err(damaged)?;
    let properties = properties(&metadata, added).map_err(damaged)?;
    // The writer of schemas panics on some that it does not know.
    let file = guarded(|| SerializedFileWriter::new(out, root, Arc::new(properties)));
    let mut file = file
        .ok_or_else(|| damaged(ParquetError::General("its schema cannot be written".to_owned())))?
        .map_err(failed)?;
    let mut copied = CopiedBytes::default();
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        if rows == 0 {
            continue;
        }
        let columns = next(number)?;
        let mut writer = file.next_row_group().map_err(failed)?;
        for place in 0..group.num_columns() {
            stop()?;
            let close = closed(&metadata, number, place, &source.reader).map_err(damaged)?;
            copied.bytes += close.bytes_written;
            writer.append_column(&source, close).map_err(|cause| match Error::behind(&cause) {
                Some(error) => error,
                None if is_of_output(&cause) => failed(cause),
                None => damaged(cause),
            })?;
        }
        for chunk in columns.0 {
            chunk.append_to_row_group(&mut writer).map_err(failed)?;
        }
        writer.close().map_err(failed)?;
        copied.rows += rows;
    }
    file.close().map_err(failed)?;
    Ok(copied)
}

/// Whether writing failed, and not reading.
fn is_of_output(cause: &ParquetError) -> bool {
    let ParquetError::External(inner) = cause else { return false };
    match inner.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().is_none_or(|inner| !inner.is::<ReadFailure>()),
        None => false,
    }
}

/// The footer with the page index, where there is one that can be read.
fn with_page_index(metadata: &ParquetMetaData, reader: &Reader) -> ParquetMetaData {
    let read = || {
        let mut index = ParquetMetaDataReader::new_with_metadata(metadata.clone())
            .with_page_index_policy(PageIndexPolicy::Optional);
        index.read_page_indexes(reader)?;
        index.finish()
    };
    match guarded(read) {
        Some(Ok(metadata)) => metadata,
        // A shard is whole without its page index.
        _ => metadata.clone(),
    }
}

/// The columns of the shard, and the new ones behind them.
fn root_with(metadata: &ParquetMetaData, added: &SchemaRef) -> ParquetResult<TypePtr> {
    let own = metadata.file_metadata().schema_descr().root_schema();
    let new = ArrowSchemaConverter::new().convert(added)?;
    let fields = own.get_fields().iter().chain(new.root_schema().get_fields()).cloned().collect();
    let name = if own.name().is_empty() { "schema" } else { own.name() };
    Ok(Arc::new(ParquetType::group_type_builder(name).with_fields(fields).build()?))
}

/// Entries, writer and order of rows are those of the shard: readers know the faults of old writers by their names.
fn properties(metadata: &ParquetMetaData, added: &SchemaRef) -> ParquetResult<WriterProperties> {
    let own = metadata.file_metadata();
    let schema = parquet_to_arrow_schema(own.schema_descr(), own.key_value_metadata())?;
    let fields = schema.fields().iter().chain(added.fields()).cloned().collect::<Vec<_>>();
    let entries = own.key_value_metadata().into_iter().flatten();
    let entries = entries.filter(|entry| entry.key != ARROW_SCHEMA && entry.key != ROW_LINES);
    let entries = entries.filter_map(|entry| {
        if entry.key == SPARK_SCHEMA { of_spark(entry, added) } else { Some(entry.clone()) }
    });
    let order = metadata.row_groups().first().and_then(RowGroupMetaData::sorting_columns);
    let is_one = metadata.row_groups().iter().all(|group| group.sorting_columns() == order);
    let version = if own.version() < 2 { WriterVersion::PARQUET_1_0 } else { WriterVersion::PARQUET_2_0 };
    let mut properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_key_value_metadata(Some(entries.collect()))
        .set_created_by(own.created_by().unwrap_or("posweight").to_owned())
        .set_sorting_columns(order.filter(|_| is_one).cloned())
        .set_offset_index_disabled(!has_pages(metadata))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .build();
    add_encoded_arrow_schema_to_metadata(
        &Schema::new_with_metadata(fields, schema.metadata().clone()),
        &mut properties,
    );
    Ok(properties)
}

/// The entry of Spark with the new columns; `None` where it cannot be read, since Spark then looks at the columns.
fn of_spark(entry: &KeyValue, added: &SchemaRef) -> Option<KeyValue> {
    let mut schema: Json = serde_json::from_str(entry.value.as_deref()?).ok()?;
    let fields = schema.get_mut("fields")?.as_array_mut()?;
    for field in added.fields() {
        fields.push(json!({
            "name": field.name(), "type": spark_type(field)?, "nullable": field.is_nullable(), "metadata": {}
        }));
    }
    Some(KeyValue::new(entry.key.clone(), schema.to_string()))
}

fn spark_type(field: &Field) -> Option<Json> {
    Some(match field.data_type() {
        DataType::Float32 => json!("float"),
        DataType::Int32 => json!("integer"),
        DataType::List(item) | DataType::FixedSizeList(item, _) => {
            json!({ "type": "array", "elementType": spark_type(item)?, "containsNull": item.is_nullable() })
        }
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| {
                Some(json!({
                    "name": field.name(), "type": spark_type(field)?, "nullable": field.is_nullable(), "metadata": {}
                }))
            });
            json!({ "type": "struct", "fields": fields.collect::<Option<Vec<_>>>()? })
        }
        _ => return None,
    })
}

/// A column chunk as the writer takes it.
fn closed(
    metadata: &ParquetMetaData,
    group: usize,
    place: usize,
    reader: &Reader,
) -> ParquetResult<ColumnCloseResult> {
    let chunk = metadata.row_group(group).column(place);
    if chunk.file_path().is_some() {
        return Err(ParquetError::General(format!(
            "column {} is in another file",
            chunk.column_path().string()
        )));
    }
    // Some writers say 0 where there is no dictionary.
    let dictionary = chunk.dictionary_page_offset().filter(|offset| *offset >= 4);
    if dictionary.is_some_and(|offset| offset >= chunk.data_page_offset()) {
        let column = chunk.column_path().string();
        return Err(ParquetError::General(format!("the dictionary of column {column} is behind its pages")));
    }
    let chunk = chunk.clone().into_builder().set_dictionary_page_offset(dictionary).build()?;
    let bloom_filter = match guarded(|| Sbbf::read_from_column_chunk(&chunk, reader)) {
        Some(Ok(filter)) => filter,
        // A chunk is whole without its Bloom filter.
        _ => None,
    };
    let column_index = metadata.column_index().map(|index| index[group][place].clone());
    Ok(ColumnCloseResult {
        bytes_written: u64::try_from(chunk.compressed_size()).unwrap_or(0),
        rows_written: u64::try_from(metadata.row_group(group).num_rows()).unwrap_or(0),
        bloom_filter,
        column_index: column_index.filter(|index| !matches!(index, ColumnIndexMetaData::NONE)),
        offset_index: metadata.offset_index().map(|index| index[group][place].clone()),
        metadata: chunk,
    })
}

/// A shard that is read in large pieces, until it is to stop.
struct Chunks<'a> {
    reader: Reader,
    stop: CopyStop<'a>,
}

impl Length for Chunks<'_> {
    fn len(&self) -> u64 {
        self.reader.len()
    }
}

impl<'a> ChunkReader for Chunks<'a> {
    type T = BufReader<Piece<'a>>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let input: Box<dyn Read + Send> = match &self.reader {
            Reader::File(file) => {
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(start))?;
                Box::new(file)
            }
            Reader::Object(_) => self.reader.get_read(start)?,
        };
        Ok(BufReader::with_capacity(BUFFER, Piece { input, stop: self.stop }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.reader.get_bytes(start, length)
    }
}

/// Part of a shard.
struct Piece<'a> {
    input: Box<dyn Read + Send>,
    stop: CopyStop<'a>,
}

/// An error of reading, which is not one of writing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ReadFailure(#[source] std::io::Error);

impl Read for Piece<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        (self.stop)().map_err(std::io::Error::other)?;
        self.input.read(buffer).map_err(|cause| std::io::Error::other(ReadFailure(cause)))
    }
}
