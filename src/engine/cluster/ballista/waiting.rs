//! Jobs without an executor: the client warns, and the scheduler cancels them in the end. Ballista itself cancels only
//! jobs whose executors are lost.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ballista_core::serde::protobuf::job_status::Status;
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};

use super::connect::has_no_executor;
use super::failure::{ClusterFailure, FailureCause};
use crate::engine::scheduler_address::SchedulerAddress;
use crate::error::Error;

/// How long the client waits before its first warning.
const FIRST: Duration = Duration::from_secs(3);
/// Longest pause between two warnings.
const PAUSE_MAX: Duration = Duration::from_mins(5);
/// Timeout for asking the scheduler whether it has executors.
const ANSWER: Duration = Duration::from_secs(2);
/// Pause between two checks of jobs and executors.
const LOOK: Duration = Duration::from_secs(1);
/// What Ballista reports of a job that was cancelled.
const CANCELLED: &str = "Cancelled";

/// Warnings of a client while its job has no executor, at growing intervals.
pub(super) struct ExecutorWarning {
    next: Instant,
    pause: Duration,
}

impl ExecutorWarning {
    pub(super) fn new() -> Self {
        Self { next: Instant::now() + FIRST, pause: FIRST }
    }

    /// Warns when it is time and the scheduler at `address` has no executor.
    pub(super) async fn check(&mut self, address: &SchedulerAddress) {
        if Instant::now() < self.next {
            return;
        }
        let asked = tokio::time::timeout(ANSWER, has_no_executor(address)).await;
        if asked.ok().flatten() == Some(true) {
            tracing::warn!("{address}: no executor is available; the job waits for one");
        }
        self.pause = PAUSE_MAX.min(self.pause * 3);
        self.next = Instant::now() + self.pause;
    }
}

/// The failure of a job that the scheduler cancelled.
pub(super) fn cancelled(message: &str, address: &SchedulerAddress) -> Option<ClusterFailure> {
    message.contains(CANCELLED).then(|| ClusterFailure {
        cause: Some(FailureCause::NoExecutor),
        ..Error::transient(format!(
            "{address}: no executor was available, so the scheduler cancelled the job"
        ))
        .hint(format!("start some with posweight cluster executor --scheduler {address}, then run again"))
        .into()
    })
}

/// Cancels jobs once there has been no executor for longer than `patience`. Never returns.
pub(super) async fn cancel_waiting(
    scheduler: SchedulerServer<LogicalPlanNode, PhysicalPlanNode>,
    patience: Duration,
) {
    let mut alone = Instant::now();
    loop {
        tokio::time::sleep(LOOK).await;
        if scheduler.is_ready() {
            alone = Instant::now();
        }
        if alone.elapsed() <= patience {
            continue;
        }
        let tasks = &scheduler.state.task_manager;
        let long_ago =
            SystemTime::now().checked_sub(patience).and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let long_ago = long_ago.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        for id in tasks.get_running_job_cache().keys() {
            let status = tasks.get_job_status(id).await.ok().flatten().and_then(|job| job.status);
            let Some(Status::Running(job)) = status else { continue };
            if job.started_at <= long_ago {
                tracing::warn!("job {id} is cancelled: no executor for {} s", patience.as_secs());
                let _ = scheduler.cancel_job(id.clone()).await;
            }
        }
    }
}
