//! What a simulated run has to do: by the forecast for its shards, or by the account of a former run.

use std::path::Path;

use serde::Deserialize;

use super::FleetLoad;
use crate::engine::cluster::sizes::{COUNTS, parts, tasks};
use crate::error::{Error, Result};
use crate::pipeline::forecast::Forecast;

/// Bytes and processor seconds of one label of one task in a merge, as measured with two million labels.
const LABEL_BYTES: f64 = 8.0;
const LABEL_SECONDS: f64 = 0.3e-6;
/// Seconds to start a task, as measured on one machine.
const START: f64 = 0.01;

impl FleetLoad {
    /// Tasks and merges of a set of shards; the probe of a forecast tells the rest.
    #[must_use]
    pub(crate) fn of(forecast: &Forecast) -> Self {
        let demand = &forecast.demand;
        let sized = Self::sized(demand.shards, [demand.chunk_bytes, demand.values], forecast.labels);
        Self {
            opening: Some(forecast.opening),
            bytes: demand.read_bytes as f64,
            requests: if demand.is_far { demand.reads as f64 } else { 0.0 },
            counting: forecast.processor,
            alone: forecast.fixed,
            ..sized
        }
    }

    /// Tasks and merges as `--cluster` cuts them.
    fn sized(shards: u64, [bytes, values]: [u64; 2], labels: u64) -> Self {
        let tasks = tasks(shards.max(1), bytes, values);
        let counts = tasks.saturating_mul(labels);
        let merged = counts as f64;
        Self {
            shards,
            opening: None,
            bytes: bytes as f64,
            requests: 0.0,
            counting: 0.0,
            tasks,
            mergers: parts(counts, COUNTS),
            shuffled: merged * LABEL_BYTES,
            merging: merged * LABEL_SECONDS,
            result: labels as f64 * LABEL_BYTES,
            start: START,
            alone: 0.0,
        }
    }

    /// The same with what a run on a cluster has measured, according to its `run_results.json`.
    ///
    /// # Errors
    /// [`Error::Input`] when the file is no account of a run on a cluster.
    pub(crate) fn by_account(self, path: &Path) -> Result<Self> {
        let wrong = |what: String| {
            Error::input(format!("--account {}: {what}", path.display()))
                .hint("give run_results.json of a run with --cluster")
        };
        let text = std::fs::read(path).map_err(|cause| wrong(cause.to_string()))?;
        let account: RunAccount = serde_json::from_slice(&text).map_err(|cause| wrong(cause.to_string()))?;
        let account = account.cluster.ok_or_else(|| wrong("the run was not on a cluster".to_owned()))?;
        if account.bytes.read == 0 || account.tasks == 0 {
            return Err(wrong("the run has read nothing".to_owned()));
        }
        Ok(self.by(&account))
    }

    fn by(self, account: &ClusterAccount) -> Self {
        let bytes = self.bytes / account.bytes.read as f64;
        Self {
            // What executors merged is part of their seconds.
            counting: account.processor_seconds.executors * bytes,
            merging: 0.0,
            shuffled: account.bytes.shuffled as f64 / account.tasks as f64 * self.tasks as f64,
            result: account.bytes.to_client as f64,
            start: account.task_overhead_seconds.max(0.0),
            alone: (account.serial_seconds - self.opening.unwrap_or(0.0)).max(0.0),
            ..self
        }
    }
}

#[derive(Deserialize)]
struct RunAccount {
    cluster: Option<ClusterAccount>,
}

/// What is of use of the account of a run on a cluster.
#[derive(Deserialize)]
struct ClusterAccount {
    tasks: u64,
    processor_seconds: AccountSeconds,
    bytes: AccountBytes,
    serial_seconds: f64,
    task_overhead_seconds: f64,
}

#[derive(Deserialize)]
struct AccountSeconds {
    executors: f64,
}

#[derive(Deserialize)]
struct AccountBytes {
    read: u64,
    shuffled: u64,
    to_client: u64,
}

#[cfg(test)]
mod tests {
    use crate::pipeline::simulation::{Fleet, Network, simulate};

    use super::*;

    /// Ten prefixes of a store.
    const NETWORK: Network = Network { latency: 0.03, bandwidth: 1.25e9, requests_per_second: 55_000.0 };

    /// The set of the page on planning: 10^12 rows, 8 of 10^6 labels in each.
    fn planned() -> FleetLoad {
        let sized = FleetLoad::sized(100_000, [30_000_000_000_000, 8_000_000_000_000], 1_000_000);
        FleetLoad { requests: 7.6e6 + 1e5, counting: 1e12 / 4.6e6, alone: 2.0, ..sized }
    }

    #[test]
    fn the_page_on_planning_has_these_numbers() {
        let page = include_str!("../../docs/planning.md");
        let fleet = |executors| Fleet { executors, threads: 4, lost: 0, timeout: 60.0 };
        let run = |executors| simulate(&planned(), &fleet(executors), &NETWORK);
        let one = run(1).seconds();
        let row = |executors| {
            let run = run(executors);
            let most = run.bottleneck().unwrap();
            let waits = most.bound.words().split(':').next().unwrap();
            format!(
                "| {executors} | {:.0} s | {:.0} | {}: {:.0} s, {waits} |",
                run.seconds(),
                one / run.seconds(),
                most.name,
                most.seconds
            )
        };
        let one_prefix = Network { requests_per_second: 5_500.0, ..NETWORK };
        let throttled = simulate(&planned(), &fleet(u64::MAX), &one_prefix).seconds();
        let mut says: Vec<String> = [1, 10, 100, 1000].map(row).into();
        says.push(format!("The client alone takes {:.0} s", run(1).serial()));
        says.push(format!("no number of executors is faster than {throttled:.0} s"));
        says.retain(|says| !page.contains(says.as_str()));
        assert!(says.is_empty(), "the page lacks: {says:#?}");
    }

    /// A set of 10^10 rows in 1 000 shards of 10 row groups: what `rows` rows took on one thread of a cluster, in seconds
    /// and bytes, and what the client took to decode the footers of 10 000 row groups.
    fn of_ten_billion_rows(
        [rows, seconds, bytes]: [f64; 3],
        values: u64,
        labels: u64,
        footers: f64,
    ) -> FleetLoad {
        const ROWS: f64 = 1e10;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^53")]
        let bytes = (bytes / rows * ROWS) as u64;
        let sized = FleetLoad::sized(1_000, [bytes, values], labels);
        FleetLoad { requests: 2e4, counting: seconds / rows * ROWS, alone: 0.04 + footers, ..sized }
    }

    #[test]
    fn sixteen_executors_do_nearly_sixteen_times_as_much() {
        let page = include_str!("../../docs/planning.md");
        let sets = [
            ("wide, 270 labels", of_ten_billion_rows([16e6, 0.77, 46.7e6], 2_700_000_000_000, 270, 2.2)),
            ("lists, 270 labels", of_ten_billion_rows([32e6, 0.90, 162.8e6], 44_700_000_000, 270, 0.1)),
        ];
        for (name, load) in sets {
            let run = |executors| {
                simulate(&load, &Fleet { executors, threads: 1, lost: 0, timeout: 60.0 }, &NETWORK)
            };
            let (one, many) = (run(1).seconds(), run(16).seconds());
            let row = format!(
                "| {name} | {one:.0} s | {many:.1} s | {:.1} | {:.1} s |",
                one / many,
                run(16).serial()
            );
            assert!(page.contains(&row), "the page lacks {row}");
            assert!(one / many >= 0.85 * 16.0, "{row}");
        }
    }

    #[test]
    fn an_account_replaces_what_a_probe_cannot_see() {
        let text = r#"{"rows": 5, "cluster": {"executors": 2, "threads": 2, "jobs": 1, "stages": 2, "tasks": 32,
            "processor_seconds": {"client": 0.4, "scheduler": 0.1, "executors": 4.0},
            "bytes": {"read": 1000000, "shuffled": 6400, "to_client": 200},
            "task_seconds": 4.1, "job_seconds": 2.2, "serial_seconds": 0.6, "task_overhead_seconds": 0.02}}"#;
        let account: RunAccount = serde_json::from_str(text).unwrap();
        let load = FleetLoad { opening: Some(0.25), ..FleetLoad::sized(64, [5_000_000, 3 << 33], 10) };
        let load = load.by(&account.cluster.unwrap());
        assert_eq!((load.tasks, load.counting, load.merging, load.shuffled), (24, 20.0, 0.0, 4800.0));
        assert!((load.alone - 0.35).abs() < 1e-9 && load.start == 0.02);
        let place = tempfile::tempdir().unwrap();
        for (text, says) in [("{}", "was not on a cluster"), ("[", "EOF"), ("", "EOF")] {
            let path = place.path().join("run_results.json");
            std::fs::write(&path, text).unwrap();
            let error = planned().by_account(&path).unwrap_err();
            assert!(error.exit_code() == 4 && error.to_string().contains(says), "{error}");
        }
    }
}
