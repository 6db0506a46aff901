//! `posweight run`: do what a pipeline file says.

use std::path::PathBuf;

use clap::Args;

use super::print;
use super::progress::{Voice, carry_out};
use crate::error::Result;
use crate::pipeline::explain::explain;
use crate::pipeline::spec::Spec;

/// Do what a pipeline file says
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight run pipelines/labels270.toml
  posweight run nightly.toml --overwrite --quiet
  posweight run nightly.toml --emit-spec")]
pub(super) struct Run {
    /// Pipeline file; its relative paths start at its own folder
    #[arg(value_name = "PIPELINE.toml")]
    spec: PathBuf,
    /// Write here instead of where the file says
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace results that are there
    #[arg(long)]
    overwrite: bool,
    /// Keep counts of shards in this file instead of the one that the file names
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Count all shards, also those whose counts are kept
    #[arg(long)]
    full: bool,
    /// Say what becomes of every shard and why, and stop
    #[arg(long)]
    explain: bool,
    /// Publish a result that a check refuses; exit 3 all the same
    #[arg(long)]
    publish_on_check_failure: bool,
    #[command(flatten)]
    voice: Voice,
    /// Print the pipeline file with its paths resolved, and stop
    #[arg(long)]
    emit_spec: bool,
}

impl Run {
    pub(super) fn act(&self) -> Result<()> {
        let mut spec = Spec::read(&self.spec)?;
        if self.out.is_some() {
            spec.out.clone_from(&self.out);
        }
        if self.overwrite {
            spec.overwrite = Some(true);
        }
        if self.publish_on_check_failure {
            spec.publish_on_check_failure = Some(true);
        }
        if self.state.is_some() {
            spec.state.clone_from(&self.state);
        }
        if self.full {
            spec.full = Some(true);
        }
        if self.explain {
            return print(&explain(spec)?);
        }
        if self.emit_spec {
            return print(&spec.to_toml()?);
        }
        carry_out(spec, &self.voice)
    }
}
