//! What a job took: executors add it to the metrics of every task, and the client asks the scheduler for them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ballista_core::serde::protobuf::operator_metric::Metric as ProtoMetric;
use ballista_core::serde::protobuf::{JobStageMetrics, NamedCount, SuccessfulJob};
use datafusion::physical_plan::metrics::{Count, Metric, MetricValue, MetricsSet};

use crate::engine::work::{ClusterWork, processor_seconds};

/// What begins the names of these metrics.
const PREFIX: &str = "posweight_";

/// What one task took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TaskCost {
    /// Which executor worked on it, and the threads of that one.
    pub(super) executor: u64,
    pub(super) threads: u64,
    /// Processor time of its process, in microseconds.
    pub(super) processor: u64,
    /// Wall time in microseconds.
    pub(super) wall: u64,
    /// Bytes of its rows on the disk.
    pub(super) written: u64,
    /// Bytes of column chunks that it read.
    pub(super) read: u64,
    /// Processor time of the scheduler when it gave out the task, in microseconds since the job came.
    pub(super) scheduler: u64,
}

impl TaskCost {
    fn named(&mut self) -> [(&'static str, &mut u64); 7] {
        [
            ("executor", &mut self.executor),
            ("threads", &mut self.threads),
            ("processor", &mut self.processor),
            ("wall", &mut self.wall),
            ("written", &mut self.written),
            ("read", &mut self.read),
            ("scheduler", &mut self.scheduler),
        ]
    }

    /// Adds it to the metrics of the operator that writes the rows of the task.
    pub(super) fn add_to(mut self, operators: &mut [MetricsSet]) {
        let Some(root) = operators.first_mut() else { return };
        for (name, value) in self.named() {
            let count = Count::new();
            count.add(usize::try_from(*value).unwrap_or(usize::MAX));
            let value = MetricValue::Count { name: Cow::Owned(format!("{PREFIX}{name}")), count };
            root.push(Arc::new(Metric::new(value, Some(0))));
        }
    }
}

/// The cost of every task of a stage.
fn tasks(stage: &JobStageMetrics) -> Vec<TaskCost> {
    let mut tasks: BTreeMap<u32, TaskCost> = BTreeMap::new();
    for metric in stage.operators.first().iter().flat_map(|root| &root.metrics) {
        let Some(ProtoMetric::Count(NamedCount { name, value })) = &metric.metric else { continue };
        let Some(name) = name.strip_prefix(PREFIX) else { continue };
        let task = tasks.entry(metric.partition.unwrap_or(0)).or_default();
        if let Some((_, known)) = task.named().into_iter().find(|(known, _)| *known == name) {
            *known = *value;
        }
    }
    tasks.into_values().collect()
}

/// What a job took, by the metrics of its stages and what the scheduler says of it; and the bytes it read.
pub(super) fn account(stages: &[JobStageMetrics], job: &SuccessfulJob) -> (ClusterWork, u64) {
    let seconds = |microseconds: u64| Duration::from_micros(microseconds).as_secs_f64();
    let job_seconds = Duration::from_millis(job.ended_at.saturating_sub(job.started_at)).as_secs_f64();
    let mut work =
        ClusterWork { jobs: 1, stages: stages.len() as u64, job_seconds, ..ClusterWork::default() };
    let (mut executors, mut scheduler, mut read) = (BTreeSet::new(), 0, 0);
    let last = stages.iter().map(|stage| stage.stage_id).max();
    for stage in stages {
        for task in tasks(stage) {
            work.tasks += 1;
            work.executor_seconds += seconds(task.processor);
            work.task_seconds += seconds(task.wall);
            let to = if Some(stage.stage_id) == last {
                &mut work.bytes_to_client
            } else {
                &mut work.bytes_shuffled
            };
            *to += task.written;
            executors.insert((task.executor, task.threads));
            scheduler = task.scheduler.max(scheduler);
            read += task.read;
        }
    }
    work.scheduler_seconds = seconds(scheduler);
    work.executors = executors.len() as u64;
    work.threads = executors.iter().map(|(_, threads)| threads).sum();
    (work, read)
}

/// Processor time of this process in microseconds.
pub(super) fn processor_micros() -> u64 {
    let seconds = Duration::try_from_secs_f64(processor_seconds().unwrap_or(0.0)).unwrap_or_default();
    u64::try_from(seconds.as_micros()).unwrap_or(u64::MAX)
}

/// Shares the processor time of an executor out to its tasks: each has what was used since another one ended, or
/// since it began where no other was at work.
#[derive(Debug, Default)]
pub(super) struct ProcessorShare(Mutex<ProcessorMark>);

#[derive(Debug, Default)]
struct ProcessorMark {
    /// Tasks at work.
    tasks: usize,
    /// What tasks that ended have had, and all before.
    shared_out: u64,
}

impl ProcessorShare {
    fn mark(&self) -> MutexGuard<'_, ProcessorMark> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task at work, until it is dropped.
pub(super) struct Running<'s>(&'s ProcessorShare);

impl<'s> Running<'s> {
    pub(super) fn begin(share: &'s ProcessorShare) -> Self {
        let mut mark = share.mark();
        if mark.tasks == 0 {
            mark.shared_out = processor_micros();
        }
        mark.tasks += 1;
        Self(share)
    }

    /// The share of the task, which ends, in microseconds.
    pub(super) fn end(self) -> u64 {
        let now = processor_micros();
        now.saturating_sub(std::mem::replace(&mut self.0.mark().shared_out, now))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.mark().tasks -= 1;
    }
}

#[cfg(test)]
mod tests {
    use ballista_core::serde::protobuf::{OperatorMetric, OperatorMetricsSet, OperatorWithMetrics};

    use super::*;

    #[test]
    fn what_tasks_took_is_added_up() {
        let stage = |stage_id, costs: &[TaskCost]| {
            let metrics = costs.iter().zip(0..).flat_map(|(cost, task)| {
                let mut operators = [MetricsSet::new()];
                cost.add_to(&mut operators);
                let [set] = operators;
                let metrics: OperatorMetricsSet = set.try_into().unwrap();
                metrics
                    .metrics
                    .into_iter()
                    .map(move |metric| OperatorMetric { partition: Some(task), ..metric })
            });
            let root = OperatorWithMetrics { metrics: metrics.collect(), ..OperatorWithMetrics::default() };
            JobStageMetrics { stage_id, partitions: 2, operators: vec![root] }
        };
        let cost = TaskCost {
            threads: 2,
            processor: 1_500_000,
            wall: 2_000_000,
            written: 10,
            read: 7,
            ..TaskCost::default()
        };
        let stages = [
            stage(1, &[TaskCost { executor: 8, scheduler: 5000, ..cost }, TaskCost { executor: 9, ..cost }]),
            stage(2, &[TaskCost { executor: 8, written: 3, ..cost }]),
        ];
        let job = SuccessfulJob { started_at: 1000, ended_at: 3500, ..SuccessfulJob::default() };
        let (work, read) = account(&stages, &job);
        assert_eq!((work.jobs, work.stages, work.tasks, work.executors, work.threads), (1, 2, 3, 2, 4));
        assert_eq!((work.executor_seconds, work.task_seconds, work.job_seconds), (4.5, 6.0, 2.5));
        assert_eq!((work.bytes_shuffled, work.bytes_to_client, read), (20, 3, 21));
        assert_eq!(work.scheduler_seconds, 0.005);
    }
}
