//! `plan.json`: what a sampling plan does to the counts.

use std::io::Write;

use serde::Serialize;
use serde_json::Value as Json;

use super::files::FORMAT_VERSION;
use super::json::JsonObject;
use super::plan::columns;
use crate::counts::LabelCounts;
use crate::error::Result;
use crate::measures::Measures;
use crate::sampling::preview::{absent, full};
use crate::sampling::{Method, Preview};

/// Rows that `torch.multinomial` takes, and so `WeightedRandomSampler`.
pub(crate) const TORCH_ROWS_MAX: u64 = 1 << 24;

/// One shard of a plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct PlannedShard {
    /// What it is called within the sources.
    pub name: String,
    /// Where it lies.
    pub path: String,
    /// Its file of the plan.
    pub file: String,
    /// SHA-256 of its footer; of a Parquet file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer_sha256: Option<String>,
    /// The position of its first row: rows of all shards before it.
    pub first_position: u64,
    /// All its rows.
    pub shard_rows: u64,
    /// Its rows that are in the plan.
    pub rows: u64,
    /// How many of them an epoch sees; where rows are not dealt to folds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch_rows: Option<u64>,
    /// What its rows weigh together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_sum: Option<f64>,
}

/// `facts` of `plan.json`: what planning found; only what applies to the plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct PlanFacts {
    /// Sum of the weights of all rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_sum: Option<f64>,
    /// Rows to be cloned or dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_asked: Option<u64>,
    /// Rows that were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_done: Option<u64>,
    /// Different sets of labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labelsets: Option<u64>,
    /// Groups of rows that stay in one fold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<u64>,
    /// Rows of the largest of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_group: Option<u64>,
    /// Rows that become two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_split: Option<u64>,
    /// Copies of these that have no label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_copies: Option<u64>,
    /// Mean SCUMBLE of the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scumble: Option<f64>,
    /// Mean SCUMBLE of the rows of an epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scumble_after: Option<f64>,
}

/// `split` of `plan.json`: distances between folds and all rows, and the same of random folds, which keep groups whole as
/// the folds do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct SplitDistances {
    /// Label distribution (LD).
    pub label_distribution: Option<f64>,
    /// Label distribution of random folds, the mean over draws.
    pub label_distribution_random: Option<f64>,
    /// Rows, against the shares that were asked for.
    pub examples_distribution: f64,
    /// Rows of random folds, the mean over draws.
    pub examples_distribution_random: Option<f64>,
    /// Draws of random folds.
    pub random_draws: usize,
}

/// `weighted_random_sampler` of `plan.json`: whether torch can draw from the weights.
#[derive(Serialize)]
struct SamplerEntry {
    rows_max: u64,
    fits: bool,
    r#do: &'static str,
}

/// An element of `dragged` of `plan.json`.
#[derive(Serialize)]
struct DraggedEntry<'a> {
    label: &'a str,
    added: u64,
}

/// An element of `folds` of `plan.json`.
#[derive(Serialize)]
struct FoldEntry<'a> {
    name: &'a str,
    share: f64,
    rows: u64,
    positives: Vec<u64>,
    negatives: Vec<u64>,
    unknown: Vec<u64>,
    /// Labels with positives in other folds alone.
    absent: Vec<&'a str>,
    /// Labels with negatives in other folds alone, which LD leaves out.
    no_negatives: Vec<&'a str>,
}

/// `measures` of `plan.json`.
#[derive(Serialize)]
struct MeasuresEntry {
    before: serde_json::Map<String, Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<serde_json::Map<String, Json>>,
}

/// The contents of `plan.json`.
#[derive(Debug)]
pub(crate) struct PlanFile<'a> {
    /// The plan.
    pub method: &'a Method,
    /// Its seed.
    pub seed: u64,
    /// Its epoch.
    pub epoch: u64,
    /// What planning found.
    pub facts: PlanFacts,
    /// The shards, in their order; empty where rows are known by an id.
    pub shards: &'a [PlannedShard],
    /// The column of the ids that name rows, where they do.
    pub id_column: Option<&'a str>,
    /// Counts before and after.
    pub preview: &'a Preview,
    /// The folds, with their shares.
    pub folds: &'a [Fold<'a>],
    /// How far folds are from the whole.
    pub split: Option<SplitDistances>,
    /// Hash over what was counted.
    pub fingerprint: &'a str,
    /// What was asked for.
    pub spec: &'a Json,
}

/// One fold.
#[derive(Debug)]
pub(crate) struct Fold<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its share of the rows.
    pub share: f64,
    /// Its counts.
    pub counts: &'a LabelCounts,
}

/// Writes `plan.json`, one key a line.
///
/// # Errors
/// [`crate::error::Error::Output`] or [`crate::error::Error::Resource`] when writing fails.
pub(crate) fn write_json(out: &mut dyn Write, plan: &PlanFile<'_>) -> Result<()> {
    let Preview { before, measures_before, after, measures_after, .. } = plan.preview;
    let deals = !plan.folds.is_empty();
    let mut object = JsonObject::new(out);
    object.value("version", &FORMAT_VERSION)?;
    object.value("plan", &plan.method.to_string())?;
    object.value("name", &plan.method.name())?;
    let parameters: serde_json::Map<String, Json> =
        plan.method.parameters().into_iter().map(|(key, value)| (key, Json::String(value))).collect();
    object.value("parameters", &parameters)?;
    object.value("seed", &plan.seed)?;
    object.value("epoch", &plan.epoch)?;
    object.value("edits_labels", &matches!(plan.method, Method::Remedial { .. }))?;
    let columns: serde_json::Map<String, Json> = columns(plan.method, plan.id_column.is_some())
        .into_iter()
        .map(|(name, says)| (name.to_owned(), says.into()))
        .collect();
    object.value("columns", &columns)?;
    if let Some(name) = plan.id_column {
        object.value("id_column", &name)?;
        object.value("order", &"by id, ascending; random choices depend on this order")?;
    }
    object.value("rows", &before.rows())?;
    if !deals {
        object.value("epoch_rows", &after.rows())?;
        object.value("weighted_random_sampler", &sampler(plan.method, before.rows()))?;
    }
    object.value("facts", &plan.facts)?;
    if plan.id_column.is_none() {
        object.array("shards", plan.shards.iter())?;
    }
    object.value("measures", &measures(plan.preview, deals))?;
    object.array("labels", before.labels().iter())?;
    let sides = if deals { vec![("before", before)] } else { vec![("before", before), ("after", after)] };
    if !deals {
        let dragged = plan.preview.dragged();
        object.array(
            "dragged",
            dragged
                .iter()
                .map(|one| DraggedEntry { label: before.labels().name(one.label), added: one.added }),
        )?;
    }
    for (side, counts) in sides {
        object.array(&format!("positives_{side}"), counts.tallies().iter().map(|t| t.positives))?;
        object.array(&format!("negatives_{side}"), counts.tallies().iter().map(|t| t.negatives))?;
        object.array(&format!("unknown_{side}"), counts.tallies().iter().map(|t| t.missing + t.uncertain))?;
        let measures = if side == "before" { measures_before } else { measures_after };
        let irlbl = measures.compat.irlbl();
        let each = (0..counts.len()).map(|label| measures.of_label(counts, label, irlbl));
        object.array(&format!("irlbl_{side}"), each)?;
    }
    if deals {
        object.value("split", &plan.split)?;
        object.array("folds", plan.folds.iter().map(|fold| fold_entry(fold, before)))?;
    }
    object.value("fingerprint", &plan.fingerprint)?;
    object.value("spec", plan.spec)?;
    object.text("}\n")
}

fn fold_entry<'a>(fold: &Fold<'a>, all: &'a LabelCounts) -> FoldEntry<'a> {
    let tallies = fold.counts.tallies();
    FoldEntry {
        name: fold.name,
        share: fold.share,
        rows: fold.counts.rows(),
        positives: tallies.iter().map(|tally| tally.positives).collect(),
        negatives: tallies.iter().map(|tally| tally.negatives).collect(),
        unknown: tallies.iter().map(|tally| tally.missing + tally.uncertain).collect(),
        absent: absent(fold.counts, all).map(|label| all.labels().name(label)).collect(),
        no_negatives: full(fold.counts, all).map(|label| all.labels().name(label)).collect(),
    }
}

fn measures(preview: &Preview, deals: bool) -> MeasuresEntry {
    let scumble = |side: usize| preview.scumble.map(|sides| ("scumble", Some(sides[side])));
    MeasuresEntry {
        before: table(&preview.measures_before, scumble(0)),
        after: (!deals).then(|| table(&preview.measures_after, scumble(1))),
    }
}

fn table(measures: &Measures, of_rows: Option<(&str, Option<f64>)>) -> serde_json::Map<String, Json> {
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    let of_set = measures.values.iter().map(|(name, value)| (*name, *value));
    of_set.chain(of_rows).map(|(name, value)| (name.to_owned(), finite(value).into())).collect()
}

/// Whether torch can draw from the weights of a plan, and what to do where it cannot.
fn sampler(method: &Method, rows: u64) -> SamplerEntry {
    let edits = matches!(method, Method::Remedial { .. });
    let fits = (1..=TORCH_ROWS_MAX).contains(&rows) && !edits;
    let what = match (method.weighs().is_some(), fits) {
        _ if edits => {
            "no sampler can: the plan edits labels; train on the shards that --materialize writes to sampled/"
        }
        (true, true) => "give it column weight",
        (true, false) if rows == 0 => "there is no row to draw",
        (true, false) => {
            "too many rows for it: go through the rows by column repeat, or draw a shard by weight_sum, then one of its rows by weight"
        }
        (false, _) => "not needed: go through the rows by column repeat",
    };
    SamplerEntry { rows_max: TORCH_ROWS_MAX, fits, r#do: what }
}
