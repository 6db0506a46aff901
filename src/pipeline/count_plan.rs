//! The part of a spec that decides what is counted, with every default filled in.

use std::collections::BTreeMap;

use super::layout_flags::{LayoutFlag, check_flags, check_uncertain, given};
use super::machine::Machine;
use super::options::{limits, list};
use super::spec::{OneOrMany, Spec};
use super::value_rules::{declared, declared_over};
use crate::counts::{CountUnit, Labels};
use crate::engine::counting::Engine;
use crate::engine::session::Limits;
use crate::error::{Error, Result, choice};
use crate::source::layout::{LabelKind, LabelOrder, LayoutKind};
use crate::source::pass_on::OnBrokenPipe;
use crate::source::streams::BatchStreams;
use crate::source::tables::at::HowTables;
use crate::source::values::Domain;
use crate::store::{Address, is_address};

/// What is counted, and within which limits. A query needs no more than this.
#[derive(Debug, Clone)]
pub(crate) struct CountPlan {
    /// Files, folders and globs.
    pub sources: Vec<String>,
    /// A stream on stdin goes on to stdout.
    pub pass_on: Option<OnBrokenPipe>,
    /// What a source `-` stands for; stdin, where nothing was handed over.
    pub streams: BatchStreams,
    /// How tables are read.
    pub tables: HowTables,
    /// SQL that makes the rows of the table `shards`.
    pub query: Option<String>,
    /// The layout, if given.
    pub layout: Option<LayoutKind>,
    /// What is counted.
    pub unit: CountUnit,
    /// Label columns, if given.
    pub labels: Vec<String>,
    /// Row id column.
    pub id: Option<String>,
    /// Value column.
    pub value: Option<String>,
    /// Separator.
    pub delimiter: Option<String>,
    /// Vocabulary file.
    pub vocabulary: Option<String>,
    /// Label names in order, where they are known without a file.
    pub known_labels: Option<Labels>,
    /// File of (child, parent) pairs.
    pub ancestors: Option<String>,
    /// Number of labels.
    pub num_labels: Option<u64>,
    /// True number of rows.
    pub num_rows: Option<u64>,
    /// No row id lies in two shards.
    pub ids_disjoint: bool,
    /// Whether integers are indices or names.
    pub label_kind: LabelKind,
    /// The order of labels, if given.
    pub order: Option<LabelOrder>,
    /// What values mean.
    pub domain: Domain,
    /// Labels whose values have a meaning of their own.
    pub label_domains: BTreeMap<String, Domain>,
    /// Flags that only some layouts have a use for.
    pub layout_flags: Vec<&'static LayoutFlag>,
    /// Columns that some shards lack count as missing there.
    pub missing_columns: bool,
    /// SQL condition.
    pub filter: Option<String>,
    /// Weight column.
    pub sample_weight: Option<String>,
    /// Group columns.
    pub by: Vec<String>,
    /// Column of `--groups`: its values are counted beside rows, or each stays in one fold.
    pub folded_by: Option<String>,
    /// Rows are copied with all their columns.
    pub copies_rows: bool,
    /// Column whose distinct values are counted beside rows.
    pub groups: Option<String>,
    /// How rows are counted.
    pub engine: Engine,
    /// Trust statistics of constant chunks and pages instead of decoding them.
    pub trust_statistics: bool,
    /// Memory, threads, spilling.
    pub limits: Limits,
}

impl CountPlan {
    /// Fills in every default. Pure: nothing is read, `machine` is what there is.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the flag that is wrong or the two that contradict each other.
    pub(crate) fn resolve(spec: &Spec, machine: Machine) -> Result<Self> {
        let sources = spec.shards.as_ref().map(OneOrMany::to_vec).unwrap_or_default();
        if sources.is_empty() {
            return Err(
                Error::usage("no shards are named").hint("name files, folders or globs of Parquet shards")
            );
        }
        let domain = declared(&spec.values)?;
        let label_domains = spec.label.iter().map(|(label, values)| {
            let own = declared_over(values, &spec.values, &domain)
                .map_err(|error| error.at(format!("label {label:?}")))?;
            Ok((label.clone(), own))
        });
        check_uncertain(&std::iter::once(&spec.values).chain(spec.label.values()).collect::<Vec<_>>())?;
        let missing_columns = match spec.missing_columns.as_deref() {
            None => false,
            Some(text) => choice("--missing-columns", text, &[("error", false), ("missing", true)])?,
        };
        let plan = Self {
            sources,
            pass_on: None,
            streams: BatchStreams::default(),
            tables: spec.how_tables()?,
            query: spec.query.clone(),
            layout: spec.layout.as_deref().map(str::parse).transpose()?,
            unit: spec.unit.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
            labels: list(spec.labels.as_ref()),
            id: spec.id.clone(),
            value: spec.value.clone(),
            delimiter: spec.delimiter.clone(),
            vocabulary: spec.vocabulary.clone(),
            known_labels: None,
            ancestors: spec.ancestors.clone(),
            num_labels: spec.num_labels,
            num_rows: spec.num_rows,
            ids_disjoint: spec.ids_disjoint.unwrap_or(false),
            label_kind: spec.label_kind.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
            order: spec.order.as_deref().map(str::parse).transpose()?,
            label_domains: label_domains.collect::<Result<_>>()?,
            layout_flags: given(spec),
            domain,
            missing_columns,
            filter: spec.r#where.clone(),
            sample_weight: spec.sample_weight.clone(),
            by: list(spec.by.as_ref()).iter().flat_map(|by| by.split(',')).map(str::to_owned).collect(),
            folded_by: spec.groups.clone(),
            copies_rows: spec.materialize == Some(true),
            // Of a sampling plan, they are those that stay in one fold.
            groups: spec.groups.clone().filter(|_| spec.plan.is_none()),
            engine: spec.engine.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
            trust_statistics: spec.trust_statistics.unwrap_or(false),
            limits: limits(spec, machine)?,
        };
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<()> {
        let only_long = [("--id", self.id.is_some()), ("--value", self.value.is_some())];
        if let (Some(layout), Some((flag, _))) = (self.layout, only_long.iter().find(|(_, given)| *given))
            && layout != LayoutKind::Long
            && !(layout == LayoutKind::Map && *flag == "--value")
        {
            return Err(Error::usage(format!("{flag} belongs to layout long, but --layout is {layout}"))
                .hint(format!("drop {flag}, or use --layout long")));
        }
        if self.layout.is_some_and(|layout| layout != LayoutKind::List) && self.unit == CountUnit::Element {
            return Err(elements_of_lists());
        }
        if self.layout.is_some_and(|layout| layout != LayoutKind::Delimited) && self.delimiter.is_some() {
            return Err(Error::usage("--delimiter belongs to layout delimited").hint("drop one of the two"));
        }
        if self.num_labels == Some(0) {
            return Err(Error::usage("--num-labels is 0").hint("give the number of labels, C"));
        }
        if self.layout == Some(LayoutKind::Bits)
            && let Some(n) = self.num_labels.filter(|n| *n > u64::from(u64::BITS))
        {
            return Err(Error::usage(format!(
                "--num-labels is {n}, but an integer of layout bits has 64 bits"
            ))
            .hint("give the number of labels, at most 64"));
        }
        if let Some(layout) = self.layout {
            check_flags(&self.layout_flags, layout, self.value.is_some())?;
        }
        for address in self.sources.iter().filter(|text| is_address(text) && !text.starts_with("file://")) {
            Address::parse(address)?;
        }
        if self.num_rows.is_some() && !self.by.is_empty() {
            return Err(Error::usage("--num-rows and --by exclude each other")
                .hint("the true number of rows is known for the whole set only"));
        }
        Ok(())
    }
}

/// The error for elements of a layout that has none.
pub(super) fn elements_of_lists() -> Error {
    Error::usage("--unit element belongs to layout list, whose elements it counts")
        .hint("drop --unit, or use --layout list")
}
