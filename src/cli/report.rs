//! `posweight report`: the report of a finished run.

use std::path::PathBuf;

use clap::Args;

use super::output::{print, terminal_lines};
use crate::artifact::files::PLAN_IN_WORDS;
use crate::artifact::imbalance;
use crate::artifact::stored::Fetched;
use crate::error::{Error, Result};
use crate::pipeline::checking::REFUSED;
use crate::pipeline::reopened::{against, compared, finished};
use crate::report;

/// Print the report of a finished run, and its sampling plan if it has one
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight report weights/
  posweight report weights/ --refused        # what failed checks kept from being published
  posweight report today/ --against yesterday/ --format html > drift.html")]
pub(super) struct ReportVerb {
    /// Folder of a finished run
    #[arg(value_name = "RUN_DIR")]
    run: PathBuf,
    /// Output format; text and markdown begin with the sampling plan, if there is one; HTML has it as a section
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "markdown", "html", "json"])]
    format: String,
    /// Show the result that failed checks kept from being published, as Markdown
    #[arg(long, conflicts_with_all = ["format", "against"])]
    refused: bool,
    /// Compare with this earlier result
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
}

impl ReportVerb {
    pub(super) fn act(&self) -> Result<()> {
        if self.refused {
            let path = self.run.join(REFUSED);
            let text = std::fs::read_to_string(&path).map_err(|cause| {
                Error::reading(&path, &cause)
                    .hint("a run whose checks fail writes it; the last run's did not")
            });
            return print(&text?);
        }
        let fetched = Fetched::of(&self.run)?;
        let run = fetched.path();
        let saved = match self.format.as_str() {
            "markdown" => run.join("report.md"),
            "html" => run.join("report.html"),
            "json" => run.join("imbalance.json"),
            _ => PathBuf::new(),
        };
        let plan = std::fs::read_to_string(run.join(PLAN_IN_WORDS)).unwrap_or_default();
        if let (None, Ok(mut text)) = (&self.against, std::fs::read_to_string(saved)) {
            if self.format == "markdown" && !plan.is_empty() {
                text = format!("{plan}\n{text}");
            }
            return print(&text);
        }
        let run = finished(run)?;
        let last = self.against.as_deref().map(|path| against(path, None)).transpose()?.flatten();
        let drift = last.as_ref().map(|(name, last)| (name.as_str(), compared(last, &run.derived)));
        let drift = drift.as_ref().map(|(name, drift)| (*name, drift));
        let report = run.derived.report(run.source, &run.groups, drift);
        match self.format.as_str() {
            "markdown" => print(&report::markdown(&report)),
            "html" => print(&report::html(&report)),
            "json" => {
                let mut bytes = Vec::new();
                imbalance::write(&mut bytes, &report)?;
                print(&String::from_utf8(bytes).map_err(|cause| Error::internal(cause.to_string()))?)
            }
            _ => {
                let plan = report.plan.map_or_else(String::new, |lines| format!("{lines}\n"));
                print(&format!("{plan}{}", report::text(&report, terminal_lines())))
            }
        }
    }
}
