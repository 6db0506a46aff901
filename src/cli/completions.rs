//! `posweight completions`: a script that completes verbs and flags.

use clap::{Args, Command};

use super::output::print;
use crate::error::{Error, Result};

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight completions bash > ~/.local/share/bash-completion/completions/posweight
  posweight completions zsh > ~/.zfunc/_posweight
  posweight completions fish > ~/.config/fish/completions/posweight.fish")]
pub(super) struct CompletionsVerb {
    /// Shell to complete for
    shell: clap_complete::Shell,
}

impl CompletionsVerb {
    /// `command` is the whole command line.
    pub(super) fn act(&self, mut command: Command) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "posweight", &mut script);
        print(&String::from_utf8(script).map_err(|cause| Error::internal(cause.to_string()))?)
    }
}
