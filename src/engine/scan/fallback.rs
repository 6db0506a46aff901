//! Column chunks that encoded pages do not give, read as arrays.

use std::fs::File;
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
    let mut roots: Vec<usize> = columns.iter().filter_map(|(root, _)| *root).collect();
    roots.sort_unstable();
    roots.dedup();
    let mut reader = reader(shard, group, &roots).map_err(|cause| damaged(cause.to_string()))?;
    // The decoders of some encodings panic on damaged pages.
    while let Some(batch) =
        guarded(|| reader.next()).ok_or_else(|| damaged("the decoder gave up".to_owned()))?
    {
        let batch = batch.map_err(|cause| damaged(cause.to_string()))?;
        let column =
            |(root, to): &(Option<usize>, &DataType)| match root.map(|root| roots.binary_search(&root)) {
                Some(Ok(place)) => cast(batch.column(place), to).map_err(|cause| damaged(cause.to_string())),
                _ => Ok(new_null_array(to, batch.num_rows())),
            };
        each(columns.iter().map(column).collect::<Result<_>>()?)?;
    }
    Ok(())
}

fn reader(shard: &Shard, group: usize, roots: &[usize]) -> parquet::errors::Result<ParquetRecordBatchReader> {
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(&shard.metadata), ArrowReaderOptions::new())?;
    let mask = ProjectionMask::roots(shard.metadata.file_metadata().schema_descr(), roots.iter().copied());
    ParquetRecordBatchReaderBuilder::new_with_metadata(File::open(&shard.path)?, metadata)
        .with_row_groups(vec![group])
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()
}
