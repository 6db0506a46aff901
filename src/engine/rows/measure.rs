//! Measures of all rows, and of each group.

use std::sync::{Arc, Mutex, PoisonError};

use crate::counts::LabelCounts;
use crate::engine::cluster;
use crate::engine::read::routes::Route;
use crate::engine::rows::block::{Block, Members};
use crate::engine::rows::most::{Most, each_set};
use crate::engine::rows::read::read_rows_here;
use crate::engine::rows::request::{Request, RowPattern};
use crate::engine::rows::resolve::{KnownSets, resolve};
use crate::engine::rows::set_bits::LabelKeys;
use crate::engine::rows::set_tally::{PARTS, PartSets, SetTally, SetsFound};
use crate::engine::rows::sink::RowSink;
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
    let (threads, free) = (of_threads.len(), Mutex::new(of_threads));
    let tallies = Mutex::new(tallies);
    let lock = || free.lock().unwrap_or_else(PoisonError::into_inner);
    let parts = in_order((0..PARTS).collect(), threads, |number| {
        let (mut part, mut most, mut labels) = (PartSets::default(), new(), Vec::new());
        for found in tallies.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            found.take(number, &mut part)?;
        }
        let mut sums = lock().pop().unwrap_or_default();
        each_set(&part.into_entries(keys), |group, rows, hash| {
            let scope = group.map_or(0, |group| group as usize + 1);
            if let Some(most) = most.get_mut(scope) {
                most.add(rows, hash);
            }
            if let Some(sums) = sums.get_mut(scope)
                && keys.labels(hash, &mut labels)
                && labels.len() > 1
            {
                sums.add_alike(&labels, &[], rows);
            }
        });
        lock().push(sums);
        Ok(most)
    });
    let mut all = new();
    for part in parts {
        all.iter_mut().zip(part?).for_each(|(most, more)| most.merge(more));
    }
    for of_thread in std::mem::take(&mut *lock()) {
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
        let (sets, few) = (&block.sets, self.few);
        let Some((whole, groups)) = self.scopes.split_first_mut() else { return Ok(()) };
        whole.add(sets, few, |row| block.group(row).is_some());
        match &block.members {
            Members::All(group) => {
                if let Some(sums) = groups.get_mut(*group as usize) {
                    sums.add(sets, few, |_| true);
                }
            }
            Members::Each(of) => {
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
        for row in 0..block.rows() {
            let Some(group) = block.group(row) else { continue };
            let group = if has_groups { u32::try_from(group).unwrap_or(u32::MAX) } else { 0 };
            let labels = sets.positives(row);
            if labels.len() < 2 {
                // They are in the sums.
                continue;
            }
            if labels.len() <= few {
                self.tally.add_few(labels, group)?;
                continue;
            }
            let hash = self.tally.add(labels, group)?;
            if self.known_rows < KNOWN_ROWS && self.known.len() < KNOWN_SETS {
                self.known_rows += 1;
                self.known.entry(hash).or_insert_with(|| labels.into());
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
