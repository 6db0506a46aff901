//! For the line editor: how a word can be completed where it stands.

use crate::sql_text::identifier;
use std::collections::BTreeSet;

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use super::cursor::{CursorPlace, named_tables, place};

/// Words that begin a statement.
const STARTS: [&str; 9] = [
    "SELECT",
    "WITH",
    "EXPLAIN",
    "DESCRIBE",
    "SHOW TABLES",
    "SHOW FUNCTIONS",
    "CREATE VIEW",
    "COPY",
    "INSERT INTO",
];
/// Words that follow a table.
const AFTER_TABLE: [&str; 15] = [
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "JOIN",
    "LEFT JOIN",
    "ON",
    "USING",
    "AS",
    "UNION ALL",
    "EXCEPT",
    "SELECT",
    "FROM",
];
/// Words inside of expressions, and those that end them.
const IN_EXPRESSION: [&str; 29] = [
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "FILTER",
    "DISTINCT",
    "AS",
    "AND",
    "OR",
    "NOT",
    "IN",
    "BETWEEN",
    "LIKE",
    "IS NULL",
    "IS NOT NULL",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST",
    "ASC",
    "DESC",
    "OVER",
    "UNION ALL",
    "JOIN",
];
/// Commands of the shell.
const COMMANDS: [&str; 12] =
    ["\\d", "\\q", "\\r", "\\?", ".tables", ".schema", ".timer", ".mode", ".help", ".quit", "help", "quit"];
const MODES: [&str; 7] = ["automatic", "table", "csv", "tsv", "json", "ndjson", "markdown"];
/// Maximum number of candidates.
const CANDIDATES: usize = 2000;

/// What a session knows by name.
pub(super) trait KnownNames {
    /// Registered tables.
    fn tables(&self) -> Vec<String>;
    /// The columns of a table or of the shards at a path; none if they cannot be read.
    fn columns(&self, table: &str) -> Vec<String>;
    fn functions(&self) -> Vec<String>;
    /// What is in a folder of this machine, folders with a slash at the end.
    fn folder(&self, folder: &str) -> Vec<String>;
}

/// Completes words.
pub(super) struct WordCompleter<'a> {
    names: &'a dyn KnownNames,
    /// The lines of the statement before the one that is edited.
    pub(super) pending: String,
}

impl<'a> WordCompleter<'a> {
    pub(super) fn new(names: &'a dyn KnownNames) -> Self {
        Self { names, pending: String::new() }
    }

    /// Where the word at `position` of `line` begins, and what it can be, the likeliest first.
    fn candidates(&self, line: &str, position: usize) -> (usize, Vec<String>) {
        let start = word_start(line, position);
        let word = line.get(start..position).unwrap_or_default();
        if let Some(candidates) = self.of_command(line.get(..start).unwrap_or_default(), word) {
            return (start, matching(candidates, word));
        }
        let mut before = self.pending.clone();
        if !before.is_empty() {
            before.push('\n');
        }
        let line_start = before.len();
        before.push_str(line.get(..position).unwrap_or(line));
        // The place of the path or of the word: a quote that is open holds both.
        if let CursorPlace::Path(quote) = place(&before) {
            let path_start = quote.saturating_sub(line_start).min(position);
            return (path_start, self.paths(line.get(path_start..position).unwrap_or_default()));
        }
        before.truncate(line_start + start);
        let after = line.get(position..).unwrap_or_default();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let found = match place(&before) {
            CursorPlace::Start => {
                let mut found = matching(words(&STARTS), word);
                if self.pending.is_empty() {
                    found.extend(matching(words(&COMMANDS), word));
                }
                found
            }
            CursorPlace::Table => {
                matching(self.names.tables().iter().map(|name| quoted_table(name)).collect(), word)
            }
            CursorPlace::Path(_) | CursorPlace::Text => Vec::new(),
            CursorPlace::AfterTable => matching(words(&AFTER_TABLE), word),
            CursorPlace::Expression => {
                let mut found = matching(self.columns(&before, after, word), word);
                found.extend(matching(words(&IN_EXPRESSION), word));
                found.extend(matching(self.names.functions(), word));
                found
            }
        };
        (start, found.into_iter().take(CANDIDATES).collect())
    }

    /// What follows a command of the shell.
    fn of_command(&self, before: &str, word: &str) -> Option<Vec<String>> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match before.trim() {
            "" if word.starts_with(['\\', '.']) => Some(words(&COMMANDS)),
            "\\d" | ".schema" => Some(self.names.tables()),
            ".mode" => Some(words(&MODES)),
            ".timer" => Some(words(&["on", "off"])),
            _ => None,
        }
    }

    /// The columns of the tables that the statement names; of all registered ones if it names none.
    fn columns(&self, before: &str, after: &str, word: &str) -> Vec<String> {
        let named = named_tables(before, after);
        if let Some((qualifier, _)) = word.rsplit_once('.') {
            let wanted = qualifier.trim_matches('"');
            let is_wanted = |name: &str| name.eq_ignore_ascii_case(wanted);
            let known = named
                .iter()
                .find(|table| table.alias.as_deref().is_some_and(is_wanted) || is_wanted(&table.name));
            let columns = known.map(|table| self.names.columns(&table.name)).unwrap_or_default();
            return columns.into_iter().map(|column| format!("{qualifier}.{}", quoted(column))).collect();
        }
        let tables: Vec<String> = if named.is_empty() {
            self.names.tables()
        } else {
            named.into_iter().map(|table| table.name).collect()
        };
        let columns: BTreeSet<String> = tables.iter().flat_map(|table| self.names.columns(table)).collect();
        columns.into_iter().map(quoted).collect()
    }

    /// Paths of this machine that begin with `path`.
    fn paths(&self, path: &str) -> Vec<String> {
        let (folder, begun) = match path.rfind('/') {
            Some(slash) => path.split_at(slash + 1),
            None => ("", path),
        };
        let mut found = self.names.folder(folder);
        found.retain(|name| name.starts_with(begun) && (begun.starts_with('.') || !name.starts_with('.')));
        found.sort();
        found.into_iter().take(CANDIDATES).map(|name| format!("{folder}{name}")).collect()
    }
}

/// Words that begin with `start`, ignoring case and quotes; words in the same case come first.
fn matching(words: Vec<String>, start: &str) -> Vec<String> {
    let begins = |word: &str| word.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    let mut words: Vec<String> =
        words.into_iter().filter(|word| begins(word) || begins(word.trim_start_matches('"'))).collect();
    words.sort_by_key(|word| !word.starts_with(start));
    words
}

/// Where the word that ends at `position` begins.
fn word_start(line: &str, position: usize) -> usize {
    let head = line.get(..position).unwrap_or(line);
    let is_part = |c: char| c.is_alphanumeric() || "_.\\?\"".contains(c);
    head.char_indices().rev().find(|(_, c)| !is_part(*c)).map_or(0, |(at, c)| at + c.len_utf8())
}

/// A name as SQL accepts it.
fn quoted(name: String) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if starts && name.chars().all(plain) { name } else { identifier(&name) }
}

/// A table as SQL accepts it; a point is between a run and its table.
fn quoted_table(name: &str) -> String {
    name.split('.').map(|part| quoted(part.to_owned())).collect::<Vec<_>>().join(".")
}

impl Completer for WordCompleter<'_> {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.candidates(line, position))
    }
}

impl Validator for WordCompleter<'_> {}

impl Hinter for WordCompleter<'_> {
    type Hint = String;
}

impl Highlighter for WordCompleter<'_> {}

impl Helper for WordCompleter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pets;

    impl KnownNames for Pets {
        fn tables(&self) -> Vec<String> {
            ["pets", "Owners"].map(str::to_owned).to_vec()
        }

        fn columns(&self, table: &str) -> Vec<String> {
            let columns: &[&str] = match table {
                "pets" => &["cat", "dog", "Pos"],
                "owners" | "Owners" => &["owner", "cat_name"],
                "data/" => &["split"],
                _ => &[],
            };
            columns.iter().map(|column| (*column).to_owned()).collect()
        }

        fn functions(&self) -> Vec<String> {
            ["ceil", "count", "positives", "pos_weight"].map(str::to_owned).to_vec()
        }

        fn folder(&self, folder: &str) -> Vec<String> {
            let names: &[&str] =
                if folder == "data/" { &["b.parquet", "a/", ".hidden"] } else { &["data/", "docs/"] };
            names.iter().map(|name| (*name).to_owned()).collect()
        }
    }

    /// Candidates at `|` of the last line.
    fn at(text: &str) -> Vec<String> {
        let (pending, line) = text.rsplit_once('\n').unwrap_or(("", text));
        let (before, after) = line.split_once('|').unwrap();
        let words = WordCompleter { names: &Pets, pending: pending.to_owned() };
        words.candidates(&format!("{before}{after}"), before.len()).1
    }

    #[test]
    fn tables_come_after_from_and_columns_before_functions() {
        assert_eq!(at("SELECT cat FROM |"), ["pets", "\"Owners\""]);
        assert_eq!(at("SELECT cat FROM pe|"), ["pets"]);
        assert_eq!(at("SELECT cat\nFROM pets JOIN o|"), ["\"Owners\""]);
        assert_eq!(at("SELECT c| FROM pets"), ["cat", "CASE", "CAST", "ceil", "count"]);
        assert_eq!(at("SELECT c|"), ["cat", "cat_name", "CASE", "CAST", "ceil", "count"]);
        assert_eq!(at("SELECT pos| FROM pets"), ["\"Pos\"", "positives", "pos_weight"]);
        assert_eq!(at("SELECT 1 FROM pets WHERE d|"), ["dog", "DISTINCT", "DESC"]);
        assert_eq!(at("SELECT 1\nFROM pets p, owners o\nWHERE o.|"), ["o.owner", "o.cat_name"]);
        assert_eq!(at("SELECT s| FROM 'data/'"), ["split"]);
        assert_eq!(at("SELECT 1 FROM pets w|"), ["WHERE"]);
        assert_eq!(at("se|"), ["SELECT"]);
    }

    #[test]
    fn commands_and_paths() {
        assert_eq!(at(".ti|"), [".timer"]);
        assert_eq!(at("\\d p|"), ["pets"]);
        assert_eq!(at(".mode nd|"), ["ndjson"]);
        assert_eq!(at("SELECT 1 FROM 'da|"), ["data/"]);
        assert_eq!(at("SELECT 1 FROM 'data/|"), ["data/a/", "data/b.parquet"]);
        assert_eq!(at("SELECT 1 FROM label_counts('do|"), ["docs/"]);
        assert_eq!(at("SELECT 1 FROM pets WHERE cat = 'd|"), Vec::<String>::new());
        assert_eq!(word_start("SELECT sum(é", 13), 11);
    }
}
