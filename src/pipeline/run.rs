//! Runs a plan: open, count, weigh, measure, write, publish; and accounts for it either way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use arrow::datatypes::Schema;
use serde_json::{Value as Json, json};

use super::machine::peak_memory;
use super::opening::{Opened, open_plan};
use super::outputs::{self, Derived, Request};
use super::plan::Plan;
use super::weigh::reopen;
use crate::artifact::counts::CountsFile;
use crate::artifact::publish::{OutputFile, SUCCESS, Staging, write_results};
use crate::artifact::results::{
    CheckResult, ErrorResult, FindingResult, Inputs, Metadata, Resources, RunResults, ShardResult,
};
use crate::checks::{Checked, Status, check, failure};
use crate::drift::compare;
use crate::engine::counting::Counting;
use crate::engine::states::{Fate, States};
use crate::engine::{Counted, GroupKey, Progress, Spilled, count};
use crate::error::{Error, Result};
use crate::findings::{Finding, RowFacts};
use crate::source::layout::LayoutKind;
use crate::source::shards::fingerprint;

/// A finished run.
#[derive(Debug)]
pub struct Outcome {
    /// Counts of all rows and what follows from them.
    pub derived: Derived,
    /// Counts per group of `--by`: name and counts.
    pub groups: Vec<(String, Derived)>,
    /// `16 shards, layout wide`.
    pub source: String,
    /// Why the layout was chosen.
    pub why: String,
    /// Shards that were not read, because their counts were kept.
    pub reused: usize,
    /// Published files.
    pub outputs: Vec<OutputFile>,
    /// What did not fit the memory.
    pub spilled: Spilled,
}

/// Told what is being done, for whoever draws the progress.
pub trait Observer {
    /// Counting starts: so many shards, bytes and rows; `progress` says how many rows are done.
    fn counting(&self, shards: usize, bytes: u64, rows: u64, progress: &Arc<Progress>);
    /// Counting is over.
    fn counted(&self);
}

/// What is known of a run at any moment, for its account.
#[derive(Debug, Default)]
struct Account {
    timings: BTreeMap<&'static str, f64>,
    inputs: Inputs,
    shards: Vec<ShardResult>,
    counting: Json,
    spilled: Spilled,
    findings: Vec<FindingResult>,
    checks: Vec<CheckResult>,
    /// A check that failed, of a result that is published all the same.
    failure: Option<Error>,
    outputs: Vec<OutputFile>,
}

/// Runs `plan` and writes `run_results.json`, also when it fails.
///
/// # Errors
/// Whatever went wrong; nothing is published then, and a previous result is untouched.
pub async fn run(plan: &Plan, observer: &dyn Observer) -> Result<Outcome> {
    let (started, clock) = (SystemTime::now(), Instant::now());
    // Found before the scan: a place that cannot take the result.
    let staging = Staging::begin(&plan.out, plan.overwrite)?;
    let mut account = Account::default();
    let result = tokio::select! {
        result = stages(plan, observer, staging, &mut account) => result,
        signal = stopped() => Err(signal),
    };
    observer.counted();
    let result = account.failure.take().map_or(result, Err);
    let error = result.as_ref().err();
    let results = RunResults {
        metadata: Metadata {
            version: crate::artifact::FORMAT_VERSION,
            tool_version: env!("CARGO_PKG_VERSION"),
            started_at: utc(started),
            spec: serde_json::to_value(&plan.spec).unwrap_or(Json::Null),
        },
        status: match error {
            None => "done",
            Some(Error::Stopped(_)) => "aborted",
            Some(Error::Check(_)) => "checks_failed",
            Some(_) => "failed",
        },
        exit_code: error.map_or(0, Error::exit_code),
        elapsed_seconds: clock.elapsed().as_secs_f64(),
        timings: account.timings,
        inputs: account.inputs,
        shards: account.shards,
        counting: account.counting,
        resources: Resources {
            peak_memory_bytes: peak_memory(),
            memory_limit_bytes: plan.limits.memory,
            threads: plan.limits.threads,
            spilled_bytes: account.spilled.bytes,
            spill_files: account.spilled.files,
        },
        findings: account.findings,
        checks: account.checks,
        outputs: account.outputs,
        error: error.map(ErrorResult::from),
    };
    match (result, write_results(&plan.out, &results)) {
        (Ok(_), Err(error)) => Err(error),
        (result, _) => result,
    }
}

async fn stages(
    plan: &Plan,
    observer: &dyn Observer,
    mut staging: Staging,
    account: &mut Account,
) -> Result<Outcome> {
    let clock = Instant::now();
    let Opened { dataset, detected, counting, absent, labels_inferred } = open_plan(plan)?;
    account.timings.insert("open", clock.elapsed().as_secs_f64());
    tracing::info!(shards = dataset.shards.len(), layout = %detected.layout.kind, why = %detected.why, "opened");
    let layout = detected.layout.kind;
    let spec =
        serde_json::to_value(plan.spec.meaning()).map_err(|cause| Error::internal(cause.to_string()))?;
    account.describe(&dataset.shards, &detected.why, layout, &spec);

    let clock = Instant::now();
    let progress = Arc::new(Progress::default());
    observer.counting(dataset.shards.len(), account.inputs.bytes, account.inputs.rows, &progress);
    let mut states = open_states(plan, &counting, &dataset.schema)?;
    let Counted { total, groups, null_elements, way, spilled, fates } =
        count(&dataset, counting, &plan.limits, progress, states.as_mut()).await?;
    if let Some(states) = states {
        states.finish(&dataset.shards)?;
    }
    observer.counted();
    account.timings.insert("count", clock.elapsed().as_secs_f64());
    account.inputs.rows = total.rows();
    tracing::info!(engine = way.engine, why = way.why.as_deref().unwrap_or(""), "chose how to count");
    account.spilled = spilled;
    account.counting["way"] = serde_json::to_value(&way).unwrap_or(Json::Null);
    tracing::info!(rows = total.rows(), labels = total.len(), groups = groups.len(), "counted");

    let clock = Instant::now();
    let facts = RowFacts {
        rows_unknown: layout == LayoutKind::Long && plan.num_rows.is_none(),
        labels_inferred,
        null_elements,
        absent_columns: absent,
    };
    let file = |counts| CountsFile {
        counts,
        layout: layout.to_string(),
        fingerprint: account.inputs.fingerprint.clone(),
    };
    let derived = Derived::of(file(total), &plan.weighing, &facts)?;
    let groups = groups
        .into_iter()
        .map(|(key, counts)| {
            Ok((group_name(&plan.by, &key), Derived::of(file(counts), &plan.weighing, &RowFacts::default())?))
        })
        .collect::<Result<Vec<_>>>()?;
    account.findings = derived.findings.iter().map(|finding| finding_result(finding, &derived)).collect();
    for (i, shard) in account.shards.iter_mut().enumerate() {
        shard.status = if fates.get(i) == Some(&Fate::Reused) { "reused" } else { "counted" };
    }
    let reused = fates.iter().filter(|fate| **fate == Fate::Reused).count();
    let checked = checked(plan, &derived)?;
    account.checks = checked.iter().map(CheckResult::from).collect();
    for failed in checked.iter().filter(|one| one.status == Status::Failed && !one.stops()) {
        tracing::warn!("check failed: {}", failed.message());
    }
    match failure(&checked) {
        Some(error) if plan.publish_on_check_failure => account.failure = Some(error),
        Some(error) => return Err(error.at(format!("{}: not published", plan.out.display()))),
        None => {}
    }

    let source = format!(
        "{} shard{}, layout {layout}",
        dataset.shards.len(),
        if dataset.shards.len() == 1 { "" } else { "s" }
    );
    let report = || {
        let mut report = derived.report(source.clone());
        report.groups = groups.iter().map(|(name, group)| (name.clone(), &group.file.counts)).collect();
        report
    };
    outputs::write(
        &mut staging,
        &derived,
        &report,
        &Request { folder: "", formats: &plan.formats, spec: &spec, threads: plan.limits.threads },
    )?;
    for (name, group) in &groups {
        let folder = format!("by/{}/", folder_name(name));
        let report = || group.report(format!("{source}, {name}"));
        outputs::write(
            &mut staging,
            group,
            &report,
            &Request { folder: &folder, formats: &plan.formats, spec: &spec, threads: plan.limits.threads },
        )?;
    }
    let outputs = staging.publish()?;
    account.outputs.clone_from(&outputs);
    tracing::info!(out = %plan.out.display(), files = outputs.len(), "published");
    account.timings.insert("write", clock.elapsed().as_secs_f64());
    Ok(Outcome { derived, groups, source, why: detected.why, reused, outputs, spilled })
}

/// The counts of shards that are kept, where the plan asks for that and the layout has such.
fn open_states(plan: &Plan, counting: &Counting, schema: &Schema) -> Result<Option<States>> {
    let Some(path) = &plan.state else { return Ok(None) };
    if counting.layout.kind == LayoutKind::Long {
        tracing::warn!(
            "--state has no use for layout long: a row may lie in several shards, so all are counted again"
        );
        return Ok(None);
    }
    let states = States::open(path, counting, schema, plan.full)?;
    if states.rules_changed() {
        tracing::warn!(
            "--state {}: layout or values are not those of the last run, so all shards are counted again",
            path.display()
        );
    }
    Ok(Some(states))
}

/// Does the checks of `plan`, against the result that is there where they ask for one.
fn checked(plan: &Plan, derived: &Derived) -> Result<Vec<Checked>> {
    let compares = plan.checks.iter().any(|check| check.info().against_last);
    let last = if compares && plan.out.join(SUCCESS).exists() { Some(reopen(&plan.out)?) } else { None };
    let drift = last.as_ref().map(|last| compare(last.side(), derived.side()));
    Ok(check(&plan.checks, derived.side(), drift.as_ref()))
}

impl Account {
    fn describe(
        &mut self,
        shards: &[crate::source::shards::Shard],
        why: &str,
        layout: LayoutKind,
        spec: &Json,
    ) {
        self.inputs = Inputs {
            shards: shards.len() as u64,
            bytes: shards.iter().map(|shard| shard.bytes).sum(),
            rows: shards.iter().map(|shard| shard.rows).sum(),
            fingerprint: fingerprint(shards, &spec.to_string()),
        };
        self.shards = shards
            .iter()
            .map(|shard| ShardResult {
                path: shard.name(),
                rows: shard.rows,
                bytes: shard.bytes,
                status: "listed",
            })
            .collect();
        self.counting = json!({ "layout": layout.to_string(), "why": why });
    }
}

/// `split=train,year=2024`.
fn group_name(by: &[String], key: &GroupKey) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    by.iter().zip(key).map(|(name, v)| format!("{name}={}", value(v))).collect::<Vec<_>>().join(",")
}

/// A group's name as one folder: nothing in it leaves the folder or hides it.
fn folder_name(name: &str) -> String {
    let safe = |c: char| c.is_alphanumeric() || "=,-_. ".contains(c);
    name.chars().map(|c| if safe(c) { c.to_string() } else { format!("%{:02X}", u32::from(c)) }).collect()
}

/// A finding as files hold it.
pub(super) fn finding_result(finding: &Finding, derived: &Derived) -> FindingResult {
    const EXAMPLES: usize = 20;
    let info = finding.kind.info();
    let labels = derived.file.counts.labels();
    FindingResult {
        id: info.id,
        severity: info.severity.as_str(),
        labels: finding.labels.len(),
        examples: finding.labels.iter().take(EXAMPLES).map(|&i| labels.name(i).to_owned()).collect(),
        observed: finding.observed.clone(),
        remedy: info.remedy,
    }
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

/// RFC 3339 in UTC.
fn utc(time: SystemTime) -> String {
    let time: chrono::DateTime<chrono::Utc> = time.into();
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
