//! What a run comes to, and who watches it.

use std::sync::Arc;

use super::derived::Derived;
use super::reopened::compared;
use super::sample::Sampled;
use crate::artifact::files::OutputFile;
use crate::artifact::results::RunResults;
use crate::drift::Drift;
use crate::engine::{Progress, Spilled};

/// How a run ended that did not fail.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With a result.
    Done(Box<Outcome>),
    /// Nothing has changed since the last result, so nothing was done; the exit code for that case.
    Unchanged(u8),
}

/// A finished run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Counts of all rows and what is made from them.
    pub derived: Derived,
    /// Counts per group of `--by`: name and counts.
    pub groups: Vec<(String, Derived)>,
    /// The result that this one is compared with, and its name.
    pub against: Option<(String, Derived)>,
    /// `16 shards, layout wide`.
    pub source: String,
    /// Why the layout was chosen.
    pub why: String,
    /// Shards that were not read, because their counts were saved.
    pub reused: usize,
    /// Published files.
    pub outputs: Vec<OutputFile>,
    /// The sampling plan, if one was asked for.
    pub sampled: Option<Sampled>,
    /// The bytes for stdout, if the result goes there.
    pub stream: Option<Vec<u8>>,
    /// What was spilled to disk.
    pub spilled: Spilled,
    /// What `run_results.json` holds of the run, once it is over.
    pub record: Option<RunResults>,
}

impl Outcome {
    /// How the result differs from the one it is compared with, and the name of that.
    #[must_use]
    pub(crate) fn drift(&self) -> Option<(&str, Drift<'_>)> {
        let (name, last) = self.against.as_ref()?;
        Some((name, compared(last, &self.derived)))
    }
}

/// Watches a run, for example to draw a progress bar.
pub(crate) trait Observer {
    /// Counting starts: the number of shards, their bytes and rows; `progress` grows with the rows counted.
    fn counting(&self, shards: usize, bytes: u64, rows: u64, progress: &Arc<Progress>);
    /// Counting is over.
    fn counted(&self);
}
