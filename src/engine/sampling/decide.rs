//! Every row gets its value.

use std::sync::Arc;

use super::decided::{Decided, Part};
use super::sorted::Sorted;
use super::{Facts, Places, Planned, Work};
use crate::engine::rows::{Block, Row, RowSink, read_rows};
use crate::engine::spill::{Spill, Spilled};
use crate::error::{Error, Result};
use crate::sampling::draw::Stream;
use crate::sampling::remedial::Remedial;
use crate::sampling::repeat_factor::RepeatFactors;
use crate::sampling::row_weight::RowWeights;
use crate::sampling::{Decisions, Shift, Values};

/// How a row's value follows from its labels, or from what was chosen.
#[derive(Debug)]
pub(super) enum Rule {
    Repeat(RepeatFactors),
    Weigh {
        weights: Arc<RowWeights>,
        draws: u64,
        sum: f64,
    },
    Split {
        remedial: Arc<Remedial>,
        mean: f64,
    },
    /// Once more for every entry of a row.
    Clone(Sorted),
    /// Not at all where a row has an entry.
    Drop(Sorted),
    /// The fold that a row's entry says.
    Deal {
        folds: Sorted,
        shares: Vec<f64>,
    },
}

/// Decides on the rows that one thread reads.
struct Decider {
    rule: Arc<Rule>,
    places: Arc<Places>,
    part: Part,
    shift: Shift,
    folds: Vec<Shift>,
    random_folds: Vec<Shift>,
    rows: u64,
    /// Entries of a block's rows: the place of the row in the block, and what the entry says.
    entries: Vec<(u64, u64)>,
}

/// Decides on all rows.
pub(super) async fn decide(work: &Work<'_>, rule: Rule) -> Result<Planned> {
    let labels = work.asked.counts.len();
    let folds = match &rule {
        Rule::Deal { shares, .. } => shares.len(),
        _ => 0,
    };
    let rule = Arc::new(rule);
    let make = || Decider::new(work, &rule, folds);
    let done = read_rows(&work.request, make).await?;
    let (mut shift, mut rows, mut parts) = (Shift::new(labels), 0, Vec::new());
    let mut all = [vec![Shift::new(labels); folds], vec![Shift::new(labels); folds]];
    for decider in done {
        rows += decider.rows;
        shift.merge(&decider.shift);
        for (sums, part) in all.iter_mut().zip([&decider.folds, &decider.random_folds]) {
            sums.iter_mut().zip(part).for_each(|(sum, part)| sum.merge(part));
        }
        parts.push(decider.part);
    }
    if rows != work.asked.counts.rows() {
        let counted = work.asked.counts.rows();
        return Err(Error::changed(format!("{counted} rows were counted, {rows} found again"))
            .hint("run again once nothing writes to the shards"));
    }
    let [folds, random_folds] = all;
    Ok(Planned {
        decided: Decided::join(parts),
        shift,
        folds,
        random_folds,
        facts: Facts::default(),
        spilled: Spilled::default(),
    })
}

impl Decider {
    fn new(work: &Work<'_>, rule: &Arc<Rule>, folds: usize) -> Self {
        let labels = work.asked.counts.len();
        let spill: Arc<Spill> = Arc::clone(&work.spill);
        Self {
            rule: Arc::clone(rule),
            places: Arc::clone(&work.places),
            part: Part::new(spill, work.budget()),
            shift: Shift::new(labels),
            folds: vec![Shift::new(labels); folds],
            random_folds: vec![Shift::new(labels); folds],
            rows: 0,
            entries: Vec::new(),
        }
    }

    /// Looks up the entries of a block's rows.
    fn look_up(&mut self, sorted: &Sorted, block: &Block) -> Result<()> {
        let first = self.places.bases[block.shard] + block.first_row;
        let end = u128::from(first + block.rows() as u64);
        self.entries.clear();
        sorted.from((first.into(), 0), |(row, says)| {
            let is_here = row < end;
            if is_here && let Ok(row) = u64::try_from(row) {
                self.entries.push((row - first, says));
            }
            is_here
        })
    }
}

/// Adds what `value` says of each row of `block` that meets the condition.
fn each(
    block: &Block,
    decisions: &mut Decisions,
    mut value: impl FnMut(u64, &Row<'_>) -> Result<u32>,
) -> Result<u64> {
    let mut rows = 0;
    for at in 0..block.rows() {
        let place = u32::try_from(at).unwrap_or(u32::MAX);
        match (block.row(at), &mut decisions.chosen) {
            (None, None) => decisions.chosen = Some((0..place).collect()),
            (None, Some(_)) => {}
            (Some(row), chosen) => {
                decisions.values.push(value(at as u64, &row)?);
                chosen.iter_mut().for_each(|chosen| chosen.push(place));
                rows += 1;
            }
        }
    }
    Ok(rows)
}

impl RowSink for Decider {
    type Found = Self;

    fn finish(self) -> Self {
        self
    }

    fn take(&mut self, block: &mut Block) -> Result<()> {
        let rule = Arc::clone(&self.rule);
        match &*rule {
            Rule::Clone(sorted) | Rule::Drop(sorted) | Rule::Deal { folds: sorted, .. } => {
                self.look_up(sorted, block)?;
            }
            Rule::Repeat(_) | Rule::Weigh { .. } | Rule::Split { .. } => {}
        }
        let mut decisions = Decisions {
            first_row: block.first_row,
            rows: block.rows() as u64,
            chosen: None,
            values: Values::default(),
            weights: None,
        };
        let (first, stream) = (block.first_row, self.places.streams[block.shard]);
        let Self { shift, folds, random_folds, entries, .. } = self;
        let mut entries = entries.iter().peekable();
        // Of the row at a place, which is behind those asked for before.
        let mut entries_of = |at: u64| {
            let mut found = (0_u32, None);
            while let Some((row, says)) = entries.next_if(|(row, _)| *row <= at) {
                if *row == at {
                    found = (found.0.saturating_add(1), Some(*says));
                }
            }
            found
        };
        let mut seen = |row: &Row<'_>, repeats: u32| {
            shift.repeat(row.positives, row.unknown, repeats);
            repeats
        };
        let rows = match &*rule {
            Rule::Repeat(factors) => each(block, &mut decisions, |at, row| {
                Ok(seen(row, factors.repeats(row.positives, stream, first + at)))
            }),
            Rule::Weigh { weights, draws, sum } => {
                let mut all = Vec::with_capacity(block.rows());
                let rows = each(block, &mut decisions, |at, row| {
                    let weight = weights.weight(row.positives);
                    all.push(weight);
                    Ok(seen(row, RowWeights::repeats(weight, *draws, *sum, stream, first + at)))
                });
                decisions.weights = Some(all);
                rows
            }
            Rule::Split { remedial, mean } => each(block, &mut decisions, |_, row| {
                let splits = remedial.splits(row.positives, *mean);
                if splits {
                    shift.split(row.unknown);
                }
                Ok(1 + u32::from(splits))
            }),
            Rule::Clone(_) => {
                each(block, &mut decisions, |at, row| Ok(seen(row, entries_of(at).0.saturating_add(1))))
            }
            Rule::Drop(_) => {
                each(block, &mut decisions, |at, row| Ok(seen(row, u32::from(entries_of(at).0 == 0))))
            }
            Rule::Deal { shares, .. } => each(block, &mut decisions, |at, row| {
                let fold = entries_of(at).1.and_then(|fold| usize::try_from(fold).ok());
                let fold = fold.filter(|fold| *fold < shares.len());
                let fold = fold.ok_or_else(|| {
                    Error::changed("a row appeared after the others were read")
                        .hint("run again once nothing writes to the shards")
                })?;
                folds[fold].add(row.positives, row.unknown);
                random_folds[by_chance(shares, stream, first + at)].add(row.positives, row.unknown);
                u32::try_from(fold).map_err(|_| Error::internal("more than 2^32 folds"))
            }),
        };
        self.rows += rows?;
        self.part.push(block.shard, decisions)
    }
}

/// A fold that depends on nothing but chance.
fn by_chance(shares: &[f64], stream: Stream, row: u64) -> usize {
    let unit = stream.unit(row);
    let mut sum = 0.0;
    let behind = shares.iter().position(|share| {
        sum += share;
        unit < sum
    });
    behind.unwrap_or(shares.len().saturating_sub(1))
}
