//! Row groups read as arrays, with the columns that folders give.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt32Array, new_null_array};
use arrow::compute::cast;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::condition::Condition;
use super::job::{Job, Piece};
use super::read::{Hand, RowSink};
use crate::engine::table::SHARD_COLUMN;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::source::shards::Shard;

/// Rows per batch.
const BATCH_ROWS: usize = 8192;

/// Reads some columns of one row group, batch by batch.
pub(super) struct Arrays<'j> {
    job: &'j Job,
    shard: usize,
    reader: ParquetRecordBatchReader,
    /// Which column of a batch is which of the file.
    places: HashMap<&'j str, usize>,
}

impl<'j> Arrays<'j> {
    /// Reads from row `from` of the row group on. Columns that the shard does not have are given all the same.
    pub(super) fn open(
        job: &'j Job,
        piece: &Piece,
        columns: impl Iterator<Item = &'j str>,
        from: usize,
    ) -> Result<Self> {
        let shard = &job.shards[piece.shard];
        let roots: HashMap<&str, usize> =
            shard.schema.fields().iter().enumerate().map(|(i, field)| (field.name().as_str(), i)).collect();
        let mut wanted: Vec<(usize, &str)> =
            columns.filter_map(|name| Some((*roots.get(name)?, name))).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let file = shard.place.open().map_err(|cause| shard.place.failed(&cause))?;
        let read = || -> parquet::errors::Result<ParquetRecordBatchReader> {
            let metadata =
                ArrowReaderMetadata::try_new(Arc::clone(&shard.metadata), ArrowReaderOptions::new())?;
            let descriptor = shard.metadata.file_metadata().schema_descr();
            let mask = ProjectionMask::roots(descriptor, wanted.iter().map(|(root, _)| *root));
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
                .with_row_groups(vec![piece.group])
                .with_projection(mask)
                .with_batch_size(BATCH_ROWS)
                .with_offset(from)
                .build()
        };
        let broken = |cause: parquet::errors::ParquetError| {
            Error::behind(&cause).unwrap_or_else(|| damaged(&cause.to_string()).at(&shard.name))
        };
        let reader = read().map_err(broken)?;
        job.progress.add_bytes(bytes(shard, piece.group, &wanted));
        let places = wanted.into_iter().enumerate().map(|(place, (_, name))| (name, place)).collect();
        Ok(Self { job, shard: piece.shard, reader, places })
    }

    /// The next rows; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>> {
        // The decoders of some encodings panic on damaged pages.
        let at = |error: Error| error.at(&self.job.shards[self.shard].name);
        let next = guarded(|| self.reader.next()).ok_or_else(|| at(damaged("the decoder gave up")))?;
        next.transpose()
            .map_err(|cause| Error::behind(&cause).unwrap_or_else(|| at(damaged(&cause.to_string()))))
    }

    /// A column of `batch` by its name, in the type that all shards widen to; NULL where the shard has none.
    pub(super) fn column(&self, batch: &RecordBatch, name: &str) -> Result<ArrayRef> {
        let rows = batch.num_rows();
        let Ok(field) = self.job.agreed.field_with_name(name) else { return self.constant(name, rows) };
        match self.places.get(name) {
            None => Ok(new_null_array(field.data_type(), rows)),
            Some(&place) => cast(batch.column(place), field.data_type()).map_err(|cause| {
                let at = format!("{}: column {name:?}", self.job.shards[self.shard].name);
                damaged(&cause.to_string()).at(at)
            }),
        }
    }

    /// What is the same for all rows of a shard: a key of its folders, or its number.
    fn constant(&self, name: &str, rows: usize) -> Result<ArrayRef> {
        if name == SHARD_COLUMN {
            let number = u32::try_from(self.shard).map_err(|_| Error::input("more than 2^32 shards"))?;
            return Ok(Arc::new(UInt32Array::from(vec![number; rows])));
        }
        let hive = &self.job.shards[self.shard].hive;
        let value = hive.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        Ok(Arc::new(StringArray::from(vec![value; rows])))
    }
}

/// Reads a row group as arrays, from row `from` on.
pub(super) fn read_arrays<S: RowSink>(
    job: &Job,
    piece: &Piece,
    hand: &mut Hand,
    from: usize,
    sink: &mut S,
) -> Result<()> {
    let Hand { decoder, block, .. } = hand;
    let labels = &job.counting.layout.labels;
    let columns = || {
        let condition = job.condition.iter().flat_map(Condition::columns);
        labels.iter().chain(&job.counting.by).map(String::as_str).chain(condition)
    };
    let mut arrays = Arrays::open(job, piece, columns(), from)?;
    let mut row = from as u64;
    while let Some(batch) = arrays.next()? {
        if job.is_off(piece) {
            return Ok(());
        }
        let rows = batch.num_rows();
        let all = columns().map(|name| arrays.column(&batch, name)).collect::<Result<Vec<_>>>()?;
        let (of_labels, rest) = all.split_at(labels.len());
        let (by, asked) = rest.split_at(job.counting.by.len());
        decoder.read(of_labels, &job.counting, &mut block.sets)?;
        let meets = match &job.condition {
            Some(condition) => {
                Some(condition.holds(asked.to_vec(), rows)?.values().iter().collect::<Vec<_>>())
            }
            None => None,
        };
        block.members = job.members(by, rows, meets.as_deref())?;
        (block.shard, block.first_row) = (piece.shard, piece.first_row + row);
        sink.take(block)?;
        row += rows as u64;
        job.progress.add(rows as u64);
    }
    if row == piece.rows { Ok(()) } else { Err(wrong_rows(job, piece, row)) }
}

pub(super) fn wrong_rows(job: &Job, piece: &Piece, found: u64) -> Error {
    let Piece { shard, group, rows, .. } = *piece;
    let name = &job.shards[shard].name;
    Error::input(format!("{name}: the footer claims {rows} rows in row group {group}, but {found} were read"))
        .hint("the footer is damaged: write the shard again")
}

/// Bytes of some columns of a row group.
fn bytes(shard: &Shard, group: usize, roots: &[(usize, &str)]) -> u64 {
    let descriptor = shard.metadata.file_metadata().schema_descr();
    let columns = shard.metadata.row_group(group).columns().iter().enumerate();
    let wanted = columns.filter(|(leaf, _)| {
        roots.binary_search_by_key(&descriptor.get_column_root_idx(*leaf), |(root, _)| *root).is_ok()
    });
    wanted.map(|(_, column)| column.byte_range().1).sum()
}

fn damaged(cause: &str) -> Error {
    Error::input(format!("a page cannot be decoded: {cause}"))
        .hint("write the shard again, or leave it out of the sources")
}
