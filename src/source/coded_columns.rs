//! Columns in which 1 says yes and 2 says no, as statistics programs write them, and columns of small counts, such as votes.

use super::candidates::{Candidate, CandidateColumn};
use super::layout::{LayoutKind, item};
use super::look::Look;
use super::offers::names;
use super::values::Value;
use crate::error::plural;

/// What such columns hold where nothing is known.
const UNKNOWN: [f64; 9] = [-1.0, -9.0, 7.0, 8.0, 9.0, 77.0, 88.0, 98.0, 99.0];
/// Points of several such columns, and of several with counts.
const POINTS: u32 = 2;
const COUNTS: u32 = 1;
/// The largest count.
const COUNT_MAX: f64 = 8.0;

impl Look<'_> {
    /// The columns that hold 1, 2, and codes for what is not known, as labels together.
    pub(super) fn one_two_readings(&self) -> Option<Candidate> {
        if !self.given.labels.is_empty() || !self.given.domain.is_binary() {
            return None;
        }
        let is_coded = |column: &CandidateColumn<'_>| {
            let evidence = column.evidence;
            let has = |number: f64| evidence.numbers().any(|x| x == number);
            let is_known = |x: f64| x == 1.0 || x == 2.0 || UNKNOWN.contains(&x);
            let is_scalar = item(column.field.data_type()).is_none() && column.classes.is_none();
            is_scalar
                && has(1.0)
                && has(2.0)
                && evidence.numbers().all(is_known)
                && evidence.texts.is_empty()
                && !evidence.is_full
        };
        let columns: Vec<CandidateColumn<'_>> = self.columns().filter(is_coded).collect();
        if columns.len() < 2 {
            return None;
        }
        let labels: Vec<String> = columns.iter().map(|column| column.name().to_owned()).collect();
        let is_held =
            |code: &&f64| columns.iter().any(|column| column.evidence.numbers().any(|x| x == **code));
        let codes = UNKNOWN.iter().filter(is_held).map(|code| Value::of_number(*code).to_string());
        let codes: Vec<String> = codes.collect();
        let mut more = vec!["--positive-values=1".to_owned(), "--negative-values=2".to_owned()];
        if !codes.is_empty() {
            more.push(format!("--missing-values={}", codes.join(",")));
        }
        let why = format!(
            "{} hold 1 and 2, which often are yes and no: {}",
            plural(labels.len() as u64, "column"),
            names(&labels)
        );
        let cells = columns[0].evidence.shown.clone();
        let plain = Candidate::plain(LayoutKind::Wide, labels, POINTS, why);
        Some(Candidate { cells, more, is_spelled: true, ..plain })
    }

    /// The columns that hold 0, 1 and further small counts, as labels together: each count says that there is one, or a 2
    /// that nothing is known.
    pub(super) fn count_readings(&self) -> Vec<Candidate> {
        if !self.given.labels.is_empty() || !self.given.domain.is_binary() {
            return Vec::new();
        }
        let is_count = |column: &CandidateColumn<'_>| {
            let evidence = column.evidence;
            let most = evidence.numbers().fold(0.0, f64::max);
            let is_scalar = item(column.field.data_type()).is_none() && column.classes.is_none();
            let are_all = evidence.numbers().all(|x| x >= 0.0 && x.fract() == 0.0);
            let is_dense = evidence.numbers().count() as f64 == most + 1.0;
            is_scalar && are_all && is_dense && (2.0..=COUNT_MAX).contains(&most) && evidence.texts.is_empty()
        };
        let columns: Vec<CandidateColumn<'_>> = self.columns().filter(is_count).collect();
        let labels: Vec<String> = columns.iter().map(|column| column.name().to_owned()).collect();
        if labels.len() < 2 {
            return Vec::new();
        }
        let held = format!("{} hold ", plural(labels.len() as u64, "column"));
        let which = names(&labels);
        let is_two = columns.iter().all(|column| column.evidence.numbers().all(|x| x <= 2.0));
        let counts = format!("{held}small counts, of which each may say that there is one: {which}");
        let unknown = format!("{held}0, 1 and 2, which may say that nothing is known: {which}");
        let ways =
            [Some(("--threshold 1", counts)), Some(("--missing-values=2", unknown)).filter(|_| is_two)];
        let cells = columns[0].evidence.shown.clone();
        let reading = |(flag, why): (&str, String)| {
            let plain = Candidate::plain(LayoutKind::Wide, labels.clone(), COUNTS, why);
            Candidate { cells: cells.clone(), more: vec![flag.to_owned()], is_spelled: true, ..plain }
        };
        ways.into_iter().flatten().map(reading).collect()
    }
}
