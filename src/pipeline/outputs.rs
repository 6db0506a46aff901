//! Everything that is made from counts, written into a staged folder.

use std::io::Write;

use serde_json::Value as Json;

use crate::artifact::counts::{self, CountsFile};
use crate::artifact::publish::Staging;
use crate::artifact::{imbalance, tensors, weights as weights_file};
use crate::error::{Error, Result};
use crate::findings::{Finding, RowFacts, find};
use crate::measures::{Measures, measure};
use crate::report::{Report, markdown};
use crate::weights::{Weighing, Weights, weigh};

/// Counts with all that follows from them.
#[derive(Debug)]
pub struct Derived {
    /// The counts.
    pub file: CountsFile,
    /// Their weights.
    pub weights: Weights,
    /// Their measures.
    pub measures: Measures,
    /// Everything odd.
    pub findings: Vec<Finding>,
}

impl Derived {
    /// Weighs, measures and looks for oddities.
    pub(super) fn of(file: CountsFile, weighing: &Weighing, facts: &RowFacts) -> Result<Self> {
        let weights = weigh(&file.counts, weighing)?;
        let findings = find(&file.counts, &weights, facts);
        Ok(Self { measures: measure(&file.counts), weights, findings, file })
    }

    /// The report on these counts.
    #[must_use]
    pub fn report(&self, source: String) -> Report<'_> {
        Report {
            counts: &self.file.counts,
            weights: &self.weights,
            measures: &self.measures,
            findings: &self.findings,
            source,
            groups: Vec::new(),
        }
    }
}

/// What is written, and where inside the output folder.
pub(super) struct Request<'a> {
    pub(super) folder: &'a str,
    pub(super) formats: &'a [String],
    pub(super) spec: &'a Json,
}

/// Writes the files of one result.
pub(super) fn write(
    staging: &mut Staging,
    derived: &Derived,
    report: &Report<'_>,
    request: &Request<'_>,
) -> Result<()> {
    let Derived { file, weights, measures, .. } = derived;
    let place = |name: &str| format!("{}{name}", request.folder);
    let wanted = |format: &str| request.formats.iter().any(|known| known == format);
    // Counts are what everything else can be made from again, so they are always written.
    staging.file(&place("counts.parquet"), |out| counts::write(out, file))?;
    if wanted("parquet") {
        staging.file(&place("weights.parquet"), |out| weights_file::write_parquet(out, file, weights))?;
    }
    if wanted("json") {
        staging
            .file(&place("weights.json"), |out| weights_file::write_json(out, file, weights, request.spec))?;
        staging.file(&place("imbalance.json"), |out| imbalance::write(out, &file.counts, measures))?;
    }
    if wanted("safetensors") {
        staging
            .file(&place("pos_weight.safetensors"), |out| tensors::write_safetensors(out, file, weights))?;
    }
    if wanted("npy") {
        staging.file(&place("pos_weight.npy"), |out| tensors::write_npy(out, weights))?;
    }
    if wanted("md") {
        let text = markdown(report);
        staging.file(&place("report.md"), |out| {
            out.write_all(text.as_bytes()).map_err(|cause| Error::output(cause.to_string()))
        })?;
    }
    Ok(())
}
