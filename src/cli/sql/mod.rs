//! `posweight sql`: queries over shards, counts and weights, or a shell.

mod cells;
mod complete;
mod cursor;
mod destination;
mod format;
mod history;
mod json_numbers;
mod script;
mod shell;
mod typed;

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::error::{ContextKind, ContextValue};

use super::output::print;
use super::signals::stopped;
use super::source_flags::VersionFlags;
use crate::engine::sql::{Access, Session};
use crate::error::{Error, Result, for_shell};
use crate::pipeline::machine::Machine;
use crate::pipeline::options::limits;
use crate::pipeline::spec::Spec;
use crate::pipeline::sql::{SqlRequest, open};
use crate::threads::runtime;
use destination::{RowOutput, StdoutReader};
use format::Format;
use script::{ScriptEnd, ScriptStep};

/// The same message about `words`; that of a query without its flag says where a query stands.
pub(super) fn with_way_of_query(mut message: clap::Error, words: &[String]) -> clap::Error {
    let stray = match message.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) if !argument.starts_with('-') => argument.clone(),
        _ => return message,
    };
    if words.get(1).is_some_and(|verb| verb == "sql") && words.contains(&stray) {
        let tip = format!("a query stands behind -c: posweight sql -c {}", for_shell(&stray));
        message.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    message
}

/// Query shards, counts and weights with SQL; open a shell if no query is given
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  posweight sql -c \"SELECT split, pos_weight(cat) FROM 'pets/**/*.parquet' GROUP BY split\"
  posweight sql -c \"SELECT * FROM label_counts('data/', 'layout=list, labels=tags')\" --format json
  posweight sql --table pets=pets/ --run weights/     # a shell; \\? shows help")]
pub(super) struct SqlVerb {
    /// Run these statements; repeatable
    #[arg(short = 'c', long, value_name = "QUERY", allow_hyphen_values = true)]
    command: Vec<String>,
    /// Run the statements of this file, after those of -c; repeatable, - is stdin; lines with \d, help and exit may stand
    /// between statements
    #[arg(short, long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Register files, a folder or a glob as a table; repeatable, also for the same name
    #[arg(long, value_name = "NAME=SHARDS")]
    table: Vec<String>,
    /// Register a finished run as tables counts, weights and imbalance; several, each given with --run, as NAME.counts
    /// and so on, where NAME is that of the folder unless one is given
    #[arg(long, value_name = "[NAME=]DIR")]
    run: Vec<String>,
    /// Output format [automatic: table on a terminal, by the ending of --out, csv without one; json is one document, so it
    /// takes one query, and ndjson takes several]
    #[arg(long, value_name = "FORMAT", default_value = "automatic")]
    format: Format,
    /// Write rows to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace an existing file with --out or COPY; a query must not read it
    #[arg(long)]
    overwrite: bool,
    /// Peak memory, such as 512m [default: 60 % of the machine]
    #[arg(long, value_name = "SIZE")]
    memory_limit: Option<String>,
    /// Number of threads that read and count [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Read shards on the cluster whose scheduler is at df://HOST:PORT
    #[arg(long, value_name = "URL", conflicts_with = "allow_write")]
    cluster: Option<String>,
    /// File with the token of the cluster [default: POSWEIGHT_CLUSTER_TOKEN]
    #[arg(long, value_name = "FILE", requires = "cluster")]
    token_file: Option<PathBuf>,
    /// Read the files of a Delta Lake, Iceberg or Hudi table as they lie, with deleted and replaced rows
    #[arg(long)]
    as_files: bool,
    #[command(flatten)]
    version: VersionFlags,
    /// Allow only registered tables; statements cannot name files
    #[arg(long)]
    safe: bool,
    /// Allow COPY and INSERT
    #[arg(long, conflicts_with = "safe")]
    allow_write: bool,
}

impl SqlVerb {
    pub(super) fn act(&self) -> Result<()> {
        if self.overwrite && self.out.is_none() && !self.allow_write {
            return Err(Error::usage("--overwrite has nothing to replace")
                .hint("name the file with --out FILE, or allow COPY with --allow-write"));
        }
        let mut spec = Spec {
            as_files: self.as_files.then_some(true),
            memory_limit: self.memory_limit.clone(),
            threads: self.threads,
            cluster: self.cluster.clone(),
            token_file: self.token_file.clone(),
            ..Spec::default()
        };
        self.version.put(&mut spec);
        let limits = limits(&spec, Machine::here())?;
        let runtime = runtime(limits.threads, "posweight")?;
        let session = open(&SqlRequest {
            tables: self.table.clone(),
            runs: self.run.clone(),
            limits,
            access: Access {
                paths: !self.safe,
                write: self.allow_write,
                overwrite: self.overwrite,
                tables: spec.how_tables()?,
            },
            replaces: self.out.clone().filter(|_| self.overwrite),
        })?;
        let none_given = self.command.is_empty() && self.file.is_empty();
        let outcome = if none_given && std::io::stdin().is_terminal() {
            if self.out.is_some() {
                return Err(Error::usage("--out needs a query to write the rows of")
                    .hint("give a query with -c or -f"));
            }
            shell::run(&runtime, &session, self.format)
        } else {
            runtime.block_on(async {
                tokio::select! {
                    outcome = self.queries(&session, none_given) => outcome,
                    signal = stopped() => Err(signal),
                }
            })
        };
        // A cancelled query must not wait for a busy decoder thread.
        runtime.shutdown_background();
        outcome
    }

    /// Runs all statements in order, up to the first error.
    async fn queries(&self, session: &Session, of_stdin: bool) -> Result<()> {
        let mut to = RowOutput::new(self.out.as_deref(), self.overwrite, self.format)?;
        let mut texts = self.command.iter().map(|text| Ok(text.clone())).collect::<Vec<_>>();
        texts.extend(self.file.iter().map(|path| match path.to_str() {
            Some("-") => stdin(),
            _ => text_of(path),
        }));
        if of_stdin {
            texts.push(stdin());
        }
        let mut steps = Vec::new();
        for text in texts {
            let is_left = script::steps(&text?, &mut steps)?;
            if is_left == ScriptEnd::Left {
                break;
            }
        }
        to.check(steps.iter().filter(|step| step.gives_rows()).count())?;
        for step in steps {
            let reader = match step {
                ScriptStep::Run(statement) => to.write(session.run(statement).await?).await?,
                ScriptStep::Help => print(&shell::help()).map(|()| StdoutReader::There)?,
                ScriptStep::Tables => print(&shell::tables(session)).map(|()| StdoutReader::There)?,
                ScriptStep::Columns(table) => {
                    print(&shell::columns(session, &table).await?).map(|()| StdoutReader::There)?
                }
            };
            if reader == StdoutReader::Gone {
                return Ok(());
            }
        }
        to.finish()
    }
}

/// The text of a file, without the mark that some editors put before it.
fn text_of(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|cause| Error::reading(path, &cause))?;
    text_in(bytes, &path.display().to_string())
}

fn stdin() -> Result<String> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).map_err(|cause| Error::input(format!("stdin: {cause}")))?;
    text_in(bytes, "stdin")
}

fn text_in(bytes: Vec<u8>, name: &str) -> Result<String> {
    const MARK: char = '\u{feff}';
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::input(format!("{name}: the text is not UTF-8"))
            .hint("save it as UTF-8, which most editors offer")
    })?;
    Ok(text.strip_prefix(MARK).map(str::to_owned).unwrap_or(text))
}
