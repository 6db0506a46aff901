//! Everything that is made from counts, written into a staged folder.

use std::io::Write as _;
use std::sync::OnceLock;

use serde_json::Value as Json;

use crate::artifact::counts::{self, CountsFile};
use crate::artifact::publish::{HashingWriter, Staging, Wanted, Write};
use crate::artifact::{imbalance, tensors, weights as weights_file};
use crate::consequences::Consequences;
use crate::counts::LabelCounts;
use crate::drift::{Drift, Side};
use crate::error::{Error, Result};
use crate::findings::{Finding, RowFacts, find};
use crate::groups::{Group, GroupMeasures, compare};
use crate::measures::{Compat, Measures, measure, measure_some};
use crate::report::{Report, Rows, html, markdown};
use crate::row_measures::RowMeasures;
use crate::threads::both;
use crate::weights::{Weighing, Weights, weigh};

/// Counts with all that follows from them.
#[derive(Debug)]
pub struct Derived {
    /// The counts.
    pub file: CountsFile,
    /// Their weights.
    pub weights: Weights,
    /// The measures that every account of a run has.
    pub(super) brief: Brief,
    /// Their measures, once somebody asks for them.
    measures: OnceLock<Measures>,
    /// What rows say beside counts, where that was asked for.
    pub rows: Option<RowMeasures>,
    /// What is told of that, once somebody asks for it; or as a file has it.
    pub(super) told: OnceLock<Option<Rows>>,
    /// Everything odd.
    pub findings: Vec<Finding>,
    /// Groups of `--by` against all rows.
    pub groups: Vec<GroupMeasures>,
    telling: Telling,
}

impl Derived {
    /// Weighs, measures and looks for oddities.
    pub(super) fn of(
        file: CountsFile,
        weighing: &Weighing,
        telling: Telling,
        facts: &RowFacts,
    ) -> Result<Self> {
        let counts = &file.counts;
        let (weights, brief) = both(|| weigh(counts, weighing), || Brief::of(counts, telling.compat));
        let weights = weights?;
        let findings = find(counts, &weights, facts);
        let (measures, told, groups) = (OnceLock::new(), OnceLock::new(), facts.groups.clone());
        Ok(Self { brief, measures, weights, rows: None, told, findings, groups, telling, file })
    }

    /// Their measures.
    pub fn measures(&self) -> &Measures {
        self.measures.get_or_init(|| measure(&self.file.counts, self.telling.compat))
    }

    /// One of their measures; the others are not made for it.
    #[must_use]
    pub fn measure(&self, name: &str) -> Option<f64> {
        match self.measures.get() {
            Some(measures) => measures.get(name),
            None => measure_some(&self.file.counts, self.telling.compat, [name])[0],
        }
    }

    /// These counts and weights as one side of a comparison.
    #[must_use]
    pub fn side(&self) -> Side<'_> {
        Side { counts: &self.file.counts, weights: &self.weights }
    }

    /// These counts and weights as the group `name`.
    pub(super) fn as_group<'d>(&'d self, name: &'d str) -> Group<'d> {
        Group { name, counts: &self.file.counts, weights: &self.weights, rows: self.rows.as_ref() }
    }

    /// The report on these counts, on the groups they are made of, and on how they differ from another result.
    #[must_use]
    pub fn report<'d>(
        &'d self,
        source: String,
        groups: &'d [(String, Self)],
        drift: Option<(&'d str, &'d Drift<'d>)>,
    ) -> Report<'d> {
        let counts = &self.file.counts;
        let told = || self.rows.as_ref().map(|rows| Rows::of(rows, counts));
        Report {
            counts,
            weights: &self.weights,
            consequences: Consequences::new(counts, &self.weights, self.telling.batch_size),
            measures: self.measures(),
            rows: self.told.get_or_init(told).as_ref(),
            features: self.telling.features,
            findings: &self.findings,
            source,
            groups: groups.iter().map(|(name, group)| group.as_group(name)).collect(),
            group_measures: if groups.is_empty() { &[] } else { &self.groups },
            drift,
        }
    }
}

/// Measures of a few words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Brief {
    pub(super) cardinality: Option<f64>,
    pub(super) mean_ir: Option<f64>,
    pub(super) max_ir: Option<f64>,
}

impl Brief {
    fn of(counts: &LabelCounts, compat: Compat) -> Self {
        let names = ["cardinality", "mean_ir", "max_ir"];
        let [cardinality, mean_ir, max_ir] = measure_some(counts, compat, names);
        Self { cardinality, mean_ir, max_ir }
    }
}

/// How measures are read, and what is told beside them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Telling {
    /// How labels without positives are read.
    pub compat: Compat,
    /// Rows of a batch.
    pub batch_size: u64,
    /// Input features, for TCS.
    pub features: Option<u64>,
}

/// The folder of a group inside a result: nothing in its name leaves the result or hides it.
pub(super) fn group_folder(name: &str) -> String {
    let safe = |c: char| c.is_alphanumeric() || "=,-_. ".contains(c);
    let name = name.chars().map(|c| if safe(c) { c.to_string() } else { format!("%{:02X}", u32::from(c)) });
    format!("by/{}/", name.collect::<String>())
}

/// What is written, and where inside the output folder.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) folder: &'a str,
    pub(super) formats: &'a [String],
    pub(super) spec: &'a Json,
    /// Threads that write.
    pub(super) threads: usize,
}

/// Files of a result, and the format that each belongs to; what belongs to none is always written, as counts
/// are what everything else can be made from again.
const FILES: [(&str, &str); 9] = [
    ("", "counts.parquet"),
    ("parquet", "weights.parquet"),
    ("json", "weights.json"),
    ("json", "imbalance.json"),
    ("safetensors", "pos_weight.safetensors"),
    ("npy", "pos_weight.npy"),
    ("npy", TOGETHER),
    ("md", "report.md"),
    ("html", "report.html"),
];

/// Written where pairs of labels were counted.
const TOGETHER: &str = "cooccurrence.npy";

/// The files that `formats` ask for, whatever is counted.
pub(super) fn names(formats: &[String]) -> impl Iterator<Item = &'static str> {
    all_names(formats).filter(|name| *name != TOGETHER)
}

fn all_names(formats: &[String]) -> impl Iterator<Item = &'static str> {
    let wanted = |format: &str| format.is_empty() || formats.iter().any(|known| known == format);
    FILES.iter().filter(move |(format, _)| wanted(format)).map(|(_, name)| *name)
}

/// `16 shards, layout wide`.
pub(super) fn source(shards: u64, layout: &str) -> String {
    format!("{shards} shard{}, layout {layout}", if shards == 1 { "" } else { "s" })
}

/// `split=train,year=2024`.
pub(super) fn group_name(group: &[(String, Option<String>)]) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    group.iter().map(|(name, v)| format!("{name}={}", value(v))).collect::<Vec<_>>().join(",")
}

/// `facts` with what is found of `groups`, whose rows are those of `counts`.
pub(super) fn with_groups(
    facts: RowFacts,
    counts: &LabelCounts,
    rows: Option<&RowMeasures>,
    groups: &[(String, Derived)],
) -> RowFacts {
    let groups: Vec<_> = groups.iter().map(|(name, group)| group.as_group(name)).collect();
    RowFacts { groups: compare(counts, rows, &groups), ..facts }
}

/// Writes the files of a result and of each of its groups, made from `source`.
pub(super) fn write_all(
    staging: &mut Staging,
    derived: &Derived,
    groups: &[(String, Derived)],
    source: &str,
    drift: Option<(&str, &Drift<'_>)>,
    request: &Request<'_>,
) -> Result<()> {
    let report = || derived.report(source.to_owned(), groups, drift);
    write(staging, derived, &report, request)?;
    for (name, group) in groups {
        let folder = group_folder(name);
        let report = || group.report(format!("{source}, {name}"), &[], None);
        write(staging, group, &report, &Request { folder: &folder, ..*request })?;
    }
    Ok(())
}

/// Writes the files of one result; `report` is asked for where one is written.
fn write<'r>(
    staging: &mut Staging,
    derived: &Derived,
    report: &(dyn Fn() -> Report<'r> + Sync),
    request: &Request<'_>,
) -> Result<()> {
    let Derived { file, weights, .. } = derived;
    let text = |out: &mut HashingWriter, text: String| {
        out.write_all(text.as_bytes()).map_err(|cause| Error::output(cause.to_string()))
    };
    let safetensors = |out: &mut HashingWriter| tensors::write_safetensors(out, file, weights);
    let weights_json = |out: &mut HashingWriter| weights_file::write_json(out, file, weights, request.spec);
    let together = derived.rows.as_ref().and_then(|rows| rows.pairs.as_ref());
    let write_of = |name: &str| -> Write<'_> {
        match name {
            "counts.parquet" => Box::new(|out| counts::write(out, file, request.threads)),
            "weights.parquet" => {
                Box::new(|out| weights_file::write_parquet(out, file, weights, request.threads))
            }
            "weights.json" => Box::new(weights_json),
            "imbalance.json" => Box::new(|out| imbalance::write(out, &report())),
            TOGETHER => Box::new(|out| match together {
                Some(together) => tensors::write_together(out, together, file.counts.len()),
                None => Ok(()),
            }),
            "pos_weight.safetensors" => Box::new(safetensors),
            "pos_weight.npy" => Box::new(|out| tensors::write_npy(out, weights)),
            "report.html" => Box::new(|out| text(out, html(&report()))),
            _ => Box::new(|out| text(out, markdown(&report()))),
        }
    };
    let files = all_names(request.formats)
        .filter(|name| together.is_some() || *name != TOGETHER)
        .map(|name| Wanted { name: format!("{}{name}", request.folder), write: write_of(name) });
    staging.files(files.collect(), request.threads)
}
