//! Columns of one row group read as arrays, side by side.

use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::ColumnChunkMetaData;

use crate::engine::errors::damaged;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::source::int96::{check_row_group, reader_metadata};
use crate::source::layout::is_text;
use crate::source::shards::Shard;
use crate::store::{Object, Reader};

/// Rows per batch.
pub(crate) const BATCH_ROWS: usize = 8192;

/// A column to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ArrayColumn<'a> {
    /// Its place in the shard, if it has one.
    pub(crate) place: Option<usize>,
    /// The type that is given.
    pub(crate) to: &'a DataType,
    /// Whether texts may be given as entries of a dictionary, as most pages hold them.
    pub(crate) may_be_entries: bool,
}

/// Reads some columns of one row group, batch by batch. Its errors do not say where.
pub(crate) struct ArrayReader<'a> {
    shard: &'a Shard,
    group: usize,
    columns: Vec<ArrayColumn<'a>>,
    /// The columns of the file that are read, ascending.
    roots: Vec<usize>,
    reader: ParquetRecordBatchReader,
    /// Rows given, and those before them; rows that are deleted do not count.
    rows: u64,
}

impl<'a> ArrayReader<'a> {
    /// Reads from row `from` of the row group on, without rows that are deleted. A column that the shard lacks is
    /// NULL.
    pub(crate) fn open(
        shard: &'a Shard,
        group: usize,
        columns: Vec<ArrayColumn<'a>>,
        from: u64,
    ) -> Result<Self> {
        let root = |place: usize| shard.nested_at(place).map_or(place, |(root, _)| root);
        let mut roots: Vec<usize> = columns.iter().filter_map(|column| column.place.map(root)).collect();
        roots.sort_unstable();
        roots.dedup();
        check_row_group(&shard.place, &shard.metadata, &shard.schema, group, &roots)?;
        let file = open(shard, group, &roots)?;
        let entries = columns_of_entries(shard, group, &columns);
        let reader = guarded(|| reader(file, shard, group, (&roots, &entries), from))
            .ok_or_else(|| damaged("the decoder gave up"))?
            .map_err(|cause| behind(shard, &cause))?;
        Ok(Self { shard, group, columns, roots, reader, rows: from })
    }

    /// Compressed bytes of the columns.
    pub(crate) fn bytes(&self) -> u64 {
        chunks(self.shard, self.group, &self.roots).map(|chunk| chunk.byte_range().1).sum()
    }

    /// The next rows: how many they are, and the columns; `None` after the last row of the row group.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, Vec<ArrayRef>)>> {
        // The decoders of some encodings panic on damaged pages.
        let next = guarded(|| self.reader.next()).ok_or_else(|| damaged("the decoder gave up"))?;
        let Some(batch) = next.transpose().map_err(|cause| behind(self.shard, &cause))? else {
            return self.check_end().map(|()| None);
        };
        self.rows += batch.num_rows() as u64;
        let column = |&ArrayColumn { place, to, may_be_entries }: &ArrayColumn<'_>| {
            let nested = place.and_then(|place| self.shard.nested_at(place));
            let root = nested.map(|(root, _)| root).or(place);
            match (root.map(|root| self.roots.binary_search(&root)), nested) {
                (Some(Ok(place)), Some((_, path))) => {
                    cast(&path.read(batch.column(place))?, to).map_err(damaged)
                }
                (Some(Ok(place)), None) => match batch.column(place) {
                    entries if may_be_entries && is_text(to) && holds_entries(entries.data_type()) => {
                        Ok(Arc::clone(entries))
                    }
                    values => cast(values, to).map_err(damaged),
                },
                _ => Ok(new_null_array(to, batch.num_rows())),
            }
        };
        let columns = self.columns.iter().map(column).collect::<Result<_>>()?;
        Ok(Some((batch.num_rows(), columns)))
    }

    /// Pages of an unknown kind are passed over by the decoder.
    fn check_end(&self) -> Result<()> {
        let expected = self.shard.live_rows(self.group);
        if self.rows == expected {
            return Ok(());
        }
        Err(damaged(format!(
            "row group {} has pages of {} rows, but the footer claims {expected}",
            self.group, self.rows
        )))
    }
}

/// Whether values are texts of a dictionary.
fn holds_entries(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Dictionary(_, texts) if is_text(texts))
}

/// The columns of a shard that may be read as entries of a dictionary, and have one.
fn columns_of_entries(shard: &Shard, group: usize, columns: &[ArrayColumn<'_>]) -> Vec<usize> {
    let has_dictionary =
        |place: &usize| chunks(shard, group, &[*place]).any(|chunk| chunk.dictionary_page_offset().is_some());
    let may_be = columns.iter().filter(|column| column.may_be_entries && is_text(column.to));
    let places = may_be.filter_map(|column| column.place);
    places.filter(|place| shard.nested_at(*place).is_none()).filter(has_dictionary).collect()
}

/// The same file with some columns of texts as entries of a dictionary.
fn with_entries(
    metadata: ArrowReaderMetadata,
    entries: &[usize],
) -> parquet::errors::Result<ArrowReaderMetadata> {
    if entries.is_empty() {
        return Ok(metadata);
    }
    let schema = metadata.schema();
    let fields = schema.fields().iter().enumerate().map(|(place, field)| match field.data_type() {
        text @ (DataType::Utf8 | DataType::LargeUtf8) if entries.contains(&place) => {
            let entries = DataType::Dictionary(Box::new(DataType::Int32), Box::new(text.clone()));
            Arc::new(field.as_ref().clone().with_data_type(entries))
        }
        _ => Arc::clone(field),
    });
    let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
}

/// Stores give errors of ours.
fn behind(shard: &Shard, cause: &(dyn std::error::Error + 'static)) -> Error {
    let of_store = || shard.place.object().and_then(Object::failure);
    Error::behind(cause).or_else(of_store).unwrap_or_else(|| damaged(cause))
}

/// The chunks of some columns.
fn chunks<'a>(
    shard: &'a Shard,
    group: usize,
    roots: &'a [usize],
) -> impl Iterator<Item = &'a ColumnChunkMetaData> {
    let descriptor = shard.metadata.file_metadata().schema_descr();
    let chunks = shard.metadata.row_group(group).columns().iter().enumerate();
    chunks
        .filter(|(leaf, _)| roots.binary_search(&descriptor.get_column_root_idx(*leaf)).is_ok())
        .map(|(_, chunk)| chunk)
}

/// Opens the shard; one column of an object is read in one request.
fn open(shard: &Shard, group: usize, roots: &[usize]) -> Result<Reader> {
    let mut file = shard.place.open().map_err(|cause| shard.place.failed(&cause))?;
    if roots.len() == 1 {
        let range = chunks(shard, group, roots)
            .map(ColumnChunkMetaData::byte_range)
            .map(|(start, bytes)| start..start + bytes)
            .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end));
        file.prefetch(range.unwrap_or_default())?;
    }
    Ok(file)
}

fn reader(
    file: Reader,
    shard: &Shard,
    group: usize,
    (roots, entries): (&[usize], &[usize]),
    from: u64,
) -> parquet::errors::Result<ParquetRecordBatchReader> {
    let metadata = with_entries(reader_metadata(&shard.metadata)?, entries)?;
    let mask = ProjectionMask::roots(shard.metadata.file_metadata().schema_descr(), roots.iter().copied());
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .with_row_groups(vec![group])
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS);
    let builder = match shard.live_selection(group) {
        Some(selection) => builder.with_row_selection(selection),
        None => builder,
    };
    match from {
        0 => builder.build(),
        from => builder.with_offset(usize::try_from(from).unwrap_or(usize::MAX)).build(),
    }
}
