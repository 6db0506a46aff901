//! From a layout to a plan, and from a plan to counts.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use datafusion::common::{Column, DataFusionError};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::functions_aggregate::expr_fn::{min, sum};
use datafusion::logical_expr::{Expr, cast, lit};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use futures::StreamExt;

use super::by_shard::{by_shard, fates};
use super::collect::{Collector, Counted, Way};
use super::counting::{Counting, Engine, Keys};
pub use super::dataset::Dataset;
use super::diagnose::{Diagnosis, diagnose};
use super::long::{self, Means};
use super::partial::{self, by_name};
use super::partial_exec::{PartialCountsExec, Progress};
use super::pieces::Cut;
use super::scan::{ColumnPath, Scan};
use super::session::{Limits, counting_session, ours};
use super::spill::Spill;
use super::states::{Fate, States};
use super::table::{PlanTable, SHARD_COLUMN, ShardTable};
use super::{cluster, hive, scan, watchdog};
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::shards::{Shard, Unreadable};

/// Counts all rows of `dataset`; of shards whose counts are in `states`, none is read. Of layout `long`, counts
/// are kept of shards that share no row id with others: by the footers, or because it is said.
///
/// # Errors
/// [`Error::Input`] for bad pages or values, [`Error::Usage`] for a bad condition,
/// [`Error::Resource`] when a limit is reached, [`Error::Changed`] when a shard changed meanwhile.
pub async fn count(
    dataset: &Dataset,
    counting: Counting,
    limits: &Limits,
    progress: Arc<Progress>,
    states: Option<&mut States>,
) -> Result<Counted> {
    count_readable(dataset, counting, limits, progress, states, 0).await
}

/// The same, but up to `spare` shards that cannot be read are left out, each as a whole.
///
/// # Errors
/// As [`count`], and when more shards than that cannot be read, or all.
pub async fn count_readable(
    dataset: &Dataset,
    counting: Counting,
    limits: &Limits,
    progress: Arc<Progress>,
    mut states: Option<&mut States>,
    spare: usize,
) -> Result<Counted> {
    let counting = Arc::new(counting);
    if dataset.shards.is_empty() {
        return Collector::new(counting).finish(&[]);
    }
    let mut fates: Vec<Fate> = states
        .iter()
        .flat_map(|states| fates(states, &dataset.shards, &counting))
        .map(|(fate, _)| fate)
        .collect();
    let mut left = dataset.with(dataset.shards.clone());
    let mut unreadable: Vec<Unreadable> = Vec::new();
    loop {
        let bad = match attempt(&left, &counting, limits, &progress, states.as_deref_mut()).await {
            Ok(counted) => {
                return Ok(Counted { fates, unreadable, bytes_read: progress.bytes(), ..counted });
            }
            Err(Diagnosis::Unreadable(bad)) => bad,
            Err(Diagnosis::Other(error)) => return Err(error),
        };
        // From the back, so that places stay what they are.
        for (place, error) in bad.into_iter().rev() {
            if place < fates.len() {
                fates.remove(place);
            }
            unreadable.push(Unreadable { name: left.shards.remove(place).name, error });
        }
        if unreadable.len() > spare || left.shards.is_empty() {
            unreadable.sort_by(|a, b| a.name.cmp(&b.name));
            let errors = unreadable.into_iter().map(|one| one.error).collect();
            return Err(Error::together(errors, "shards")
                .unwrap_or_else(|| Error::internal("no shard is unreadable")));
        }
    }
}

async fn attempt(
    dataset: &Dataset,
    counting: &Arc<Counting>,
    limits: &Limits,
    progress: &Arc<Progress>,
    states: Option<&mut States>,
) -> Result<Counted, Diagnosis> {
    if let Some(address) = &limits.cluster {
        let work = cluster::count(address, dataset, counting, limits, progress);
        let (way, collector) = work.await?;
        let counted = finish(dataset, counting, collector).map_err(Diagnosis::Other)?;
        return Ok(Counted { way, ..counted });
    }
    let counted = here(dataset, counting, limits, progress, states).await;
    counted.map_err(|error| diagnose(&dataset.shards, counting, error))
}

/// Counts on this machine.
async fn here(
    dataset: &Dataset,
    counting: &Arc<Counting>,
    limits: &Limits,
    progress: &Arc<Progress>,
    states: Option<&mut States>,
) -> Result<Counted> {
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
    let context = counting_session(limits, &spill)?;
    let mut collector = Collector::new(Arc::clone(counting));
    let work = async {
        let task = Task {
            context: context.clone(),
            counting: Arc::clone(counting),
            limits: limits.clone(),
            budget: limits.pool_bytes() / limits.threads.max(1),
            spill: Arc::clone(&spill),
            progress: Arc::clone(progress),
        };
        if let Some(states) = states {
            if let Some(way) = by_shard(&task, dataset, states, &mut collector).await? {
                return Ok(way);
            }
            tracing::warn!("{}; counting all shards together", long::LIED);
            collector = Collector::new(Arc::clone(counting));
        }
        task.count(dataset, |batch| collector.add(batch)).await
    };
    let way = watchdog::guard(work, progress, watchdog::PATIENCE).await?;
    Ok(Counted { way, spilled: spill.spilled(), ..finish(dataset, counting, collector)? })
}

/// What was counted, once it is sure that this is what was listed.
fn finish(dataset: &Dataset, counting: &Counting, collector: Collector) -> Result<Counted> {
    dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
    let counted = collector.finish(&dataset.shards)?;
    if counting.filter.is_none() && counting.layout.kind != LayoutKind::Long {
        let expected: u64 = dataset.shards.iter().map(|shard| shard.rows).sum();
        if counted.total.rows() != expected {
            return Err(Error::input(format!(
                "the footers claim {expected} rows, but {} were read",
                counted.total.rows()
            ))
            .hint("a footer is damaged: write the shards again"));
        }
    }
    Ok(counted)
}

/// How rows are counted: from encoded pages of the shards that are kept, or from arrays because of this.
pub(super) enum Choice {
    Encoded(Vec<bool>),
    Plain(String),
}

impl Choice {
    /// The shards that are read from encoded pages, if any are.
    pub(super) fn kept(&self) -> Option<&[bool]> {
        match self {
            Self::Encoded(kept) => Some(kept),
            Self::Plain(_) => None,
        }
    }

    /// The account of it, with how each column was read.
    pub(super) fn way(self, columns: Vec<ColumnPath>) -> Way {
        match self {
            Self::Encoded(_) => Way { engine: "encoded", why: None, columns },
            Self::Plain(why) => Way { engine: "plain", why: Some(why), columns },
        }
    }
}

pub(super) async fn choose(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Counting,
) -> Result<Choice> {
    let plain = |why: &str| match counting.engine {
        Engine::Encoded => Err(Error::usage(format!("--engine encoded: {why}"))
            .hint("use --engine auto, which counts arrays where it has to")),
        _ => Ok(Choice::Plain(why.to_owned())),
    };
    if counting.engine == Engine::Plain {
        return plain("--engine plain");
    }
    if let Some(why) = scan::why_not(counting, dataset) {
        return plain(&why);
    }
    let Some(condition) = &counting.filter else {
        return Ok(Choice::Encoded(vec![true; dataset.shards.len()]));
    };
    match hive::kept(context, dataset, condition).await? {
        Some(kept) => Ok(Choice::Encoded(kept)),
        None => plain("--where asks for columns of the files, which needs rows"),
    }
}

/// How rows would be counted, in a few words: the engine, why not the encoded one, and the shards read.
///
/// # Errors
/// As [`count`], for what is wrong before a page is read.
pub async fn outlook(dataset: &Dataset, counting: &Counting, limits: &Limits) -> Result<String> {
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::new(Progress::default()));
    let context = counting_session(limits, &spill)?;
    let all = dataset.shards.len();
    let (engine, read) = match choose(&context, dataset, counting).await? {
        Choice::Encoded(kept) => ("encoded".to_owned(), kept.iter().filter(|kept| **kept).count()),
        Choice::Plain(why) => (format!("plain ({why})"), all),
    };
    Ok(format!("layout={}, engine={engine}, shards={read} of {all}", counting.layout.kind))
}

/// What counting takes beside the shards.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) context: SessionContext,
    pub(super) counting: Arc<Counting>,
    pub(super) limits: Limits,
    /// Bytes that one thread may take for pairs of layout long.
    pub(super) budget: usize,
    pub(super) spill: Arc<Spill>,
    pub(super) progress: Arc<Progress>,
}

impl Task {
    /// Calls `each` with partial counts of all shards, and says how they were counted.
    pub(super) async fn count(
        &self,
        dataset: &Dataset,
        mut each: impl FnMut(&RecordBatch) -> Result<()> + Send,
    ) -> Result<Way> {
        let Self { context, counting, limits, progress, .. } = self;
        let choice = self.choose(dataset).await?;
        if counting.layout.kind == LayoutKind::Long {
            let means = self.means(limits.threads.max(1));
            let columns = long::count(&means, dataset, choice.kept(), &mut each).await?;
            return Ok(choice.way(columns));
        }
        let partial = self.partial(dataset, choice).await?;
        merge(context, Arc::clone(&partial.plan), counting, each).await?;
        Ok(partial.account(progress))
    }

    /// The plan whose rows are partial counts, of any layout but `long`.
    pub(super) async fn partial(&self, dataset: &Dataset, choice: Choice) -> Result<Partial> {
        let Self { context, counting, limits, progress, .. } = self;
        match choice {
            Choice::Encoded(kept) => {
                let scan = Scan::new(dataset, counting, &kept, limits, Arc::clone(progress))?;
                Ok(Partial { plan: Arc::clone(&scan.plan), read: Read::Pages(scan) })
            }
            Choice::Plain(why) => {
                let rows = rows(context, dataset, counting, limits.threads, &[])?;
                let rows = rows.select(columns(counting)).map_err(|cause| ours(&cause))?;
                let input = rows.create_physical_plan().await.map_err(|cause| ours(&cause))?;
                let read = Read::Arrays(Arc::clone(&input), why);
                let partial = PartialCountsExec::new(input, Arc::clone(counting), Arc::clone(progress));
                Ok(Partial { plan: Arc::new(partial), read })
            }
        }
    }

    /// How rows of `dataset` are counted.
    pub(super) async fn choose(&self, dataset: &Dataset) -> Result<Choice> {
        choose(&self.context, dataset, &self.counting).await
    }

    pub(super) fn means(&self, threads: usize) -> Means<'_> {
        let Self { context, counting, budget, spill, progress, .. } = self;
        Means { context, counting, threads, budget: *budget, spill, progress }
    }
}

/// A plan of partial counts.
pub(super) struct Partial {
    pub(super) plan: Arc<dyn ExecutionPlan>,
    read: Read,
}

/// What a plan of partial counts reads.
enum Read {
    Pages(Scan),
    /// Arrays of this scan, and why.
    Arrays(Arc<dyn ExecutionPlan>, String),
}

impl Partial {
    /// How rows were counted, once they are; adds the bytes that were read.
    pub(super) fn account(self, progress: &Progress) -> Way {
        match self.read {
            Read::Pages(scan) => Way { engine: "encoded", why: None, columns: scan.paths() },
            Read::Arrays(scan, why) => {
                progress.add_bytes(bytes_scanned(scan.as_ref()));
                Way { engine: "plain", why: Some(why), columns: Vec::new() }
            }
        }
    }
}

/// The rows that meet the condition. Shards that are `whole` are read by one thread each.
pub(super) fn rows(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Counting,
    threads: usize,
    whole: &[bool],
) -> Result<DataFrame> {
    let how =
        |number: usize| dataset.cut(if whole.get(number) == Some(&true) { Cut::Whole } else { Cut::Split });
    let table = ShardTable::new(&dataset.shards, &dataset.schema, &dataset.hive, threads, how)?;
    let rows = context.read_table(Arc::new(table)).map_err(|cause| ours(&cause))?;
    match &counting.filter {
        Some(condition) => filter(rows, condition),
        None => Ok(rows),
    }
}

fn filter(rows: DataFrame, condition: &str) -> Result<DataFrame> {
    let wrong = |cause: &DataFusionError| {
        Error::usage(format!("--where {condition:?}: {}", cause.strip_backtrace()))
            .hint("give an SQL condition over the shards' columns; quote names with capitals or dots: \"My.Col\" = 1")
    };
    let expression = rows.parse_sql_expr(condition).map_err(|cause| wrong(&cause))?;
    rows.filter(expression).map_err(|cause| wrong(&cause))
}

/// Runs a plan of partial counts and calls `each` with them.
async fn merge(
    context: &SessionContext,
    partial: Arc<dyn ExecutionPlan>,
    counting: &Counting,
    mut each: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let stream = if matches!(counting.keys, Keys::Names) {
        let merged = merge_names(context, partial, counting)?;
        merged.execute_stream().await
    } else {
        execute_stream(partial, context.task_ctx())
    };
    let stream = stream.map_err(|cause| ours(&cause))?;
    drain(stream, |batch| each(&batch)).await
}

/// Bytes that the scans of a plan have read, by their own account.
pub(super) fn bytes_scanned(plan: &dyn ExecutionPlan) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.sum_by_name("bytes_scanned"));
    let below: u64 = plan.children().into_iter().map(|child| bytes_scanned(child.as_ref())).sum();
    own.map_or(0, |bytes| bytes.as_usize() as u64) + below
}

/// Runs a stream to its end.
pub(super) async fn drain(
    mut stream: SendableRecordBatchStream,
    mut each: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    while let Some(batch) = stream.next().await {
        each(batch.map_err(|cause| ours(&cause))?)?;
    }
    Ok(())
}

/// `[label columns…, weight?, by…, shard]`, as [`super::plain::Counter`] takes them.
fn columns(counting: &Counting) -> Vec<Expr> {
    let mut columns: Vec<Expr> = counting
        .layout
        .labels
        .iter()
        .enumerate()
        .map(|(i, name)| column(name).alias(format!("label_{i}")))
        .collect();
    columns.extend(
        counting.sample_weight.iter().map(|name| cast(column(name), DataType::Float64).alias("weight")),
    );
    columns.extend(counting.by.iter().enumerate().map(|(i, name)| column(name).alias(by_name(i))));
    columns.push(column(SHARD_COLUMN));
    columns
}

/// A column by its exact name, whatever characters it has.
pub(super) fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// The group-by that merges names, spilling where they do not fit.
fn merge_names(
    context: &SessionContext,
    partial: Arc<dyn ExecutionPlan>,
    counting: &Counting,
) -> Result<DataFrame> {
    let schema = partial::schema(counting.by.len());
    let mut keys: Vec<Expr> = (0..counting.by.len()).map(|i| column(&by_name(i))).collect();
    keys.push(column("label"));
    let sums = [
        "positives",
        "negatives",
        "uncertain",
        "missing",
        "invalid",
        "positives_mass",
        "negatives_mass",
        "skipped",
    ];
    let mut totals: Vec<Expr> = sums.iter().map(|name| sum(column(name)).alias(*name)).collect();
    totals.push(min(column("example")).alias("example"));
    totals.push(min(column("shard")).alias("shard"));
    let table = PlanTable(partial);
    let read = || {
        let merged = context.read_table(Arc::new(table))?.aggregate(keys, totals)?;
        let output = schema.fields().iter().map(|field| match field.name().as_str() {
            "label_index" => lit(ScalarValue::UInt64(None)).alias("label_index"),
            name => cast(column(name), field.data_type().clone()).alias(name),
        });
        merged.select(output.collect::<Vec<_>>())
    };
    read().map_err(|cause: DataFusionError| ours(&cause))
}
