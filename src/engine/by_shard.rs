//! Counting shard by shard, so that counts can be kept from run to run.

use std::ops::RangeInclusive;

use arrow::array::RecordBatch;
use tokio::task::JoinSet;

use super::collect::{Collector, Way};
use super::counting::Counting;
use super::long;
use super::query::{Dataset, Task};
use super::states::{self, Fate, States};
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;

/// What becomes of each shard, and whether its counts can be kept at all.
#[must_use]
pub fn fates(states: &States, shards: &[Shard], counting: &Counting) -> Vec<(Fate, bool)> {
    let known = shards.iter().zip(single(shards, counting));
    known
        .map(|(shard, own)| match own {
            Own::Rows(_) => (states.fate(shard), true),
            Own::Shared => (Fate::New, false),
        })
        .collect()
}

/// The first shard whose rows others may have too.
#[must_use]
pub fn shared<'s>(shards: &'s [Shard], counting: &Counting) -> Option<&'s Shard> {
    let owned = single(shards, counting).into_iter().zip(shards);
    owned.filter(|(own, _)| matches!(own, Own::Shared)).map(|(_, shard)| shard).next()
}

/// Counts of one shard.
struct One {
    number: usize,
    counts: Vec<u8>,
    way: Option<Way>,
}

/// The row ids of a shard.
pub(super) type Ids = RangeInclusive<i128>;

/// Whose the rows of a shard are.
#[derive(Debug, Clone)]
pub(super) enum Own {
    /// Its own; where that is known from the footer, with the ids that it has then.
    Rows(Option<Ids>),
    /// Others may have some of them too.
    Shared,
}

/// Whose the rows of each shard are.
pub(super) fn single(shards: &[Shard], counting: &Counting) -> Vec<Own> {
    match counting.layout.kind {
        LayoutKind::Long if !counting.ids_disjoint => long::apart(shards, counting)
            .into_iter()
            .map(|range| range.map_or(Own::Shared, |range| Own::Rows(Some(range))))
            .collect(),
        _ => vec![Own::Rows(None); shards.len()],
    }
}

/// Counts shard by shard, several at a time: those in `states` are not read, the others kept there. Shards
/// that share row ids are counted together, and not kept. `None` when that turned out not to be so.
pub(super) async fn by_shard(
    task: &Task,
    dataset: &Dataset,
    states: &mut States,
    collector: &mut Collector,
) -> Result<Option<Way>> {
    let number = |i: usize| u32::try_from(i).map_err(|_| Error::input("more than 2^32 shards"));
    let of = |shards: Vec<Shard>| dataset.with(shards);
    let (mut todo, mut together) = (Vec::new(), Vec::new());
    for (i, (shard, own)) in dataset.shards.iter().zip(single(&dataset.shards, &task.counting)).enumerate() {
        let Own::Rows(range) = own else {
            together.push(shard.clone());
            continue;
        };
        match states.get(shard) {
            Some(counts) => {
                states::decode(&counts, number(i)?, |row| collector.add_row(row))?;
                task.progress.add(shard.rows);
            }
            None => todo.push((i, range)),
        }
    }
    let mut todo = todo.into_iter();
    let mut running = JoinSet::new();
    let mut sum: Option<Way> = None;
    loop {
        while running.len() < task.limits.threads.max(1)
            && let Some((i, range)) = todo.next()
        {
            running.spawn(count_one(task.clone(), i, of(vec![dataset.shards[i].whole()?]), range));
        }
        let Some(done) = running.join_next().await else { break };
        let One { number: i, counts, way } = done.map_err(|cause| Error::internal(cause.to_string()))??;
        let Some(way) = way else { return Ok(None) };
        states.put(&dataset.shards[i], &counts)?;
        states::decode(&counts, number(i)?, |row| collector.add_row(row))?;
        match &mut sum {
            None => sum = Some(way),
            Some(sum) => sum.columns.iter_mut().zip(&way.columns).for_each(|(sum, more)| sum.add(more)),
        }
    }
    if !together.is_empty() {
        sum = Some(task.count(&of(together), |batch| collector.add(batch)).await?);
    }
    Ok(Some(sum.unwrap_or(Way {
        engine: "none",
        why: Some("all counts were kept".to_owned()),
        columns: Vec::new(),
    })))
}

/// Counts one shard into bytes that can be kept. Its row ids are said to lie in `range`; `None` for the
/// way when they do not.
async fn count_one(task: Task, number: usize, one: Dataset, range: Option<Ids>) -> Result<One> {
    let (mut counts, n_by) = (Vec::new(), task.counting.by.len());
    let mut keep = |batch: &RecordBatch| states::encode(batch, n_by, &mut counts);
    let way = if task.counting.layout.kind == LayoutKind::Long {
        let choice = task.choose(&one).await?;
        let columns = long::count_apart(&task.means(1), &one, choice.kept(), vec![range], &mut keep).await?;
        columns.map(|columns| choice.way(columns))
    } else {
        Some(task.count(&one, keep).await?)
    };
    // Kept counts are of the shard as it was listed.
    one.shards.iter().try_for_each(Shard::check_unchanged)?;
    Ok(One { number, counts, way })
}
