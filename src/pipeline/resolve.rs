//! From a spec to a plan: every default is filled in, every contradiction refused.

use std::path::PathBuf;

use super::count_plan::CountPlan;
use super::destination::Destination;
use super::machine::Machine;
use super::options::{formats, list, measure_options, row_measures, weighing};
use super::parts::part;
use super::plan::{Notices, Plan};
use super::refusals::check;
use super::sampling::Sampling;
use super::spec::{Limit, STDIO, Spec};
use crate::checks::{Check, CheckSeverity};
use crate::error::{Error, Result, choice};

/// Retries of a failed request to a store by default.
const RETRIES: usize = 10;

impl Plan {
    /// Fills in every default. Pure: nothing is read, `machine` is what there is.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the flag that is wrong or the two that contradict each other.
    pub(crate) fn resolve(spec: Spec, machine: Machine) -> Result<Self> {
        Self::resolve_to(spec, machine, Destination::asked)
    }

    /// The same with a result that goes where `place` says.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub(crate) fn resolve_to(
        spec: Spec,
        machine: Machine,
        place: fn(&Spec) -> Result<Destination>,
    ) -> Result<Self> {
        let plan = Self {
            count: CountPlan::resolve(&spec, machine)?,
            out: place(&spec)?,
            max_bad_shards: max_bad_shards(&spec)?,
            overwrite: spec.overwrite.unwrap_or(false),
            allow_empty: spec.allow_empty.unwrap_or(false),
            state: state(&spec)?,
            full: spec.full.unwrap_or(false),
            part: part(&spec)?,
            // A job writes counts; everything else is made from the counts of all jobs.
            formats: match spec.shard_count {
                Some(_) => Vec::new(),
                None => formats(&list(spec.formats.as_ref()))?,
            },
            weighing: weighing(&spec)?,
            row_measures: row_measures(&spec)?,
            measure_options: measure_options(&spec)?,
            against: spec.against.clone(),
            sampling: Sampling::asked(&spec)?,
            retries: spec.retries.unwrap_or(RETRIES),
            checks: checks(&spec)?,
            publish_on_check_failure: spec.publish_on_check_failure.unwrap_or(false),
            notices: Notices {
                summary_json: spec.summary_json.clone(),
                metrics_textfile: spec.metrics_textfile.clone(),
                openlineage: spec.openlineage.clone(),
            },
            skip_exit_code: spec.skip_exit_code,
            spec,
        };
        check(&plan)?;
        Ok(plan)
    }
}

/// `auto` is a file beside the output folder, which is replaced as a whole.
fn state(spec: &Spec) -> Result<Option<PathBuf>> {
    let is_auto = |state: &PathBuf| state.file_name().is_some_and(|name| name == "auto");
    match (&spec.state, &spec.out) {
        (Some(state), Some(out)) if is_auto(state) => match out.file_name() {
            Some(name) if name != STDIO => {
                let mut name = name.to_owned();
                name.push(".state");
                Ok(Some(out.with_file_name(name)))
            }
            _ => Err(Error::usage("--state auto is a file beside --out, which has no name")
                .hint("name a file with --state FILE")),
        },
        _ => Ok(spec.state.clone()),
    }
}

/// How many unreadable shards a run may skip; none by default.
fn max_bad_shards(spec: &Spec) -> Result<usize> {
    let skips = match spec.on_bad_shard.as_deref() {
        None => false,
        Some(text) => choice("--on-bad-shard", text, &[("fail", false), ("skip", true)])?,
    };
    match (skips, spec.max_bad_shards) {
        (false, None) => Ok(0),
        (true, Some(most)) => Ok(usize::try_from(most).unwrap_or(usize::MAX)),
        (true, None) => Err(Error::usage("--on-bad-shard skip needs --max-bad-shards N")
            .hint("N is the number of shards that may be missing from a result")),
        (false, Some(_)) => Err(Error::usage("--max-bad-shards needs --on-bad-shard skip")
            .hint("shards are skipped only if both are given")),
    }
}

fn checks(spec: &Spec) -> Result<Vec<Check>> {
    let check = |(name, limit): (&String, &Limit)| {
        let (limit, severity) = match *limit {
            Limit::Number(limit) => (limit, CheckSeverity::Error),
            Limit::With { limit, severity } => (limit, severity),
        };
        Check::named(name, limit, severity)
    };
    spec.checks.iter().map(check).collect()
}
