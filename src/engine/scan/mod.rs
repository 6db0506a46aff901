//! The scan that counts labels straight from encoded pages.
//!
//! ```text
//! DataSourceExec(CountSource)      one list of pieces per thread, stolen from each other at the end
//!   Piece: row group by row group
//!     choice ─▶ pages known by their indexes, with --trust-statistics
//!     reads ─▶ column chunks ─┬─▶ crate::pages           counts in the encoded domain
//!                             └─▶ fallback ─▶ plain      where pages are of a kind unknown to it
//!     Tallies ─▶ partial counts of (group, label), when the last piece is done, or names are too many
//! ```

pub(super) mod ahead;
mod choice;
pub(super) mod columns;
mod demand;
pub(super) mod fallback;
mod job;
pub(super) mod labels;
pub(super) mod paths;
mod piece;
pub(super) mod reads;
mod source;
mod tallies;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::ExecutionPlan;

use super::counting::Counting;
use super::partial_exec::Progress;
use super::pieces::{self, Cut};
use super::plain::groups::{self, Key};
use super::query::Dataset;
use super::session::Limits;
use super::table::object_meta;
use crate::error::Result;
use crate::source::layout::LayoutKind;
use job::Job;
use paths::Paths;

pub use demand::{Demand, demand};
pub use paths::ColumnPath;

/// Why rows have to be read as arrays; `None` when pages can be counted. What a condition needs is not
/// asked here: see [`super::hive`].
pub(super) fn why_not(counting: &Counting, dataset: &Dataset) -> Option<String> {
    let layout = &counting.layout;
    let columns = layout.labels.iter().chain(&layout.id).chain(&layout.value);
    if layout.kind == LayoutKind::Long
        && let Some(folder) = columns.into_iter().find(|name| dataset.schema.field_with_name(name).is_err())
    {
        return Some(format!("{folder} is no column of the files"));
    }
    if counting.sample_weight.is_some() {
        return Some("--sample-weight needs rows".to_owned());
    }
    if counting.has_mass() {
        return Some("--soft adds up values, not rows".to_owned());
    }
    let column = counting.by.iter().find(|by| !dataset.hive.contains(by))?;
    Some(format!("--by {column} is a column of the files, which needs rows"))
}

/// Pieces of objects that are counted at a time: while one waits for the network, another is counted.
fn lanes(limits: &Limits) -> usize {
    const MOST: usize = 4;
    const BYTES: usize = 64 << 20;
    let threads = limits.threads.max(1);
    threads * (limits.pool_bytes() / (threads * BYTES)).clamp(1, MOST)
}

/// A scan and the account of it.
pub(super) struct Scan {
    /// Gives partial counts.
    pub(super) plan: Arc<dyn ExecutionPlan>,
    job: Arc<Job>,
}

impl Scan {
    /// A scan of the shards that are `kept`, within `limits`.
    pub(super) fn new(
        dataset: &Dataset,
        counting: &Arc<Counting>,
        kept: &[bool],
        limits: &Limits,
        progress: Arc<Progress>,
    ) -> Result<Self> {
        let shards: Arc<[_]> = dataset.shards.clone().into();
        let value = |key: &String, hive: &[(String, String)]| {
            hive.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
        };
        let keys = shards.iter().map(|s| counting.by.iter().map(|by| value(by, &s.hive)).collect::<Key>());
        let keys: Vec<Key> = keys.collect();
        groups::check(&keys)?;
        let numbers = shards.iter().enumerate().map(|(i, s)| Ok((object_meta(s)?.location, i)));
        let how = |number: usize| dataset.cut(if kept[number] { Cut::Split } else { Cut::Skip });
        let far = shards.iter().any(|shard| shard.place.object().is_some());
        let lanes = if far { lanes(limits) } else { limits.threads };
        let pieces = pieces::cut(&shards, how, lanes)?;
        let count = pieces.iter().map(Vec::len).sum();
        let pieces = pieces.into_iter().map(|list| list.into_iter().map(|(_, piece)| piece).collect());
        let job = Arc::new(Job {
            keys,
            numbers: numbers.collect::<Result<_>>()?,
            agreed: Arc::clone(&dataset.schema),
            paths: Paths::new(&counting.layout.labels),
            counting: Arc::clone(counting),
            idle: Mutex::default(),
            name_bytes: limits.pool_bytes() / (2 * lanes.max(1)),
            ahead_bytes: limits.pool_bytes() / (2 * lanes.max(1)),
            left: counting.by.is_empty().then(|| AtomicUsize::new(count)),
            shards,
            progress,
        });
        let source = Arc::new(source::CountSource::new(Arc::clone(&job)));
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
            .with_file_groups(pieces.map(FileGroup::new).collect())
            .build();
        Ok(Self { plan: DataSourceExec::from_data_source(config), job })
    }

    /// How each column was counted.
    pub(super) fn paths(&self) -> Vec<ColumnPath> {
        self.job.paths.take()
    }
}
