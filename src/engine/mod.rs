//! The only place that names DataFusion: from shards and a [`Counting`](counting::Counting) to counts.
//!
//! ```text
//! encoded:  DataSourceExec(CountSource) ──────────────────────┐
//! plain:    DataSourceExec ─▶ FilterExec? ─▶ PartialCountsExec ┴▶ group by label, where names are open ─▶ Collector
//! ```
//!
//! [`session`] sets memory, spilling and threads · [`table`] makes shards of a [`dataset`] a table,
//! `objects` reads those in stores for it · [`query`] turns a
//! layout into a plan and runs it · [`scan`] counts encoded pages · [`hive`] answers conditions for whole
//! shards · [`plain`] counts Arrow arrays · [`partial`] is what scans give ·
//! [`collect`] merges it · [`long`] is the layout whose rows are spread over many, and
//! [`pairs`] counts them · `budget` shares memory between a query and its counts · [`pieces`] cuts shards for threads · [`spill`] keeps what does not fit ·
//! [`rows`] gives the labels of rows, [`sampling`] plans them · [`states`] keeps counts of shards from run to run, [`by_shard`] counts for it ·
//! [`sql`] answers queries, with the [`functions`] of labels · [`cluster`] does the same on many machines

mod budget;
mod by_shard;
pub mod cluster;
mod collect;
pub mod counting;
mod dataset;
mod diagnose;
pub mod functions;
mod hive;
mod long;
mod named;
mod objects;
mod pairs;
mod partial;
mod partial_exec;
mod pieces;
mod plain;
mod pool;
mod query;
pub mod rows;
pub mod sampling;
mod scan;
pub mod scheduler_address;
pub mod session;
mod spill;
pub mod sql;
pub mod states;
mod table;
mod watchdog;

pub use by_shard::{fates, shared};
pub use collect::{Counted, GroupKey, Way};
pub use partial_exec::Progress;
pub use query::{Dataset, count, count_readable, outlook};
pub use scan::{ColumnPath, Demand, demand};
pub use spill::Spilled;
