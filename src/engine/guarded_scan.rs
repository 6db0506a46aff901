//! A scan whose panics are errors: the Parquet reader panics on some damaged pages.
//!
//! The last rule of a session's optimizer puts a [`GuardedExec`] above each scan, so that other rules see the scan
//! itself.

use std::collections::HashSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DfResult;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::Stream;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use crate::engine::errors::{damaged, external, ours};
use crate::engine::one_input::one_input;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::source::shards::Shard;

/// Puts a [`GuardedExec`] above each scan.
#[derive(Debug)]
pub(super) struct GuardScans;

impl PhysicalOptimizerRule for GuardScans {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> DfResult<Arc<dyn ExecutionPlan>> {
        let guard = |plan: Arc<dyn ExecutionPlan>| {
            if reads_arrays(plan.as_ref()) {
                Ok(Transformed::yes(Arc::new(GuardedExec { scan: plan }) as Arc<dyn ExecutionPlan>))
            } else {
                Ok(Transformed::no(plan))
            }
        };
        plan.transform_up(guard).map(|changed| changed.data)
    }

    fn name(&self) -> &'static str {
        "GuardScans"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether it is a scan of DataFusion's Parquet reader; panics of our own are bugs.
fn reads_arrays(plan: &dyn ExecutionPlan) -> bool {
    let scan = plan.downcast_ref::<DataSourceExec>();
    let config = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
    config.is_some_and(|config| config.file_source().downcast_ref::<ParquetSource>().is_some())
}

/// Gives the rows of a scan, and an error that names the shard where the scan panics.
#[derive(Debug)]
struct GuardedExec {
    scan: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for GuardedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuardedExec")
    }
}

impl ExecutionPlan for GuardedExec {
    one_input!("GuardedExec", scan, |_: &Self, scan| Self { scan });

    fn properties(&self) -> &Arc<PlanProperties> {
        self.scan.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let scan = guarded(|| self.scan.execute(partition, context));
        let rows = scan.unwrap_or_else(|| Err(external(unreadable(self.scan.as_ref(), None))))?;
        Ok(Box::pin(GuardedRows { scan: Arc::clone(&self.scan), rows: Some(rows) }))
    }
}

/// The rows of one partition.
struct GuardedRows {
    scan: Arc<dyn ExecutionPlan>,
    /// `None` after a panic: what is left of the scan must not be used.
    rows: Option<SendableRecordBatchStream>,
}

impl Stream for GuardedRows {
    type Item = DfResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(rows) = &mut self.rows else { return Poll::Ready(None) };
        let cause = match guarded(|| rows.as_mut().poll_next(context)) {
            Some(Poll::Ready(Some(Err(error)))) => match ours(&error) {
                Error::Input(_) => Some(ours(&error)),
                _ => return Poll::Ready(Some(Err(error))),
            },
            Some(next) => return next,
            None => None,
        };
        self.rows = None;
        Poll::Ready(Some(Err(external(unreadable(self.scan.as_ref(), cause)))))
    }
}

impl RecordBatchStream for GuardedRows {
    fn schema(&self) -> SchemaRef {
        self.scan.schema()
    }
}

/// The shards of a scan. Each partition may read any of them: those that are free take over work.
fn shards_of(scan: &dyn ExecutionPlan) -> Vec<Shard> {
    let scan = scan.downcast_ref::<DataSourceExec>();
    let config = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
    let files = config.into_iter().flat_map(|config| &config.file_groups).flat_map(FileGroup::iter);
    let mut seen = HashSet::new();
    let shards = files.filter_map(|file| file.extension::<Shard>());
    // A file is cut into pieces.
    shards.filter(|shard| seen.insert(shard.name.clone())).cloned().collect()
}

/// Which of the shards cannot be read; `cause` is what the reader said, or nothing where it panicked.
fn unreadable(scan: &dyn ExecutionPlan, cause: Option<Error>) -> Error {
    let (shards, columns) = (shards_of(scan), scan.schema());
    let is_named = |error: &Error| shards.iter().any(|shard| error.is_at(&shard.name));
    let cause = match cause {
        Some(error) if is_named(&error) => return error,
        Some(error) => error,
        None => damaged("the decoder gave up"),
    };
    let errors: Vec<Error> = match &shards[..] {
        [one] => vec![cause.clone().at(&one.name)],
        several => {
            several.iter().filter_map(|one| Some(read_through(one, &columns).err()?.at(&one.name))).collect()
        }
    };
    Error::together(errors, "shards").unwrap_or(cause)
}

/// Reads the columns once more.
fn read_through(shard: &Shard, columns: &SchemaRef) -> Result<()> {
    let read = || -> Result<()> {
        let (shard, file) = (shard.with_footer()?, shard.place.open().map_err(damaged)?);
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(&shard.metadata), ArrowReaderOptions::new());
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.map_err(damaged)?);
        // A scan may give columns other names; which ones it reads is then not known.
        let own = builder.schema();
        let is_renamed = columns.fields().iter().any(|field| own.field_with_name(field.name()).is_err());
        let fields = own.fields().iter().enumerate();
        let wanted = fields.filter(|(_, field)| is_renamed || columns.field_with_name(field.name()).is_ok());
        let wanted: Vec<usize> = wanted.map(|(i, _)| i).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        for batch in builder.with_projection(mask).build().map_err(damaged)? {
            batch.map_err(damaged)?;
        }
        Ok(())
    };
    guarded(read).unwrap_or_else(|| Err(damaged("the decoder gave up")))
}
