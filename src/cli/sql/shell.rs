//! The shell: statements that end with a semicolon, and commands like those of psql and sqlite3.

use std::time::Instant;

use clap::ValueEnum;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};
use tokio::runtime::Runtime;

use super::complete::Words;
use super::destination::RowOutput;
use super::format::Format;
use super::history::History;
use crate::cli::output::{print, say};
use crate::engine::functions::FUNCTIONS;
use crate::engine::sql::Session;
use crate::error::{Error, Result};
use crate::report::visible;

/// Maximum number of column names for completion.
const COLUMNS_KNOWN: usize = 10_000;

const HELP: &str = "Statements end with ; and may span several lines. Ctrl-C cancels, Ctrl-D quits.
  \\d, .tables             tables and views
  \\d NAME, .schema NAME   columns of a table, or of the shards at a path
  .mode FORMAT            table, csv, tsv, json, ndjson or markdown
  .timer on|off           show how long statements take
  \\?, .help               this help help
  \\q, .quit               quit
Tables are those of --table and --run, paths in quotes (FROM 'data/*.parquet') and finished runs
(FROM 'weights'.counts, .weights, .imbalance). Functions of posweight, besides those of SQL:
";

struct Shell<'a> {
    runtime: &'a Runtime,
    session: &'a Session,
    format: Format,
    timer: bool,
}

/// What to do after a line.
#[derive(PartialEq)]
enum ShellStep {
    Go,
    Leave,
}

/// Reads and runs statements until the user quits.
pub(super) fn run(runtime: &Runtime, session: &Session, format: Format) -> Result<()> {
    let unusable = |cause: ReadlineError| Error::resource(format!("the terminal is not usable: {cause}"));
    let config = Config::builder().auto_add_history(false).build();
    let mut editor: Editor<Words, MemHistory> =
        Editor::with_history(config, MemHistory::new()).map_err(unusable)?;
    let mut history = History::load();
    for entry in &history.entries {
        let _ = editor.add_history_entry(entry.as_str());
    }
    let mut shell = Shell { runtime, session, format, timer: false };
    say("posweight sql: \\? shows help, \\q quits");
    loop {
        editor.set_helper(Some(shell.words()));
        match editor.readline("posweight> ") {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                history.add(line.trim());
                let _ = editor.add_history_entry(line.trim());
                match shell.act(line.trim()) {
                    Ok(ShellStep::Go) => {}
                    Ok(ShellStep::Leave) => break,
                    Err(Error::Stopped(_)) => say("cancelled"),
                    Err(error) => complain(&error),
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(cause) => return Err(unusable(cause)),
        }
    }
    history.save();
    Ok(())
}

fn complain(error: &Error) {
    say(&format!("error: {error}"));
    if let Some(remedy) = error.remedy() {
        say(&format!("  hint: {remedy}"));
    }
}

impl Shell<'_> {
    fn act(&mut self, line: &str) -> Result<ShellStep> {
        if !line.starts_with(['\\', '.']) {
            return self.statements(line).map(|()| ShellStep::Go);
        }
        let (command, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let argument = argument.trim().trim_end_matches(';').trim_matches(['\'', '"']);
        match (command.trim_end_matches(';'), argument) {
            ("\\q" | ".quit" | ".exit", _) => return Ok(ShellStep::Leave),
            ("\\?" | ".help", _) => print(&help())?,
            ("\\d" | ".tables" | ".schema", "") => {
                let names = self.session.tables();
                print(&names.iter().map(|name| visible(name) + "\n").collect::<String>())?;
            }
            ("\\d" | ".schema", table) => self.columns(table)?,
            (".timer", "on") => self.timer = true,
            (".timer", "off") => self.timer = false,
            (".timer", _) => say(if self.timer { "the timer is on" } else { "the timer is off" }),
            (".mode", name) => match Format::from_str(name, true) {
                Ok(Format::Parquet) | Err(_) => {
                    return Err(Error::usage(format!("unknown mode \"{name}\""))
                        .hint("the modes are automatic, table, csv, tsv, json, ndjson and markdown"));
                }
                Ok(format) => self.format = format,
            },
            (other, _) => {
                return Err(Error::usage(format!("unknown command {other}")).hint("\\? lists the commands"));
            }
        }
        Ok(ShellStep::Go)
    }

    /// Runs statements; Ctrl-C cancels the statements, not the shell.
    fn statements(&self, text: &str) -> Result<()> {
        let clock = Instant::now();
        let work = async {
            for statement in Session::parse(text)? {
                let mut to = RowOutput::new(None, false, self.format)?;
                to.write(self.session.run(statement).await?).await?;
            }
            Ok(())
        };
        let outcome = self.runtime.block_on(async {
            tokio::select! {
                outcome = work => outcome,
                _ = tokio::signal::ctrl_c() => Err(Error::Stopped(130)),
            }
        });
        if self.timer {
            say(&format!("{:.3} s", clock.elapsed().as_secs_f64()));
        }
        outcome
    }

    fn columns(&self, table: &str) -> Result<()> {
        let schema = self.runtime.block_on(self.session.columns(table))?;
        let line = |field: &std::sync::Arc<arrow::datatypes::Field>| {
            format!("{}  {}\n", visible(field.name()), field.data_type())
        };
        print(&schema.fields().iter().map(line).collect::<String>())
    }

    /// Words for completion: functions, tables and their columns, quoted where SQL requires it.
    fn words(&self) -> Words {
        let tables = self.session.tables();
        let columns =
            tables.iter().filter_map(|table| self.runtime.block_on(self.session.columns(table)).ok());
        let columns = columns
            .flat_map(|schema| schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>());
        let names: Vec<String> =
            columns.take(COLUMNS_KNOWN).chain(tables.iter().cloned()).map(quoted).collect();
        Words::new(names.into_iter().chain(self.session.functions()))
    }
}

/// A name as SQL accepts it.
fn quoted(name: String) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if starts && name.chars().all(plain) { name } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn help() -> String {
    let width = FUNCTIONS.iter().map(|info| info.call.len()).max().unwrap_or(0);
    let line =
        |info: &crate::engine::functions::FunctionInfo| format!("  {:width$}  {}\n", info.call, info.gives);
    FUNCTIONS.iter().fold(HELP.to_owned(), |text, info| text + &line(info))
}
