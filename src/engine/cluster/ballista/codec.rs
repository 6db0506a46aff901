//! Encodes scans of pieces and merges in physical plans; Ballista encodes everything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::common::Result as DfResult;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};

use super::account::processor_micros;
use super::merge::MergeExec;
use super::order::{OrderMessage, PieceOrder, PieceRange, PlanPlace};
use super::piece::Pieces;
use super::pinned_shard::PinnedShard;
use super::recent_orders::RecentOrders;
use super::source::{self, PieceSource};
use crate::engine::errors::external;
use crate::engine::nullable_rows::NullableExec;
use crate::engine::session::Limits;
use crate::error::Error;

/// The first bytes of an encoded scan of pieces.
const MARK: &[u8] = b"posweight\0";

/// The first bytes of an encoded merge.
const MERGE_MARK: &[u8] = b"posweight merge\0";

/// What is written of a [`NullableExec`].
const NULLABLE_MARK: &[u8] = b"posweight nullable\0";

/// The codec of Ballista, extended by [`MergeExec`], [`NullableExec`] and [`PieceSource`].
#[derive(Debug, Default)]
pub(super) struct PieceCodec {
    inner: BallistaPhysicalExtensionCodec,
    side: CodecSide,
    orders: RecentOrders,
}

/// Whose plans a codec encodes and decodes.
#[derive(Debug, Default)]
enum CodecSide {
    #[default]
    Client,
    Scheduler,
    /// With limits for each task.
    Executor(Limits),
}

impl PieceCodec {
    /// The codec of the scheduler.
    pub(super) fn for_scheduler() -> Self {
        Self { side: CodecSide::Scheduler, ..Self::default() }
    }

    /// The codec of an executor.
    pub(super) fn for_executor(limits: Limits) -> Self {
        Self { side: CodecSide::Executor(limits), ..Self::default() }
    }

    /// What came: a message, and its order, in a plan of this side.
    fn read(&self, message: &[u8]) -> DfResult<(OrderMessage, Arc<PieceOrder>, PlanPlace)> {
        let (message, bytes) = OrderMessage::read(message).map_err(external)?;
        let order = self.orders.read(bytes).map_err(external)?;
        let place = match &self.side {
            CodecSide::Client => PlanPlace::default(),
            CodecSide::Scheduler => PlanPlace { limits: None, scheduler: processor_micros() },
            CodecSide::Executor(limits) => {
                PlanPlace { limits: Some(limits.clone()), scheduler: message.scheduler }
            }
        };
        Ok((message, order, place))
    }

    /// Writes an order of a plan with pieces.
    fn write(
        &self,
        (order, place): (&Arc<PieceOrder>, &PlanPlace),
        (shards, lists): (BTreeMap<u32, PinnedShard>, Vec<Vec<PieceRange>>),
        buf: &mut Vec<u8>,
    ) -> DfResult<()> {
        let scheduler = match self.side {
            CodecSide::Scheduler => processor_micros().saturating_sub(place.scheduler),
            CodecSide::Client | CodecSide::Executor(_) => 0,
        };
        let bytes = self.orders.write(order).map_err(external)?;
        OrderMessage { scheduler, shards, lists }.write(&bytes, buf).map_err(external)
    }
}

/// The scan of pieces in a node, if it is one.
pub(super) fn piece_scan(node: &Arc<dyn ExecutionPlan>) -> Option<(&FileScanConfig, &PieceSource)> {
    let exec = node.downcast_ref::<DataSourceExec>()?;
    let source: &dyn std::any::Any = exec.data_source().as_ref();
    let config = source.downcast_ref::<FileScanConfig>()?;
    Some((config, config.file_source().downcast_ref::<PieceSource>()?))
}

impl PhysicalExtensionCodec for PieceCodec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        if let (Some(message), [input]) = (buf.strip_prefix(MERGE_MARK), inputs) {
            let (_, order, place) = self.read(message)?;
            return Ok(Arc::new(MergeExec::new(order, place, Arc::clone(input))));
        }
        if let (NULLABLE_MARK, [input]) = (buf, inputs) {
            return Ok(Arc::new(NullableExec::new(Arc::clone(input))));
        }
        let Some(message) = buf.strip_prefix(MARK) else {
            return self.inner.try_decode(buf, inputs, ctx, converter);
        };
        let (message, order, place) = self.read(message)?;
        let seen: BTreeMap<u32, Arc<PinnedShard>> =
            message.shards.into_iter().map(|(number, seen)| (number, Arc::new(seen))).collect();
        source::scan(order, place, &seen, &message.lists).map_err(external)
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> DfResult<()> {
        if let Some(merge) = node.downcast_ref::<MergeExec>() {
            buf.extend_from_slice(MERGE_MARK);
            return self.write((merge.order(), merge.place()), (BTreeMap::new(), Vec::new()), buf);
        }
        if node.is::<NullableExec>() {
            buf.extend_from_slice(NULLABLE_MARK);
            return Ok(());
        }
        let Some((config, source)) = piece_scan(&node) else {
            return self.inner.try_encode(node, buf, converter);
        };
        // The plan of one task has a part of the shards.
        let mut seen: BTreeMap<u32, PinnedShard> = BTreeMap::new();
        let mut lists: Vec<Vec<PieceRange>> = Vec::with_capacity(config.file_groups.len());
        for group in &config.file_groups {
            let mut list = Vec::new();
            for file in group.iter() {
                let pieces = file.extension::<Pieces>();
                let pieces = pieces.ok_or_else(|| external(Error::internal("a scan without pieces")))?;
                for (shard, range) in pieces.0.iter() {
                    seen.entry(shard.number).or_insert_with(|| shard.as_ref().clone());
                    list.push((shard.number, *range));
                }
            }
            lists.push(list);
        }
        buf.extend_from_slice(MARK);
        self.write((source.order(), source.place()), (seen, lists), buf)
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> DfResult<Arc<ScalarUDF>> {
        self.inner.try_decode_udf(name, buf)
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> DfResult<()> {
        self.inner.try_encode_udf(node, buf)
    }

    fn try_decode_udaf(&self, name: &str, buf: &[u8]) -> DfResult<Arc<AggregateUDF>> {
        self.inner.try_decode_udaf(name, buf)
    }

    fn try_encode_udaf(&self, node: &AggregateUDF, buf: &mut Vec<u8>) -> DfResult<()> {
        self.inner.try_encode_udaf(node, buf)
    }
}
