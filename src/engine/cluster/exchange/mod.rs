//! What executors send to each other and to the client, as record batches.
//!
//! [`pair_batches`] holds pairs of layout `long` · [`row_batches`] the labels of every row · [`pattern_batches`] sets
//! of labels with the number of rows that have them, which [`patterns`] collects and [`pattern_merge`] adds up

pub(super) mod pair_batches;
pub(super) mod pattern_batches;
mod pattern_merge;
mod patterns;
pub(super) mod row_batches;
