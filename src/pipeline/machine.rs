//! What the machine offers: memory, threads, and the peak this process reached.

use std::fs;

/// What a plan may assume of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Bytes of memory that this process may use: the machine's, or its cgroup's if that is less.
    pub memory: u64,
    /// Processors that this process may use.
    pub threads: usize,
    /// Bytes of addresses that this process may still take, if that is limited (`ulimit -v`).
    pub addresses: Option<u64>,
    /// Most arenas that the allocator keeps: each takes addresses whether it is full or not.
    pub arenas: u64,
}

impl Machine {
    /// This machine, for a process that has it to itself.
    #[must_use]
    pub(crate) fn here() -> Self {
        let of_cgroup = CGROUPS.iter().filter_map(|cgroup| number(cgroup.limit)).min();
        Self::with(meminfo("MemTotal:"), of_cgroup)
    }

    /// What is left of this machine, for a run inside another program.
    #[must_use]
    pub(crate) fn left() -> Self {
        let of_cgroup = CGROUPS.iter().filter_map(Cgroup::left).min();
        let left = Self::with(meminfo("MemAvailable:"), of_cgroup);
        Self { memory: left.memory.max(LEAST), ..left }
    }

    fn with(of_machine: Option<u64>, of_cgroup: Option<u64>) -> Self {
        const UNKNOWN: u64 = 4 << 30;
        let memory = [of_machine, of_cgroup].into_iter().flatten().min().unwrap_or(UNKNOWN);
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { memory, threads, addresses: addresses_left(), arenas: arenas(threads) }
    }
}

/// What a run is given where little is left: its share of this is the smallest limit that any run keeps.
const LEAST: u64 = 280 << 20;

/// Where the system says what a group of processes may use, and what it uses.
struct Cgroup {
    limit: &'static str,
    used: &'static str,
    /// Has the line `inactive_file`: files in memory that make room when they must.
    files: &'static str,
}

const CGROUPS: [Cgroup; 2] = [
    Cgroup {
        limit: "/sys/fs/cgroup/memory.max",
        used: "/sys/fs/cgroup/memory.current",
        files: "/sys/fs/cgroup/memory.stat",
    },
    Cgroup {
        limit: "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        used: "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        files: "/sys/fs/cgroup/memory/memory.stat",
    },
];

impl Cgroup {
    /// Bytes that the group may still take.
    fn left(&self) -> Option<u64> {
        let files = fs::read_to_string(self.files).unwrap_or_default();
        let files = files.lines().find_map(|line| line.strip_prefix("inactive_file "));
        let files: u64 = files.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Some(number(self.limit)?.saturating_sub(number(self.used)?.saturating_sub(files)))
    }
}

/// The number that is all a file holds.
fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The bytes of a line of the system's account of its memory.
fn meminfo(key: &str) -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, key)
}

/// Bytes of addresses that this process may still take; `None` without a limit.
fn addresses_left() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "VmSize:")?))
}

/// Most arenas of the allocator on so many processors; `MALLOC_ARENA_MAX` says another number.
/// Source: the GNU C library's manual, "Malloc Tunable Parameters".
fn arenas(processors: usize) -> u64 {
    const PER_PROCESSOR: u64 = 8;
    if !cfg!(target_env = "gnu") {
        return 0;
    }
    let said = std::env::var("MALLOC_ARENA_MAX").ok().and_then(|text| text.trim().parse().ok());
    said.filter(|most| *most > 0).unwrap_or(PER_PROCESSOR * processors as u64)
}

/// Bytes of memory that are free or can be freed, if the system says so.
#[must_use]
pub(crate) fn available_memory() -> Option<u64> {
    meminfo("MemAvailable:")
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
