//! Counting shard by shard, so that counts can be saved from run to run.

use arrow::array::RecordBatch;
use tokio::task::JoinSet;

use crate::engine::count::collect::Collector;
use crate::engine::count::pass::count_pass;
use crate::engine::count::states;
use crate::engine::count::states::{Fate, States};
use crate::engine::counting::Counting;
use crate::engine::dataset::{Dataset, shard_number};
use crate::engine::pairs::long;
use crate::engine::pairs::ranges::IdRange;
use crate::engine::read::choice::choose;
use crate::engine::read::routes::Route;
use crate::engine::task::CountTask;
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;

/// What becomes of each shard, and whether its counts can be kept at all.
#[must_use]
pub(crate) fn fates(states: &States, shards: &[Shard], counting: &Counting) -> Vec<(Fate, bool)> {
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
pub(crate) fn shared<'s>(shards: &'s [Shard], counting: &Counting) -> Option<&'s Shard> {
    let owned = single(shards, counting).into_iter().zip(shards);
    owned.filter(|(own, _)| matches!(own, Own::Shared)).map(|(_, shard)| shard).next()
}

/// Counts of one shard.
struct ShardCounts {
    number: usize,
    counts: Vec<u8>,
    way: Option<Route>,
}

/// The row ids of a shard.
pub(crate) type Ids = IdRange;

/// Whose the rows of a shard are.
#[derive(Debug, Clone)]
pub(crate) enum Own {
    /// Its own; where that is known from the footer, with the ids that it has then.
    Rows(Option<Ids>),
    /// Others may have some of them too.
    Shared,
}

/// Whose the rows of each shard are.
pub(crate) fn single(shards: &[Shard], counting: &Counting) -> Vec<Own> {
    match counting.layout.kind {
        LayoutKind::Long if !counting.ids_disjoint => long::own_ranges(shards, counting)
            .into_iter()
            .map(|range| match range {
                Some(range @ IdRange::Numbers(_)) => Own::Rows(Some(range)),
                _ => Own::Shared,
            })
            .collect(),
        _ => vec![Own::Rows(None); shards.len()],
    }
}

/// Counts shard by shard, several at a time: those in `states` are not read, the others kept there. Shards
/// that share row ids are counted together, and not kept. `None` when that turned out not to be so.
pub(crate) async fn by_shard(
    task: &CountTask,
    dataset: &Dataset,
    states: &mut States,
    collector: &mut Collector,
) -> Result<Option<Route>> {
    let of = |shards: Vec<Shard>| dataset.with(shards);
    let (mut todo, mut together) = (Vec::new(), Vec::new());
    for (i, (shard, own)) in dataset.shards.iter().zip(single(&dataset.shards, &task.counting)).enumerate() {
        let Own::Rows(range) = own else {
            together.push(shard.clone());
            continue;
        };
        match states.get(shard) {
            Some(counts) => {
                states::decode(&counts, shard_number(i)?, |row| {
                    task.progress.live.add_row(row);
                    collector.add_row(row)
                })?;
                task.progress.add(shard.rows);
                task.progress.add_shards(1);
            }
            None => todo.push((i, range)),
        }
    }
    let mut todo = todo.into_iter();
    let mut running = JoinSet::new();
    let mut sum: Option<Route> = None;
    loop {
        while running.len() < task.threads()
            && let Some((i, range)) = todo.next()
        {
            running.spawn(count_one(task.clone(), i, of(vec![dataset.shards[i].whole()?]), range));
        }
        let Some(done) = running.join_next().await else { break };
        let ShardCounts { number: i, counts, way } =
            done.map_err(|cause| Error::internal(cause.to_string()))??;
        let Some(way) = way else { return Ok(None) };
        states.put(&dataset.shards[i], &counts)?;
        let is_long = task.counting.layout.kind == LayoutKind::Long;
        task.progress.add_shards(is_long.into());
        states::decode(&counts, shard_number(i)?, |row| {
            // Scans tell on the way; what is positive in pairs is known once all are read.
            if is_long {
                task.progress.live.add_row(row);
            }
            collector.add_row(row)
        })?;
        match &mut sum {
            None => sum = Some(way),
            Some(sum) => sum.columns.iter_mut().zip(&way.columns).for_each(|(sum, more)| sum.add(more)),
        }
    }
    if !together.is_empty() {
        sum = Some(count_pass(task, &of(together), |batch| collector.add(batch)).await?);
    }
    Ok(Some(sum.unwrap_or(Route {
        engine: "none",
        why: Some("all counts were saved".to_owned()),
        columns: Vec::new(),
    })))
}

/// Counts one shard into bytes that can be saved. Its footer claims row ids in `range`; `None` for the
/// route when one lies outside.
async fn count_one(task: CountTask, number: usize, one: Dataset, range: Option<Ids>) -> Result<ShardCounts> {
    let (mut counts, n_by) = (Vec::new(), task.counting.by.len());
    let mut keep = |batch: &RecordBatch| states::encode(batch, n_by, &mut counts);
    let way = if task.counting.layout.kind == LayoutKind::Long {
        let choice = choose(&task.context, &one, &task.counting).await?;
        let columns =
            long::count_with_ranges(&task.on_one_thread(), &one, choice.kept(), vec![range], &mut keep)
                .await?;
        columns.map(|columns| choice.route(columns))
    } else {
        Some(count_pass(&task, &one, keep).await?)
    };
    // Kept counts are of the shard as it was listed.
    one.shards.iter().try_for_each(Shard::check_unchanged)?;
    Ok(ShardCounts { number, counts, way })
}
