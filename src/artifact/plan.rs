//! A sampling plan: `plan/part-*.parquet`, one file per shard, and `plan.json`.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Field, Int16Type, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::weights::{Object, put};
use super::{FORMAT_VERSION, unwritable};
use crate::error::{Error, Result};
use crate::measures::Measures;
use crate::sampling::preview::counts_of;
use crate::sampling::{Decisions, Method, Preview, Shift};

/// Rows that `torch.multinomial` takes, and so `WeightedRandomSampler`.
pub const TORCH_ROWS_MAX: u64 = 1 << 24;
/// Rows per row group.
const GROUP_ROWS: usize = 1 << 22;

/// The file of shard number `shard` of `shards`, inside the output folder; in the order of names they are in
/// the order of the shards.
#[must_use]
pub fn file_name(shard: usize, shards: usize) -> String {
    let width = shards.saturating_sub(1).to_string().len().max(5);
    format!("plan/part-{shard:0width$}.parquet")
}

/// What the rows of a plan say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Repeats,
    Weights,
    Folds,
}

fn says(method: &Method) -> Says {
    match method {
        Method::StratifiedSplit { .. } => Says::Folds,
        _ if method.weighs().is_some() => Says::Weights,
        _ => Says::Repeats,
    }
}

/// The columns of a plan, and what each says.
#[must_use]
pub fn columns(method: &Method) -> Vec<(&'static str, &'static str)> {
    let mut columns = vec![("shard", "name of the shard"), ("row", "number of the row in the shard, from 0")];
    match (says(method), method) {
        (Says::Folds, _) => columns.push(("fold", "name of the fold")),
        (_, Method::Remedial { .. }) => {
            columns.push(("repeat", "2 for a row that becomes two, else 1"));
        }
        (Says::Repeats, _) => columns.push(("repeat", "how often the row is seen in the epoch")),
        (Says::Weights, _) => {
            columns.push(("repeat", "how often the row is seen in the epoch, by its weight and chance"));
            columns.push(("weight", "what the row weighs in a sampler that draws with replacement"));
        }
    }
    columns
}

fn schema(method: &Method) -> SchemaRef {
    let word = DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Utf8));
    let field = |(name, _): (&'static str, &'static str)| {
        let data_type = match name {
            "row" => DataType::Int64,
            "repeat" => DataType::Int32,
            "weight" => DataType::Float64,
            _ => word.clone(),
        };
        Field::new(name, data_type, false)
    };
    Arc::new(Schema::new(columns(method).into_iter().map(field).collect::<Vec<_>>()))
}

/// Writes what was decided of the rows of the shard called `name`.
///
/// # Errors
/// Those of `blocks`; [`Error::Output`] or [`Error::Resource`] when writing fails.
pub fn write_shard<D: std::borrow::Borrow<Decisions>>(
    out: impl Write + Send,
    method: &Method,
    name: &str,
    blocks: impl Iterator<Item = Result<D>>,
) -> Result<()> {
    let metadata = [("posweight.version", FORMAT_VERSION.to_owned()), ("posweight.plan", method.to_string())];
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by("posweight".to_owned())
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_column_dictionary_enabled("row".into(), false)
        .set_column_encoding("row".into(), Encoding::DELTA_BINARY_PACKED)
        .set_key_value_metadata(Some(metadata.into()))
        .build();
    let schema = schema(method);
    let names: ArrayRef = Arc::new(StringArray::from(vec![name]));
    let folds: ArrayRef = Arc::new(StringArray::from(method.folds()));
    let mut writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(failed)?;
    for block in blocks {
        let columns = arrays(block?.borrow(), says(method), &names, &folds)?;
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)
            .map_err(|cause| Error::internal(cause.to_string()))?;
        writer.write(&batch).map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    Ok(())
}

fn arrays(decisions: &Decisions, says: Says, names: &ArrayRef, folds: &ArrayRef) -> Result<Vec<ArrayRef>> {
    let n = decisions.values.len();
    let words = |keys: Vec<i16>, words: &ArrayRef| -> Result<ArrayRef> {
        let array = DictionaryArray::<Int16Type>::try_new(keys.into(), Arc::clone(words));
        Ok(Arc::new(array.map_err(|cause| Error::internal(cause.to_string()))?))
    };
    let signed = |row: u64| i64::try_from(row).unwrap_or(i64::MAX);
    let rows = Int64Array::from_iter_values((0..n).map(|place| signed(decisions.row(place))));
    let mut columns = vec![words(vec![0; n], names)?, Arc::new(rows) as ArrayRef];
    let values = (0..n).map(|place| decisions.values.get(place));
    if says == Says::Folds {
        columns.push(words(values.map(|fold| i16::try_from(fold).unwrap_or(0)).collect(), folds)?);
        return Ok(columns);
    }
    let repeats = Int32Array::from_iter_values(values.map(|value| i32::try_from(value).unwrap_or(i32::MAX)));
    columns.push(Arc::new(repeats));
    if says == Says::Weights {
        let weights = decisions.weights.clone().unwrap_or_default();
        columns.push(Arc::new(Float64Array::new(ScalarBuffer::from(weights), None)));
    }
    Ok(columns)
}

/// An error of a Parquet writer.
pub(super) fn failed(cause: ParquetError) -> Error {
    match cause {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(cause) => unwritable(&cause),
            Err(other) => Error::output(other.to_string()),
        },
        other => Error::output(other.to_string()),
    }
}

/// One shard of a plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlannedShard {
    /// What it is called within the sources.
    pub name: String,
    /// Its file of the plan.
    pub file: String,
    /// Its rows that are in the plan.
    pub rows: u64,
    /// How many of them an epoch sees; where rows are not dealt to folds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch_rows: Option<u64>,
    /// What its rows weigh together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_sum: Option<f64>,
}

/// Everything that `plan.json` says.
#[derive(Debug)]
pub struct PlanFile<'a> {
    /// The plan.
    pub method: &'a Method,
    /// Its seed.
    pub seed: u64,
    /// Its epoch.
    pub epoch: u64,
    /// What came up on the way.
    pub facts: Json,
    /// The shards, in their order.
    pub shards: &'a [PlannedShard],
    /// Counts before and after.
    pub preview: &'a Preview,
    /// The folds, with their shares.
    pub folds: &'a [Fold<'a>],
    /// How far folds are from the whole.
    pub split: Option<Json>,
    /// Hash over what was counted.
    pub fingerprint: &'a str,
    /// What was asked for.
    pub spec: &'a Json,
}

/// One fold.
#[derive(Debug)]
pub struct Fold<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its share of the rows.
    pub share: f64,
    /// Its counts, as a shift of nothing.
    pub counts: &'a Shift,
}

/// Writes `plan.json`, one key a line.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails.
pub fn write_json(out: &mut dyn Write, plan: &PlanFile<'_>) -> Result<()> {
    let Preview { before, measures_before, after, measures_after } = plan.preview;
    let deals = !plan.folds.is_empty();
    let mut object = Object { out, first: true };
    object.value("version", &FORMAT_VERSION)?;
    object.value("plan", &plan.method.to_string())?;
    object.value("name", &plan.method.name())?;
    let parameters: serde_json::Map<String, Json> =
        plan.method.parameters().into_iter().map(|(key, value)| (key, Json::String(value))).collect();
    object.value("parameters", &parameters)?;
    object.value("seed", &plan.seed)?;
    object.value("epoch", &plan.epoch)?;
    object.value("edits_labels", &matches!(plan.method, Method::Remedial { .. }))?;
    let columns: serde_json::Map<String, Json> =
        columns(plan.method).into_iter().map(|(name, says)| (name.to_owned(), says.into())).collect();
    object.value("columns", &columns)?;
    object.value("rows", &before.rows())?;
    if !deals {
        object.value("epoch_rows", &after.rows())?;
        object.value("weighted_random_sampler", &sampler(plan.method, before.rows()))?;
    }
    object.value("facts", &plan.facts)?;
    object.array("shards", plan.shards.iter())?;
    object.value("measures", &json!({ "before": table(measures_before) }))?;
    object.array("labels", before.labels().iter())?;
    let sides = if deals { vec![("before", before)] } else { vec![("before", before), ("after", after)] };
    if !deals {
        object.value("measures_after", &table(measures_after))?;
        let dragged = plan.preview.dragged();
        object.array(
            "dragged",
            dragged.iter().map(|one| json!({ "label": before.labels().name(one.label), "added": one.added })),
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
        let folds = plan.folds.iter().map(|fold| {
            let counts = counts_of(fold.counts, before)?;
            let positives: Vec<u64> = counts.tallies().iter().map(|tally| tally.positives).collect();
            Ok(json!({ "name": fold.name, "share": fold.share, "rows": counts.rows(), "positives": positives }))
        });
        object.array("folds", folds.collect::<Result<Vec<_>>>()?.into_iter())?;
    }
    object.value("fingerprint", &plan.fingerprint)?;
    object.value("spec", plan.spec)?;
    put(object.out, "}\n")
}

fn table(measures: &Measures) -> serde_json::Map<String, Json> {
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    measures.values.iter().map(|(name, value)| ((*name).to_owned(), json!(finite(*value)))).collect()
}

/// Whether torch can draw from the weights of a plan, and what to do where it cannot.
fn sampler(method: &Method, rows: u64) -> Json {
    let fits = rows <= TORCH_ROWS_MAX;
    let what = match (method.weighs().is_some(), fits) {
        (true, true) => "give it column weight",
        (true, false) => {
            "too many rows for it: go through the rows by column repeat, or draw a shard by weight_sum, then one of its rows by weight"
        }
        (false, _) => "not needed: go through the rows by column repeat",
    };
    json!({ "rows_max": TORCH_ROWS_MAX, "fits": fits, "do": what })
}
