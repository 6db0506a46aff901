//! The sampling plan of a run: made once rows are counted, written beside the weights.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;

use super::opening::Opened;
use super::plan::Plan;
use super::sample_copies::Copies;
use super::sampling::Sampling;
use crate::artifact::plan::{file_name, write_shard};
use crate::artifact::plan_json::{Fold, PlanFacts, PlanFile, PlannedShard, SplitDistances, write_json};
use crate::artifact::publish::{StagedFile, Staging};
use crate::counts::LabelCounts;
use crate::engine::rows::{Request, can_tell};
use crate::engine::sampling::{SamplingPlan, SamplingRequest, plan_rows};
use crate::engine::{Progress, Spilled};
use crate::error::{Error, Result, plural};
use crate::groups::label_distribution;
use crate::report;
use crate::report::numbers::brief;
use crate::report::plan::Split;
use crate::sampling::preview::counts_of;
use crate::sampling::row_weight::Sum;
use crate::sampling::stratify::examples_distribution;
use crate::sampling::{Draw, Method, Preview, Shift};
use crate::source::layout::LayoutKind;
use crate::source::names::names;

/// A plan of a run.
#[derive(Debug)]
pub(crate) struct Sampled {
    /// What was asked for.
    pub sampling: Sampling,
    /// Counts before and after.
    pub preview: Preview,
    pub(super) names: Vec<String>,
    shards: Vec<NumberedShard>,
    pub(super) planned: SamplingPlan,
    pub(super) copies: Option<Copies>,
    folds: Vec<LabelCounts>,
    random_folds: Vec<LabelCounts>,
    /// Bytes that were read for it.
    pub(super) bytes_read: u64,
}

/// A shard and the positions of its rows.
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
            next = next.saturating_add(shard.rows);
            NumberedShard { path: shard.name.clone(), first_position, rows: shard.rows }
        })
        .collect()
}

/// Refuses data without labels of single rows.
pub(super) fn check_opened(opened: &Opened) -> Result<()> {
    let can_plan = match opened.counting.layout.kind {
        LayoutKind::Long => Err("in layout long a row is spread over many lines"),
        _ => can_tell(&opened.counting),
    };
    if let Some(shard) = opened.dataset.shards.iter().find(|shard| shard.deleted.is_some()) {
        let table = shard.table.as_ref().map(|table| table.table.version().to_string()).unwrap_or_default();
        return Err(Error::input(format!(
            "{}: rows cannot be planned, because a plan numbers the rows of files, and the {table} has deleted some",
            shard.name
        ))
        .hint("rewrite the table's files without deleted rows, as OPTIMIZE or a compaction does"));
    }
    can_plan.map_err(|why| {
        Error::usage(format!("--plan: {why}, so rows cannot be planned")).hint(
            if opened.counting.has_mass() {
                "make soft labels 0 or 1 with --threshold 0.5, and drop --sample-weight"
            } else {
                "store one row per example, such as layout list"
            },
        )
    })
}

/// Plans the rows that were counted.
pub(super) async fn sample(
    plan: &Plan,
    sampling: &Sampling,
    opened: &Opened,
    counts: &LabelCounts,
) -> Result<Sampled> {
    let progress = Arc::new(Progress::default());
    let names = names(&opened.dataset.shards);
    let request = Request {
        dataset: &opened.dataset,
        counting: &Arc::new(opened.counting.knowing(counts.labels())),
        groups: &[Vec::new()],
        limits: &plan.count.limits,
        progress: &progress,
    };
    let copies = sampling.materialize.then(|| Copies::new(plan, sampling, opened, counts)).transpose()?;
    let draw = Draw::new(sampling.seed, sampling.epoch);
    let asked = SamplingRequest { method: &sampling.method, draw, names: &names, counts };
    let planned = plan_rows(&request, &asked).await?;
    let folds =
        |parts: &[Shift]| parts.iter().map(|part| counts_of(part, counts)).collect::<Result<Vec<_>>>();
    let scumble = planned.facts.scumble.zip(planned.facts.scumble_after).map(<[f64; 2]>::from);
    Ok(Sampled {
        sampling: sampling.clone(),
        preview: Preview::new(counts, &planned.shift, scumble)?,
        folds: folds(&planned.folds)?,
        random_folds: folds(&planned.random_folds)?,
        names,
        shards: numbered(opened),
        planned,
        copies,
        bytes_read: progress.bytes(),
    })
}

impl Sampled {
    /// What did not fit the memory.
    #[must_use]
    pub(crate) fn spilled(&self) -> Spilled {
        self.planned.spilled
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
            let sets = facts.labelsets.map(|sets| format!(", of {sets} sets of labels")).unwrap_or_default();
            let why = if done < asked { ": the plan has no more to do" } else { "" };
            text.push_str(&format!("{done} of {asked} rows asked for{sets}{why}\n"));
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
    pub(super) fn write(
        &self,
        staging: &mut Staging,
        source: &str,
        fingerprint: &str,
        spec: &Json,
        threads: usize,
    ) -> Result<()> {
        let Sampling { method, seed, epoch, .. } = &self.sampling;
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
                    write_shard(out, method, name, *first_position, blocks)?;
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
        let shards = shards.into_inner().unwrap_or_else(PoisonError::into_inner);
        let parts = self.shares().iter().zip(&self.folds);
        let folds: Vec<Fold<'_>> =
            parts.map(|((name, share), counts)| Fold { name, share: *share, counts }).collect();
        let file = PlanFile {
            method,
            seed: *seed,
            epoch: *epoch,
            facts: self.facts(),
            shards: &shards,
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
        copies.write(&self.planned, &self.names, self.shares(), expected, staging, threads)
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
