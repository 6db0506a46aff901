//! The sampling plan of a run: made once rows are counted, written beside the weights.

use std::borrow::Cow;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;

use super::opening::Opened;
use super::plan::Plan;
use super::sample_copies::Copies;
use super::sampling::Sampling;
use super::spec::STDIO;
use crate::artifact::files::PLAN_IN_WORDS;
use crate::artifact::plan::{PlanRows, file_name, write_rows};
use crate::artifact::plan_json::{Fold, PlanFacts, PlanFile, PlannedShard, SplitDistances, write_json};
use crate::artifact::publish::{StagedFile, Staging};
use crate::counts::{LabelCounts, as_f64};
use crate::engine::rows::Request;
use crate::engine::sampling::{IdReader, IdRows, SamplingPlan, SamplingRequest, plan_rows};
use crate::engine::{Progress, Spilled, Work};
use crate::error::{Error, Result, plural};
use crate::groups::label_distribution;
use crate::report::folds::{KeptGroups, Split};
use crate::report::plans::ComparedPlan;
use crate::sampling::preview::counts_of;
use crate::sampling::row_weight::Sum;
use crate::sampling::stratify::examples_distribution;
use crate::sampling::{Decisions, Draw, Method, Preview, Shift};
use crate::source::layout::LayoutKind;
use crate::source::listing::{FileFormat, format_of};
use crate::source::names::names;
use crate::source::shards::rows_of;

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
    pub(super) compared: Vec<ComparedPlan>,
    /// The folds, for a plan that has some.
    pub(super) split: Option<Split>,
    /// Rows of random folds, draw by draw.
    random_rows: Vec<Vec<u64>>,
    /// Bytes that were read for it.
    pub(super) work: Work,
}

/// The folds of a plan that keeps groups of the column `groups` whole, and the rows of random folds.
fn split(
    method: &Method,
    groups: Option<&str>,
    counts: &LabelCounts,
    planned: &SamplingPlan,
) -> Result<(Option<Split>, Vec<Vec<u64>>)> {
    let Method::StratifiedSplit { folds: shares, .. } = method else { return Ok((None, Vec::new())) };
    let counted =
        |parts: &[Shift]| parts.iter().map(|part| counts_of(part, counts)).collect::<Result<Vec<_>>>();
    let folds = counted(&planned.folds)?;
    let distance = label_distribution(&folds, counts);
    let (mut distances, mut rows) = (Vec::new(), Vec::new());
    for draw in &planned.random_folds {
        let folds = counted(draw)?;
        // LD looks at rows, and is small where a fold has none.
        if folds.iter().any(|counts| counts.rows() == 0) {
            continue;
        }
        distances.extend(label_distribution(&folds, counts));
        rows.push(folds.iter().map(LabelCounts::rows).collect());
    }
    let facts = &planned.facts;
    let of_groups = groups.zip(facts.groups.zip(facts.largest_group));
    let folds = shares.iter().zip(folds).map(|((name, share), counts)| (name.clone(), *share, counts));
    let split = Split {
        folds: folds.collect(),
        distance,
        random_distance: mean(&distances),
        draws: rows.len(),
        groups: of_groups.map(|(column, (number, largest))| KeptGroups {
            column: column.to_owned(),
            number,
            largest,
        }),
    };
    Ok((Some(split), rows))
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / as_f64(values.len() as u64))
}

/// What a comparison says of a plan with these folds.
fn compared_plan(
    method: &Method,
    counts: &LabelCounts,
    planned: &SamplingPlan,
    split: Option<Split>,
) -> Result<ComparedPlan> {
    let facts = &planned.facts;
    let scumble = facts.scumble.zip(facts.scumble_after).map(<[f64; 2]>::from);
    Ok(ComparedPlan {
        name: method.to_string(),
        when: method.info().when,
        preview: Preview::new(counts, &planned.shift, scumble)?,
        touched: split.is_none().then_some(facts.touched),
        split,
    })
}

/// A shard and the positions of its rows, with those that its table has deleted: whoever reads the file sees them.
#[derive(Debug)]
struct NumberedShard {
    path: String,
    /// Of a Parquet file; this run makes one of other files.
    footer_sha256: Option<String>,
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
            let is_parquet = format_of(&shard.name).is_none_or(|(format, _)| format == FileFormat::Parquet);
            let footer_sha256 = (is_parquet && shard.name != STDIO).then(|| shard.footer_text());
            NumberedShard { path: shard.name.clone(), footer_sha256, first_position, rows }
        })
        .collect()
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
    check_epoch(&sampling.method, counts, &planned)?;
    let (folds, random_rows) = split(&sampling.method, groups, counts, &planned)?;
    let scumble = planned.facts.scumble.zip(planned.facts.scumble_after).map(<[f64; 2]>::from);
    let mut others = Vec::new();
    for method in &sampling.others {
        let asked = SamplingRequest { method, ..asked };
        let planned = plan_rows(&request, &asked).await?;
        check_epoch(method, counts, &planned)?;
        let (folds, _) = split(method, groups, counts, &planned)?;
        others.push(compared_plan(method, counts, &planned, folds)?);
    }
    if compared {
        others.insert(0, compared_plan(&sampling.method, counts, &planned, folds.clone())?);
    }
    Ok(Sampled {
        compared: others,
        sampling: sampling.clone(),
        preview: Preview::new(counts, &planned.shift, scumble)?,
        split: folds,
        random_rows,
        names,
        shards: numbered(opened),
        ids,
        planned,
        copies,
        work: progress.work(),
    })
}

/// Refuses a plan with which no row is ever seen.
fn check_epoch(method: &Method, counts: &LabelCounts, planned: &SamplingPlan) -> Result<()> {
    let (name, rows) = (method.name(), counts.rows());
    if rows == 0 || !method.folds().is_empty() {
        return Ok(());
    }
    if method.weighs().is_some() {
        let weighs = planned.facts.weight_sum.is_some_and(|sum| sum > 0.0);
        return if weighs {
            Ok(())
        } else {
            Err(Error::input(format!(
                "--plan {name}: none of {} has a label, so every row has the weight 0 and no sampler can draw one",
                plural(rows, "row")
            ))
            .hint(format!(
                "check --labels and what the values mean; --plan {name}:unlabelled=1 draws all rows alike"
            )))
        };
    }
    if planned.shift.rows_after(rows) == 0 {
        return Err(Error::input(format!("--plan {method}: it drops all {}", plural(rows, "row")))
            .hint(format!("drop fewer of them, as --plan {name} does")));
    }
    Ok(())
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
        shards.map(|(at, NumberedShard { path, first_position, rows, .. })| {
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
        let parts = self.split.iter().flat_map(|split| &split.folds);
        let folds: Vec<Fold<'_>> =
            parts.map(|(name, share, counts)| Fold { name, share: *share, counts }).collect();
        let file = PlanFile {
            method,
            seed: *seed,
            epoch: *epoch,
            facts: self.facts(),
            shards: &shards,
            id_column: self.ids.as_ref().map(|(name, _)| name.as_str()),
            preview: &self.preview,
            folds: &folds,
            split: self.distances(),
            fingerprint,
            spec,
        };
        staging.file("plan.json", |out| write_json(out, &file))?;
        let text = format!("# Sampling plan\n\n```text\n{}```\n", self.text_of_result(source));
        staging.file(PLAN_IN_WORDS, |out| {
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
                let NumberedShard { path, footer_sha256, first_position, rows: shard_rows } =
                    &self.shards[shard];
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
                        footer_sha256: footer_sha256.clone(),
                        first_position: *first_position,
                        shard_rows: *shard_rows,
                        file: file_name(shard, self.names.len()),
                        rows,
                        epoch_rows: self.split.is_none().then_some(epoch_rows),
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
            largest_group: facts.largest_group,
            rows_split: facts.empty_copies.map(|_| facts.touched),
            empty_copies: facts.empty_copies,
            scumble: finite(facts.scumble),
            scumble_after: finite(facts.scumble_after),
        }
    }

    /// The distances of folds from all rows, beside those of random folds.
    fn distances(&self) -> Option<SplitDistances> {
        let split = self.split.as_ref()?;
        let shares: Vec<f64> = split.folds.iter().map(|(_, share, _)| *share).collect();
        let rows: Vec<u64> = split.folds.iter().map(|(.., counts)| counts.rows()).collect();
        let random: Vec<f64> =
            self.random_rows.iter().map(|rows| examples_distribution(rows, &shares)).collect();
        Some(SplitDistances {
            label_distribution: split.distance,
            label_distribution_random: split.random_distance,
            examples_distribution: examples_distribution(&rows, &shares),
            examples_distribution_random: mean(&random),
            random_draws: split.draws,
        })
    }
}
