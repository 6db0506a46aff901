//! # posweight
//!
//! From sharded Parquet label columns to the loss weights and imbalance reports of a training run.
//!
//! ```text
//!  Parquet shards                                              weights.parquet · weights.json · pos_weight.safetensors · .npy
//!       │                                                                    ▲
//!    source ──▶ Layout ──▶ engine ──▶ LabelCounts ──▶ weights ──────────▶ artifact
//!    which files,          DataFusion:  the one value   ├─▶ measures ──┐
//!    which columns,        scan, group, per label:      └─▶ findings ──┴▶ report ──▶ html · md · text
//!    what values mean      spill        pos neg unc
//!       └────────────────────── pipeline: Spec ─▶ Plan ─▶ run ─────────────────┘
//! ```
//!
//! Left of [`counts::LabelCounts`]: data without limit, files, async code. Right of it: C small rows and
//! pure functions. Counts are saved and merge exactly, so weights and reports are made again without
//! reading a shard twice.
//!
//! What holds everywhere:
//!
//! * **Order.** Vector position i is label i of the target tensor: columns as given, list position,
//!   index, or vocabulary order; a label that never occurs keeps its place.
//! * **Conservation.** Positives, negatives, uncertain, missing and invalid of a label add up to the rows.
//! * **Finite.** No weight is ever infinite or NaN; a label without both sides gets the policy's value,
//!   a status and a finding.
//! * **Same bytes.** Same inputs, spec and version give the same bytes, whatever the threads, the memory
//!   limit or the order of shards; times are in `run_results.json` alone.
//! * **All or nothing.** A result is published whole, or the previous one stays.
//!
//! The modules, lowest layer first; each names only modules below it.

#[doc = include_str!("planning.md")]
pub mod planning {}

pub mod artifact;
pub mod checks;
pub mod cli;
pub mod consequences;
pub mod cooccurrence;
pub mod counts;
pub mod drift;
pub mod engine;
pub mod error;
pub mod findings;
pub mod groups;
pub mod guard;
pub mod label_sets;
pub mod measures;
pub mod pages;
pub mod pipeline;
pub mod posterior;
pub mod report;
pub mod row_measures;
pub mod sampling;
mod scratch;
pub mod source;
pub mod store;
mod threads;
pub mod weights;
