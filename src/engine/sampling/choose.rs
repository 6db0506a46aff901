//! Rows are picked, or dealt to folds. Nothing here reads a shard.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::decide::Rule;
use super::sorted::{Entry, Sorted, Unsorted};
use super::{Facts, Work, gather};
use crate::engine::spill::Spill;
use crate::error::{Error, Result};
use crate::sampling::lp::{Quotas, Side};
use crate::sampling::ml::{Bags, Bits, oversample, undersample};
use crate::sampling::stratify::stratify;
use crate::sampling::{Draw, Rarity};

/// Does `work`, which takes long and waits for nothing, beside everything else.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|cause| Error::internal(cause.to_string()))?
}

/// What rows are chosen with.
#[derive(Clone)]
struct Means {
    rarity: Rarity,
    draw: Draw,
    /// Above every number of a row.
    rows: u64,
    spill: Arc<Spill>,
    budget: usize,
}

impl Means {
    fn of(work: &Work<'_>) -> Self {
        Self {
            rarity: work.rarity.clone(),
            draw: work.asked.draw,
            rows: work.places.rows,
            spill: Arc::clone(&work.spill),
            budget: work.budget(),
        }
    }

    /// Entries by row, made by `fill`.
    fn entries<T>(self, fill: impl FnOnce(&Self, &mut Unsorted) -> Result<T>) -> Result<(Sorted, T)> {
        let mut entries = Unsorted::new(Arc::clone(&self.spill), self.budget);
        let told = fill(&self, &mut entries)?;
        Ok((Sorted::merge(vec![entries], Arc::clone(&self.spill), self.budget)?, told))
    }
}

/// How rows that were chosen are seen.
fn seen(chosen: Sorted, more: bool) -> Rule {
    if more { Rule::Clone(chosen) } else { Rule::Drop(chosen) }
}

/// Rows by label and labels by row.
struct Paged {
    by_label: Sorted,
    by_row: Sorted,
    /// Where the bag of each label begins.
    starts: Vec<u64>,
}

impl Paged {
    fn new([by_label, by_row]: [Sorted; 2], labels: &[u32], rarity: &Rarity) -> Result<Self> {
        let mut starts = vec![0; rarity.positives.len()];
        let mut next = 0;
        for &label in labels {
            starts[label as usize] = next;
            next += rarity.positives[label as usize];
        }
        if next != by_label.len() {
            let found = by_label.len();
            return Err(Error::changed(format!("{next} labels were counted, {found} found again"))
                .hint("run again once nothing writes to the shards"));
        }
        Ok(Self { by_label, by_row, starts })
    }
}

impl Bags for Paged {
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
pub(super) async fn by_label(work: &Work<'_>, percent: f64, more: bool, facts: &mut Facts) -> Result<Rule> {
    let means = Means::of(work);
    let budget = means.rarity.share(percent);
    let labels = if more { means.rarity.minority() } else { means.rarity.majority() };
    let bags = if budget == 0 { None } else { Some(gather::bags(work, &labels).await?) };
    let (chosen, done) = aside(move || {
        means.entries(|means, entries| {
            let Some(bags) = bags else { return Ok(0) };
            let Means { rarity, draw, rows, .. } = means;
            let bags = Paged::new(bags, &labels, rarity)?;
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
    Ok(seen(chosen, more))
}

/// ML-RUS of rows without a minority label: those that draw least are dropped.
pub(super) async fn without_minority(work: &Work<'_>, percent: f64, facts: &mut Facts) -> Result<Rule> {
    let means = Means::of(work);
    let budget = means.rarity.share(percent);
    let mut minority = vec![false; means.rarity.positives.len()];
    means.rarity.minority().iter().for_each(|label| minority[*label as usize] = true);
    let places = Arc::clone(&work.places);
    let drawn = gather::keyed(work, move |shard, number, row| {
        let has_minority = row.positives.iter().any(|label| minority[*label as usize]);
        (budget > 0 && !has_minority).then(|| places.streams[shard].bits(number).into())
    })
    .await?;
    let done = budget.min(drawn.len());
    let (chosen, ()) = aside(move || {
        means.entries(|_, entries| {
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
pub(super) async fn by_set(work: &Work<'_>, percent: f64, more: bool, facts: &mut Facts) -> Result<Rule> {
    let means = Means::of(work);
    let budget = means.rarity.share(percent);
    let draw = work.asked.draw;
    let sets = gather::keyed(work, move |_, _, row| Some(draw.key(row.positives))).await?;
    let (chosen, (done, labelsets)) = aside(move || {
        means.entries(|means, entries| {
            let mut sizes = BTreeMap::new();
            bags(&sets, |_, _, size| {
                *sizes.entry(size).or_default() += 1;
                Ok(())
            })?;
            let side = if more { Side::Minority } else { Side::Majority };
            let mut quotas = Quotas::new(&sizes, side, budget);
            let mut gone = Bits::new(if more { 0 } else { means.rows });
            let mut done = 0;
            bags(&sets, |key, start, size| {
                let (quota, picks) = (quotas.next(size), means.draw.set(key));
                let (mut chosen, mut pick) = (0, 0);
                while chosen < quota {
                    let row = sets.get(start + picks.below(pick, size))?.1;
                    pick += 1;
                    // A row that is gone is passed over; less than all of a set go.
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
    Ok(seen(chosen, more))
}

/// Calls `each` with the key, the first place and the size of every bag of rows with the same key.
fn bags(sorted: &Sorted, mut each: impl FnMut(u128, u64, u64) -> Result<()>) -> Result<()> {
    let (mut bag, mut place, mut outcome): (Option<(u128, u64)>, u64, _) = (None, 0, Ok(()));
    sorted.from((0, 0), |(key, _): Entry| {
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
pub(super) async fn folds(work: &Work<'_>, folds: &[(String, f64)], order: u8) -> Result<Rule> {
    let means = Means::of(work);
    let shares: Vec<f64> = folds.iter().map(|(_, share)| *share).collect();
    let (rows, numbers) = gather::all_rows(work).await?;
    let limit = work.request.limits.pool_bytes();
    let dealt = shares.clone();
    let (chosen, ()) = aside(move || {
        means.entries(|means, entries| {
            let labels = u32::try_from(means.rarity.positives.len()).unwrap_or(u32::MAX);
            let rows = if order == 2 { rows.with_pairs(labels, limit / 2)? } else { rows };
            let folds = stratify(&rows, &shares);
            numbers.iter().zip(folds).try_for_each(|(row, fold)| entries.push((*row).into(), fold.into()))
        })
    })
    .await?;
    Ok(Rule::Deal { folds: chosen, shares: dealt })
}
