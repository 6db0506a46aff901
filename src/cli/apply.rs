//! `posweight apply`: shards with the weights of their rows, or with the target tensor.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::flags;
use super::output::{print, say};
use super::progress::LogFlags;
use super::signals::stopped;
use crate::error::Result;
use crate::pipeline::apply::{ApplyPlan, ApplyRequest, apply};
use crate::pipeline::machine::Machine;
use crate::pipeline::spec::{OneOrMany, Spec};
use crate::sampling::row_columns::{ADDED, AddedColumn};
use crate::threads::runtime;

/// Write shards with columns more: weights of rows by a result, or the target tensor
#[derive(Debug, Args)]
#[command(
    after_help = format!(
        "Columns and their parameters, each as NAME[:key=value,…]:
{}
Labels and values are read as the result says; a flag overrides it. Labels are matched by name.
Other columns are copied as they are.

Examples:
  posweight apply weights/ data/ --targets dense --out tensors/
  posweight apply weights/ data/ --column sample_weight:rule=max --scheme effective-number --out weighted/
  posweight apply weights/ 'data/*.parquet' --column loss_weights --targets dense --out training/
  posweight apply weights/ data/ --column fold:plan=split/ --targets dense --out training/
  producer | posweight apply weights/ - --targets dense --out - | consumer",
        ADDED.map(|(flag, name, parameters, about)| format!("  {flag} {name}: {about}\n      {parameters}\n")).concat()
    )
)]
pub(super) struct ApplyVerb {
    /// Folder of a result of compute, run, tee or weigh; or its weights.json or counts.parquet
    #[arg(value_name = "WEIGHTS")]
    weights: PathBuf,
    /// Files of Parquet, Arrow IPC, CSV or JSON lines, folders, globs, or addresses such as s3://bucket/data; - reads an Arrow IPC stream from stdin
    #[arg(required = true, value_name = "SHARDS")]
    shards: Vec<String>,
    /// Column to add: sample_weight, loss_weights or fold; repeatable
    #[arg(long, value_name = "COLUMN")]
    column: Vec<String>,
    /// Add the target tensor: dense, sparse or indices
    #[arg(long, value_name = "FORM")]
    targets: Option<String>,
    /// Take the weights of this scheme, computed from the counts of the result [default: its pos_weight]
    #[arg(long, value_name = "SCHEME")]
    scheme: Option<String>,
    #[command(flatten)]
    applied: flags::AppliedFlags,
    #[command(flatten)]
    voice: LogFlags,
}

impl ApplyVerb {
    pub(super) fn act(&self) -> Result<()> {
        self.voice.listen();
        let mut given = Spec { shards: Some(OneOrMany::Many(self.shards.clone())), ..Spec::default() };
        self.applied.put(&mut given);
        let columns = self.column.iter().map(|text| text.parse());
        let columns = columns.chain(self.targets.iter().map(|text| AddedColumn::targets(text)));
        let request = ApplyRequest {
            weights: self.weights.clone(),
            scheme: self.scheme.clone(),
            columns: columns.collect::<Result<_>>()?,
            given,
        };
        let plan = ApplyPlan::resolve(request, Machine::here())?;
        let clock = Instant::now();
        let (runtime, watcher) = (runtime(plan.threads(), "posweight")?, self.voice.watcher());
        let ended = runtime.block_on(apply(&plan, &watcher, stopped()));
        // A cancelled run must not wait for a busy decoder thread.
        runtime.shutdown_background();
        let applied = ended?;
        if self.voice.is_quiet() {
            return Ok(());
        }
        let (text, seconds) = (applied.text(), clock.elapsed().as_secs_f64());
        if let Some(out) = plan.folder() {
            return print(&format!("{text}{}: {seconds:.2} s\n", out.display()));
        }
        say(&format!("{text}{seconds:.2} s"));
        Ok(())
    }
}
