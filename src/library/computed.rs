//! A result in memory.

use std::path::Path;

use arrow::array::RecordBatch;
use serde_json::Value as Json;

use super::planned::PlannedRows;
use crate::artifact::catalog::{Contents, RESULT_FILES};
use crate::artifact::imbalance_entries::DriftEntry;
use crate::artifact::publish::{Staging, write_results};
use crate::artifact::results::RunResults;
use crate::artifact::table;
use crate::counts::LabelCounts;
use crate::drift::{Drift, compare};
use crate::error::{Error, Result};
use crate::pipeline::derived::Derived;
use crate::pipeline::options::formats;
use crate::pipeline::outcome::Outcome;
use crate::pipeline::outputs::{WriteRequest, write_all};
use crate::pipeline::plan::Plan;
use crate::pipeline::reopened::{Finished, against, compared};
use crate::pipeline::sample::Sampled;
use crate::pipeline::spec::{OneOrMany, Spec};

use crate::report::{self, Report};
use crate::row_measures::PAIRS_LABELS_MAX;

/// Counts, and the weights, measures and findings that follow from them; of all rows and of each group.
#[derive(Debug)]
pub struct Computed {
    derived: Derived,
    groups: Vec<(String, Derived)>,
    /// `16 shards, layout wide`.
    source: String,
    /// Why the layout was chosen; empty if there was no choice.
    why: String,
    /// What decides the result.
    spec: Json,
    against: Option<(String, Derived)>,
    sampled: Option<Sampled>,
    record: Option<RunResults>,
    threads: usize,
}

impl Computed {
    pub(super) fn of(outcome: Outcome, plan: &Plan) -> Result<Self> {
        let Outcome { derived, groups, source, why, against, sampled, record, .. } = outcome;
        let spec = meaning(&plan.spec)?;
        let threads = plan.count.limits.threads;
        Ok(Self { derived, groups, source, why, spec, against, sampled, record, threads })
    }

    pub(super) fn weighed(
        derived: Derived,
        groups: Vec<(String, Derived)>,
        source: String,
        spec: Json,
    ) -> Self {
        let (why, against, sampled, record, threads) = (String::new(), None, None, None, 1);
        Self { derived, groups, source, why, spec, against, sampled, record, threads }
    }

    pub(super) fn saved(run: Finished) -> Self {
        let Finished { derived, groups, source } = run;
        let spec = derived.file.provenance.spec.clone().unwrap_or_default();
        Self::weighed(derived, groups, source, spec)
    }

    /// Compared and saved as `spec` asks.
    pub(super) fn written(mut self, spec: &Spec) -> Result<Self> {
        let place = spec.out.as_deref();
        self.against = spec.against.as_deref().map(|last| against(last, place)).transpose()?.flatten();
        if let Some(out) = place {
            let formats = spec.formats.as_ref().map(OneOrMany::to_vec).unwrap_or_default();
            self.save(out, &formats, spec.overwrite.unwrap_or(false))?;
        }
        Ok(self)
    }

    /// The result of all rows.
    #[must_use]
    pub fn all(&self) -> ResultView<'_> {
        ResultView { whole: self, derived: &self.derived, group: None }
    }

    /// The names of groups, such as `split=train`.
    pub fn group_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.groups.iter().map(|(name, _)| name.as_str())
    }

    /// The result of the rows of one group.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<ResultView<'_>> {
        let (name, derived) = self.groups.iter().find(|(known, _)| known == name)?;
        Some(ResultView { whole: self, derived, group: Some(name) })
    }

    /// `2 shards, layout wide`.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Why the layout was chosen; empty if there was no choice.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The rows of the sampling plan, if one was asked for.
    #[must_use]
    pub fn plan(&self) -> Option<PlannedRows<'_>> {
        self.sampled.as_ref().map(PlannedRows)
    }

    /// The sampling plan as text, if one was asked for.
    #[must_use]
    pub fn plan_text(&self) -> Option<String> {
        self.sampled.as_ref().map(|sampled| sampled.text(&self.source))
    }

    /// What `run_results.json` holds; `None` for a result that no run of this process made.
    ///
    /// # Errors
    /// [`Error::Internal`] for a value that JSON cannot hold.
    pub fn record(&self) -> Result<Option<String>> {
        self.record.as_ref().map(RunResults::to_json).transpose()
    }

    /// Writes the files of a result, in all formats if none is given, as `posweight compute --out` does; their names.
    ///
    /// # Errors
    /// [`Error::Output`] when `out` holds a result and `overwrite` is false, or cannot be written.
    pub fn save(&self, out: &Path, kinds: &[String], overwrite: bool) -> Result<Vec<String>> {
        let kinds = formats(kinds)?;
        let mut staging = Staging::begin(out, overwrite)?;
        let drift = self.drift();
        let drift = drift.as_ref().map(|(name, drift)| (*name, drift));
        let request = WriteRequest { folder: "", formats: &kinds, spec: &self.spec, threads: self.threads };
        write_all(&mut staging, &self.derived, &self.groups, &self.source, drift, &request)?;
        if let Some(sampled) = &self.sampled {
            let fingerprint = &self.derived.file.fingerprint;
            sampled.write(&mut staging, &self.source, fingerprint, &self.spec, self.threads)?;
        }
        let outputs = staging.publish()?;
        let names = outputs.iter().map(|file| file.path.clone()).collect();
        if let Some(record) = &self.record {
            write_results(out, RunResults { outputs, ..record.clone() }.to_json()?)?;
        }
        Ok(names)
    }

    fn drift(&self) -> Option<(&str, Drift<'_>)> {
        let (name, last) = self.against.as_ref()?;
        Some((name, compared(last, &self.derived)))
    }
}

fn meaning(spec: &Spec) -> Result<Json> {
    serde_json::to_value(spec.meaning()).map_err(|cause| Error::internal(cause.to_string()))
}

/// The result of all rows, or of one group.
#[derive(Debug, Clone, Copy)]
pub struct ResultView<'r> {
    whole: &'r Computed,
    derived: &'r Derived,
    group: Option<&'r str>,
}

impl<'r> ResultView<'r> {
    fn counts(&self) -> &'r LabelCounts {
        &self.derived.file.counts
    }

    /// Rows counted, N.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.counts().rows()
    }

    /// Names of labels in the order of the target tensor, C of them.
    #[must_use]
    pub fn labels(&self) -> Vec<&'r str> {
        self.counts().labels().iter().collect()
    }

    /// Positives, negatives, uncertain, missing and invalid rows per label.
    #[must_use]
    pub fn tallies(&self) -> Vec<[u64; 5]> {
        let row = |tally: &crate::counts::Tally| {
            [tally.positives, tally.negatives, tally.uncertain, tally.missing, tally.invalid]
        };
        self.counts().tallies().iter().map(row).collect()
    }

    /// The vector of the first scheme. Shape `[C]`, all finite.
    #[must_use]
    pub fn pos_weight(&self) -> &'r [f64] {
        &self.derived.weights.primary().values
    }

    /// All vectors with their names.
    pub fn weights(&self) -> impl ExactSizeIterator<Item = (&'r str, &'r [f64])> {
        self.derived.weights.vectors.iter().map(|vector| (vector.name.as_str(), &vector.values[..]))
    }

    /// `ok`, or why a weight is not that of its formula.
    pub fn status(&self) -> impl ExactSizeIterator<Item = &'static str> {
        self.derived.weights.status.iter().map(|status| status.as_str())
    }

    /// ln(positives / negatives) per label, an initial bias; 0 for labels without both.
    #[must_use]
    pub fn prior_bias(&self) -> Vec<f64> {
        (0..self.counts().len()).map(|label| self.derived.weights.prior_bias(self.counts(), label)).collect()
    }

    /// One row per label: counts, weights and status, as `weights.parquet` holds them.
    ///
    /// # Errors
    /// [`Error::Internal`] when weights and counts are of different labels.
    pub fn table(&self) -> Result<RecordBatch> {
        table::rows(self.counts(), Some(&self.derived.weights), self.derived.file.grouped.as_ref())
    }

    /// The report in a few lines, of at most `lines` if given.
    #[must_use]
    pub fn text(&self, lines: Option<usize>) -> String {
        self.with_report(|report| report::text(report, lines))
    }

    /// The bytes of a file of the result, such as `weights.json`.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that no file of a result has.
    pub fn file(&self, name: &str) -> Result<Vec<u8>> {
        let Some(file) = RESULT_FILES.iter().find(|file| file.name == name && file.is_of_counts()) else {
            let names = RESULT_FILES.iter().filter(|file| file.is_of_counts()).map(|file| file.name);
            return Err(Error::usage(format!("a result in memory has no file {name}")).hint(format!(
                "files are {}; save the result for the others, such as those of a sampling plan",
                names.collect::<Vec<_>>().join(", ")
            )));
        };
        let pairs = self.derived.pairs();
        if file.needs_pairs() && pairs.is_none() {
            return Err(Error::usage(format!("pairs of labels were not counted, so that there is no {name}"))
                .hint(format!(
                    "count the rows with --row-measures on, and at most {PAIRS_LABELS_MAX} labels; saved results have \
                     this file if it was among their --formats"
                )));
        }
        let mut bytes = Vec::new();
        let drift = self.drift();
        let report = || self.report(drift.as_ref());
        let contents = Contents {
            file: &self.derived.file,
            weights: &self.derived.weights,
            failed_checks: &self.derived.failed_checks,
            pairs,
            report: &report,
            spec: &self.whole.spec,
            threads: self.whole.threads,
        };
        file.write(&mut bytes, &contents)?;
        Ok(bytes)
    }

    /// How this result differs from `before`, label by label, as `posweight diff --format json` prints it.
    ///
    /// # Errors
    /// [`Error::Internal`] for a value that JSON cannot hold.
    pub fn diff(&self, before: &ResultView<'_>) -> Result<String> {
        let drift = compare(before.derived.side(), self.derived.side());
        serde_json::to_string(&DriftEntry::of(&drift, usize::MAX, None))
            .map_err(|cause| Error::internal(cause.to_string()))
    }

    fn with_report<T>(&self, make: impl FnOnce(&Report<'_>) -> T) -> T {
        let drift = self.drift();
        make(&self.report(drift.as_ref()))
    }

    fn drift(&self) -> Option<(&'r str, Drift<'r>)> {
        if self.group.is_some() { None } else { self.whole.drift() }
    }

    fn report<'a>(&'a self, drift: Option<&'a (&'a str, Drift<'a>)>) -> Report<'a> {
        let source = &self.whole.source;
        let drift = drift.map(|(name, drift)| (*name, drift));
        match self.group {
            None => self.derived.report(source.clone(), &self.whole.groups, drift),
            Some(name) => self.derived.report(format!("{source}, {name}"), &[], None),
        }
    }
}
