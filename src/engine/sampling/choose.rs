//! Picks rows, or assigns them to folds. Reads no shards.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::deal::Dealt;
use super::decide::Rule;
use super::gather;
use super::groups::Grouping;
use super::sorted::{KeyedRow, SortedRows, UnsortedRows};
use super::task::{SamplingFacts, SamplingTask};
use crate::engine::spill::Spill;
use crate::error::{Error, Result};
use crate::sampling::even_groups::even_out;
use crate::sampling::lp::{Quotas, Side};
use crate::sampling::ml::{Bags, Bits, oversample, undersample};
use crate::sampling::stratify::stratify;
use crate::sampling::{Draw, Rarity};

/// Runs `work`, which computes for long, on a thread where it blocks no other task.
async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|cause| Error::internal(cause.to_string()))?
}

/// What choosing rows takes beside the sorted rows.
#[derive(Clone)]
struct RowChooser {
    rarity: Rarity,
    draw: Draw,
    /// Number of all rows.
    rows: u64,
    spill: Arc<Spill>,
    budget: usize,
}

impl RowChooser {
    fn of(task: &SamplingTask<'_>) -> Self {
        Self {
            rarity: task.rarity.clone(),
            draw: task.asked.draw,
            rows: task.numbering.rows,
            spill: Arc::clone(&task.spill),
            budget: task.budget(),
        }
    }

    /// Sorts the entries that `fill` adds, whose keys are row numbers.
    fn entries<T>(self, fill: impl FnOnce(&Self, &mut UnsortedRows) -> Result<T>) -> Result<(SortedRows, T)> {
        let mut entries = UnsortedRows::new(Arc::clone(&self.spill), self.budget);
        let outcome = fill(&self, &mut entries)?;
        Ok((SortedRows::merge(vec![entries], Arc::clone(&self.spill), self.budget)?, outcome))
    }
}

/// The rule for the chosen rows: `more` clones them, otherwise they are dropped.
fn rule_of(chosen: SortedRows, more: bool) -> Rule {
    if more { Rule::Clone(chosen) } else { Rule::Drop(chosen) }
}

/// Rows by label, and labels by row.
struct SortedBags {
    by_label: SortedRows,
    by_row: SortedRows,
    /// Position of the first row of each label.
    starts: Vec<u64>,
}

impl SortedBags {
    fn new([by_label, by_row]: [SortedRows; 2], labels: &[u32], rarity: &Rarity) -> Result<Self> {
        let mut starts = vec![0; rarity.positives.len()];
        let mut next = 0;
        for &label in labels {
            starts[label as usize] = next;
            next += rarity.positives[label as usize];
        }
        if next != by_label.len() {
            let found = by_label.len();
            return Err(Error::changed(format!("the count found {next} labels, the sampling plan {found}"))
                .hint("run again once nothing writes to the shards"));
        }
        Ok(Self { by_label, by_row, starts })
    }
}

impl Bags for SortedBags {
    fn row(&self, label: u32, place: u64) -> Result<u64> {
        self.by_label.get(self.starts[label as usize] + place).map(|(_, row)| row)
    }

    fn labels(&self, row: u64, labels: &mut Vec<u32>) -> Result<()> {
        labels.clear();
        self.by_row.from((row.into(), 0), |(at, label)| {
            let is_here = at == u128::from(row);
            labels.extend(u32::try_from(label).ok().filter(|_| is_here));
            is_here
        })
    }
}

/// ML-ROS and ML-RUS.
pub(super) async fn by_label(
    task: &SamplingTask<'_>,
    percent: f64,
    more: bool,
    facts: &mut SamplingFacts,
) -> Result<Rule> {
    let chooser = RowChooser::of(task);
    let budget = chooser.rarity.share(percent);
    let labels = if more { chooser.rarity.minority() } else { chooser.rarity.majority() };
    let bags = if budget == 0 { None } else { Some(gather::bags(task, &labels, more).await?) };
    let (chosen, done) = run_blocking(move || {
        chooser.entries(|chooser, entries| {
            let Some(bags) = bags else { return Ok(0) };
            let RowChooser { rarity, draw, rows, .. } = chooser;
            let bags = SortedBags::new(bags, &labels, rarity)?;
            let choose = |row: u64| entries.push(row.into(), 0);
            if more {
                oversample(rarity, &bags, budget, draw, choose)
            } else {
                undersample(rarity, &bags, budget, draw, *rows, choose)
            }
        })
    })
    .await?;
    (facts.asked, facts.done) = (Some(budget), Some(done));
    Ok(rule_of(chosen, more))
}

/// ML-RUS among rows without a minority label: drops those with the lowest random numbers.
pub(super) async fn without_minority(
    task: &SamplingTask<'_>,
    percent: f64,
    facts: &mut SamplingFacts,
) -> Result<Rule> {
    let chooser = RowChooser::of(task);
    let budget = chooser.rarity.share(percent);
    let mut minority = vec![false; chooser.rarity.positives.len()];
    chooser.rarity.minority().iter().for_each(|label| minority[*label as usize] = true);
    let numbering = Arc::clone(&task.numbering);
    let drawn = gather::keyed(task, move |shard, number, row| {
        let has_minority = row.positives.iter().any(|label| minority[*label as usize]);
        (budget > 0 && !has_minority).then(|| numbering.streams[shard].bits(number).into())
    })
    .await?;
    let done = budget.min(drawn.len());
    let (chosen, ()) = run_blocking(move || {
        chooser.entries(|_, entries| {
            let (mut left, mut outcome) = (done, Ok(()));
            drawn.from((0, 0), |(_, row)| {
                if left > 0 {
                    left -= 1;
                    outcome = entries.push(row.into(), 0);
                }
                left > 0 && outcome.is_ok()
            })?;
            outcome
        })
    })
    .await?;
    (facts.asked, facts.done) = (Some(budget), Some(done));
    Ok(Rule::Drop(chosen))
}

/// LP-ROS and LP-RUS.
pub(super) async fn by_set(
    task: &SamplingTask<'_>,
    percent: f64,
    more: bool,
    facts: &mut SamplingFacts,
) -> Result<Rule> {
    let chooser = RowChooser::of(task);
    let budget = chooser.rarity.share(percent);
    let draw = task.asked.draw;
    let sets = gather::keyed(task, move |_, _, row| Some(draw.key(row.positives))).await?;
    let (chosen, (done, labelsets)) = run_blocking(move || {
        chooser.entries(|chooser, entries| {
            let mut sizes = BTreeMap::new();
            bags(&sets, |_, _, size| {
                *sizes.entry(size).or_default() += 1;
                Ok(())
            })?;
            let side = if more { Side::Minority } else { Side::Majority };
            let mut quotas = Quotas::new(&sizes, side, budget);
            let mut gone = Bits::new(if more { 0 } else { chooser.rows });
            let mut done = 0;
            bags(&sets, |key, start, size| {
                let (quota, picks) = (quotas.next(size), chooser.draw.set(key));
                let (mut chosen, mut pick) = (0, 0);
                while chosen < quota {
                    let row = sets.get(start + picks.below(pick, size))?.1;
                    pick += 1;
                    // Skips rows that are dropped already. The quota is below the size of the set, so the loop ends.
                    if more || gone.set(row) {
                        entries.push(row.into(), 0)?;
                        chosen += 1;
                    }
                }
                done += chosen;
                Ok(())
            })?;
            Ok((done, sizes.values().sum()))
        })
    })
    .await?;
    (facts.asked, facts.done, facts.labelsets) = (Some(budget), Some(done), Some(labelsets));
    Ok(rule_of(chosen, more))
}

/// Calls `each` with the key, the first position and the size of every bag of rows with the same key.
fn bags(sorted: &SortedRows, mut each: impl FnMut(u128, u64, u64) -> Result<()>) -> Result<()> {
    let (mut bag, mut place, mut outcome): (Option<(u128, u64)>, u64, _) = (None, 0, Ok(()));
    sorted.from((0, 0), |(key, _): KeyedRow| {
        match bag {
            Some((current, _)) if current == key => {}
            Some((current, start)) => {
                outcome = each(current, start, place - start);
                bag = Some((key, place));
            }
            None => bag = Some((key, place)),
        }
        place += 1;
        outcome.is_ok()
    })?;
    outcome?;
    bag.map_or(Ok(()), |(key, start)| each(key, start, place - start))
}

/// Iterative stratification.
pub(super) async fn folds(
    task: &SamplingTask<'_>,
    folds: &[(String, f64)],
    order: u8,
    facts: &mut SamplingFacts,
) -> Result<Rule> {
    let chooser = RowChooser::of(task);
    let shares: Vec<f64> = folds.iter().map(|(_, share)| *share).collect();
    let (rows, numbers) = gather::all_rows(task).await?;
    let limit = task.request.limits.pool_bytes();
    let dealt = shares.clone();
    let grouping = task.asked.groups.map(|column| Grouping::of(task, column, limit / 3));
    let (chosen, groups) = run_blocking(move || {
        chooser.entries(|chooser, entries| {
            let labels = u32::try_from(chooser.rarity.positives.len()).unwrap_or(u32::MAX);
            let rows = if order == 2 { rows.with_pairs(labels, limit / 2)? } else { rows };
            let Some(grouping) = grouping else {
                let folds = stratify(&rows, &shares);
                let mut dealt = numbers.iter().zip(folds);
                dealt.try_for_each(|(row, fold)| entries.push((*row).into(), Dealt::row(fold).entry()))?;
                return Ok(None);
            };
            let groups = grouping.groups(&numbers)?;
            let units = rows.grouped(&groups);
            drop(rows);
            let mut folds = stratify(&units, &shares);
            even_out(&units, &shares, &mut folds);
            let mut dealt = numbers.iter().zip(groups);
            dealt.try_for_each(|(row, group)| {
                let dealt = Dealt { fold: folds[group as usize], group: Some(group) };
                entries.push((*row).into(), dealt.entry())
            })?;
            Ok(Some((units.len() as u64, units.largest())))
        })
    })
    .await?;
    (facts.groups, facts.largest_group) = groups.unzip();
    Ok(Rule::Deal { folds: chosen, shares: dealt, draw: task.asked.draw })
}
