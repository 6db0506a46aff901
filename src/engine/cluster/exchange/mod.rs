//! What executors send to each other and to the client, as record batches.
//!
//! [`blocks`] are bytes of any kind, and [`count_blocks`] those with counts of labels · [`row_batches`] the labels of every row · [`pattern_batches`] sets
//! of labels with the number of rows that have them, which [`patterns`] collects and [`pattern_merge`] adds up

pub(super) mod blocks;
pub(super) mod count_blocks;
pub(super) mod pattern_batches;
mod pattern_merge;
mod patterns;
pub(super) mod row_batches;
