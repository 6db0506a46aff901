//! What a run will read and take, before it is paid for.

use std::sync::Arc;
use std::time::Instant;

use super::opening::Opened;
use crate::counts::Tally;
use crate::engine::counting::{Counting, Keys};
use crate::engine::session::Limits;
use crate::engine::{Dataset, Demand, count, demand, outlook};
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;

/// Memory of a process that holds no footer and no bytes of a shard, as measured.
const FIXED_BYTES: u64 = 40 << 20;
/// Bytes that one thread holds of a file: a read, and a page of it unpacked.
const THREAD_BYTES: u64 = 8 << 20;
/// Bytes that one thread holds of objects: sixteen reads that were asked for ahead.
const AHEAD_BYTES: u64 = 16 * (4 << 20);

/// Row groups that the probe counts.
const PROBED: usize = 4;
/// Rows from which on a shard tells more of the time for rows than of the time to begin.
const PROBED_ROWS: u64 = 1 << 16;

/// What a run will read and take.
#[derive(Debug, Clone)]
pub(crate) struct Forecast {
    /// What is read.
    pub demand: Demand,
    /// How rows will be counted, in a few words.
    pub how: String,
    /// Memory that can be predicted.
    pub memory: u64,
    /// Whether that is not known, but bounded by the limit: pairs of layout long, and names.
    pub is_open: bool,
    /// Time to list shards and read footers, as it was.
    pub opening: f64,
    /// Time of counting, by the probe, and processor time of that.
    pub counting: f64,
    pub processor: f64,
    /// Labels that are known before counting.
    pub labels: u64,
    /// Time that does not grow with rows.
    pub fixed: f64,
    /// Rows of the probe, and the time they took.
    pub probe: (u64, f64),
}

impl Forecast {
    /// The same for each of `jobs` jobs that share the shards, as with `--shard-count`: all read all footers.
    #[must_use]
    pub(crate) fn of_each(&self, jobs: u64) -> Self {
        let jobs = jobs.max(1);
        let Demand { row_groups, rows, chunk_bytes, values, read_bytes, reads, .. } = self.demand;
        let demand = Demand {
            row_groups: row_groups.div_ceil(jobs),
            rows: rows.div_ceil(jobs),
            chunk_bytes: chunk_bytes.div_ceil(jobs),
            values: values.div_ceil(jobs),
            read_bytes: read_bytes.div_ceil(jobs),
            reads: reads.div_ceil(jobs),
            ..self.demand
        };
        let (counting, processor) = (self.counting / jobs as f64, self.processor / jobs as f64);
        Self { demand, counting, processor, ..self.clone() }
    }
}

/// Looks at what was opened in `opening` seconds, and counts one row group of it to see how fast that is.
///
/// # Errors
/// As a count.
pub(crate) async fn forecast(opened: &Opened, limits: &Limits, opening: f64) -> Result<Forecast> {
    let Opened { dataset, counting, heads, .. } = opened;
    let (one_of, counting) = (heads.len().max(1) as f64, heads.first().unwrap_or(counting));
    let demand = demand(dataset, counting)?;
    let how = outlook(dataset, counting, limits).await?;
    let threads = limits.threads.max(1) as u64;
    let (first, more) =
        (probe(dataset, counting, limits, 1).await?, probe(dataset, counting, limits, PROBED).await?);
    // What a run takes besides rows, such as giving counts of every label, does not grow with them.
    let per_row = match more.0.saturating_sub(first.0) {
        0 => first.1 / first.0.max(1) as f64,
        rows => ((more.1 - first.1) / rows as f64).max(0.0),
    };
    let fixed = (first.1 - per_row * first.0 as f64).max(0.0);
    let labels = match &counting.keys {
        Keys::Positions(labels) => labels.len(),
        Keys::Vocabulary(vocabulary) => vocabulary.labels().len(),
        Keys::Indices(bound) => usize::try_from(bound.unwrap_or(0)).unwrap_or(0),
        Keys::Names(_) => 0,
    };
    let of_threads = if demand.is_far { AHEAD_BYTES } else { THREAD_BYTES };
    let of_labels = (labels * size_of::<Tally>()) as u64;
    let memory = FIXED_BYTES + demand.footer_bytes + threads * (of_threads + of_labels);
    Ok(Forecast {
        how,
        memory,
        is_open: counting.layout.kind == LayoutKind::Long
            || matches!(counting.keys, Keys::Names(_) | Keys::Indices(None)),
        opening,
        // Each thread is as fast as the one of the probe.
        counting: one_of * per_row * demand.rows as f64 / threads as f64,
        processor: one_of * per_row * demand.rows as f64,
        labels: labels as u64,
        fixed,
        probe: more,
        demand,
    })
}

/// Counts up to `groups` row groups of the shard with the fewest rows of those that are not small, or the whole shard if
/// it is read as arrays. Returns rows and seconds.
async fn probe(dataset: &Dataset, counting: &Counting, limits: &Limits, groups: usize) -> Result<(u64, f64)> {
    let Some(shard) = probed(&dataset.shards) else { return Ok((0, 0.0)) };
    let one = Dataset::new(vec![first_groups(shard, groups)?], Arc::clone(&dataset.schema));
    let mut limits = limits.clone();
    limits.threads = 1;
    let clock = Instant::now();
    let counted =
        count(&one, Counting { num_rows: None, ..counting.clone() }, &limits, Arc::default(), None).await;
    match counted {
        Ok(_) => Ok((one.shards[0].rows, clock.elapsed().as_secs_f64())),
        // Where rows are read as arrays, DataFusion reads the footer again, and all of the shard.
        Err(Error::Input(_)) if groups == 1 => Ok((0, 0.0)),
        Err(error) => Err(error),
    }
}

/// The smallest shard that has as many rows as shards have on average, or enough of them.
fn probed(shards: &[Shard]) -> Option<&Shard> {
    let rows: u64 = shards.iter().map(|shard| shard.rows).sum();
    let least = rows.div_ceil(shards.len().max(1) as u64).clamp(1, PROBED_ROWS);
    shards.iter().filter(|shard| shard.rows >= least).min_by_key(|shard| shard.rows)
}

/// The shard as if it ended behind its first row groups.
fn first_groups(shard: &Shard, groups: usize) -> Result<Shard> {
    let shard = shard.with_footer()?;
    let some: Vec<_> = shard.metadata.row_groups().iter().take(groups).cloned().collect();
    let rows = some.iter().filter_map(|group| u64::try_from(group.num_rows()).ok()).sum();
    let metadata = (*shard.metadata).clone().into_builder().set_row_groups(some).build();
    Ok(Shard { rows, metadata: Arc::new(metadata), deleted: None, ..shard.into_owned() })
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, BooleanArray};

    use super::*;
    use crate::source::shards::tests::shard;

    #[test]
    fn a_shard_of_a_few_rows_says_nothing_of_the_speed() {
        let folder = tempfile::tempdir().unwrap();
        let of = |rows: usize| {
            let labels: ArrayRef = Arc::new(BooleanArray::from(vec![true; rows]));
            shard(folder.path(), &format!("{rows}.parquet"), vec![("a", labels)])
        };
        let shards = [of(1), of(500), of(0), of(300), of(2)];
        assert_eq!(probed(&shards).unwrap().rows, 300);
        assert_eq!(probed(&shards[..1]).unwrap().rows, 1);
        assert!(probed(&shards[2..3]).is_none());
        assert!(probed(&[]).is_none());
    }
}
