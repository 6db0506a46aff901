//! `posweight tee`: counts a stream that goes on unchanged.

use clap::Args;

use super::output::print;
use super::progress::{LogFlags, carry_out_stream};
use super::result_flags::ResultFlags;
use crate::error::{Result, choice};
use crate::pipeline::spec::{OneOrMany, STDIO, Spec};
use crate::source::pass_on::OnBrokenPipe;

/// Count an Arrow IPC stream on its way from stdin to stdout
#[derive(Debug, Args)]
#[command(
    after_help = "Every byte of stdin goes to stdout as it is; messages and the summary go to stderr. The result is published only
if the stream was whole.

Examples:
  producer | posweight tee --out weights/ | consumer
  producer | posweight tee --layout list --labels tags --out weights/ --scheme sqrt | consumer
  producer | posweight tee --where \"split = 'train'\" --out weights/ --on-broken-pipe stop | head -c 1000000"
)]
pub(super) struct TeeVerb {
    /// When the program that reads stdout ends first: count goes on counting, stop ends the run [default: count]
    #[arg(long, value_name = "WHAT")]
    on_broken_pipe: Option<String>,
    #[command(flatten)]
    result: ResultFlags,
    #[command(flatten)]
    logging: LogFlags,
    /// Print the equivalent pipeline file and exit
    #[arg(long)]
    emit_spec: bool,
}

impl TeeVerb {
    pub(super) fn act(&self) -> Result<u8> {
        let mut spec = Spec { shards: Some(OneOrMany::Many(vec![STDIO.to_owned()])), ..Spec::default() };
        self.result.put(&mut spec)?;
        if self.emit_spec {
            return print(&spec.to_toml()?).map(|()| 0);
        }
        let choices = [("count", OnBrokenPipe::Count), ("stop", OnBrokenPipe::Stop)];
        let on_broken_pipe = self.on_broken_pipe.as_deref().unwrap_or("count");
        carry_out_stream(spec, &self.logging, choice("--on-broken-pipe", on_broken_pipe, &choices)?)
    }
}
