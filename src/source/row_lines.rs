//! On which line of a text file each row begins. A shard that this run makes of a text file says it in its footer,
//! so that messages name lines rather than rows.

use super::shards::Shard;
use crate::artifact::files::ROW_LINES;

/// Most places where rows and lines part; rows behind the last one have no line.
const PLACES_MAX: usize = 10_000;

/// The lines of rows, as rows from which on each row begins one line below the one before.
#[derive(Debug, Default)]
pub(super) struct RowLines {
    /// Row and line.
    places: Vec<(u64, u64)>,
    rows: u64,
    is_full: bool,
}

impl RowLines {
    /// Adds the line of the next row.
    pub(super) fn add(&mut self, line: u64) {
        let expected = self.places.last().map(|(row, first)| first + (self.rows - row));
        if expected != Some(line) && !self.is_full {
            self.is_full = self.places.len() == PLACES_MAX;
            // No line is 0.
            self.places.push((self.rows, if self.is_full { 0 } else { line }));
        }
        self.rows += 1;
    }

    /// The entry of the footer; `None` where rows have no lines.
    pub(super) fn entry(&self) -> Option<String> {
        let places = self.places.iter().map(|(row, line)| format!("{row}:{line}"));
        (!self.places.is_empty()).then(|| places.collect::<Vec<_>>().join(","))
    }
}

/// The line of a row, by the entry of a footer.
fn line_of(entry: &str, row: u64) -> Option<u64> {
    let places = entry.split(',').filter_map(|place| {
        let (row, line) = place.split_once(':')?;
        Some((row.parse::<u64>().ok()?, line.parse::<u64>().ok()?))
    });
    let (first, line) = places.take_while(|(first, _)| *first <= row).last()?;
    (line > 0).then(|| line + (row - first))
}

impl Shard {
    /// What messages call a row, by its number among the rows that are left: its line in a text file, or its number in
    /// the file.
    #[must_use]
    pub(crate) fn row_words(&self, row: u64) -> String {
        match self.key_value(ROW_LINES).and_then(|lines| line_of(lines, row)) {
            Some(line) => format!("line {line}"),
            None => {
                format!("row {} (from 0)", self.deleted.as_ref().map_or(row, |deleted| deleted.place(row)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_until_there_are_too_many_places() {
        let mut lines = RowLines::default();
        assert_eq!(lines.entry(), None);
        let all = [2, 3, 4, 7, 8, 20];
        all.into_iter().for_each(|line| lines.add(line));
        let entry = lines.entry().unwrap();
        assert_eq!(entry, "0:2,3:7,5:20");
        assert_eq!((0..6).map(|row| line_of(&entry, row).unwrap()).collect::<Vec<_>>(), all);
        let mut many = RowLines::default();
        (0..20_000).for_each(|row| many.add(2 + row * 2));
        let entry = many.entry().unwrap();
        assert_eq!((line_of(&entry, 9_999), line_of(&entry, 10_000)), (Some(20_000), None));
        assert_eq!(line_of(&entry, 19_999), None);
    }
}
