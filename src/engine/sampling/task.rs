//! The input and the output of a sampling plan, and what its steps share.

use std::sync::Arc;

use super::decisions::RowDecisions;
use crate::counts::LabelCounts;
use crate::engine::rows::request::Request;
use crate::engine::spill::{Spill, Spilled};
use crate::error::{Error, Result};
use crate::sampling::draw::Stream;
use crate::sampling::{Draw, Method, Rarity, Shift};

/// What to plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SamplingRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// The source of its random numbers.
    pub draw: Draw,
    /// The name of each shard, relative to its source.
    pub names: &'a [String],
    /// The counts of all rows.
    pub counts: &'a LabelCounts,
    /// The column whose rows of one value go to one fold.
    pub groups: Option<&'a str>,
    /// Whether the plan is compared with others, so that its SCUMBLE is measured.
    pub compared: bool,
}

/// A sampling plan: a decision on every row.
#[derive(Debug)]
pub(crate) struct SamplingPlan {
    /// The decisions, by shard.
    pub decided: RowDecisions,
    /// How the counts of an epoch differ from the counts of the rows.
    pub shift: Shift,
    /// The counts of each fold, as shifts from zero; empty for methods without folds.
    pub folds: Vec<Shift>,
    /// The same for folds of the same sizes that are drawn at random.
    pub random_folds: Vec<Shift>,
    /// Figures for the report.
    pub facts: SamplingFacts,
    /// What was spilled.
    pub spilled: Spilled,
}

/// Figures of a sampling plan; `None` where the method does not use one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct SamplingFacts {
    /// Sum of the weights of all rows.
    pub weight_sum: Option<f64>,
    /// Rows that the method should clone or drop.
    pub asked: Option<u64>,
    /// Rows that it did clone or drop.
    pub done: Option<u64>,
    /// Distinct sets of labels.
    pub labelsets: Option<u64>,
    /// Groups of rows that stay together.
    pub groups: Option<u64>,
    /// Rows that occur not exactly once in an epoch, or are split.
    pub touched: u64,
    /// Mean SCUMBLE of the rows.
    pub scumble: Option<f64>,
    /// Mean SCUMBLE of the rows of an epoch.
    pub scumble_after: Option<f64>,
}

/// Numbers of rows over all shards, in the order of shard names, and the random numbers of each shard.
#[derive(Debug)]
pub(super) struct RowNumbering {
    /// Random numbers of each shard.
    pub(super) streams: Vec<Stream>,
    /// Number of the first row of each shard.
    pub(super) bases: Vec<u64>,
    /// Number of all rows.
    pub(super) rows: u64,
}

impl RowNumbering {
    /// For shards with these numbers of rows and `names`.
    fn new(shard_rows: &[u64], names: &[String], draw: Draw) -> Result<Self> {
        if names.len() != shard_rows.len() {
            return Err(Error::internal(format!("{} names for {} shards", names.len(), shard_rows.len())));
        }
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by_key(|&shard| &names[shard]);
        let (mut bases, mut rows) = (vec![0; names.len()], 0_u64);
        for shard in order {
            bases[shard] = rows;
            rows = rows
                .checked_add(shard_rows[shard])
                .ok_or_else(|| Error::input("the footers claim more than 2^64 rows"))?;
        }
        Ok(Self { streams: names.iter().map(|name| draw.shard(name)).collect(), bases, rows })
    }
}

/// What all steps of one plan share.
pub(super) struct SamplingTask<'a> {
    pub(super) request: Request<'a>,
    pub(super) asked: SamplingRequest<'a>,
    pub(super) numbering: Arc<RowNumbering>,
    pub(super) rarity: Rarity,
    pub(super) spill: Arc<Spill>,
}

impl<'a> SamplingTask<'a> {
    pub(super) fn new(request: Request<'a>, asked: SamplingRequest<'a>) -> Result<Self> {
        let limits = request.limits;
        let rows: Vec<u64> = request.dataset.shards.iter().map(|shard| shard.rows).collect();
        Ok(Self {
            numbering: Arc::new(RowNumbering::new(&rows, asked.names, asked.draw)?),
            rarity: Rarity::of(asked.counts),
            spill: Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(request.progress)),
            request,
            asked,
        })
    }

    /// Bytes of memory for one thread.
    pub(super) fn budget(&self) -> usize {
        self.request.limits.pool_bytes() / self.request.limits.threads.max(1) / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_numbered_in_the_order_of_shard_names() {
        let names = ["c", "a", "b"].map(str::to_owned);
        let numbering = RowNumbering::new(&[5, 2, 0], &names, Draw::new(1, 0)).unwrap();
        assert_eq!((numbering.bases, numbering.rows), (vec![2, 0, 2], 7));
        let other = ["a", "b", "c"].map(str::to_owned);
        let other = RowNumbering::new(&[2, 0, 5], &other, Draw::new(1, 0)).unwrap();
        assert_eq!(other.bases, [0, 2, 2]);
        assert_eq!(numbering.streams[0].bits(1), other.streams[2].bits(1));
    }

    #[test]
    fn more_rows_than_numbers_are_refused() {
        let names = ["a", "b"].map(str::to_owned);
        assert_eq!(RowNumbering::new(&[u64::MAX, 1], &names, Draw::new(1, 0)).unwrap_err().exit_code(), 4);
        assert_eq!(RowNumbering::new(&[1], &names, Draw::new(1, 0)).unwrap_err().exit_code(), 1);
    }
}
