//! `posweight weigh`: weights from saved counts.

use std::path::PathBuf;

use clap::Args;

use super::flags;
use super::output::{print, say, terminal_lines};
use crate::error::Result;
use crate::pipeline::options::formats;
use crate::pipeline::spec::{OneOrMany, Spec};
use crate::pipeline::weigh::{Weighed, weigh};
use crate::report;

/// Merge saved counts and compute weights, without reading shards
///
/// Results must have no shard in common: their rows would count twice. What all results share stays: how values were
/// read, groups of --by, schemes and their flags. With --scheme, the flags of the old scheme are dropped.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight weigh weights/counts.parquet --scheme effective-number:beta=0.999 --out cb/
  posweight weigh train-a/ train-b/ --out both/     # results without a shard in common
  posweight weigh jobs/*/ --out weights/           # all jobs of --shard-count: the result of one run")]
pub(super) struct WeighVerb {
    /// counts.parquet files, or folders of finished runs
    #[arg(required = true, value_name = "COUNTS")]
    counts: Vec<PathBuf>,
    #[command(flatten)]
    output: flags::OutputFlags,
    #[command(flatten)]
    weights: flags::WeightFlags,
    #[command(flatten)]
    told: flags::ReportFlags,
    /// Print only errors
    #[arg(long, short)]
    quiet: bool,
}

impl WeighVerb {
    pub(super) fn act(&self) -> Result<()> {
        let mut spec = Spec::default();
        self.output.put(&mut spec);
        self.weights.put(&mut spec)?;
        self.told.put(&mut spec);
        let formats = formats(&spec.formats.as_ref().map(OneOrMany::to_vec).unwrap_or_default())?;
        let Weighed { derived, groups, source, outputs, warnings } = weigh(&self.counts, &spec, &formats)?;
        warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
        if self.quiet {
            return Ok(());
        }
        let mut text = report::text(&derived.report(source, &groups, None), terminal_lines());
        let out = spec.out.unwrap_or_default();
        let files: Vec<&str> = outputs.iter().map(|file| file.path.as_str()).collect();
        text.push_str(&format!("\n{}: {}\n", out.display(), files.join(", ")));
        print(&text)
    }
}
