//! Whether the first row was taken for the names of the columns: `img1.jpg,cat` above `img2.jpg,dog`.

use std::ffi::OsStr;
use std::path::Path;

use super::evidence::ColumnEvidence;
use super::look::Look;
use super::offers::names;
use crate::error::{Error, Result};

impl Look<'_> {
    /// Asks where the name of every column is like its cells.
    ///
    /// # Errors
    /// [`Error::Usage`] with the names.
    pub(super) fn refuse_unnamed(&self) -> Result<()> {
        let all: Vec<String> = self.schema.fields().iter().map(|field| field.name().clone()).collect();
        let is_cell =
            |name: &String| self.found.get(name).is_some_and(|evidence| is_like_cells(name, evidence));
        // The columns of a matrix are numbered.
        let are_numbers = all.iter().all(|name| name.parse::<f64>().is_ok());
        if all.len() < 2 || are_numbers || !all.iter().all(is_cell) {
            return Ok(());
        }
        let numbered: Vec<String> = (1..=all.len()).map(|n| format!("column_{n}")).collect();
        Err(Error::usage(format!(
            "is the first row of the files in the place of the names of the columns? {} are like the cells below them",
            names(&all)
        ))
        .hint(format!(
            "write names in front of the rows: of a CSV file, sed '1i {}' FILE > NEW does that; if the columns are called \
             so, say how the labels are stored with --labels and --layout",
            numbered.join(",")
        )))
    }
}

/// Whether a name might be one of the cells of its column.
fn is_like_cells(name: &str, evidence: &ColumnEvidence) -> bool {
    let ending = |text: &str| Path::new(text).extension().map(OsStr::to_ascii_lowercase);
    let has_blank = |text: &str| text.trim().contains(' ');
    let texts = || evidence.texts.keys().map(String::as_str);
    if evidence.texts.is_empty() {
        return evidence.has_values() && name.parse::<f64>().is_ok();
    }
    let is_file = ending(name).is_some() && texts().all(|text| ending(text) == ending(name));
    let is_phrase =
        has_blank(name) && texts().filter(|text| has_blank(text)).count() * 2 > evidence.texts.len();
    // What one label is called is the name of its column, too.
    is_file || is_phrase || evidence.texts.contains_key(name) && evidence.texts.len() > 1
}
