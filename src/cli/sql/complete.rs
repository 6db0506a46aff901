//! For the line editor: whether a statement is complete, and how a word can be completed.

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

/// SQL keywords.
const KEYWORDS: [&str; 33] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "FILTER",
    "DISTINCT",
    "JOIN",
    "LEFT JOIN",
    "USING",
    "ON",
    "UNION ALL",
    "EXCEPT",
    "WITH",
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
    "EXPLAIN",
    "CAST",
];
/// Commands of the shell.
pub(super) const COMMANDS: [&str; 9] =
    ["\\d", "\\q", "\\?", ".tables", ".schema", ".timer", ".mode", ".help", ".quit"];

/// Words that can be completed.
#[derive(Debug, Default)]
pub(super) struct Words {
    words: Vec<String>,
}

impl Words {
    /// Keywords, and these names.
    pub(super) fn new(names: impl Iterator<Item = String>) -> Self {
        let mut words: Vec<String> =
            KEYWORDS.iter().chain(&COMMANDS).map(|word| (*word).to_owned()).chain(names).collect();
        words.sort();
        words.dedup();
        Self { words }
    }

    /// Words that begin with `start`, ignoring case; words in the same case come first.
    fn matching(&self, start: &str) -> Vec<String> {
        let begins =
            |word: &&String| word.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
        let mut words: Vec<String> = self.words.iter().filter(begins).cloned().collect();
        words.sort_by_key(|word| !word.starts_with(start));
        words
    }
}

/// Where the word that ends at `position` begins.
fn word_start(line: &str, position: usize) -> usize {
    let head = line.get(..position).unwrap_or(line);
    let is_part = |c: char| c.is_alphanumeric() || "_.\\?\"".contains(c);
    head.char_indices().rev().find(|(_, c)| !is_part(*c)).map_or(0, |(at, c)| at + c.len_utf8())
}

/// True when `text` is a command, or statements up to a semicolon outside of quotes and comments.
pub(super) fn is_whole(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.starts_with(['\\', '.']) {
        return true;
    }
    let (mut quote, mut comment, mut last) = (None, false, ' ');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, comment) {
            (_, true) => comment = c != '\n',
            (Some(open), _) => quote = (c != open).then_some(open),
            (None, _) if c == '\'' || c == '"' => (quote, last) = (Some(c), c),
            (None, _) if c == '-' && chars.peek() == Some(&'-') => comment = true,
            (None, _) if c.is_whitespace() => {}
            (None, _) => last = c,
        }
    }
    quote.is_none() && last == ';'
}

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let start = word_start(line, position);
        Ok((start, self.matching(line.get(start..position).unwrap_or_default())))
    }
}

impl Validator for Words {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let whole = is_whole(context.input());
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Hinter for Words {
    type Hint = String;
}

impl Highlighter for Words {}

impl Helper for Words {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_with_a_semicolon_that_is_one() {
        for whole in
            ["", "\\d t", ".tables", "SELECT 1;", "SELECT ';';", "SELECT 1; -- done", "SELECT 'it''s';"]
        {
            assert!(is_whole(whole), "{whole}");
        }
        for part in ["SELECT 1", "SELECT ';", "SELECT 1 -- ;", "SELECT \";\"", "SELECT 1\n"] {
            assert!(!is_whole(part), "{part}");
        }
    }

    #[test]
    fn words_complete_whatever_the_case() {
        let words = Words::new(["pos_weight".to_owned(), "positives".to_owned()].into_iter());
        assert_eq!(words.matching("POS"), ["pos_weight", "positives"]);
        assert_eq!(Words::new(["wide".to_owned()].into_iter()).matching("wi"), ["wide", "WITH"]);
        assert_eq!(words.matching(".ti"), [".timer"]);
        assert_eq!(word_start("SELECT pos", 10), 7);
        assert_eq!(word_start("SELECT sum(é", 13), 11);
    }
}
