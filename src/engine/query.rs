//! From a layout to a plan, and from a plan to counts.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Column, DataFusionError};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::functions_aggregate::expr_fn::{min, sum};
use datafusion::logical_expr::{Expr, cast, lit};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use futures::StreamExt;

use super::collect::{Collector, Counted, Way};
use super::counting::{Counting, Engine, Keys};
use super::diagnose::name_bad_shards;
use super::partial::{self, by_name};
use super::partial_exec::{PartialCountsExec, Progress};
use super::scan::Scan;
use super::session::{Limits, counting_session, ours};
use super::spill::Spill;
use super::table::{PlanTable, SHARD_COLUMN, ShardTable};
use super::{hive, long, pieces::Cut, scan, watchdog};
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;

/// Shards with the schema they agree on.
#[derive(Debug)]
pub struct Dataset {
    /// The shards, in order.
    pub shards: Vec<Shard>,
    /// The columns of the files.
    pub schema: SchemaRef,
    /// Hive keys that no file column hides.
    pub hive: Vec<String>,
}

impl Dataset {
    /// Shards whose columns make `schema`.
    #[must_use]
    pub fn new(shards: Vec<Shard>, schema: SchemaRef) -> Self {
        let keys: BTreeSet<&String> =
            shards.iter().flat_map(|shard| shard.hive.iter().map(|(key, _)| key)).collect();
        let hive = keys.into_iter().filter(|key| schema.field_with_name(key).is_err()).cloned().collect();
        Self { shards, schema, hive }
    }
}

/// Counts all rows of `dataset`.
///
/// # Errors
/// [`Error::Input`] for bad pages or values, [`Error::Usage`] for a bad condition,
/// [`Error::Resource`] when a limit is reached, [`Error::Changed`] when a shard changed meanwhile.
pub async fn count(
    dataset: &Dataset,
    counting: Counting,
    limits: &Limits,
    progress: Arc<Progress>,
) -> Result<Counted> {
    let counting = Arc::new(counting);
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(&progress));
    let context = counting_session(limits, &spill)?;
    let mut collector = Collector::new(Arc::clone(&counting));
    let mut way = Way { engine: "encoded", why: None, columns: Vec::new() };
    let work = async {
        match choose(&context, dataset, &counting).await? {
            Choice::Encoded(kept) => {
                let scan = Scan::new(dataset, &counting, &kept, limits, Arc::clone(&progress))?;
                let outcome = merge(&context, Arc::clone(&scan.plan), &counting, &mut collector).await;
                way.columns = scan.paths();
                outcome
            }
            Choice::Plain(why) => {
                way = Way { engine: "plain", why: Some(why), columns: Vec::new() };
                let progress = Arc::clone(&progress);
                count_arrays(&context, dataset, &counting, limits, &spill, progress, &mut collector).await
            }
        }
    };
    let outcome = watchdog::guard(work, &progress, watchdog::PATIENCE).await;
    if let Err(error) = outcome {
        return Err(name_bad_shards(&dataset.shards, &counting, error));
    }
    dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
    let mut counted = collector.finish(&dataset.shards)?;
    counted.way = way;
    counted.spilled = spill.spilled();
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
enum Choice {
    Encoded(Vec<bool>),
    Plain(String),
}

async fn choose(context: &SessionContext, dataset: &Dataset, counting: &Counting) -> Result<Choice> {
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

/// The plain path: every layout, condition and weight.
async fn count_arrays(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Arc<Counting>,
    limits: &Limits,
    spill: &Arc<Spill>,
    progress: Arc<Progress>,
    collector: &mut Collector,
) -> Result<()> {
    if counting.layout.kind == LayoutKind::Long {
        return long::count(context, dataset, counting, limits, spill, &progress, collector).await;
    }
    let rows = rows(context, dataset, counting, limits, &[])?;
    count_rows(context, rows, counting, progress, collector).await
}

/// The rows that meet the condition. Shards that are `whole` are read by one thread each.
pub(super) fn rows(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Counting,
    limits: &Limits,
    whole: &[bool],
) -> Result<DataFrame> {
    let how = |number: usize| if whole.get(number) == Some(&true) { Cut::Whole } else { Cut::Split };
    let table = ShardTable::new(&dataset.shards, &dataset.schema, &dataset.hive, limits.threads, how)?;
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

/// Every layout but `long`: each row is counted where it is read.
async fn count_rows(
    context: &SessionContext,
    rows: DataFrame,
    counting: &Arc<Counting>,
    progress: Arc<Progress>,
    collector: &mut Collector,
) -> Result<()> {
    let rows = rows.select(columns(counting)).map_err(|cause| ours(&cause))?;
    let input = rows.create_physical_plan().await.map_err(|cause| ours(&cause))?;
    let partial: Arc<dyn ExecutionPlan> =
        Arc::new(PartialCountsExec::new(input, Arc::clone(counting), progress));
    merge(context, partial, counting, collector).await
}

/// Runs a plan of partial counts and collects them.
async fn merge(
    context: &SessionContext,
    partial: Arc<dyn ExecutionPlan>,
    counting: &Counting,
    collector: &mut Collector,
) -> Result<()> {
    let stream = if matches!(counting.keys, Keys::Names) {
        let merged = merge_names(context, partial, counting)?;
        merged.execute_stream().await
    } else {
        execute_stream(partial, context.task_ctx())
    };
    let stream = stream.map_err(|cause| ours(&cause))?;
    drain(stream, |batch| collector.add(&batch)).await
}

/// Runs a stream to its end.
pub(super) async fn drain(
    mut stream: SendableRecordBatchStream,
    mut each: impl FnMut(arrow::array::RecordBatch) -> Result<()>,
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
