//! Texts that no layout reads as they are, with the query that rewrites them.

use super::candidates::{Candidate, CandidateColumn, SURE};
use super::evidence::ColumnEvidence;
use super::layout::LayoutKind;
use crate::error::for_shell;

impl CandidateColumn<'_> {
    /// The readings of texts with one digit for each label, or with tags in angle brackets; `None` for other texts.
    pub(super) fn queried_readings(&self) -> Option<Vec<Candidate>> {
        let name = self.name();
        let column = format!("\"{}\"", name.replace('"', "\"\""));
        let (kind, value, delimiter, look) = if are_digits(self.evidence) {
            let value = format!("trim(regexp_replace({column}, '(.)', '\\1 ', 'g'))");
            (LayoutKind::Vector, value, None, "one 0/1 digit per label without separators")
        } else if are_tags(self.evidence) {
            let value = format!("btrim(replace({column}, '><', '|'), '<>')");
            (LayoutKind::Delimited, value, Some("|".to_owned()), "labels in angle brackets")
        } else {
            return None;
        };
        // Seldom one name, and never rewritten unasked.
        let points = self.base(7, 5, 1).min(SURE - 1);
        let query = format!("SELECT {value} AS {column} FROM shards");
        let why = format!("strings in {name:?} look like {look}, which the query rewrites");
        let rewritten = Candidate {
            delimiter,
            more: vec![format!("--query {}", for_shell(&query))],
            ..self.candidate(kind, points, why)
        };
        let why = format!(
            "strings in {name:?} look like {look}, which are not read as such; as layout class each is one label"
        );
        Some(vec![rewritten, self.candidate(LayoutKind::Class, points, why)])
    }
}

/// Whether all texts have one length and only the digits 0 and 1, some with leading zeros.
fn are_digits(evidence: &ColumnEvidence) -> bool {
    let mut lengths = evidence.texts.keys().map(String::len);
    let Some(first) = lengths.next().filter(|length| *length > 1) else { return false };
    let digits = |text: &String| text.bytes().all(|byte| matches!(byte, b'0' | b'1'));
    evidence.texts.len() > 1
        && lengths.all(|length| length == first)
        && evidence.texts.keys().all(digits)
        && evidence.texts.keys().any(|text| text.starts_with('0'))
}

/// Whether all texts are written like `<cat><dog>`, some with several labels.
fn are_tags(evidence: &ColumnEvidence) -> bool {
    let texts = || evidence.texts.keys().filter(|text| !text.is_empty());
    let is_tags = |text: &String| text.starts_with('<') && text.ends_with('>') && !text.contains('|');
    texts().all(is_tags) && texts().any(|text| text.contains("><"))
}
