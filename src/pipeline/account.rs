//! What is known of a run at any moment, and what `run_results.json` says of it in the end.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::machine::peak_memory;
use super::outputs::Derived;
use super::plan::Plan;
use crate::artifact::publish::OutputFile;
use crate::artifact::results::{
    CheckResult, ErrorResult, FindingResult, Inputs, Metadata, Resources, ResultSummary, RunResults,
    ShardResult,
};
use crate::engine::states::Fate;
use crate::engine::{Counted, Spilled};
use crate::error::Error;
use crate::findings::Finding;
use crate::source::shards::{Shard, Unreadable, fingerprint};
use crate::store::Object;

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) timings: BTreeMap<&'static str, f64>,
    pub(super) inputs: Inputs,
    pub(super) shards: Vec<ShardResult>,
    pub(super) result: Option<ResultSummary>,
    pub(super) counting: Json,
    pub(super) spilled: Spilled,
    pub(super) findings: Vec<FindingResult>,
    pub(super) checks: Vec<CheckResult>,
    /// A check that failed, of a result that is published all the same.
    pub(super) failure: Option<Error>,
    pub(super) outputs: Vec<OutputFile>,
}

impl Account {
    /// Shards were opened; `spec` is what decides the result.
    pub(super) fn opened(&mut self, shards: &[Shard], unreadable: &[Unreadable], spec: &Json) {
        self.inputs = Inputs {
            shards: shards.len() as u64,
            bytes: shards.iter().map(|shard| shard.bytes).sum(),
            rows: shards.iter().map(|shard| shard.rows).sum(),
            bytes_read: 0,
            fingerprint: fingerprint(shards, &spec.to_string()),
            snapshot_sha256: String::new(),
        };
        self.inputs.snapshot_sha256 = snapshot(&self.inputs.fingerprint, shards);
        let listed = shards.iter().map(|shard| ShardResult {
            path: shard.name.clone(),
            rows: shard.rows,
            bytes: shard.bytes,
            status: "listed",
            reason: None,
        });
        self.shards = listed.chain(unreadable.iter().map(skipped)).collect();
        self.shards.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// Shards were counted, but for those that turned out to be unreadable.
    pub(super) fn counted(&mut self, counted: &Counted, shards: &[Shard]) {
        let fates: BTreeMap<&str, Fate> =
            shards.iter().map(|shard| shard.name.as_str()).zip(counted.fates.iter().copied()).collect();
        for shard in self.shards.iter_mut().filter(|shard| shard.status == "listed") {
            shard.status = match fates.get(shard.path.as_str()) {
                Some(Fate::Reused) => "reused",
                _ => "counted",
            };
        }
        for unreadable in &counted.unreadable {
            if let Some(shard) = self.shards.iter_mut().find(|shard| shard.path == unreadable.name) {
                *shard = skipped(unreadable);
            }
        }
        self.inputs.rows = counted.total.rows();
        self.inputs.bytes_read = counted.bytes_read;
        self.spilled = counted.spilled;
        self.counting["way"] = serde_json::to_value(&counted.way).unwrap_or(Json::Null);
    }

    /// Why the layout was chosen.
    pub(super) fn detected(&mut self, layout: &str, why: &str) {
        self.counting = json!({ "layout": layout, "why": why });
    }

    /// How many shards have `status`.
    pub(super) fn shards_with(&self, status: &str) -> usize {
        self.shards.iter().filter(|shard| shard.status == status).count()
    }

    /// What the files say of a run of `plan` that began at `started` and ended in `status`.
    pub(super) fn results(
        self,
        plan: &Plan,
        started: SystemTime,
        elapsed: Duration,
        status: &'static str,
        error: Option<&Error>,
    ) -> RunResults {
        RunResults {
            metadata: Metadata {
                version: crate::artifact::FORMAT_VERSION,
                tool_version: env!("CARGO_PKG_VERSION"),
                started_at: utc(started),
                spec: serde_json::to_value(&plan.spec).unwrap_or(Json::Null),
            },
            status,
            exit_code: error.map_or(0, Error::exit_code),
            elapsed_seconds: elapsed.as_secs_f64(),
            timings: self.timings,
            inputs: self.inputs,
            shards: self.shards,
            result: self.result,
            counting: self.counting,
            resources: Resources {
                peak_memory_bytes: peak_memory(),
                memory_limit_bytes: plan.limits.memory,
                threads: plan.limits.threads,
                spilled_bytes: self.spilled.bytes,
                spill_files: self.spilled.files,
            },
            findings: self.findings,
            checks: self.checks,
            outputs: self.outputs,
            error: error.map(ErrorResult::from),
        }
    }
}

/// How a run ended, in a word.
pub(super) fn status(error: Option<&Error>, is_partial: bool) -> &'static str {
    match error {
        None if is_partial => "partial",
        None => "done",
        Some(Error::Stopped(_)) => "aborted",
        Some(Error::Check(_)) => "checks_failed",
        Some(_) => "failed",
    }
}

fn skipped(unreadable: &Unreadable) -> ShardResult {
    ShardResult {
        path: unreadable.name.clone(),
        rows: 0,
        bytes: 0,
        status: "skipped",
        reason: Some(unreadable.error.to_string()),
    }
}

/// A hash over what decides the result and over where and how old each shard is.
fn snapshot(fingerprint: &str, shards: &[Shard]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{} {fingerprint}", env!("CARGO_PKG_VERSION")));
    for shard in shards {
        let modified = shard.modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let e_tag = shard.place.object().and_then(Object::e_tag).map(str::to_owned);
        let version = e_tag.unwrap_or_else(|| modified.map_or(0, |time| time.as_nanos()).to_string());
        hash.update(format!("\n{}\n{version}", shard.name));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A result in a few numbers.
pub(super) fn summary(derived: &Derived) -> ResultSummary {
    let (counts, primary) = (&derived.file.counts, derived.weights.primary());
    ResultSummary {
        rows: counts.rows(),
        labels: counts.len(),
        scheme: primary.name.clone(),
        min_weight: primary.values.iter().copied().reduce(f64::min),
        max_weight: primary.values.iter().copied().reduce(f64::max),
        cardinality: derived.brief.cardinality,
        mean_ir: derived.brief.mean_ir,
        max_ir: derived.brief.max_ir,
    }
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

/// RFC 3339 in UTC.
pub(super) fn utc(time: SystemTime) -> String {
    let time: chrono::DateTime<chrono::Utc> = time.into();
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
