//! From a plan and the shards' schema to what the engine counts.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use arrow::datatypes::Schema;
use serde_json::Value as Json;

use super::absent_columns::{absent_columns, check_absent};
use super::count_plan::CountPlan;
use super::folder_columns::FolderColumns;
use super::hierarchy::ancestors;
use super::label_keys::{check_row_columns, keys, overrides};
use super::label_rules::{check_unit, check_values, order_of_columns, sort_columns};
use super::map_columns::{map_named, of_map, refuse_apart, refuse_in_map, with_map};
use super::one_pass::{self, OnePass};
use super::plan::Plan;
use super::sources::{Sources, saved_rows, sources};
use crate::counts::{CountUnit, LabelCounts, Labels};
use crate::engine::counting::{Counting, Keys};
use crate::engine::states::States;
use crate::engine::{Dataset, shared};
use crate::error::{Error, Result};
use crate::source::bad_shards::too_many;
use crate::source::detect::{Detected, detect};
use crate::source::folder_values::check_folders;
use crate::source::footer::Known;
use crate::source::layout::{LabelKind, Layout, LayoutKind, select};
use crate::source::listing::{Listed, Listing, Notes};
use crate::source::look::Given;
use crate::source::row_stream::SharedRows;
use crate::source::schema::{Agreement, Need, agree};
use crate::source::shards::{Shard, Unreadable, fingerprint, open_readable};
use crate::source::spool::Spooled;
use crate::source::tables::table::Table;
use crate::source::{layout, vocabulary};

/// Shards, their layout, and what is to be counted.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Shards and schema.
    pub dataset: Dataset,
    /// The layout and why.
    pub detected: Detected,
    /// What is to be counted.
    pub counting: Counting,
    /// The same for each of several class columns; empty where there is one.
    pub heads: Vec<Counting>,
    /// Label columns that some shards lack, as `--missing-columns missing` allows.
    pub absent: Vec<String>,
    /// The number of labels comes from the largest index.
    pub labels_inferred: bool,
    /// Two shards with their label columns in different orders, where the order is that of the first.
    pub column_order: Option<String>,
    /// Files that cannot be read as shards and are left out.
    pub unreadable: Vec<Unreadable>,
    /// The tables whose live files are counted.
    pub tables: Vec<Arc<dyn Table>>,
    /// What a person should know about the files.
    pub notes: Notes,
    /// Seconds that the list of the shards and their footers took.
    pub seconds: OpeningSeconds,
    /// Fingerprint of the shards of all jobs, where several share them.
    pub whole: Option<String>,
    /// The shards of other jobs.
    pub others: Vec<Shard>,
    /// The shards made for this run, for as long as they are needed.
    spooled: Vec<Spooled>,
}

/// What opening took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OpeningSeconds {
    /// Listing folders and tables; of a stream, its first rows.
    pub list: f64,
    /// Reading and decoding footers.
    pub footers: f64,
}

/// How a run opens shards differently from a query.
struct RunOpening<'a> {
    /// Shards that need not be read, because their counts are saved.
    known: Known,
    max_bad_shards: usize,
    /// Which streams need not be kept.
    one_pass: OnePass,
    /// The job, if several share the shards.
    job: Option<SharingJob<'a>>,
}

impl<'a> RunOpening<'a> {
    fn of(plan: &'a Plan, one_pass: OnePass) -> Result<Self> {
        Ok(Self {
            known: saved(plan).within(plan.count.limits.shard_bytes()?, plan.count.limits.memory),
            max_bad_shards: plan.max_bad_shards,
            one_pass,
            job: plan.part.map(|(index, count)| SharingJob { plan, index, count }),
        })
    }
}

/// One of several jobs that share the shards.
struct SharingJob<'a> {
    plan: &'a Plan,
    index: u64,
    count: u64,
}

/// Lists and opens the shards of a run and settles every question about them.
///
/// # Errors
/// [`Error::Input`] for shards, columns and vocabularies that do not fit the flags,
/// [`Error::Usage`] for flags that do not fit them.
pub(crate) fn open_plan(plan: &Plan) -> Result<Opened> {
    open_run(plan, OnePass::of(plan))
}

/// The same with all rows of a stream.
///
/// # Errors
/// As [`open_plan`].
pub(crate) fn open_whole(plan: &Plan) -> Result<Opened> {
    open_run(plan, OnePass::default())
}

/// The same for rows of a table, which are saved.
pub(super) fn open_saved(plan: &Plan, rows: &SharedRows) -> Result<Opened> {
    let sources = saved_rows(&plan.count, rows.reopen()?)?;
    open_listed(&plan.count, &RunOpening::of(plan, OnePass::default())?, sources)
}

fn open_run(plan: &Plan, one_pass: OnePass) -> Result<Opened> {
    let opened = open(&plan.count, &RunOpening::of(plan, one_pass)?)?;
    if plan.state.is_some() && !opened.spooled.is_empty() {
        return Err(Error::usage("--state: counts of Arrow IPC files and of text files are not saved")
            .hint("drop --state, or write the shards as Parquet"));
    }
    if plan.count.limits.cluster.is_some() && !opened.spooled.is_empty() {
        return Err(Error::usage("--cluster: executors do not read Arrow IPC files and text files")
            .hint("drop --cluster, or write the shards as Parquet"));
    }
    Ok(opened)
}

/// The same for a count alone.
pub(super) fn open_count(plan: &CountPlan) -> Result<Opened> {
    let known = Known::default().within(plan.limits.shard_bytes()?, plan.limits.memory);
    open(plan, &RunOpening { known, max_bad_shards: 0, one_pass: OnePass::default(), job: None })
}

/// The same for rows that are copied with columns more; `may_come` where those of a stream are needed only once.
pub(super) fn open_to_copy(plan: &CountPlan, may_come: bool) -> Result<(Opened, Option<SharedRows>)> {
    let known = Known::default().within(plan.limits.shard_bytes()?, plan.limits.memory);
    let one_pass = OnePass { stdin: may_come, ..OnePass::default() };
    let run = RunOpening { known, max_bad_shards: 0, one_pass, job: None };
    let mut opened = open(plan, &run)?;
    let coming = opened.dataset.coming.take();
    Ok((opened, coming))
}

fn open(plan: &CountPlan, run: &RunOpening<'_>) -> Result<Opened> {
    let start = Instant::now();
    let mut sources = sources(plan, run.one_pass, run.max_bad_shards)?;
    let list = start.elapsed().as_secs_f64();
    let Some(coming) = sources.coming.take() else {
        let mut opened = open_listed(plan, run, sources)?;
        opened.seconds.list = list;
        return Ok(opened);
    };
    if let Ok(mut opened) = open_listed(plan, run, sources)
        && one_pass::suits_rows(plan, &opened.dataset, &opened.counting, &coming)
    {
        opened.dataset.coming = Some(SharedRows::new(coming));
        return Ok(opened);
    }
    // What the first rows leave open is settled by all.
    open_listed(plan, run, saved_rows(plan, coming)?)
}

fn open_listed(plan: &CountPlan, run: &RunOpening<'_>, sources: Sources) -> Result<Opened> {
    let Sources { listing, spooled, mut unreadable, .. } = sources;
    let Listing { shards: listed, tables, notes } = listing;
    let own_shards = run.job.as_ref().map(|job| job.shards(&listed));
    let start = Instant::now();
    let (shards, bad) = open_shards(plan, listed, run)?;
    unreadable.extend(bad);
    let seconds = OpeningSeconds { list: 0.0, footers: start.elapsed().as_secs_f64() };
    let map = map_named(plan, &shards);
    let renamed;
    let plan = match &map {
        Some(name) => {
            renamed = of_map(plan, name);
            &renamed
        }
        None => plan,
    };
    let shards = with_nested(plan, shards)?;
    refuse_in_map(plan, &shards)?;
    check_folders(&shards)?;
    let mut loose = agree(&shards, &|_| Need::Nothing)?;
    let folders = FolderColumns::of(plan, &shards, &loose.schema);
    folders.check_weight(plan, &shards)?;
    loose.schema = folders.after(&loose.schema);
    let vocabulary = match &plan.known_labels {
        Some(known) => Some(known.clone()),
        None => {
            plan.vocabulary.as_deref().map(|given| vocabulary::read(given, plan.num_labels)).transpose()?
        }
    };
    let mut detected = detected(plan, &shards, &loose, vocabulary.as_ref(), map.as_deref(), &folders)?;
    let shards = with_map(&mut detected.layout, shards);
    refuse_apart(&detected.layout, &shards)?;
    sort_columns(plan, &mut detected.layout)?;
    let layout = &detected.layout;
    refuse_value(plan, layout)?;
    let shards = match layout.kind {
        // Whether shards share rows is read from their row groups.
        LayoutKind::Long => {
            let whole = |shard: Shard| if shard.is_outline { shard.whole() } else { Ok(shard) };
            shards.into_iter().map(whole).collect::<Result<_>>()?
        }
        _ => shards,
    };
    let agreement = agreed(plan, layout, &shards)?;
    let readable = folders.after(&agreement.schema);
    layout.check(&readable)?;
    check_values(plan, layout)?;
    check_unit(plan, layout, &agreement.schema)?;
    let absent = absent_columns(plan, layout, &agreement, &shards)?;
    check_absent(plan, &absent)?;
    let column_order = order_of_columns(plan, layout, &shards);
    let dataset = Dataset::new(shards, agreement.schema);
    check_row_columns(plan, &dataset.schema, &dataset.hive, &dataset.shards)?;
    check_heads(plan, layout)?;
    let is_part = run.job.is_some();
    let keys_of = |layout: &Layout, vocabulary| {
        let keys = keys(plan, layout, &readable, &dataset.shards, vocabulary, is_part)?;
        Ok::<_, Error>(folders.order(plan, layout, &dataset.shards, keys))
    };
    let keys = keys_of(layout, vocabulary)?;
    let labels_inferred = matches!(keys, Keys::Indices(None)) && !layout.has_heads();
    let counting = Counting {
        layout: layout.clone(),
        unit: plan.unit,
        overrides: overrides(plan, layout, &keys)?,
        ancestors: ancestors(plan, layout, &keys)?,
        heads: Vec::new(),
        keys,
        domain: plan.domain.clone(),
        by: plan.by.clone(),
        sample_weight: plan.sample_weight.clone(),
        filter: plan.filter.clone(),
        // The number of all rows applies to the merged counts of all jobs.
        num_rows: plan.num_rows.filter(|_| run.job.is_none()),
        part: run.job.is_some(),
        ids_disjoint: plan.ids_disjoint,
        labels_max: plan.limits.labels_max(),
        engine: plan.engine,
        trust_statistics: plan.trust_statistics,
    };
    let mut heads = Vec::new();
    // A layout without heads would be copied for each of its labels.
    for layout in layout.has_heads().then(|| layout.heads()).into_iter().flatten() {
        let keys =
            keys_of(&layout, None).map_err(|error| error.at(format!("column {:?}", layout.column())))?;
        heads.push(Counting { layout, keys, ..counting.clone() });
    }
    let mut opened = Opened {
        dataset,
        detected,
        counting,
        heads,
        absent,
        labels_inferred,
        column_order,
        unreadable,
        tables,
        notes,
        seconds,
        whole: None,
        others: Vec::new(),
        spooled,
    };
    if let (Some(job), Some(own)) = (&run.job, own_shards) {
        opened.keep_shards_of(job, &own)?;
    }
    Ok(opened)
}

/// Opens what was listed, except unreadable shards that may be skipped.
fn open_shards(
    plan: &CountPlan,
    listed: Vec<Listed>,
    run: &RunOpening<'_>,
) -> Result<(Vec<Shard>, Vec<Unreadable>)> {
    let (shards, unreadable) = open_readable(listed, plan.limits.threads, &run.known);
    // One error in place of one for each shard.
    run.known.check()?;
    // A shard that could not be reached, or was replaced meanwhile, is no bad shard.
    let is_bad = |one: &Unreadable| matches!(one.error, Error::Input(_));
    if unreadable.len() > run.max_bad_shards || shards.is_empty() || !unreadable.iter().all(is_bad) {
        let most = if unreadable.iter().all(is_bad) { run.max_bad_shards } else { 0 };
        return Err(too_many(unreadable, most));
    }
    Ok((shards, unreadable))
}

/// A value column that would be ignored.
fn refuse_value(plan: &CountPlan, layout: &Layout) -> Result<()> {
    match &plan.value {
        Some(value) if !matches!(layout.kind, LayoutKind::Long | LayoutKind::Map) => {
            Err(Error::usage(format!("--value {value}: layout {} has no value column", layout.kind))
                .hint("leave out --value, or use --layout long with --id; --layout map reads labels and values in lists"))
        }
        _ => Ok(()),
    }
}

/// What names the labels of one column cannot name those of several.
fn check_heads(plan: &CountPlan, layout: &Layout) -> Result<()> {
    if !layout.has_heads() {
        return Ok(());
    }
    let flag = match (&plan.vocabulary, plan.num_labels) {
        (Some(_), _) => "--vocabulary",
        (None, Some(_)) => "--num-labels",
        (None, None) => return Ok(()),
    };
    Err(Error::usage(format!(
        "{flag} describes the labels of one column, but --labels names {} columns of layout class",
        layout.labels.len()
    ))
    .hint(format!("drop {flag}, or count one column at a time with --labels {}", layout.column())))
}

/// The shards with the label columns inside their columns that the plan names.
///
/// # Errors
/// [`Error::Input`] naming a field that a table has, but none of its files.
fn with_nested(plan: &CountPlan, shards: Vec<Shard>) -> Result<Vec<Shard>> {
    let patterns: Vec<String> = plan.labels.iter().chain(&plan.id).chain(&plan.value).cloned().collect();
    if !patterns.iter().any(|pattern| pattern.contains('.')) {
        return Ok(shards);
    }
    let mut names: Vec<String> = Vec::new();
    let mut seen: Option<&Schema> = None;
    for shard in &shards {
        // Shards of one writer have one schema.
        if seen.is_none_or(|schema| *schema != *shard.schema) {
            for name in layout::nested(&patterns, &shard.schema) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        seen = Some(&shard.schema);
    }
    if let Some(table) = shards.iter().find_map(|shard| shard.table.as_ref()) {
        let declared = Schema::new(table.table.columns().all.clone());
        if let Some(new) = layout::nested(&patterns, &declared).iter().find(|name| !names.contains(name)) {
            let held = names.join(",");
            return Err(Error::input(format!("{}: no file has field {new:?} yet", table.table.version()))
                .hint(if held.is_empty() {
                    "leave it out".to_owned()
                } else {
                    format!("name the others: {held}")
                }));
        }
    }
    Ok(shards.into_iter().map(|shard| shard.with_nested(names.iter().map(String::as_str))).collect())
}

/// The layout: as given, or detected.
fn detected(
    plan: &CountPlan,
    shards: &[Shard],
    agreement: &Agreement,
    vocabulary: Option<&Labels>,
    map: Option<&str>,
    folders: &FolderColumns,
) -> Result<Detected> {
    let labels = named_labels(plan, agreement, vocabulary)?;
    let of_folders = folders.layout(&labels).filter(|_| plan.layout.is_none());
    let given = Given {
        kind: plan.layout.or(of_folders).filter(|_| map.is_none()),
        map,
        labels,
        id: plan.id.as_deref(),
        value: plan.value.as_deref(),
        delimiter: plan.delimiter.as_deref(),
        taken: plan.by.iter().chain(&plan.sample_weight).chain(&plan.folded_by).map(String::as_str).collect(),
        condition: plan.filter.as_deref(),
        are_keys_said: plan.label_kind == LabelKind::Name
            || plan.num_labels.is_some()
            || plan.vocabulary.is_some(),
        is_unit_said: plan.unit == CountUnit::Element,
        domain: &plan.domain,
        label_domains: &plan.label_domains,
    };
    let mut detected = detect(shards, &agreement.schema, &given)?;
    if of_folders.is_some() {
        detected.why = format!("{} is a key of folders", detected.layout.column());
    }
    Ok(detected)
}

/// The schema with the columns that are read: labels and values may differ in type between shards, others not.
fn agreed(plan: &CountPlan, layout: &Layout, shards: &[Shard]) -> Result<Agreement> {
    let labels: BTreeSet<&str> = layout.labels.iter().chain(&layout.value).map(String::as_str).collect();
    let exact = layout.id.iter().chain(&plan.by).chain(&plan.sample_weight).chain(&plan.folded_by);
    let exact: BTreeSet<&str> = exact.map(String::as_str).collect();
    agree(shards, &|name| match (exact.contains(name), labels.contains(name)) {
        (true, _) => Need::Exact,
        (false, true) => Need::Labels,
        (false, false) => Need::Nothing,
    })
}

impl SharingJob<'_> {
    /// The names of its shards: `index`, `index` + `count`, and so on.
    fn shards(&self, listed: &[Listed]) -> HashSet<String> {
        let own = (0_u64..).zip(listed).filter(|(place, _)| place % self.count == self.index);
        own.map(|(_, listed)| listed.name.clone()).collect()
    }
}

/// What decides the counts beside the shards: the spec, and what files hold that it only names.
pub(super) fn rules(spec: &Json, counting: &Counting) -> String {
    match ((!spec["vocabulary"].is_null()).then_some(&counting.keys), &counting.ancestors) {
        (None, None) => spec.to_string(),
        (vocabulary, ancestors) => format!("{spec}{vocabulary:?}{ancestors:?}"),
    }
}

impl Opened {
    /// What reads rows, once the count has found the labels.
    pub(super) fn rows_of(&self, counts: &LabelCounts) -> Result<Counting> {
        if self.heads.is_empty() {
            return Ok(self.counting.knowing(counts.labels()));
        }
        let labels =
            counts.heads().iter().map(|head| counts.labels_alone(head)).collect::<Result<Vec<_>>>()?;
        Ok(self.counting.knowing_heads(&self.heads, &labels))
    }

    /// Removes the shards of other jobs. All jobs have read all footers, and so agree on layout, types and labels.
    fn keep_shards_of(&mut self, job: &SharingJob<'_>, own: &HashSet<String>) -> Result<()> {
        if let Some(shard) = shared(&self.dataset.shards, &self.counting) {
            return Err(Error::usage(format!(
                "--shard-count: row ids of {} may also be in shards of other jobs, which would count them twice",
                shard.name
            ))
            .hint("use --ids-disjoint if no id is in two shards, sort the shards by id, or count in one job"));
        }
        let meaning = job.plan.spec.meaning_json()?;
        self.whole = Some(fingerprint(&self.dataset.shards, &rules(&meaning, &self.counting)));
        let shards = Arc::make_mut(&mut self.dataset.shards);
        let all = std::mem::take(shards).into_iter();
        (*shards, self.others) = all.partition(|shard| own.contains(&shard.name));
        self.unreadable.retain(|one| own.contains(&one.name));
        Ok(())
    }
}

/// Shards that need not be read, because their counts are saved.
fn saved(plan: &Plan) -> Known {
    let reads_rows =
        plan.row_measures == Some(true) || plan.count.groups.is_some() || plan.sampling.is_some();
    let reads_all = plan.full || reads_rows;
    let state = plan.state.as_deref().filter(|_| !reads_all);
    Known::new(state.map(States::identities).unwrap_or_default())
}

/// The columns `--labels` names; of layout wide, the vocabulary's when it names none.
fn named_labels(plan: &CountPlan, agreement: &Agreement, vocabulary: Option<&Labels>) -> Result<Vec<String>> {
    if !plan.labels.is_empty() {
        return select(&plan.labels, &agreement.schema);
    }
    match vocabulary {
        Some(vocabulary) if plan.layout == Some(LayoutKind::Wide) => {
            Ok(vocabulary.iter().map(str::to_owned).collect())
        }
        _ => Ok(Vec::new()),
    }
}
