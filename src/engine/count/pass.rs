//! One pass over shards: a plan of partial counts, from encoded pages or from arrays.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, cast};
use datafusion::physical_plan::ExecutionPlan;

use crate::engine::count::merge::merge;
use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::errors::ours;
use crate::engine::pairs::long;
use crate::engine::partial::by_name;
use crate::engine::plain::exec::PartialCountsExec;
use crate::engine::progress::Progress;
use crate::engine::read::choice::{EngineChoice, choose, questions};
use crate::engine::read::nested::label_column;
use crate::engine::read::routes::Route;
use crate::engine::read::rows::{bytes_scanned, column, rows};
use crate::engine::read::table::SHARD_COLUMN;
use crate::engine::scan::Scan;
use crate::engine::task::CountTask;
use crate::error::Result;
use crate::source::layout::LayoutKind;

/// Calls `each` with partial counts of all shards of `dataset`, and gives how they were read.
pub(crate) async fn count_pass(
    task: &CountTask,
    dataset: &Dataset,
    mut each: impl FnMut(&RecordBatch) -> Result<()> + Send,
) -> Result<Route> {
    let CountTask { context, counting, progress, .. } = task;
    let choice = choose(context, dataset, counting).await?;
    if counting.layout.kind == LayoutKind::Long {
        let columns = long::count(task, dataset, choice.kept(), &mut each).await?;
        progress.add_shards(dataset.shards.len() as u64);
        return Ok(choice.route(columns));
    }
    let partial = PartialPlan::new(task, dataset, choice).await?;
    merge(context, Arc::clone(&partial.plan), counting, each).await?;
    let route = partial.account(progress);
    if route.why.is_some() {
        // Arrays of a shard may be read in any order; encoded pages tell on the way.
        progress.add_shards(dataset.shards.len() as u64);
    }
    Ok(route)
}

/// A plan of partial counts.
pub(crate) struct PartialPlan {
    pub(crate) plan: Arc<dyn ExecutionPlan>,
    input: PlanInput,
}

/// What a plan of partial counts reads.
enum PlanInput {
    Pages(Scan),
    /// Arrays of this scan, and why.
    Arrays(Arc<dyn ExecutionPlan>, String),
}

impl PartialPlan {
    /// For any layout but `long`.
    pub(crate) async fn new(task: &CountTask, dataset: &Dataset, choice: EngineChoice) -> Result<Self> {
        let CountTask { context, counting, limits, progress, .. } = task;
        match choice {
            EngineChoice::Encoded(_) | EngineChoice::Masked => {
                let kept = choice.kept().map_or_else(|| vec![true; dataset.shards.len()], <[bool]>::to_vec);
                let questions = questions(context, dataset, counting, &choice)?;
                let scan = Scan::new(dataset, counting, (&kept, questions), limits, progress)?;
                Ok(Self { plan: Arc::clone(&scan.plan), input: PlanInput::Pages(scan) })
            }
            EngineChoice::Plain(why) => {
                let rows = rows(context, dataset, counting, limits.threads, &[])?;
                let rows = rows.select(columns(dataset, counting)?).map_err(|cause| ours(&cause))?;
                let scan = rows.create_physical_plan().await.map_err(|cause| ours(&cause))?;
                let input = PlanInput::Arrays(Arc::clone(&scan), why);
                let partial = PartialCountsExec::new(scan, Arc::clone(counting), Arc::clone(progress));
                Ok(Self { plan: Arc::new(partial), input })
            }
        }
    }

    /// How rows were read, once they are; adds the bytes that were read.
    pub(crate) fn account(self, progress: &Progress) -> Route {
        match self.input {
            PlanInput::Pages(scan) => Route { engine: "encoded", why: None, columns: scan.routes() },
            PlanInput::Arrays(scan, why) => {
                progress.add_bytes(bytes_scanned(scan.as_ref()));
                Route { engine: "plain", why: Some(why), columns: Vec::new() }
            }
        }
    }
}

/// `[label columns…, weight?, by…, shard]`, as the plain counter takes them.
fn columns(dataset: &Dataset, counting: &Counting) -> Result<Vec<Expr>> {
    let mut columns: Vec<Expr> = counting
        .layout
        .cells()
        .enumerate()
        .map(|(i, name)| Ok(label_column(dataset, name)?.alias(format!("label_{i}"))))
        .collect::<Result<_>>()?;
    columns.extend(
        counting.sample_weight.iter().map(|name| cast(column(name), DataType::Float64).alias("weight")),
    );
    columns.extend(counting.by.iter().enumerate().map(|(i, name)| column(name).alias(by_name(i))));
    columns.push(column(SHARD_COLUMN));
    Ok(columns)
}

#[cfg(test)]
mod tests;
