//! The history of the shell, saved between sessions.

use std::path::PathBuf;

/// Number of entries saved.
const KEPT: usize = 1000;

/// Entries, oldest first, and the file that saves them. The shell also works if the file cannot be read or
/// written.
pub(super) struct History {
    file: Option<PathBuf>,
    pub(super) entries: Vec<String>,
}

impl History {
    /// The history of this user.
    pub(super) fn load() -> Self {
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home);
        let file = state.map(|state| state.join("posweight/sql_history"));
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        Self { file, entries: text.lines().map(from_line).collect() }
    }

    /// Adds an entry, unless it repeats the last one.
    pub(super) fn add(&mut self, entry: &str) {
        if self.entries.last().is_none_or(|last| last != entry) {
            self.entries.push(entry.to_owned());
        }
    }

    pub(super) fn save(&self) {
        let Some(file) = &self.file else { return };
        let from = self.entries.len().saturating_sub(KEPT);
        let lines: String = self.entries[from..].iter().map(|entry| to_line(entry) + "\n").collect();
        if let Some(folder) = file.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        let _ = std::fs::write(file, lines);
    }
}

/// An entry of several lines as one line.
fn to_line(entry: &str) -> String {
    entry.replace('\\', "\\\\").replace('\n', "\\n")
}

fn from_line(line: &str) -> String {
    let mut entry = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => entry.push('\n'),
                Some(other) => entry.push(other),
                None => entry.push('\\'),
            },
            (c, false) => entry.push(c),
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_several_lines_is_one_line_and_comes_back() {
        for entry in ["SELECT 1;", "SELECT 1 -- one\nFROM t;", "\\d t", "a\\nb\\\n"] {
            assert!(!to_line(entry).contains('\n'));
            assert_eq!(from_line(&to_line(entry)), entry);
        }
    }
}
