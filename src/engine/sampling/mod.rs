//! Sampling plans over the rows of shards: what [`crate::sampling`] decides, row by row.
//!
//! ```text
//! gather   what a plan must know before it decides: sums, bags, sets of labels, rows       (some plans)
//! choose   rows are picked, or dealt to folds                                              (some plans)
//! decide   every row gets its value; counts are shifted                                    (all plans)
//! ```
//!
//! [`gather`] reads rows for the first · [`choose`] is the second · [`decide`] the third · [`sorted`] keeps
//! pairs of a key and a row, [`decided`] what was decided, both in bounded memory · [`edit`] takes labels out of copies
//!
//! Rows have numbers over all shards, in the order of shard names, so that bags have one order however the
//! shards are listed.

mod choose;
mod decide;
mod decided;
mod edit;
mod gather;
mod sorted;

use std::sync::Arc;

use super::rows::Request;
use super::spill::{Spill, Spilled};
use crate::counts::LabelCounts;
use crate::error::{Error, Result};
use crate::sampling::draw::Stream;
use crate::sampling::remedial::Remedial;
use crate::sampling::repeat_factor::RepeatFactors;
use crate::sampling::row_weight::RowWeights;
use crate::sampling::{Draw, Method, Rarity, Shift};
use crate::source::shards::Shard;
use decide::Rule;

pub use decided::Decided;
pub use edit::Edit;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The plan.
    pub method: &'a Method,
    /// Its chance.
    pub draw: Draw,
    /// What each shard is called within the sources.
    pub names: &'a [String],
    /// Counts of all rows.
    pub counts: &'a LabelCounts,
}

/// A plan for every row.
#[derive(Debug)]
pub struct Planned {
    /// What was decided.
    pub decided: Decided,
    /// How the counts of an epoch differ from those of the rows.
    pub shift: Shift,
    /// Counts of each fold, as shifts of nothing; where rows are dealt to folds.
    pub folds: Vec<Shift>,
    /// The same of folds that rows are dealt to by chance alone.
    pub random_folds: Vec<Shift>,
    /// What came up on the way.
    pub facts: Facts,
    /// What did not fit the memory.
    pub spilled: Spilled,
}

/// What came up on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Facts {
    /// Sum of the weights of all rows.
    pub weight_sum: Option<f64>,
    /// Rows to be cloned or dropped.
    pub asked: Option<u64>,
    /// Rows that were.
    pub done: Option<u64>,
    /// Different sets of labels.
    pub labelsets: Option<u64>,
    /// Mean SCUMBLE of the rows.
    pub scumble: Option<f64>,
}

/// Where rows are: what each shard draws, and the number of its first row over all shards.
#[derive(Debug)]
pub(super) struct Places {
    streams: Vec<Stream>,
    bases: Vec<u64>,
    rows: u64,
}

impl Places {
    fn new(shards: &[Shard], names: &[String], draw: Draw) -> Result<Self> {
        if names.len() != shards.len() {
            return Err(Error::internal(format!("{} names for {} shards", names.len(), shards.len())));
        }
        let mut order: Vec<usize> = (0..shards.len()).collect();
        order.sort_by_key(|&shard| &names[shard]);
        let (mut bases, mut rows) = (vec![0; shards.len()], 0_u64);
        for shard in order {
            bases[shard] = rows;
            rows = rows
                .checked_add(shards[shard].rows)
                .ok_or_else(|| Error::input("the footers claim more than 2^64 rows"))?;
        }
        Ok(Self { streams: names.iter().map(|name| draw.shard(name)).collect(), bases, rows })
    }
}

/// What all steps share.
pub(super) struct Work<'a> {
    request: Request<'a>,
    asked: Asked<'a>,
    places: Arc<Places>,
    rarity: Rarity,
    spill: Arc<Spill>,
}

impl Work<'_> {
    /// Bytes that one thread may keep.
    fn budget(&self) -> usize {
        self.request.limits.pool_bytes() / self.request.limits.threads.max(1) / 4
    }
}

/// Plans all rows of `request`, which were counted.
///
/// # Errors
/// As [`super::rows::read_rows`], and [`Error::Resource`] when rows that must be in memory together do not fit.
pub async fn plan_rows(request: &Request<'_>, asked: &Asked<'_>) -> Result<Planned> {
    let limits = request.limits;
    let work = Work {
        request: *request,
        asked: *asked,
        places: Arc::new(Places::new(&request.dataset.shards, asked.names, asked.draw)?),
        rarity: Rarity::of(asked.counts),
        spill: Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(request.progress)),
    };
    let mut facts = Facts::default();
    let rule = rule(&work, &mut facts).await?;
    let mut planned = decide::decide(&work, rule).await?;
    planned.facts = facts;
    planned.spilled = work.spill.spilled();
    Ok(planned)
}

/// Gathers what the plan must know, and gives how it decides.
async fn rule(work: &Work<'_>, facts: &mut Facts) -> Result<Rule> {
    let rarity = &work.rarity;
    if let Some((combine, unlabelled, draws)) = work.asked.method.weighs() {
        let weights = Arc::new(RowWeights::new(rarity, combine, unlabelled));
        let each = Arc::clone(&weights);
        let sum = gather::sum(work, move |labels| each.weight(labels)).await?.value();
        facts.weight_sum = Some(sum);
        return Ok(Rule::Weigh { weights, draws: draws.unwrap_or(rarity.rows), sum });
    }
    match *work.asked.method {
        Method::RepeatFactor { threshold, curve, rounding } => {
            Ok(Rule::Repeat(RepeatFactors::new(rarity, threshold, curve, rounding)))
        }
        Method::Remedial { one_sided } => {
            let remedial = Arc::new(Remedial::new(rarity, one_sided));
            let each = Arc::clone(&remedial);
            let sum = gather::sum(work, move |labels| each.scumble(labels)).await?.value();
            let mean = if rarity.rows == 0 { 0.0 } else { sum / crate::counts::as_f64(rarity.rows) };
            facts.scumble = Some(mean);
            Ok(Rule::Split { remedial, mean })
        }
        Method::StratifiedSplit { ref folds, order } => choose::folds(work, folds, order).await,
        Method::MlRos { percent } => choose::by_label(work, percent, true, facts).await,
        Method::MlRus { percent } => choose::by_label(work, percent, false, facts).await,
        Method::MlRusMajority { percent } => choose::without_minority(work, percent, facts).await,
        Method::LpRos { percent } => choose::by_set(work, percent, true, facts).await,
        Method::LpRus { percent } => choose::by_set(work, percent, false, facts).await,
        Method::InverseFrequency { .. } | Method::ClassUniform { .. } => {
            Err(Error::internal("a plan that weighs rows does not say how"))
        }
    }
}
