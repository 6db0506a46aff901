//! One integration binary, so that DataFusion is linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

/// Every artifact reads back, the same for any thread count and shard order.
mod artifacts;
/// Bad input: exit code, message, remedy; nothing published.
mod bad_input;
mod checks;
/// The program as a job in the cloud.
#[cfg(feature = "cloud")]
mod cloud;
/// A scheduler and two executors give the bytes of one process, also when one of them is killed.
#[cfg(feature = "cluster")]
mod cluster;
/// The same with shards in a store.
#[cfg(all(feature = "cluster", feature = "cloud"))]
mod cluster_stores;
/// Every layout and physical type gives the same counts.
mod counts;
/// README tables equal the tables of the code.
mod diff;
mod docs;
mod engines;
/// The process is killed and the disk fails at every step of writing.
mod faults;
mod fuzz;
mod generate;
/// Several jobs share the shards.
mod jobs;
/// The shape of src/.
mod layers;
/// A scheduler and executors.
#[cfg(feature = "cluster")]
mod machines;
mod memory;
/// Two runs at once, shards that change, shards that cannot be read.
mod nightly;
/// What other programs give and are told.
mod outside;
/// Pages are taken by the word of their indexes.
mod page_index;
/// Counting encoded pages equals reading arrays.
mod pages;
/// Every file of pipelines/ runs.
mod pipelines;
/// What reports tell, and the page.
mod reports;
/// The labels of rows, with their place.
mod rows;
/// A small S3 server.
#[cfg(feature = "cloud")]
mod s3;
/// sample_data/ equals its generator.
mod sample_data;
/// Plans of rows.
mod sampling;
/// Shards as plans have them.
mod sampling_copies;
/// What plans should be.
mod sampling_oracle;
/// The examples for schedulers are well-formed and say what the program does.
mod schedulers;
/// Queries: right answers, refusals, formats.
mod slt;
mod sql;
mod states;
/// Shards and results in stores that fail, delay, cut off and swap.
mod stores;
/// The same against moto.
#[cfg(feature = "cloud")]
mod stores_moto;
/// The same over HTTP.
#[cfg(feature = "cloud")]
mod stores_s3;
/// What a test is written with.
mod support;
mod writers;
