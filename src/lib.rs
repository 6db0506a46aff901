//! # posweight
//!
//! Turns the label columns of sharded Parquet data into the loss weights of a training run and a report on label
//! imbalance. [`docs`] has one page per subject.
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
//! Left of `counts::LabelCounts`: data of any size, files, async code. Right of it: C small rows and pure
//! functions. Counts are saved and merge exactly, so weights and reports can be computed again without reading a
//! shard twice.
//!
//! Invariants:
//!
//! * **Order.** Vector position i is label i of the target tensor: columns as given, list position, index, or
//!   vocabulary order; a label that never occurs keeps its place.
//! * **Conservation.** Positives, negatives, uncertain, missing and invalid of a label add up to the rows.
//! * **Finite.** No weight is ever infinite or NaN; a label without positives or without negatives gets the value of
//!   `weights::Policy`, a status and a finding.
//! * **Same bytes.** Same inputs, spec and version give the same bytes, whatever the threads, the memory limit or the
//!   order of shards; only `run_results.json` contains times.
//! * **All or nothing.** A result is published completely, or the previous one stays.
//!
//! The modules below are in the order of layers, the lowest first; each names only modules of lower layers.

pub mod error;
mod guard;
mod label_sets;
mod letter_case;
mod posterior;
mod scratch;
mod sql_text;
mod threads;

mod counts;
mod cooccurrence;

mod weights;
mod measures;
mod row_measures;

mod consequences;
mod groups;
mod drift;
mod sampling;

mod findings;

mod checks;

mod pages;
mod store;

mod report;

mod artifact;

mod source;

mod engine;

mod pipeline;

pub mod library;

pub mod cli;

pub use library::{Computed, Options, compute};

pub use engine::functions::register as register_functions;

#[doc(hidden)]
pub mod testing;

/// The pages of the documentation, one module each.
pub mod docs {
    #[doc = include_str!("docs/labels.md")]
    pub mod labels {}

    #[doc = include_str!("docs/schemes.md")]
    pub mod schemes {}

    #[doc = include_str!("docs/sampling.md")]
    pub mod sampling {}

    #[doc = include_str!("docs/apply.md")]
    pub mod apply {}

    #[doc = include_str!("docs/python.md")]
    pub mod python {}

    #[doc = include_str!("docs/sql.md")]
    pub mod sql {}

    #[doc = include_str!("docs/incremental.md")]
    pub mod incremental {}

    #[doc = include_str!("docs/streams.md")]
    pub mod streams {}

    #[doc = include_str!("docs/stores.md")]
    pub mod stores {}

    #[doc = include_str!("docs/cluster.md")]
    pub mod cluster {}

    #[doc = include_str!("docs/performance.md")]
    pub mod performance {}

    #[doc = include_str!("docs/planning.md")]
    pub mod planning {}

    #[doc = include_str!("docs/changelog.md")]
    pub mod changelog {}
}
