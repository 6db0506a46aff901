//! Flags that are keys of a spec, in groups that verbs share.

use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, Result};
use crate::pipeline::spec::{OneOrMany, Scalar, Scalars, Spec, ValueSpec};

/// Where results go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputFlags {
    /// Folder or address for the results; - writes the weights alone to stdout
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace results that are there
    #[arg(long)]
    overwrite: bool,
    /// Files to write: parquet, json, safetensors, npy, md, html [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    formats: Vec<String>,
}

/// Shards from run to run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Every night")]
pub(super) struct IncrementalFlags {
    /// Keep counts of shards in this file or object (auto: OUT.state): the next run reads only shards that are new or
    /// changed
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Count all shards, also those whose counts are kept
    #[arg(long)]
    full: bool,
    /// Do nothing, and exit with N, where nothing has changed since the last run
    #[arg(long, value_name = "N")]
    skip_exit_code: Option<u8>,
    /// Write a short account of the run, also of a failed one
    #[arg(long, value_name = "FILE")]
    summary_json: Option<PathBuf>,
    /// Write metrics for Prometheus when the run succeeds
    #[arg(long, value_name = "FILE")]
    metrics_textfile: Option<PathBuf>,
    /// Send OpenLineage events to file:PATH or http(s)://HOST [env: OPENLINEAGE_URL]
    #[arg(long, value_name = "PLACE")]
    openlineage: Option<String>,
}

impl IncrementalFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        fn set<T: Clone>(value: &mut Option<T>, given: Option<&T>) {
            if given.is_some() {
                *value = given.cloned();
            }
        }
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
    /// Count part I of the shards, from 0, and write counts alone; weigh merges those of all jobs
    #[arg(long, value_name = "I")]
    shard_index: Option<u64>,
    /// So many jobs share the shards
    #[arg(long, value_name = "N")]
    shard_count: Option<u64>,
}

impl JobFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.shard_index = self.shard_index.or(spec.shard_index);
        spec.shard_count = self.shard_count.or(spec.shard_count);
    }
}

/// How labels are stored.
#[derive(Debug, Args)]
#[command(next_help_heading = "Labels (detected when not given)")]
pub(super) struct LabelFlags {
    /// wide, vector, list, delimited, class or long
    #[arg(long)]
    layout: Option<String>,
    /// Label columns: names and globs, '!NAME' takes away
    #[arg(long, value_name = "COLS")]
    labels: Vec<String>,
    /// Row id column of layout long
    #[arg(long, value_name = "COL")]
    id: Option<String>,
    /// Value column of layout long
    #[arg(long, value_name = "COL")]
    value: Option<String>,
    /// Separator of layout delimited
    #[arg(long, value_name = "TEXT")]
    delimiter: Option<String>,
    /// Label names in order: txt, json, csv or parquet
    #[arg(long, value_name = "FILE[:COL]")]
    vocabulary: Option<String>,
    /// Number of labels, C
    #[arg(long, value_name = "C")]
    num_labels: Option<u64>,
    /// True number of rows of layout long
    #[arg(long, value_name = "N")]
    num_rows: Option<u64>,
    /// No row id of layout long lies in two shards, so that --state keeps its counts
    #[arg(long)]
    ids_disjoint: bool,
    /// index or name: what integers are
    #[arg(long, value_name = "KIND")]
    label_kind: Option<String>,
    /// error or missing: label columns that some shards lack
    #[arg(long, value_name = "HOW")]
    missing_columns: Option<String>,
    /// fail or skip: shards that cannot be read [default: fail]
    #[arg(long, value_name = "HOW")]
    on_bad_shard: Option<String>,
    /// More of them than N are an error all the same
    #[arg(long, value_name = "N")]
    max_bad_shards: Option<u64>,
}

/// What values mean.
#[derive(Debug, Args)]
#[command(next_help_heading = "Values")]
pub(super) struct ValueFlags {
    /// Values that say yes [default: 1]
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    positive_values: Vec<String>,
    /// Values that say no [default: 0]
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    negative_values: Vec<String>,
    /// Values that say nothing, beside NULL and NaN
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    missing_values: Vec<String>,
    /// Values that say perhaps
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    uncertain_values: Vec<String>,
    /// Count those as positive, negative or missing
    #[arg(long, value_name = "SIDE")]
    uncertain_as: Option<String>,
    /// Numbers at or above T are positive
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    threshold: Option<f64>,
    /// Numbers from 0 to 1 count in part
    #[arg(long)]
    soft: bool,
}

/// Which rows count, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rows")]
pub(super) struct RowFlags {
    /// Condition a row must meet
    #[arg(long, value_name = "SQL")]
    r#where: Option<String>,
    /// Column with one weight per row
    #[arg(long, value_name = "COL")]
    sample_weight: Option<String>,
    /// Columns that split the counts, such as split
    #[arg(long, value_name = "COLS", value_delimiter = ',')]
    by: Vec<String>,
}

/// How counts become weights.
#[derive(Debug, Args)]
#[command(next_help_heading = "Weights")]
pub(super) struct WeightFlags {
    /// NAME[:key=value,…], repeatable; the first is pos_weight [default: ratio]
    #[arg(long, value_name = "SCHEME")]
    scheme: Vec<String>,
    /// ε of scheme ratio: negatives / (positives + ε)
    #[arg(long, value_name = "E")]
    epsilon: Option<f64>,
    /// Every weight to this power
    #[arg(long, value_name = "P")]
    power: Option<f64>,
    /// Smallest and largest weight
    #[arg(long, value_name = "LO,HI")]
    clip: Option<String>,
    /// none, mean, sum or max
    #[arg(long, value_name = "HOW")]
    normalize: Option<String>,
    /// Labels without positives get: one, max, zero, error or a number
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    zero_positives: Option<String>,
    /// Labels without negatives get the same choice
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    zero_negatives: Option<String>,
    /// Fewer positives than K count as none
    #[arg(long, value_name = "K")]
    min_positives: Option<u64>,
}

/// What the report says.
#[derive(Debug, Args)]
#[command(next_help_heading = "Report")]
pub(super) struct ReportFlags {
    /// Rows of a training batch, for the chance that one holds no positive [default: 256]
    #[arg(long, value_name = "B")]
    batch_size: Option<u64>,
    /// Read labels without positives as this package: mulan (no IRLbl) or mldr (IRLbl 0) [default: mulan]
    #[arg(long, value_name = "PACKAGE")]
    compat: Option<String>,
    /// Compare with this result, which may be the one at --out, before it is replaced
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

/// What takes another pass.
#[derive(Debug, Args)]
#[command(next_help_heading = "Report")]
pub(super) struct RowMeasureFlags {
    /// auto, on or off: sets of labels, co-occurrence and SCUMBLE, which take a second pass over the rows
    /// [default: auto, up to 2 000 labels and without --state]
    #[arg(long, value_name = "HOW")]
    row_measures: Option<String>,
    /// Input features of the model, for TCS
    #[arg(long, value_name = "F")]
    num_features: Option<u64>,
}

impl RowMeasureFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.row_measures.clone_from(&self.row_measures);
        spec.num_features = self.num_features;
    }
}

/// A plan of rows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Plan")]
pub(super) struct SamplingFlags {
    /// NAME[:key=value,…]
    #[arg(long, value_name = "PLAN", required = true)]
    plan: String,
    /// Chance: the same seed makes the same plan [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Another chance for every epoch [default: 0]
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// Also write the shards as the plan has them: rows repeated, left out, or in a folder per fold
    #[arg(long)]
    materialize: bool,
    /// Say what the plan would do, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl SamplingFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.plan = Some(self.plan.clone());
        spec.seed = self.seed;
        spec.epoch = self.epoch;
        spec.materialize = self.materialize.then_some(true);
        spec.dry_run = self.dry_run.then_some(true);
    }
}

/// What is counted, and where the result goes.
#[derive(Debug, Args)]
pub(super) struct CountFlags {
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    labels: LabelFlags,
    #[command(flatten)]
    meaning: ValueFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// How that is done, tonight and every night.
#[derive(Debug, Args)]
pub(super) struct RunFlags {
    #[command(flatten)]
    resources: ResourceFlags,
    #[command(flatten)]
    nightly: IncrementalFlags,
}

/// What the machine may be used for.
#[derive(Debug, Args)]
pub(super) struct MachineFlags {
    /// Peak memory, such as 512m [default: 60 % of the machine]
    #[arg(long, value_name = "SIZE")]
    memory_limit: Option<String>,
    /// Threads that count [default: all]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Folder for spill files
    #[arg(long, value_name = "DIR")]
    spill_dir: Option<PathBuf>,
    /// Most bytes of spill files [default: 100g]
    #[arg(long, value_name = "SIZE")]
    spill_limit: Option<String>,
}

/// What does the work.
#[derive(Debug, Args)]
#[command(next_help_heading = "Resources")]
pub(super) struct ResourceFlags {
    /// How to count: auto, encoded (pages as they are) or plain (arrays) [default: auto]
    #[arg(long, value_name = "HOW")]
    engine: Option<String>,
    /// Take column chunks and pages whose statistics say minimum = maximum by their word, not decoded
    #[arg(long)]
    trust_statistics: bool,
    #[command(flatten)]
    machine: MachineFlags,
    /// Count on the cluster whose scheduler is at df://HOST:PORT
    #[arg(long, value_name = "URL")]
    cluster: Option<String>,
    /// How often a request to a store that failed is tried again [default: 10]
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
        spec.num_labels = self.num_labels;
        spec.num_rows = self.num_rows;
        spec.ids_disjoint = self.ids_disjoint.then_some(true);
        spec.on_bad_shard.clone_from(&self.on_bad_shard);
        spec.max_bad_shards = self.max_bad_shards;
        spec.label_kind.clone_from(&self.label_kind);
        spec.missing_columns.clone_from(&self.missing_columns);
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
        };
    }
}

impl RowFlags {
    pub(super) fn put(&self, spec: &mut Spec) {
        spec.r#where.clone_from(&self.r#where);
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
        spec.retries = self.retries;
    }
}

fn range(text: &str) -> Result<(f64, f64)> {
    let wrong =
        || Error::usage(format!("--clip: \"{text}\" is not LO,HI")).hint("for example --clip 0.1,100");
    let (low, high) = text.split_once(',').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse().map_err(|_| wrong());
    Ok((number(low)?, number(high)?))
}
