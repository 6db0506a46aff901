//! [`address`] says where the scheduler is · [`order`] is what executors are told, [`codec`] brings it there ·
//! [`source`] is the scan, [`piece`] counts for it · [`grouping`] puts the group-bys on top, with sums that are a
//! [`total`] · [`client`] cuts shards into pieces and reads what comes of them · [`job`] sends a plan and waits for
//! it, [`waiting`] for executors · [`queries`] does so for SQL, [`files`] brings along what was seen of shards ·
//! [`failure`] brings errors back, as [`digits`] · [`server`] is the scheduler and an executor, which runs [`tasks`]
//! and keeps [`connections`]; [`log`] passes on what Ballista says

mod address;
mod client;
mod codec;
mod connections;
mod digits;
mod failure;
mod files;
mod grouping;
mod job;
mod log;
mod order;
mod piece;
mod queries;
pub mod server;
mod source;
mod tasks;
mod total;
mod waiting;

pub use address::Address;
pub(in crate::engine) use client::{alike, count, rows};
pub(in crate::engine) use queries::{prepare, run};
