//! What was typed: a statement over several lines, and what it leaves open.

/// What a text leaves open at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StillOpen {
    /// Nothing: it is empty, or its last statement ends with a semicolon.
    Nothing,
    Statement,
    /// Text between quotes of this kind, which begins at this byte.
    Quote(char, usize),
    Comment,
}

/// What `text` leaves open.
pub(super) fn still_open(text: &str) -> StillOpen {
    let (mut last, mut chars) = (';', text.char_indices().peekable());
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        match (c, next) {
            ('\'' | '"', _) => {
                if !chars.by_ref().any(|(_, end)| end == c) {
                    return StillOpen::Quote(c, at);
                }
                last = c;
            }
            ('-', Some('-')) => {
                chars.by_ref().find(|(_, end)| *end == '\n');
            }
            ('/', Some('*')) => {
                chars.next();
                let mut before = ' ';
                if !chars.by_ref().any(|(_, c)| std::mem::replace(&mut before, c) == '*' && c == '/') {
                    return StillOpen::Comment;
                }
            }
            (c, _) if c.is_whitespace() => {}
            (c, _) => last = c,
        }
    }
    if last == ';' { StillOpen::Nothing } else { StillOpen::Statement }
}

/// What a line amounts to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TypedLine {
    /// Nothing to do.
    Empty,
    /// A command of the shell.
    Command(String),
    /// Whole statements.
    Statements(String),
    /// The statement goes on.
    More,
    /// The statement was left.
    Left,
}

/// The lines of a statement that has not ended.
#[derive(Debug, Default)]
pub(super) struct PendingStatement {
    text: String,
}

impl PendingStatement {
    /// The lines so far.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Takes a line.
    pub(super) fn take(&mut self, line: &str) -> TypedLine {
        let word = line.trim();
        let is_inside = !self.text.is_empty();
        match (word, is_inside) {
            ("", false) => return TypedLine::Empty,
            ("" | "\\r", true) => {
                self.leave();
                return TypedLine::Left;
            }
            _ => {}
        }
        if let Some(command) = command(word) {
            return TypedLine::Command(command.to_owned());
        }
        // Numbers may begin with a point.
        if word.starts_with('\\') || !is_inside && word.starts_with('.') {
            return TypedLine::Command(word.to_owned());
        }
        if is_inside {
            self.text.push('\n');
        }
        self.text.push_str(line);
        match still_open(&self.text) {
            StillOpen::Nothing => TypedLine::Statements(std::mem::take(&mut self.text)),
            _ => TypedLine::More,
        }
    }

    /// Leaves the statement; false if there is none.
    pub(super) fn leave(&mut self) -> bool {
        !std::mem::take(&mut self.text).is_empty()
    }

    /// The prompt of the next line, which shows what is open.
    pub(super) fn prompt(&self) -> &'static str {
        if self.text.is_empty() {
            return "posweight> ";
        }
        match still_open(&self.text) {
            StillOpen::Quote('"', _) => "        \"> ",
            StillOpen::Quote(..) => "        '> ",
            StillOpen::Comment => "       /*> ",
            StillOpen::Statement | StillOpen::Nothing => "      ...> ",
        }
    }
}

/// Commands that are words, as the shell calls them.
pub(super) fn command(word: &str) -> Option<&'static str> {
    let word = word.trim_end_matches(';').trim_end();
    let commands = [("help", ".help"), ("exit", ".quit"), ("quit", ".quit")];
    commands.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)).map(|(_, command)| *command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_with_a_semicolon_that_is_one() {
        for whole in [
            "",
            "SELECT 1;",
            "SELECT ';';",
            "SELECT 1; -- done",
            "SELECT 'it''s';",
            "SELECT 1 /* ; */;",
            "-- nothing",
            "SELECT 1; /* a\nb */",
            "SELECT /***/ 1;",
        ] {
            assert_eq!(still_open(whole), StillOpen::Nothing, "{whole}");
        }
        for (part, open) in [
            ("SELECT 1", StillOpen::Statement),
            ("SELECT ';", StillOpen::Quote('\'', 7)),
            ("SELECT 1 -- ;", StillOpen::Statement),
            ("SELECT \";\"", StillOpen::Statement),
            ("SELECT \"a;", StillOpen::Quote('"', 7)),
            ("SELECT 1 /* ;", StillOpen::Comment),
            ("SELECT 1 /*/ ;", StillOpen::Comment),
        ] {
            assert_eq!(still_open(part), open, "{part}");
        }
    }

    #[test]
    fn a_stray_statement_can_be_left_and_commands_work_inside_it() {
        let command = |text: &str| TypedLine::Command(text.to_owned());
        for end in ["", "  ", "\\r"] {
            let mut pending = PendingStatement::default();
            assert_eq!(pending.prompt(), "posweight> ");
            assert_eq!(pending.take("hepl"), TypedLine::More);
            assert_eq!(pending.prompt(), "      ...> ");
            assert_eq!(pending.take("help"), command(".help"));
            assert_eq!(pending.take("EXIT;"), command(".quit"));
            assert_eq!(pending.take("quit"), command(".quit"));
            assert_eq!(pending.take("\\d t"), command("\\d t"));
            assert_eq!(pending.take("'a"), TypedLine::More);
            assert_eq!(pending.prompt(), "        '> ");
            assert_eq!(pending.take("help"), command(".help"), "inside of quotes, too");
            assert_eq!(pending.take(end), TypedLine::Left);
            assert_eq!(pending.take("SELECT 1;"), TypedLine::Statements("SELECT 1;".to_owned()));
        }
    }

    #[test]
    fn a_statement_spans_lines() {
        let mut pending = PendingStatement::default();
        assert_eq!(pending.take(""), TypedLine::Empty);
        assert_eq!(pending.take(".tables"), TypedLine::Command(".tables".to_owned()));
        assert_eq!(pending.take("SELECT 1 /*"), TypedLine::More);
        assert_eq!(pending.prompt(), "       /*> ");
        assert_eq!(pending.take("*/ +"), TypedLine::More);
        assert_eq!(pending.take(".5;"), TypedLine::Statements("SELECT 1 /*\n*/ +\n.5;".to_owned()));
        assert_eq!(pending.prompt(), "posweight> ");
        assert!(!pending.leave());
    }
}
