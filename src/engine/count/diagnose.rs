//! After a scan failed on a bad page: which shards it was, all of them.
//!
//! Errors of the reader do not name the file. Reading every shard once more, label columns only, costs
//! time only where the run is lost anyway.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use crate::engine::counting::Counting;
use crate::engine::errors::damaged;
use crate::engine::read::weights::{NO_WEIGHT, bad_weight, first_bad};
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::source::row_reader::{Enough, RowChoice, read_columns};
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
    let bad = error.to_string().contains(NO_WEIGHT).then(|| first_bad_weight(shards, counting)).flatten();
    let error = bad.unwrap_or(error);
    // Columns beside the labels: the scan has named the shard.
    let named = shards.iter().enumerate().filter(|(_, shard)| error.is_at(&shard.name));
    match &named.map(|(i, _)| i).collect::<Vec<_>>()[..] {
        [one] => Diagnosis::Unreadable(vec![(*one, error)]),
        _ => Diagnosis::Other(error),
    }
}

/// The error for the first value that is no weight, with its row. `None` where a condition may leave out that row.
fn first_bad_weight(shards: &[Shard], counting: &Counting) -> Option<Error> {
    let name = counting.sample_weight.as_ref().filter(|_| counting.filter.is_none())?;
    let in_shard = |shard: &Shard| {
        let (mut before, mut found) = (0, None);
        let read = read_columns(shard, RowChoice::All, &|column| column == name, &mut |batch| {
            let weights = cast(batch.column(0), &DataType::Float64);
            let weights = weights.map_err(|cause| Error::internal(cause.to_string()))?;
            found = first_bad(weights.as_primitive()).map(|(row, what)| (before + row as u64, what));
            before += batch.num_rows() as u64;
            Ok(if found.is_some() { Enough::Yes } else { Enough::No })
        });
        let (row, what) = read.ok().and(found)?;
        Some(bad_weight(name, &format!("{what} in row {row} (from 0)")).at(&shard.name))
    };
    shards.iter().find_map(in_shard)
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
