//! A spec with every default filled in and every contradiction refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::cluster;
use super::destination::Destination;
use super::machine::Machine;
use super::notices::check_place;
use super::outputs::Telling;
use super::parts::part;
use super::sample::Sampling;
use super::spec::{Limit, OneOrMany, STDIO, Scalars, Spec, Values};
use crate::checks::{Check, Severity};
use crate::consequences::BATCH_SIZE;
use crate::engine::counting::Engine;
use crate::engine::session::Limits;
use crate::error::{Error, Result};
use crate::source::layout::{LabelKind, LayoutKind};
use crate::source::values::{Domain, Literal};
use crate::store::{Address, is_address, of_path};
use crate::weights::{Adjust, Policy, Scheme, Weighing};

/// Part of the machine's memory taken when nobody says.
const MEMORY_SHARE_PERCENT: u64 = 60;
/// Most bytes of spill files when nobody says.
const SPILL_LIMIT: u64 = 100 << 30;
/// Times that a request to a store is tried again when nobody says.
const RETRIES: usize = 10;
/// Files that `--formats` chooses from.
const FORMATS: [&str; 6] = ["parquet", "json", "safetensors", "npy", "md", "html"];

/// What a run does.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Files, folders and globs.
    pub sources: Vec<String>,
    /// Where the result goes.
    pub out: Destination,
    /// Replace a result that is there.
    pub overwrite: bool,
    /// File that keeps counts of shards from run to run.
    pub state: Option<PathBuf>,
    /// Count all shards anew.
    pub full: bool,
    /// So many shards that cannot be read are left out.
    pub max_bad_shards: usize,
    /// Which of how many jobs this is, where several share the shards.
    pub part: Option<(u64, u64)>,
    /// Kinds of files to write.
    pub formats: Vec<String>,
    /// The layout, if said.
    pub layout: Option<LayoutKind>,
    /// Label columns, if said.
    pub labels: Vec<String>,
    /// Row id column.
    pub id: Option<String>,
    /// Value column.
    pub value: Option<String>,
    /// Separator.
    pub delimiter: Option<String>,
    /// Vocabulary file.
    pub vocabulary: Option<String>,
    /// Number of labels.
    pub num_labels: Option<u64>,
    /// True number of rows.
    pub num_rows: Option<u64>,
    /// No row id lies in two shards.
    pub ids_disjoint: bool,
    /// Whether integers are indices or names.
    pub label_kind: LabelKind,
    /// What values mean.
    pub domain: Domain,
    /// Labels with a meaning of their own.
    pub label_domains: BTreeMap<String, Domain>,
    /// Columns that some shards lack count as missing there.
    pub missing_columns: bool,
    /// SQL condition.
    pub filter: Option<String>,
    /// Weight column.
    pub sample_weight: Option<String>,
    /// Group columns.
    pub by: Vec<String>,
    /// Schemes, adjustments, policies.
    pub weighing: Weighing,
    /// Measure rows; when not said, where there are few labels and all shards are read anyway.
    pub row_measures: Option<bool>,
    /// How measures are read, and what is told beside them.
    pub telling: Telling,
    /// Result that the report compares with.
    pub against: Option<PathBuf>,
    /// A sampling plan.
    pub sampling: Option<Sampling>,
    /// How rows are counted.
    pub engine: Engine,
    /// Take constant chunks and pages by the word of their statistics.
    pub trust_statistics: bool,
    /// Memory, threads, spilling.
    pub limits: Limits,
    /// How often a request to a store that failed is tried again.
    pub retries: usize,
    /// What a result has to keep to be published.
    pub checks: Vec<Check>,
    /// Publish it even so.
    pub publish_on_check_failure: bool,
    /// What the outside is told.
    pub notices: Notices,
    /// Do nothing, and exit with this, where nothing has changed.
    pub skip_exit_code: Option<u8>,
    /// What was asked for.
    pub spec: Spec,
}

/// What the outside is told of a run.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    /// A short account, of failed runs as well.
    pub summary_json: Option<PathBuf>,
    /// Metrics of a run that succeeded.
    pub metrics_textfile: Option<PathBuf>,
    /// Events of start and end.
    pub openlineage: Option<String>,
}

impl Plan {
    /// Fills in every default. Pure: nothing is read, `machine` says what there is.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the flag that is wrong or the two that contradict each other.
    pub fn resolve(spec: Spec, machine: Machine) -> Result<Self> {
        let sources = spec.shards.as_ref().map(OneOrMany::to_vec).unwrap_or_default();
        if sources.is_empty() {
            return Err(
                Error::usage("no shards are named").hint("name files, folders or globs of Parquet shards")
            );
        }
        let domain = domain(&spec.values, &Domain::default())?;
        let label_domains = spec.label.iter().map(|(label, values)| {
            let own = self::domain(values, &domain).map_err(|error| error.at(format!("label {label:?}")))?;
            Ok((label.clone(), own))
        });
        let missing_columns = match spec.missing_columns.as_deref() {
            None | Some("error") => false,
            Some("missing") => true,
            Some(other) => {
                return Err(Error::usage(format!("--missing-columns: \"{other}\" is not a choice"))
                    .hint("use error or missing"));
            }
        };
        let many = |list: &Option<OneOrMany>| list.as_ref().map(OneOrMany::to_vec).unwrap_or_default();
        let plan = Self {
            sources,
            out: Destination::asked(&spec)?,
            max_bad_shards: max_bad_shards(&spec)?,
            overwrite: spec.overwrite.unwrap_or(false),
            state: state(&spec)?,
            full: spec.full.unwrap_or(false),
            part: part(&spec)?,
            // A job writes counts; the rest is made of all of them.
            formats: if spec.shard_count.is_some() { Vec::new() } else { formats(&many(&spec.formats))? },
            layout: spec.layout.as_deref().map(str::parse).transpose()?,
            labels: many(&spec.labels),
            id: spec.id.clone(),
            value: spec.value.clone(),
            delimiter: spec.delimiter.clone(),
            vocabulary: spec.vocabulary.clone(),
            num_labels: spec.num_labels,
            num_rows: spec.num_rows,
            ids_disjoint: spec.ids_disjoint.unwrap_or(false),
            label_kind: spec.label_kind.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
            label_domains: label_domains.collect::<Result<_>>()?,
            domain,
            missing_columns,
            filter: spec.r#where.clone(),
            sample_weight: spec.sample_weight.clone(),
            by: many(&spec.by).iter().flat_map(|by| by.split(',')).map(str::to_owned).collect(),
            weighing: weighing(&spec)?,
            row_measures: row_measures(spec.row_measures.as_deref())?,
            telling: telling(&spec)?,
            against: spec.against.clone(),
            sampling: Sampling::asked(&spec)?,
            engine: spec.engine.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
            trust_statistics: spec.trust_statistics.unwrap_or(false),
            limits: limits(&spec, machine)?,
            retries: spec.retries.unwrap_or(RETRIES),
            checks: checks(&spec)?,
            publish_on_check_failure: spec.publish_on_check_failure.unwrap_or(false),
            notices: Notices {
                summary_json: spec.summary_json.clone(),
                metrics_textfile: spec.metrics_textfile.clone(),
                openlineage: spec.openlineage.clone(),
            },
            skip_exit_code: spec.skip_exit_code,
            spec,
        };
        plan.check()?;
        Ok(plan)
    }

    /// What a job that counts a part of the shards cannot do.
    fn check_part(&self) -> Result<()> {
        let stdin = self.sources.iter().any(|source| source == STDIO);
        let refused = [
            ("a stream on stdin", stdin, "every job lists the same shards"),
            ("--out -", self.out.folder().is_none(), "name a folder with --out DIR, one for each job"),
            ("--formats", self.spec.formats.is_some(), "a job writes counts; give --formats to weigh"),
            ("--plan", self.sampling.is_some(), "plan when all shards are together"),
            ("--row-measures on", self.row_measures == Some(true), "use auto or off"),
            (
                "checks",
                !self.checks.is_empty(),
                "a part of the shards says little; compare the whole with diff",
            ),
        ];
        match refused.into_iter().find(|(_, is_asked, _)| *is_asked) {
            Some((what, _, hint)) => {
                Err(Error::usage(format!("{what} and --shard-count exclude each other")).hint(hint))
            }
            None => Ok(()),
        }
    }

    fn check(&self) -> Result<()> {
        let only_long = [
            ("--id", self.id.is_some()),
            ("--value", self.value.is_some()),
            ("--num-rows", self.num_rows.is_some()),
        ];
        if let (Some(layout), Some((flag, _))) = (self.layout, only_long.iter().find(|(_, given)| *given))
            && layout != LayoutKind::Long
        {
            return Err(Error::usage(format!("{flag} belongs to layout long, but --layout is {layout}"))
                .hint(format!("drop {flag}, or use --layout long")));
        }
        if self.layout.is_some_and(|layout| layout != LayoutKind::Delimited) && self.delimiter.is_some() {
            return Err(Error::usage("--delimiter belongs to layout delimited").hint("drop one of the two"));
        }
        if self.num_labels == Some(0) {
            return Err(Error::usage("--num-labels is 0").hint("give the number of labels, C"));
        }
        self.notices.openlineage.as_deref().map_or(Ok(()), check_place)?;
        if self.layout.is_some_and(|layout| layout != LayoutKind::Long) && self.ids_disjoint {
            return Err(Error::usage("--ids-disjoint belongs to layout long").hint("drop one of the two"));
        }
        if self.state.is_some() && self.sources.iter().any(|source| source == STDIO) {
            return Err(Error::usage("--state has no use for a stream on stdin, which is new every time")
                .hint("drop one of the two"));
        }
        let places = [self.out.folder(), self.state.as_deref()].into_iter().flatten().filter_map(of_path);
        for address in self.sources.iter().map(String::as_str).filter(|text| is_address(text)).chain(places) {
            Address::parse(address)?;
        }
        if self.part.is_some() {
            self.check_part()?;
        }
        cluster::check(self)?;
        if let Destination::Stdout(_) = self.out {
            if !self.by.is_empty() {
                return Err(Error::usage("--out - takes one result, but --by makes several")
                    .hint("name a folder with --out DIR"));
            }
            if self.skip_exit_code.is_some() {
                return Err(Error::usage("--skip-exit-code needs a result to compare with, but --out is -")
                    .hint("name a folder with --out DIR"));
            }
        }
        if let Some(sampling) = &self.sampling {
            sampling.check(self)?;
        }
        if self.num_rows.is_some() && !self.by.is_empty() {
            return Err(Error::usage("--num-rows and --by exclude each other")
                .hint("the true number of rows is known for the whole set only"));
        }
        Ok(())
    }
}

/// `auto` is a file beside the output folder, which is replaced as a whole.
fn state(spec: &Spec) -> Result<Option<PathBuf>> {
    let is_auto = |state: &PathBuf| state.file_name().is_some_and(|name| name == "auto");
    match (&spec.state, &spec.out) {
        (Some(state), Some(out)) if is_auto(state) => match out.file_name() {
            Some(name) if name != STDIO => {
                let mut name = name.to_owned();
                name.push(".state");
                Ok(Some(out.with_file_name(name)))
            }
            _ => Err(Error::usage("--state auto is a file beside --out, which has no name")
                .hint("name a file with --state FILE")),
        },
        _ => Ok(spec.state.clone()),
    }
}

/// How many shards that cannot be read are left out; none when nobody says so.
fn max_bad_shards(spec: &Spec) -> Result<usize> {
    match (spec.on_bad_shard.as_deref(), spec.max_bad_shards) {
        (None | Some("fail"), None) => Ok(0),
        (Some("skip"), Some(most)) => Ok(usize::try_from(most).unwrap_or(usize::MAX)),
        (Some("skip"), None) => Err(Error::usage("--on-bad-shard skip needs --max-bad-shards N")
            .hint("say how many shards may be missing from a result")),
        (None | Some("fail"), Some(_)) => Err(Error::usage("--max-bad-shards needs --on-bad-shard skip")
            .hint("shards are left out only where both say so")),
        (Some(other), _) => {
            Err(Error::usage(format!("--on-bad-shard: \"{other}\" is not a choice")).hint("use fail or skip"))
        }
    }
}

fn row_measures(how: Option<&str>) -> Result<Option<bool>> {
    match how {
        None | Some("auto") => Ok(None),
        Some("on") => Ok(Some(true)),
        Some("off") => Ok(Some(false)),
        Some(other) => {
            Err(Error::usage(format!("--row-measures: \"{other}\" is not a choice"))
                .hint("use auto, on or off"))
        }
    }
}

fn checks(spec: &Spec) -> Result<Vec<Check>> {
    let check = |(name, limit): (&String, &Limit)| {
        let (limit, severity) = match *limit {
            Limit::Number(limit) => (limit, Severity::Error),
            Limit::With { limit, severity } => (limit, severity),
        };
        Check::named(name, limit, severity)
    };
    spec.checks.iter().map(check).collect()
}

fn domain(values: &Values, base: &Domain) -> Result<Domain> {
    let literals = |given: &Option<Scalars>, base: &Vec<Literal>| match given {
        None => base.clone(),
        Some(given) => given.texts().iter().map(|text| Literal::new(text)).collect(),
    };
    let threshold = values.threshold.or(base.threshold);
    if threshold.is_some_and(|t| !t.is_finite()) {
        return Err(Error::usage("--threshold is not a finite number").hint("give a number such as 0.5"));
    }
    let domain = Domain {
        positive: literals(&values.positive_values, &base.positive),
        negative: literals(&values.negative_values, &base.negative),
        missing: literals(&values.missing_values, &base.missing),
        uncertain: literals(&values.uncertain_values, &base.uncertain),
        uncertain_as: values.uncertain_as.as_deref().map_or(Ok(base.uncertain_as), str::parse)?,
        threshold,
        soft: values.soft.unwrap_or(base.soft),
    };
    domain.check()?;
    Ok(domain)
}

/// The weighing a spec asks for; also what `weigh` uses, which needs nothing else.
///
/// # Errors
/// [`Error::Usage`] naming the flag.
pub fn weighing(spec: &Spec) -> Result<Weighing> {
    let texts = spec.scheme.as_ref().map_or_else(|| vec!["ratio".to_owned()], OneOrMany::to_vec);
    let mut schemes = texts.iter().map(|text| text.parse()).collect::<Result<Vec<Scheme>>>()?;
    if let Some(value) = spec.epsilon {
        let ratios = schemes.iter_mut().filter_map(|scheme| match scheme {
            Scheme::Ratio { epsilon } => Some(epsilon),
            _ => None,
        });
        if !(value.is_finite() && value >= 0.0) || ratios.map(|epsilon| *epsilon = value).count() == 0 {
            return Err(Error::usage(format!("--epsilon {value} cannot be used"))
                .hint("it is the ε ≥ 0 of --scheme ratio: negatives / (positives + ε)"));
        }
    }
    let fallback = |flag: &str, given: &Option<super::spec::Scalar>| match given {
        None => Ok(crate::weights::Fallback::default()),
        Some(text) => text.to_string().parse().map_err(|error: Error| error.at(flag)),
    };
    let adjust = Adjust {
        power: spec.power.unwrap_or(1.0),
        normalize: spec.normalize.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
        clip: spec.clip,
    };
    adjust.check()?;
    let policy = Policy {
        zero_positives: fallback("--zero-positives", &spec.zero_positives)?,
        zero_negatives: fallback("--zero-negatives", &spec.zero_negatives)?,
        min_positives: spec.min_positives.unwrap_or(0),
    };
    Ok(Weighing { schemes, adjust, policy })
}

/// How a spec asks to read measures, and what to tell beside them.
///
/// # Errors
/// [`Error::Usage`] naming the flag.
pub fn telling(spec: &Spec) -> Result<Telling> {
    if spec.batch_size == Some(0) {
        return Err(Error::usage("--batch-size is 0").hint("give the rows of a training batch, such as 256"));
    }
    Ok(Telling {
        compat: spec.compat.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
        batch_size: spec.batch_size.unwrap_or(BATCH_SIZE),
        features: spec.num_features,
    })
}

/// Memory, threads and spilling that a spec asks for.
///
/// # Errors
/// [`Error::Usage`] naming the flag.
pub fn limits(spec: &Spec, machine: Machine) -> Result<Limits> {
    let memory = spec.memory_limit.as_deref().map(|text| bytes("--memory-limit", text)).transpose()?;
    let spill = spec.spill_limit.as_deref().map(|text| bytes("--spill-limit", text)).transpose()?;
    if spec.threads == Some(0) {
        return Err(Error::usage("--threads is 0").hint("give at least 1"));
    }
    Ok(Limits {
        memory: memory.unwrap_or(machine.memory / 100 * MEMORY_SHARE_PERCENT),
        threads: spec.threads.unwrap_or(machine.threads),
        spill_dir: spec.spill_dir.clone(),
        spill_limit: spill.unwrap_or(SPILL_LIMIT),
        cluster: spec.cluster.as_deref().map(str::parse).transpose()?,
    })
}

/// Bytes of a size such as `512m`, `4g`, `100000`.
///
/// # Errors
/// [`Error::Usage`] naming `flag`.
pub fn bytes(flag: &str, text: &str) -> Result<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.strip_suffix("ib").or(lower.strip_suffix('b')).unwrap_or(&lower);
    let (digits, shift) = match lower.char_indices().last() {
        Some((at, 'k')) => (&lower[..at], 10),
        Some((at, 'm')) => (&lower[..at], 20),
        Some((at, 'g')) => (&lower[..at], 30),
        Some((at, 't')) => (&lower[..at], 40),
        _ => (lower, 0),
    };
    let number = digits.trim().parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift));
    number.filter(|n| *n > 0).ok_or_else(|| {
        Error::usage(format!("{flag}: \"{text}\" is not a size"))
            .hint("give a whole number with k, m, g or t, such as 512m")
    })
}

/// Kinds of files to write; all when none is given.
///
/// # Errors
/// [`Error::Usage`] for a kind that does not exist.
pub fn formats(given: &[String]) -> Result<Vec<String>> {
    let given: Vec<String> = given.iter().flat_map(|text| text.split(',')).map(str::to_owned).collect();
    if let Some(unknown) = given.iter().find(|format| !FORMATS.contains(&format.as_str())) {
        return Err(Error::usage(format!("--formats: there is no format \"{unknown}\""))
            .hint(format!("formats are {}", FORMATS.join(", "))));
    }
    if given.is_empty() { Ok(FORMATS.map(str::to_owned).to_vec()) } else { Ok(given) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let sizes =
            ["512m", "4G", "1t", "100", "64KiB", "2gb"].map(|text| bytes("--memory-limit", text).unwrap());
        assert_eq!(sizes, [512 << 20, 4 << 30, 1 << 40, 100, 64 << 10, 2 << 30]);
        for wrong in ["", "m", "-1g", "0", "1.5g", "99999999t"] {
            assert!(bytes("--memory-limit", wrong).is_err(), "{wrong}");
        }
    }
}
