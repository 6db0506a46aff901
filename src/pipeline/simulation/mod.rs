//! How long a run takes on a cluster: a model of its stages, without clock, files or chance.
//!
//! ```text
//! client      lists shards ─▶ reads footers ─▶                                  ─▶ gets counts, writes results
//! executors                                  count, task by task ─▶ merge
//! ```

mod calibrate;
mod machines;
mod stage;

pub(crate) use machines::{Bound, Fleet, Network};
use stage::{Loss, StageTask, stage};

/// Names that one request for a list gives.
const LISTED: u64 = 1000;
/// Footers that the client reads at one time.
const FOOTERS: f64 = 32.0;

/// What a run has to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FleetLoad {
    /// Shards, whose footers the client reads.
    pub(crate) shards: u64,
    /// Seconds to list shards and read their footers, where this was measured.
    pub(crate) opening: Option<f64>,
    /// Bytes of label columns, and requests for them.
    pub(crate) bytes: f64,
    pub(crate) requests: f64,
    /// Processor seconds of counting.
    pub(crate) counting: f64,
    /// Tasks that count, and tasks that merge.
    pub(crate) tasks: u64,
    pub(crate) mergers: u64,
    /// Bytes that tasks leave for merging, and processor seconds of that.
    pub(crate) shuffled: f64,
    pub(crate) merging: f64,
    /// Bytes that the client gets.
    pub(crate) result: f64,
    /// Seconds to start a task.
    pub(crate) start: f64,
    /// Other seconds of the client alone.
    pub(crate) alone: f64,
}

/// One stage of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SimulatedStage {
    pub(crate) name: &'static str,
    pub(crate) start: f64,
    pub(crate) seconds: f64,
    pub(crate) bound: Bound,
}

/// A run, stage by stage.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SimulatedRun {
    pub(crate) stages: Vec<SimulatedStage>,
}

impl SimulatedRun {
    /// Seconds from start to end.
    #[must_use]
    pub(crate) fn seconds(&self) -> f64 {
        self.stages.iter().map(|stage| stage.seconds).sum()
    }

    /// Seconds of the client alone, which no executor shortens.
    #[must_use]
    pub(crate) fn serial(&self) -> f64 {
        let of_executors = |stage: &&SimulatedStage| !matches!(stage.name, COUNTING | MERGING);
        self.stages.iter().filter(of_executors).map(|stage| stage.seconds).sum()
    }

    /// The longest stage.
    #[must_use]
    pub(crate) fn bottleneck(&self) -> Option<&SimulatedStage> {
        self.stages.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds))
    }
}

const COUNTING: &str = "count";
const MERGING: &str = "merge";

/// How `load` goes on `fleet`.
#[must_use]
pub(crate) fn simulate(load: &FleetLoad, fleet: &Fleet, network: &Network) -> SimulatedRun {
    let mut run = SimulatedRun { stages: Vec::new() };
    let mut add = |name, seconds, bound| {
        let start = run.stages.iter().map(|stage: &SimulatedStage| stage.seconds).sum();
        run.stages.push(SimulatedStage { name, start, seconds, bound });
    };
    if let Some(seconds) = load.opening {
        add("list shards, read footers", seconds, Bound::Latency);
    } else {
        add("list shards", load.shards.div_ceil(LISTED) as f64 * network.latency, Bound::Latency);
        let waited = (load.shards as f64 / FOOTERS).ceil() * network.latency;
        let throttled = load.shards as f64 / network.requests_per_second;
        let bound = if throttled > waited { Bound::Requests } else { Bound::Latency };
        add("read footers", waited.max(throttled), bound);
    }
    let count = StageTask {
        head: load.start + network.latency,
        processor: load.counting / load.tasks.max(1) as f64,
        bytes: load.bytes / load.tasks.max(1) as f64,
        requests: load.requests / load.tasks.max(1) as f64,
    };
    let counted = stage(load.tasks, count, fleet, network, None);
    let loss = Loss { after: counted.seconds / 2.0, executors: fleet.lost, timeout: fleet.timeout };
    let counted = if fleet.lost > 0 { stage(load.tasks, count, fleet, network, Some(loss)) } else { counted };
    add(COUNTING, counted.seconds, counted.bound);
    let left = Fleet { executors: fleet.executors.saturating_sub(fleet.lost), ..*fleet };
    let merge = StageTask {
        head: load.start,
        processor: load.merging / load.mergers.max(1) as f64,
        bytes: load.shuffled / load.mergers.max(1) as f64,
        requests: 0.0,
    };
    let merged = stage(load.mergers, merge, &left, network, None);
    add(MERGING, merged.seconds, merged.bound);
    add("get counts, write results", load.alone + load.result / network.bandwidth, Bound::Latency);
    run
}

#[cfg(test)]
mod tests;
