//! After a scan failed on a bad page: which shards it was, all of them.
//!
//! Errors of the reader do not name the file. Reading every shard once more, label columns only, costs
//! time only where the run is lost anyway.

use std::sync::Arc;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use crate::engine::counting::Counting;
use crate::engine::errors::damaged;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::source::shards::Shard;

/// What is behind an error of counting.
#[derive(Debug)]
pub(crate) enum Diagnosis {
    /// Shards at these places cannot be read.
    Unreadable(Vec<(usize, Error)>),
    /// Something else.
    Other(Error),
}

impl From<Error> for Diagnosis {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Looks for what is behind `error`.
pub(crate) fn diagnose(shards: &[Shard], counting: &Counting, error: Error) -> Diagnosis {
    if !matches!(error, Error::Input(_)) {
        return Diagnosis::Other(error);
    }
    if let Some(changed) = shards.iter().find_map(|shard| shard.check_unchanged().err()) {
        return Diagnosis::Other(changed);
    }
    let numbered = shards.iter().enumerate();
    let bad: Vec<_> = numbered.filter_map(|(i, s)| Some((i, read_through(s, counting).err()?))).collect();
    if !bad.is_empty() {
        return Diagnosis::Unreadable(bad);
    }
    // Columns beside the labels: the scan has named the shard.
    let named = shards.iter().enumerate().filter(|(_, shard)| error.is_at(&shard.name));
    match &named.map(|(i, _)| i).collect::<Vec<_>>()[..] {
        [one] => Diagnosis::Unreadable(vec![(*one, error)]),
        _ => Diagnosis::Other(error),
    }
}

fn read_through(shard: &Shard, counting: &Counting) -> Result<()> {
    let read = || -> std::result::Result<(), Box<dyn std::error::Error>> {
        let shard = shard.whole()?;
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(&shard.metadata), ArrowReaderOptions::new())?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(shard.place.open()?, metadata);
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
        Some(Err(cause)) => Err(damaged(cause).at(&shard.name)),
        None => Err(damaged("the decoder gave up").at(&shard.name)),
    }
}
