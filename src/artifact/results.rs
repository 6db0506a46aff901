//! `run_results.json`: the record of a run, whether it succeeded or not.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::files::OutputFile;
use crate::checks::{Checked, WorstLabel};
use crate::error::{Error, Result};

/// What a run did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "posweight run_results.json")]
pub(crate) struct RunResults {
    /// About this file.
    pub metadata: Metadata,
    /// `done`; `partial` if shards were skipped; `unchanged` if there was nothing to do; `failed`,
    /// `checks_failed` or `aborted`.
    pub status: &'static str,
    /// The exit code of the process.
    pub exit_code: u8,
    /// Wall time.
    pub elapsed_seconds: f64,
    /// Wall time of each stage; `open_list` and `open_footers` are parts of `open`.
    pub timings: BTreeMap<&'static str, f64>,
    /// What the threads did.
    pub thread_seconds: ThreadSeconds,
    /// What was read.
    pub inputs: Inputs,
    /// Every shard.
    pub shards: Vec<ShardResult>,
    /// The result in a few numbers, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<ResultSummary>,
    /// The layout, why it was chosen, and how rows were read; null if the run failed before.
    pub counting: Option<CountingResult>,
    /// What was used.
    pub resources: Resources,
    /// What the run took on a cluster, where it was counted on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterResult>,
    /// Findings.
    pub findings: Vec<FindingResult>,
    /// Every check.
    pub checks: Vec<CheckResult>,
    /// Files published, with their hashes.
    pub outputs: Vec<OutputFile>,
    /// Columns that were added to shards, by `posweight apply`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<AppliedResult>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorResult>,
}

impl RunResults {
    /// The text of the file.
    ///
    /// # Errors
    /// [`Error::Internal`] for a value that JSON cannot hold.
    pub(crate) fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(|cause| Error::internal(cause.to_string()))?;
        Ok(text + "\n")
    }
}

/// About the file.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct Metadata {
    /// Version of this format.
    pub version: &'static str,
    /// Version of posweight.
    pub tool_version: &'static str,
    /// When the run started, RFC 3339, UTC.
    pub started_at: String,
    /// The run was asked for with this spec.
    pub spec: Json,
}

/// A table whose live rows were read.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TableResult {
    /// `Delta Lake` or `Iceberg`.
    pub format: &'static str,
    /// Its folder.
    pub path: String,
    /// The version, or the id of the snapshot.
    pub version: Option<i64>,
    /// Live files.
    pub files: u64,
    /// Those of them that have deleted rows.
    pub files_with_deleted_rows: u64,
}

/// Seconds of work, added up over all threads and passes. DataFusion's own reading, which `"engine": "plain"` uses, is
/// no part of it.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
pub(crate) struct ThreadSeconds {
    /// Reading column chunks, or waiting for a store.
    pub read: f64,
    /// Finding which rows a condition keeps, their groups and their weights.
    pub mask: f64,
    /// Decompressing pages.
    pub decompress: f64,
    /// Decoding and counting pages.
    pub decode: f64,
    /// Reading and counting columns whose pages are not supported, as arrays.
    pub arrays: f64,
    /// Making sure that files of the result are on the disk.
    pub sync: f64,
}

/// What was read.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Number of shards.
    pub shards: u64,
    /// Their size.
    pub bytes: u64,
    /// Rows counted.
    pub rows: u64,
    /// Tables whose live rows were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableResult>,
    /// Bytes of column chunks that were read; footers are not among them.
    pub bytes_read: u64,
    /// Hash over what was counted.
    pub fingerprint: String,
    /// Hash over that and the times of the shards.
    pub snapshot_sha256: String,
}

/// A result in a few numbers.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct ResultSummary {
    /// Rows.
    pub rows: u64,
    /// Labels, C.
    pub labels: usize,
    /// The primary scheme.
    pub scheme: String,
    /// Its smallest weight; null without labels.
    pub min_weight: Option<f64>,
    /// Its largest weight.
    pub max_weight: Option<f64>,
    /// Positives per row.
    pub cardinality: Option<f64>,
    /// IRLbl, averaged over labels with positives.
    pub mean_ir: Option<f64>,
    /// The largest IRLbl.
    pub max_ir: Option<f64>,
    /// Distinct values of the column of `--groups`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<u64>,
    /// The fewest of them that have a positive of a label which has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_positives_groups: Option<u64>,
}

/// One shard.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ShardResult {
    /// Path as given.
    pub path: String,
    /// Rows by the footer.
    pub rows: u64,
    /// Size.
    pub bytes: u64,
    /// `counted`, `reused` if its counts were saved, `skipped` if it cannot be read, or `listed` when the
    /// run failed.
    pub status: &'static str,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How rows were counted.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct CountingResult {
    /// The layout.
    pub layout: String,
    /// Why it was chosen.
    pub why: String,
    /// How rows were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<ReadingResult>,
    /// Why measures of rows are left out, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_not_measured: Option<String>,
    /// How rows were read for measures of rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_way: Option<ReadingResult>,
}

/// How the rows of one pass were read.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct ReadingResult {
    /// `encoded`, `plain` or `cluster`.
    pub engine: String,
    /// Why not `encoded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Each label column; `encoded` only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnResult>,
}

/// How the column chunks of one label column were read.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct ColumnResult {
    /// The column.
    pub column: String,
    /// Chunks counted from encoded pages.
    pub encoded: u64,
    /// Chunks counted from their statistics.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub statistics: u64,
    /// Pages counted from their statistics.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub statistics_pages: u64,
    /// Chunks read as arrays.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub arrays: u64,
    /// Why the first of those was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What was used.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct Resources {
    /// Peak resident memory of the process, if the system reports it.
    pub peak_memory_bytes: Option<u64>,
    /// The limit asked for.
    pub memory_limit_bytes: u64,
    /// Bytes written to spill files.
    pub spilled_bytes: u64,
    /// Spill files.
    pub spill_files: u64,
    /// Threads.
    pub threads: usize,
}

/// What a run took on a cluster.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct ClusterResult {
    /// Most executors that worked on one job.
    pub executors: u64,
    /// The threads of these executors.
    pub threads: u64,
    /// Jobs.
    pub jobs: u64,
    /// Stages of all jobs; between two stages of a job, rows are shuffled.
    pub stages: u64,
    /// Tasks of all stages; those that were repeated count once.
    pub tasks: u64,
    /// Processor time of the processes.
    pub processor_seconds: ProcessorSeconds,
    /// What went where.
    pub bytes: ClusterBytes,
    /// Wall time of all tasks together.
    pub task_seconds: f64,
    /// Wall time of all jobs, from the first task of each to the last one.
    pub job_seconds: f64,
    /// Wall time of the run beside its jobs, which more executors do not shorten.
    pub serial_seconds: f64,
    /// Time of a thread per task beside the work on the task: until it was given out, and until its end was known.
    /// Threads that had no task to work on are in it, too.
    pub task_overhead_seconds: f64,
}

/// Processor time of the processes of a cluster, in seconds. Other runs at the same time are in it.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct ProcessorSeconds {
    /// This process, since it began; null if the system does not tell.
    pub client: Option<f64>,
    /// The scheduler, until it gave out the last task of each job.
    pub scheduler: f64,
    /// Executors, while they worked on tasks.
    pub executors: f64,
}

/// Bytes that went from one place to another.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct ClusterBytes {
    /// Column chunks that executors read; footers are not among them.
    pub read: u64,
    /// Rows that executors wrote for other executors.
    pub shuffled: u64,
    /// Rows that executors wrote for the client.
    pub to_client: u64,
}

/// Shards that were written with columns more.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct AppliedResult {
    /// The result that says labels and weights.
    pub weights: String,
    /// The scheme of its weights.
    pub scheme: String,
    /// The columns that were added.
    pub columns: Vec<String>,
    /// Labels, C.
    pub labels: usize,
    /// Rows written.
    pub rows: u64,
    /// Bytes of column chunks that were copied as they are, without decoding them.
    pub bytes_copied: u64,
    /// Bytes of column chunks that were read to count labels, and to read the labels of rows.
    pub bytes_decoded: u64,
}

/// One finding.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct FindingResult {
    /// For example `NO_POSITIVES`.
    pub id: &'static str,
    /// `warning` or `note`.
    pub severity: &'static str,
    /// How many it concerns.
    pub count: u64,
    /// Of what: `label`, `shard`, `weight`, …
    pub unit: &'static str,
    /// Number of labels concerned; 0 if it does not concern single labels.
    pub labels: usize,
    /// The first of them.
    pub examples: Vec<String>,
    /// In numbers.
    pub observed: String,
    /// What to do.
    pub remedy: &'static str,
}

/// One check.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct CheckResult {
    /// For example `min_rows`.
    pub id: &'static str,
    /// `warn` or `error`.
    pub severity: &'static str,
    /// `passed`, `failed`, or `skipped` without a last result.
    pub status: &'static str,
    /// The smallest or largest value that passes.
    pub limit: f64,
    /// What was found; null for nothing, or beyond all numbers.
    pub observed: Option<f64>,
    /// The worst label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Labels beyond the limit.
    pub labels: usize,
    /// Some of them, the worst first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub worst: Vec<WorstResult>,
}

/// A label beyond the limit of a check.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct WorstResult {
    /// Its name.
    pub label: String,
    /// What was found; null beyond all numbers.
    pub observed: Option<f64>,
    /// Prevalence or weight in the previous result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    /// The same in this result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
}

impl From<&WorstLabel> for WorstResult {
    fn from(worst: &WorstLabel) -> Self {
        Self {
            label: worst.label.clone(),
            observed: Some(worst.observed).filter(|x| x.is_finite()),
            before: worst.sides.map(|sides| sides[0]),
            after: worst.sides.map(|sides| sides[1]),
        }
    }
}

impl From<&Checked> for CheckResult {
    fn from(checked: &Checked) -> Self {
        Self {
            id: checked.check.info().name,
            severity: checked.check.severity.as_str(),
            status: checked.status.as_str(),
            limit: checked.check.limit,
            observed: checked.observed,
            label: checked.label.clone(),
            labels: checked.labels,
            worst: checked.worst.iter().map(WorstResult::from).collect(),
        }
    }
}

/// What went wrong.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ErrorResult {
    /// Exit code.
    pub code: u8,
    /// What was found.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl From<&Error> for ErrorResult {
    fn from(error: &Error) -> Self {
        Self { code: error.exit_code(), message: error.to_string(), hint: error.remedy().map(str::to_owned) }
    }
}
