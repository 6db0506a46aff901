//! A pipeline file as written. Flags are another spelling of it: every flag is a key of the same name
//! with underscores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parsing::parse;
use super::variables::Variables;
use crate::checks::Severity;
use crate::error::{Error, Result};
use crate::store::{is_address, of_path};

/// As a source: an Arrow IPC stream on stdin. As a place: stdout.
pub const STDIO: &str = "-";

/// Everything that can be asked for; `None` means "not said".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(title = "posweight pipeline file", extend("additionalProperties" = false))]
pub struct Spec {
    /// Files, folders, globs and addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<OneOrMany>,
    /// Output folder or address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// Replace a result that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwrite: Option<bool>,
    /// File or object that keeps counts of shards from run to run; `auto` is one beside `out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,
    /// Count all shards, also those whose counts are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full: Option<bool>,
    /// `fail` or `skip`: shards that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_bad_shard: Option<String>,
    /// More than so many of them are an error all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bad_shards: Option<u64>,
    /// Which of `shard_count` jobs this is, from 0: it counts its part of the shards, and `weigh` merges all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_index: Option<u64>,
    /// So many jobs share the shards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_count: Option<u64>,
    /// Files to write; all when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formats: Option<OneOrMany>,
    /// `json` or `arrow`: what goes to stdout where `out` is `-`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
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
    /// No row id lies in two shards, so that counts of shards can be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids_disjoint: Option<bool>,
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
    /// `auto`, `on` or `off`: measures that need rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_measures: Option<String>,
    /// Input features of the model, for TCS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_features: Option<u64>,
    /// Rows of a batch, for the chance that one holds no positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u64>,
    /// `mulan` or `mldr`: how labels without positives are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compat: Option<String>,
    /// Result that the report compares with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<PathBuf>,
    /// `NAME:key=value,…`: a sampling plan to write beside the weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The chance of a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Another chance for every epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Also write the shards as the plan has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub materialize: Option<bool>,
    /// Say what a plan would do, and write nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    /// How rows are counted: `auto`, `encoded` or `plain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Take constant chunks and pages by the word of their statistics.
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
    /// `df://HOST:PORT`: the scheduler of the cluster that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// How often a request to a store that failed is tried again; 10 when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<usize>,
    /// Publish a result that a check of severity error refuses; the run fails all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_on_check_failure: Option<bool>,
    /// File for a short account of the run, written when it fails as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_json: Option<PathBuf>,
    /// File for metrics in the text format of Prometheus, written when the run succeeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_textfile: Option<PathBuf>,
    /// `file:PATH` or `http(s)://…`: where OpenLineage events go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openlineage: Option<String>,
    /// Do nothing, and exit with this, where nothing has changed since the last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_exit_code: Option<u8>,
    /// What a result has to keep to be published.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, Limit>,
    /// Labels whose values have a meaning of their own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub label: BTreeMap<String, Values>,
}

/// The limit of a check: a number, or a number with what happens beyond it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Reads a pipeline file; its paths start at its own folder, and `${NAME}` in them is looked up in
    /// `variables`.
    ///
    /// # Errors
    /// [`Error::Usage`] with line and column for anything that is not a spec, and for unknown variables.
    pub fn read(path: &Path, variables: &Variables) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|cause| match Error::reading(path, &cause) {
            Error::Input(detail) => Error::Usage(detail),
            other => other,
        })?;
        let mut spec = parse(&text).map_err(|error| error.at(path.display()))?;
        spec.expand(variables)?;
        spec.start_at(path.parent().unwrap_or(Path::new("")));
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
            if is_address(path) || path == STDIO {
                path.to_owned()
            } else {
                within(folder, Path::new(path)).display().to_string()
            }
        };
        self.shards = self
            .shards
            .take()
            .map(|shards| OneOrMany::Many(shards.to_vec().iter().map(|s| join(s)).collect()));
        self.vocabulary = self.vocabulary.take().map(|path| join(&path));
        for place in self.places() {
            if place.as_os_str() != STDIO && of_path(place).is_none() {
                *place = within(folder, place);
            }
        }
        if let Some(Some(path)) = self.openlineage.as_deref().map(|place| place.strip_prefix("file:")) {
            self.openlineage = Some(format!("file:{}", within(folder, Path::new(path)).display()));
        }
    }

    /// Files and folders that are written, and the result that is compared with.
    fn places(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let Self { out, against, state, spill_dir, summary_json, metrics_textfile, .. } = self;
        [out, against, state, spill_dir, summary_json, metrics_textfile].into_iter().flatten()
    }

    /// Puts in what `${NAME}` stands for, in paths and the condition.
    fn expand(&mut self, variables: &Variables) -> Result<()> {
        let one = |text: &mut String, key: &str| {
            *text = variables.expand(text).map_err(|error| error.at(format!("key \"{key}\"")))?;
            Ok::<_, Error>(())
        };
        match &mut self.shards {
            Some(OneOrMany::One(text)) => one(text, "shards")?,
            Some(OneOrMany::Many(texts)) => texts.iter_mut().try_for_each(|text| one(text, "shards"))?,
            None => {}
        }
        for (text, key) in [
            (&mut self.vocabulary, "vocabulary"),
            (&mut self.r#where, "where"),
            (&mut self.openlineage, "openlineage"),
        ] {
            text.as_mut().map_or(Ok(()), |text| one(text, key))?;
        }
        for place in self.places() {
            if let Some(text) = place.to_str() {
                let mut text = text.to_owned();
                one(&mut text, "out, state and the like")?;
                *place = text.into();
            }
        }
        Ok(())
    }

    /// Takes what `other` says of schemes, adjustments and policies.
    pub fn weigh_as(&mut self, other: &Self) {
        fn set<T: Clone>(value: &mut Option<T>, given: Option<&T>) {
            if given.is_some() {
                *value = given.cloned();
            }
        }
        set(&mut self.scheme, other.scheme.as_ref());
        set(&mut self.epsilon, other.epsilon.as_ref());
        set(&mut self.power, other.power.as_ref());
        set(&mut self.clip, other.clip.as_ref());
        set(&mut self.normalize, other.normalize.as_ref());
        set(&mut self.zero_positives, other.zero_positives.as_ref());
        set(&mut self.zero_negatives, other.zero_negatives.as_ref());
        set(&mut self.min_positives, other.min_positives.as_ref());
        set(&mut self.batch_size, other.batch_size.as_ref());
        set(&mut self.compat, other.compat.as_ref());
    }

    /// What decides the result: the spec without places, limits, threads and the way of counting.
    #[must_use]
    pub fn meaning(&self) -> Self {
        Self {
            shards: None,
            out: None,
            against: None,
            overwrite: None,
            state: None,
            full: None,
            on_bad_shard: None,
            max_bad_shards: None,
            shard_index: None,
            shard_count: None,
            formats: None,
            format: None,
            ids_disjoint: None,
            engine: None,
            trust_statistics: None,
            memory_limit: None,
            threads: None,
            spill_dir: None,
            spill_limit: None,
            cluster: None,
            retries: None,
            publish_on_check_failure: None,
            summary_json: None,
            metrics_textfile: None,
            openlineage: None,
            skip_exit_code: None,
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
