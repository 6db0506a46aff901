//! Some rows of some columns of a shard, as arrays: for what has to be known beside the counts.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};

use super::int96::reader_metadata;
use super::shards::Shard;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::store::Object;

/// Rows per batch.
const BATCH_ROWS: usize = 8192;

/// Which rows of a shard are read.
#[derive(Debug, Clone)]
pub(crate) enum RowChoice {
    /// All that are not deleted.
    All,
    /// Those of them at these places of one row group, ascending.
    Of(usize, Vec<Range<usize>>),
}

/// Calls `each` with batches of the columns for which `wanted` says yes, until it says that it has enough.
///
/// # Errors
/// [`Error::Input`] naming the shard when a page cannot be decoded, and what `each` gives.
pub(crate) fn read_columns(
    shard: &Shard,
    rows: RowChoice,
    wanted: &dyn Fn(&str) -> bool,
    each: &mut dyn FnMut(&RecordBatch) -> Result<Enough>,
) -> Result<()> {
    let broken = |cause: &dyn std::fmt::Display| {
        Error::input(format!("a page cannot be decoded: {cause}"))
            .at(&shard.name)
            .hint("write the shard again, or leave it out of the sources")
    };
    let of_store = || shard.place.object().and_then(Object::failure);
    let behind = |cause: &(dyn std::error::Error + 'static)| {
        Error::behind(cause).or_else(of_store).unwrap_or_else(|| broken(&cause))
    };
    let shard = &shard.whole()?;
    let fields = shard.schema.fields().iter().enumerate();
    let places: Vec<usize> = fields
        .filter(|(_, field)| wanted(field.name()) && !shard.encrypted.contains(field.name()))
        .map(|(i, _)| i)
        .collect();
    if places.is_empty() {
        return Ok(());
    }
    let root = |place: &usize| shard.nested_at(*place).map_or(*place, |(root, _)| root);
    let roots: Vec<usize> = places.iter().map(root).collect();
    let file = shard.place.open().map_err(|cause| shard.place.failed(&cause))?;
    let metadata = reader_metadata(&shard.metadata).map_err(|cause| behind(&cause))?;
    let mask = ProjectionMask::roots(shard.metadata.file_metadata().schema_descr(), roots);
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS);
    if let RowChoice::Of(group, ranges) = rows {
        let all = usize::try_from(shard.metadata.row_group(group).num_rows()).unwrap_or(0);
        let ranges = ranges.into_iter().map(|range| range.start.min(all)..range.end.min(all));
        let mut selection = RowSelection::from_consecutive_ranges(ranges, all);
        if let Some(live) = shard.live_selection(group) {
            selection = selection.intersection(&live);
        }
        builder = builder.with_row_groups(vec![group]).with_row_selection(selection);
    } else if let Some(deleted) = &shard.deleted {
        let all = u64::try_from(shard.metadata.file_metadata().num_rows()).unwrap_or(0);
        builder = builder.with_row_selection(deleted.selection(0..all));
    }
    // The decoders of some encodings panic on damaged pages.
    let opened = guarded(|| builder.build()).ok_or_else(|| broken(&"the decoder gave up"))?;
    let mut reader = opened.map_err(|cause| behind(&cause))?;
    while let Some(batch) = guarded(|| reader.next()).ok_or_else(|| broken(&"the decoder gave up"))? {
        let batch = batch.map_err(|cause| behind(&cause))?;
        if each(&with_nested(shard, &places, batch)?)? == Enough::Yes {
            return Ok(());
        }
    }
    Ok(())
}

/// The columns at `places` of the shard's schema, out of a batch of the columns of the file.
fn with_nested(shard: &Shard, places: &[usize], batch: RecordBatch) -> Result<RecordBatch> {
    if shard.nested.is_empty() {
        return Ok(batch);
    }
    let internal = |cause: arrow::error::ArrowError| Error::internal(cause.to_string());
    let fields = shard.schema.fields();
    let column = |place: &usize| {
        let (root, path) = shard.nested_at(*place).map_or((*place, None), |(root, path)| (root, Some(path)));
        let column = batch.column_by_name(fields[root].name());
        let column = column.ok_or_else(|| Error::internal("a column that was not read"))?;
        let column = path.map_or_else(|| Ok(Arc::clone(column)), |path| path.read(column))?;
        Ok((fields[*place].name().clone(), column, true))
    };
    let columns = places.iter().map(column).collect::<Result<Vec<_>>>()?;
    RecordBatch::try_from_iter_with_nullable(columns).map_err(internal)
}

/// Whether reading may stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enough {
    Yes,
    No,
}
