//! Counting: which way, one pass or shard by shard, and what partial counts come to.
//!
//! ```text
//! dispatch   here or on a cluster; again without unreadable shards
//! heads      several class columns, one after the other
//! by_shard   shard by shard, with counts kept in states
//! pass       one pass: a plan of partial counts ─▶ merge, where labels are known by name only ─▶ collect
//! bad_cell   the row of a cell that holds no labels
//! diagnose   which shards a failed scan could not read
//! ```

mod bad_cell;
pub(super) mod by_shard;
pub(super) mod collect;
pub(super) mod diagnose;
pub(super) mod dispatch;
pub(super) mod heads;
mod merge;
mod named;
pub(super) mod pass;
pub(crate) mod states;
