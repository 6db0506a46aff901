//! Files that machines read back: counts, weights, tensors, the record of a run; and how they are published.
//!
//! [`counts`] `counts.parquet`, with its [`provenance`] · [`weights`] `weights.parquet` and `weights.json` · [`tensors`]
//! `pos_weight.safetensors` and `.npy` · [`imbalance`] `imbalance.json`, made of [`imbalance_entries`] and read
//! back by [`saved`] · [`plan`] the rows of a sampling plan, [`plan_json`] `plan.json`, [`plan_folds`] its folds read back, [`plan_copy`] the sampled shards,
//! [`appended`] shards with columns more ·
//! [`results`] `run_results.json`, and [`summary`], [`metrics`] and [`lineage`] made from it, [`side`] where a
//! person wants them · [`catalog`] all files
//! of a result and what writes each · [`publish`] staging, syncing, renaming, `_SUCCESS` · [`stored`] results in
//! object stores · [`files`] what all of them share

pub(crate) mod appended;
pub(crate) mod catalog;
pub(crate) mod counts;
pub(crate) mod disk;
pub(crate) mod files;
pub(crate) mod imbalance;
pub(crate) mod imbalance_entries;
mod json;
pub(crate) mod lineage;
pub(crate) mod metrics;
pub(crate) mod plan;
pub(crate) mod plan_copy;
pub(crate) mod plan_folds;
pub(crate) mod plan_json;
pub(crate) mod provenance;
pub(crate) mod publish;
pub(crate) mod results;
pub(crate) mod saved;
pub(crate) mod side;
pub(crate) mod stored;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod tensors;
pub(crate) mod weights;
