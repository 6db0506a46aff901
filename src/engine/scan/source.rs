//! The scan as DataFusion sees it: a source of files whose rows are partial counts.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileOpenFuture, FileOpener, FileScanConfig, FileSource,
};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;

use crate::engine::errors::external;
use crate::engine::partial;
use crate::engine::read::pieces::ShardPart;
use crate::engine::scan::job::ScanJob;
use crate::engine::scan::piece::ScanPiece;
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// Parts of small shards that one thread takes at a time, and the bytes of them.
const BATCH_PARTS: usize = 64;
const BATCH_BYTES: u64 = 4 << 20;

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

    /// Shards are cut into parts already.
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

/// Parts of shards that are counted one after another, as the extension of a file.
#[derive(Debug, Clone)]
struct ScanParts(Arc<[ShardPart]>);

/// The parts as DataFusion shares them out: many small shards are one of its files.
///
/// # Errors
/// As [`ShardPart::file`].
pub(super) fn files(parts: &[ShardPart], shards: &[Shard]) -> Result<FileGroup> {
    let mut files = Vec::new();
    let mut rest = parts;
    while let Some(first) = rest.first() {
        let mut bytes = 0_u64;
        let small = rest.iter().take(BATCH_PARTS).take_while(|part| {
            bytes = bytes.saturating_add(part.bytes);
            bytes <= BATCH_BYTES
        });
        let (batch, others) = rest.split_at(small.count().max(1));
        files.push(first.file(shards)?.with_extension(ScanParts(batch.into())));
        rest = others;
    }
    Ok(FileGroup::new(files))
}

struct ScanOpener(Arc<ScanJob>);

impl FileOpener for ScanOpener {
    fn open(&self, file: PartitionedFile) -> DfResult<FileOpenFuture> {
        let job = Arc::clone(&self.0);
        let parts = file.extension::<ScanParts>().cloned();
        let missing = || external(Error::internal(format!("{} is no shard", file.object_meta.location)));
        let ScanParts(parts) = parts.ok_or_else(missing)?;
        Ok(Box::pin(async move {
            // Nothing is read before the stream is asked for rows: the next file is opened ahead.
            let opened = stream::iter(0..parts.len()).map(move |i| {
                let groups = parts[i].groups(&job.chunks.shards);
                ScanPiece::open(&job, parts[i].shard, groups)
            });
            let counts = opened.map_ok(|piece| stream::try_unfold(piece, ScanPiece::next)).try_flatten();
            Ok(counts.map_err(external).boxed())
        }))
    }
}
