//! A job that no executor takes: its client says so, and in the end the scheduler gives it up. Ballista itself does
//! that only for jobs whose executors were lost.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ballista_core::serde::protobuf::job_status::Status;
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};

use super::failure::{Blame, Failure};
use crate::engine::scheduler_address::SchedulerAddress;
use crate::error::Error;

/// How long a job waits before its client says so the first time.
const FIRST: Duration = Duration::from_secs(3);
/// Longest time from one time to the next.
const PAUSE_MAX: Duration = Duration::from_mins(5);
/// Longest time in which the scheduler says whether it has executors.
const ANSWER: Duration = Duration::from_secs(2);
/// Between two looks at jobs and executors.
const LOOK: Duration = Duration::from_secs(1);
/// What a client reads of a job that was given up.
const GIVEN_UP: &str = "Cancelled";

/// What a client says while its job is not done, at growing distance.
pub(super) struct Waiting {
    next: Instant,
    pause: Duration,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self { next: Instant::now() + FIRST, pause: FIRST }
    }

    /// Says it when the scheduler at `address` has no executor.
    pub(super) async fn look(&mut self, address: &SchedulerAddress) {
        if Instant::now() < self.next {
            return;
        }
        let asked = address.clone();
        let none = tokio::task::spawn_blocking(move || has_none(&asked)).await.unwrap_or(false);
        if none {
            tracing::warn!("{address}: no executor is there to take the job, which waits for one");
        }
        self.pause = PAUSE_MAX.min(self.pause * 3);
        self.next = Instant::now() + self.pause;
    }
}

/// Whether the scheduler says that it has no executor.
fn has_none(address: &SchedulerAddress) -> bool {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(ANSWER))
        .http_status_as_error(false)
        .proxy(None)
        .build();
    let address = format!("http://{}:{}/readyz", address.host(), address.port());
    ureq::Agent::from(agent).get(&address).call().is_ok_and(|answer| answer.status() == 503)
}

/// What a failed job means when it was given up.
pub(super) fn given_up(said: &str, address: &SchedulerAddress) -> Option<Failure> {
    said.contains(GIVEN_UP).then(|| Failure {
        blame: Some(Blame::Nobody),
        ..Error::transient(format!(
            "{address}: no executor came to take the job, so the scheduler has given it up"
        ))
        .hint(format!("start some with posweight cluster executor --scheduler {address}, then run again"))
        .into()
    })
}

/// Gives up jobs that have waited longer than `patience` while there was no executor.
pub(super) async fn give_up(
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
                tracing::warn!("job {id} is given up: no executor has come for {} s", patience.as_secs());
                let _ = scheduler.cancel_job(id.clone()).await;
            }
        }
    }
}
