//! The shell: statements that end with a semicolon, and commands like those of psql and sqlite3.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use clap::ValueEnum;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{CompletionType, Config, Editor};
use tokio::runtime::Runtime;

use super::complete::{KnownNames, WordCompleter};
use super::destination::RowOutput;
use super::format::Format;
use super::history::History;
use super::typed::{PendingStatement, TypedLine};
use crate::cli::output::{print, say, say_error};
use crate::engine::functions::FUNCTIONS;
use crate::engine::sql::Session;
use crate::error::{Error, Result};
use crate::report::visible;
use crate::source::type_words::type_words;
use crate::store::is_address;

/// Maximum number of column names of a table for completion.
const COLUMNS_KNOWN: usize = 10_000;

const HELP: &str = "Statements end with ; and may span several lines. Tab completes, Ctrl-C cancels, Ctrl-D quits.
An empty line or \\r leaves a statement that was begun; help, exit and quit work inside it.
  \\d, .tables             tables and views
  \\d NAME, .schema NAME   columns of a table, or of the shards at a path
  .mode FORMAT            table, csv, tsv, json, ndjson or markdown
  .timer on|off           show how long statements take
  \\?, .help, help         this help
  \\q, .quit, exit, quit   quit
Tables are those of --table and --run, folders, files and globs in quotes (FROM 'data/', FROM 'data/*.parquet')
and finished runs (FROM 'weights'.counts, .weights, .imbalance). Functions of posweight, besides those of SQL:
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
    let config = Config::builder().auto_add_history(false).completion_type(CompletionType::List).build();
    let names = SessionNames { runtime, session, columns: RefCell::default() };
    let mut editor: Editor<WordCompleter<'_>, MemHistory> =
        Editor::with_history(config, MemHistory::new()).map_err(unusable)?;
    editor.set_helper(Some(WordCompleter::new(&names)));
    let mut history = History::load();
    for entry in &history.entries {
        let _ = editor.add_history_entry(entry.as_str());
    }
    let mut shell = Shell { runtime, session, format, timer: false };
    let mut pending = PendingStatement::default();
    say("posweight sql: help shows help, quit quits");
    loop {
        if let Some(words) = editor.helper_mut() {
            pending.text().clone_into(&mut words.pending);
        }
        let line = match editor.readline(pending.prompt()) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                say(if pending.leave() { LEFT } else { "quit, or Ctrl-D, quits" });
                continue;
            }
            Err(ReadlineError::Eof) => break,
            Err(cause) => return Err(unusable(cause)),
        };
        let outcome = match pending.take(&line) {
            TypedLine::Empty | TypedLine::More => continue,
            TypedLine::Left => {
                say(LEFT);
                continue;
            }
            TypedLine::Command(command) => {
                history.add(&command);
                let _ = editor.add_history_entry(&command);
                shell.command(&command)
            }
            TypedLine::Statements(text) => {
                history.add(text.trim());
                let _ = editor.add_history_entry(text.trim());
                shell.statements(&text).map(|()| ShellStep::Go)
            }
        };
        match outcome {
            Ok(ShellStep::Go) => {}
            Ok(ShellStep::Leave) => break,
            Err(Error::Stopped(_)) => say("cancelled"),
            Err(error) => say_error(&error),
        }
    }
    history.save();
    Ok(())
}

/// Said when a statement was left.
const LEFT: &str = "the statement was left";

/// The names that a session knows, those of columns once they were read.
struct SessionNames<'a> {
    runtime: &'a Runtime,
    session: &'a Session,
    columns: RefCell<BTreeMap<String, Vec<String>>>,
}

impl KnownNames for SessionNames<'_> {
    fn tables(&self) -> Vec<String> {
        self.session.tables()
    }

    fn columns(&self, table: &str) -> Vec<String> {
        if let Some(known) = self.columns.borrow().get(table) {
            return known.clone();
        }
        // A key must not wait for a store.
        if is_address(table) {
            return Vec::new();
        }
        let Ok(schema) = self.runtime.block_on(self.session.columns(table)) else { return Vec::new() };
        let names = schema.fields().iter().take(COLUMNS_KNOWN).map(|field| field.name().clone());
        let names: Vec<String> = names.collect();
        self.columns.borrow_mut().insert(table.to_owned(), names.clone());
        names
    }

    fn functions(&self) -> Vec<String> {
        self.session.functions()
    }

    fn folder(&self, folder: &str) -> Vec<String> {
        let folder = if folder.is_empty() { "." } else { folder };
        let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(std::io::Result::ok);
        let name = |entry: std::fs::DirEntry| {
            let end = if entry.path().is_dir() { "/" } else { "" };
            Some(entry.file_name().to_str()?.to_owned() + end)
        };
        entries.filter_map(name).collect()
    }
}

impl Shell<'_> {
    fn command(&mut self, line: &str) -> Result<ShellStep> {
        let (command, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let argument = argument.trim().trim_end_matches(';').trim_matches(['\'', '"']);
        match (command.trim_end_matches(';'), argument) {
            ("\\q" | ".quit" | ".exit", _) => return Ok(ShellStep::Leave),
            ("\\?" | ".help", _) => print(&help())?,
            // No statement is begun.
            ("\\r", _) => {}
            ("\\d" | ".tables" | ".schema", "") => {
                print(&tables(self.session))?;
            }
            ("\\d" | ".schema", table) => {
                print(&self.runtime.block_on(columns(self.session, table))?)?;
            }
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
                return Err(Error::usage(format!("unknown command {other}")).hint("help lists the commands"));
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
}

/// The tables of a session, a line each.
pub(super) fn tables(session: &Session) -> String {
    session.tables().iter().map(|name| visible(name) + "\n").collect()
}

/// The columns of a table with their types, a line each.
pub(super) async fn columns(session: &Session, table: &str) -> Result<String> {
    let schema = session.columns(table).await?;
    let line = |field: &std::sync::Arc<arrow::datatypes::Field>| {
        format!("{}  {}\n", visible(field.name()), type_words(field.data_type()))
    };
    Ok(schema.fields().iter().map(line).collect())
}

/// What the shell can do.
pub(super) fn help() -> String {
    let width = FUNCTIONS.iter().map(|info| info.call.len()).max().unwrap_or(0);
    let line =
        |info: &crate::engine::functions::FunctionInfo| format!("  {:width$}  {}\n", info.call, info.gives);
    FUNCTIONS.iter().fold(HELP.to_owned(), |text, info| text + &line(info))
}
