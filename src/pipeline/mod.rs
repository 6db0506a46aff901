//! From what a person asks for to a published result.
//!
//! ```text
//! flags ─┐
//!        ├▶ Spec (as written) ─▶ Plan (every default filled) ─▶ run: open ─ count ─ derive ─ check ─ publish
//! TOML ──┘
//! ```
//!
//! [`parsing`] reads a [`spec`], [`resolve`] makes the [`plan`] of it, [`run`] carries it out in [`stages`].
//! [`apply`] gives the rows of shards columns that a result says.
//! [`sql`] opens a session of queries over the same sources, in which [`calls`] count as a run does.

mod absent_columns;
mod account;
pub(crate) mod apply;
mod call_options;
pub(crate) mod calls;
pub(crate) mod checking;
pub(crate) mod count_plan;
pub(crate) mod derived;
pub(crate) mod destination;
pub(crate) mod explain;
mod folder_columns;
pub(crate) mod forecast;
mod grouping;
mod guess;
mod hierarchy;
mod label_keys;
mod label_rules;
mod layout_flags;
pub(crate) mod machine;
mod map_columns;
pub(crate) mod notices;
mod one_pass;
pub(crate) mod opening;
pub(crate) mod options;
pub(crate) mod outcome;
pub(crate) mod outputs;
pub(crate) mod parsing;
mod overlap;
mod parts;
pub(crate) mod plan;
mod query;
mod refusals;
pub(crate) mod reopened;
mod resolve;
mod row_pass;
mod rows_of_ids;
pub(crate) mod run;
pub(crate) mod sample;
mod sample_checks;
mod sample_copies;
mod sample_text;
pub(crate) mod sampling;
pub(crate) mod simulation;
pub(crate) mod spec;
pub(crate) mod spec_keys;
pub(crate) mod sql;
mod sources;
mod stages;
mod stdout;
mod timings;
mod value_rules;
pub(crate) mod variables;
pub(crate) mod weigh;
