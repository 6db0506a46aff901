//! `imbalance.json` read back: what a report tells and counts and weights do not.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result};
use crate::findings::{FINDINGS, Finding};
use crate::groups::GroupMeasures;
use crate::report::{Heat, Rows};
use crate::row_measures::{Labelset, Pair, ROW_MEASURES};

/// What `imbalance.json` knows beside counts and weights.
#[derive(Debug)]
pub struct Saved {
    /// Where the counts come from.
    pub source: String,
    /// What rows say.
    pub rows: Option<Rows>,
    /// Everything odd.
    pub findings: Vec<Finding>,
    /// Groups against all rows.
    pub groups: Vec<GroupMeasures>,
}

#[derive(Deserialize)]
struct Parts {
    source: String,
    findings: Vec<Odd>,
    #[serde(default)]
    groups: Vec<GroupMeasures>,
    rows_by_number_of_labels: Option<Vec<u64>>,
    #[serde(default)]
    top_labelsets: Vec<Labelset>,
    #[serde(default)]
    closest_pairs: Vec<Pair>,
    cooccurrence: Option<Heat>,
    per_label: PerLabel,
}

#[derive(Deserialize)]
struct Odd {
    id: String,
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
pub fn read(path: &Path) -> Result<Option<Saved>> {
    let bytes = match std::fs::read(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|cause| Error::reading(path, &cause))?,
    };
    let parts: Parts = parsed(&bytes, path)?;
    let numbers: HashMap<String, Number> = parsed(&bytes, path)?;
    let value = |name: &str| numbers.get(name).and_then(|number| number.0);
    let PerLabel { scumble, scumble_cv } = parts.per_label;
    let rows = parts.rows_by_number_of_labels.map(|cardinalities| Rows {
        cardinalities,
        top_labelsets: parts.top_labelsets,
        closest_pairs: parts.closest_pairs,
        cooccurrence: parts.cooccurrence,
        values: ROW_MEASURES.iter().map(|measure| value(measure.name)).collect(),
        scumble,
        scumble_cv,
    });
    let kind = |id: &str| FINDINGS.iter().find(|info| info.id == id).map(|info| info.kind);
    let findings = parts
        .findings
        .into_iter()
        .filter_map(|odd| Some(Finding { kind: kind(&odd.id)?, labels: odd.labels, observed: odd.observed }));
    Ok(Some(Saved { source: parts.source, rows, findings: findings.collect(), groups: parts.groups }))
}

fn parsed<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|cause| {
        Error::input(format!("{}: {cause}", path.display())).hint("run posweight again to write it anew")
    })
}

/// A number, where there is one; lists of millions are passed over.
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
