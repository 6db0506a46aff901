//! The names of jobs.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use ballista_scheduler::scheduler_server::JobIdGenerator;

/// Names a job by time and chance. Ballista has a clock for it, whose thread wakes the processor each millisecond as long
/// as the scheduler runs.
pub(super) struct JobIds;

#[async_trait]
impl JobIdGenerator for JobIds {
    async fn next_id(&self) -> String {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        format!("{micros:014x}{:016x}", RandomState::new().hash_one(micros))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures::executor::block_on;

    use super::*;

    #[test]
    fn no_two_jobs_have_one_name() {
        let ids: BTreeSet<String> = (0..10_000).map(|_| block_on(JobIds.next_id())).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
