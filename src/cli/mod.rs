//! The command line: one file per verb. The only place that names clap, stdout, stderr and exit codes.
//!
//! Data goes to stdout, everything else to stderr; a broken pipe is success.

mod apply;
mod changes;
#[cfg(feature = "cluster")]
mod cluster;
mod completions;
mod compute;
mod demo;
mod diff;
mod doctor;
mod flags;
mod help;
mod inspect;
mod list;
mod live;
mod man;
mod output;
mod progress;
mod report;
mod result_flags;
mod run;
mod sample;
mod schema;
mod signals;
mod simulated;
mod source_flags;
mod sql;
mod service;
mod tee;
mod watch;
mod weigh;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::error::{Error, Result};
use crate::guard::caught;
use output::{say_error, say_json};

/// Loss weights and imbalance reports from sharded Parquet label columns.
#[derive(Debug, Parser)]
#[command(name = "posweight", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Examples:
  posweight demo                # a first run, on a small set that it makes
  posweight compute data/train/ --out weights/
  posweight run pipelines/labels270.toml
  posweight inspect 'data/*.parquet'

Exit codes: posweight list exit-codes")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// Format of messages and errors on stderr; json is one object a line
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    log_format: String,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Count labels in shards; write weights, measures and a report
    Compute(Box<compute::ComputeVerb>),
    /// Run a pipeline file
    Run(Box<run::RunVerb>),
    /// Count an Arrow IPC stream on its way from stdin to stdout
    Tee(Box<tee::TeeVerb>),
    /// Publish a new result whenever shards are added, replaced or deleted
    Watch(Box<watch::WatchVerb>),
    /// Show shards, columns and the detected layout
    Inspect(Box<inspect::InspectVerb>),
    /// Merge saved counts and compute weights, without reading shards
    Weigh(Box<weigh::WeighVerb>),
    /// Plan how often each row occurs in an epoch, or to which fold it belongs
    Sample(Box<sample::SampleVerb>),
    /// Write shards with columns more: weights of rows by a result, or the target tensor
    Apply(Box<apply::ApplyVerb>),
    /// Compare two results label by label
    Diff(diff::DiffVerb),
    /// Query shards, counts and weights with SQL; open a shell if no query is given
    Sql(Box<sql::SqlVerb>),
    /// Print the report of a finished run, and its sampling plan if it has one
    Report(report::ReportVerb),
    /// Print a table: schemes, plans, measures, layouts, checks, findings, exit-codes
    List(list::ListVerb),
    /// Write a small labelled set, compute its weights, and show what to do next
    Demo(demo::DemoVerb),
    /// Check this build, this machine and, if given, a source
    Doctor(Box<doctor::DoctorVerb>),
    /// Print the JSON Schema of pipeline files, run_results.json or imbalance.json
    Schema(schema::SchemaVerb),
    /// Start a scheduler, or an executor that works for one
    #[cfg(feature = "cluster")]
    Cluster(Box<cluster::ClusterVerb>),
    /// Print a completion script for a shell
    Completions(completions::CompletionsVerb),
    /// Write manual pages
    Man(man::ManVerb),
}

/// Runs the command line of this process and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os().collect()))
}

/// Runs the command line `arguments`, of which the first is the name of the program, and returns the exit code.
///
/// It is for a process of its own: it handles signals and writes to stdout and stderr.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> u8 {
    crate::guard::quiet();
    let asks_for_json = asks_for_json(&arguments);
    let words: Vec<String> =
        arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    if let Some(text) = help::help_all(&words, Cli::command()) {
        return finish(|| output::print(&text).map(|()| 0));
    }
    let parsed = help::shortened(Cli::command()).try_get_matches_from(arguments);
    let parsed = parsed.and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed.map_err(|message| sql::with_way_of_query(message, &words)) {
        Ok(cli) => cli,
        Err(message) if message.use_stderr() && asks_for_json => {
            say_json();
            let text = message.render().to_string();
            let text = text.trim().trim_start_matches("error: ").to_owned();
            let (what, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
            say_error(&Error::usage(what).hint(rest.split_whitespace().collect::<Vec<_>>().join(" ")));
            return 2;
        }
        Err(message) => {
            // Help goes to stdout and is success; a wrong flag goes to stderr and is exit code 2.
            let _ = message.print();
            return if message.use_stderr() { 2 } else { 0 };
        }
    };
    if cli.log_format == "json" {
        say_json();
    }
    finish(|| cli.verb.act())
}

/// Whether arguments that cannot be parsed ask for JSON.
fn asks_for_json(arguments: &[OsString]) -> bool {
    arguments.iter().any(|one| one == "--log-format=json")
        || arguments.windows(2).any(|pair| pair[0] == "--log-format" && pair[1] == "json")
}

impl Verb {
    /// Runs the verb and returns the exit code.
    fn act(self) -> Result<u8> {
        match self {
            Self::Compute(verb) => return verb.act(),
            Self::Run(verb) => return verb.act(),
            Self::Sample(verb) => return verb.act(),
            Self::Tee(verb) => return verb.act(),
            Self::Watch(verb) => return verb.act(),
            Self::Demo(verb) => return verb.act(),
            Self::Doctor(verb) => return verb.act(),
            Self::Inspect(verb) => verb.act(),
            Self::Weigh(verb) => verb.act(),
            Self::Apply(verb) => verb.act(),
            Self::Diff(verb) => verb.act(),
            Self::Sql(verb) => verb.act(),
            Self::Report(verb) => verb.act(),
            Self::List(verb) => verb.act(),
            Self::Schema(verb) => verb.act(),
            #[cfg(feature = "cluster")]
            Self::Cluster(verb) => verb.act(),
            Self::Completions(verb) => verb.act(Cli::command()),
            Self::Man(verb) => verb.act(Cli::command()),
        }
        .map(|()| 0)
    }
}

/// Runs `work` and prints its error, if there is one.
fn finish(work: impl FnOnce() -> Result<u8>) -> u8 {
    let outcome = caught(work);
    match outcome.unwrap_or_else(|| Err(Error::internal("a bug in posweight, described above"))) {
        Ok(code) => code,
        Err(error) => {
            say_error(&error);
            error.exit_code()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_end_has_its_exit_code() {
        assert_eq!(finish(|| Ok([0_u8; 0][std::hint::black_box(1)])), 1);
        assert_eq!(finish(|| Err(Error::internal("impossible"))), 1);
        assert_eq!(finish(|| Err(Error::transient("the disk is busy"))), 5);
        assert_eq!(finish(|| Ok(99)), 99);
    }
}
