//! `counts.parquet`: the counts, from which everything else can be made again.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, UInt64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::files::FORMAT_VERSION;
use super::json::json;
use super::provenance::{Provenance, ShardHashes};
use super::table;
use crate::counts::{
    CountUnit, GroupedPositives, Head, LabelCounts, Labels, Mass, MassTally, NameOrder, Tally, Unlisted,
};
use crate::error::{Error, Result};
use crate::findings::RowFacts;
use crate::guard::guarded;

/// Counts with what is known of where they come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CountsFile {
    /// The counts.
    pub counts: LabelCounts,
    /// The layout they were read from.
    pub layout: String,
    /// What was counted: rows or elements.
    pub unit: CountUnit,
    /// What was counted: a hash over shards and value rules.
    pub fingerprint: String,
    /// The columns of `--by` with their values, where these are counts of one group.
    pub group: Vec<(String, Option<String>)>,
    /// The job, where several share the shards.
    pub part: Option<JobPart>,
    /// The groups that have a positive, where these were counted.
    pub grouped: Option<GroupedPositives>,
    /// How they were made, and from which shards.
    pub provenance: Provenance,
}

/// One of several jobs that share the shards of a run, and what a merge of all has to know of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobPart {
    /// Which of the jobs, from 0.
    pub index: u64,
    /// How many there are.
    pub count: u64,
    /// Shards that this one counted.
    pub shards: u64,
    /// Fingerprint of the shards of all jobs.
    pub whole: String,
    /// What decides the result.
    pub spec: Json,
    /// What the scan knows beside the counts.
    pub facts: RowFacts,
    /// Rows that do not list a label say nothing of it.
    pub rest_is_missing: bool,
}

/// What a label that was not found has, as files hold it.
#[derive(Serialize, Deserialize)]
struct Rest {
    negatives: u64,
    missing: u64,
    /// In units of 10⁻¹⁸.
    negatives_mass: String,
    /// The order of the labels; by number when absent, as older versions had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<NameOrder>,
}

impl From<&Unlisted> for Rest {
    fn from(unlisted: &Unlisted) -> Self {
        let Unlisted { tally, mass, order } = unlisted;
        let negatives_mass = mass.negatives.units().to_string();
        let order = (*order != NameOrder::Number).then_some(*order);
        Self { negatives: tally.negatives, missing: tally.missing, negatives_mass, order }
    }
}

impl From<Rest> for Unlisted {
    fn from(rest: Rest) -> Self {
        let tally = Tally { negatives: rest.negatives, missing: rest.missing, ..Tally::default() };
        let negatives = Mass::from_units(rest.negatives_mass.parse().unwrap_or_default());
        let order = rest.order.unwrap_or(NameOrder::Number);
        Self { tally, mass: MassTally { negatives, ..MassTally::default() }, order }
    }
}

/// A head, as files hold it.
#[derive(Serialize, Deserialize)]
struct HeadEntry {
    column: String,
    length: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unlisted: Option<Rest>,
}

impl From<&Head> for HeadEntry {
    fn from(head: &Head) -> Self {
        let unlisted = head.unlisted.as_ref().map(Rest::from);
        Self { column: head.column.clone(), length: head.length, unlisted }
    }
}

/// Writes `counts.parquet`, its columns encoded by `threads` threads.
///
/// # Errors
/// [`Error::Output`] or [`Error::Resource`] when writing fails.
pub(crate) fn write(out: impl Write + Send, file: &CountsFile, threads: usize) -> Result<()> {
    let metadata = metadata(file)?;
    table::write(out, &file.counts, None, file.grouped.as_ref(), &metadata, threads)
}

/// What files say beside the counts, as their metadata hold it.
pub(super) fn metadata(file: &CountsFile) -> Result<Vec<(&'static str, String)>> {
    let mut metadata = vec![
        ("posweight.version", FORMAT_VERSION.to_owned()),
        ("posweight.rows", file.counts.rows().to_string()),
        ("posweight.layout", file.layout.clone()),
        ("posweight.fingerprint", file.fingerprint.clone()),
    ];
    if file.unit != CountUnit::default() {
        metadata.push((UNIT, file.unit.as_str().to_owned()));
    }
    if let Some(unlisted) = file.counts.unlisted() {
        metadata.push((UNLISTED, json(&Rest::from(unlisted))?));
    }
    if !file.counts.heads().is_empty() {
        let heads = file.counts.heads().iter().map(HeadEntry::from);
        metadata.push((HEADS, json(&heads.collect::<Vec<_>>())?));
    }
    if !file.group.is_empty() {
        metadata.push((GROUP, json(&file.group)?));
    }
    if let Some(part) = &file.part {
        metadata.push((PART, json(part)?));
    }
    if let Some(grouped) = &file.grouped {
        metadata.push((GROUPS, groups_entry(grouped)?));
    }
    let Provenance { spec, mixed, shards } = &file.provenance;
    if let Some(spec) = spec {
        metadata.push((SPEC, json(spec)?));
    }
    if !mixed.is_empty() {
        metadata.push((MIXED, json(mixed)?));
    }
    if let Some(shards) = shards {
        metadata.push((SHARDS, shards.to_text()));
    }
    Ok(metadata)
}

/// The column of groups and how many there are, as metadata hold them.
fn groups_entry(grouped: &GroupedPositives) -> Result<String> {
    json(&(&grouped.column, grouped.groups))
}

const GROUPS: &str = "posweight.groups";

const UNLISTED: &str = "posweight.unlisted";
const HEADS: &str = "posweight.heads";
const UNIT: &str = "posweight.unit";
const GROUP: &str = "posweight.group";
const PART: &str = "posweight.part";
const SPEC: &str = "posweight.spec";
const MIXED: &str = "posweight.mixed";
const SHARDS: &str = "posweight.shards";

/// Reads `counts.parquet` (or `weights.parquet`, which holds the same columns).
///
/// # Errors
/// [`Error::Input`] naming the file: unreadable, not counts, of a newer version, or not adding up.
pub(crate) fn read(path: &Path) -> Result<CountsFile> {
    // Damaged files can panic inside the decoder.
    guarded(|| read_file(path)).unwrap_or_else(|| {
        Err(Error::input("not a counts file: the decoder gave up")
            .at(path.display())
            .hint("name a counts.parquet that posweight compute wrote"))
    })
}

fn read_file(path: &Path) -> Result<CountsFile> {
    let bad = |what: &dyn std::fmt::Display| {
        Error::input(format!("not a counts file: {what}"))
            .at(path.display())
            .hint("name a counts.parquet that posweight compute wrote")
    };
    let file = File::open(path).map_err(|cause| Error::reading(path, &cause))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|cause| bad(&cause))?;
    let pairs = builder.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
    let entry = |key: &str| pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
    let version = entry("posweight.version").ok_or_else(|| bad(&"its metadata lacks posweight.version"))?;
    if version != FORMAT_VERSION {
        return Err(bad(&format!("it has format version {version}, this build reads {FORMAT_VERSION}")));
    }
    let rows = entry("posweight.rows").and_then(|rows| rows.parse().ok());
    let rows = rows.ok_or_else(|| bad(&"its metadata lacks posweight.rows"))?;
    let mut parts = CountColumns::default();
    for batch in builder.build().map_err(|cause| bad(&cause))? {
        parts.add(&batch.map_err(|cause| bad(&cause))?).map_err(|cause| bad(&cause))?;
    }
    let masses = (!parts.masses.is_empty()).then_some(parts.masses);
    let mut counts =
        LabelCounts::new(rows, parts.labels, parts.tallies, masses).map_err(|cause| bad(&cause))?;
    if let Some(rest) = said::<Rest>(entry(UNLISTED)).map_err(|cause| bad(&cause))? {
        let rest = Unlisted::from(rest);
        // Groups have the order of the whole, so that one by frequency need not be their own.
        if rest.order != NameOrder::Frequency && !counts.labels().are_in_order(rest.order) {
            return Err(bad(&"its labels are not in order"));
        }
        counts = counts.open(rest).map_err(|cause| bad(&cause))?;
    }
    if let Some(heads) = said::<Vec<HeadEntry>>(entry(HEADS)).map_err(|cause| bad(&cause))? {
        let heads =
            heads.into_iter().map(|head| (head.column, head.length, head.unlisted.map(Unlisted::from)));
        counts = counts.with_heads(heads.collect()).map_err(|cause| bad(&cause))?;
    }
    let grouped = said::<(String, u64)>(entry(GROUPS)).map_err(|cause| bad(&cause))?;
    let grouped =
        grouped.map(|(column, groups)| GroupedPositives { column, groups, positives: parts.groups });
    if grouped.as_ref().is_some_and(|grouped| grouped.positives.len() != counts.len()) {
        return Err(bad(&"column positives_groups is missing"));
    }
    let shards = entry(SHARDS).map(|text| {
        ShardHashes::from_text(&text).ok_or_else(|| bad(&"its metadata posweight.shards is damaged"))
    });
    let provenance = Provenance {
        spec: said(entry(SPEC)).map_err(|cause| bad(&cause))?,
        mixed: said(entry(MIXED)).map_err(|cause| bad(&cause))?.unwrap_or_default(),
        shards: shards.transpose()?,
    };
    Ok(CountsFile {
        counts,
        grouped,
        provenance,
        group: said(entry(GROUP)).map_err(|cause| bad(&cause))?.unwrap_or_default(),
        part: said(entry(PART)).map_err(|cause| bad(&cause))?,
        layout: entry("posweight.layout").unwrap_or_default(),
        unit: entry(UNIT)
            .map_or(Ok(CountUnit::default()), |unit| unit.parse())
            .map_err(|cause| bad(&cause))?,
        fingerprint: entry("posweight.fingerprint").unwrap_or_default(),
    })
}

fn said<T: for<'d> Deserialize<'d>>(text: Option<String>) -> serde_json::Result<Option<T>> {
    text.map(|text| serde_json::from_str(&text)).transpose()
}

impl CountsFile {
    /// The counts of both, whatever the order and grouping of several such.
    ///
    /// # Errors
    /// [`Error::Input`] when labels that were known before disagree.
    pub(crate) fn merge(&self, other: &Self) -> Result<Self> {
        let mixed = || "mixed".to_owned();
        if self.unit != other.unit {
            return Err(Error::input("counts of rows and counts of elements cannot be merged")
                .hint("count both with the same --unit"));
        }
        Ok(Self {
            counts: self.counts.merge(&other.counts)?,
            layout: if self.layout == other.layout { self.layout.clone() } else { mixed() },
            unit: self.unit,
            fingerprint: add_fingerprints(&self.fingerprint, &other.fingerprint),
            group: if self.group == other.group { self.group.clone() } else { Vec::new() },
            part: None,
            // A group may be in both.
            grouped: None,
            provenance: self.provenance.merge(&other.provenance),
        })
    }
}

/// The fingerprint of two sets of shards together: their sum as numbers, modulo 2^256, which no
/// order or grouping changes. Fingerprints are 64 hexadecimal digits; any other text counts as zero.
#[must_use]
pub(crate) fn add_fingerprints(one: &str, other: &str) -> String {
    let digit = |text: &str, place: usize| {
        let place = text.len().checked_sub(1 + place)?;
        char::from(text.as_bytes()[place]).to_digit(16)
    };
    let (mut sum, mut carry) = ([0_u32; 64], 0);
    for (place, sum) in sum.iter_mut().enumerate() {
        let all = digit(one, place).unwrap_or(0) + digit(other, place).unwrap_or(0) + carry;
        (*sum, carry) = (all % 16, all / 16);
    }
    sum.iter().rev().filter_map(|digit| char::from_digit(*digit, 16)).collect()
}

#[derive(Default)]
struct CountColumns {
    labels: Labels,
    tallies: Vec<Tally>,
    masses: Vec<MassTally>,
    /// Groups with a positive; empty unless these were counted.
    groups: Vec<u64>,
}

impl CountColumns {
    fn add(&mut self, batch: &RecordBatch) -> std::result::Result<(), String> {
        let column = |name: &str, data_type: &DataType| {
            let column = batch.column_by_name(name).ok_or_else(|| format!("column {name} is missing"))?;
            let column = cast(column, data_type).map_err(|cause| format!("column {name}: {cause}"))?;
            if column.null_count() > 0 { Err(format!("column {name} holds NULL")) } else { Ok(column) }
        };
        let numbers = |name: &str| column(name, &DataType::UInt64);
        let index = numbers("label_index")?;
        let index = index.as_primitive::<UInt64Type>();
        let labels = column("label", &DataType::Utf8)?;
        let sides = ["positives", "negatives", "uncertain", "missing", "invalid"].map(numbers);
        let [positives, negatives, uncertain, missing, invalid] = sides;
        let sides = [positives?, negatives?, uncertain?, missing?, invalid?];
        let side = |which: usize, row: usize| sides[which].as_primitive::<UInt64Type>().value(row);
        for row in 0..batch.num_rows() {
            if index.value(row) != self.tallies.len() as u64 {
                return Err(format!(
                    "label_index {} is at position {}",
                    index.value(row),
                    self.tallies.len()
                ));
            }
            self.labels.push(labels.as_string::<i32>().value(row));
            self.tallies.push(Tally {
                positives: side(0, row),
                negatives: side(1, row),
                uncertain: side(2, row),
                missing: side(3, row),
                invalid: side(4, row),
            });
        }
        if batch.column_by_name(table::POSITIVES_GROUPS).is_some() {
            let groups = numbers(table::POSITIVES_GROUPS)?;
            self.groups.extend_from_slice(groups.as_primitive::<UInt64Type>().values());
        }
        if batch.column_by_name("positives_mass").is_some() {
            let masses = |name: &str| column(name, &DataType::Decimal128(38, 18));
            let (positives, negatives) = (masses("positives_mass")?, masses("negatives_mass")?);
            let (positives, negatives) =
                (positives.as_primitive::<Decimal128Type>(), negatives.as_primitive::<Decimal128Type>());
            self.masses.extend((0..batch.num_rows()).map(|row| MassTally {
                positives: Mass::from_units(positives.value(row)),
                negatives: Mass::from_units(negatives.value(row)),
            }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_add_as_numbers_do() {
        let one = format!("{}ff", "0".repeat(62));
        assert_eq!(add_fingerprints(&one, &one), format!("{}1fe", "0".repeat(61)));
        assert_eq!(add_fingerprints(&"f".repeat(64), &format!("{}1", "0".repeat(63))), "0".repeat(64));
        assert_eq!(add_fingerprints(&one, ""), one);
        let hashes: Vec<String> = ["3", "a7", "f1"].iter().map(|tail| format!("{tail:9>64}")).collect();
        let [a, b, c] = &hashes[..] else { unreachable!() };
        assert_eq!(
            add_fingerprints(&add_fingerprints(a, b), c),
            add_fingerprints(a, &add_fingerprints(c, b))
        );
    }
}
