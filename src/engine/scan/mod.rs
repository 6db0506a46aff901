//! The scan that counts labels straight from encoded pages.
//!
//! ```text
//! DataSourceExec(CountSource)      one list of pieces per thread, stolen from each other at the end
//!   ScanPiece: row group by row group, by RowGroupReader
//!     CountSink ─┬─▶ crate::pages   counts in the encoded domain
//!                └─▶ plain          where pages are of an unsupported kind
//!     Tallies ─▶ partial counts of (group, label), when the last piece is done, or names are too many
//! ```

mod job;
mod piece;
mod sink;
mod source;
mod tallies;
mod vector_texts;
mod weigh;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use datafusion::datasource::physical_plan::FileScanConfigBuilder;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::ExecutionPlan;

use crate::engine::counting::Counting;
use crate::engine::dataset::{Cut, Dataset, group_of};
use crate::engine::group_key;
use crate::engine::group_key::GroupKey;
use crate::engine::progress::Progress;
use crate::engine::read::chunk_source::{ChunkSource, RowQuestions};
use crate::engine::read::pieces;
use crate::engine::read::routes::ColumnRoute;
use crate::engine::session::Limits;
use crate::error::Result;
use crate::source::layout::LayoutKind;
use job::ScanJob;

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
    job: Arc<ScanJob>,
}

impl Scan {
    /// A scan of the shards that are `kept`, with what is asked of rows, within `limits`.
    pub(super) fn new(
        dataset: &Dataset,
        counting: &Arc<Counting>,
        (kept, questions): (&[bool], RowQuestions),
        limits: &Limits,
        progress: &Arc<Progress>,
    ) -> Result<Self> {
        let keys: Vec<GroupKey> = dataset.shards.iter().map(|shard| group_of(shard, &counting.by)).collect();
        group_key::check(&keys)?;
        let how = |number: usize| dataset.cut(number, if kept[number] { Cut::Split } else { Cut::Skip });
        let far = dataset.shards.iter().any(|shard| shard.place.object().is_some());
        let lanes = if far { lanes(limits) } else { limits.threads };
        let lists = pieces::cut(&dataset.shards, how, lanes)?;
        let count = lists.iter().map(Vec::len).sum();
        let mut left_of_shards: Vec<usize> = vec![0; dataset.shards.len()];
        for part in lists.iter().flatten() {
            left_of_shards[part.shard] += 1;
        }
        progress.add_shards(left_of_shards.iter().filter(|left| **left == 0).count() as u64);
        let files = lists.iter().map(|list| source::files(list, &dataset.shards));
        let files = files.collect::<Result<_>>()?;
        let share = limits.pool_bytes() / (2 * lanes.max(1));
        let shards = Arc::clone(&dataset.shards);
        let job = Arc::new(ScanJob {
            keys,
            chunks: Arc::new(ChunkSource {
                trusts_statistics: counting.trust_statistics
                    && counting.layout.kind == LayoutKind::Wide
                    && !counting.has_soft(),
                questions,
                heeds_masks: true,
                ..ChunkSource::of_labels(shards, &dataset.schema, &counting.layout, share, progress)
            }),
            counting: Arc::clone(counting),
            idle: Mutex::default(),
            name_bytes: share,
            left_of_shards: left_of_shards.into_iter().map(AtomicUsize::new).collect(),
            left: counting.by.is_empty().then(|| AtomicUsize::new(count)),
        });
        let source = Arc::new(source::CountSource::new(Arc::clone(&job)));
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
            .with_file_groups(files)
            .build();
        Ok(Self { plan: DataSourceExec::from_data_source(config), job })
    }

    /// How each column was counted.
    pub(super) fn routes(&self) -> Vec<ColumnRoute> {
        self.job.chunks.routes.take()
    }
}
