//! `posweight sample`: how often each row occurs in an epoch, or to which fold it belongs.

use clap::Args;

use super::flags;
use super::output::print;
use super::progress::{LogFlags, carry_out};
use crate::error::Result;
use crate::pipeline::spec::{OneOrMany, Spec};

/// Plan how often each row occurs in an epoch, or to which fold it belongs
#[derive(Debug, Args)]
#[command(after_help = "Plans and their parameters: posweight list plans

Examples:
  posweight sample data/ --plan repeat-factor:threshold=0.01 --dry-run     # what it would do
  posweight sample data/ --plan ml-ros:percent=25 --seed 7 --out plan/
  posweight sample data/ --plan stratified-split:train=0.8,test=0.2 --materialize --out split/")]
pub(super) struct SampleVerb {
    /// Files of Parquet, Arrow IPC, CSV or JSON lines, folders, globs, or addresses such as s3://bucket/data; - reads an Arrow IPC stream from stdin
    #[arg(required = true, value_name = "SHARDS")]
    shards: Vec<String>,
    #[command(flatten)]
    sampling: flags::SamplingFlags,
    #[command(flatten)]
    counted: flags::CountFlags,
    #[command(flatten)]
    running: flags::RunFlags,
    #[command(flatten)]
    voice: LogFlags,
    /// Print the equivalent pipeline file and exit
    #[arg(long)]
    emit_spec: bool,
}

impl SampleVerb {
    pub(super) fn act(&self) -> Result<u8> {
        let mut spec = Spec { shards: Some(OneOrMany::Many(self.shards.clone())), ..Spec::default() };
        self.sampling.put(&mut spec);
        self.counted.put(&mut spec);
        self.running.put(&mut spec);
        if self.emit_spec {
            return print(&spec.to_toml()?).map(|()| 0);
        }
        carry_out(spec, &self.voice)
    }
}
