//! Ids in their order, each with all its labels, in bounded memory: DataFusion sorts the rows, and spills.

use std::sync::Arc;

use arrow::array::{ArrayRef, UInt64Array};
use arrow::compute::take;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;

use crate::engine::dataset::Dataset;
use crate::engine::errors::ours;
use crate::engine::pairs::feed::IdSink;
use crate::engine::pairs::long::pair_rows;
use crate::engine::pairs::names::{LocalNumbers, SharedNumbers};
use crate::engine::pairs::reader::{PairReader, refuse};
use crate::engine::pairs::record::PairFact;
use crate::engine::read::rows::{bytes_scanned, column};
use crate::engine::task::CountTask;
use crate::error::{Error, Result};

/// Repeated pairs of one id that are kept before they are made distinct.
const REPEATED_MAX: usize = 1 << 16;

/// Gives `sink` the labels of all ids, by the order of the ids, and `ids` the ids themselves, some at a time. Labels
/// are known, and there is one group.
pub(crate) async fn in_order<T: IdSink>(
    task: &CountTask,
    dataset: &Dataset,
    sink: &mut T,
    ids: &mut (dyn FnMut(ArrayRef) -> Result<()> + Send),
) -> Result<()> {
    let CountTask { context, counting, progress, .. } = task;
    let rows = pair_rows(context, dataset, counting, 1, &[])?;
    let rows = rows.sort(vec![column("id").sort(true, true)]).map_err(|cause| ours(&cause))?;
    let plan = rows.create_physical_plan().await.map_err(|cause| ours(&cause))?;
    let mut batches = execute_stream(Arc::clone(&plan), context.task_ctx()).map_err(|cause| ours(&cause))?;
    let shared = SharedNumbers::new(&counting.keys, counting.domain.spelling);
    let shards = dataset.shards.to_vec().into();
    let mut reader = PairReader::new(Arc::clone(counting), shards, LocalNumbers::new(&shared));
    let mut at_hand = LabelsOfId::default();
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|cause| ours(&cause))?;
        let rows = reader.read(&batch)?;
        let mut firsts = Vec::new();
        for (at, (&id, &fact)) in rows.ids.iter().zip(&rows.said).enumerate() {
            if at_hand.id != Some(id) {
                at_hand.give(sink)?;
                at_hand.id = Some(id);
                firsts.push(rows.origin(at));
            }
            at_hand.add(fact);
        }
        let firsts = take(batch.column(0), &UInt64Array::from(firsts), None);
        ids(firsts.map_err(|cause| Error::internal(cause.to_string()))?)?;
        progress.add(batch.num_rows() as u64);
    }
    at_hand.give(sink)?;
    progress.add_bytes(bytes_scanned(plan.as_ref()));
    refuse(counting, &dataset.shards, reader.unknown)
}

/// What the rows of one id say.
#[derive(Default)]
struct LabelsOfId {
    id: Option<u128>,
    said: Vec<PairFact>,
}

impl LabelsOfId {
    fn add(&mut self, fact: PairFact) {
        if self.said.len() >= REPEATED_MAX && self.said.len() == self.said.capacity() {
            self.make_distinct();
        }
        self.said.push(fact);
    }

    /// Keeps what says most of each label.
    fn make_distinct(&mut self) {
        self.said.sort_unstable_by(|a, b| b.cmp(a));
        self.said.dedup_by_key(|fact| fact.pair());
        self.said.reverse();
    }

    /// Gives the labels of the id at hand, if there is one.
    fn give<T: IdSink>(&mut self, sink: &mut T) -> Result<()> {
        if self.id.is_some() {
            self.make_distinct();
            sink.id(0, &self.said)?;
            self.said.clear();
        }
        Ok(())
    }
}
