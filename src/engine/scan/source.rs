//! The scan as DataFusion sees it: a source of files whose rows are partial counts.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;

use crate::engine::errors::external;
use crate::engine::partial;
use crate::engine::read::pieces;
use crate::engine::scan::job::ScanJob;
use crate::engine::scan::piece::ScanPiece;

/// Counts labels while it reads files.
#[derive(Debug, Clone)]
pub(super) struct CountSource {
    job: Arc<ScanJob>,
    table: TableSchema,
    metrics: ExecutionPlanMetricsSet,
}

impl CountSource {
    pub(super) fn new(job: Arc<ScanJob>) -> Self {
        let schema: SchemaRef = partial::schema(job.counting.by.len());
        Self { job, table: TableSchema::builder(schema).build(), metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl FileSource for CountSource {
    fn create_file_opener(
        &self,
        _store: Arc<dyn ObjectStore>,
        _config: &FileScanConfig,
        _partition: usize,
    ) -> DfResult<Arc<dyn FileOpener>> {
        Ok(Arc::new(ScanOpener(Arc::clone(&self.job))))
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table
    }

    fn with_batch_size(&self, _batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(self.clone())
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &'static str {
        "parquet label counts"
    }

    fn fmt_extra(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layout = &self.job.counting.layout;
        write!(f, ", layout={}, labels={}", layout.kind, layout.labels.len())
    }

    /// [`pieces`] has cut the files already.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
}

struct ScanOpener(Arc<ScanJob>);

impl FileOpener for ScanOpener {
    fn open(&self, file: PartitionedFile) -> DfResult<FileOpenFuture> {
        let job = Arc::clone(&self.0);
        let range = pieces::range(&file);
        let (shard, groups) = job.locate(&file.object_meta.location, range).map_err(external)?;
        Ok(Box::pin(async move {
            // Nothing is read before the stream is asked for rows: the next file is opened ahead.
            let pieces = stream::once(async move { ScanPiece::open(&job, shard, groups) });
            let parts = pieces.map_ok(|piece| stream::try_unfold(piece, ScanPiece::next)).try_flatten();
            Ok(parts.map_err(external).boxed())
        }))
    }
}
