//! From a plan and the shards' schema to what the engine counts.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::IsTerminal as _;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};

use super::plan::Plan;
use super::spec::STDIO;
use crate::counts::Labels;
use crate::engine::counting::{Counting, Keys, Vocabulary};
use crate::engine::states::States;
use crate::engine::{Dataset, shared};
use crate::error::{Error, Result};
use crate::source::detect::{Detected, Given, detect, list_length};
use crate::source::layout::{Layout, LayoutKind, is_number, is_text, item, no_column, select};
use crate::source::listing::Listed;
use crate::source::schema::{Agreement, agree};
use crate::source::shards::{Known, Shard, Unreadable, fingerprint, open_readable};
use crate::source::stdin::{Spooled, spool};
use crate::source::vocabulary::{self, nearest};
use crate::source::{listing, values::Domain};

/// Shards, their layout, and what is to be counted.
#[derive(Debug)]
pub struct Opened {
    /// Shards and schema.
    pub dataset: Dataset,
    /// The layout and why.
    pub detected: Detected,
    /// What is to be counted.
    pub counting: Counting,
    /// Label columns that some shards lack, as `--missing-columns missing` allows.
    pub absent: Vec<String>,
    /// The number of labels comes from the largest index.
    pub labels_inferred: bool,
    /// Files that cannot be read as shards and are left out.
    pub unreadable: Vec<Unreadable>,
    /// Fingerprint of the shards of all jobs, where several share them.
    pub whole: Option<String>,
    /// The shard made of stdin, for as long as it is needed.
    _spooled: Option<Spooled>,
}

/// Lists and opens the shards of a plan and settles every question about them.
///
/// # Errors
/// [`Error::Input`] for shards, columns and vocabularies that are not as said, [`Error::Usage`] for
/// flags that do not fit them.
pub fn open_plan(plan: &Plan) -> Result<Opened> {
    let (listed, spooled) = list(plan)?;
    let mine = mine(plan, &listed);
    let (mut shards, unreadable) = open_readable(listed, plan.limits.threads, &kept(plan));
    // A shard that could not be reached, or was replaced meanwhile, is no bad shard.
    let is_bad = |one: &Unreadable| matches!(one.error, Error::Input(_));
    if unreadable.len() > plan.max_bad_shards || shards.is_empty() || !unreadable.iter().all(is_bad) {
        let errors = unreadable.into_iter().map(|one| one.error).collect();
        return Err(
            Error::together(errors, "shards").unwrap_or_else(|| Error::internal("no shard was listed"))
        );
    }
    let loose = agree(&shards, &|_| false)?;
    let vocabulary = plan.vocabulary.as_deref().map(vocabulary::read).transpose()?;
    let named = named_labels(plan, &loose, vocabulary.as_ref())?;
    let given = Given {
        kind: plan.layout,
        labels: named,
        id: plan.id.as_deref(),
        value: plan.value.as_deref(),
        delimiter: plan.delimiter.as_deref(),
        taken: plan.by.iter().chain(&plan.sample_weight).map(String::as_str).collect(),
    };
    let detected = detect(&shards, &loose.schema, &given)?;
    let layout = &detected.layout;
    if layout.kind == LayoutKind::Long {
        // Whether shards share rows stands in their row groups.
        shards = shards.iter().map(Shard::whole).collect::<Result<_>>()?;
    }
    let needed: BTreeSet<&str> = layout
        .columns()
        .chain(plan.by.iter().map(String::as_str))
        .chain(plan.sample_weight.as_deref())
        .collect();
    let agreement = agree(&shards, &|name| needed.contains(name))?;
    layout.check(&agreement.schema)?;
    let absent = absent_columns(plan, layout, &agreement)?;
    let dataset = Dataset::new(shards, agreement.schema);
    check_aside(plan, layout, &dataset.schema, &dataset.hive)?;
    let keys = keys(plan, layout, &dataset.schema, &dataset.shards, vocabulary)?;
    let overrides = overrides(plan, layout, &keys)?;
    let labels_inferred = matches!(keys, Keys::Indices(None));
    let counting = Counting {
        layout: layout.clone(),
        keys,
        domain: plan.domain.clone(),
        overrides,
        by: plan.by.clone(),
        sample_weight: plan.sample_weight.clone(),
        filter: plan.filter.clone(),
        // Of the whole, which is known when all jobs are done.
        num_rows: plan.num_rows.filter(|_| plan.part.is_none()),
        part: plan.part.is_some(),
        ids_disjoint: plan.ids_disjoint,
        labels_max: plan.limits.labels_max(),
        engine: plan.engine,
        trust_statistics: plan.trust_statistics,
    };
    let mut opened = Opened {
        dataset,
        detected,
        counting,
        absent,
        labels_inferred,
        unreadable,
        whole: None,
        _spooled: spooled,
    };
    if let Some(mine) = mine {
        opened.take_part(plan, &mine)?;
    }
    Ok(opened)
}

/// The names of the shards that this job counts, where several share them: every so manieth.
fn mine(plan: &Plan, listed: &[Listed]) -> Option<HashSet<String>> {
    let (index, count) = plan.part?;
    let mine = (0_u64..).zip(listed).filter(|(place, _)| place % count == index);
    Some(mine.map(|(_, listed)| listed.name.clone()).collect())
}

impl Opened {
    /// Leaves the shards of other jobs to them. All have looked at all footers, and so agree on layout, types
    /// and labels.
    fn take_part(&mut self, plan: &Plan, mine: &HashSet<String>) -> Result<()> {
        if let Some(shard) = shared(&self.dataset.shards, &self.counting) {
            return Err(Error::usage(format!(
                "--shard-count: row ids of {} may lie in shards of other jobs too, which would count them twice",
                shard.name
            ))
            .hint("say --ids-disjoint if no id lies in two shards, sort the shards by id, or count in one job"));
        }
        let meaning = serde_json::to_value(plan.spec.meaning());
        let meaning = meaning.map_err(|cause| Error::internal(cause.to_string()))?;
        self.whole = Some(fingerprint(&self.dataset.shards, &meaning.to_string()));
        self.dataset.shards.retain(|shard| mine.contains(&shard.name));
        self.unreadable.retain(|one| mine.contains(&one.name));
        Ok(())
    }
}

/// Shards that may not have to be read, because their counts are kept.
fn kept(plan: &Plan) -> Known {
    let state = plan.state.as_deref().filter(|_| !plan.full && plan.row_measures != Some(true));
    Known::new(state.map(States::identities).unwrap_or_default())
}

/// The files to read; a stream on stdin becomes one.
fn list(plan: &Plan) -> Result<(Vec<Listed>, Option<Spooled>)> {
    let (stdin, files): (Vec<String>, Vec<String>) =
        plan.sources.iter().cloned().partition(|source| source == STDIO);
    let mut listed = listing::list(&files)?;
    if stdin.is_empty() {
        return Ok((listed, None));
    }
    let stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        return Err(Error::usage("-: stdin is a terminal").hint("pipe an Arrow IPC stream into posweight"));
    }
    let temporary = std::env::temp_dir();
    let parent = plan.limits.spill_dir.as_deref().unwrap_or(&temporary);
    let spooled = spool(stdin, |schema| streamed(plan, schema), parent, plan.limits.spill_limit)?;
    listed.push(spooled.listed());
    Ok((listed, Some(spooled)))
}

/// The columns of a stream that are kept: those the plan names, where it names all that it needs.
fn streamed(plan: &Plan, schema: &Schema) -> Result<Vec<usize>> {
    if plan.labels.is_empty() || plan.filter.is_some() {
        return Ok((0..schema.fields().len()).collect());
    }
    let labels = select(&plan.labels, schema)?;
    let beside = plan.id.iter().chain(&plan.value).chain(&plan.sample_weight).chain(&plan.by);
    let named: BTreeSet<&String> = labels.iter().chain(beside).collect();
    let fields = schema.fields().iter().enumerate();
    Ok(fields.filter(|(_, field)| named.contains(field.name())).map(|(i, _)| i).collect())
}

/// The columns `--labels` names; of layout wide, the vocabulary's when it names none.
fn named_labels(plan: &Plan, agreement: &Agreement, vocabulary: Option<&Labels>) -> Result<Vec<String>> {
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

fn absent_columns(plan: &Plan, layout: &Layout, agreement: &Agreement) -> Result<Vec<String>> {
    let lacking =
        || layout.columns().chain(plan.by.iter().map(String::as_str)).chain(plan.sample_weight.as_deref());
    let absent: Vec<&str> = lacking().filter(|name| agreement.absent.contains_key(*name)).collect();
    if absent.is_empty() {
        return Ok(Vec::new());
    }
    let only_labels = absent.iter().all(|name| layout.labels.iter().any(|label| label == name));
    if plan.missing_columns && only_labels {
        return Ok(absent.into_iter().map(str::to_owned).collect());
    }
    let errors = absent
        .iter()
        .map(|name| Error::input(format!("{}: there is no column {name:?}", agreement.absent[*name])));
    match Error::together(errors.collect(), "columns") {
        Some(error) => Err(error
            .hint("other shards have it; if it means \"not labelled there\", say --missing-columns missing")),
        None => Ok(Vec::new()),
    }
}

/// `--by` and `--sample-weight` must name columns of use.
fn check_aside(plan: &Plan, layout: &Layout, schema: &Schema, hive: &[String]) -> Result<()> {
    for name in &plan.by {
        let simple = |t: &DataType| !t.is_nested();
        match schema.field_with_name(name) {
            Ok(field) if simple(field.data_type()) => {}
            Ok(field) => {
                return Err(Error::usage(format!(
                    "--by {name}: column is {}, which has no simple values",
                    field.data_type()
                ))
                .hint("name a column such as a split"));
            }
            Err(_) if hive.contains(name) => {}
            Err(_) => return Err(no_column(name, schema).at("--by")),
        }
    }
    let Some(name) = &plan.sample_weight else { return Ok(()) };
    if layout.kind == LayoutKind::Long {
        return Err(Error::usage(
            "--sample-weight does not apply to layout long, whose rows are spread over many lines",
        )
        .hint("drop it, or store one row per example"));
    }
    match schema.field_with_name(name) {
        Ok(field) if is_number(field.data_type()) => Ok(()),
        Ok(field) => Err(Error::input(format!("--sample-weight {name}: column is {}", field.data_type()))
            .hint("weights must be numbers")),
        Err(_) => Err(no_column(name, schema).at("--sample-weight")),
    }
}

/// How stored labels get their positions.
fn keys(
    plan: &Plan,
    layout: &Layout,
    schema: &Schema,
    shards: &[Shard],
    vocabulary: Option<Labels>,
) -> Result<Keys> {
    let known = vocabulary
        .or_else(|| shards.first().and_then(|shard| vocabulary::from_metadata(shard, layout.column())));
    if let (Some(labels), Some(n)) = (&known, plan.num_labels)
        && labels.len() as u64 != n
    {
        return Err(Error::usage(format!(
            "--num-labels is {n}, but the vocabulary names {} labels",
            labels.len()
        ))
        .hint("give one of the two"));
    }
    match layout.kind {
        LayoutKind::Wide => wide_keys(plan, layout, known),
        LayoutKind::Vector => {
            let n = known.as_ref().map(|labels| labels.len() as u64).or(plan.num_labels);
            let n = match n {
                Some(n) => n,
                None => vector_width(layout, schema, shards)?,
            };
            let n = usize::try_from(n).map_err(|_| Error::usage("--num-labels is too large"))?;
            Ok(Keys::Positions(known.unwrap_or_else(|| Labels::indices(n))))
        }
        _ => {
            let data_type = schema.field_with_name(layout.column()).map(|field| field.data_type().clone());
            let data_type = data_type.unwrap_or(DataType::Null);
            let element = item(&data_type).unwrap_or(&data_type);
            let indices = plan.label_kind == crate::source::layout::LabelKind::Index;
            Ok(match (known, plan.num_labels) {
                (Some(labels), _) => Keys::Vocabulary(Arc::new(Vocabulary::new(labels, plan.label_kind))),
                (None, Some(n)) => Keys::Indices(Some(n)),
                (None, None) if indices && !is_text(element) => Keys::Indices(None),
                (None, None) => Keys::Names,
            })
        }
    }
}

/// A vocabulary for columns must name exactly them, in the order they were selected by it.
fn wide_keys(plan: &Plan, layout: &Layout, vocabulary: Option<Labels>) -> Result<Keys> {
    let n = layout.labels.len() as u64;
    if let Some(wanted) = plan.num_labels.filter(|wanted| *wanted != n) {
        return Err(Error::usage(format!("--num-labels is {wanted}, but there are {n} label columns"))
            .hint("drop --num-labels, or name the columns with --labels"));
    }
    let columns: Labels = layout.labels.iter().collect();
    let Some(vocabulary) = vocabulary else { return Ok(Keys::Positions(columns)) };
    let known = vocabulary.positions();
    if let Some(unknown) = columns.iter().find(|name| !known.contains_key(name)) {
        let meant = nearest(unknown, vocabulary.iter())
            .map(|near| format!("did you mean {near:?}? "))
            .unwrap_or_default();
        return Err(Error::input(format!("column {unknown:?} is not in the vocabulary"))
            .hint(format!("{meant}leave it out with --labels '!{unknown}', or add it")));
    }
    if let Some(lost) = vocabulary.iter().find(|name| !layout.labels.iter().any(|label| label == name)) {
        return Err(Error::input(format!("label {lost:?} of the vocabulary has no column"))
            .hint("correct the vocabulary, or the columns named with --labels"));
    }
    if vocabulary != columns {
        return Err(Error::usage("the columns of --labels are in another order than the vocabulary").hint(
            "drop --labels and say --layout wide: the vocabulary then names the columns, in its order",
        ));
    }
    Ok(Keys::Positions(columns))
}

fn vector_width(layout: &Layout, schema: &Schema, shards: &[Shard]) -> Result<u64> {
    if let Ok(field) = schema.field_with_name(layout.column())
        && let DataType::FixedSizeList(_, width) = field.data_type()
    {
        return u64::try_from(*width).map_err(|_| Error::input("a list of negative size"));
    }
    list_length(shards, layout.column())?.ok_or_else(|| {
        Error::usage(format!("column {:?} has no list in its first rows, so C is unknown", layout.column()))
            .hint("give the number of labels with --num-labels, or their names with --vocabulary")
    })
}

fn overrides(plan: &Plan, layout: &Layout, keys: &Keys) -> Result<HashMap<usize, Domain>> {
    let Keys::Positions(labels) = keys else {
        return match plan.label_domains.keys().next() {
            None => Ok(HashMap::new()),
            Some(label) => {
                Err(Error::usage(format!("[label.{label}] does not apply to layout {}", layout.kind))
                    .hint("only the values of wide and vector can differ in meaning by label"))
            }
        };
    };
    let positions = labels.positions();
    let find = |(label, domain): (&String, &Domain)| {
        let position = positions.get(label.as_str()).copied().ok_or_else(|| {
            let error = Error::usage(format!("[label.{label}]: there is no label {label:?}"));
            match nearest(label, labels.iter()) {
                Some(near) => error.hint(format!("did you mean {near:?}?")),
                None => error.hint("name a label column"),
            }
        })?;
        Ok((position, domain.clone()))
    };
    plan.label_domains.iter().map(find).collect()
}
