//! [`order`] is the message to executors: what to do, with which [`pinned_shard`]s; [`codec`] puts it into a plan, once
//! for all tasks by [`recent_orders`] ·
//! [`source`] is the scan, [`piece`] the work of one task · [`grouping`] adds the [`merge`]s, and for patterns a group-by
//! whose sums are a [`total`] · [`client`] counts: a [`cluster_job`] cuts shards into pieces by its [`job_size`],
//! [`state_job`] saves counts of shards, [`job`] sends a plan by way of [`connect`] and waits for it, [`waiting`] warns
//! while there is no executor · [`queries`] runs SQL, [`files`] pins the shards of its scans · [`failure`] returns errors,
//! as [`hex`] text · [`server`] is the scheduler, which names jobs by [`job_ids`], and the executor, which runs [`tasks`]
//! and reuses [`connections`], with [`tls`] where there is a token; [`account`] is what a job took · [`log`] forwards the
//! log of Ballista · [`message_size`] bounds all messages

mod account;
mod client;
mod cluster_job;
mod codec;
mod connect;
mod connections;
mod failure;
mod files;
mod grouping;
mod hex;
mod job;
mod job_ids;
mod job_size;
mod log;
mod merge;
mod message_size;
mod order;
mod piece;
mod pinned_shard;
mod queries;
mod recent_orders;
pub(crate) mod server;
mod source;
mod state_job;
mod tasks;
mod tls;
mod total;
mod waiting;

pub(in crate::engine) use client::{count, patterns, rows};
pub(in crate::engine) use queries::{prepare, run};
