//! Into how many tasks and parts a job on a cluster is cut.

/// Target for the bytes of label columns that one task reads.
const TASK_BYTES: u64 = 64 << 20;
/// Target for the values that it counts, where they take few bytes.
const TASK_VALUES: u64 = 1 << 30;
/// Least number of tasks, where there are as many shards, and largest number. A task takes some milliseconds beside
/// what it counts, so a small job is not cut into many.
const TASKS: [u64; 2] = [8, 4096];
/// Counts of labels that the client adds up by itself; executors merge more, about so many per task.
pub(crate) const COUNTS: u64 = 1 << 22;
/// Largest number of tasks that merge.
const MERGES: u64 = 256;

/// Tasks that read so many bytes and values of label columns of so many shards.
pub(crate) fn tasks(shards: u64, bytes: u64, values: u64) -> u64 {
    let [least, most] = TASKS;
    (bytes / TASK_BYTES).max(values / TASK_VALUES).clamp(least.min(shards), most)
}

/// Parts of about `each` out of `all`.
pub(crate) fn parts(all: u64, each: u64) -> u64 {
    all.div_ceil(each).clamp(1, MERGES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_jobs_have_few_tasks_and_large_ones_many() {
        let of = |shards, megabytes: u64, values| tasks(shards, megabytes << 20, values);
        assert_eq!((of(1, 1, 10), of(3, 1, 10), of(16, 1, 10)), (1, 3, 8));
        // Sixteen million rows of 270 labels in few bytes, or in many.
        assert_eq!((of(16, 250, 4_320_000_000), of(16, 6400, 4_320_000_000)), (8, 100));
        assert_eq!((of(16, 250, 1 << 36), of(100_000, 30_000_000, 1 << 43)), (64, 4096));
    }
}
