//! What the machine offers: memory, threads, and the peak this process reached.

use std::fs;

/// What a plan may assume of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Bytes of memory that this process may use: the machine's, or its cgroup's if that is less.
    pub memory: u64,
    /// Processors that this process may use.
    pub threads: usize,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub(crate) fn here() -> Self {
        const UNKNOWN: u64 = 4 << 30;
        let of_machine =
            fs::read_to_string("/proc/meminfo").ok().and_then(|text| kilobytes(&text, "MemTotal:"));
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
        let of_cgroup =
            limits.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok()).min();
        let memory = [of_machine, of_cgroup].into_iter().flatten().min().unwrap_or(UNKNOWN);
        Self { memory, threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get) }
    }
}

/// Bytes of memory that are free or can be freed, if the system says so.
#[must_use]
pub(crate) fn available_memory() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

/// Peak resident memory of this process in bytes, if the system reports it.
#[must_use]
pub(crate) fn peak_memory() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

/// The bytes of a line such as `MemTotal:  16384 kB`.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
