//! `imbalance.json` read back: the parts of a report that counts and weights do not give.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::imbalance_entries::{CooccurrenceEntry, LabelsetEntry, PairEntry};
use crate::error::{Error, Result};
use crate::findings::{FINDINGS, Finding};
use crate::groups::GroupMeasures;
use crate::report::RowReport;
use crate::row_measures::ROW_MEASURES;

/// The parts of a report that counts and weights do not give.
#[derive(Debug)]
pub(crate) struct SavedReport {
    /// Where the counts come from.
    pub source: String,
    /// Measures of rows.
    pub rows: Option<RowReport>,
    /// Findings.
    pub findings: Vec<Finding>,
    /// Groups against all rows.
    pub groups: Vec<GroupMeasures>,
    /// Checks of severity error that failed.
    pub failed_checks: Vec<String>,
    /// Checks of severity warn that failed.
    pub warned_checks: Vec<String>,
}

#[derive(Deserialize)]
struct SavedFields {
    source: String,
    findings: Vec<SavedFinding>,
    #[serde(default)]
    groups: Vec<SavedGroup>,
    #[serde(default)]
    failed_checks: Vec<String>,
    #[serde(default)]
    warned_checks: Vec<String>,
    rows_by_number_of_labels: Option<Vec<u64>>,
    #[serde(default)]
    top_labelsets: Vec<LabelsetEntry>,
    #[serde(default)]
    closest_pairs: Vec<PairEntry>,
    cooccurrence: Option<CooccurrenceEntry>,
    per_label: PerLabel,
}

#[derive(Deserialize)]
struct SavedGroup {
    name: String,
    absent: Vec<usize>,
    shifted: Vec<usize>,
    ld: Option<f64>,
    lpd: Option<f64>,
}

impl From<SavedGroup> for GroupMeasures {
    fn from(group: SavedGroup) -> Self {
        let SavedGroup { name, absent, shifted, ld, lpd } = group;
        Self { name, absent, shifted, ld, lpd }
    }
}

#[derive(Deserialize)]
struct SavedFinding {
    id: String,
    /// Older files lack it.
    count: Option<u64>,
    labels: Vec<usize>,
    observed: String,
}

#[derive(Deserialize)]
struct PerLabel {
    #[serde(default)]
    scumble: Vec<Option<f64>>,
    #[serde(default)]
    scumble_cv: Vec<Option<f64>>,
}

/// Reads the file at `path`; `None` where there is none.
///
/// # Errors
/// [`Error::Input`] when it is not one that this version wrote.
pub(crate) fn read(path: &Path) -> Result<Option<SavedReport>> {
    let bytes = match std::fs::read(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|cause| Error::reading(path, &cause))?,
    };
    let fields: SavedFields = parsed(&bytes, path)?;
    let numbers: HashMap<String, Number> = parsed(&bytes, path)?;
    let value = |name: &str| numbers.get(name).and_then(|number| number.0);
    let PerLabel { scumble, scumble_cv } = fields.per_label;
    let rows = fields.rows_by_number_of_labels.map(|cardinalities| RowReport {
        cardinalities,
        top_labelsets: fields.top_labelsets.into_iter().map(Into::into).collect(),
        closest_pairs: fields.closest_pairs.into_iter().map(Into::into).collect(),
        cooccurrence: fields.cooccurrence.map(Into::into),
        values: ROW_MEASURES.iter().map(|measure| value(measure.name)).collect(),
        scumble,
        scumble_cv,
    });
    let kind = |id: &str| FINDINGS.iter().find(|info| info.id == id).map(|info| info.kind);
    let finding = |one: SavedFinding| {
        let count = one.count.unwrap_or(one.labels.len() as u64);
        Some(Finding { kind: kind(&one.id)?, count, labels: one.labels, observed: one.observed })
    };
    let findings = fields.findings.into_iter().filter_map(finding).collect();
    let groups = fields.groups.into_iter().map(Into::into).collect();
    Ok(Some(SavedReport {
        source: fields.source,
        rows,
        findings,
        groups,
        failed_checks: fields.failed_checks,
        warned_checks: fields.warned_checks,
    }))
}

/// The numbers in the file at `path`, by name: `None` for one that is not defined, or no number. `None` where there is
/// no file.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_measures(path: &Path) -> Result<Option<HashMap<String, Option<f64>>>> {
    let bytes = match std::fs::read(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|cause| Error::reading(path, &cause))?,
    };
    let numbers: HashMap<String, Number> = parsed(&bytes, path)?;
    Ok(Some(numbers.into_iter().map(|(name, Number(value))| (name, value)).collect()))
}

fn parsed<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|cause| {
        Error::input(cause.to_string()).at(path.display()).hint("run posweight again to replace it")
    })
}

/// A number, if the value is one; long lists are skipped.
struct Number(Option<f64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Number, E> {
        Ok(Number(Some(value)))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Number, E> {
        Ok(Number(Some(crate::counts::as_f64(value))))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Number, E> {
        Ok(Number(Some(value as f64)))
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Number, E> {
        Ok(Number(None))
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<Number, E> {
        Ok(Number(None))
    }

    fn visit_unit<E>(self) -> std::result::Result<Number, E> {
        Ok(Number(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Number, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Number(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Number, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Number(None))
    }
}
