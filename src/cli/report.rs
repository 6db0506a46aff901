//! `posweight report`: the report of a finished run.

use std::path::PathBuf;

use clap::Args;

use super::print;
use crate::artifact::imbalance;
use crate::artifact::stored::Fetched;
use crate::error::{Error, Result};
use crate::pipeline::weigh::reopen;
use crate::report;

/// Print the report of a finished run
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight report weights/
  posweight report weights/ --format markdown > report.md
  posweight report weights/ --format json | jq .mean_ir")]
pub(super) struct Report {
    /// Folder of a finished run
    #[arg(value_name = "RUN_DIR")]
    run: PathBuf,
    /// text, markdown or json
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "markdown", "json"])]
    format: String,
}

impl Report {
    pub(super) fn act(&self) -> Result<()> {
        let fetched = Fetched::of(&self.run)?;
        let run = fetched.path();
        // What needs rows stands in the files of the run alone.
        let saved = match self.format.as_str() {
            "markdown" => run.join("report.md"),
            "json" => run.join("imbalance.json"),
            _ => PathBuf::new(),
        };
        if let Ok(text) = std::fs::read_to_string(saved) {
            return print(&text);
        }
        let derived = reopen(run)?;
        let report = derived.report(format!("layout {}", derived.file.layout));
        match self.format.as_str() {
            "markdown" => print(&report::markdown(&report)),
            "json" => {
                let mut bytes = Vec::new();
                imbalance::write(&mut bytes, &derived.file.counts, derived.measures(), None, None)?;
                print(&String::from_utf8(bytes).map_err(|cause| Error::internal(cause.to_string()))?)
            }
            _ => print(&report::text(&report)),
        }
    }
}
