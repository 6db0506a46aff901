//! Pins the shards in scans of SQL queries. An executor receives nothing but the path of a file, so the path carries
//! what the client saw, and the executor opens the shard as it opens that of a piece.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use object_store::path::Path;

use super::hex;
use super::pinned_shard::PinnedShard;
use crate::engine::errors::{external, ours};
use crate::engine::objects::Readers;
use crate::error::{Error, Result};
use crate::source::shards::Shard;
use crate::threads::in_order;

/// The first part of a path that carries a pinned shard; the shard and the path of the file follow.
const MARK: &str = "posweight";
/// Shards that are opened at the same time.
const REQUESTS: usize = 32;

/// The plan with pinned shards, for sending.
pub(super) fn pinned(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    changed(plan, |mut file| {
        let Some(shard) = file.extension::<Shard>() else { return Ok(file) };
        let pin = postcard::to_allocvec(&PinnedShard::new(0, shard)?);
        let pin = pin.map_err(|cause| Error::internal(cause.to_string()))?;
        let name = [MARK.into(), hex::encode(&pin).into()].into_iter();
        file.object_meta.location = name.chain(file.object_meta.location.parts()).collect();
        Ok(file)
    })
}

/// A plan that was sent, with the shards opened.
pub(super) fn opened(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let mut names: HashMap<Path, Path> = HashMap::new();
    let found = plan.apply(|node| {
        let groups = scan(node).map(|(scan, _)| scan.file_groups.iter()).into_iter().flatten();
        names.extend(groups.flat_map(FileGroup::iter).filter_map(|file| {
            let location = &file.object_meta.location;
            let mut parts = location.parts();
            (parts.next()?.as_ref() == MARK).then(|| (location.clone(), parts.skip(1).collect()))
        }));
        Ok(TreeNodeRecursion::Continue)
    });
    found.map_err(|cause| ours(&cause))?;
    if names.is_empty() {
        return Ok(plan);
    }
    let open = |(name, old): (Path, Path)| {
        let pin = name.parts().nth(1).and_then(|pin| hex::decode(pin.as_ref()));
        let pin = pin.and_then(|bytes| postcard::from_bytes::<PinnedShard>(&bytes).ok());
        let shard =
            pin.ok_or_else(|| Error::internal("a path carries no pinned shard")).and_then(|pin| pin.open());
        shard.map(|shard| (name, (old, shard)))
    };
    let shards = in_order(names.into_iter().collect(), REQUESTS, open);
    let shards = shards.into_iter().collect::<Result<HashMap<Path, (Path, Shard)>>>()?;
    changed(plan, |mut file| {
        let Some((old, shard)) = shards.get(&file.object_meta.location) else { return Ok(file) };
        file.object_meta.location = old.clone();
        Ok(file.with_extension(shard.clone()))
    })
}

/// `plan` with every file of its scans replaced by `each`.
fn changed(
    plan: Arc<dyn ExecutionPlan>,
    each: impl Fn(PartitionedFile) -> Result<PartitionedFile>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = plan.transform_up(|node| {
        let Some((scan, source)) = scan(&node) else { return Ok(Transformed::no(node)) };
        let groups = scan.file_groups.iter().map(|group| {
            let files = group.iter().map(|file| each(file.clone()).map_err(external));
            Ok(FileGroup::new(files.collect::<DfResult<_>>()?))
        });
        let groups = groups.collect::<DfResult<Vec<_>>>()?;
        let source = source.clone().with_parquet_file_reader_factory(Arc::new(Readers::new()));
        let scan = FileScanConfigBuilder::from(scan.clone()).with_source(Arc::new(source));
        Ok(Transformed::yes(DataSourceExec::from_data_source(scan.with_file_groups(groups).build()) as _))
    });
    Ok(plan.map_err(|cause| ours(&cause))?.data)
}

/// The scan of shards in a node, if it is one.
fn scan(node: &Arc<dyn ExecutionPlan>) -> Option<(&FileScanConfig, &ParquetSource)> {
    let exec = node.downcast_ref::<DataSourceExec>()?;
    let source: &dyn std::any::Any = exec.data_source().as_ref();
    let config = source.downcast_ref::<FileScanConfig>()?;
    Some((config, config.file_source().downcast_ref::<ParquetSource>()?))
}
