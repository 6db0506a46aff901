//! The heads of a target tensor in a report: one line for each class column.

use super::Report;
use super::numbers::{number, thousands};
use crate::measures::measure_some;

/// What a report says of one head.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeadLine<'a> {
    /// The column.
    pub column: &'a str,
    /// Position of its first label.
    pub start: usize,
    /// Number of its labels.
    pub length: usize,
    /// Rows that have no label of it.
    pub missing: u64,
    /// Mean imbalance ratio of its labels; `None` where it is undefined.
    pub mean_ir: Option<f64>,
    /// The largest imbalance ratio of its labels.
    pub max_ir: Option<f64>,
}

impl HeadLine<'_> {
    /// Its numbers as texts: labels, positions, missing rows, `MeanIR`, largest IR.
    pub(super) fn cells(&self) -> [String; 5] {
        let last = (self.start + self.length).saturating_sub(1);
        [
            thousands(self.length as u64),
            if self.length == 0 { "–".to_owned() } else { format!("{} … {last}", self.start) },
            thousands(self.missing),
            number(self.mean_ir),
            number(self.max_ir),
        ]
    }
}

/// The headings of [`HeadLine::cells`], with that of the column in front.
pub(super) const HEADINGS: [&str; 6] =
    ["head", "labels", "positions", "missing rows", "MeanIR", "largest IR"];

impl Report<'_> {
    /// One line per head; none where one column was counted.
    pub(crate) fn heads(&self) -> Vec<HeadLine<'_>> {
        let compat = self.measures.compat;
        let lines = self.counts.heads().iter().map(|head| {
            let part = self.counts.part(head).ok();
            let [mean_ir, max_ir] =
                part.map_or([None; 2], |part| measure_some(&part, compat, ["mean_ir", "max_ir"]));
            // A row says something of all labels of a head, or of none.
            let first = head.range().next().map(|label| self.counts.tallies()[label].missing);
            let missing = first.or(head.unlisted.map(|unlisted| unlisted.tally.missing)).unwrap_or(0);
            HeadLine {
                column: &head.column,
                start: head.start,
                length: head.length,
                missing,
                mean_ir,
                max_ir,
            }
        });
        lines.collect()
    }
}
