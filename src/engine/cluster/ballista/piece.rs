//! The work of one task: opens and checks the shards of its pieces, and counts them as one data set.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, SchemaRef, UInt32Type};
use datafusion::common::Result as DfResult;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use super::failure::{ClusterFailure, FailureCause, to_datafusion};
use super::order::{PieceOrder, PieceOutput};
use super::pinned_shard::PinnedShard;
use crate::engine::cluster::exchange::blocks::{self, PartNumbers};
use crate::engine::cluster::exchange::{pattern_batches, row_batches};
use crate::engine::count::by_shard::{Own, single};
use crate::engine::count::diagnose::{Diagnosis, diagnose};
use crate::engine::count::pass::count_pass;
use crate::engine::count::states;
use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::pairs::long;
use crate::engine::progress::Progress;
use crate::engine::read::choice::choose;
use crate::engine::session::Limits;
use crate::engine::spill::Spill;
use crate::engine::task::CountTask;
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;
use crate::threads::in_order;

/// Shards that are opened at the same time.
const REQUESTS: usize = 8;
/// Batches that are buffered for the group-by.
const AHEAD: usize = 2;

/// The columns of the rows that an order makes.
pub(super) fn schema(order: &PieceOrder) -> SchemaRef {
    match &order.output {
        PieceOutput::Counts { .. } | PieceOutput::Shards | PieceOutput::Pairs { .. } => blocks::schema(),
        PieceOutput::Patterns(_) => pattern_batches::schema(),
        PieceOutput::Rows(_) => row_batches::schema(),
    }
}

/// Row groups of a shard that begin in this range of bytes; all of them without one.
pub(super) type PartRange = Option<(i64, i64)>;

/// The pieces of one task, as the extension of a file.
#[derive(Debug, Clone)]
pub(super) struct Pieces(pub(super) Arc<[(Arc<PinnedShard>, PartRange)]>);

/// The type of the row ids of layout `long`.
pub(super) fn id_type(order: &PieceOrder) -> Result<&DataType> {
    let id = order.counting.layout.id.as_deref().unwrap_or_default();
    let field = order.schema.field_with_name(id).map_err(|cause| Error::internal(cause.to_string()))?;
    Ok(field.data_type())
}

/// Pieces of shards, and what to do with them.
pub(super) struct PieceTask {
    pub(super) order: Arc<PieceOrder>,
    pub(super) limits: Limits,
    /// Takes the bytes of column chunks that it reads.
    pub(super) read: Arc<AtomicU64>,
    pub(super) pieces: Pieces,
}

impl PieceTask {
    /// Its rows, computed while the stream is polled.
    pub(super) fn stream(self) -> BoxStream<'static, DfResult<RecordBatch>> {
        computed(|out| async move { self.work(out).await.map_err(|failure| to_datafusion(&failure)) })
    }

    async fn work(self, out: OutputSender) -> Result<(), ClusterFailure> {
        let progress = Arc::new(Progress::default());
        let (pieces, output) = (&self.pieces.0, &self.order.output);
        let is_apart = matches!(output, PieceOutput::Rows(_) | PieceOutput::Shards);
        let at_a_time = if is_apart { 1 } else { pieces.len().max(1) };
        for some in pieces.chunks(at_a_time) {
            let dataset = self.open(some)?;
            let done = self.count(&dataset, some, &progress, &out).await;
            let unchanged = || dataset.shards.iter().try_for_each(Shard::check_unchanged);
            if let Err(failure) = done.and_then(|()| Ok(unchanged()?)) {
                let ClusterFailure { error, cause: None } = failure else { return Err(failure) };
                return Err(match diagnose(&dataset.shards, &self.order.counting, error) {
                    Diagnosis::Unreadable(bad) => match bad.into_iter().next() {
                        Some((place, error)) => of_shard(&some[place].0, error),
                        None => Error::internal("no shard is unreadable").into(),
                    },
                    Diagnosis::Other(error) => error.into(),
                });
            }
        }
        self.read.fetch_add(progress.work().bytes_read, Ordering::Relaxed);
        Ok(())
    }

    /// The pieces as a data set, in which each is a shard.
    fn open(&self, pieces: &[(Arc<PinnedShard>, PartRange)]) -> Result<Dataset, ClusterFailure> {
        let pinned: BTreeMap<u32, &Arc<PinnedShard>> =
            pieces.iter().map(|(shard, _)| (shard.number, shard)).collect();
        let open = |pinned: &Arc<PinnedShard>| {
            let shard = pinned.open().map_err(|error| of_shard(pinned, error))?;
            Ok::<_, ClusterFailure>((pinned.number, shard.with_nested(self.order.counting.layout.columns())))
        };
        let opened = in_order(pinned.into_values().collect(), REQUESTS, open);
        let opened = opened.into_iter().collect::<Result<BTreeMap<u32, Shard>, ClusterFailure>>()?;
        let shards: Vec<Shard> =
            pieces.iter().filter_map(|(shard, _)| opened.get(&shard.number)).cloned().collect();
        Ok(Dataset {
            shards: Arc::new(shards),
            schema: Arc::clone(&self.order.schema),
            hive: self.order.hive.clone(),
            folder_types: self.order.folder_types.clone(),
            coming: None,
            parts: pieces.iter().map(|(_, range)| *range).collect(),
        })
    }

    async fn count(
        &self,
        dataset: &Dataset,
        pieces: &[(Arc<PinnedShard>, PartRange)],
        progress: &Arc<Progress>,
        out: &OutputSender,
    ) -> Result<(), ClusterFailure> {
        let Self { order, .. } = self;
        // Counts and saved counts leave the task as they are; what others give is sorted or grouped beside them.
        let is_alone = matches!(order.output, PieceOutput::Counts { .. } | PieceOutput::Shards);
        let limits = &if is_alone { self.limits.clone() } else { self.limits.half() };
        let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
        // The client has a limit of its own.
        let labels_max = order.counting.labels_max.min(limits.labels_max());
        let counting = Arc::new(Counting { labels_max, ..Counting::clone(&order.counting) });
        let task = CountTask::new(&counting, limits, &spill, progress)?;
        match &order.output {
            PieceOutput::Counts { .. } => {
                let writer = order.writer()?;
                let mut counts = Vec::new();
                let mut keep = |batch: &RecordBatch| {
                    counts.extend(writer.blocks(&numbered(batch, pieces)?)?);
                    Ok(())
                };
                count(&task, dataset, &mut keep).await?;
                for (part, block) in counts {
                    out.give(blocks::batch(part, block)?).await;
                }
            }
            PieceOutput::Shards => {
                let [(shard, _)] = pieces else {
                    return Err(Error::internal("counts of several shards").into());
                };
                let (mut block, n_by) = (shard.number.to_le_bytes().to_vec(), order.counting.by.len());
                count(&task, dataset, &mut |batch: &RecordBatch| states::encode(batch, n_by, &mut block))
                    .await?;
                out.give(blocks::batch(0, block)?).await;
            }
            PieceOutput::Pairs { parts, .. } => {
                let numbers = PartNumbers::new(*parts)?;
                let choice = choose(&task.context, dataset, &order.counting).await?;
                let mut next = long::blocks(&task.on_one_thread(), dataset, choice.kept(), *parts).await?;
                while let Some((part, block)) = next()? {
                    out.give(blocks::batch(numbers.of(part), block)?).await;
                }
            }
            PieceOutput::Patterns(groups) => {
                for batch in pattern_batches::read_patterns(&task, dataset, groups).await? {
                    out.give(batch?).await;
                }
            }
            PieceOutput::Rows(groups) => {
                let [(shard, _)] = pieces else {
                    return Err(Error::internal("rows of several shards").into());
                };
                let each = async |batch| {
                    out.give(batch).await;
                    Ok(())
                };
                row_batches::send(&task, dataset, groups, shard.number, each).await?;
            }
        }
        Ok(())
    }
}

/// The failure to read a shard as a whole.
fn of_shard(shard: &PinnedShard, error: Error) -> ClusterFailure {
    let cause = matches!(error, Error::Input(_)).then_some(FailureCause::Shard(shard.number));
    ClusterFailure { error, cause }
}

/// Calls `keep` with the partial counts of shards; of layout `long`, whose row ids no other shard has.
async fn count(
    task: &CountTask,
    dataset: &Dataset,
    keep: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send),
) -> Result<(), ClusterFailure> {
    if task.counting.layout.kind != LayoutKind::Long {
        count_pass(task, dataset, keep).await?;
        return Ok(());
    }
    let ids = single(&dataset.shards, &task.counting).into_iter().map(|own| match own {
        Own::Rows(ids) => ids,
        Own::Shared => None,
    });
    let choice = choose(&task.context, dataset, &task.counting).await?;
    let task = task.on_one_thread();
    match long::count_with_ranges(&task, dataset, choice.kept(), ids.collect(), keep).await? {
        Some(_) => Ok(()),
        None => Err(ClusterFailure { error: Error::input(long::LIED), cause: Some(FailureCause::Footers) }),
    }
}

/// Batches that `work` gives to its argument, while the stream is polled.
pub(super) fn computed<F>(
    work: impl FnOnce(OutputSender) -> F + Send + 'static,
) -> BoxStream<'static, DfResult<RecordBatch>>
where
    F: Future<Output = DfResult<()>> + Send + 'static,
{
    let start = stream::once(async move {
        let (give, take) = channel(AHEAD);
        // Aborts the work when the stream is dropped, and catches panics of decoders.
        let mut running = JoinSet::new();
        running.spawn(work(OutputSender { give }));
        stream::try_unfold((take, running), next)
    });
    start.flatten().boxed()
}

type Computing = (Receiver<RecordBatch>, JoinSet<DfResult<()>>);

/// The next batch; at the end, the error of the work if it failed.
async fn next((mut take, mut work): Computing) -> DfResult<Option<(RecordBatch, Computing)>> {
    if let Some(batch) = take.recv().await {
        return Ok(Some((batch, (take, work))));
    }
    match work.join_next().await {
        None | Some(Ok(Ok(()))) => Ok(None),
        Some(Ok(Err(failure))) => Err(failure),
        Some(Err(_)) => Err(to_datafusion(&Error::input("a page could not be decoded").into())),
    }
}

/// Partial counts of pieces, with the numbers of their shards among all shards.
fn numbered(batch: &RecordBatch, pieces: &[(Arc<PinnedShard>, PartRange)]) -> Result<RecordBatch> {
    let mut columns = batch.columns().to_vec();
    let at = batch.schema().index_of("shard").map_err(|cause| Error::internal(cause.to_string()))?;
    if columns[at].null_count() < columns[at].len() {
        let places = columns[at].as_primitive::<UInt32Type>();
        let number = |place: Option<u32>| Some(pieces.get(place? as usize)?.0.number);
        columns[at] = Arc::new(places.iter().map(number).collect::<UInt32Array>()) as ArrayRef;
    }
    RecordBatch::try_new(batch.schema(), columns).map_err(|cause| Error::internal(cause.to_string()))
}

/// Sends batches.
pub(super) struct OutputSender {
    give: Sender<RecordBatch>,
}

impl OutputSender {
    pub(super) async fn give(&self, batch: RecordBatch) {
        if batch.num_rows() > 0 {
            // The receiver is gone when the task was cancelled.
            let _ = self.give.send(batch).await;
        }
    }
}
