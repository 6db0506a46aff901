//! Runs a plan: open, count, weigh, measure, write, publish; and accounts for it either way.

use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use arrow::datatypes::Schema;
use arrow::ipc::writer::StreamWriter;
use serde_json::Value as Json;

use super::account::{Account, finding_result, status, summary};
use super::destination::{Destination, Stream};
use super::notices;
use super::opening::{Opened, open_plan};
use super::outputs::{self, Derived, Request, group_name, with_groups};
use super::plan::Plan;
use super::row_pass::{decide, measure_rows};
use super::sample::{self, Sampled};
use super::weigh::{against, reopen};
use crate::artifact::counts::{CountsFile, Part};
use crate::artifact::publish::{OutputFile, SUCCESS, Staging, published, write_results};
use crate::artifact::results::CheckResult;
use crate::artifact::stored::read_results;
use crate::artifact::table;
use crate::artifact::weights as weights_file;
use crate::checks::{Checked, Status, check, failure};
use crate::drift::{Drift, compare};
use crate::engine::counting::Counting;
use crate::engine::states::States;
use crate::engine::{Counted, Progress, Spilled, count_readable};
use crate::error::{Error, Result};
use crate::findings::RowFacts;
use crate::source::layout::LayoutKind;
use crate::store::{of_path, set_retries};
use crate::weights::Policy;

/// How a run ended that did not fail.
#[derive(Debug)]
pub enum Ended {
    /// With a result.
    Done(Box<Outcome>),
    /// Nothing has changed since the last result, so nothing was done; the exit code asked for then.
    Unchanged(u8),
}

/// A finished run.
#[derive(Debug)]
pub struct Outcome {
    /// Counts of all rows and what follows from them.
    pub derived: Derived,
    /// Counts per group of `--by`: name and counts.
    pub groups: Vec<(String, Derived)>,
    /// The result that this one is compared with, by its name.
    pub against: Option<(String, Derived)>,
    /// `16 shards, layout wide`.
    pub source: String,
    /// Why the layout was chosen.
    pub why: String,
    /// Shards that were not read, because their counts were kept.
    pub reused: usize,
    /// Published files.
    pub outputs: Vec<OutputFile>,
    /// The sampling plan that was asked for.
    pub sampled: Option<Sampled>,
    /// What goes to stdout instead.
    pub stream: Option<Vec<u8>>,
    /// What did not fit the memory.
    pub spilled: Spilled,
}

impl Outcome {
    /// How the result differs from the one it is compared with, and the name of that.
    #[must_use]
    pub fn drift(&self) -> Option<(&str, Drift<'_>)> {
        let (name, last) = self.against.as_ref()?;
        Some((name, compare(last.side(), self.derived.side())))
    }
}

/// Told what is being done, for whoever draws the progress.
pub trait Observer {
    /// Counting starts: so many shards, bytes and rows; `progress` says how many rows are done.
    fn counting(&self, shards: usize, bytes: u64, rows: u64, progress: &Arc<Progress>);
    /// Counting is over.
    fn counted(&self);
}

/// Runs `plan`, writes `run_results.json`, also when it fails, and tells the outside.
///
/// # Errors
/// Whatever went wrong; nothing is published then, and a previous result is untouched.
pub async fn run(plan: &Plan, observer: &dyn Observer) -> Result<Ended> {
    let (started, clock) = (SystemTime::now(), Instant::now());
    set_retries(plan.retries);
    // Found before the scan: a place that cannot take the result. Where nothing may be left to do, that
    // comes first.
    let folder = plan.out.folder().filter(|_| plan.skip_exit_code.is_none());
    let staging = folder.map(|out| Staging::begin(out, plan.overwrite)).transpose();
    // What lies there may be somebody else's, so no account is written.
    let staging = staging.inspect_err(|error| notices::refused(&plan.spec, error))?;
    let lineage = notices::started(plan, started);
    let mut account = Account::default();
    let result = tokio::select! {
        // Signals are heard from the start.
        biased;
        signal = stopped() => Err(signal),
        result = stages(plan, observer, staging, &mut account) => result,
    };
    observer.counted();
    let result = account.failure.take().map_or(result, Err);
    let is_partial = account.shards_with("skipped") > 0;
    let status = match &result {
        Ok(Ended::Unchanged(_)) => "unchanged",
        other => status(other.as_ref().err(), is_partial),
    };
    let mut results = account.results(plan, started, clock.elapsed(), status, result.as_ref().err());
    if let Ok(Ended::Unchanged(code)) = result {
        results.exit_code = code;
    }
    let counts = match &result {
        Ok(Ended::Done(outcome)) => Some(&outcome.derived.file.counts),
        _ => None,
    };
    // What another run has published keeps its account.
    let is_of_other = |out: &&Path| of_path(out).is_some() && matches!(result, Err(Error::Output(_)));
    let place = plan.out.folder().filter(|out| !is_of_other(out));
    let written = place.map_or(Ok(()), |out| write_results(out, &results));
    let told = notices::ended(plan, &results, counts, lineage);
    match (result, written.and(told)) {
        (Ok(_), Err(error)) => Err(error),
        (result, _) => result,
    }
}

async fn stages(
    plan: &Plan,
    observer: &dyn Observer,
    staging: Option<Staging>,
    account: &mut Account,
) -> Result<Ended> {
    let clock = Instant::now();
    // Many footers, or a slow stream on stdin: a signal ends the run meanwhile.
    let opening = tokio::task::spawn_blocking({
        let plan = plan.clone();
        move || open_plan(&plan)
    });
    let mut opened = opening.await.map_err(|cause| Error::internal(cause.to_string()))??;
    let spec =
        serde_json::to_value(plan.spec.meaning()).map_err(|cause| Error::internal(cause.to_string()))?;
    account.opened(&opened.dataset.shards, &opened.unreadable, &spec);
    account.detected(opened.detected.layout.kind.as_str(), &opened.detected.why);
    account.timings.insert("open", clock.elapsed().as_secs_f64());
    tracing::info!(shards = opened.dataset.shards.len(), layout = %opened.detected.layout.kind, why = %opened.detected.why, "opened");
    if let (Some(code), Some(out)) = (plan.skip_exit_code, plan.out.folder())
        && let Some(outputs) = unchanged(plan, out, account)
    {
        account.outputs = outputs;
        return Ok(Ended::Unchanged(code));
    }
    if plan.sampling.is_some() {
        sample::check(&opened)?;
    }
    let staging = match (staging, plan.out.folder()) {
        (None, Some(out)) => Some(Staging::begin(out, plan.overwrite)?),
        (staging, _) => staging,
    };

    // Before the scan: what cannot be compared with.
    let against = plan.against.as_deref().map(|path| against(path, plan.out.folder())).transpose()?.flatten();

    let clock = Instant::now();
    let counted = counted(plan, observer, &opened, account).await?;
    account.timings.insert("count", clock.elapsed().as_secs_f64());
    let shards = &mut opened.dataset.shards;
    shards.retain(|shard| !counted.unreadable.iter().any(|one| one.name == shard.name));
    account.counted(&counted, shards);
    if !counted.unreadable.is_empty() {
        account.inputs.fingerprint = crate::source::shards::fingerprint(shards, &spec.to_string());
    }
    for shard in account.shards.iter().filter(|shard| shard.status == "skipped") {
        tracing::warn!("skipped: {}", shard.reason.as_deref().unwrap_or_default());
    }
    let Counted { total, groups, null_elements, way, .. } = counted;
    tracing::info!(engine = way.engine, why = way.why.as_deref().unwrap_or(""), "chose how to count");
    tracing::info!(rows = total.rows(), labels = total.len(), groups = groups.len(), "counted");

    let clock = Instant::now();
    let measured = match decide(plan, &opened.counting, &total)? {
        Ok(()) => Some(measure_rows(plan, &opened, &total, &groups).await?),
        Err(why) => {
            account.counting["rows_not_measured"] = why.into();
            None
        }
    };
    if let Some((measured, bytes_read)) = &measured {
        account.timings.insert("measure_rows", clock.elapsed().as_secs_f64());
        account.counting["rows_way"] = serde_json::to_value(&measured.way).unwrap_or(Json::Null);
        account.inputs.bytes_read += bytes_read;
        account.spilled.bytes += measured.spilled.bytes;
        account.spilled.files += measured.spilled.files;
    }

    let clock = Instant::now();
    let sampled = match &plan.sampling {
        Some(sampling) => Some(sample::sample(plan, sampling, &opened, &total).await?),
        None => None,
    };
    if let Some(sampled) = &sampled {
        account.timings.insert("sample", clock.elapsed().as_secs_f64());
        account.inputs.bytes_read += sampled.bytes_read;
        account.spilled.bytes += sampled.spilled().bytes;
        account.spilled.files += sampled.spilled().files;
    }

    let clock = Instant::now();
    let layout = opened.detected.layout.kind;
    let mut weighing = plan.weighing.clone();
    if plan.part.is_some() {
        // What a part of the shards lacks is no error.
        weighing.policy = Policy::default();
    }
    let (layout_name, fingerprint) = (layout.to_string(), account.inputs.fingerprint.clone());
    let derive = |counts, group, part, facts: &RowFacts| {
        let (layout, fingerprint) = (layout_name.clone(), fingerprint.clone());
        let file = CountsFile { counts, layout, fingerprint, group, part };
        Derived::of(file, &weighing, plan.telling, facts)
    };
    let mut groups = groups
        .into_iter()
        .map(|(key, counts)| {
            let group: Vec<_> = plan.by.iter().cloned().zip(key).collect();
            Ok((group_name(&group), derive(counts, group, None, &RowFacts::default())?))
        })
        .collect::<Result<Vec<_>>>()?;
    let (whole, of_groups) = measured.map(|(measured, _)| (measured.whole, measured.groups)).unzip();
    let of_groups = of_groups.into_iter().flatten();
    groups.iter_mut().zip(of_groups).for_each(|((_, group), rows)| group.rows = Some(rows));
    let facts = RowFacts {
        rows_unknown: layout == LayoutKind::Long && plan.num_rows.is_none(),
        labels_inferred: opened.labels_inferred,
        null_elements,
        absent_columns: opened.absent,
        skipped_shards: account.shards_with("skipped"),
        groups: Vec::new(),
    };
    let facts = with_groups(facts, &total, whole.as_ref(), &groups);
    let part = plan.part.map(|(index, count)| Part {
        index,
        count,
        shards: opened.dataset.shards.len() as u64,
        whole: opened.whole.take().unwrap_or_default(),
        spec: spec.clone(),
        facts: facts.clone(),
        rest_is_missing: opened.detected.layout.value.is_some(),
    });
    let mut derived = derive(total, Vec::new(), part, &facts)?;
    derived.rows = whole;
    account.findings = derived.findings.iter().map(|finding| finding_result(finding, &derived)).collect();
    let checked = checked(plan, &derived)?;
    account.checks = checked.iter().map(CheckResult::from).collect();
    for failed in checked.iter().filter(|one| one.status == Status::Failed && !one.stops()) {
        tracing::warn!("check failed: {}", failed.message());
    }
    match failure(&checked) {
        Some(error) if plan.publish_on_check_failure => account.failure = Some(error),
        Some(error) => {
            let place =
                plan.out.folder().map_or_else(|| "stdout".to_owned(), |out| out.display().to_string());
            return Err(error.at(format!("{place}: not published")));
        }
        None => {}
    }

    let source = outputs::source(opened.dataset.shards.len() as u64, layout.as_str());
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
    };
    let outcome = match (&plan.out, staging) {
        (Destination::Folder(out), Some(staging)) => {
            let outputs = publish(plan, &outcome, staging, &spec)?;
            tracing::info!(out = %out.display(), files = outputs.len(), "published");
            account.outputs.clone_from(&outputs);
            Outcome { outputs, ..outcome }
        }
        (Destination::Stdout(stream), _) => {
            Outcome { stream: Some(streamed(*stream, &outcome.derived, &spec)?), ..outcome }
        }
        (Destination::Nowhere, _) => outcome,
        (Destination::Folder(_), None) => return Err(Error::internal("no folder was staged")),
    };
    account.result = Some(summary(&outcome.derived));
    account.timings.insert("write", clock.elapsed().as_secs_f64());
    Ok(Ended::Done(Box::new(outcome)))
}

/// The files of the result at `out`, where it is of just these shards and this spec.
fn unchanged(plan: &Plan, out: &Path, account: &Account) -> Option<Vec<OutputFile>> {
    let last: Json = serde_json::from_slice(&read_results(out).ok()??).ok()?;
    let is_good = ["done", "partial", "unchanged"].iter().any(|good| last["status"] == *good);
    let is_same = last["inputs"]["snapshot_sha256"] == account.inputs.snapshot_sha256.as_str();
    let outputs = published(out).filter(|_| is_good && is_same && !plan.full)?;
    outputs::names(&plan.formats).all(|name| outputs.iter().any(|file| file.path == name)).then_some(outputs)
}

/// Counts what was opened, with the counts that are kept.
async fn counted(
    plan: &Plan,
    observer: &dyn Observer,
    opened: &Opened,
    account: &Account,
) -> Result<Counted> {
    let Opened { dataset, counting, unreadable, .. } = opened;
    let progress = Arc::new(Progress::default());
    // How far a cluster is, is not known here.
    if plan.limits.cluster.is_none() {
        observer.counting(dataset.shards.len(), account.inputs.bytes, account.inputs.rows, &progress);
    }
    let mut states = open_states(plan, counting, &dataset.schema)?;
    let spare = plan.max_bad_shards - unreadable.len();
    let counted =
        count_readable(dataset, counting.clone(), &plan.limits, progress, states.as_mut(), spare).await?;
    if let Some(states) = states {
        states.finish(&dataset.shards)?;
    }
    observer.counted();
    Ok(counted)
}

/// Writes all files and makes them the result.
fn publish(plan: &Plan, outcome: &Outcome, mut staging: Staging, spec: &Json) -> Result<Vec<OutputFile>> {
    let Outcome { derived, groups, source, .. } = outcome;
    let drift = outcome.drift();
    let drift = drift.as_ref().map(|(name, drift)| (*name, drift));
    let request = Request { folder: "", formats: &plan.formats, spec, threads: plan.limits.threads };
    outputs::write_all(&mut staging, derived, groups, source, drift, &request)?;
    if let Some(sampled) = &outcome.sampled {
        sampled.write(&mut staging, source, &derived.file.fingerprint, spec, plan.limits.threads)?;
    }
    staging.publish()
}

/// What stdout gets: the weights on one line, or as an Arrow IPC stream.
fn streamed(stream: Stream, derived: &Derived, spec: &Json) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match stream {
        Stream::Json => {
            weights_file::write_json(&mut bytes, &derived.file, &derived.weights, spec)?;
            // Names are escaped, so every line break is one between keys.
            bytes.retain(|byte| *byte != b'\n');
            bytes.push(b'\n');
        }
        Stream::Arrow => {
            let internal = |cause: arrow::error::ArrowError| Error::internal(cause.to_string());
            let rows = table::rows(&derived.file.counts, Some(&derived.weights))?;
            let mut writer = StreamWriter::try_new(&mut bytes, &rows.schema()).map_err(internal)?;
            writer.write(&rows).and_then(|()| writer.finish()).map_err(internal)?;
        }
    }
    Ok(bytes)
}

/// The counts of shards that are kept, where the plan asks for that and the layout has such.
fn open_states(plan: &Plan, counting: &Counting, schema: &Schema) -> Result<Option<States>> {
    let Some(path) = &plan.state else { return Ok(None) };
    let states = States::open(path, counting, schema, plan.full)?;
    if states.rules_changed() {
        tracing::warn!(
            "--state {}: layout or values are not those of the last run, so all shards are counted again",
            path.display()
        );
    }
    Ok(Some(states))
}

/// Whether a run was published at `out`.
fn has_result(out: &Path) -> bool {
    if of_path(out).is_some() { published(out).is_some() } else { out.join(SUCCESS).exists() }
}

/// Does the checks of `plan`, against the result that is there where they ask for one.
fn checked(plan: &Plan, derived: &Derived) -> Result<Vec<Checked>> {
    let compares = plan.checks.iter().any(|check| check.info().against_last);
    let last = plan.out.folder().filter(|out| compares && has_result(out));
    let last = last.map(reopen).transpose()?;
    let drift = last.as_ref().map(|last| compare(last.side(), derived.side()));
    Ok(check(&plan.checks, derived.side(), drift.as_ref()))
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn stopped() -> Error {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            return tokio::select! {
                _ = tokio::signal::ctrl_c() => Error::Stopped(130),
                _ = terminate.recv() => Error::Stopped(143),
            };
        }
    }
    // Without a handler the system's own behaviour remains.
    match tokio::signal::ctrl_c().await {
        Ok(()) => Error::Stopped(130),
        Err(_) => std::future::pending().await,
    }
}
