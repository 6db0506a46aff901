//! The input and the output of a sampling plan, and what its steps share.

use std::sync::Arc;

use super::decisions::RowDecisions;
use crate::counts::LabelCounts;
use crate::engine::rows::request::Request;
use crate::engine::spill::{Spill, Spilled};
use crate::error::{Error, Result};
use crate::sampling::draw::Stream;
use crate::sampling::{Decisions, Draw, Method, Rarity, Shift};
use crate::source::shards::Shard;
use crate::source::tables::deleted_rows::DeletedRows;

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
    /// The same for folds that are drawn at random with the same shares: of rows, or of groups where these stay together.
    /// Several draws.
    pub random_folds: Vec<Vec<Shift>>,
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
    /// Rows of the largest of them.
    pub largest_group: Option<u64>,
    /// Copies of split rows that have no label.
    pub empty_copies: Option<u64>,
    /// Rows that occur not exactly once in an epoch, or are split.
    pub touched: u64,
    /// Mean SCUMBLE of the rows.
    pub scumble: Option<f64>,
    /// Mean SCUMBLE of the rows of an epoch.
    pub scumble_after: Option<f64>,
}

/// Numbers of rows over all shards, in the order of shard names, and the random numbers of each shard.
///
/// Rows that the table of a shard has deleted have no number here. Random numbers and decisions are by the places of
/// rows in their files, so that whoever reads the files finds the rows, and deleting one changes nothing of the others.
#[derive(Debug)]
pub(super) struct RowNumbering {
    /// Random numbers of each shard.
    pub(super) streams: Vec<Stream>,
    /// Number of the first row of each shard.
    pub(super) bases: Vec<u64>,
    /// Number of all rows.
    pub(super) rows: u64,
    /// Deleted rows of each shard.
    deleted: Vec<Option<Arc<DeletedRows>>>,
}

impl RowNumbering {
    /// For shards called `names`.
    fn of(shards: &[Shard], names: &[String], draw: Draw) -> Result<Self> {
        let rows: Vec<u64> = shards.iter().map(|shard| shard.rows).collect();
        let deleted = shards.iter().map(|shard| shard.deleted.clone()).collect();
        Ok(Self { deleted, ..Self::new(&rows, names, draw)? })
    }

    /// The place in the file of the row with this number in its shard.
    pub(super) fn place(&self, shard: usize, row: u64) -> u64 {
        match self.deleted.get(shard) {
            Some(Some(deleted)) => deleted.place(row),
            _ => row,
        }
    }

    /// Decisions on rows by their places in the file.
    pub(super) fn placed(&self, shard: usize, decisions: Decisions) -> Result<Decisions> {
        let Some(Some(deleted)) = self.deleted.get(shard) else { return Ok(decisions) };
        let first_row = deleted.place(decisions.first_row);
        let end = match decisions.rows {
            0 => first_row,
            rows => deleted.place(decisions.first_row + rows - 1) + 1,
        };
        if end - first_row == decisions.rows {
            return Ok(Decisions { first_row, ..decisions });
        }
        let places = (0..decisions.values.len())
            .map(|value| u32::try_from(deleted.place(decisions.row(value)) - first_row));
        let chosen = places.collect::<std::result::Result<Vec<_>, _>>();
        let chosen = chosen.map_err(|_| Error::resource("more than 2^32 rows in a row are deleted"))?;
        Ok(Decisions { first_row, rows: end - first_row, chosen: Some(chosen), ..decisions })
    }

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
        Ok(Self {
            streams: names.iter().map(|name| draw.shard(name)).collect(),
            bases,
            rows,
            deleted: Vec::new(),
        })
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
        Ok(Self {
            numbering: Arc::new(RowNumbering::of(&request.dataset.shards, asked.names, asked.draw)?),
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
    fn decisions_name_places_in_the_file() {
        let mut numbering =
            RowNumbering::new(&[6, 6], &["a", "b"].map(str::to_owned), Draw::new(1, 0)).unwrap();
        numbering.deleted = vec![Some(Arc::new(DeletedRows::new(vec![0, 3, 4, 9]))), None];
        // Rows 1, 2, 5, 6, 7 and 8 are left.
        let mut decisions = Decisions { first_row: 1, rows: 4, ..Decisions::default() };
        (0..4).for_each(|value| decisions.values.push(value));
        let placed = numbering.placed(0, decisions.clone()).unwrap();
        assert_eq!((placed.first_row, placed.rows), (2, 6));
        assert_eq!((0..4).map(|value| placed.row(value)).collect::<Vec<_>>(), [2, 5, 6, 7]);
        (decisions.chosen, decisions.values) = (Some(vec![0, 3]), crate::sampling::Values::Same(1, 2));
        let placed = numbering.placed(0, decisions.clone()).unwrap();
        assert_eq!([placed.row(0), placed.row(1)], [2, 7]);
        assert_eq!(numbering.placed(1, decisions.clone()).unwrap(), decisions);
        (decisions.first_row, decisions.rows) = (2, 4);
        let placed = numbering.placed(0, decisions).unwrap();
        assert_eq!((placed.first_row, placed.rows, placed.row(1)), (5, 4, 8));
    }

    #[test]
    fn more_rows_than_numbers_are_refused() {
        let names = ["a", "b"].map(str::to_owned);
        assert_eq!(RowNumbering::new(&[u64::MAX, 1], &names, Draw::new(1, 0)).unwrap_err().exit_code(), 4);
        assert_eq!(RowNumbering::new(&[1], &names, Draw::new(1, 0)).unwrap_err().exit_code(), 1);
    }
}
