//! Flags about the files that are read.

use clap::Args;

use crate::pipeline::spec::Spec;

/// Which files are read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Source")]
pub(super) struct SourceFlags {
    /// Count the files of a Delta Lake, Iceberg or Hudi table as they lie, with deleted and replaced rows
    #[arg(long)]
    as_files: bool,
    #[command(flatten)]
    version: VersionFlags,
    /// Count the rows of this query over the table shards, such as SELECT id, unnest(tags) AS tag FROM shards
    #[arg(long, value_name = "SQL", allow_hyphen_values = true)]
    query: Option<String>,
}

/// Which version of a table is read.
#[derive(Debug, Clone, Args)]
pub(super) struct VersionFlags {
    /// Read this version of a Delta Lake table, or this snapshot of an Iceberg table [default: the newest]
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with = "as_files")]
    table_version: Option<i64>,
    /// Read the version of a table that was the newest at this time, such as '2026-11-29 12:00:00' (UTC)
    #[arg(long, value_name = "TIME", conflicts_with_all = ["as_files", "table_version"])]
    table_timestamp: Option<String>,
}

impl VersionFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.table_version = self.table_version;
        spec.table_timestamp.clone_from(&self.table_timestamp);
    }
}

impl SourceFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.as_files = self.as_files.then_some(true);
        self.version.put(spec);
        spec.query.clone_from(&self.query);
    }
}
