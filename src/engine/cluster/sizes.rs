//! Into how many tasks and parts a job on a cluster is cut.

/// Target for the bytes of label columns that one task reads.
pub(crate) const TASK_BYTES: u64 = 64 << 20;
/// Least number of tasks, where there are as many shards, and largest number.
pub(crate) const TASKS: [u64; 2] = [32, 4096];
/// Counts of labels that the client adds up by itself; executors merge more, about so many per task.
pub(crate) const COUNTS: u64 = 1 << 22;
/// Largest number of tasks that merge.
const MERGES: u64 = 256;

/// Parts of about `each` out of `all`.
pub(crate) fn parts(all: u64, each: u64) -> u64 {
    all.div_ceil(each).clamp(1, MERGES)
}
