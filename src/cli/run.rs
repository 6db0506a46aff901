//! `posweight run`: runs a pipeline file.

use std::path::PathBuf;

use clap::Args;

use super::flags::{self, set};
use super::output::print;
use super::progress::{LogFlags, carry_out};
use crate::error::Result;
use crate::pipeline::explain::explain;
use crate::pipeline::parsing::read;
use crate::pipeline::variables::Variables;

/// Run a pipeline file
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight run pipelines/labels270.toml
  posweight run nightly.toml --explain         # per shard: read or not, and why
  posweight run nightly.toml --set date=2026-11-01 --skip-exit-code 99")]
pub(super) struct RunVerb {
    /// Pipeline file; its relative paths start at the folder of the file
    #[arg(value_name = "PIPELINE.toml")]
    spec: PathBuf,
    /// Folder for the results, instead of the file's; - writes only the weights, to stdout
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Format of --out -: json or arrow [default: json]
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Replace existing results
    #[arg(long)]
    overwrite: bool,
    /// Count on the cluster whose scheduler is at df://HOST:PORT
    #[arg(long, value_name = "URL")]
    cluster: Option<String>,
    /// Value of ${NAME} in the file; overrides the environment
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Print what would happen to each shard and why, and exit
    #[arg(long)]
    explain: bool,
    /// Publish even if a check fails; still exit with code 3
    #[arg(long)]
    publish_on_check_failure: bool,
    /// What to do with a shard that cannot be read: fail or skip
    #[arg(long, value_name = "WHAT")]
    on_bad_shard: Option<String>,
    /// Maximum number of skipped shards
    #[arg(long, value_name = "N")]
    max_bad_shards: Option<u64>,
    /// Peak memory, such as 512m [default: 60 % of the machine]
    #[arg(long, value_name = "SIZE")]
    memory_limit: Option<String>,
    /// Number of counting threads [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// How often to retry a failed request to an object store [default: 10]
    #[arg(long, value_name = "N")]
    retries: Option<usize>,
    #[command(flatten)]
    nightly: flags::IncrementalFlags,
    #[command(flatten)]
    jobs: flags::JobFlags,
    #[command(flatten)]
    voice: LogFlags,
    /// Print the pipeline file with resolved paths and exit
    #[arg(long)]
    emit_spec: bool,
}

impl RunVerb {
    pub(super) fn act(&self) -> Result<u8> {
        // Environment variables that are not valid Unicode are ignored.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let variables = Variables::new(&self.set, environment)?;
        let mut spec = read(&self.spec, &variables)?;
        if self.out.is_some() {
            spec.out.clone_from(&self.out);
        }
        if self.format.is_some() {
            spec.format.clone_from(&self.format);
        }
        if self.cluster.is_some() {
            spec.cluster.clone_from(&self.cluster);
        }
        if self.overwrite {
            spec.overwrite = Some(true);
        }
        if self.publish_on_check_failure {
            spec.publish_on_check_failure = Some(true);
        }
        set(&mut spec.on_bad_shard, self.on_bad_shard.as_ref());
        set(&mut spec.max_bad_shards, self.max_bad_shards.as_ref());
        set(&mut spec.memory_limit, self.memory_limit.as_ref());
        set(&mut spec.threads, self.threads.as_ref());
        set(&mut spec.retries, self.retries.as_ref());
        self.nightly.put(&mut spec);
        self.jobs.put(&mut spec);
        if self.explain {
            return print(&explain(spec)?).map(|()| 0);
        }
        if self.emit_spec {
            return print(&spec.to_toml()?).map(|()| 0);
        }
        carry_out(spec, &self.voice)
    }
}
