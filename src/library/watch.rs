//! How far a call is.

use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::Progress;
use crate::pipeline::outcome::Observer;

/// Shows how far a call is, to any thread.
#[derive(Debug, Default)]
pub struct RunWatch(Mutex<Option<Shown>>);

#[derive(Debug)]
struct Shown {
    rows: u64,
    progress: Arc<Progress>,
}

impl RunWatch {
    /// Rows counted and rows to count; `None` while nothing is counted.
    #[must_use]
    pub fn rows(&self) -> Option<(u64, u64)> {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.as_ref().map(|shown| (shown.progress.rows().min(shown.rows), shown.rows))
    }
}

impl Observer for RunWatch {
    fn counting(&self, _: usize, _: u64, rows: u64, progress: &Arc<Progress>) {
        let shown = Shown { rows, progress: Arc::clone(progress) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
    }

    fn counted(&self) {}
}
