//! Counts and everything that is made from them: weights, measures, findings, the report.

use std::sync::{Arc, OnceLock};

use crate::artifact::counts::CountsFile;
use crate::consequences::{Consequences, Intervals, LastLayer};
use crate::cooccurrence::Together;
use crate::counts::{LabelCounts, has_classes};
use crate::drift::{Drift, Side};
use crate::error::Result;
use crate::findings::{Finding, RowFacts, find};
use crate::groups::{Group, GroupMeasures};
use crate::measures::{Compat, Measures, measure, measure_some};
use crate::report::{Report, RowReport};
use crate::row_measures::RowMeasures;
use crate::threads::both;
use crate::weights::{Weighing, Weights, weigh};

/// Counts with all that follows from them.
#[derive(Debug)]
pub(crate) struct Derived {
    /// The counts.
    pub file: CountsFile,
    /// Their weights.
    pub weights: Weights,
    /// The measures of `run_results.json` and its summaries.
    pub(super) brief: Brief,
    /// Their measures, made on first use.
    measures: OnceLock<Measures>,
    /// Intervals of prevalence, made on first use.
    intervals: Arc<Intervals>,
    /// Measures of rows, if rows were measured.
    pub rows: Option<RowMeasures>,
    /// Rows that have both of two labels, of a result that was read back.
    pub(super) saved_pairs: Option<Together>,
    /// The part of them that reports show: made on first use, or read from a file.
    pub(super) row_report: OnceLock<Option<RowReport>>,
    /// Findings.
    pub findings: Vec<Finding>,
    /// Groups of `--by` against all rows.
    pub groups: Vec<GroupMeasures>,
    /// Checks of severity error that failed, in words.
    pub failed_checks: Vec<String>,
    /// Checks of severity warn that failed, in words.
    pub warned_checks: Vec<String>,
    /// The sampling plan beside them, in words.
    pub plan: Option<String>,
    options: MeasureOptions,
}

impl Derived {
    /// Weighs, measures and looks for findings.
    pub(super) fn of(
        file: CountsFile,
        weighing: &Weighing,
        options: MeasureOptions,
        facts: &RowFacts,
    ) -> Result<Self> {
        let counts = &file.counts;
        let (weights, brief) = both(|| weigh(counts, weighing), || Brief::of(counts, options.compat));
        let weights = weights?;
        let findings = find(counts, &weights, facts);
        let (measures, row_report, groups) = (OnceLock::new(), OnceLock::new(), facts.groups.clone());
        let (failed_checks, warned_checks) = (Vec::new(), Vec::new());
        Ok(Self {
            brief,
            measures,
            intervals: Arc::default(),
            weights,
            rows: None,
            saved_pairs: None,
            row_report,
            findings,
            groups,
            failed_checks,
            warned_checks,
            plan: None,
            options,
            file,
        })
    }

    /// The same counts with other weights.
    pub(super) fn weighed_anew(&self, weighing: &Weighing) -> Result<Self> {
        Self::of(self.file.clone(), weighing, self.options, &RowFacts::default())
    }

    /// Rows that have both of two labels, if pairs were counted.
    pub(crate) fn pairs(&self) -> Option<&Together> {
        self.rows.as_ref().and_then(|rows| rows.pairs.as_ref()).or(self.saved_pairs.as_ref())
    }

    /// Their measures.
    pub(crate) fn measures(&self) -> &Measures {
        self.measures.get_or_init(|| measure(&self.file.counts, self.options.compat))
    }

    /// These counts and weights as one side of a comparison.
    #[must_use]
    pub(crate) fn side(&self) -> Side<'_> {
        let said = self.file.provenance.spec.as_ref().and_then(|spec| spec.get("ignore_case")?.as_bool());
        Side { counts: &self.file.counts, weights: &self.weights, ignores_case: said == Some(true) }
    }

    /// These counts and weights as the group `name`.
    pub(super) fn as_group<'d>(&'d self, name: &'d str) -> Group<'d> {
        Group { name, counts: &self.file.counts, weights: &self.weights, rows: self.rows.as_ref() }
    }

    /// The report on these counts, on the groups they are made of, and on how they differ from another result.
    #[must_use]
    pub(crate) fn report<'d>(
        &'d self,
        source: String,
        groups: &'d [(String, Self)],
        drift: Option<(&'d str, &'d Drift<'d>)>,
    ) -> Report<'d> {
        let counts = &self.file.counts;
        let row_report = || self.rows.as_ref().map(|rows| RowReport::of(rows, counts));
        Report {
            unit: self.file.unit,
            layout: &self.file.layout,
            counts,
            grouped: self.file.grouped.as_ref(),
            weights: &self.weights,
            consequences: Consequences::new(
                counts,
                &self.weights,
                LastLayer::of(has_classes(self.file.unit, &self.file.layout), &self.weights),
                self.options.batch_size,
            )
            .sharing(&self.intervals),
            measures: self.measures(),
            rows: self.row_report.get_or_init(row_report).as_ref(),
            features: self.options.features,
            failed_checks: &self.failed_checks,
            plan: self.plan.as_deref(),
            warned_checks: &self.warned_checks,
            findings: &self.findings,
            source,
            groups: groups.iter().map(|(name, group)| group.as_group(name)).collect(),
            group_measures: if groups.is_empty() { &[] } else { &self.groups },
            drift,
        }
    }
}

/// The measures of a summary.
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

/// How measures are read, and what reports give beside them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MeasureOptions {
    /// How labels without positives are read.
    pub compat: Compat,
    /// Rows of a batch.
    pub batch_size: u64,
    /// Input features, for TCS.
    pub features: Option<u64>,
}
