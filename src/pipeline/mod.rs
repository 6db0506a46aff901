//! From what a person asks for to a published result.
//!
//! ```text
//! flags ─┐
//!        ├▶ Spec (as written) ─▶ Plan (every default filled) ─▶ run: open ─ count ─ weigh ─ write ─ publish
//! TOML ──┘
//! ```

pub mod machine;
pub mod opening;
pub mod outputs;
pub mod plan;
pub mod run;
pub mod spec;
pub mod weigh;
