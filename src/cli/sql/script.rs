//! What is in a script: statements, and the commands of the shell that make sense without a terminal.

use super::typed::{StillOpen, command, still_open};
use crate::engine::sql::{Session, Statement};
use crate::error::{Error, Result};

/// One thing to do.
#[derive(Debug)]
pub(super) enum ScriptStep {
    Run(Statement),
    Help,
    Tables,
    /// Shows the columns of a table.
    Columns(String),
}

impl ScriptStep {
    pub(super) fn gives_rows(&self) -> bool {
        matches!(self, Self::Run(statement) if statement.gives_rows())
    }
}

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScriptEnd {
    /// It was read to its end.
    Read,
    /// It says that nothing follows.
    Left,
}

/// Adds what `text` says to `steps`. A line is a command where no statement is open.
pub(super) fn steps(text: &str, steps: &mut Vec<ScriptStep>) -> Result<ScriptEnd> {
    let mut pending = String::new();
    for line in text.split_inclusive('\n') {
        let word = line.trim();
        let may_be = command(word).is_some() || word.starts_with('\\') || word.starts_with('.');
        if !may_be || still_open(&pending) != StillOpen::Nothing {
            pending.push_str(line);
            continue;
        }
        // Lines of errors are those of the text.
        let lines = pending.matches('\n').count() + 1;
        add_statements(&mut pending, steps)?;
        pending = "\n".repeat(lines);
        let word = command(word).unwrap_or(word).trim_end_matches(';');
        let (word, argument) = word.split_once(char::is_whitespace).unwrap_or((word, ""));
        let argument = argument.trim().trim_matches(['\'', '"']);
        match (word, argument) {
            ("\\q" | ".quit" | ".exit", _) => return Ok(ScriptEnd::Left),
            ("\\?" | ".help", _) => steps.push(ScriptStep::Help),
            ("\\d" | ".tables" | ".schema", "") => steps.push(ScriptStep::Tables),
            ("\\d" | ".schema", table) => steps.push(ScriptStep::Columns(table.to_owned())),
            ("\\r", _) => {}
            (".mode", _) => {
                return Err(Error::usage(".mode is for the shell").hint("choose a format with --format"));
            }
            (other, _) => {
                return Err(Error::usage(format!("{other} is no command of a script"))
                    .hint("scripts have statements, \\d, help and exit"));
            }
        }
    }
    add_statements(&mut pending, steps)?;
    Ok(ScriptEnd::Read)
}

fn add_statements(text: &mut String, steps: &mut Vec<ScriptStep>) -> Result<()> {
    steps.extend(Session::parse(&std::mem::take(text))?.into_iter().map(ScriptStep::Run));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(text: &str) -> (Vec<String>, ScriptEnd) {
        let mut found = Vec::new();
        let end = steps(text, &mut found).unwrap();
        let name = |step: &ScriptStep| match step {
            ScriptStep::Run(_) => "run".to_owned(),
            ScriptStep::Help => "help".to_owned(),
            ScriptStep::Tables => "tables".to_owned(),
            ScriptStep::Columns(table) => format!("columns of {table}"),
        };
        (found.iter().map(name).collect(), end)
    }

    #[test]
    fn commands_stand_between_statements() {
        let (found, end) = outline("\\d\nSELECT 1;\nhelp\nSELECT\n2;\n.schema 'a b'\nexit;\nSELEC");
        assert_eq!(found, ["tables", "run", "help", "run", "columns of a b"]);
        assert_eq!(end, ScriptEnd::Left);
        // Inside of a statement and of quotes a word is a word, an empty line nothing.
        let (found, end) = outline("SELECT 1 AS\n\nhelp\n, '\nexit\n'\n, \n.5;");
        assert_eq!((found.len(), end), (1, ScriptEnd::Read));
    }

    #[test]
    fn errors_name_the_line_of_the_script() {
        let error = steps("\\d\nSELECT 1;\nhelp\n\nSELEC 2;\n", &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("Line: 5"), "{error}");
        let error = steps(".mode json\n", &mut Vec::new()).unwrap_err();
        assert!(error.remedy().unwrap().contains("--format"), "{error}");
        assert!(steps("\\x\n", &mut Vec::new()).is_err());
    }
}
