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
  posweight sample data/ --plan repeat-factor --plan ml-ros --dry-run      # what they would do, side by side
  posweight sample data/ --plan ml-ros:percent=25 --seed 7 --out plan/
  posweight sample data/ --plan stratified-split:train=0.8,test=0.2 --materialize --out split/")]
pub(super) struct SampleVerb {
    /// Files of Parquet, Arrow IPC, CSV or JSON lines, folders, globs, or addresses such as s3://bucket/data; - reads an Arrow IPC stream from stdin
    #[arg(required = true, value_name = "SHARDS")]
    shards: Vec<String>,
    #[command(flatten)]
    sampling: SamplingFlags,
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

/// A sampling plan.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sampling plan")]
struct SamplingFlags {
    /// Sampling plan NAME[:key=value,…]; with --dry-run repeatable, to compare plans
    #[arg(long, value_name = "PLAN", required = true)]
    plan: Vec<String>,
    /// Keep the rows with one value of this column, such as a patient or a document, in one fold
    #[arg(long, value_name = "COL")]
    groups: Option<String>,
    /// Name of the folders of folds that --materialize writes, NAME=FOLD [default: fold]
    #[arg(long, value_name = "NAME")]
    fold_column: Option<String>,
    /// Random seed; the same seed gives the same plan [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Epoch number; every epoch draws anew [default: 0]
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// Also write the shards with the plan applied: rows repeated, dropped, or in one folder per fold
    #[arg(long)]
    materialize: bool,
    /// Print what the plan would do, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl SamplingFlags {
    fn put(&self, spec: &mut Spec) {
        spec.plan = match self.plan.as_slice() {
            [one] => Some(OneOrMany::One(one.clone())),
            many => Some(OneOrMany::Many(many.to_vec())),
        };
        spec.groups.clone_from(&self.groups);
        spec.fold_column.clone_from(&self.fold_column);
        spec.seed = self.seed;
        spec.epoch = self.epoch;
        spec.materialize = self.materialize.then_some(true);
        spec.dry_run = self.dry_run.then_some(true);
    }
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
