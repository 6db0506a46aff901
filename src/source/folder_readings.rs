//! Readings of `key=value` folders as classes, which are offered but never chosen unasked.

use std::path::Path;

use super::candidates::Candidate;
use super::column_names::{NameRank, rank_of_name};
use super::evidence::CELLS_SHOWN;
use super::layout::LayoutKind;
use super::look::Look;
use crate::error::for_shell;

/// Points of a key whose name is one of labels, or has a word of one; of any other.
const NAMED: u32 = 2;
const OTHER: u32 = 1;

impl Look<'_> {
    /// Keys of folders as classes of their rows.
    pub(super) fn folder_readings(&self) -> Vec<Candidate> {
        let is_free = |key: &str| self.given.labels.is_empty() && !self.given.taken.contains(&key);
        let keys = self.folders.iter().filter(|(key, _)| is_free(key));
        let readings = keys.map(|(key, values)| {
            let points = rank_of_name(key).points(NAMED, NAMED, OTHER);
            let why = format!("folders {key}=… say one label for all rows inside");
            let plain = Candidate::plain(LayoutKind::Class, vec![key.clone()], points, why);
            let cells = values.iter().take(CELLS_SHOWN).map(|value| format!("{value:?}"));
            Candidate { cells: cells.collect(), ..plain }
        });
        readings.collect()
    }

    /// What to do where folders are the labels, if no column is named as labels are.
    pub(super) fn folders_told(&self, candidates: &[Candidate]) -> String {
        let is_named = |one: &Candidate| one.labels.iter().any(|name| rank_of_name(name) != NameRank::Other);
        let [first, second, ..] = &self.plain_folders[..] else { return String::new() };
        if !self.given.labels.is_empty() || candidates.iter().any(is_named) {
            return String::new();
        }
        let renamed = |folder: &String| {
            let path = Path::new(folder);
            let name = path.file_name().unwrap_or_default().display();
            let keyed = path.with_file_name(format!("label={name}"));
            format!("mv {} {}", for_shell(folder), for_shell(&keyed.display().to_string()))
        };
        let more = if self.plain_folders.len() > 2 { "; …" } else { "" };
        format!(
            "; if the folders are the labels, name each label=…: {}; {}{more}",
            renamed(first),
            renamed(second)
        )
    }
}
