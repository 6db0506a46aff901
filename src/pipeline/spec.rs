//! A pipeline file as written. Flags are another spelling of it: every flag is a key of the same name
//! with underscores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::checks::Severity;
use crate::error::{Error, Result};

/// Everything that can be asked for; `None` means "not said".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spec {
    /// Files, folders and globs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<OneOrMany>,
    /// Output folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// Replace a result that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwrite: Option<bool>,
    /// File that keeps counts of shards from run to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,
    /// Count all shards, also those whose counts are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full: Option<bool>,
    /// Files to write; all when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formats: Option<OneOrMany>,
    /// How labels are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// Label columns: names and globs, `!` takes away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<OneOrMany>,
    /// Row id column of layout long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Value column of layout long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Separator of layout delimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// Label names in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<String>,
    /// Number of labels, C.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_labels: Option<u64>,
    /// True number of rows, N, of layout long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_rows: Option<u64>,
    /// Whether integers are indices or names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_kind: Option<String>,
    /// What values mean, unless a label says otherwise.
    #[serde(flatten)]
    pub values: Values,
    /// `error` or `missing`: label columns that some shards lack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_columns: Option<String>,
    /// SQL condition a row must meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#where: Option<String>,
    /// Column with one weight per row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_weight: Option<String>,
    /// Columns whose values split the counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<OneOrMany>,
    /// Schemes; the first is the primary vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<OneOrMany>,
    /// ε of scheme ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// Every weight to this power.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<f64>,
    /// Smallest and largest weight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<(f64, f64)>,
    /// `none`, `mean`, `sum` or `max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize: Option<String>,
    /// Value of labels without positives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero_positives: Option<Scalar>,
    /// Value of labels without negatives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero_negatives: Option<Scalar>,
    /// Fewer positives count as none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_positives: Option<u64>,
    /// How rows are counted: `auto`, `encoded` or `plain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Take constant chunks by the word of their statistics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_statistics: Option<bool>,
    /// Peak memory, such as `512m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<String>,
    /// Threads that count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Folder for spill files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spill_dir: Option<PathBuf>,
    /// Most bytes of spill files, such as `100g`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spill_limit: Option<String>,
    /// Publish a result that a check of severity error refuses; the run fails all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_on_check_failure: Option<bool>,
    /// What a result has to keep to be published.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, Limit>,
    /// Labels whose values have a meaning of their own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub label: BTreeMap<String, Values>,
}

/// The limit of a check: a number, or a number with what happens beyond it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a limit is a number or { limit = NUMBER, severity = \"warn\" }")]
pub enum Limit {
    /// `1000`: severity error.
    Number(f64),
    /// `{ limit = 1000, severity = "warn" }`.
    With {
        /// The smallest or largest value that passes.
        limit: f64,
        /// `warn` or `error`.
        severity: Severity,
    },
}

/// What values mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Values {
    /// Values that say yes; 1 and true when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positive_values: Option<Scalars>,
    /// Values that say no; 0 and false when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_values: Option<Scalars>,
    /// Values that say nothing, beside NULL and NaN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_values: Option<Scalars>,
    /// Values that say perhaps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncertain_values: Option<Scalars>,
    /// Where those count: `positive`, `negative`, `missing` or `uncertain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncertain_as: Option<String>,
    /// Numbers at or above are positive, below negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Numbers from 0 to 1 count in part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft: Option<bool>,
}

/// One text or a list of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// As a list.
    #[must_use]
    pub fn to_vec(&self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one.clone()],
            Self::Many(many) => many.clone(),
        }
    }
}

/// A value as TOML has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `true`, `false`.
    Bool(bool),
    /// `-1`.
    Int(i64),
    /// `0.5`.
    Float(f64),
    /// `"yes"`.
    Text(String),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// One value or a list of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalars {
    /// One.
    One(Scalar),
    /// Several.
    Many(Vec<Scalar>),
}

impl Scalars {
    /// As texts.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one.to_string()],
            Self::Many(many) => many.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Spec {
    /// Reads a pipeline file; its paths start at its own folder.
    ///
    /// # Errors
    /// [`Error::Usage`] with line and column for anything that is not a spec.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|cause| match Error::reading(path, &cause) {
            Error::Input(detail) => Error::Usage(detail),
            other => other,
        })?;
        let mut spec = Self::parse(&text).map_err(|error| error.at(path.display()))?;
        spec.start_at(path.parent().unwrap_or(Path::new("")));
        Ok(spec)
    }

    /// Reads the text of a pipeline file.
    ///
    /// # Errors
    /// [`Error::Usage`] with line and column for anything that is not a spec.
    pub fn parse(text: &str) -> Result<Self> {
        // `flatten` gives up both strictness and positions, so unknown keys are looked for by hand.
        let table: toml::Table = toml::from_str(text).map_err(|cause| {
            Error::usage(format!("not a valid spec:\n{}", cause.to_string().trim_end()))
                .hint("see pipelines/ for specs that run")
        })?;
        let values = VALUE_KEYS.iter().copied();
        let known: Vec<&str> = KEYS.iter().copied().chain(values.clone()).collect();
        if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(unknown_key(text, key, &known));
        }
        if let Some(toml::Value::Table(labels)) = table.get("label") {
            let known: Vec<&str> = values.collect();
            for key in labels.values().filter_map(toml::Value::as_table).flat_map(toml::Table::keys) {
                if !known.contains(&key.as_str()) {
                    return Err(unknown_key(text, key, &known));
                }
            }
        }
        for (key, value) in &table {
            // One key at a time, so that a wrong value is reported with its line.
            let one = toml::Table::from_iter([(key.clone(), value.clone())]);
            if let Err(cause) = one.try_into::<Loose>() {
                return Err(Error::usage(format!(
                    "line {}: key \"{key}\": {}",
                    line_of(text, key),
                    cause.message()
                ))
                .hint("see pipelines/ for specs that run"));
            }
        }
        let Loose(spec) =
            table.try_into().map_err(|cause: toml::de::Error| Error::usage(cause.message().to_owned()))?;
        Ok(spec)
    }

    /// The text of the file that asks for the same.
    ///
    /// # Errors
    /// [`Error::Internal`] when a value cannot be written.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|cause| Error::internal(cause.to_string()))
    }

    /// Relative paths start at `folder`.
    pub fn start_at(&mut self, folder: &Path) {
        let join = |path: &str| {
            if path.contains("://") {
                path.to_owned()
            } else {
                within(folder, Path::new(path)).display().to_string()
            }
        };
        self.shards = self
            .shards
            .take()
            .map(|shards| OneOrMany::Many(shards.to_vec().iter().map(|s| join(s)).collect()));
        self.out = self.out.take().map(|out| within(folder, &out));
        self.state = self.state.take().map(|state| within(folder, &state));
        self.vocabulary = self.vocabulary.take().map(|path| join(&path));
        self.spill_dir = self.spill_dir.take().map(|dir| within(folder, &dir));
    }

    /// What decides the result: the spec without places, limits, threads and the way of counting.
    #[must_use]
    pub fn meaning(&self) -> Self {
        Self {
            shards: None,
            out: None,
            overwrite: None,
            state: None,
            full: None,
            formats: None,
            engine: None,
            trust_statistics: None,
            memory_limit: None,
            threads: None,
            spill_dir: None,
            spill_limit: None,
            publish_on_check_failure: None,
            checks: BTreeMap::new(),
            vocabulary: self.vocabulary.as_ref().map(|path| {
                Path::new(path)
                    .file_name()
                    .map_or_else(|| path.clone(), |name| name.to_string_lossy().into_owned())
            }),
            ..self.clone()
        }
    }
}

/// A spec whose unknown keys were already looked for.
#[derive(Deserialize)]
struct Loose(Spec);

const VALUE_KEYS: [&str; 7] = [
    "positive_values",
    "negative_values",
    "missing_values",
    "uncertain_values",
    "uncertain_as",
    "threshold",
    "soft",
];

const KEYS: [&str; 36] = [
    "shards",
    "out",
    "overwrite",
    "state",
    "full",
    "formats",
    "layout",
    "labels",
    "id",
    "value",
    "delimiter",
    "vocabulary",
    "num_labels",
    "num_rows",
    "label_kind",
    "missing_columns",
    "where",
    "sample_weight",
    "by",
    "scheme",
    "epsilon",
    "power",
    "clip",
    "normalize",
    "zero_positives",
    "zero_negatives",
    "min_positives",
    "engine",
    "trust_statistics",
    "memory_limit",
    "threads",
    "spill_dir",
    "spill_limit",
    "publish_on_check_failure",
    "checks",
    "label",
];

/// `path` as seen from `folder`, without going into the folder and out again.
fn within(folder: &Path, path: &Path) -> PathBuf {
    let (mut folder, mut rest) = (folder, path);
    while let Ok(below) = rest.strip_prefix("..") {
        // Leaving a linked folder leads to where the link points, not to where it stands.
        let is_plain = folder.file_name().is_some() && !folder.is_symlink();
        let Some(parent) = folder.parent().filter(|_| is_plain) else { break };
        (folder, rest) = (parent, below);
    }
    folder.join(rest)
}

fn unknown_key(text: &str, key: &str, known: &[&str]) -> Error {
    let near = crate::source::vocabulary::nearest(key, known.iter().copied());
    let hint =
        near.map_or_else(|| format!("keys are {}", known.join(", ")), |near| format!("did you mean {near}?"));
    Error::usage(format!("line {}: there is no key \"{key}\"", line_of(text, key))).hint(hint)
}

/// The line on which a key stands.
fn line_of(text: &str, key: &str) -> usize {
    let is_key = |line: &str| {
        let line = line.trim_start().trim_start_matches(['[', '"']);
        line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(['=', '.', ']', '"']))
    };
    text.lines().position(is_key).map_or(1, |line| line + 1)
}
