//! Globs, name by name, so that files and objects are matched in the same way.

use glob::{MatchOptions, Pattern};

use super::names::is_hidden;
use crate::error::{Error, Result};

/// Characters that make a path a glob.
const WILD: [char; 3] = ['*', '?', '['];

/// Whether a path is a glob.
pub(super) fn is_glob(path: &str) -> bool {
    path.contains(WILD)
}

/// The names of a glob after the folder that all matches lie in.
#[derive(Debug)]
pub(super) struct Glob {
    /// The folder that all matches lie in, with its slash; empty for the current one.
    pub folder: String,
    parts: Vec<Part>,
    /// `**` at the end: what matches is a folder, and all below is meant.
    pub folders_only: bool,
}

#[derive(Debug)]
enum Part {
    /// `**`: any folders, or none.
    Folders,
    Name(Pattern),
}

/// Which parts of a glob the names so far may have reached.
pub(super) type Reached = Vec<usize>;

impl Glob {
    /// Reads a glob.
    ///
    /// # Errors
    /// [`Error::Usage`] when it is not valid.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let first = text.find(WILD).unwrap_or(text.len());
        let cut = text[..first].rfind('/').map_or(0, |at| at + 1);
        let (folder, rest) = text.split_at(cut);
        let names: Vec<&str> = rest.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
        let ends = names.iter().rev().take_while(|name| **name == "**").count();
        let parts = names[..names.len() - ends].iter().map(|name| match *name {
            "**" => Ok(Part::Folders),
            name => Pattern::new(name).map(Part::Name).map_err(|cause| {
                Error::usage(format!("{text}: not a valid glob: {cause}"))
                    .hint("quote it and use *, **, ? and {a,b}; [[] is an opening bracket")
            }),
        });
        Ok(Self { folder: folder.to_owned(), parts: parts.collect::<Result<_>>()?, folders_only: ends > 0 })
    }

    /// Where matching begins.
    pub(super) fn start(&self) -> Reached {
        let mut reached = Vec::new();
        self.reach(0, &mut reached);
        reached
    }

    /// Takes one more name of a path.
    pub(super) fn next(&self, reached: &Reached, name: &str) -> Reached {
        let mut next = Vec::new();
        for &at in reached {
            match self.parts.get(at) {
                Some(Part::Folders) if !is_hidden(name) => self.reach(at, &mut next),
                Some(Part::Name(pattern)) if matches(pattern, name) => self.reach(at + 1, &mut next),
                _ => {}
            }
        }
        next
    }

    /// Whether the names so far match the whole glob.
    pub(super) fn is_whole(&self, reached: &Reached) -> bool {
        reached.contains(&self.parts.len())
    }

    fn reach(&self, at: usize, reached: &mut Reached) {
        if !reached.contains(&at) {
            reached.push(at);
        }
        if let Some(Part::Folders) = self.parts.get(at) {
            self.reach(at + 1, reached);
        }
    }
}

/// Hidden names are matched only where their first character is written out.
fn matches(pattern: &Pattern, name: &str) -> bool {
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
    (!is_hidden(name) || name.chars().next() == pattern.as_str().chars().next())
        && pattern.matches_with(name, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(glob: &str, path: &str) -> bool {
        let glob = Glob::parse(glob).unwrap();
        let below = path.strip_prefix(&glob.folder).unwrap();
        let reached = below.split('/').fold(glob.start(), |reached, name| glob.next(&reached, name));
        glob.is_whole(&reached)
    }

    #[test]
    fn two_stars_are_any_folders_and_none() {
        for path in ["d/a.parquet", "d/x/a.parquet", "d/x/y/a.parquet"] {
            assert!(is_match("d/**/*.parquet", path), "{path}");
        }
        assert!(is_match("d/**/x/**/a", "d/x/a") && is_match("d/**/x/**/a", "d/1/x/2/3/a"));
        assert!(!is_match("d/*/a", "d/a") && !is_match("d/*/a", "d/x/y/a"));
    }

    #[test]
    fn hidden_names_are_matched_only_where_they_are_written_out() {
        for path in ["d/_tmp/a", "d/x/.b/a", "d/_a", "d/x/_a"] {
            assert!(!is_match("d/**/*a*", path), "{path}");
        }
        assert!(is_match("d/_*/a", "d/_tmp/a") && is_match("d/_tmp/**/a", "d/_tmp/x/a"));
        assert!(!is_match("d/_tmp/**/a", "d/_tmp/_x/a"));
    }

    #[test]
    fn the_folder_of_all_matches_is_what_comes_before_the_first_star() {
        for (glob, folder) in [("a/b/c*", "a/b/"), ("*.x", ""), ("/d/**", "/d/"), ("a/[xy]/z", "a/")] {
            assert_eq!(Glob::parse(glob).unwrap().folder, folder);
        }
        assert!(Glob::parse("a/**").unwrap().folders_only && Glob::parse("a/[x").is_err());
    }
}
