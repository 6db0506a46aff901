//! Flags that are keys of a spec, in groups that verbs share.

use std::path::PathBuf;

use clap::Args;

use super::source_flags::SourceFlags;
use crate::error::{Error, Result};
use crate::pipeline::spec::{OneOrMany, Scalar, Scalars, Spec, ValueSpec};
use crate::source::layout::LAYOUTS;

/// Where results go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputFlags {
    /// Folder or address for the results; - writes only the weights, to stdout
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace existing results
    #[arg(long)]
    overwrite: bool,
    /// Files to write: parquet, json, safetensors, npy, md, html [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    formats: Vec<String>,
}

/// What one run leaves for the next, and for other programs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Incremental runs")]
pub(super) struct IncrementalFlags {
    /// Save the counts of each shard in this file or object (auto: OUT.state); the next run reads only new and
    /// changed shards
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Count all shards again, even those with saved counts
    #[arg(long)]
    full: bool,
    /// Do nothing and exit with code N if nothing has changed since the last run
    #[arg(long, value_name = "N")]
    skip_exit_code: Option<u8>,
    /// Write a short JSON summary of the run, even if the run fails; - is stdout
    #[arg(long, value_name = "FILE")]
    summary_json: Option<PathBuf>,
    /// Write metrics for Prometheus if the run succeeds
    #[arg(long, value_name = "FILE")]
    metrics_textfile: Option<PathBuf>,
    /// Send OpenLineage events to file:PATH or http(s)://HOST [env: OPENLINEAGE_URL]
    #[arg(long, value_name = "PLACE")]
    openlineage: Option<String>,
}

/// A flag that is given replaces the key of the file.
pub(super) fn set<T: Clone>(value: &mut Option<T>, given: Option<&T>) {
    if given.is_some() {
        *value = given.cloned();
    }
}

impl IncrementalFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        set(&mut spec.state, self.state.as_ref());
        set(&mut spec.full, self.full.then_some(&true));
        set(&mut spec.skip_exit_code, self.skip_exit_code.as_ref());
        set(&mut spec.summary_json, self.summary_json.as_ref());
        set(&mut spec.metrics_textfile, self.metrics_textfile.as_ref());
        set(&mut spec.openlineage, self.openlineage.as_ref());
    }
}

/// Jobs that share the shards.
#[derive(Debug, Args)]
#[command(next_help_heading = "Many jobs")]
pub(super) struct JobFlags {
    /// Count only part I of the shards, from 0, and write only counts; weigh merges the counts of all jobs
    #[arg(long, value_name = "I")]
    shard_index: Option<u64>,
    /// Number of jobs that share the shards
    #[arg(long, value_name = "N")]
    shard_count: Option<u64>,
}

impl JobFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.shard_index = self.shard_index.or(spec.shard_index);
        spec.shard_count = self.shard_count.or(spec.shard_count);
    }
}

/// The help of `--layout`, with every layout.
fn how_labels_are_stored() -> String {
    format!("How labels are stored: {}", LAYOUTS.map(|info| info.name).join(", "))
}

/// How labels are stored. Of a flag that is there twice, the last counts: flags that a question offers may be added.
#[derive(Debug, Args)]
#[command(next_help_heading = "Labels (detected when not given)")]
pub(super) struct LabelFlags {
    #[arg(long, overrides_with = "layout", help = how_labels_are_stored())]
    layout: Option<String>,
    /// Label columns: names or globs; '!NAME' excludes a column
    #[arg(long, value_name = "COLS")]
    labels: Vec<String>,
    /// Row id column of layout long
    #[arg(long, overrides_with = "id", value_name = "COL")]
    id: Option<String>,
    /// Value column of layouts long and map
    #[arg(long, overrides_with = "value", value_name = "COL")]
    value: Option<String>,
    /// Separator of layout delimited
    #[arg(long, overrides_with = "delimiter", value_name = "TEXT", allow_hyphen_values = true)]
    delimiter: Option<String>,
    /// Label names in order: txt, json, csv or parquet
    #[arg(long, value_name = "FILE[:COL]")]
    vocabulary: Option<String>,
    /// Pairs of child and parent (csv, json or parquet): a row with a label has its ancestors too
    #[arg(long, value_name = "FILE")]
    ancestors: Option<String>,
    /// Number of labels, C
    #[arg(long, value_name = "C")]
    num_labels: Option<u64>,
    /// Number of all rows of layout long, including rows without any label
    #[arg(long, value_name = "N")]
    num_rows: Option<u64>,
    /// Declare that no row id of layout long is in two shards, so that counts of shards can be saved and merged
    #[arg(long)]
    ids_disjoint: bool,
    /// What layout list counts: row, or element where each element of a list is a unit with one label
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
    /// What integer labels are: index or name
    #[arg(long, value_name = "KIND")]
    label_kind: Option<String>,
    /// Order of the labels: given, name, number or frequency [default: given; names found in the data: name, integers:
    /// number]
    #[arg(long, value_name = "ORDER")]
    order: Option<String>,
    /// How to treat label columns that a shard lacks: error or missing [default: error]
    #[arg(long, value_name = "HOW")]
    missing_columns: Option<String>,
    /// How to treat shards that cannot be read or hold invalid values: fail or skip [default: fail]
    #[arg(long, value_name = "HOW")]
    on_bad_shard: Option<String>,
    /// Fail if more than N shards are bad
    #[arg(long, value_name = "N")]
    max_bad_shards: Option<u64>,
}

/// What values mean.
#[derive(Debug, Args)]
#[command(next_help_heading = "Values")]
pub(super) struct ValueFlags {
    /// Values that mean positive [default: 1]
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    positive_values: Vec<String>,
    /// Values that mean negative [default: 0]
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    negative_values: Vec<String>,
    /// Values that mean missing, besides NULL and NaN
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    missing_values: Vec<String>,
    /// Values that mean uncertain
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    uncertain_values: Vec<String>,
    /// Uncertain values are positive, negative or missing [default: none]
    #[arg(long, value_name = "SIDE")]
    uncertain_as: Option<String>,
    /// Undeclared numbers are positive from T on, negative below
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    threshold: Option<f64>,
    /// Numbers from 0 to 1 are soft labels: p counts as p positives and 1 - p negatives
    #[arg(long)]
    soft: bool,
    /// Count NULL and NaN as missing, negative or positive [default: missing]
    #[arg(long, value_name = "SIDE")]
    null_as: Option<String>,
    /// Ignore blanks around label names and values
    #[arg(long)]
    trim: bool,
    /// Ignore the case of label names and values; the first spelling, or that of the vocabulary, names the label
    #[arg(long)]
    ignore_case: bool,
}

/// Which rows count, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rows")]
pub(super) struct RowFlags {
    /// Count only rows that meet this condition
    #[arg(long, value_name = "SQL", allow_hyphen_values = true)]
    r#where: Option<String>,
    /// Accept a condition that no row meets, and rows of which none has a label
    #[arg(long)]
    allow_empty: bool,
    /// Column with the weight of each row
    #[arg(long, value_name = "COL")]
    sample_weight: Option<String>,
    /// Also count per value of these columns, such as split
    #[arg(long, value_name = "COLS", value_delimiter = ',')]
    by: Vec<String>,
}

/// How counts become weights.
#[derive(Debug, Args)]
#[command(next_help_heading = "Weights")]
pub(super) struct WeightFlags {
    /// Weight scheme NAME[:key=value,…]; repeatable, the first one is pos_weight [default: ratio]
    #[arg(long, value_name = "SCHEME")]
    scheme: Vec<String>,
    /// ε of scheme ratio: negatives / (positives + ε)
    #[arg(long, value_name = "E", allow_hyphen_values = true)]
    epsilon: Option<f64>,
    /// Raise every weight to this power, but for additive schemes
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    power: Option<f64>,
    /// Limit weights to this range, but for additive schemes
    #[arg(long, value_name = "LO,HI", allow_hyphen_values = true)]
    clip: Option<String>,
    /// Divide weights by their mean, sum or max [default: none]
    #[arg(long, value_name = "HOW")]
    normalize: Option<String>,
    /// Weight of labels without positives: one, max, zero, error or a number [default: one]
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    zero_positives: Option<String>,
    /// Weight of labels without negatives; the same choices
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    zero_negatives: Option<String>,
    /// Treat labels with fewer than K positive rows like labels without positives; with --soft these have p >= 0.5
    #[arg(long, value_name = "K")]
    min_positives: Option<u64>,
}

/// What the report says.
#[derive(Debug, Args)]
#[command(next_help_heading = "Report")]
pub(super) struct ReportFlags {
    /// Rows per training batch, for the chance that a batch has no positive [default: 256]
    #[arg(long, value_name = "B")]
    batch_size: Option<u64>,
    /// How to treat labels without positives: mulan (no IRLbl) or mldr (IRLbl 0) [default: mulan]
    #[arg(long, value_name = "PACKAGE")]
    compat: Option<String>,
    /// Compare with this earlier result, which may be the one at --out
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
}

impl ReportFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.batch_size = self.batch_size;
        spec.compat.clone_from(&self.compat);
        spec.against.clone_from(&self.against);
    }
}

/// What needs a second pass over the rows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Report")]
pub(super) struct RowMeasureFlags {
    /// Measure label sets, co-occurrence and SCUMBLE, in a second pass over the rows: auto, on or off [default:
    /// auto, up to 2 000 labels and without --state; soft labels and elements have none]
    #[arg(long, value_name = "HOW")]
    row_measures: Option<String>,
    /// Also count, for each label, the distinct values of this column, such as patients or documents, that have a
    /// positive
    #[arg(long, value_name = "COL")]
    groups: Option<String>,
    /// Number of input features of the model, for TCS
    #[arg(long, value_name = "F")]
    num_features: Option<u64>,
}

impl RowMeasureFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.row_measures.clone_from(&self.row_measures);
        spec.groups.clone_from(&self.groups);
        spec.num_features = self.num_features;
    }
}

/// What is counted, and where the result goes.
#[derive(Debug, Args)]
pub(super) struct CountFlags {
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    source: SourceFlags,
    #[command(flatten)]
    labels: LabelFlags,
    #[command(flatten)]
    meaning: ValueFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// What is read to add columns, and where the result goes.
#[derive(Debug, Args)]
pub(super) struct AppliedFlags {
    /// Folder or address for the shards with the columns; - writes an Arrow IPC stream to stdout
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Replace existing results
    #[arg(long, help_heading = "Output")]
    overwrite: bool,
    #[command(flatten)]
    source: SourceFlags,
    #[command(flatten)]
    labels: LabelFlags,
    #[command(flatten)]
    meaning: ValueFlags,
    #[command(flatten)]
    resources: ResourceFlags,
}

impl AppliedFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.out.clone_from(&self.out);
        spec.overwrite = self.overwrite.then_some(true);
        self.source.put(spec);
        self.labels.put(spec);
        self.meaning.put(spec);
        self.resources.put(spec);
    }
}

/// How the run is carried out.
#[derive(Debug, Args)]
pub(super) struct RunFlags {
    #[command(flatten)]
    resources: ResourceFlags,
    #[command(flatten)]
    pub(super) nightly: IncrementalFlags,
}

/// Limits for the resources of this machine.
#[derive(Debug, Args)]
pub(super) struct MachineFlags {
    /// Peak memory, such as 512m [default: 60 % of the machine]
    #[arg(long, value_name = "SIZE")]
    memory_limit: Option<String>,
    /// Number of counting threads [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Folder for spill files
    #[arg(long, value_name = "DIR")]
    spill_dir: Option<PathBuf>,
    /// Maximum size of all spill files [default: 100g]
    #[arg(long, value_name = "SIZE")]
    spill_limit: Option<String>,
}

/// Engine and resources.
#[derive(Debug, Args)]
#[command(next_help_heading = "Resources")]
pub(super) struct ResourceFlags {
    /// How to count: auto, encoded (pages without decoding) or plain (Arrow arrays) [default: auto]
    #[arg(long, value_name = "HOW")]
    engine: Option<String>,
    /// Do not decode column chunks and pages whose statistics say minimum = maximum
    #[arg(long)]
    trust_statistics: bool,
    #[command(flatten)]
    machine: MachineFlags,
    /// Count on the cluster whose scheduler is at df://HOST:PORT
    #[arg(long, value_name = "URL")]
    cluster: Option<String>,
    /// File with the token of the cluster [default: POSWEIGHT_CLUSTER_TOKEN]
    #[arg(long, value_name = "FILE", requires = "cluster")]
    token_file: Option<PathBuf>,
    /// How often to retry a failed request to an object store [default: 10]
    #[arg(long, value_name = "N")]
    retries: Option<usize>,
}

fn many(list: &[String]) -> Option<OneOrMany> {
    (!list.is_empty()).then(|| OneOrMany::Many(list.to_vec()))
}

fn scalars(list: &[String]) -> Option<Scalars> {
    (!list.is_empty()).then(|| Scalars::Many(list.iter().map(|text| Scalar::Text(text.clone())).collect()))
}

impl OutputFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.out.clone_from(&self.out);
        spec.overwrite = self.overwrite.then_some(true);
        spec.formats = many(&self.formats);
    }
}

impl LabelFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.layout.clone_from(&self.layout);
        spec.labels = many(&self.labels);
        spec.id.clone_from(&self.id);
        spec.value.clone_from(&self.value);
        spec.delimiter.clone_from(&self.delimiter);
        spec.vocabulary.clone_from(&self.vocabulary);
        spec.ancestors.clone_from(&self.ancestors);
        spec.num_labels = self.num_labels;
        spec.num_rows = self.num_rows;
        spec.unit.clone_from(&self.unit);
        spec.ids_disjoint = self.ids_disjoint.then_some(true);
        spec.on_bad_shard.clone_from(&self.on_bad_shard);
        spec.max_bad_shards = self.max_bad_shards;
        spec.label_kind.clone_from(&self.label_kind);
        spec.missing_columns.clone_from(&self.missing_columns);
        spec.order.clone_from(&self.order);
    }
}

impl ValueFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.values = ValueSpec {
            positive_values: scalars(&self.positive_values),
            negative_values: scalars(&self.negative_values),
            missing_values: scalars(&self.missing_values),
            uncertain_values: scalars(&self.uncertain_values),
            uncertain_as: self.uncertain_as.clone(),
            threshold: self.threshold,
            soft: self.soft.then_some(true),
            null_as: self.null_as.clone(),
            trim: self.trim.then_some(true),
            ignore_case: self.ignore_case.then_some(true),
        };
    }
}

impl RowFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.r#where.clone_from(&self.r#where);
        spec.allow_empty = self.allow_empty.then_some(true);
        spec.sample_weight.clone_from(&self.sample_weight);
        spec.by = many(&self.by);
    }
}

impl WeightFlags {
    pub(super) fn put(&self, spec: &mut Spec) -> Result<()> {
        spec.scheme = many(&self.scheme);
        spec.epsilon = self.epsilon;
        spec.power = self.power;
        spec.clip = self.clip.as_deref().map(range).transpose()?;
        spec.normalize.clone_from(&self.normalize);
        spec.zero_positives = self.zero_positives.clone().map(Scalar::Text);
        spec.zero_negatives = self.zero_negatives.clone().map(Scalar::Text);
        spec.min_positives = self.min_positives;
        Ok(())
    }
}

impl CountFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        self.output.put(spec);
        self.source.put(spec);
        self.labels.put(spec);
        self.meaning.put(spec);
        self.rows.put(spec);
    }
}

impl RunFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        self.resources.put(spec);
        self.nightly.put(spec);
    }
}

impl MachineFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.memory_limit.clone_from(&self.memory_limit);
        spec.threads = self.threads;
        spec.spill_dir.clone_from(&self.spill_dir);
        spec.spill_limit.clone_from(&self.spill_limit);
    }
}

impl ResourceFlags {
    fn put(&self, spec: &mut Spec) {
        spec.engine.clone_from(&self.engine);
        spec.trust_statistics = self.trust_statistics.then_some(true);
        self.machine.put(spec);
        spec.cluster.clone_from(&self.cluster);
        spec.token_file.clone_from(&self.token_file);
        spec.retries = self.retries;
    }
}

fn range(text: &str) -> Result<(f64, f64)> {
    let wrong = || {
        Error::usage(format!("--clip: \"{text}\" is not a range LO,HI")).hint("for example --clip 0.1,100")
    };
    let (low, high) = text.split_once(',').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse().map_err(|_| wrong());
    Ok((number(low)?, number(high)?))
}
