//! What a run on a cluster cannot be asked for.

use super::plan::Plan;
use super::spec::STDIO;
use crate::error::{Error, Result};

/// Refuses what is for one machine, where a cluster counts.
pub(super) fn check(plan: &Plan) -> Result<()> {
    if plan.limits.cluster.is_none() {
        return Ok(());
    }
    if plan.state.is_some() {
        return Err(Error::usage("--state keeps counts of single shards, which --cluster adds up")
            .hint("drop one of the two"));
    }
    if plan.part.is_some() {
        return Err(Error::usage("--shard-index shares shards among jobs, --cluster among executors")
            .hint("drop one of the two"));
    }
    if plan.sources.iter().any(|source| source == STDIO) {
        return Err(Error::usage("--cluster: executors do not see a stream on stdin")
            .hint("name files, folders or globs that executors see too"));
    }
    Ok(())
}
