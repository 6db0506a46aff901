//! Counting on many machines, by a scheduler and executors of Apache Ballista (cargo feature `cluster`).
//!
//! ```text
//! client      lists shards, reads footers, cuts pieces
//!    │  a physical plan, no rows
//! scheduler   one task per list of pieces; tasks of an executor that is lost are given to others
//!    │
//! executors   DataSourceExec(PieceSource) ─▶ partial group-by ─▶ shuffle ─▶ group-by ─▶ client: Collector
//!               Piece: the shard is opened, checked and counted as on one machine
//! ```
//!
//! [`address`] says where the scheduler is · [`order`] is what executors are told, [`codec`] brings it there ·
//! [`source`] is the scan, [`piece`] counts for it · [`grouping`] puts the group-bys on top · [`client`] cuts
//! shards into pieces and reads what comes of them · [`job`] sends a plan and waits for it · [`queries`] does so
//! for SQL · [`failure`] brings errors back · [`server`] is the scheduler and an executor, which runs [`tasks`]
//! and keeps [`connections`]
//!
//! Why Ballista: it takes a physical plan as it is, so the plan of one machine runs on many; it starts tasks
//! of lost executors anew, and keeps what is between two stages on disk. `datafusion-distributed` streams
//! between workers and ends a query when it loses one.
//!
//! Two rules come with it. A leaf of a plan is cut for tasks only when it is a file scan; any other leaf would
//! be run by every task and counted as often, which is why pieces come from a `FileSource`. And nothing is
//! known of an executor's disk: each checks size, modification time and footer of a shard before it counts.

mod address;
#[cfg(feature = "cluster")]
mod client;
#[cfg(feature = "cluster")]
mod codec;
#[cfg(feature = "cluster")]
mod connections;
#[cfg(feature = "cluster")]
mod failure;
#[cfg(feature = "cluster")]
mod grouping;
#[cfg(feature = "cluster")]
mod job;
#[cfg(feature = "cluster")]
mod log;
#[cfg(feature = "cluster")]
mod order;
#[cfg(feature = "cluster")]
mod piece;
#[cfg(feature = "cluster")]
mod queries;
#[cfg(feature = "cluster")]
pub mod server;
#[cfg(feature = "cluster")]
mod source;
#[cfg(feature = "cluster")]
mod tasks;
#[cfg(not(feature = "cluster"))]
mod without;

pub use address::Address;
#[cfg(feature = "cluster")]
pub(super) use client::{alike, count};
#[cfg(feature = "cluster")]
pub(super) use queries::{prepare, run};
#[cfg(not(feature = "cluster"))]
pub(super) use without::{alike, count, prepare, run};
