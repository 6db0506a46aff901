//! Decides on every row.

use std::sync::Arc;

use super::deal::FoldCounts;
use super::decisions::{RowDecisions, ThreadDecisions};
use super::sorted::SortedRows;
use super::task::{RowNumbering, SamplingFacts, SamplingPlan, SamplingTask};
use crate::counts::as_f64;
use crate::engine::rows::block::{Block, Row};
use crate::engine::rows::dispatch::read_rows;
use crate::engine::rows::sink::RowSink;
use crate::engine::spill::{Spill, Spilled};
use crate::error::{Error, Result};
use crate::row_measures::Scumble;
use crate::sampling::remedial::Remedial;
use crate::sampling::repeat_factor::RepeatFactors;
use crate::sampling::row_weight::{RowWeights, Sum};
use crate::sampling::{Decisions, Draw, Rarity, Shift, Values};

/// How the value of a row follows from its labels, or from the chosen rows.
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
    /// One more repeat for each entry of the row.
    Clone(SortedRows),
    /// No repeat of rows with an entry.
    Drop(SortedRows),
    /// The fold that the row's entry holds.
    Deal {
        folds: SortedRows,
        shares: Vec<f64>,
        draw: Draw,
    },
}

/// Decides on the rows that one thread reads.
struct Decider {
    rule: Arc<Rule>,
    numbering: Arc<RowNumbering>,
    decided: ThreadDecisions,
    shift: Shift,
    folds: FoldCounts,
    rows: u64,
    /// Rows that occur not exactly once, or are split.
    touched: u64,
    /// Copies of split rows that have no label.
    empty_copies: u64,
    /// SCUMBLE of the rows of an epoch: for plans that edit labels, and in a second pass that measures it.
    scumble: Sum,
    /// SCUMBLE with the positives of an epoch, in a second pass, which keeps no decision.
    measure: Option<Arc<Scumble>>,
    /// Entries of the rows of a block: position of the row in the block, and value of the entry.
    entries: Vec<(u64, u64)>,
}

/// Decides on all rows.
pub(super) async fn decide(task: &SamplingTask<'_>, rule: Rule) -> Result<SamplingPlan> {
    let labels = task.asked.counts.len();
    let folds = match &rule {
        Rule::Deal { shares, .. } => shares.len(),
        _ => 0,
    };
    let rule = Arc::new(rule);
    let make = || Decider::new(task, &rule, folds, None);
    let done = read_rows(&task.request, make).await?;
    let (mut touched, mut empty_copies) = (0, 0);
    let (mut shift, mut rows, mut parts) = (Shift::new(labels), 0, Vec::new());
    let mut all = FoldCounts::new(task, folds);
    let mut scumble = Sum::default();
    for decider in done {
        rows += decider.rows;
        touched += decider.touched;
        empty_copies += decider.empty_copies;
        scumble.merge(decider.scumble);
        shift.merge(&decider.shift);
        all.merge(&decider.folds);
        parts.push(decider.decided);
    }
    if rows != task.asked.counts.rows() {
        let counted = task.asked.counts.rows();
        return Err(Error::changed(format!("the count found {counted} rows, the sampling plan {rows}"))
            .hint("run again once nothing writes to the shards"));
    }
    let (folds, random_folds) = all.finish();
    let epoch = shift.rows_after(rows);
    let mut scumble_after =
        (matches!(*rule, Rule::Split { .. }) && epoch > 0).then(|| scumble.value() / as_f64(epoch));
    if task.asked.compared && folds.is_empty() && scumble_after.is_none() && epoch > 0 {
        scumble_after = Some(scumble_of_epoch(task, &rule, &shift).await?.value() / as_f64(epoch));
    }
    Ok(SamplingPlan {
        decided: RowDecisions::join(parts),
        shift,
        folds,
        random_folds,
        facts: SamplingFacts {
            touched,
            empty_copies: matches!(*rule, Rule::Split { .. }).then_some(empty_copies),
            scumble_after,
            ..SamplingFacts::default()
        },
        spilled: Spilled::default(),
    })
}

/// The sum of SCUMBLE over the rows of an epoch, by the positives of the epoch: decides once more.
async fn scumble_of_epoch(task: &SamplingTask<'_>, rule: &Arc<Rule>, shift: &Shift) -> Result<Sum> {
    let after = Rarity::of(&shift.after(task.asked.counts)?);
    let measure = Arc::new(Scumble::new(after.positives.iter().copied()));
    let make = || Decider::new(task, rule, 0, Some(Arc::clone(&measure)));
    let mut all = Sum::default();
    read_rows(&task.request, make).await?.iter().for_each(|decider| all.merge(decider.scumble));
    Ok(all)
}

impl Decider {
    fn new(task: &SamplingTask<'_>, rule: &Arc<Rule>, folds: usize, measure: Option<Arc<Scumble>>) -> Self {
        let labels = task.asked.counts.len();
        let spill: Arc<Spill> = Arc::clone(&task.spill);
        Self {
            rule: Arc::clone(rule),
            numbering: Arc::clone(&task.numbering),
            decided: ThreadDecisions::new(spill, task.budget()),
            shift: Shift::new(labels),
            folds: FoldCounts::new(task, folds),
            rows: 0,
            touched: 0,
            empty_copies: 0,
            scumble: Sum::default(),
            measure,
            entries: Vec::new(),
        }
    }

    /// Looks up the entries of the rows of a block.
    fn look_up(&mut self, sorted: &SortedRows, block: &Block) -> Result<()> {
        let first = self.numbering.bases[block.shard] + block.first_row;
        let end = u128::from(first + block.rows() as u64);
        self.entries.clear();
        sorted.from((first.into(), 0), |(row, value)| {
            let is_here = row < end;
            if is_here && let Ok(row) = u64::try_from(row) {
                self.entries.push((row - first, value));
            }
            is_here
        })
    }
}

/// Adds the `value` of each row of `block` that meets the condition; gives the number of these rows.
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
        let (numbering, stream) = (Arc::clone(&self.numbering), self.numbering.streams[block.shard]);
        let place = |at: u64| numbering.place(block.shard, block.first_row + at);
        let Self { shift, folds, entries, scumble, touched, empty_copies, measure, .. } = self;
        let mut entries = entries.iter().peekable();
        // Number and last value of the entries of a row; rows must come in order.
        let mut entries_of = |at: u64| {
            let mut found = (0_u32, None);
            while let Some((row, value)) = entries.next_if(|(row, _)| *row <= at) {
                if *row == at {
                    found = (found.0.saturating_add(1), Some(*value));
                }
            }
            found
        };
        let mut seen = |row: &Row<'_>, repeats: u32| {
            shift.repeat(row.positives, row.unknown, repeats);
            *touched += u64::from(repeats != 1);
            if let Some(measure) = measure {
                scumble.add(measure.of(row.positives) * f64::from(repeats));
            }
            repeats
        };
        let rows = match &*rule {
            Rule::Repeat(factors) => each(block, &mut decisions, |at, row| {
                Ok(seen(row, factors.repeats(row.positives, stream, place(at))))
            }),
            Rule::Weigh { weights, draws, sum } => {
                let mut all = Vec::with_capacity(block.rows());
                let rows = each(block, &mut decisions, |at, row| {
                    let weight = weights.weight(row.positives);
                    all.push(weight);
                    let repeats = RowWeights::repeats(weight, *draws, *sum, stream, place(at));
                    // As files of plans hold it.
                    if i32::try_from(repeats).is_err() {
                        return Err(Error::usage(format!(
                            "draws={draws}: a row would occur more than {} times in an epoch",
                            i32::MAX
                        ))
                        .hint("name fewer draws; without draws, an epoch has as many rows as the shards"));
                    }
                    Ok(seen(row, repeats))
                });
                decisions.weights = Some(all);
                rows
            }
            Rule::Split { remedial, mean } => each(block, &mut decisions, |_, row| {
                let splits = remedial.splits(row.positives, *mean);
                *touched += u64::from(splits);
                if splits {
                    shift.split(row.unknown);
                    for copy in &remedial.copies(row.positives) {
                        scumble.add(remedial.scumble(copy));
                        *empty_copies += u64::from(copy.is_empty());
                    }
                } else {
                    scumble.add(remedial.scumble(row.positives));
                }
                Ok(1 + u32::from(splits))
            }),
            Rule::Clone(_) => {
                each(block, &mut decisions, |at, row| Ok(seen(row, entries_of(at).0.saturating_add(1))))
            }
            Rule::Drop(_) => {
                each(block, &mut decisions, |at, row| Ok(seen(row, u32::from(entries_of(at).0 == 0))))
            }
            Rule::Deal { shares, draw, .. } => each(block, &mut decisions, |at, row| {
                folds.add(row, entries_of(at).1, shares, *draw, (stream, place(at)))
            }),
        };
        self.rows += rows?;
        if self.measure.is_some() {
            return Ok(());
        }
        self.decided.push(block.shard, numbering.placed(block.shard, decisions)?)
    }
}
