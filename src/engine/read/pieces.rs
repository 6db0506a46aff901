//! Shards cut into parts, so that every thread has something to do to the end.

use std::ops::Range;

use datafusion::datasource::listing::PartitionedFile;

use crate::engine::dataset::Cut;
use crate::engine::objects::object_meta;
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// Parts per thread, at least, where there are row groups enough.
const PARTS_PER_THREAD: usize = 4;

/// A part of a shard that one thread reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShardPart {
    /// The number of the shard.
    pub shard: usize,
    /// Row groups that begin in this range of bytes are meant; all of them without one.
    pub range: Option<(i64, i64)>,
    /// Bytes of their column chunks.
    pub bytes: u64,
}

impl ShardPart {
    /// The file as DataFusion reads it.
    ///
    /// # Errors
    /// As [`object_meta`].
    pub(crate) fn file(&self, shards: &[Shard]) -> Result<PartitionedFile> {
        let file = PartitionedFile::new_from_meta(object_meta(&shards[self.shard])?);
        Ok(match self.range {
            Some((from, to)) => file.with_range(from, to),
            None => file,
        })
    }

    /// The row groups that are meant.
    pub(crate) fn groups(&self, shards: &[Shard]) -> Range<usize> {
        let groups = shards[self.shard].row_groups();
        let Some((from, to)) = self.range else { return 0..groups.len() };
        let before = |end: i64| groups.partition_point(|group| offset(group.start) < end);
        before(from)..before(to).max(before(from))
    }
}

/// One list of parts per thread: whole shards where there are many, else runs of row groups. The largest are first.
pub(crate) fn cut(
    shards: &[Shard],
    how: impl Fn(usize) -> Cut,
    threads: usize,
) -> Result<Vec<Vec<ShardPart>>> {
    cut_into(shards, how, threads, PARTS_PER_THREAD)
}

/// The same with about so many parts per thread.
pub(crate) fn cut_into(
    shards: &[Shard],
    how: impl Fn(usize) -> Cut,
    threads: usize,
    each: usize,
) -> Result<Vec<Vec<ShardPart>>> {
    let threads = threads.max(1);
    let taken = || shards.iter().enumerate().filter(|(number, _)| how(*number) != Cut::Skip);
    if let Some((_, outline)) = taken().find(|(_, shard)| shard.is_outline) {
        return Err(Error::internal(format!("{}: row groups were passed over", outline.name)));
    }
    let total = taken().fold(0, |sum: u64, (_, shard)| sum.saturating_add(weight(shard)));
    let most = total / (threads * each.max(1)) as u64;
    let mut parts = Vec::new();
    for (number, shard) in taken() {
        let part = |bytes, range| ShardPart { shard: number, range, bytes };
        if let Cut::Part(from, to) = how(number) {
            parts.push(part(weight(shard), Some((from, to))));
            continue;
        }
        let groups = shard.row_groups();
        // Where row groups are in another order, the file is one part.
        if how(number) == Cut::Whole || !groups.is_sorted_by_key(|group| group.start) {
            parts.push(part(weight(shard), None));
            continue;
        }
        let (mut from, mut bytes) = (0, 0);
        for (i, group) in groups.iter().enumerate() {
            bytes += group.bytes;
            if bytes > most
                && let Some(next) = groups.get(i + 1)
            {
                parts.push(part(bytes, Some((from, offset(next.start)))));
                (from, bytes) = (offset(next.start), 0);
            }
        }
        // A shard without row groups is a part as well: its path counts.
        parts.push(part(bytes, Some((from, offset(shard.bytes)))));
    }
    // Largest first, each to the lightest thread.
    parts.sort_by_key(|part| std::cmp::Reverse(part.bytes));
    let mut lists: Vec<(u64, Vec<ShardPart>)> = vec![(0, Vec::new()); threads];
    for part in parts {
        if let Some(lightest) = lists.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            lightest.0 += part.bytes;
            lightest.1.push(part);
        }
    }
    Ok(lists.into_iter().map(|(_, list)| list).filter(|list| !list.is_empty()).collect())
}

fn weight(shard: &Shard) -> u64 {
    shard.row_groups().iter().map(|group| group.bytes).fold(0, u64::saturating_add)
}

fn offset(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
