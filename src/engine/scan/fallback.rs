//! Column chunks that encoded pages do not give, read as arrays.

use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::source::shards::Shard;
use crate::store::Reader;

/// Rows per array.
const BATCH_ROWS: usize = 8192;

/// Calls `each` with all rows of one column of one row group, as arrays of type `to`.
pub(in crate::engine) fn arrays(
    shard: &Shard,
    group: usize,
    root: usize,
    to: &DataType,
    mut each: impl FnMut(ArrayRef) -> Result<()>,
) -> Result<()> {
    rows(shard, group, &[(Some(root), to)], |mut columns| columns.pop().map_or(Ok(()), &mut each))
}

/// The same for several columns side by side; one that the shard lacks is NULL.
pub(in crate::engine) fn rows(
    shard: &Shard,
    group: usize,
    columns: &[(Option<usize>, &DataType)],
    mut each: impl FnMut(Vec<ArrayRef>) -> Result<()>,
) -> Result<()> {
    let damaged = |cause: String| {
        Error::input(format!("a page cannot be decoded: {cause}"))
            .hint("write the shard again, or leave it out of the sources")
    };
    let behind = |cause: &(dyn std::error::Error + 'static)| {
        Error::behind(cause).unwrap_or_else(|| damaged(cause.to_string()))
    };
    let mut roots: Vec<usize> = columns.iter().filter_map(|(root, _)| *root).collect();
    roots.sort_unstable();
    roots.dedup();
    let file = open(shard, group, &roots)?;
    let mut reader = reader(file, shard, group, &roots).map_err(|cause| behind(&cause))?;
    let (mut found, expected) = (0, shard.metadata.row_group(group).num_rows());
    // The decoders of some encodings panic on damaged pages.
    while let Some(batch) =
        guarded(|| reader.next()).ok_or_else(|| damaged("the decoder gave up".to_owned()))?
    {
        let batch = batch.map_err(|cause| behind(&cause))?;
        found += i64::try_from(batch.num_rows()).unwrap_or(i64::MAX);
        let column =
            |(root, to): &(Option<usize>, &DataType)| match root.map(|root| roots.binary_search(&root)) {
                Some(Ok(place)) => cast(batch.column(place), to).map_err(|cause| damaged(cause.to_string())),
                _ => Ok(new_null_array(to, batch.num_rows())),
            };
        each(columns.iter().map(column).collect::<Result<_>>()?)?;
    }
    // Pages of a kind that is unknown are passed over.
    if found == expected {
        Ok(())
    } else {
        Err(damaged(format!("pages of {found} rows in a row group of {expected}")))
    }
}

/// Opens the shard; where it is an object and one column is asked for, that is read in one request.
fn open(shard: &Shard, group: usize, roots: &[usize]) -> Result<Reader> {
    let mut file = shard.place.open().map_err(|cause| shard.place.failed(&cause))?;
    let descriptor = shard.metadata.file_metadata().schema_descr();
    let columns = shard.metadata.row_group(group).columns().iter().enumerate();
    let leaves = columns.filter(|(leaf, _)| roots.contains(&descriptor.get_column_root_idx(*leaf)));
    let ranges = leaves.map(|(_, column)| column.byte_range());
    let range = ranges
        .map(|(start, bytes)| start..start + bytes)
        .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end));
    if roots.len() == 1 {
        file.prefetch(range.unwrap_or_default())?;
    }
    Ok(file)
}

fn reader(
    file: Reader,
    shard: &Shard,
    group: usize,
    roots: &[usize],
) -> parquet::errors::Result<ParquetRecordBatchReader> {
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(&shard.metadata), ArrowReaderOptions::new())?;
    let mask = ProjectionMask::roots(shard.metadata.file_metadata().schema_descr(), roots.iter().copied());
    ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .with_row_groups(vec![group])
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()
}
