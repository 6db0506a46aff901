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
//! What the group-bys add up are partial counts; pairs, of layout `long` where shards share row ids; or sets of
//! labels, for measures of rows. Rows of a sampling plan come to the client as they are.
//!
//! Why Ballista: it takes a physical plan as it is, so the plan of one machine runs on many; it starts tasks
//! of lost executors anew, and keeps what is between two stages on disk. `datafusion-distributed` streams
//! between workers and ends a query when it loses one.
//!
//! Two rules come with it. A leaf of a plan is cut for tasks only when it is a file scan; any other leaf would
//! be run by every task and counted as often, which is why pieces come from a `FileSource`. And nothing is
//! known of an executor's disk: each checks size, modification time and footer of a shard before it reads it, and
//! reads an object on the condition that it has the ETag that the client has seen.

#[cfg(feature = "cluster")]
mod ballista;
#[cfg(feature = "cluster")]
mod exchange;
#[cfg(not(feature = "cluster"))]
mod without;

#[cfg(feature = "cluster")]
pub use ballista::{Address, server};
#[cfg(feature = "cluster")]
pub(super) use ballista::{alike, count, prepare, rows, run};
#[cfg(not(feature = "cluster"))]
pub use without::Address;
#[cfg(not(feature = "cluster"))]
pub(super) use without::{alike, count, prepare, rows, run};
