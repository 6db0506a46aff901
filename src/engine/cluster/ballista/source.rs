//! The scan of a plan that is sent: a file source whose rows are the outputs of pieces.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileOpenFuture, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use object_store::path::Path as StorePath;
use object_store::{ObjectMeta, ObjectStore};

use super::order::{PieceOrder, PieceRange, PlanPlace};
use super::piece::{self, PieceTask, Pieces};
use super::pinned_shard::PinnedShard;
use crate::engine::errors::external;
use crate::engine::session::Limits;
use crate::error::{Error, Result};

/// Runs an order on every piece.
#[derive(Debug, Clone)]
pub(super) struct PieceSource {
    order: Arc<PieceOrder>,
    place: PlanPlace,
    table: TableSchema,
    metrics: ExecutionPlanMetricsSet,
    /// Bytes of column chunks that pieces have read.
    read: Arc<AtomicU64>,
}

impl PieceSource {
    pub(super) fn order(&self) -> &Arc<PieceOrder> {
        &self.order
    }

    pub(super) fn place(&self) -> &PlanPlace {
        &self.place
    }

    /// Bytes of column chunks that pieces have read so far.
    pub(super) fn read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }
}

/// A scan with one partition per list of pieces.
pub(super) fn scan(
    order: Arc<PieceOrder>,
    place: PlanPlace,
    seen: &BTreeMap<u32, Arc<PinnedShard>>,
    lists: &[Vec<PieceRange>],
) -> Result<Arc<dyn ExecutionPlan>> {
    let piece = |(number, range): &PieceRange| {
        let shard = seen.get(number).ok_or_else(|| Error::internal(format!("shard {number} is unknown")))?;
        Ok((Arc::clone(shard), *range))
    };
    // All pieces of a list are one file of DataFusion, and so one scan.
    let group = |list: &Vec<PieceRange>| {
        let pieces = list.iter().map(piece).collect::<Result<Arc<[_]>>>()?;
        let meta = ObjectMeta {
            // For `EXPLAIN` only; pieces open their shards themselves.
            location: StorePath::from(pieces.first().map_or_else(String::new, |(shard, _)| shard.path())),
            last_modified: std::time::UNIX_EPOCH.into(),
            size: pieces.iter().map(|(shard, _)| shard.bytes).sum(),
            e_tag: None,
            version: None,
        };
        let file = PartitionedFile::new_from_meta(meta).with_extension(Pieces(pieces));
        Ok(FileGroup::new(vec![file]))
    };
    let groups = lists.iter().map(group).collect::<Result<Vec<_>>>()?;
    let table = TableSchema::builder(piece::schema(&order)).build();
    let (metrics, read) = (ExecutionPlanMetricsSet::new(), Arc::default());
    let source = PieceSource { order, place, table, metrics, read };
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
        .with_file_groups(groups)
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

impl FileSource for PieceSource {
    fn create_file_opener(
        &self,
        _store: Arc<dyn ObjectStore>,
        _config: &FileScanConfig,
        _partition: usize,
    ) -> DfResult<Arc<dyn FileOpener>> {
        let limits = self.place.limits.clone();
        let limits = limits.ok_or_else(|| external(Error::internal("only executors count pieces")))?;
        Ok(Arc::new(PieceOpener { order: Arc::clone(&self.order), limits, read: self.read() }))
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
        "parquet labels"
    }

    fn fmt_extra(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layout = &self.order.counting.layout;
        write!(f, ", layout={}, labels={}", layout.kind, layout.labels.len())
    }

    /// The client has cut the shards into pieces already.
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

struct PieceOpener {
    order: Arc<PieceOrder>,
    limits: Limits,
    read: Arc<AtomicU64>,
}

impl FileOpener for PieceOpener {
    fn open(&self, file: PartitionedFile) -> DfResult<FileOpenFuture> {
        let pieces = file.extension::<Pieces>().cloned();
        let piece = PieceTask {
            order: Arc::clone(&self.order),
            limits: self.limits.clone(),
            read: Arc::clone(&self.read),
            pieces: pieces.ok_or_else(|| external(Error::internal("a scan without pieces")))?,
        };
        // Reads nothing before the stream is polled, because DataFusion opens the next file ahead.
        Ok(Box::pin(async move { Ok(piece.stream()) }))
    }
}
