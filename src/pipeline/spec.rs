//! A pipeline file as written. Flags are another spelling of it: every flag is a key of the same name
//! with underscores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::checks::CheckSeverity;
use crate::error::{Error, Result};
use crate::source::tables::at::HowTables;

/// As a source: an Arrow IPC stream on stdin. As a place: stdout.
pub(crate) const STDIO: &str = "-";

/// Every key; `None` means not given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(title = "posweight pipeline file", extend("additionalProperties" = false))]
pub(crate) struct Spec {
    /// Files, folders, globs and addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<OneOrMany>,
    /// Count the files of a Delta Lake, Iceberg or Hudi table as they lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_files: Option<bool>,
    /// Version of a Delta Lake table, or id of a snapshot of an Iceberg table; the newest by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_version: Option<i64>,
    /// The newest version of a table at this time, such as `2026-11-29 12:00:00` (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_timestamp: Option<String>,
    /// SQL over the table `shards`, whose rows are counted in place of those of the shards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Output folder or address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// Replace a result that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwrite: Option<bool>,
    /// File or object with saved counts of shards; `auto` is one beside `out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,
    /// Count all shards, including those with saved counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full: Option<bool>,
    /// `fail` or `skip`: shards that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_bad_shard: Option<String>,
    /// Fail if more shards than this are unreadable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bad_shards: Option<u64>,
    /// Which of `shard_count` jobs this is, from 0: it counts its part of the shards, and `weigh` merges all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_index: Option<u64>,
    /// Number of jobs that share the shards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_count: Option<u64>,
    /// Files to write; all by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formats: Option<OneOrMany>,
    /// `json` or `arrow`: what goes to stdout if `out` is `-`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// How labels are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// Label columns: names and globs; `!` excludes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<OneOrMany>,
    /// `row` or `element`: what is counted in layout list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
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
    /// File of (child, parent) pairs: a row with a label has its ancestors too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ancestors: Option<String>,
    /// True number of rows, N, of layout long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_rows: Option<u64>,
    /// No row id is in two shards, so counts of shards can be saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids_disjoint: Option<bool>,
    /// Whether integers are indices or names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_kind: Option<String>,
    /// `given`, `name`, `number` or `frequency`: the order of labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// What values mean, unless `label` overrides it.
    #[serde(flatten)]
    pub values: ValueSpec,
    /// `error` or `missing`: label columns that some shards lack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_columns: Option<String>,
    /// SQL condition a row must meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#where: Option<String>,
    /// Accept a condition that no row meets, and rows of which none has a label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_empty: Option<bool>,
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
    /// `NAME:key=value,…`: a sampling plan to write beside the weights; with `dry_run` several, to be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<OneOrMany>,
    /// Column whose rows of one value stay in one fold of `stratified-split`; without a plan, column whose distinct
    /// values are counted beside rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<String>,
    /// Name of the folders of folds that `materialize` writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold_column: Option<String>,
    /// Seed of the random numbers of a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Epoch; each has random numbers of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Also write the sampled shards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub materialize: Option<bool>,
    /// Show what a plan would do, and write nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    /// How rows are counted: `auto`, `encoded` or `plain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Trust statistics of constant chunks and pages instead of decoding them.
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
    /// File with the token of the cluster; without one, `POSWEIGHT_CLUSTER_TOKEN` may hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Most retries of a failed request to a store; 10 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<usize>,
    /// Publish a result that fails a check of severity error; the run still fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_on_check_failure: Option<bool>,
    /// File for a short summary of the run, also of a failed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_json: Option<PathBuf>,
    /// File for metrics in the text format of Prometheus, written when the run succeeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_textfile: Option<PathBuf>,
    /// `file:PATH` or `http(s)://…`: where OpenLineage events go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openlineage: Option<String>,
    /// Exit with this code, without a run, if nothing has changed since the last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_exit_code: Option<u8>,
    /// Checks that a result must pass to be published.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, Limit>,
    /// Labels whose values have a meaning of their own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub label: BTreeMap<String, ValueSpec>,
}

/// The limit of a check: a number, or a number with what happens beyond it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a limit is a number or { limit = NUMBER, severity = \"warn\" }")]
pub(crate) enum Limit {
    /// `1000`: severity error.
    Number(f64),
    /// `{ limit = 1000, severity = "warn" }`.
    With {
        /// The smallest or largest value that passes.
        limit: f64,
        /// `warn` or `error`.
        severity: CheckSeverity,
    },
}

/// What values mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "Values")]
pub(crate) struct ValueSpec {
    /// Values of positive labels; 1 and true by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positive_values: Option<Scalars>,
    /// Values of negative labels; 0 and false by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_values: Option<Scalars>,
    /// Missing values, beside NULL and NaN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_values: Option<Scalars>,
    /// Values of uncertain labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncertain_values: Option<Scalars>,
    /// How those count: `positive`, `negative`, `missing`, or by default `uncertain`, on their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncertain_as: Option<String>,
    /// Numbers at or above are positive, below negative, unless they are declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Numbers from 0 to 1 count in part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft: Option<bool>,
    /// `missing`, `negative` or `positive`: what NULL and NaN count as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub null_as: Option<String>,
    /// Ignore blanks around texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim: Option<bool>,
    /// Ignore the case of texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_case: Option<bool>,
}

/// One text or a list of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// A list of one text is the same as the text.
    fn simplify(&mut self) {
        if let Self::Many(many) = self
            && let [one] = &mut many[..]
        {
            *self = Self::One(std::mem::take(one));
        }
    }

    /// As a list.
    #[must_use]
    pub(crate) fn to_vec(&self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one.clone()],
            Self::Many(many) => many.clone(),
        }
    }
}

/// A value as TOML has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Scalar {
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
pub(crate) enum Scalars {
    /// One.
    One(Scalar),
    /// Several.
    Many(Vec<Scalar>),
}

impl Scalars {
    /// As texts.
    #[must_use]
    pub(crate) fn texts(&self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one.to_string()],
            Self::Many(many) => many.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Spec {
    /// How sources that are tables are read.
    ///
    /// # Errors
    /// [`Error::Usage`] for keys that exclude each other, and a time that is none.
    pub(crate) fn how_tables(&self) -> Result<HowTables> {
        HowTables::of(self.as_files.unwrap_or(false), self.table_version, self.table_timestamp.as_deref())
    }

    /// The text of the file that asks for the same.
    ///
    /// # Errors
    /// [`Error::Internal`] when a value cannot be written.
    pub(crate) fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|cause| Error::internal(cause.to_string()))
    }

    /// Takes over the schemes, adjustments and policies that `other` gives.
    pub(crate) fn weigh_as(&mut self, other: &Self) {
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
    pub(crate) fn meaning(&self) -> Self {
        macro_rules! clear {
            ($($key:ident)*) => {$( *$key = Default::default(); )*};
        }
        let mut meaning = self.clone();
        // Without `..`, so that a new key does not compile before it is on one of the two lists.
        #[rustfmt::skip]
        let Self {
            // Places, what happens around the result, and how rows are counted.
            shards, as_files, table_version, table_timestamp, out, against, overwrite, state, full, on_bad_shard, max_bad_shards, shard_index, shard_count,
            formats, format, ids_disjoint, allow_empty, publish_on_check_failure, summary_json, metrics_textfile, openlineage,
            skip_exit_code, checks, engine, trust_statistics, memory_limit, threads, spill_dir, spill_limit,
            cluster, token_file, retries,
            // What decides the result. Of the vocabulary and the ancestors, the place does not.
            vocabulary, ancestors, query: _,
            layout: _, unit: _, labels, id: _, value: _, delimiter: _, num_labels: _, num_rows: _, label_kind: _,
            order: _, values: _, label: _, missing_columns: _, r#where: _, sample_weight: _, by, scheme, epsilon: _,
            power: _, clip: _, normalize: _, zero_positives: _, zero_negatives: _, min_positives: _,
            row_measures: _, num_features: _, batch_size: _, compat: _, plan, groups: _, fold_column: _,
            seed: _, epoch: _, materialize: _, dry_run: _,
        } = &mut meaning;
        clear!(shards as_files table_version table_timestamp out against overwrite state full on_bad_shard max_bad_shards shard_index shard_count);
        clear!(formats format ids_disjoint allow_empty publish_on_check_failure summary_json metrics_textfile openlineage);
        clear!(skip_exit_code checks engine trust_statistics memory_limit threads spill_dir spill_limit);
        clear!(cluster token_file retries);
        for path in [vocabulary, ancestors].into_iter().flatten() {
            if let Some(name) = Path::new(path).file_name() {
                *path = name.to_string_lossy().into_owned();
            }
        }
        for list in [labels, by, scheme, plan].into_iter().flatten() {
            list.simplify();
        }
        meaning
    }

    /// Whether a run with the spec `last` was published on the same terms: in the same files, after the same checks,
    /// compared with the same result. [`Self::meaning`] is not looked at.
    pub(super) fn is_published_as(&self, last: &Json) -> bool {
        const TERMS: [&str; 9] = [
            "against",
            "on_bad_shard",
            "max_bad_shards",
            "shard_index",
            "shard_count",
            "formats",
            "allow_empty",
            "publish_on_check_failure",
            "checks",
        ];
        serde_json::to_value(self).is_ok_and(|own| TERMS.iter().all(|key| own[*key] == last[*key]))
    }

    /// [`Self::meaning`] as files hold it.
    ///
    /// # Errors
    /// [`Error::Internal`] when a value cannot be written.
    pub(super) fn meaning_json(&self) -> Result<Json> {
        serde_json::to_value(self.meaning()).map_err(|cause| Error::internal(cause.to_string()))
    }
}
