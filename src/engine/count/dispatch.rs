//! Counts a set of shards: here or on a cluster, all at once or shard by shard, once more without those that
//! cannot be read.

use std::sync::Arc;

use crate::counts::CountUnit;
use crate::engine::count::by_shard::{by_shard, fates, shared};
use crate::engine::count::collect::{Collector, Counted};
use crate::engine::count::diagnose::{Diagnosis, diagnose};
use crate::engine::count::pass::count_pass;
use crate::engine::count::states::{Fate, States};
use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::pairs::long;
use crate::engine::progress::Progress;
use crate::engine::read::choice::{EngineChoice, check_repeatable, choose};
use crate::engine::session::{Limits, counting_session};
use crate::engine::spill::Spill;
use crate::engine::task::CountTask;
use crate::engine::{cluster, watchdog};
use crate::error::{Error, Result};
use crate::source::bad_shards::too_many;
use crate::source::layout::LayoutKind;
use crate::source::row_stream::SharedRows;
use crate::source::shards::{Shard, Unreadable, rows_of};

/// Counts all rows of `dataset`. Shards with saved counts in `states` are not read. In layout `long`, counts are
/// saved of shards that share no row id with others, by their footers or by `ids_disjoint`.
///
/// # Errors
/// [`Error::Input`] for bad pages or values, [`Error::Usage`] for a bad condition,
/// [`Error::Resource`] when a limit is reached, [`Error::Changed`] when a shard changed meanwhile.
pub(crate) async fn count(
    dataset: &Dataset,
    counting: Counting,
    limits: &Limits,
    progress: Arc<Progress>,
    states: Option<&mut States>,
) -> Result<Counted> {
    count_readable(dataset, counting, limits, progress, states, Spare::default()).await
}

/// Shards that may be left out because they cannot be read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spare<'a> {
    /// How many, with those before.
    pub most: usize,
    /// Those that were left out before.
    pub before: &'a [Unreadable],
}

/// The same, but as many shards that cannot be read as `spare` says are left out, each as a whole.
///
/// # Errors
/// As [`count`], and when more shards than that cannot be read, or all.
pub(crate) async fn count_readable(
    dataset: &Dataset,
    counting: Counting,
    limits: &Limits,
    progress: Arc<Progress>,
    mut states: Option<&mut States>,
    spare: Spare<'_>,
) -> Result<Counted> {
    let counting = Arc::new(counting);
    if dataset.shards.is_empty() {
        return Collector::new(counting).finish(&[]);
    }
    let mut fates: Vec<Fate> = states
        .iter()
        .flat_map(|states| fates(states, &dataset.shards, &counting))
        .map(|(fate, _)| fate)
        .collect();
    let mut left = dataset.with(Arc::clone(&dataset.shards));
    let mut unreadable: Vec<Unreadable> = Vec::new();
    loop {
        let bad = match attempt(&left, &counting, limits, &progress, states.as_deref_mut()).await {
            Ok(counted) => match whole(&left, &counting, limits, &progress, counted, &fates).await {
                Ok(counted) => {
                    return Ok(Counted { fates, unreadable, work: progress.work(), ..counted });
                }
                Err(Diagnosis::Unreadable(bad)) => bad,
                Err(Diagnosis::Other(error)) => return Err(error),
            },
            Err(Diagnosis::Unreadable(bad)) => bad,
            Err(Diagnosis::Other(error)) => return Err(error),
        };
        // From the back, so that places stay what they are.
        for (place, error) in bad.into_iter().rev() {
            if place < fates.len() {
                fates.remove(place);
            }
            unreadable.push(Unreadable { name: Arc::make_mut(&mut left.shards).remove(place).name, error });
        }
        if spare.before.len() + unreadable.len() > spare.most || left.shards.is_empty() {
            unreadable.extend_from_slice(spare.before);
            return Err(too_many(unreadable, spare.most));
        }
    }
}

/// `counted` with the true total where a row id is in several groups: each of them counts the id, all rows count it
/// once. The groups do not tell how often that is so, hence all rows are counted again.
async fn whole(
    dataset: &Dataset,
    counting: &Arc<Counting>,
    limits: &Limits,
    progress: &Arc<Progress>,
    mut counted: Counted,
    fates: &[Fate],
) -> Result<Counted, Diagnosis> {
    let of_folders = || counting.by.iter().all(|by| dataset.hive.contains(by));
    let is_seen = limits.cluster.is_none() && !fates.contains(&Fate::Reused);
    // Neither saved counts nor other machines tell.
    let may_share = || {
        if is_seen {
            progress.has_shared_ids()
        } else {
            !of_folders() || shared(&dataset.shards, counting).is_some()
        }
    };
    if counting.layout.kind != LayoutKind::Long || counted.groups.len() < 2 || !may_share() {
        return Ok(counted);
    }
    tracing::info!("row ids are in several groups, so all rows are counted once more, without groups");
    let alone = Arc::new(Counting { by: Vec::new(), ..Counting::clone(counting) });
    counted.total = attempt(dataset, &alone, limits, progress, None).await?.total;
    for (_, group) in &mut counted.groups {
        *group = group.spread_to(&counted.total).map_err(Diagnosis::Other)?;
    }
    Ok(counted)
}

async fn attempt(
    dataset: &Dataset,
    counting: &Arc<Counting>,
    limits: &Limits,
    progress: &Arc<Progress>,
    states: Option<&mut States>,
) -> Result<Counted, Diagnosis> {
    if let Some(address) = &limits.cluster {
        let work = cluster::count(address, dataset, counting, limits, progress, states);
        let (way, collector) = work.await?;
        let counted = finish(dataset, counting, collector).map_err(Diagnosis::Other)?;
        return Ok(Counted { way, ..counted });
    }
    let counted = here(dataset, counting, limits, progress, states).await;
    counted.map_err(|error| diagnose(&dataset.shards, counting, error))
}

/// Counts on this machine.
async fn here(
    dataset: &Dataset,
    counting: &Arc<Counting>,
    limits: &Limits,
    progress: &Arc<Progress>,
    states: Option<&mut States>,
) -> Result<Counted> {
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
    let task = CountTask::new(counting, limits, &spill, progress)?;
    let mut collector = Collector::new(Arc::clone(counting));
    progress.begin(counting);
    let work = async {
        if let Some(states) = states {
            if let Some(way) = by_shard(&task, dataset, states, &mut collector).await? {
                return Ok(way);
            }
            tracing::warn!("{}; counting all shards together", long::LIED);
            collector = Collector::new(Arc::clone(counting));
            progress.begin(counting);
        }
        count_pass(&task, dataset, |batch| collector.add(batch)).await
    };
    let way = match &dataset.coming {
        // Who writes a stream may take any time.
        Some(coming) => {
            let way = work.await?;
            let coming = coming.clone();
            // A condition that no row can meet leaves the stream unread.
            let read = tokio::task::spawn_blocking(move || coming.read_unread()).await;
            read.map_err(|cause| Error::internal(cause.to_string()))??;
            way
        }
        None => watchdog::guard(work, progress, watchdog::PATIENCE).await?,
    };
    Ok(Counted { way, spilled: spill.spilled(), ..finish(dataset, counting, collector)? })
}

/// What was counted, once it is sure that this is what was listed.
fn finish(dataset: &Dataset, counting: &Counting, collector: Collector) -> Result<Counted> {
    dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
    if dataset.coming.as_ref().is_some_and(|coming| coming.end().is_none()) {
        return Err(Error::internal("a stream was not read to its end"));
    }
    let counted = collector.finish(&dataset.shards)?;
    let units_are_rows = counting.layout.kind != LayoutKind::Long && counting.unit == CountUnit::Row;
    if counting.filter.is_none() && units_are_rows {
        let come = dataset.coming.as_ref().and_then(SharedRows::end).map(|end| end.rows);
        let expected = come.unwrap_or_else(|| rows_of(&dataset.shards));
        if counted.total.rows() != expected {
            return Err(Error::input(format!(
                "the footers claim {expected} rows, but {} were read",
                counted.total.rows()
            ))
            .hint("a footer is damaged: write the shards again"));
        }
    }
    Ok(counted)
}

/// How rows would be counted, in a few words: the engine, why not the encoded one, and the shards read.
///
/// # Errors
/// As [`count`], for what is wrong before a page is read.
pub(crate) async fn outlook(dataset: &Dataset, counting: &Counting, limits: &Limits) -> Result<String> {
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::new(Progress::default()));
    let context = counting_session(limits, &spill, counting)?;
    let all = dataset.shards.len();
    let (engine, read) = match choose(&context, dataset, counting).await? {
        EngineChoice::Masked => ("encoded".to_owned(), all),
        EngineChoice::Encoded(kept) => ("encoded".to_owned(), kept.iter().filter(|kept| **kept).count()),
        EngineChoice::Plain(why) => (format!("plain ({why})"), all),
    };
    Ok(format!("layout={}, engine={engine}, shards={read} of {all}", counting.layout.kind))
}

/// Refuses a condition under which counts of an earlier run do not hold: see [`check_repeatable`].
///
/// # Errors
/// [`Error::Usage`] naming the condition.
pub(crate) fn check_saved(dataset: &Dataset, counting: &Counting, limits: &Limits) -> Result<()> {
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::new(Progress::default()));
    check_repeatable(&counting_session(limits, &spill, counting)?, dataset, counting)
}
