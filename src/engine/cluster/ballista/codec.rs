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
use super::order::{OrderMessage, PieceOrder, PieceRange};
use super::piece::Pieces;
use super::pinned_shard::PinnedShard;
use super::source::{self, PieceSource};
use crate::engine::errors::external;
use crate::engine::session::Limits;
use crate::error::Error;

/// The first bytes of an encoded scan of pieces.
const MARK: &[u8] = b"posweight\0";

/// The first bytes of an encoded merge.
const MERGE_MARK: &[u8] = b"posweight merge\0";

/// The codec of Ballista, extended by [`MergeExec`] and [`PieceSource`].
#[derive(Debug, Default)]
pub(super) struct PieceCodec {
    inner: BallistaPhysicalExtensionCodec,
    side: CodecSide,
}

/// Whose plans a codec encodes and decodes.
#[derive(Debug, Default)]
enum CodecSide {
    #[default]
    Client,
    Scheduler,
    /// With limits for each piece.
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

    /// An order as it came.
    fn order(&self, message: &OrderMessage) -> DfResult<Arc<PieceOrder>> {
        let mut order = message.order().map_err(external)?;
        if matches!(self.side, CodecSide::Scheduler) {
            order.scheduler = processor_micros();
        }
        Ok(Arc::new(order))
    }

    /// An order as it is sent, with pieces.
    fn message(
        &self,
        order: &PieceOrder,
        seen: BTreeMap<u32, PinnedShard>,
        lists: Vec<Vec<PieceRange>>,
    ) -> DfResult<Vec<u8>> {
        let scheduler = match self.side {
            CodecSide::Scheduler => processor_micros().saturating_sub(order.scheduler),
            CodecSide::Client | CodecSide::Executor(_) => 0,
        };
        let message = OrderMessage::new(order, seen, lists, scheduler).map_err(external)?;
        message.write().map_err(external)
    }

    /// The limits for each piece, where plans are executed.
    fn limits(&self) -> Option<Limits> {
        match &self.side {
            CodecSide::Executor(limits) => Some(limits.clone()),
            CodecSide::Client | CodecSide::Scheduler => None,
        }
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
            let message = OrderMessage::read(message).map_err(external)?;
            let (order, input) = (self.order(&message)?, Arc::clone(input));
            return Ok(Arc::new(MergeExec::new(order, self.limits(), input)));
        }
        let Some(message) = buf.strip_prefix(MARK) else {
            return self.inner.try_decode(buf, inputs, ctx, converter);
        };
        let message = OrderMessage::read(message).map_err(external)?;
        let order = self.order(&message)?;
        let seen: BTreeMap<u32, Arc<PinnedShard>> =
            message.shards.into_iter().map(|(number, seen)| (number, Arc::new(seen))).collect();
        source::scan(order, self.limits(), &seen, &message.lists).map_err(external)
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> DfResult<()> {
        if let Some(merge) = node.downcast_ref::<MergeExec>() {
            let message = self.message(merge.order(), BTreeMap::new(), Vec::new())?;
            buf.extend_from_slice(MERGE_MARK);
            buf.extend_from_slice(&message);
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
        let message = self.message(source.order(), seen, lists)?;
        buf.extend_from_slice(MARK);
        buf.extend_from_slice(&message);
        Ok(())
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
