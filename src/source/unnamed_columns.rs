//! Whether the first row was taken for the names of the columns: `img1.jpg,cat` above `img2.jpg,dog`.

use std::ffi::OsStr;
use std::path::Path;

use super::evidence::ColumnEvidence;
use super::look::Look;
use super::offers::names;
use super::shards::Shard;
use crate::error::{Error, Result};

impl Look<'_> {
    /// Asks where the names of the columns are like their cells: that of every one, or those of half of them, where the
    /// others may be, and one is a number, a sentence or empty.
    ///
    /// # Errors
    /// [`Error::Usage`] with the names.
    pub(super) fn refuse_unnamed(&self, shards: &[Shard]) -> Result<()> {
        let all: Vec<String> = self.schema.fields().iter().map(|field| field.name().clone()).collect();
        let is_cell =
            |name: &String| self.found.get(name).is_some_and(|evidence| is_like_cells(name, evidence));
        let is_number = |name: &String| name.trim().parse::<f64>().is_ok();
        // The columns of a matrix are numbered.
        let are_numbers = all.iter().all(is_number);
        let are_cells = all.iter().all(is_cell);
        if all.len() < 2 || are_numbers || !(are_cells || self.are_mostly_cells(&all)) {
            return Ok(());
        }
        let by = if shards.first().is_some_and(|shard| has_tabs(&shard.name)) { "\\t" } else { "," };
        let numbered: Vec<String> = (1..=all.len()).map(|n| format!("column_{n}")).collect();
        Err(Error::usage(format!(
            "is the first row of the files in the place of the names of the columns? {} are like the cells below them",
            names(&all)
        ))
        .hint(format!(
            "write names in front of the rows: of a CSV file, sed '1i {}' FILE > NEW does that; if the columns are called \
             so, say how the labels are stored with --labels and --layout",
            numbered.join(by)
        )))
    }

    /// Whether half of the names are surely cells, and all others may be: numbers, empty, or as rare as some cells are.
    fn are_mostly_cells(&self, all: &[String]) -> bool {
        let numbers: Vec<&String> = all.iter().filter(|name| name.trim().parse::<f64>().is_ok()).collect();
        // A matrix beside other columns has names such as 0, 1, 2.
        let is_run = |first: usize| {
            numbers.iter().enumerate().all(|(nth, name)| name.trim() == (nth + first).to_string())
        };
        let are_places = is_run(0) || is_run(1);
        let (mut named, mut sure, mut points) = (0_usize, 0_usize, 0_usize);
        for name in all.iter().filter(|name| !name.is_empty()) {
            let Some(evidence) = self.found.get(name) else { return false };
            let is_number = numbers.contains(&name);
            named += 1;
            if is_like_cells(name, evidence) && !(is_number && are_places) {
                sure += 1;
                points += if is_sentence(name) { 2 } else { 1 };
            } else if !may_be_cell(name, evidence) {
                return false;
            }
        }
        let is_odd = !numbers.is_empty() || all.iter().any(|name| name.is_empty() || is_sentence(name));
        is_odd && points >= SURE_MIN && sure * 2 >= named
    }
}

/// Words that are more than a name of a column.
const SENTENCE: usize = 5;
/// Names like cells that are no accident; a sentence counts twice.
const SURE_MIN: usize = 2;

fn is_sentence(name: &str) -> bool {
    name.split_whitespace().count() >= SENTENCE
}

/// Whether the fields of a file stand between tabs.
fn has_tabs(name: &str) -> bool {
    let name = name.strip_suffix(".gz").unwrap_or(name).to_ascii_lowercase();
    [".tsv", ".tab"].iter().any(|end| name.ends_with(end))
}

/// Whether a name may be a cell: that of a column with one text, or one that was not looked at, where some are there
/// once.
fn may_be_cell(name: &str, evidence: &ColumnEvidence) -> bool {
    if evidence.texts.is_empty() {
        return evidence.has_values() && name.trim().parse::<f64>().is_ok();
    }
    evidence.is_full || evidence.texts.contains_key(name) || evidence.texts.values().any(|cells| *cells <= 1)
}

/// Whether a name might be one of the cells of its column.
fn is_like_cells(name: &str, evidence: &ColumnEvidence) -> bool {
    let ending = |text: &str| Path::new(text).extension().map(OsStr::to_ascii_lowercase);
    let has_blank = |text: &str| text.trim().contains(' ');
    let texts = || evidence.texts.keys().map(String::as_str);
    if evidence.texts.is_empty() {
        return evidence.has_values() && name.trim().parse::<f64>().is_ok();
    }
    let is_file = ending(name).is_some() && texts().all(|text| ending(text) == ending(name));
    let is_phrase =
        has_blank(name) && texts().filter(|text| has_blank(text)).count() * 2 > evidence.texts.len();
    // What one label is called is the name of its column, too.
    is_file || is_phrase || evidence.texts.contains_key(name) && evidence.texts.len() > 1
}
