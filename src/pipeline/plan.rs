//! A spec with every default filled in: what to count, and what a run does with the counts.

use std::path::PathBuf;

use super::count_plan::CountPlan;
use super::derived::MeasureOptions;
use super::destination::Destination;
use super::sampling::Sampling;
use super::spec::Spec;
use crate::checks::Check;
use crate::weights::Weighing;

/// Everything a run does.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// What is counted.
    pub count: CountPlan,
    /// Where the result goes.
    pub out: Destination,
    /// Replace a result that is there.
    pub overwrite: bool,
    /// File with saved counts of shards.
    pub state: Option<PathBuf>,
    /// Count all shards again, including those with saved counts.
    pub full: bool,
    /// Most shards that may be skipped because they cannot be read.
    pub max_bad_shards: usize,
    /// Index and number of jobs, if several share the shards.
    pub part: Option<(u64, u64)>,
    /// Accept a condition that no row meets.
    pub allow_empty: bool,
    /// Kinds of files to write.
    pub formats: Vec<String>,
    /// Schemes, adjustments, policies.
    pub weighing: Weighing,
    /// Measure rows; by default if there are few labels and all shards are read anyway.
    pub row_measures: Option<bool>,
    /// How measures are read, and what reports give beside them.
    pub measure_options: MeasureOptions,
    /// Result that the report compares with.
    pub against: Option<PathBuf>,
    /// A sampling plan.
    pub sampling: Option<Sampling>,
    /// Most retries of a failed request to a store.
    pub retries: usize,
    /// Checks that a result must pass to be published.
    pub checks: Vec<Check>,
    /// Publish a result that fails a check.
    pub publish_on_check_failure: bool,
    /// Files and events that report the run to other programs.
    pub notices: Notices,
    /// Do nothing and exit with this code if nothing has changed.
    pub skip_exit_code: Option<u8>,
    /// The spec as written.
    pub spec: Spec,
}

/// Files and events that report a run to other programs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notices {
    /// A short summary, of failed runs as well.
    pub summary_json: Option<PathBuf>,
    /// Metrics of a run that succeeded.
    pub metrics_textfile: Option<PathBuf>,
    /// Events of start and end.
    pub openlineage: Option<String>,
}
