//! Columns of texts that are numbers with a decimal comma, as tables with semicolons have them.

use super::candidates::Candidate;
use super::joined::Comma;
use super::layout::{LayoutKind, is_text};
use super::look::Look;
use super::offers::names;
use crate::error::{for_shell, plural};
use crate::sql_text::identifier;

/// Points of readings that a query makes, which are never chosen unasked.
const POINTS: u32 = 2;

/// The number that a text with a decimal comma is.
fn number(text: &str) -> Option<f64> {
    Comma::of(text).and_then(|_| text.replace(',', ".").parse().ok())
}

impl Look<'_> {
    /// Readings of such columns from 0 to 1, which a query makes numbers: as 0 and 1, or as soft values and with a threshold.
    pub(super) fn decimal_readings(&self) -> Vec<Candidate> {
        let domain = self.given.domain;
        if !self.given.labels.is_empty() || domain.soft || domain.threshold.is_some() {
            return Vec::new();
        }
        let (mut labels, mut are_whole) = (Vec::new(), true);
        for column in self.columns().filter(|column| is_text(column.field.data_type())) {
            let texts = || column.evidence.texts.keys().filter(|text| !text.is_empty());
            let numbers: Option<Vec<f64>> = texts().map(|text| number(text)).collect();
            let Some(numbers) = numbers.filter(|_| texts().any(|text| text.contains(','))) else { continue };
            if numbers.iter().all(|number| (0.0..=1.0).contains(number)) {
                are_whole &= numbers.iter().all(|number| number.fract() == 0.0);
                labels.push(column.name().to_owned());
            }
        }
        if labels.is_empty() {
            return Vec::new();
        }
        let values = labels.iter().map(|name| {
            let quoted = identifier(name);
            format!("CAST(nullif(replace({quoted}, ',', '.'), '') AS DOUBLE) AS {quoted}")
        });
        let query = format!("SELECT {} FROM shards", values.collect::<Vec<_>>().join(", "));
        let why = format!(
            "{} {} numbers from 0 to 1 with a decimal comma, for which the query writes a point: {}",
            plural(labels.len() as u64, "column"),
            if labels.len() == 1 { "holds" } else { "hold" },
            names(&labels)
        );
        let ways: &[Option<&str>] =
            if are_whole { &[None] } else { &[Some("--soft"), Some("--threshold 0.5")] };
        let readings = ways.iter().map(|way| {
            let query = format!("--query {}", for_shell(&query));
            let more = way.iter().map(|way| (*way).to_owned()).chain([query]).collect();
            let plain = Candidate::plain(LayoutKind::Wide, labels.clone(), POINTS, why.clone());
            Candidate { more, is_spelled: true, ..plain }
        });
        readings.collect()
    }
}
