//! From what a person asks for to a published result.
//!
//! ```text
//! flags ─┐
//!        ├▶ Spec (as written) ─▶ Plan (every default filled) ─▶ run: open ─ count ─ weigh ─ write ─ publish
//! TOML ──┘
//! ```
//!
//! [`sql`] opens a session of queries over the same sources, in which [`calls`] count as a run does.

mod account;
pub mod calls;
mod cluster;
pub mod destination;
pub mod explain;
pub mod forecast;
pub mod machine;
pub mod notices;
pub mod opening;
pub mod outputs;
pub mod parsing;
mod parts;
pub mod plan;
mod row_pass;
pub mod run;
pub mod sample;
mod sample_copies;
pub mod spec;
pub mod sql;
pub mod variables;
pub mod weigh;
