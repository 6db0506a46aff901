//! `posweight diff`: two results label by label.

use std::path::PathBuf;

use clap::Args;

use super::output::{print, say};
use crate::artifact::imbalance_entries::DriftEntry;
use crate::drift::compare;
use crate::error::{Error, Result, plural};
use crate::pipeline::reopened::{made_differently, reopen_part};
use crate::report::drift::{self, DIFFERENTLY};

/// Compare two results label by label
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight diff yesterday/ today/
  posweight diff train/counts.parquet validation/counts.parquet --format markdown --top 50
  posweight diff yesterday/ today/ --fail-over 0.2 --format json > drift.json")]
pub(super) struct DiffVerb {
    /// Folder of a finished run, or a counts.parquet
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// Folder of a finished run, or a counts.parquet, to compare with BEFORE
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    /// Output format; json and csv contain every label
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = ["table", "markdown", "json", "csv"])]
    format: String,
    /// Number of labels to show, largest change first
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
    /// Exit with code 3 if the prevalence of a label changed by more than this share, such as 0.2 for 20 %; new
    /// and gone labels exceed every share
    #[arg(long, value_name = "SHARE")]
    fail_over: Option<f64>,
}

impl DiffVerb {
    pub(super) fn act(&self) -> Result<()> {
        if let Some(limit) = self.fail_over.filter(|limit| limit.is_nan() || *limit < 0.0) {
            return Err(Error::usage(format!("--fail-over {limit} is not a valid share"))
                .hint("give a number of at least 0, such as 0.2 for 20 %"));
        }
        let (before, after) = (reopen_part(&self.before)?, reopen_part(&self.after)?);
        let mut found = compare(before.side(), after.side());
        found.differences = made_differently((&self.before, &before.file), (&self.after, &after.file))?;
        if self.format == "csv" && !found.differences.is_empty() {
            say(&format!("warning: {DIFFERENTLY} {}", found.differences.join("; ")));
        }
        print(&match self.format.as_str() {
            "markdown" => drift::markdown(&found, self.top),
            "json" => json(&DriftEntry::of(&found, usize::MAX, None))?,
            "csv" => csv(drift::records(&found))?,
            _ => drift::text(&found, self.top),
        })?;
        match self.fail_over.map(|limit| (limit, found.over(limit))) {
            None | Some((_, 0)) => Ok(()),
            Some((limit, over)) => Err(Error::check(format!(
                "--fail-over {limit}: the prevalence of {over} of {} changed by more than this share",
                plural(found.labels.len() as u64, "label")
            ))
            .hint("check the labels above, then fix the data or raise --fail-over")),
        }
    }
}

fn json(drift: &DriftEntry<'_>) -> Result<String> {
    let text = serde_json::to_string_pretty(drift).map_err(|cause| Error::internal(cause.to_string()))?;
    Ok(text + "\n")
}

fn csv(records: impl Iterator<Item = [String; 8]>) -> Result<String> {
    let failed = |cause: &dyn std::fmt::Display| Error::internal(cause.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in records {
        writer.write_record(record).map_err(|cause| failed(&cause))?;
    }
    let bytes = writer.into_inner().map_err(|cause| failed(&cause))?;
    String::from_utf8(bytes).map_err(|cause| failed(&cause))
}
