//! `posweight man`: one manual page per verb.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Command};

use super::output::print;
use crate::error::{Error, Result, plural};

/// Write manual pages
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight man ~/.local/share/man/man1     # then: man posweight-compute
  posweight man man/
  man -l man/posweight.1")]
pub(super) struct ManVerb {
    /// Folder for the pages; it is made if it does not exist, and pages of the same names are replaced
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl ManVerb {
    /// `command` is the whole command line.
    pub(super) fn act(&self, mut command: Command) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(|cause| Error::writing(&self.folder, &cause))?;
        // Builds the names of verbs, such as `posweight-compute`.
        command.build();
        let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned();
        let mut pages = 0;
        for page in std::iter::once(command.clone()).chain(verbs) {
            let name = page.get_display_name().unwrap_or_else(|| page.get_name()).to_owned();
            let path = self.folder.join(format!("{name}.1"));
            let mut text = Vec::new();
            clap_mangen::Man::new(page)
                .render(&mut text)
                .and_then(|()| fs::write(&path, text))
                .map_err(|cause| Error::writing(&path, &cause))?;
            pages += 1;
        }
        print(&format!("{}: {}\n", self.folder.display(), plural(pages, "manual page")))
    }
}
