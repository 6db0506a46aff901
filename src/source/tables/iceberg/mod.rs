//! Iceberg tables.
//!
//! ```text
//! catalog ─▶ metadata.json ─▶ snapshot ─▶ manifest list ─▶ manifests ─▶ data files, files of deleted rows
//! ```

mod avro;
mod catalog;
mod deletes;
mod manifest;
mod metadata;
mod table;

pub(super) use catalog::newest_metadata_of;
pub(super) use table::IcebergTable;
