//! How label columns reach whoever counts: row group by row group, from statistics, encoded pages or arrays.
//!
//! ```text
//! choice     encoded pages, or arrays for all rows
//! pieces     shards cut for threads            hive   conditions answered for whole shards
//! places     where a column lies in a shard    reads  the fewest reads of its chunks · ahead: objects read early
//! known_pages, arrays, meaning, interner
//! table, rows                                  all rows as arrays, through DataFusion
//! routes     the account: how each column was read
//! ```

mod ahead;
pub(super) mod arrays;
pub(super) mod batch;
pub(super) mod choice;
pub(super) mod chunks;
pub(super) mod demand;
pub(super) mod hive;
pub(super) mod interner;
mod known_pages;
pub(super) mod meaning;
pub(super) mod pieces;
mod places;
mod reads;
pub(super) mod routes;
pub(super) mod rows;
pub(super) mod table;
