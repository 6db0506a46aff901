//! From what a person asks for to a published result.
//!
//! ```text
//! flags ─┐
//!        ├▶ Spec (as written) ─▶ Plan (every default filled) ─▶ run: open ─ count ─ derive ─ check ─ publish
//! TOML ──┘
//! ```
//!
//! [`parsing`] reads a [`spec`], [`resolve`] makes the [`plan`] of it, [`run`] carries it out in [`stages`].
//! [`sql`] opens a session of queries over the same sources, in which [`calls`] count as a run does.

mod account;
mod call_options;
pub mod calls;
mod checking;
pub mod count_plan;
pub mod derived;
pub mod destination;
pub mod explain;
pub mod forecast;
mod label_keys;
mod label_rules;
pub mod machine;
pub mod notices;
pub mod opening;
pub mod options;
pub mod outcome;
pub mod outputs;
pub mod parsing;
mod parts;
pub mod plan;
mod refusals;
mod resolve;
mod row_pass;
pub mod run;
pub mod sample;
mod sample_copies;
pub mod sampling;
pub mod spec;
pub mod sql;
mod stages;
mod stdout;
mod timings;
mod value_rules;
pub mod variables;
pub mod weigh;
