//! Readings of `key=value` folders as classes, which are offered but never chosen unasked.

use super::candidates::Candidate;
use super::column_names::rank_of_name;
use super::evidence::CELLS_SHOWN;
use super::layout::LayoutKind;
use super::look::Look;

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
}
