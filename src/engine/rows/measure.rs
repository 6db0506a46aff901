//! Measures of all rows, and of each group.

use std::sync::{Arc, Mutex, PoisonError};

use crate::counts::LabelCounts;
use crate::engine::cluster;
use crate::engine::read::routes::Route;
use crate::engine::rows::block::{Block, Members, OUTSIDE};
use crate::engine::rows::most::Most;
use crate::engine::rows::read::read_rows_here;
use crate::engine::rows::request::{Request, RowPattern};
use crate::engine::rows::resolve::{KnownSets, resolve};
use crate::engine::rows::set_bits::{LabelKeys, PARTS};
use crate::engine::rows::set_sums::SetSums;
use crate::engine::rows::set_tally::{PartSets, SetTally, SetsFound};
use crate::engine::rows::sink::RowSink;
use crate::engine::rows::sized_sets::SizedSets;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::engine::spill::{Spill, Spilled};
use crate::error::{Error, Result};
use crate::row_measures::{Labelsets, RowMeasures, RowPass, RowSums};
use crate::source::shards::Shard;
use crate::threads::in_order;

/// What rows say.
#[derive(Debug)]
pub(crate) struct Measured {
    /// All rows that meet the condition.
    pub whole: RowMeasures,
    /// Those of each group that was asked for.
    pub groups: Vec<RowMeasures>,
    /// What did not fit the memory.
    pub spilled: Spilled,
    /// How rows were read.
    pub way: Route,
}

/// Sets of equal frequency that are kept until their labels are known.
const EQUALS: usize = 1 << 12;
/// Rows at the beginning of each row group whose sets are kept, and sets kept at most.
const KNOWN_ROWS: usize = 1024;
const KNOWN_SETS: usize = 1 << 15;

/// Measures rows, once or, where the most frequent sets are not known after that, twice. `counts` are of all
/// rows that meet the condition, `groups` those of each group, or nothing.
///
/// # Errors
/// As [`crate::engine::count`].
pub(crate) async fn measure(
    request: &Request<'_>,
    counts: &LabelCounts,
    groups: &[&LabelCounts],
) -> Result<Measured> {
    let Request { limits, progress, .. } = *request;
    if let Some(address) = &limits.cluster {
        return measure_on_cluster(address, request, counts, groups).await;
    }
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
    let keys = Arc::new(LabelKeys::new(counts.len(), groups.len()));
    // Half of what a thread may take: the other half is the rows of a row group.
    let budget = limits.pool_bytes() / limits.threads.max(1) / 2;
    let scopes: Vec<RowSums> =
        std::iter::once(&counts).chain(groups).map(|counts| RowSums::new(counts)).collect();
    let make = || Measuring {
        scopes: scopes.clone(),
        few: keys.few(),
        tally: SetTally::new(Arc::clone(&keys), budget, Arc::clone(&spill)),
        known: KnownSets::new(),
        known_rows: 0,
    };
    let (found, way) = read_rows_here(request, make).await?;
    let (mut of_threads, mut known, mut tallies) = (Vec::new(), KnownSets::new(), Vec::new());
    for found in found {
        let found = found?;
        of_threads.push(found.scopes);
        known.extend(found.known);
        tallies.push(found.tally);
    }
    let own_keys = Arc::clone(&keys);
    let ranked = tokio::task::spawn_blocking(move || rank(&own_keys, tallies, of_threads, scopes)).await;
    let (sums, most) = ranked.map_err(|cause| Error::internal(cause.to_string()))??;
    let (mut sets, mut rankings) = (Vec::new(), Vec::new());
    for most in most {
        sets.push(Labelsets { distinct: most.distinct, single: most.single, top: Vec::new() });
        rankings.push(most.ranking());
    }
    resolve(request, &keys, &rankings, known, &mut sets).await?;
    let mut measures = sums.into_iter().zip(sets).map(|(sums, sets)| sums.finish(sets));
    let whole = measures.next().ok_or_else(|| Error::internal("no rows were asked for"))?;
    Ok(Measured { whole, groups: measures.collect(), spilled: spill.spilled(), way })
}

/// The same on many machines, which give rows that are alike side by side.
async fn measure_on_cluster(
    address: &SchedulerAddress,
    request: &Request<'_>,
    counts: &LabelCounts,
    groups: &[&LabelCounts],
) -> Result<Measured> {
    let Request { dataset, counting, limits, progress, .. } = *request;
    let mut whole = RowPass::new(counts);
    let mut parts: Vec<RowPass> = groups.iter().map(|counts| RowPass::new(counts)).collect();
    let each = |RowPattern { positives, unknown, group, rows }: RowPattern<'_>| {
        whole.add(positives, unknown, rows);
        if let Some(part) = parts.get_mut(group) {
            part.add(positives, unknown, rows);
        }
    };
    let spilled =
        cluster::patterns(address, dataset, counting, request.groups, limits, progress, each).await?;
    dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
    let way = Route { engine: "cluster", ..Route::default() };
    let groups = parts.into_iter().map(RowPass::finish).collect();
    Ok(Measured { whole: whole.finish(), groups, spilled, way })
}

/// Sets of all threads become one account for each scope: all rows, then each group. The sums of the threads take the
/// sets of few labels, and become one with `sums`.
fn rank(
    keys: &LabelKeys,
    tallies: Vec<SetsFound>,
    of_threads: Vec<Vec<RowSums>>,
    mut sums: Vec<RowSums>,
) -> Result<(Vec<RowSums>, Vec<Most>)> {
    let scopes = sums.len();
    let new = || vec![Most::new(EQUALS / scopes); scopes];
    // One for each thread that works here.
    let (threads, tallies) = (of_threads.len(), Mutex::new(tallies));
    let free: Vec<_> = of_threads.into_iter().map(|sums| (sums, new(), SetSums::default())).collect();
    let free = Mutex::new(free);
    let lock = || free.lock().unwrap_or_else(PoisonError::into_inner);
    let parts = in_order((0..PARTS).collect(), threads, |number| {
        let mut part = PartSets::default();
        for found in tallies.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            found.take(number, &mut part)?;
        }
        let taken = lock().pop().unwrap_or_else(|| (Vec::new(), new(), SetSums::default()));
        let (mut sums, mut most, mut set_sums) = taken;
        let mut sized = SizedSets::new(keys);
        part.each_set(keys, &mut set_sums, |group, rows, hash| {
            let scope = group.map_or(0, |group| group as usize + 1);
            if let Some(most) = most.get_mut(scope) {
                most.add(rows, hash);
            }
            match (group, sums.get_mut(scope)) {
                (None, Some(whole)) => sized.add(hash, rows, whole),
                (Some(_), Some(sums)) => sized.add_now(hash, rows, sums),
                _ => {}
            }
        });
        if let Some(whole) = sums.first_mut() {
            sized.finish(whole);
        }
        lock().push((sums, most, set_sums));
        Ok(())
    });
    parts.into_iter().collect::<Result<()>>()?;
    let mut all = new();
    for (of_thread, most, _) in std::mem::take(&mut *lock()) {
        all.iter_mut().zip(most).for_each(|(most, more)| most.merge(more));
        sums.iter_mut().zip(of_thread).for_each(|(sum, more)| sum.merge(more));
    }
    Ok((sums, all))
}

/// What one thread finds.
struct Measuring<T = SetTally> {
    /// All rows, then those of each group.
    scopes: Vec<RowSums>,
    /// Labels of a set that is in the sums once all its rows are known.
    few: usize,
    tally: T,
    /// Labels of some sets.
    known: KnownSets,
    /// Rows of the row group whose sets were kept.
    known_rows: usize,
}

impl RowSink for Measuring {
    type Found = Result<Measuring<SetsFound>>;

    fn begin(&mut self) {
        self.known_rows = 0;
    }

    fn take(&mut self, block: &mut Block) -> Result<()> {
        let Self { scopes, few, tally, known, known_rows } = self;
        let (sets, few) = (&block.sets, *few);
        let Some((whole, groups)) = scopes.split_first_mut() else { return Ok(()) };
        match &block.members {
            Members::All(OUTSIDE) => return Ok(()),
            Members::All(group) => {
                whole.add(sets, few, |_| true);
                if let Some(sums) = groups.get_mut(*group as usize) {
                    sums.add(sets, few, |_| true);
                }
            }
            Members::Each(of) => {
                whole.add(sets, few, |row| block.group(row).is_some());
                let mut present: Vec<u32> = of.clone();
                present.sort_unstable();
                present.dedup();
                for group in present {
                    if let Some(sums) = groups.get_mut(group as usize) {
                        sums.add(sets, few, |row| of[row] == group);
                    }
                }
            }
        }
        let has_groups = !groups.is_empty();
        let group_of = |row: usize| match &block.members {
            Members::All(group) if has_groups => *group,
            Members::Each(of) if has_groups => of[row],
            _ => 0,
        };
        // The others are in the sums.
        let (rows_of_few, rows_of_more) = whole.last_rows();
        for &row in rows_of_few {
            tally.add_few(sets.positives_from(row), sets.positives(row).len(), group_of(row))?;
        }
        for &row in rows_of_more {
            let labels = sets.positives(row);
            let hash = tally.add(labels, group_of(row))?;
            if *known_rows < KNOWN_ROWS && known.len() < KNOWN_SETS {
                *known_rows += 1;
                known.entry(hash).or_insert_with(|| labels.into());
            }
        }
        Ok(())
    }

    fn rest(&mut self, rows: u64, silent: bool) {
        if let Some(whole) = self.scopes.first_mut() {
            whole.add_empty(rows, silent);
        }
    }

    fn finish(self) -> Self::Found {
        let Self { scopes, few, mut tally, known, known_rows } = self;
        for (group, sums) in (0..).zip(scopes.get(1..).filter(|groups| !groups.is_empty()).unwrap_or(&scopes))
        {
            let (empty, single) = sums.smallest();
            tally.add_many(&[], group, empty)?;
            for (label, &rows) in (0..).zip(single).filter(|(_, rows)| **rows > 0) {
                tally.add_many(&[label], group, rows)?;
            }
        }
        Ok(Measuring { scopes, few, tally: tally.finish(), known, known_rows })
    }
}
