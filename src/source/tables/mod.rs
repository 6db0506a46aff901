//! Tables: which files are live in one version, which of their rows are deleted, and what their columns are called.
//!
//! ```text
//! at ─▶ open ─▶ delta · iceberg ─▶ Table: live files, deleted rows, columns
//!                                    listing: one shard for each file
//!                                    footer:  the columns of a file as the table names them
//! ```

pub(crate) mod at;
pub(crate) mod columns;
pub(crate) mod deleted_rows;
#[cfg(feature = "delta")]
mod delta;
pub(crate) mod footer;
#[cfg(feature = "iceberg")]
mod iceberg;
pub(crate) mod open;
#[cfg(any(feature = "delta", feature = "iceberg"))]
mod root;
pub(crate) mod table;
#[cfg(any(feature = "delta", feature = "iceberg"))]
mod types;
