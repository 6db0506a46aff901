//! The machines of a simulation, and what they may wait for.

/// What a stage waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Threads that count.
    Processor,
    /// The network of each executor.
    Bandwidth,
    /// Requests per second of the store.
    Requests,
    /// Requests of one client, one after the other.
    Latency,
    /// Starting tasks.
    Overhead,
    /// There are more threads than tasks.
    Tasks,
    /// All executors are lost.
    Executors,
}

impl Bound {
    pub(super) const ALL: [Self; 7] = [
        Self::Processor,
        Self::Bandwidth,
        Self::Requests,
        Self::Latency,
        Self::Overhead,
        Self::Tasks,
        Self::Executors,
    ];

    /// What it is, and what would help.
    #[must_use]
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Processor => "processors: more executors help",
            Self::Bandwidth => "network of the executors: more executors help",
            Self::Requests => {
                "requests per second of the store: spread shards over prefixes, or write larger row groups"
            }
            Self::Latency => "requests of the client: fewer, larger shards help",
            Self::Overhead => "starting tasks: fewer, larger tasks help",
            Self::Tasks => "the number of tasks: more executors do not help",
            Self::Executors => "no executor is left",
        }
    }
}

/// What the network and the store give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Network {
    /// Seconds until a request is answered.
    pub(crate) latency: f64,
    /// Bytes per second of one machine.
    pub(crate) bandwidth: f64,
    /// Requests per second of the store, for all machines together.
    pub(crate) requests_per_second: f64,
}

/// The machines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fleet {
    pub(crate) executors: u64,
    /// Threads of each.
    pub(crate) threads: u64,
    /// Executors that are lost when half of the counting is done.
    pub(crate) lost: u64,
    /// Seconds until the scheduler knows that.
    pub(crate) timeout: f64,
}
