//! Files that machines read back: counts, weights, tensors, the record of a run; and how they are published.
//!
//! [`counts`] `counts.parquet` · [`weights`] `weights.parquet` and `weights.json` · [`tensors`]
//! `pos_weight.safetensors` and `.npy` · [`imbalance`] `imbalance.json`, made of [`imbalance_entries`] and read
//! back by [`saved`] · [`plan`] the rows of a sampling plan, [`plan_json`] `plan.json`, [`plan_copy`] the sampled shards ·
//! [`results`] `run_results.json`, and [`summary`], [`metrics`] and [`lineage`] made from it · [`catalog`] all files
//! of a result and what writes each · [`publish`] staging, syncing, renaming, `_SUCCESS` · [`stored`] results in
//! object stores · [`files`] what all of them share

pub mod catalog;
pub mod counts;
pub mod disk;
pub mod files;
pub mod imbalance;
pub mod imbalance_entries;
mod json;
pub mod lineage;
pub mod metrics;
pub mod plan;
pub mod plan_copy;
pub mod plan_json;
pub mod publish;
pub mod results;
pub mod saved;
pub mod stored;
pub mod summary;
pub mod table;
pub mod tensors;
pub mod weights;
