//! Sampling plans: what [`crate::sampling`] decides on every row of the shards.
//!
//! ```text
//! gather   reads what the method needs before it decides: sums, bags, sets of labels, rows  (some methods)
//! choose   picks rows, or assigns them to folds                                             (some methods)
//! decide   gives every row its value, and adds up how the counts change                     (all methods)
//! ```
//!
//! [`task`] holds input, output and what the steps share · [`gather`], [`choose`] and [`decide`] are the steps ·
//! [`groups`] finds rows that stay together, [`deal`] counts folds ·
//! [`sorted`] sorts pairs of a key and a row, [`decisions`] stores the decisions, both in bounded memory ·
//! [`remove_labels`] takes labels out of copied rows · [`id_rows`] makes rows of the pairs of layout `long`
//!
//! Rows are numbered over all shards in the order of shard names, so that results do not depend on the order in
//! which the shards are listed.

mod choose;
mod deal;
mod decide;
mod decisions;
mod gather;
mod groups;
mod id_rows;
mod remove_labels;
mod sorted;
mod task;

use std::sync::Arc;

use crate::counts::as_f64;
use crate::engine::rows::request::Request;
use crate::error::{Error, Result};
use crate::row_measures::Scumble;
use crate::sampling::Method;
use crate::sampling::remedial::Remedial;
use crate::sampling::repeat_factor::RepeatFactors;
use crate::sampling::row_weight::RowWeights;
use decide::Rule;
use task::SamplingTask;

pub(crate) use id_rows::{IdReader, IdRows};
pub(crate) use remove_labels::LabelRemover;
pub(crate) use task::{SamplingFacts, SamplingPlan, SamplingRequest};

/// Plans all rows of `request`, which must have been counted.
///
/// # Errors
/// As [`super::rows::read_rows`], and [`Error::Resource`] when the method needs all rows in memory and they do not fit.
pub(crate) async fn plan_rows(request: &Request<'_>, asked: &SamplingRequest<'_>) -> Result<SamplingPlan> {
    let task = SamplingTask::new(*request, *asked)?;
    let mut facts = SamplingFacts::default();
    let rule = rule(&task, &mut facts).await?;
    if task.asked.compared && facts.scumble.is_none() && task.rarity.rows > 0 {
        let scumble = Scumble::new(task.rarity.positives.iter().copied());
        let sum = gather::sum(&task, move |labels| scumble.of(labels)).await?.value();
        facts.scumble = Some(sum / as_f64(task.rarity.rows));
    }
    let mut planned = decide::decide(&task, rule).await?;
    let SamplingFacts { touched, empty_copies, scumble_after, .. } = planned.facts;
    // Folds leave every row as it is.
    let scumble_after = scumble_after.or(facts.scumble.filter(|_| !planned.folds.is_empty()));
    planned.facts = SamplingFacts { empty_copies, touched, scumble_after, ..facts };
    planned.spilled = task.spill.spilled();
    Ok(planned)
}

/// Gathers what the method needs, and gives the rule by which it decides.
async fn rule(task: &SamplingTask<'_>, facts: &mut SamplingFacts) -> Result<Rule> {
    let rarity = &task.rarity;
    if let Some((combine, unlabelled, draws)) = task.asked.method.weighs() {
        let weights = Arc::new(RowWeights::new(rarity, combine, unlabelled));
        let each = Arc::clone(&weights);
        let sum = gather::sum(task, move |labels| each.weight(labels)).await?.value();
        facts.weight_sum = Some(sum);
        return Ok(Rule::Weigh { weights, draws: draws.unwrap_or(rarity.rows), sum });
    }
    match *task.asked.method {
        Method::RepeatFactor { threshold, curve, rounding } => {
            Ok(Rule::Repeat(RepeatFactors::new(rarity, threshold, curve, rounding)))
        }
        Method::Remedial { one_sided } => {
            let remedial = Arc::new(Remedial::new(rarity, one_sided));
            let each = Arc::clone(&remedial);
            let sum = gather::sum(task, move |labels| each.scumble(labels)).await?.value();
            let mean = if rarity.rows == 0 { 0.0 } else { sum / as_f64(rarity.rows) };
            facts.scumble = Some(mean);
            Ok(Rule::Split { remedial, mean })
        }
        Method::StratifiedSplit { ref folds, order } => choose::folds(task, folds, order, facts).await,
        Method::MlRos { percent } => choose::by_label(task, percent, true, facts).await,
        Method::MlRus { percent } => choose::by_label(task, percent, false, facts).await,
        Method::MlRusMajority { percent } => choose::without_minority(task, percent, facts).await,
        Method::LpRos { percent } => choose::by_set(task, percent, true, facts).await,
        Method::LpRus { percent } => choose::by_set(task, percent, false, facts).await,
        Method::InverseFrequency { .. } | Method::ClassUniform { .. } => {
            Err(Error::internal("a method that weighs rows has no weights"))
        }
    }
}
