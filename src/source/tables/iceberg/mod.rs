//! Iceberg tables.
//!
//! ```text
//! metadata.json ─▶ snapshot ─▶ manifest list ─▶ manifests ─▶ data files, files of deleted rows
//! ```

mod avro;
mod deletes;
mod manifest;
mod metadata;
mod table;

pub(super) use table::IcebergTable;
