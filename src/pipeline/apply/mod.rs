//! Rows with columns more: their weights by a result, or the target tensor.
//!
//! ```text
//! result ─▶ labels, weights ──────────────────────────────────────┐
//! shards ─▶ open ─▶ count: every value has a meaning ─▶ rows ─▶ arrays ─▶ encoded columns ─┐
//!    └────────── column chunks as bytes ──────────────────────────────────────────────────┴▶ shards
//! ```
//!
//! [`meaning`] which labels these are · [`arrays`] from labels to columns, [`folds`] from a plan · [`rows`] reads, [`handover`] passes on,
//! [`write`] writes · [`stream`] Arrow IPC to stdout

mod arrays;
mod folds;
mod handover;
mod meaning;
mod rows;
mod stream;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arrow::datatypes::Schema;

use arrays::ColumnMaker;
use folds::{ColumnFolds, check_plans, read_plans};
use meaning::{KnownResult, check_apart};
use stream::{WhileHeard, pass_on, write_rows};
use write::{Writing, check_sums, write_shards};

use tokio::runtime::Handle;

use super::account::{Account, status};
use super::machine::Machine;
use super::opening::{Opened, open_to_copy};
use super::outcome::Observer;
use super::plan::Plan;
use super::spec::{STDIO, Spec};
use super::stages::count;
use crate::artifact::publish::{Staging, write_results};
use crate::artifact::results::AppliedResult;
use crate::counts::LabelCounts;
use crate::engine::rows::{ComingLabels, can_tell};
use crate::engine::{Dataset, Progress, Spilled};
use crate::error::{Error, Result, plural};
use crate::sampling::row_columns::{AddedColumn, AddedValues, TargetForm};
use crate::source::row_stream::SharedRows;
use crate::source::shards::Shard;
use crate::store::{of_path, set_retries};

/// What is asked for.
#[derive(Debug)]
pub(crate) struct ApplyRequest {
    /// The result.
    pub weights: PathBuf,
    /// Another scheme than its first.
    pub scheme: Option<String>,
    /// The columns to add.
    pub columns: Vec<AddedColumn>,
    /// Shards, output, limits, and what the result does not say of labels and values.
    pub given: Spec,
}

/// A request with everything settled that needs no shard.
#[derive(Debug)]
pub(crate) struct ApplyPlan {
    result: KnownResult,
    columns: Vec<AddedColumn>,
    /// By column.
    folds: Vec<ColumnFolds>,
    plan: Plan,
}

/// What was written.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The columns, rows and bytes.
    pub result: AppliedResult,
    /// Number of shards.
    pub shards: usize,
    /// The layout.
    pub layout: String,
}

impl ApplyPlan {
    /// Reads the result, and fills in every default.
    ///
    /// # Errors
    /// [`Error::Usage`] for flags that contradict each other or do not apply, [`Error::Input`] where there is no result.
    pub(crate) fn resolve(request: ApplyRequest, machine: Machine) -> Result<Self> {
        let ApplyRequest { weights, scheme, columns, given } = request;
        check_columns(&columns)?;
        check_given(&given)?;
        let result = KnownResult::read(&weights, scheme.as_deref())?;
        let (spec, known_labels) = result.spec_over(&given)?;
        let mut plan = Plan::resolve(spec, machine)?;
        plan.count.known_labels = known_labels;
        plan.count.copies_rows = true;
        // What does not fit the weights is found before a shard is opened.
        let folds = read_plans(&columns, &weights)?;
        ColumnMaker::new((&columns, &folds), &result.derived.weights, result.counts(), None)?;
        Ok(Self { result, columns, folds, plan })
    }

    /// The folder of the result; `None` for stdout.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.plan.out.folder()
    }

    /// What is said of the columns before any row is written.
    fn empty_result(&self) -> AppliedResult {
        AppliedResult {
            weights: self.result.name.clone(),
            scheme: self.result.derived.weights.primary().scheme.to_string(),
            columns: self.columns.iter().map(|column| column.name.clone()).collect(),
            labels: self.result.counts().len(),
            rows: 0,
            bytes_copied: 0,
            bytes_decoded: 0,
        }
    }

    /// Threads that work.
    pub(crate) fn threads(&self) -> usize {
        self.plan.count.limits.threads
    }
}

fn check_columns(columns: &[AddedColumn]) -> Result<()> {
    if columns.is_empty() {
        return Err(Error::usage("no column is named").hint(
            "name one with --column sample_weight, loss_weights or fold, or --targets dense, sparse or indices",
        ));
    }
    for (at, column) in columns.iter().enumerate() {
        if columns[..at].iter().any(|before| before.name == column.name) {
            return Err(Error::usage(format!("two columns are called {:?}", column.name))
                .hint("name one of them otherwise, such as --column sample_weight:as=weight"));
        }
    }
    Ok(())
}

/// Flags of counting that have no use here.
fn check_given(given: &Spec) -> Result<()> {
    let refused = [
        ("--id", given.id.is_some(), "it belongs to layout long, whose lines are no rows"),
        ("--num-rows", given.num_rows.is_some(), "it belongs to layout long, whose lines are no rows"),
        (
            "--ids-disjoint",
            given.ids_disjoint.is_some(),
            "it belongs to layout long, whose lines are no rows",
        ),
        ("--query", given.query.is_some(), "its rows are in no shard"),
        ("--unit", given.unit.is_some(), "rows get columns, and elements are no rows"),
        ("--order", given.order.is_some(), "labels are in the order of the result"),
        ("--on-bad-shard", given.on_bad_shard.is_some(), "all shards are written, or none"),
        ("--max-bad-shards", given.max_bad_shards.is_some(), "all shards are written, or none"),
        ("--cluster", given.cluster.is_some(), "shards are written by one machine"),
    ];
    match refused.into_iter().find(|(_, is_given, _)| *is_given) {
        Some((flag, _, why)) => {
            Err(Error::usage(format!("{flag} does not apply: {why}")).hint(format!("drop {flag}")))
        }
        None => Ok(()),
    }
}

/// Writes the shards with the columns, as a whole, and accounts for it in `run_results.json`, also when it fails.
///
/// # Errors
/// The first error of any stage, or that of `stop`; nothing is published then.
pub(crate) async fn apply(
    plan: &ApplyPlan,
    observer: &dyn Observer,
    stop: impl Future<Output = Error>,
) -> Result<Applied> {
    let (started, clock) = (SystemTime::now(), Instant::now());
    set_retries(plan.plan.retries);
    let mut account = Account::default();
    let result = tokio::select! {
        // The stop is heard from the start.
        biased;
        signal = stop => Err(signal),
        result = carry_out(plan, observer, &mut account) => result,
    };
    observer.counted();
    record(plan, account, started, clock.elapsed(), result)
}

/// Writes `run_results.json` where the output folder takes it.
fn record(
    plan: &ApplyPlan,
    account: Account,
    started: SystemTime,
    elapsed: Duration,
    result: Result<Applied>,
) -> Result<Applied> {
    let is_of_other = |out: &&Path| of_path(out).is_some() && matches!(result, Err(Error::Output(_)));
    let is_staged = account.is_staged;
    let place = plan.folder().filter(|out| is_staged && !is_of_other(out));
    let Some(out) = place else { return result };
    let failure = result.as_ref().err();
    let results = account.results(&plan.plan, started, elapsed, status(failure, false), failure);
    let written = write_results(out, results.to_json()?);
    let applied = result?;
    written.map(|()| applied)
}

async fn carry_out(plan: &ApplyPlan, observer: &dyn Observer, account: &mut Account) -> Result<Applied> {
    let spec = plan.plan.spec.meaning_json()?;
    let (mut opened, coming) = open(plan, &spec, account).await?;
    let places = check_opened(plan, &opened)?;
    if let Some(coming) = coming {
        return pass(plan, &opened, coming, places).await;
    }
    let staging = match plan.folder() {
        None => None,
        Some(out) => {
            let paths: Vec<PathBuf> = opened.dataset.shards.iter().filter_map(of_file).collect();
            check_apart(out, &plan.plan.count.sources, &paths)?;
            Some(Staging::begin(out, plan.plan.overwrite)?)
        }
    };
    account.is_staged = staging.is_some();
    let counts = count(&plan.plan, observer, &mut opened, &spec, account).await?.total;
    let _timer = account.timings.start("write");
    let progress = Arc::new(Progress::default());
    let counting = Arc::new(opened.rows_of(&counts)?);
    let shards = opened.dataset.shards.len();
    // What the shards were made of stays with `opened`.
    let dataset = std::mem::replace(&mut opened.dataset, Dataset::new(Vec::new(), Arc::new(Schema::empty())));
    let (limits, maker) = (plan.plan.count.limits.clone(), maker(plan, places.clone())?);
    let writing = Writing { counting, limits, maker, progress: Arc::clone(&progress), dataset };
    let layout = opened.detected.layout.kind.to_string();
    let Some(staging) = staging else {
        let streamed = to_stdout(move |stopped, runtime| write_rows(writing, stopped, runtime)).await?;
        if !streamed.is_cut {
            check_sums(&streamed.sums, &counts, places.as_deref())?;
            check_rows(streamed.rows, &counts)?;
        }
        let (rows, bytes) = (streamed.rows, account.work.bytes_read + progress.work().bytes_read);
        let result = AppliedResult { rows, bytes_decoded: bytes, ..plan.empty_result() };
        return Ok(Applied { result, shards, layout });
    };
    let (staging, written) = write_shards(writing, staging).await?;
    check_sums(&written.sums, &counts, places.as_deref())?;
    check_rows(written.copied.rows, &counts)?;
    account.read_more(progress.work(), Spilled::default());
    account.outputs = staging.publish()?;
    let result = AppliedResult {
        rows: written.copied.rows,
        bytes_copied: written.copied.bytes,
        bytes_decoded: account.work.bytes_read,
        ..plan.empty_result()
    };
    account.applied = Some(result.clone());
    Ok(Applied { result, shards, layout })
}

/// Passes on a stream whose rows come once.
async fn pass(
    plan: &ApplyPlan,
    opened: &Opened,
    coming: SharedRows,
    places: Option<Vec<u32>>,
) -> Result<Applied> {
    let labels = ComingLabels::new(&opened.dataset, &Arc::new(opened.counting.clone()))?;
    let (rows, maker) = (coming.take()?, maker(plan, places.clone())?);
    let (streamed, counts) = to_stdout(move |stopped, _| pass_on(rows, labels, maker, stopped)).await?;
    if !streamed.is_cut {
        check_sums(&streamed.sums, &counts, places.as_deref())?;
        check_rows(streamed.rows, &counts)?;
    }
    let result = AppliedResult { rows: streamed.rows, ..plan.empty_result() };
    let layout = opened.detected.layout.kind.to_string();
    Ok(Applied { result, shards: 1, layout })
}

/// Writes to stdout on a thread that may wait; it ends when this is dropped.
async fn to_stdout<T: Send + 'static>(
    work: impl FnOnce(&WhileHeard, &Handle) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (heard, runtime) = (WhileHeard::default(), Handle::current());
    let thread = heard.again();
    let writing = tokio::task::spawn_blocking(move || work(&thread, &runtime));
    let written = writing.await.map_err(|cause| Error::internal(cause.to_string()))?;
    drop(heard);
    written
}

/// Lists and opens the shards, whose labels are known then.
async fn open(
    plan: &ApplyPlan,
    spec: &serde_json::Value,
    account: &mut Account,
) -> Result<(Opened, Option<SharedRows>)> {
    let _timer = account.timings.start("open");
    let opening = tokio::task::spawn_blocking({
        let (count, may_come) = (plan.plan.count.clone(), plan.folder().is_none());
        move || open_to_copy(&count, may_come)
    });
    let (mut opened, coming) = opening.await.map_err(|cause| Error::internal(cause.to_string()))??;
    plan.result.settle(&mut opened)?;
    account.opened(&opened, spec);
    Ok((opened, coming))
}

fn maker(plan: &ApplyPlan, places: Option<Vec<u32>>) -> Result<ColumnMaker> {
    ColumnMaker::new((&plan.columns, &plan.folds), &plan.result.derived.weights, plan.result.counts(), places)
}

/// The file of a shard; none for one that this run has made, or an object.
fn of_file(shard: &Shard) -> Option<PathBuf> {
    (shard.place.object().is_none() && shard.name != STDIO).then(|| shard.place.path())
}

/// The flag that asks for a column.
fn flag(values: &AddedValues) -> &'static str {
    match values {
        AddedValues::SampleWeight { .. } => "--column sample_weight",
        AddedValues::LossWeights(_) => "--column loss_weights",
        AddedValues::Fold(_) => "--column fold",
        AddedValues::Targets(TargetForm::Dense(_)) => "--targets dense",
        AddedValues::Targets(TargetForm::Sparse) => "--targets sparse",
        AddedValues::Targets(TargetForm::Indices) => "--targets indices",
    }
}

/// Refuses shards that cannot take the columns; gives where each label stands in the result.
fn check_opened(plan: &ApplyPlan, opened: &Opened) -> Result<Option<Vec<u32>>> {
    can_tell(&opened.counting).map_err(|why| {
        Error::usage(format!("{why}, so rows have no targets and no weights"))
            .hint("make soft labels 0 or 1 with --threshold 0.5")
    })?;
    for shard in opened.dataset.shards.iter() {
        for AddedColumn { name, values } in &plan.columns {
            let own = shard.metadata.file_metadata().schema_descr().root_schema().get_fields();
            let is_there =
                own.iter().any(|field| field.name() == name) || shard.hive.iter().any(|(key, _)| key == name);
            if is_there {
                let free = [format!("{name}_2"), format!("posweight_{name}")];
                let names = own.iter().map(|field| field.name());
                let free = free.iter().find(|free| !names.clone().any(|name| name == *free));
                return Err(Error::usage(format!("{} has a column {name:?} already", shard.name)).hint(
                    format!(
                        "name the new column otherwise, such as {}:as={}",
                        flag(values),
                        free.map_or("NAME", String::as_str)
                    ),
                ));
            }
        }
        if let Some(column) = shard.encrypted.iter().next() {
            return Err(Error::input(format!(
                "{}: column {column:?} is encrypted, so it cannot be copied",
                shard.name
            ))
            .hint("write the columns that you need to unencrypted shards"));
        }
        if shard.deleted.as_ref().is_some_and(|deleted| !deleted.is_empty()) {
            return Err(Error::input(format!(
                "{}: its table has deleted rows of this file, so its columns cannot be copied as they are",
                shard.name
            ))
            .hint("write the live rows first: posweight sql --table t=TABLE -c 'SELECT * FROM t' --out rows.parquet"));
        }
    }
    check_plans(&plan.folds, &opened.dataset.shards, plan.threads())?;
    plan.result.places(opened)
}

fn check_rows(written: u64, counts: &LabelCounts) -> Result<()> {
    if written == counts.rows() {
        return Ok(());
    }
    Err(Error::internal(format!("{written} rows were written, {} counted", counts.rows())))
}

impl Applied {
    /// What was written, in a few words.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        let AppliedResult { columns, rows, labels, bytes_copied, bytes_decoded, .. } = &self.result;
        let megabytes = |bytes: &u64| bytes.div_ceil(1_000_000);
        let bytes = match bytes_copied {
            0 => String::new(),
            copied => format!(": {} MB copied, {} MB decoded", megabytes(copied), megabytes(bytes_decoded)),
        };
        format!(
            "{} with {} of {}, in {} (layout {}){bytes}\n",
            plural(*rows, "row"),
            columns.join(", "),
            plural(*labels as u64, "label"),
            plural(self.shards as u64, "shard"),
            self.layout,
        )
    }
}
