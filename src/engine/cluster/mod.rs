//! Counting on many machines, with a scheduler and executors of Apache Ballista (cargo feature `cluster`).
//!
//! ```text
//! client      lists shards, reads footers, cuts shards into pieces
//!    │  a physical plan, no rows
//! scheduler   one task per list of pieces; gives the tasks of a lost executor to others
//!    │
//! executors   DataSourceExec(PieceSource) ─▶ blocks of counts ─▶ client: Collector
//!               PieceTask: opens, checks and counts its shards as one machine does
//!                                         ─▶ shuffle ─▶ MergeExec ─▶ where there are millions of counts
//! ```
//!
//! For layout `long`, where shards share row ids, blocks hold pairs, which are shuffled by their ids, and a merge counts
//! those of a part of the ids. For row measures, a group-by adds up sets of labels. Rows of a sampling plan reach the
//! client unchanged.
//!
//! Why Ballista: it accepts a physical plan, so the plan of one machine runs on many; it restarts the tasks of lost
//! executors, and writes the output of each stage to disk. `datafusion-distributed` streams between workers and
//! fails a query when a worker is lost.
//!
//! Two rules follow. Ballista splits a leaf of a plan into tasks only when the leaf is a file scan; every task would
//! run any other leaf as a whole and count its rows again, so pieces come from a `FileSource`. And an executor may
//! see another disk than the client: each executor checks size, modification time and footer of a shard before it
//! reads the shard, and reads an object only while it has the ETag that the client saw.

#[cfg(feature = "cluster")]
mod ballista;
#[cfg(feature = "cluster")]
mod exchange;
pub(crate) mod sizes;
#[cfg(not(feature = "cluster"))]
mod without;

#[cfg(feature = "cluster")]
pub(crate) use ballista::server;
#[cfg(feature = "cluster")]
pub(super) use ballista::{count, patterns, prepare, rows, run};
#[cfg(not(feature = "cluster"))]
pub(super) use without::{count, patterns, prepare, rows, run};
