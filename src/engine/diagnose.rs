//! After a scan failed on a bad page: which shards it was, all of them.
//!
//! Errors of the reader do not name the file. Reading every shard once more, label columns only, costs
//! time only where the run is lost anyway.

use std::fs::File;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::counting::Counting;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::source::shards::Shard;

/// The same error with the shards it came from, where reading is what failed.
pub(crate) fn name_bad_shards(shards: &[Shard], counting: &Counting, error: Error) -> Error {
    if !matches!(error, Error::Input(_)) {
        return error;
    }
    if let Some(changed) = shards.iter().find_map(|shard| shard.check_unchanged().err()) {
        return changed;
    }
    let bad = shards.iter().filter_map(|shard| read_through(shard, counting).err());
    Error::together(bad.collect(), "shards").unwrap_or(error)
}

fn read_through(shard: &Shard, counting: &Counting) -> Result<()> {
    let damaged = |cause: &dyn std::fmt::Display| {
        Error::input(format!("{}: a page cannot be decoded: {cause}", shard.name()))
            .hint("write the shard again, or leave it out of the sources")
    };
    let read = || -> std::result::Result<(), Box<dyn std::error::Error>> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&shard.path)?)?;
        let wanted = builder.schema().fields().iter().enumerate().filter(|(_, field)| {
            counting
                .layout
                .columns()
                .chain(counting.by.iter().map(String::as_str))
                .any(|name| name == field.name())
        });
        let mask =
            ProjectionMask::roots(builder.parquet_schema(), wanted.map(|(i, _)| i).collect::<Vec<_>>());
        for batch in builder.with_projection(mask).build()? {
            batch?;
        }
        Ok(())
    };
    match guarded(read) {
        Some(Ok(())) => Ok(()),
        Some(Err(cause)) => Err(damaged(&cause)),
        None => Err(damaged(&"the decoder gave up")),
    }
}
