//! The only place that names DataFusion: from shards and a [`Counting`](counting::Counting) to counts.
//!
//! ```text
//! DataSourceExec ─▶ FilterExec? ─▶ PartialCountsExec ─▶ group by label, where names are open ─▶ Collector
//! ```
//!
//! [`session`] sets memory, spilling and threads · [`table`] makes shards a table · [`query`] turns a
//! layout into a plan and runs it · [`plain`] counts Arrow arrays · [`partial`] is what scans give ·
//! [`collect`] merges it · [`long`] is the layout whose rows are spread over many.

mod collect;
pub mod counting;
mod diagnose;
mod long;
mod partial;
mod partial_exec;
mod plain;
mod query;
pub mod session;
mod table;

pub use collect::{Counted, GroupKey};
pub use partial_exec::Progress;
pub use query::{Dataset, count};
