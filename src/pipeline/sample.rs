//! The sampling plan of a run: made once rows are counted, written beside the weights.

use std::borrow::Cow;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;

use super::opening::Opened;
use super::plan::Plan;
use super::sample_copies::Copies;
use super::sampling::Sampling;
use crate::artifact::plan::{PlanRows, file_name, write_rows};
use crate::artifact::plan_json::{Fold, PlanFacts, PlanFile, PlannedShard, SplitDistances, write_json};
use crate::artifact::publish::{StagedFile, Staging};
use crate::counts::LabelCounts;
use crate::engine::rows::{Request, can_tell};
use crate::engine::sampling::{IdReader, IdRows, SamplingPlan, SamplingRequest, plan_rows};
use crate::engine::{Progress, Spilled};
use crate::error::{Error, Result, plural};
use crate::groups::label_distribution;
use crate::report;
use crate::report::numbers::{brief, counted};
use crate::report::plan::Split;
use crate::report::plans::ComparedPlan;
use crate::sampling::preview::counts_of;
use crate::sampling::row_weight::Sum;
use crate::sampling::stratify::examples_distribution;
use crate::sampling::{Decisions, Draw, Method, Preview, Shift};
use crate::source::layout::LayoutKind;
use crate::source::names::names;
use crate::source::shards::{Shard, rows_of};
use crate::source::vocabulary::nearest;

/// A plan of a run.
#[derive(Debug)]
pub(crate) struct Sampled {
    /// What was asked for.
    pub sampling: Sampling,
    /// Counts before and after.
    pub preview: Preview,
    pub(super) names: Vec<String>,
    shards: Vec<NumberedShard>,
    /// The rows of layout `long`, with the name of the column of their ids.
    ids: Option<(String, IdRows)>,
    pub(super) planned: SamplingPlan,
    pub(super) copies: Option<Copies>,
    /// All plans, where several are compared.
    compared: Vec<ComparedPlan>,
    folds: Vec<LabelCounts>,
    random_folds: Vec<LabelCounts>,
    /// Bytes that were read for it.
    pub(super) bytes_read: u64,
}

/// What a comparison says of a plan.
fn compared_plan(method: &Method, counts: &LabelCounts, planned: &SamplingPlan) -> Result<ComparedPlan> {
    let facts = &planned.facts;
    let scumble = facts.scumble.zip(facts.scumble_after).map(<[f64; 2]>::from);
    let deals = !method.folds().is_empty();
    Ok(ComparedPlan {
        name: method.to_string(),
        when: method.info().when,
        preview: Preview::new(counts, &planned.shift, scumble)?,
        touched: (!deals).then_some(facts.touched),
    })
}

/// A shard and the positions of its rows, with those that its table has deleted: whoever reads the file sees them.
#[derive(Debug)]
struct NumberedShard {
    path: String,
    first_position: u64,
    rows: u64,
}

fn numbered(opened: &Opened) -> Vec<NumberedShard> {
    let mut next = 0_u64;
    let shards = opened.dataset.shards.iter();
    shards
        .map(|shard| {
            let first_position = next;
            let rows = shard.file_rows();
            next = next.saturating_add(rows);
            NumberedShard { path: shard.name.clone(), first_position, rows }
        })
        .collect()
}

/// Refuses data without labels of single rows, what ids cannot name, columns that are not there, and copies that would
/// say two folds.
pub(super) fn check_opened(plan: &Plan, opened: &Opened) -> Result<()> {
    if let Some(sampling) = &plan.sampling {
        check_folds(opened, sampling)?;
    }
    can_tell(&opened.counting).map_err(|why| {
        Error::usage(format!("--plan: {why}, so rows cannot be planned")).hint(
            if opened.counting.has_mass() {
                "make soft labels 0 or 1 with --threshold 0.5, and drop --sample-weight"
            } else {
                "store one row per example, such as layout list"
            },
        )
    })?;
    let Some(sampling) = &plan.sampling else { return Ok(()) };
    if opened.counting.layout.has_heads() {
        check_heads(plan, sampling, opened)?;
    }
    if opened.counting.layout.kind == LayoutKind::Long { check_long(plan, sampling, opened) } else { Ok(()) }
}

/// What a plan of several class columns cannot do.
fn check_heads(plan: &Plan, sampling: &Sampling, opened: &Opened) -> Result<()> {
    if plan.count.limits.cluster.is_some() {
        return Err(Error::usage(
            "--plan: rows of several class columns are planned by one machine, not on a cluster",
        )
        .hint("drop --cluster"));
    }
    match sampling.method {
        Method::RepeatFactor { .. } | Method::StratifiedSplit { .. } => Ok(()),
        _ => Err(Error::usage(format!(
            "--plan {} compares labels, and those of several class columns are not rare or frequent against each \
             other",
            sampling.method.name()
        ))
        .hint(format!(
            "use repeat-factor or stratified-split, or plan one column at a time with --labels {}",
            opened.counting.layout.column()
        ))),
    }
}

/// What a plan of layout `long` cannot do.
fn check_long(plan: &Plan, sampling: &Sampling, opened: &Opened) -> Result<()> {
    let layout = &opened.counting.layout;
    let (id, label) = (layout.id.as_deref().unwrap_or_default(), layout.column());
    if plan.count.limits.cluster.is_some() {
        return Err(Error::usage("--plan: rows of layout long are planned by one machine, not on a cluster")
            .hint("drop --cluster"));
    }
    let what = match (sampling.materialize, &sampling.method) {
        _ if sampling.groups.is_some() => "--groups keeps rows of one group in one fold",
        (_, Method::Remedial { .. }) => "--plan remedial splits a row and edits its labels",
        (true, _) => "--materialize repeats rows",
        (false, _) => return Ok(()),
    };
    let tables: String =
        plan.count.sources.iter().map(|source| format!(" --table shards={source}")).collect();
    Err(Error::usage(format!("{what}; in layout long, lines of one id are one row however often they occur"))
        .hint(format!(
            "join the plan to the shards by id; or write one row per id and use --layout list: posweight sql{tables} \
             -c \"SELECT {id}, array_agg(DISTINCT {label}) AS labels FROM shards GROUP BY {id}\" --out rows.parquet"
        )))
}

/// What is wrong with the columns of folds.
fn check_folds(opened: &Opened, sampling: &Sampling) -> Result<()> {
    let shards = &opened.dataset.shards;
    let has = |shard: &Shard, name: &str| {
        shard.schema.fields().iter().any(|field| field.name() == name)
            || shard.hive.iter().any(|(key, _)| key == name)
    };
    if let Some(column) = &sampling.groups
        && let Some(shard) = shards.iter().find(|shard| !has(shard, column))
    {
        let names = shard.schema.fields().iter().map(|field| field.name().as_str());
        let names = names.chain(shard.hive.iter().map(|(key, _)| key.as_str()));
        let meant = nearest(column, names).map(|near| format!("did you mean {near}? "));
        return Err(Error::usage(format!("--groups: {} has no column {column:?}", shard.name))
            .hint(format!("{}posweight inspect lists the columns", meant.unwrap_or_default())));
    }
    let fold = &sampling.fold_column;
    let copies = sampling.materialize && !sampling.method.folds().is_empty();
    match shards.iter().find(|shard| copies && has(shard, fold)) {
        None => Ok(()),
        Some(shard) => {
            let free = ["fold", "new_fold", "split_fold", "posweight_fold"];
            let free = free.iter().find(|name| !shards.iter().any(|shard| has(shard, name)));
            Err(Error::usage(format!(
                "{} has a column {fold:?} already, and the folders of the copies would give it another value",
                shard.name
            ))
            .hint(format!("name the folders otherwise: --fold-column {}", free.unwrap_or(&"NAME"))))
        }
    }
}

/// Plans the rows that were counted.
pub(super) async fn sample(
    plan: &Plan,
    sampling: &Sampling,
    opened: &Opened,
    counts: &LabelCounts,
) -> Result<Sampled> {
    let progress = Arc::new(Progress::default());
    let counting = Arc::new(opened.rows_of(counts)?);
    let groups = [Vec::new()];
    let request = Request {
        dataset: &opened.dataset,
        counting: &counting,
        groups: &groups,
        limits: &plan.count.limits,
        progress: &progress,
    };
    let ids = id_rows(&request, counts).await?;
    let (request, names) = match &ids {
        Some((name, rows)) => {
            (Request { dataset: &rows.dataset, counting: &rows.counting, ..request }, vec![name.clone()])
        }
        None => (request, names(&opened.dataset.shards)),
    };
    let copies = sampling.materialize.then(|| Copies::new(plan, sampling, opened, counts)).transpose()?;
    let draw = Draw::new(sampling.seed, sampling.epoch);
    let groups = sampling.groups.as_deref();
    let compared = !sampling.others.is_empty();
    let asked = SamplingRequest { method: &sampling.method, draw, names: &names, counts, groups, compared };
    let planned = plan_rows(&request, &asked).await?;
    let folds =
        |parts: &[Shift]| parts.iter().map(|part| counts_of(part, counts)).collect::<Result<Vec<_>>>();
    let scumble = planned.facts.scumble.zip(planned.facts.scumble_after).map(<[f64; 2]>::from);
    let mut others = Vec::new();
    for method in &sampling.others {
        let asked = SamplingRequest { method, ..asked };
        let planned = plan_rows(&request, &asked).await?;
        others.push(compared_plan(method, counts, &planned)?);
    }
    if compared {
        others.insert(0, compared_plan(&sampling.method, counts, &planned)?);
    }
    Ok(Sampled {
        compared: others,
        sampling: sampling.clone(),
        preview: Preview::new(counts, &planned.shift, scumble)?,
        folds: folds(&planned.folds)?,
        random_folds: folds(&planned.random_folds)?,
        names,
        shards: numbered(opened),
        ids,
        planned,
        copies,
        bytes_read: progress.bytes(),
    })
}

/// The rows of layout `long` by their ids, with the name of the column of the ids; `None` for other layouts.
async fn id_rows(request: &Request<'_>, counts: &LabelCounts) -> Result<Option<(String, IdRows)>> {
    let layout = &request.counting.layout;
    let Some(id) = layout.id.as_ref().filter(|_| layout.kind == LayoutKind::Long) else { return Ok(None) };
    let rows = IdRows::new(request).await?;
    let found = rows_of(&rows.dataset.shards);
    match counts.rows() {
        all if all > found && request.counting.num_rows.is_some() => Err(Error::usage(format!(
            "--plan: only {found} of the {all} rows of --num-rows have an id in the shards, which names a row in a plan"
        ))
        .hint(format!(
            "drop --num-rows, and list each row without labels once, with its {id} and NULL as its label"
        ))),
        _ => Ok(Some((id.clone(), rows))),
    }
}

impl Sampled {
    /// The shards in the order of positions: name in the plan, path, position of the first row, rows.
    pub(crate) fn numbered_shards(&self) -> impl ExactSizeIterator<Item = (&str, &str, u64, u64)> {
        let shards = self.shards.iter().enumerate();
        shards.map(|(at, NumberedShard { path, first_position, rows })| {
            let name = self.names.get(at).map_or("", String::as_str);
            (name, path.as_str(), *first_position, *rows)
        })
    }

    /// The names of the folds.
    pub(crate) fn fold_names(&self) -> Vec<&str> {
        self.shares().iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The column whose values name rows, in layout `long`.
    pub(crate) fn id_column(&self) -> Option<&str> {
        self.ids.as_ref().map(|(name, _)| name.as_str())
    }

    /// What was decided on the rows of a shard, block by block.
    pub(crate) fn decided(&self, shard: usize) -> impl Iterator<Item = Result<Cow<'_, Decisions>>> {
        self.planned.decided.of_shard(shard)
    }

    /// What did not fit the memory.
    #[must_use]
    pub(crate) fn spilled(&self) -> Spilled {
        let sorted = self.ids.as_ref().map(|(_, rows)| rows.spilled).unwrap_or_default();
        Spilled {
            bytes: self.planned.spilled.bytes + sorted.bytes,
            files: self.planned.spilled.files + sorted.files,
        }
    }

    /// The names and shares of the folds.
    pub(super) fn shares(&self) -> &[(String, f64)] {
        match &self.sampling.method {
            Method::StratifiedSplit { folds, .. } => folds,
            _ => &[],
        }
    }

    /// The plan in a few lines, of shards that `source` describes.
    #[must_use]
    pub(crate) fn text(&self, source: &str) -> String {
        let Sampling { method, seed, epoch, .. } = &self.sampling;
        if !self.compared.is_empty() {
            return report::plans::compared(&self.compared, &format!("seed {seed}, epoch {epoch}"), source);
        }
        let folds = self.shares().iter().zip(&self.folds);
        let split = (!self.folds.is_empty()).then(|| Split {
            folds: folds.map(|((name, share), counts)| (name.as_str(), *share, counts)).collect(),
            distance: label_distribution(&self.folds, &self.preview.before),
            random_distance: label_distribution(&self.random_folds, &self.preview.before),
        });
        let name = format!("{method}, seed {seed}, epoch {epoch}");
        let mut text = report::plan::plan(&self.preview, split.as_ref(), &name, source);
        let facts = &self.planned.facts;
        if let (Some(asked), Some(done)) = (facts.asked, facts.done) {
            let sets =
                facts.labelsets.map(|sets| format!(", of {}", plural(sets, "label set"))).unwrap_or_default();
            let why = if done < asked { ": the plan has no more to do" } else { "" };
            text.push_str(&format!("{done} of {} asked for{sets}{why}\n", plural(asked, "row")));
        }
        if let (Some(groups), Some(column)) = (facts.groups, &self.sampling.groups) {
            text.push_str(&format!("{} of {column}, each in one fold\n", counted(groups, "group")));
        }
        if let Method::MlRos { .. } = method {
            let (line, minority, left) = self.preview.beyond();
            let labels = plural(minority as u64, "label");
            text.push_str(&format!("{left} of {labels} above MeanIR {} are still above it\n", brief(line)));
        }
        if matches!(method, Method::Remedial { .. }) && !self.sampling.materialize {
            text.push_str("this plan edits labels: train on the shards that --materialize writes\n");
        }
        text
    }

    /// Writes the files of a plan of shards that `source` describes.
    pub(crate) fn write(
        &self,
        staging: &mut Staging,
        source: &str,
        fingerprint: &str,
        spec: &Json,
        threads: usize,
    ) -> Result<()> {
        let Sampling { method, seed, epoch, .. } = &self.sampling;
        let shards = match &self.ids {
            None => self.write_places(staging, threads)?,
            Some((_, ids)) => {
                self.write_ids(staging, ids)?;
                Vec::new()
            }
        };
        let parts = self.shares().iter().zip(&self.folds);
        let folds: Vec<Fold<'_>> =
            parts.map(|((name, share), counts)| Fold { name, share: *share, counts }).collect();
        let file = PlanFile {
            method,
            seed: *seed,
            epoch: *epoch,
            facts: self.facts(),
            shards: &shards,
            id_column: self.ids.as_ref().map(|(name, _)| name.as_str()),
            preview: &self.preview,
            folds: &folds,
            split: self.split(),
            fingerprint,
            spec,
        };
        staging.file("plan.json", |out| write_json(out, &file))?;
        let text = format!("# Sampling plan\n\n```text\n{}```\n", self.text(source));
        staging.file("plan.md", |out| {
            out.write_all(text.as_bytes()).map_err(|cause| Error::output(cause.to_string()))
        })?;
        let Some(copies) = &self.copies else { return Ok(()) };
        let expected = self.preview.after.rows();
        let folds = (self.sampling.fold_column.as_str(), self.shares());
        copies.write(&self.planned, &self.names, folds, expected, staging, threads)
    }

    /// Writes the rows of each shard.
    fn write_places(&self, staging: &mut Staging, threads: usize) -> Result<Vec<PlannedShard>> {
        let method = &self.sampling.method;
        let shards = Mutex::new(vec![PlannedShard::default(); self.names.len()]);
        let wanted = self.names.iter().enumerate().map(|(shard, name)| StagedFile {
            name: file_name(shard, self.names.len()),
            write: Box::new({
                let shards = &shards;
                let NumberedShard { path, first_position, rows: shard_rows } = &self.shards[shard];
                move |out| {
                    let (mut rows, mut epoch_rows, mut weights) = (0, 0, Sum::default());
                    let blocks = self.planned.decided.of_shard(shard).inspect(|block| {
                        if let Ok(block) = block {
                            rows += block.values.len() as u64;
                            epoch_rows += block.sum();
                            block.weights.iter().flatten().for_each(|weight| weights.add(*weight));
                        }
                    });
                    let places = PlanRows::Places { name, first_position: *first_position };
                    write_rows(out, method, places, blocks)?;
                    let planned = PlannedShard {
                        name: name.clone(),
                        path: path.clone(),
                        first_position: *first_position,
                        shard_rows: *shard_rows,
                        file: file_name(shard, self.names.len()),
                        rows,
                        epoch_rows: self.folds.is_empty().then_some(epoch_rows),
                        weight_sum: method.weighs().map(|_| weights.value()),
                    };
                    shards.lock().unwrap_or_else(PoisonError::into_inner)[shard] = planned;
                    Ok(())
                }
            }),
        });
        staging.files(wanted.collect(), threads)?;
        Ok(shards.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes the rows that ids name.
    fn write_ids(&self, staging: &mut Staging, ids: &IdRows) -> Result<()> {
        let mut ids: IdReader = ids.ids()?;
        staging.file(&file_name(0, 1), |out| {
            let rows = PlanRows::Ids { data_type: ids.data_type.clone(), next: &mut |n| ids.next(n) };
            write_rows(out, &self.sampling.method, rows, self.planned.decided.of_shard(0))
        })
    }

    /// What planning found.
    fn facts(&self) -> PlanFacts {
        let facts = &self.planned.facts;
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        PlanFacts {
            weight_sum: finite(facts.weight_sum),
            rows_asked: facts.asked,
            rows_done: facts.done,
            labelsets: facts.labelsets,
            groups: facts.groups,
            scumble: finite(facts.scumble),
            scumble_after: finite(facts.scumble_after),
        }
    }

    /// The distances of folds from all rows, beside those of random folds.
    fn split(&self) -> Option<SplitDistances> {
        let shares: Vec<f64> = self.shares().iter().map(|(_, share)| *share).collect();
        let before = &self.preview.before;
        let rows = |folds: &[LabelCounts]| folds.iter().map(LabelCounts::rows).collect::<Vec<_>>();
        (!self.folds.is_empty()).then(|| SplitDistances {
            label_distribution: label_distribution(&self.folds, before),
            label_distribution_random: label_distribution(&self.random_folds, before),
            examples_distribution: examples_distribution(&rows(&self.folds), &shares),
            examples_distribution_random: examples_distribution(&rows(&self.random_folds), &shares),
        })
    }
}
