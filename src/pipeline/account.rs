//! What is known of a run at any moment, and the `run_results.json` that is made of it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::derived::Derived;
use super::machine::peak_memory;
use super::opening::{Opened, rules};
use super::plan::Plan;
use super::timings::Timings;
use crate::artifact::files::{FORMAT_VERSION, OutputFile};
use crate::artifact::results::{
    AppliedResult, CheckResult, ClusterBytes, ClusterResult, ColumnResult, CountingResult, ErrorResult,
    FindingResult, Inputs, Metadata, ProcessorSeconds, ReadingResult, Resources, ResultSummary, RunResults,
    ShardResult, TableResult, ThreadSeconds,
};
use crate::counts::GroupedPositives;
use crate::engine::rows::Measured;
use crate::engine::states::Fate;
use crate::engine::{ClusterWork, Counted, Route, Spilled, Work, processor_seconds};
use crate::error::Error;
use crate::findings::Finding;
use crate::source::row_stream::StreamEnd;
use crate::source::shards::{Shard, Unreadable, fingerprint, rows_of};
use crate::source::tables::table::Table;

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) timings: Timings,
    /// What reading took, in all passes.
    pub(super) work: Work,
    /// What making sure that files are on the disk took, in all threads.
    pub(super) sync_seconds: f64,
    pub(super) inputs: Inputs,
    pub(super) shards: Vec<ShardResult>,
    pub(super) result: Option<ResultSummary>,
    pub(super) counting: Option<CountingResult>,
    pub(super) spilled: Spilled,
    /// The output folder does not take the result.
    pub(super) is_held: bool,
    /// The output folder takes the result.
    pub(super) is_staged: bool,
    pub(super) findings: Vec<FindingResult>,
    pub(super) checks: Vec<CheckResult>,
    /// The failed check of a result that is published despite it.
    pub(super) failure: Option<Error>,
    pub(super) outputs: Vec<OutputFile>,
    /// Columns that were added to shards.
    pub(super) applied: Option<AppliedResult>,
}

impl Account {
    /// Shards were opened; `spec` is what decides the result.
    pub(super) fn opened(&mut self, opened: &Opened, spec: &Json) {
        let Opened { dataset, unreadable, detected, .. } = opened;
        let shards = &dataset.shards;
        self.inputs = Inputs {
            shards: shards.len() as u64,
            bytes: shards.iter().map(|shard| shard.bytes).sum(),
            rows: rows_of(shards),
            tables: opened.tables.iter().map(|table| table_result(table.as_ref())).collect(),
            bytes_read: 0,
            fingerprint: fingerprint(shards, &rules(spec, &opened.counting)),
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
        let (layout, why) = (detected.layout.kind.to_string(), detected.why.clone());
        self.counting = Some(CountingResult { layout, why, ..CountingResult::default() });
    }

    /// The rows of a stream have come, of which only the first were known when it was opened.
    pub(super) fn came(&mut self, end: StreamEnd, shards: &[Shard], rules: &str) {
        (self.inputs.bytes, self.inputs.fingerprint) = (end.bytes, fingerprint(shards, rules));
        self.inputs.snapshot_sha256 = snapshot(&self.inputs.fingerprint, shards);
        for shard in &mut self.shards {
            (shard.rows, shard.bytes) = (end.rows, end.bytes);
        }
    }

    /// Shards were counted, except those that turned out to be unreadable.
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
        self.inputs.shards = shards.len() as u64;
        self.inputs.bytes = shards.iter().map(|shard| shard.bytes).sum();
        self.inputs.rows = counted.total.rows();
        self.work = counted.work;
        self.spilled = counted.spilled;
        if let Some(counting) = &mut self.counting {
            counting.way = Some(reading(&counted.way));
        }
    }

    /// Rows were measured.
    pub(super) fn measured(&mut self, measured: &Measured, work: Work) {
        if let Some(counting) = &mut self.counting {
            counting.rows_way = Some(reading(&measured.way));
        }
        self.read_more(work, measured.spilled);
    }

    /// Rows were not measured.
    pub(super) fn rows_not_measured(&mut self, why: String) {
        if let Some(counting) = &mut self.counting {
            counting.rows_not_measured = Some(why);
        }
    }

    /// One more pass over the rows was made.
    pub(super) fn read_more(&mut self, work: Work, spilled: Spilled) {
        self.work += work;
        self.spilled.bytes += spilled.bytes;
        self.spilled.files += spilled.files;
    }

    /// How many shards have `status`.
    pub(super) fn shards_with(&self, status: &str) -> usize {
        self.shards.iter().filter(|shard| shard.status == status).count()
    }

    /// The account of a run of `plan` that began at `started` and ended in `status`.
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
                version: FORMAT_VERSION,
                tool_version: env!("CARGO_PKG_VERSION"),
                started_at: utc(started),
                spec: serde_json::to_value(&plan.spec).unwrap_or(Json::Null),
            },
            status,
            exit_code: error.map_or(0, Error::exit_code),
            elapsed_seconds: elapsed.as_secs_f64(),
            timings: self.timings.seconds(),
            thread_seconds: thread_seconds(self.work, self.sync_seconds),
            inputs: Inputs { bytes_read: self.work.bytes_read, ..self.inputs },
            shards: self.shards,
            result: self.result,
            counting: self.counting,
            resources: Resources {
                peak_memory_bytes: peak_memory(),
                memory_limit_bytes: plan.count.limits.memory,
                threads: plan.count.limits.threads,
                spilled_bytes: self.spilled.bytes,
                spill_files: self.spilled.files,
            },
            cluster: cluster(self.work, elapsed),
            findings: self.findings,
            checks: self.checks,
            outputs: self.outputs,
            applied: self.applied,
            error: error.map(ErrorResult::from),
        }
    }
}

/// What threads did, as files hold it.
fn thread_seconds(work: Work, sync: f64) -> ThreadSeconds {
    let Work { bytes_read: _, read, mask, decompress, decode, arrays, cluster: _ } = work;
    ThreadSeconds { read, mask, decompress, decode, arrays, sync }
}

/// What the jobs of a run of this length took, if there were any.
fn cluster(work: Work, elapsed: Duration) -> Option<ClusterResult> {
    let ClusterWork { jobs, stages, tasks, executors, threads, task_seconds, job_seconds, .. } = work.cluster;
    let of_threads = job_seconds * threads as f64;
    (jobs > 0).then(|| ClusterResult {
        executors,
        threads,
        jobs,
        stages,
        tasks,
        processor_seconds: ProcessorSeconds {
            client: processor_seconds(),
            scheduler: work.cluster.scheduler_seconds,
            executors: work.cluster.executor_seconds,
        },
        bytes: ClusterBytes {
            read: work.bytes_read,
            shuffled: work.cluster.bytes_shuffled,
            to_client: work.cluster.bytes_to_client,
        },
        task_seconds,
        job_seconds,
        serial_seconds: (elapsed.as_secs_f64() - job_seconds).max(0.0),
        task_overhead_seconds: (of_threads - task_seconds).max(0.0) / tasks.max(1) as f64,
    })
}

/// A table, as files hold it.
fn table_result(table: &dyn Table) -> TableResult {
    let (version, files) = (table.version(), table.files());
    TableResult {
        format: version.kind.name(),
        path: version.path.clone(),
        version: version.version,
        files: files.len() as u64,
        files_with_deleted_rows: files.iter().filter(|file| file.has_deleted).count() as u64,
    }
}

/// How rows were read, as files hold it.
fn reading(way: &Route) -> ReadingResult {
    let columns = way.columns.iter().map(|column| ColumnResult {
        column: column.column.clone(),
        encoded: column.encoded,
        statistics: column.statistics,
        statistics_pages: column.statistics_pages,
        arrays: column.arrays,
        why: column.why.clone(),
    });
    ReadingResult { engine: way.engine.to_owned(), why: way.why.clone(), columns: columns.collect() }
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

/// A hash over what decides the result and over where each shard is and which version of it.
fn snapshot(fingerprint: &str, shards: &[Shard]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{} {fingerprint}", env!("CARGO_PKG_VERSION")));
    for shard in shards {
        hash.update(format!("\n{}\n{}", shard.name, shard.identity()));
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
        groups: derived.file.grouped.as_ref().map(|grouped| grouped.groups),
        min_positives_groups: derived.file.grouped.as_ref().and_then(GroupedPositives::fewest),
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
        count: finding.count,
        unit: finding.kind.unit(),
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
