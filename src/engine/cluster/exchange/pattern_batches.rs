//! Patterns of rows as record batches, which machines add up together.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryBuilder, RecordBatch, UInt64Builder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};

use super::pattern_merge::merge;
use super::patterns::{PatternGatherer, PatternTable};
use crate::engine::dataset::Dataset;
use crate::engine::group_key::GroupKey;
use crate::engine::rows::read::read_rows_here;
use crate::engine::rows::request::{Request, RowPattern};
use crate::engine::spill::Spill;
use crate::engine::task::CountTask;
use crate::error::{Error, Result};

/// Patterns per batch.
const BATCH_ROWS: usize = 8192;

/// The columns: a pattern, and the number of rows that have it.
pub(in crate::engine::cluster) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("pattern", DataType::Binary, false),
        Field::new("rows", DataType::UInt64, false),
    ]))
}

/// The patterns of all rows of `dataset`. A pattern may occur in several batches.
pub(in crate::engine::cluster) async fn read_patterns(
    task: &CountTask,
    dataset: &Dataset,
    groups: &[GroupKey],
) -> Result<impl Iterator<Item = Result<RecordBatch>> + Send + use<>> {
    let request =
        Request { dataset, counting: &task.counting, groups, limits: &task.limits, progress: &task.progress };
    let (found, _) = read_rows_here(&request, || PatternGatherer::new(task.budget / 2, &task.spill)).await?;
    let runs: Vec<_> = found.into_iter().flat_map(PatternTable::into_runs).collect();
    let mut runs = runs.into_iter();
    let mut run = runs.next();
    let mut pattern = Vec::new();
    Ok(std::iter::from_fn(move || {
        let (mut patterns, mut counts) = (BinaryBuilder::new(), UInt64Builder::new());
        let mut held = 0;
        while held < BATCH_ROWS
            && let Some(current) = &mut run
        {
            match current.next(&mut pattern) {
                Err(error) => return Some(Err(error)),
                Ok(None) => run = runs.next(),
                Ok(Some(rows)) => {
                    patterns.append_value(&pattern);
                    counts.append_value(rows);
                    held += 1;
                }
            }
        }
        let columns: Vec<ArrayRef> = vec![Arc::new(patterns.finish()), Arc::new(counts.finish())];
        let batch = RecordBatch::try_new(schema(), columns);
        (held > 0).then(|| batch.map_err(|cause| Error::internal(cause.to_string())))
    }))
}

/// Collects batches of patterns.
pub(in crate::engine::cluster) struct PatternCollector(PatternTable);

impl PatternCollector {
    /// Keeps up to `budget` bytes in memory and spills the rest.
    pub(in crate::engine::cluster) fn new(budget: usize, spill: &Arc<Spill>) -> Self {
        Self(PatternTable::new(budget, Arc::clone(spill)))
    }

    /// Adds a batch with the columns of [`schema`].
    pub(in crate::engine::cluster) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let column = |name: &str| {
            batch
                .column_by_name(name)
                .ok_or_else(|| Error::internal(format!("a batch of patterns has no column {name}")))
        };
        let (patterns, rows) = (column("pattern")?, column("rows")?.as_primitive::<UInt64Type>());
        let patterns = patterns.as_binary::<i32>();
        (0..batch.num_rows()).try_for_each(|row| self.0.add(patterns.value(row), rows.value(row)))
    }

    /// Calls `each` once for every pattern, in order, so that rows with the same labels follow each other.
    pub(in crate::engine::cluster) fn finish(self, each: impl FnMut(RowPattern<'_>)) -> Result<()> {
        merge(vec![self.0], each)
    }
}
