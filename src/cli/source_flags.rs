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
    /// Count the rows of this query over the table shards, such as SELECT id, unnest(tags) AS tag FROM shards
    #[arg(long, value_name = "SQL")]
    query: Option<String>,
}

impl SourceFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.as_files = self.as_files.then_some(true);
        spec.query.clone_from(&self.query);
    }
}
