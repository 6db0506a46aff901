//! The stages of a run, in their order. Each gives a value to the next.
//!
//! ```text
//! open ─▶ count ─▶ measure rows ─▶ count groups ─▶ sample ─▶ derive ─▶ check ─▶ publish
//! ```

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::datatypes::Schema;
use serde_json::Value as Json;

use super::account::{Account, finding_result, summary};
use super::checking::{check, check_condition, check_labels};
use super::derived::Derived;
use super::destination::Destination;
use super::grouping::{check_groups, count_groups};
use super::guess::check_guess;
use super::hierarchy::unused;
use super::opening::{Opened, open_plan, open_saved, rules};
use super::outcome::{Ended, Observer, Outcome};
use super::outputs::{self, WriteRequest, group_name, with_groups};
use super::plan::Plan;
use super::refusals::check_place_of_result;
use super::reopened::against;
use super::row_pass::{decide, measure_rows};
use super::sample::{Sampled, sample};
use super::sample_checks::check_opened;
use super::stdout::to_stdout;
use crate::artifact::counts::{CountsFile, JobPart};
use crate::artifact::files::{OutputFile, SUCCESS};
use crate::artifact::provenance::Provenance;
use crate::artifact::publish::{Staging, published};
use crate::artifact::stored::read_results;
use crate::counts::{Cell, GroupedPositives, LabelCounts};
use crate::engine::counting::{Counting, Keys};
use crate::engine::rows::Measured;
use crate::engine::states::States;
use crate::engine::{Counted, Progress, Spare, check_saved, count_heads, count_readable, emptied_lists};
use crate::error::{Error, Result};
use crate::findings::RowFacts;
use crate::report;
use crate::row_measures::RowMeasures;
use crate::source::exact_names::{keys_like, taken_exactly};
use crate::source::folder_types::odd_folder;
use crate::source::layout::LayoutKind;
use crate::source::listing::{FileFormat, format_of};
use crate::source::row_stream::SharedRows;
use crate::source::shards::{Shard, fingerprint, shard_hashes};
use crate::source::unknown_as::NullAs;
use crate::weights::{Policy, Weighing};

/// Runs all stages; `account` learns what happens, whether they succeed or not.
pub(super) async fn stages(plan: &Plan, observer: &dyn Observer, account: &mut Account) -> Result<Ended> {
    // Nothing is written inside a source, not even the account.
    check_place_of_result(plan).inspect_err(|_| account.is_held = true)?;
    let spec = plan.spec.meaning_json()?;
    let mut opened = open(plan, &spec, account).await?;
    if plan.state.is_some() || plan.skip_exit_code.is_some() || plan.part.is_some() {
        check_saved(&opened.dataset, &opened.counting, &plan.count.limits)?;
    }
    if let (Some(code), Some(out)) = (plan.skip_exit_code, plan.out.folder())
        && let Some(outputs) = unchanged(plan, out, account)
    {
        account.outputs = outputs;
        return Ok(Ended::Unchanged(code));
    }
    // What makes the rest impossible is found before the scan.
    if plan.sampling.is_some() {
        check_opened(plan, &opened)?;
    }
    check_groups(plan, &opened)?;
    // A folder that cannot take the result is found before the scan, but after everything that is wrong in the spec.
    let staging = plan.out.folder().map(|out| Staging::begin(out, plan.overwrite)).transpose();
    let staging = staging.inspect_err(|_| account.is_held = true)?;
    account.is_staged = true;
    let against = plan.against.as_deref().map(|path| against(path, plan.out.folder())).transpose()?.flatten();

    let mut counted = count(plan, observer, &mut opened, &spec, account).await;
    if let Err(Error::Input(_)) = &counted
        && let Some(rows) = opened.dataset.coming.clone().filter(SharedRows::can_reopen)
    {
        // All rows settle what the first of them said, or say in which row it is wrong.
        opened = open_again(plan, rows).await?;
        account.opened(&opened, &spec);
        counted = count(plan, observer, &mut opened, &spec, account).await;
    }
    let counted = counted?;
    check_condition(plan, &opened, counted.total.rows())?;
    check_labels(plan, &opened, &counted.total)?;
    if let Some(unused) = unused(&plan.count, &opened.counting, &counted.total) {
        tracing::warn!("{unused}");
    }
    let measured = measure(plan, &opened, &counted, account).await?;
    let grouped = count_groups(plan, &opened, &counted.total, account).await?;
    let sampled = make_sampling_plan(plan, &opened, &counted.total, account).await?;
    let deriving = account.timings.start("derive");
    let (mut derived, groups) = derive(plan, &mut opened, counted, (measured, grouped), &spec, account)?;
    account.findings = derived.findings.iter().map(|finding| finding_result(finding, &derived)).collect();
    let source = outputs::source(
        opened.dataset.shards.len() as u64,
        opened.detected.layout.kind.as_str(),
        opened.counting.unit,
    );
    derived.plan = sampled.as_ref().map(|sampled| sampled.text_of_result(&source));
    let report = |derived: &Derived| report::markdown(&derived.report(source.clone(), &groups, None));
    check(plan, &mut derived, report, account)?;
    drop(deriving);

    let outcome = Outcome {
        derived,
        groups,
        against,
        source,
        why: opened.detected.why,
        reused: account.shards_with("reused"),
        outputs: Vec::new(),
        sampled,
        stream: None,
        spilled: account.spilled,
        record: None,
    };
    publish(plan, outcome, staging, &spec, account).map(|outcome| Ended::Done(Box::new(outcome)))
}

/// Lists and opens the shards.
async fn open(plan: &Plan, spec: &Json, account: &mut Account) -> Result<Opened> {
    let _timer = account.timings.start("open");
    // With many footers, or a slow stream on stdin, a signal must be able to end the run meanwhile.
    let opening = tokio::task::spawn_blocking({
        let plan = plan.clone();
        move || open_plan(&plan)
    });
    let opened = opening.await.map_err(|cause| Error::internal(cause.to_string()))??;
    account.opened(&opened, spec);
    account.timings.note("open_list", opened.seconds.list);
    account.timings.note("open_footers", opened.seconds.footers);
    let (shards, layout, why) =
        (opened.dataset.shards.len(), opened.detected.layout.kind, &opened.detected.why);
    tracing::info!(shards, %layout, %why, "opened");
    Ok(opened)
}

/// Saves the rows of a table and opens them.
async fn open_again(plan: &Plan, rows: SharedRows) -> Result<Opened> {
    let plan = plan.clone();
    let opening = tokio::task::spawn_blocking(move || open_saved(&plan, &rows));
    opening.await.map_err(|cause| Error::internal(cause.to_string()))?
}

/// The files of the result at `out`, if it was made of the same shards by the same spec.
fn unchanged(plan: &Plan, out: &Path, account: &Account) -> Option<Vec<OutputFile>> {
    let last: Json = serde_json::from_slice(&read_results(out).ok()??).ok()?;
    let is_good = ["done", "partial", "unchanged"].iter().any(|good| last["status"] == *good);
    let is_same = last["inputs"]["snapshot_sha256"] == account.inputs.snapshot_sha256.as_str()
        && plan.spec.is_published_as(&last["metadata"]["spec"])
        && plan.against.as_deref().is_none_or(|against| is_older(against, out));
    let outputs = published(out).filter(|_| is_good && is_same && !plan.full)?;
    let is_there = |name: &str| outputs.iter().any(|file| file.path == name);
    outputs::names(&plan.formats).all(is_there).then_some(outputs)
}

/// Whether the result at `against` is the one that the result at `out` was compared with.
fn is_older(against: &Path, out: &Path) -> bool {
    let time = |folder: &Path| std::fs::metadata(folder.join(SUCCESS)).and_then(|meta| meta.modified()).ok();
    against == out || matches!((time(against), time(out)), (Some(against), Some(out)) if against <= out)
}

/// Counts what was opened, with saved counts where there are any. Shards that turn out to be unreadable are removed
/// from `opened`.
pub(super) async fn count(
    plan: &Plan,
    observer: &dyn Observer,
    opened: &mut Opened,
    spec: &Json,
    account: &mut Account,
) -> Result<Counted> {
    let _timer = account.timings.start("count");
    let Opened { dataset, counting, heads, unreadable, others, .. } = opened;
    let progress = Arc::new(Progress::default());
    if let Some(rows) = &dataset.coming {
        progress.of_stream(rows.come());
    }
    // The progress of a cluster is not known here.
    if plan.count.limits.cluster.is_none() {
        // How many rows a stream has is not known before its end.
        let rows = if dataset.coming.is_some() { 0 } else { account.inputs.rows };
        let rows = rows.saturating_mul(heads.len().max(1) as u64);
        observer.counting(dataset.shards.len(), account.inputs.bytes, rows, &progress);
    }
    let mut states = open_states(plan, counting, heads, &dataset.schema_with_keys())?;
    let spare = Spare { most: plan.max_bad_shards, before: unreadable };
    let limits = &plan.count.limits;
    let mut counted = if heads.is_empty() {
        count_readable(dataset, counting.clone(), limits, progress, states.first_mut(), spare).await?
    } else {
        count_heads(dataset, heads, limits, &progress, &mut states, spare).await?
    };
    for states in states {
        states.finish(dataset.shards.iter().chain(&*others))?;
    }
    observer.counted();
    let shards = &mut dataset.shards;
    if let Some(end) = dataset.coming.as_ref().and_then(SharedRows::end) {
        Arc::make_mut(shards).iter_mut().for_each(|shard| shard.know(end));
        counted.work.bytes_read = end.bytes;
        account.came(end, shards, &rules(spec, counting));
    }
    if !counted.unreadable.is_empty() {
        Arc::make_mut(shards).retain(|shard| !counted.unreadable.iter().any(|one| one.name == shard.name));
    }
    account.counted(&counted, shards);
    if !counted.unreadable.is_empty() {
        account.inputs.fingerprint = fingerprint(shards, &rules(spec, counting));
    }
    for shard in account.shards.iter().filter(|shard| shard.status == "skipped") {
        tracing::warn!("skipped: {}", shard.reason.as_deref().unwrap_or_default());
    }
    let (engine, why) = (counted.way.engine, counted.way.why.as_deref().unwrap_or(""));
    tracing::info!(engine, why, "chose how to count");
    let (rows, labels, groups) = (counted.total.rows(), counted.total.len(), counted.groups.len());
    tracing::info!(rows, labels, groups, "counted");
    // Shards whose counts are saved are not read again.
    let reads_all = plan.state.is_none();
    opened.detected.repeated = check_guess(&plan.count, opened, &counted.total, reads_all).await?;
    Ok(counted)
}

/// The saved counts of shards, if the plan names a file of them; those of each head, if there are several.
fn open_states(plan: &Plan, counting: &Counting, heads: &[Counting], schema: &Schema) -> Result<Vec<States>> {
    let Some(path) = &plan.state else { return Ok(Vec::new()) };
    let open = |path: &Path, counting: &Counting| {
        let states = States::open(path, counting, schema, plan.full)?;
        if let Some(why) = states.why_anew() {
            tracing::warn!("--state {}: {why}, so all shards are counted again", path.display());
        }
        Ok(states)
    };
    if heads.is_empty() {
        return Ok(vec![open(path, counting)?]);
    }
    heads.iter().map(|head| open(&States::path_of_head(path, head.layout.column()), head)).collect()
}

/// Reads rows a second time, for measures that need more than counts.
async fn measure(
    plan: &Plan,
    opened: &Opened,
    counted: &Counted,
    account: &mut Account,
) -> Result<Option<Measured>> {
    if let Err(why) = decide(plan, opened, &counted.total)? {
        account.rows_not_measured(why);
        return Ok(None);
    }
    let _timer = account.timings.start("measure_rows");
    let (measured, work) = measure_rows(&plan.count.limits, opened, &counted.total, &counted.groups).await?;
    account.measured(&measured, work);
    Ok(Some(measured))
}

/// Decides for each row how often it is seen, or in which fold it is.
async fn make_sampling_plan(
    plan: &Plan,
    opened: &Opened,
    total: &LabelCounts,
    account: &mut Account,
) -> Result<Option<Sampled>> {
    let Some(sampling) = &plan.sampling else { return Ok(None) };
    let _timer = account.timings.start("sample");
    let sampled = sample(plan, sampling, opened, total).await?;
    account.read_more(sampled.work, sampled.spilled());
    Ok(Some(sampled))
}

/// Weights, measures and findings of all rows, and of each group.
fn derive(
    plan: &Plan,
    opened: &mut Opened,
    counted: Counted,
    (measured, grouped): (Option<Measured>, Option<GroupedPositives>),
    spec: &Json,
    account: &Account,
) -> Result<(Derived, Vec<(String, Derived)>)> {
    let Counted { total, groups, null_elements, listed, .. } = counted;
    let (rows, rows_of_groups) = measured.map(|measured| (measured.whole, measured.groups)).unzip();
    let weighing = match plan.part {
        // Labels that a part of the shards lacks are no error.
        Some(_) => Weighing { policy: Policy::default(), ..plan.weighing.clone() },
        None => plan.weighing.clone(),
    };
    let (layout, unit) = (opened.detected.layout.kind, opened.counting.unit);
    let file = |counts, group, part| {
        let (layout, fingerprint) = (layout.to_string(), account.inputs.fingerprint.clone());
        let provenance = Provenance { spec: Some(spec.clone()), ..Provenance::default() };
        CountsFile { counts, layout, unit, fingerprint, group, part, grouped: None, provenance }
    };
    let mut groups = groups
        .into_iter()
        .map(|(key, counts)| {
            let group: Vec<_> = plan.count.by.iter().cloned().zip(key).collect();
            let name = group_name(&group);
            let counts = file(counts, group, None);
            Ok((name, Derived::of(counts, &weighing, plan.measure_options, &RowFacts::default())?))
        })
        .collect::<Result<Vec<_>>>()?;
    let rows_of_groups: Vec<RowMeasures> = rows_of_groups.unwrap_or_default();
    groups.iter_mut().zip(rows_of_groups).for_each(|((_, group), rows)| group.rows = Some(rows));
    let facts = RowFacts {
        rows_unknown: layout == LayoutKind::Long && plan.count.num_rows.is_none(),
        labels_inferred: opened.labels_inferred,
        inferred_heads: inferred_heads(&opened.heads),
        null_elements,
        listed,
        empty_cells: has_empty_cells(plan, opened),
        is_soft: opened.counting.has_soft(),
        order_given: plan.count.order.is_some(),
        absent_columns: std::mem::take(&mut opened.absent),
        left_out: opened.detected.left_out.take(),
        repeated_keys: opened.detected.repeated.take(),
        emptied_lists: lists_of_nothing(opened)?,
        column_order: opened.column_order.take(),
        skipped_shards: account.shards_with("skipped"),
        table_as_files: opened.notes.tables.take(),
        table_version: opened.notes.versions.take(),
        doubled_shards: opened.notes.doubled.take(),
        exact_names: taken_exactly(&plan.count.labels, &opened.dataset.schema),
        folder_names: keys_like(
            &plan.count.labels,
            &opened.detected.layout.labels,
            &plan.count.by,
            &opened.dataset.hive,
        ),
        passed_over: opened.notes.passed_over.take(),
        odd_folder: odd_folder(&opened.dataset.shards),
        groups: Vec::new(),
    };
    let facts = with_groups(facts, &total, rows.as_ref(), &groups);
    let part = plan.part.map(|(index, count)| JobPart {
        index,
        count,
        shards: opened.dataset.shards.len() as u64,
        whole: opened.whole.take().unwrap_or_default(),
        spec: spec.clone(),
        facts: facts.clone(),
        rest_is_missing: opened.counting.unlisted() == Cell::Missing,
    });
    let mut file = CountsFile { grouped, ..file(total, Vec::new(), part) };
    file.provenance.shards = shard_hashes(&opened.dataset.shards);
    let mut derived = Derived::of(file, &weighing, plan.measure_options, &facts)?;
    derived.rows = rows;
    Ok((derived, groups))
}

/// The class columns of several that have indices without a known number of labels.
fn inferred_heads(heads: &[Counting]) -> Vec<String> {
    let inferred = heads.iter().filter(|head| matches!(head.keys, Keys::Indices(None)));
    inferred.map(|head| head.layout.column().to_owned()).collect()
}

/// How many of the first lists hold only values that were declared missing, as a sentence.
fn lists_of_nothing(opened: &Opened) -> Result<Option<String>> {
    let (emptied, rows) = emptied_lists(&opened.dataset, &opened.counting)?;
    let column = opened.counting.layout.column();
    let hold = if emptied == 1 { "holds" } else { "hold" };
    Ok((emptied > 0).then(|| {
        format!("{emptied} of the first {rows} lists in {column:?} {hold} only values declared missing")
    }))
}

/// Whether NULL in place of labels may be an empty cell of a text file.
fn has_empty_cells(plan: &Plan, opened: &Opened) -> bool {
    let is_text =
        |shard: &Shard| matches!(format_of(&shard.name), Some((FileFormat::Csv | FileFormat::Tsv, _)));
    let kind = opened.detected.layout.kind;
    matches!(kind, LayoutKind::List | LayoutKind::Delimited)
        && plan.count.domain.null_as == NullAs::Missing
        && opened.dataset.shards.iter().any(is_text)
}

/// Writes the result to where it belongs.
fn publish(
    plan: &Plan,
    outcome: Outcome,
    staging: Option<Staging>,
    spec: &Json,
    account: &mut Account,
) -> Result<Outcome> {
    let _timer = account.timings.start("write");
    let outcome = match (&plan.out, staging) {
        (Destination::Folder(out), Some(staging)) => {
            let outputs = write_folder(plan, &outcome, staging, spec, account)?;
            tracing::info!(out = %out.display(), files = outputs.len(), "published");
            account.outputs.clone_from(&outputs);
            Outcome { outputs, ..outcome }
        }
        (Destination::Stdout(format), _) => {
            let stream = Some(to_stdout(*format, &outcome.derived, spec)?);
            Outcome { stream, ..outcome }
        }
        (Destination::Nowhere, _) => outcome,
        (Destination::Folder(_), None) => return Err(Error::internal("no folder was staged")),
    };
    account.result = Some(summary(&outcome.derived));
    Ok(outcome)
}

/// Writes all files and makes them the result.
fn write_folder(
    plan: &Plan,
    outcome: &Outcome,
    mut staging: Staging,
    spec: &Json,
    account: &mut Account,
) -> Result<Vec<OutputFile>> {
    let Outcome { derived, groups, source, .. } = outcome;
    let drift = outcome.drift();
    let drift = drift.as_ref().map(|(name, drift)| (*name, drift));
    let threads = plan.count.limits.threads;
    let request = WriteRequest { folder: "", formats: &plan.formats, spec, threads };
    outputs::write_all(&mut staging, derived, groups, source, drift, &request)?;
    if let Some(sampled) = &outcome.sampled {
        sampled.write(&mut staging, source, &derived.file.fingerprint, spec, threads)?;
    }
    let synced = staging.sync_clock();
    let files = staging.publish()?;
    account.sync_seconds = synced.load(Ordering::Relaxed) as f64 / 1e9;
    Ok(files)
}
