//! Encodes the scan of pieces in physical plans; Ballista encodes everything else.

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

use super::order::{OrderMessage, PieceRange};
use super::pinned_shard::PinnedShard;
use super::source::{self, PieceSource};
use crate::engine::errors::external;
use crate::engine::session::Limits;
use crate::error::Error;

/// The first bytes of an encoded scan of pieces.
const MARK: &[u8] = b"posweight\0";

/// The codec of Ballista, extended by [`PieceSource`].
#[derive(Debug, Default)]
pub(super) struct PieceCodec {
    inner: BallistaPhysicalExtensionCodec,
    /// Limits of an executor for each piece; `None` on client and scheduler.
    limits: Option<Limits>,
}

impl PieceCodec {
    /// The codec of an executor.
    pub(super) fn for_executor(limits: Limits) -> Self {
        Self { limits: Some(limits), ..Self::default() }
    }
}

/// The scan of pieces in a node, if it is one.
fn piece_scan(node: &Arc<dyn ExecutionPlan>) -> Option<(&FileScanConfig, &PieceSource)> {
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
        let Some(message) = buf.strip_prefix(MARK) else {
            return self.inner.try_decode(buf, inputs, ctx, converter);
        };
        let message = OrderMessage::read(message).map_err(external)?;
        let order = Arc::new(message.order().map_err(external)?);
        let seen: BTreeMap<u32, Arc<PinnedShard>> =
            message.shards.into_iter().map(|(number, seen)| (number, Arc::new(seen))).collect();
        source::scan(order, self.limits.clone(), &seen, &message.lists).map_err(external)
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> DfResult<()> {
        let Some((config, source)) = piece_scan(&node) else {
            return self.inner.try_encode(node, buf, converter);
        };
        // The plan of one task has a part of the shards.
        let mut seen: BTreeMap<u32, PinnedShard> = BTreeMap::new();
        let mut lists: Vec<Vec<PieceRange>> = Vec::with_capacity(config.file_groups.len());
        for group in &config.file_groups {
            let mut list = Vec::with_capacity(group.len());
            for file in group.iter() {
                let shard = file.extension::<Arc<PinnedShard>>();
                let shard = shard.ok_or_else(|| external(Error::internal("a piece without its shard")))?;
                seen.entry(shard.number).or_insert_with(|| shard.as_ref().clone());
                list.push((shard.number, file.range.as_ref().map(|range| (range.start, range.end))));
            }
            lists.push(list);
        }
        let message = OrderMessage::new(source.order(), seen, lists).map_err(external)?;
        buf.extend_from_slice(MARK);
        buf.extend_from_slice(&message.write().map_err(external)?);
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
