//! Where in a statement the cursor is, and which tables the statement names.

use super::typed::{StillOpen, still_open};

/// What may come at a place of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CursorPlace {
    /// The first word of a statement.
    Start,
    /// A table.
    Table,
    /// A path in quotes that begins at this byte.
    Path(usize),
    /// A text in quotes.
    Text,
    /// What follows a table.
    AfterTable,
    /// Columns and functions.
    Expression,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum SqlToken {
    /// A name without quotes.
    Word(String),
    /// A name or a text in quotes.
    Quoted(String),
    Sign(char),
}

/// Words after which a table comes.
const BEFORE_TABLE: [&str; 5] = ["FROM", "JOIN", "INTO", "DESCRIBE", "TABLE"];
/// Words after which expressions come.
const BEFORE_EXPRESSION: [&str; 9] =
    ["SELECT", "WHERE", "ON", "HAVING", "BY", "SET", "LIMIT", "OFFSET", "QUALIFY"];
/// Words that cannot be the alias of a table.
const AFTER_TABLE: [&str; 22] = [
    "WHERE",
    "GROUP",
    "ORDER",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "JOIN",
    "LEFT",
    "RIGHT",
    "FULL",
    "INNER",
    "CROSS",
    "NATURAL",
    "ON",
    "USING",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "FROM",
    "SELECT",
    "SET",
    "VALUES",
];

impl SqlToken {
    fn is_word(&self, words: &[&str]) -> bool {
        matches!(self, Self::Word(word) if words.iter().any(|known| word.eq_ignore_ascii_case(known)))
    }

    fn name(&self) -> Option<String> {
        match self {
            Self::Word(word) => Some(word.to_lowercase()),
            Self::Quoted(text) => Some(text.clone()),
            Self::Sign(_) => None,
        }
    }
}

/// The words and signs of `text`, without comments.
fn tokens(text: &str) -> Vec<SqlToken> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\'' | '"', _) => {
                found.push(SqlToken::Quoted(chars.by_ref().take_while(|end| *end != c).collect()));
            }
            ('-', Some('-')) => {
                chars.by_ref().find(|end| *end == '\n');
            }
            ('/', Some('*')) => {
                let mut before = ' ';
                chars.next();
                chars.by_ref().find(|c| std::mem::replace(&mut before, *c) == '*' && *c == '/');
            }
            (c, _) if c.is_alphanumeric() || c == '_' => {
                let mut word = c.to_string();
                while let Some(more) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(more);
                }
                found.push(SqlToken::Word(word));
            }
            (c, _) if c.is_whitespace() => {}
            (c, _) => found.push(SqlToken::Sign(c)),
        }
    }
    found
}

/// The tokens of the last statement of `text`.
fn of_last_statement(text: &str) -> Vec<SqlToken> {
    let mut all = tokens(text);
    if let Some(end) = all.iter().rposition(|token| *token == SqlToken::Sign(';')) {
        all.drain(..=end);
    }
    all
}

/// The place at the end of `before`, which ends where the word at the cursor begins.
pub(super) fn place(before: &str) -> CursorPlace {
    if let StillOpen::Quote(_, at) = still_open(before) {
        let ahead = of_last_statement(&before[..at]);
        let calls = |at: usize| {
            let functions = ["label_counts", "label_weights", "imbalance", "numbered_rows"];
            ahead.get(at).is_some_and(|token| token.is_word(&functions))
        };
        let is_table = match ahead.as_slice() {
            [.., SqlToken::Sign('(')] => ahead.len() > 1 && calls(ahead.len() - 2),
            _ => place(&before[..at]) == CursorPlace::Table,
        };
        return if is_table { CursorPlace::Path(at + 1) } else { CursorPlace::Text };
    }
    let tokens = of_last_statement(before);
    let (mut place, mut outer) = (CursorPlace::Start, Vec::new());
    for token in &tokens {
        place = match token {
            SqlToken::Sign('(') => {
                let inner = match place {
                    CursorPlace::Table => CursorPlace::Start,
                    _ => CursorPlace::Expression,
                };
                // What follows the closing bracket.
                outer.push(if place == CursorPlace::Table { CursorPlace::AfterTable } else { place });
                inner
            }
            SqlToken::Sign(')') => outer.pop().unwrap_or(CursorPlace::Expression),
            SqlToken::Sign(',') if place == CursorPlace::AfterTable => CursorPlace::Table,
            // `'weights'.counts`
            SqlToken::Sign('.') => place,
            token if token.is_word(&BEFORE_TABLE) => CursorPlace::Table,
            token if token.is_word(&BEFORE_EXPRESSION) => CursorPlace::Expression,
            SqlToken::Word(_) | SqlToken::Quoted(_) if place == CursorPlace::Table => CursorPlace::AfterTable,
            SqlToken::Word(_) if place == CursorPlace::Start => CursorPlace::Start,
            _ => place,
        };
    }
    place
}

/// A table that a statement names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedTable {
    /// Its name or path; `RUN.counts` for a table of a run.
    pub(super) name: String,
    pub(super) alias: Option<String>,
}

/// The tables of the last statement that `before` begins and `after` ends.
pub(super) fn named_tables(before: &str, after: &str) -> Vec<NamedTable> {
    let mut tokens = of_last_statement(before);
    tokens.extend(self::tokens(after).into_iter().take_while(|token| *token != SqlToken::Sign(';')));
    let mut found = Vec::new();
    let mut left = tokens.into_iter().peekable();
    let mut is_next = false;
    while let Some(token) = left.next() {
        if token.is_word(&BEFORE_TABLE) {
            is_next = true;
            continue;
        }
        if !std::mem::take(&mut is_next) {
            continue;
        }
        let Some(mut name) = token.name() else { continue };
        if left.next_if_eq(&SqlToken::Sign('.')).is_some() {
            name = format!("{name}.{}", left.next().and_then(|token| token.name()).unwrap_or_default());
        }
        // A call of a function has no columns that are known before it is made.
        if left.peek() == Some(&SqlToken::Sign('(')) {
            continue;
        }
        left.next_if(|token| token.is_word(&["AS"]));
        let is_alias = |token: &SqlToken| token.name().is_some() && !token.is_word(&AFTER_TABLE);
        let alias = left.next_if(is_alias).and_then(|token| token.name());
        is_next = left.next_if_eq(&SqlToken::Sign(',')).is_some();
        found.push(NamedTable { name, alias });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_follows_from_what_comes_before() {
        use CursorPlace::{AfterTable, Expression, Path, Start, Table, Text};
        for (before, expected) in [
            ("", Start),
            ("SELECT 1; ", Start),
            ("SELECT ", Expression),
            ("SELECT a, ", Expression),
            ("SELECT positives(", Expression),
            ("SELECT a FROM ", Table),
            ("SELECT a FROM t, ", Table),
            ("SELECT a FROM t ", AfterTable),
            ("SELECT a FROM t JOIN ", Table),
            ("SELECT a FROM t JOIN u ON ", Expression),
            ("SELECT a FROM t WHERE x IN (1, ", Expression),
            ("SELECT a FROM (", Start),
            ("SELECT a FROM (SELECT b FROM t) ", AfterTable),
            ("SELECT a FROM t GROUP BY ", Expression),
            ("SELECT a -- FROM\n, ", Expression),
            ("DESCRIBE ", Table),
            ("SELECT a FROM 'da", Path(15)),
            ("SELECT a FROM label_counts('", Path(28)),
            ("SELECT a FROM t WHERE b = 'x", Text),
        ] {
            assert_eq!(place(before), expected, "{before:?}");
        }
    }

    #[test]
    fn tables_are_found_on_both_sides_of_the_cursor() {
        let names = |before: &str, after: &str| -> Vec<(String, Option<String>)> {
            named_tables(before, after).into_iter().map(|table| (table.name, table.alias)).collect()
        };
        let one = |name: &str, alias: Option<&str>| (name.to_owned(), alias.map(str::to_owned));
        assert_eq!(names("SELECT ", " FROM Pets p WHERE 1"), [one("pets", Some("p"))]);
        assert_eq!(
            names("SELECT a FROM 'x/y.parquet' AS t, u WHERE ", ""),
            [one("x/y.parquet", Some("t")), one("u", None)]
        );
        assert_eq!(
            names("SELECT 1 FROM old; SELECT a FROM 'w'.counts JOIN v ON ", ""),
            [one("w.counts", None), one("v", None)]
        );
        assert_eq!(names("SELECT a FROM label_counts('x') WHERE ", ""), []);
    }
}
