//! How long each stage of a run takes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Seconds by stage. Copies share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Timings(Arc<Mutex<BTreeMap<&'static str, f64>>>);

impl Timings {
    /// Starts the clock of a stage, which stops when what is returned is dropped.
    pub(super) fn start(&self, stage: &'static str) -> StageTimer {
        StageTimer { timings: self.clone(), stage, clock: Instant::now() }
    }

    /// Notes what a part of a stage took.
    pub(super) fn note(&self, part: &'static str, seconds: f64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part, seconds);
    }

    pub(super) fn seconds(&self) -> BTreeMap<&'static str, f64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A stage that runs.
#[derive(Debug)]
pub(super) struct StageTimer {
    timings: Timings,
    stage: &'static str,
    clock: Instant,
}

impl Drop for StageTimer {
    fn drop(&mut self) {
        self.timings.note(self.stage, self.clock.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_timed_whether_it_succeeds_or_fails() {
        let timings = Timings::default();
        let stage = |result: Result<u8, u8>| {
            let _timer = timings.start(if result.is_ok() { "open" } else { "count" });
            assert!(timings.seconds().len() < 2);
            result
        };
        assert_eq!((stage(Ok(1)), stage(Err(2))), (Ok(1), Err(2)));
        assert_eq!(timings.seconds().into_keys().collect::<Vec<_>>(), ["count", "open"]);
    }
}
