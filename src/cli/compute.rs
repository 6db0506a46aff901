//! `posweight compute`: from shards to weights, measures and report.

use clap::Args;

use super::flags;
use super::output::print;
use super::progress::{LogFlags, carry_out};
use super::result_flags::ResultFlags;
use crate::error::Result;
use crate::pipeline::spec::{OneOrMany, Spec};

/// Count labels in shards; write weights, measures and a report
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight compute data/train/ --out weights/
  posweight compute 'data/*.parquet' --labels 'l*' --scheme sqrt --clip 0,100 --out weights/
  posweight compute data/ --layout list --labels tags --vocabulary names.txt --by split --out w/")]
pub(super) struct ComputeVerb {
    /// Files of Parquet, Arrow IPC, CSV or JSON lines, folders, globs, or addresses such as s3://bucket/data; - reads an Arrow IPC stream from stdin
    #[arg(required = true, value_name = "SHARDS")]
    shards: Vec<String>,
    #[command(flatten)]
    result: ResultFlags,
    #[command(flatten)]
    jobs: flags::JobFlags,
    /// Format of --out -: json or arrow [default: json]
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    #[command(flatten)]
    voice: LogFlags,
    /// Print the equivalent pipeline file and exit
    #[arg(long)]
    emit_spec: bool,
}

impl ComputeVerb {
    pub(super) fn act(&self) -> Result<u8> {
        let mut spec = Spec { shards: Some(OneOrMany::Many(self.shards.clone())), ..Spec::default() };
        self.result.put(&mut spec)?;
        self.jobs.put(&mut spec);
        spec.format.clone_from(&self.format);
        if self.emit_spec {
            return print(&spec.to_toml()?).map(|()| 0);
        }
        carry_out(spec, &self.voice)
    }
}
