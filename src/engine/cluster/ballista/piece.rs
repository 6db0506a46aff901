//! The work on one piece: opens and checks the shard, and counts it as a data set of one shard.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result as DfResult;
use datafusion::physical_plan::execute_stream;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use super::failure::{ClusterFailure, FailureCause, to_datafusion};
use super::order::{PieceOrder, PieceOutput};
use super::pinned_shard::PinnedShard;
use crate::engine::cluster::exchange::pair_batches::{self, PairLister};
use crate::engine::cluster::exchange::{pattern_batches, row_batches};
use crate::engine::count::by_shard::{Own, single};
use crate::engine::count::diagnose::{Diagnosis, diagnose};
use crate::engine::count::pass::PartialPlan;
use crate::engine::dataset::Dataset;
use crate::engine::errors::ours;
use crate::engine::pairs::long;
use crate::engine::partial;
use crate::engine::progress::Progress;
use crate::engine::read::choice::choose;
use crate::engine::read::rows::bytes_scanned;
use crate::engine::session::Limits;
use crate::engine::spill::Spill;
use crate::engine::task::CountTask;
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;

/// The column for the number of bytes that were read, after those of the output.
pub(super) const BYTES: &str = "bytes_read";
/// Batches that are buffered for the group-by.
const AHEAD: usize = 2;

/// The columns of the rows that an order makes.
pub(super) fn schema(order: &PieceOrder) -> Result<SchemaRef> {
    let n_by = order.counting.by.len();
    let own = match &order.output {
        PieceOutput::Counts => partial::schema(n_by),
        PieceOutput::Pairs => pair_batches::schema(n_by, id_type(order)?),
        PieceOutput::Patterns(_) => pattern_batches::schema(),
        PieceOutput::Rows(_) => row_batches::schema(),
    };
    let mut fields: Vec<_> = own.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(BYTES, DataType::UInt64, false)));
    Ok(Arc::new(Schema::new(fields)))
}

/// The type of the row ids of layout `long`.
pub(super) fn id_type(order: &PieceOrder) -> Result<&DataType> {
    let id = order.counting.layout.id.as_deref().unwrap_or_default();
    let field = order.schema.field_with_name(id).map_err(|cause| Error::internal(cause.to_string()))?;
    Ok(field.data_type())
}

/// A piece of a shard, and what to do with it.
pub(super) struct PieceTask {
    pub(super) order: Arc<PieceOrder>,
    pub(super) limits: Limits,
    pub(super) shard: Arc<PinnedShard>,
    pub(super) part: Option<(i64, i64)>,
}

impl PieceTask {
    /// Its rows, computed while the stream is polled.
    pub(super) fn stream(self) -> BoxStream<'static, DfResult<RecordBatch>> {
        let start = stream::once(async move {
            let (give, take) = channel(AHEAD);
            // Aborts the work when the stream is dropped, and catches panics of decoders.
            let mut work = JoinSet::new();
            work.spawn(self.work(give));
            stream::try_unfold((take, work), next)
        });
        start.flatten().map_err(|failure| to_datafusion(&failure)).boxed()
    }

    async fn work(self, give: Sender<RecordBatch>) -> Result<(), ClusterFailure> {
        let shard = self.shard.open().map_err(|error| self.failure(error))?;
        let shard = shard.with_nested(self.order.counting.layout.columns());
        let dataset = Dataset {
            shards: Arc::new(vec![shard]),
            schema: Arc::clone(&self.order.schema),
            hive: self.order.hive.clone(),
            folder_types: self.order.folder_types.clone(),
            coming: None,
            part: self.part,
        };
        let progress = Arc::new(Progress::default());
        let mut out = OutputSender { give, held: None, schema: schema(&self.order)? };
        let done = self.count(&dataset, &progress, &mut out).await;
        let unchanged = || dataset.shards.iter().try_for_each(Shard::check_unchanged);
        if let Err(failure) = done.and_then(|()| Ok(unchanged()?)) {
            let ClusterFailure { error, cause: None } = failure else { return Err(failure) };
            return Err(match diagnose(&dataset.shards, &self.order.counting, error) {
                Diagnosis::Unreadable(bad) => {
                    let error = bad.into_iter().next().map(|(_, error)| error);
                    self.failure(error.unwrap_or_else(|| Error::internal("no shard is unreadable")))
                }
                Diagnosis::Other(error) => error.into(),
            });
        }
        Ok(out.finish(progress.work().bytes_read).await?)
    }

    /// The failure to read the shard as a whole.
    fn failure(&self, error: Error) -> ClusterFailure {
        let cause = matches!(error, Error::Input(_)).then_some(FailureCause::Shard(self.shard.number));
        ClusterFailure { error, cause }
    }

    async fn count(
        &self,
        dataset: &Dataset,
        progress: &Arc<Progress>,
        out: &mut OutputSender,
    ) -> Result<(), ClusterFailure> {
        let Self { order, limits, shard, .. } = self;
        let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
        let task = CountTask::new(&order.counting, limits, &spill, progress)?;
        match &order.output {
            PieceOutput::Counts if order.counting.layout.kind == LayoutKind::Long => {
                for batch in count_long(&task, dataset).await? {
                    out.give(batch).await?;
                }
            }
            PieceOutput::Counts => {
                let choice = choose(&task.context, dataset, &order.counting).await?;
                let partial = PartialPlan::new(&task, dataset, choice).await?;
                let stream = execute_stream(Arc::clone(&partial.plan), task.context.task_ctx());
                let mut stream = stream.map_err(|cause| ours(&cause))?;
                while let Some(batch) = stream.next().await {
                    let batch = batch.map_err(|cause| ours(&cause))?;
                    out.give(numbered(&batch, shard.number)?).await?;
                }
                partial.account(progress);
            }
            PieceOutput::Pairs => {
                let plan = long::plan(&task.context, dataset, &order.counting, 1, &[]).await?;
                let mut pairs = PairLister::new(&order.counting, &dataset.shards, id_type(order)?);
                let stream = execute_stream(Arc::clone(&plan), task.context.task_ctx());
                let mut stream = stream.map_err(|cause| ours(&cause))?;
                while let Some(batch) = stream.next().await {
                    let batch = batch.map_err(|cause| ours(&cause))?;
                    out.give(pairs.pairs(&batch)?).await?;
                }
                pairs.finish()?;
                progress.add_bytes(bytes_scanned(plan.as_ref()));
            }
            PieceOutput::Patterns(groups) => {
                for batch in pattern_batches::read_patterns(&task, dataset, groups).await? {
                    out.give(batch?).await?;
                }
            }
            PieceOutput::Rows(groups) => {
                let out = tokio::sync::Mutex::new(out);
                let each = async |batch| out.lock().await.give(batch).await;
                row_batches::send(&task, dataset, groups, shard.number, each).await?;
            }
        }
        Ok(())
    }
}

/// Partial counts of a shard of layout `long` whose row ids no other shard has.
async fn count_long(task: &CountTask, dataset: &Dataset) -> Result<Vec<RecordBatch>, ClusterFailure> {
    let ids = single(&dataset.shards, &task.counting).into_iter().map(|own| match own {
        Own::Rows(ids) => ids,
        Own::Shared => None,
    });
    let choice = choose(&task.context, dataset, &task.counting).await?;
    let mut counts = Vec::new();
    let mut keep = |batch: &RecordBatch| {
        counts.push(batch.clone());
        Ok(())
    };
    let counted =
        long::count_with_ranges(&task.on_one_thread(), dataset, choice.kept(), ids.collect(), &mut keep)
            .await?;
    match counted {
        Some(_) => Ok(counts),
        None => Err(ClusterFailure { error: Error::input(long::LIED), cause: Some(FailureCause::Footers) }),
    }
}

/// The next batch; at the end, the error of the work if it failed.
async fn next(
    (mut take, mut work): (Receiver<RecordBatch>, JoinSet<Result<(), ClusterFailure>>),
) -> Result<Option<(RecordBatch, (Receiver<RecordBatch>, JoinSet<Result<(), ClusterFailure>>))>, ClusterFailure>
{
    if let Some(batch) = take.recv().await {
        return Ok(Some((batch, (take, work))));
    }
    match work.join_next().await {
        None | Some(Ok(Ok(()))) => Ok(None),
        Some(Ok(Err(failure))) => Err(failure),
        Some(Err(_)) => Err(Error::input("a page could not be decoded").into()),
    }
}

/// Partial counts of a data set of one shard, with the number of this shard among all shards.
fn numbered(batch: &RecordBatch, number: u32) -> Result<RecordBatch> {
    let mut columns = batch.columns().to_vec();
    let at = batch.schema().index_of("shard").map_err(|cause| Error::internal(cause.to_string()))?;
    if columns[at].null_count() < columns[at].len() {
        let shards = (0..batch.num_rows()).map(|row| columns[at].is_valid(row).then_some(number));
        columns[at] = Arc::new(shards.collect::<UInt32Array>()) as ArrayRef;
    }
    RecordBatch::try_new(batch.schema(), columns).map_err(|cause| Error::internal(cause.to_string()))
}

/// Sends batches; the last one holds the number of bytes that were read.
struct OutputSender {
    give: Sender<RecordBatch>,
    /// The last batch, which is not sent yet.
    held: Option<RecordBatch>,
    schema: SchemaRef,
}

impl OutputSender {
    async fn give(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        match self.held.replace(batch) {
            Some(held) => self.send(held, 0).await,
            None => Ok(()),
        }
    }

    async fn finish(mut self, bytes: u64) -> Result<()> {
        match self.held.take() {
            Some(held) => self.send(held, bytes).await,
            None => Ok(()),
        }
    }

    async fn send(&self, batch: RecordBatch, bytes: u64) -> Result<()> {
        let mut columns = batch.columns().to_vec();
        let mut all = vec![0; batch.num_rows()];
        all[0] = bytes;
        columns.push(Arc::new(UInt64Array::from(all)));
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        let batch = batch.map_err(|cause| Error::internal(cause.to_string()))?;
        // The receiver is gone when the task was cancelled.
        let _ = self.give.send(batch).await;
        Ok(())
    }
}
