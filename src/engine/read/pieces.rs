//! Shards cut into pieces, so that every thread has something to do to the end.

use std::ops::Range;

use datafusion::datasource::listing::PartitionedFile;

use crate::engine::dataset::Cut;
use crate::engine::objects::object_meta;
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// Pieces per thread, at least, where there are row groups enough.
const PIECES_PER_THREAD: usize = 4;

/// One list of pieces per thread, each with the number of its shard: whole shards where there are many,
/// else runs of row groups.
pub(crate) fn cut(
    shards: &[Shard],
    how: impl Fn(usize) -> Cut,
    threads: usize,
) -> Result<Vec<Vec<(usize, PartitionedFile)>>> {
    let threads = threads.max(1);
    if let Some(outline) = shards.iter().find(|shard| shard.is_outline) {
        return Err(Error::internal(format!("{}: row groups were passed over", outline.name)));
    }
    let taken = || shards.iter().enumerate().filter(|(number, _)| how(*number) != Cut::Skip);
    let total = taken().fold(0, |sum: u64, (_, shard)| sum.saturating_add(weight(shard)));
    let most = total / (threads * PIECES_PER_THREAD) as u64;
    let mut pieces = Vec::new();
    for (number, shard) in taken() {
        let file = PartitionedFile::new_from_meta(object_meta(shard)?);
        if let Cut::Part(from, to) = how(number) {
            pieces.push((weight(shard), number, file.with_range(from, to)));
            continue;
        }
        let groups = shard.row_groups();
        // Where row groups are in another order, the file is one piece.
        if how(number) == Cut::Whole || !groups.is_sorted_by_key(|group| group.start) {
            pieces.push((weight(shard), number, file));
            continue;
        }
        let (mut from, mut bytes) = (0, 0);
        for (i, group) in groups.iter().enumerate() {
            bytes += group.bytes;
            if bytes > most
                && let Some(next) = groups.get(i + 1)
            {
                pieces.push((bytes, number, file.clone().with_range(from, offset(next.start))));
                (from, bytes) = (offset(next.start), 0);
            }
        }
        // A shard without row groups is a piece as well: its path counts.
        pieces.push((bytes, number, file.with_range(from, offset(shard.bytes))));
    }
    // Largest first, each to the lightest thread.
    pieces.sort_by_key(|(bytes, ..)| std::cmp::Reverse(*bytes));
    let mut lists: Vec<(u64, Vec<(usize, PartitionedFile)>)> = vec![(0, Vec::new()); threads];
    for (bytes, number, piece) in pieces {
        if let Some(lightest) = lists.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            lightest.0 += bytes;
            lightest.1.push((number, piece));
        }
    }
    Ok(lists.into_iter().map(|(_, list)| list).filter(|list| !list.is_empty()).collect())
}

/// The row groups of a shard that begin in `range`; all of them without one.
pub(crate) fn groups(shard: &Shard, range: Option<Range<u64>>) -> Range<usize> {
    let groups = shard.row_groups();
    let Some(range) = range else { return 0..groups.len() };
    let from = groups.partition_point(|group| group.start < range.start);
    let to = groups.partition_point(|group| group.start < range.end);
    from..to.max(from)
}

/// The bytes of a piece.
pub(crate) fn range(piece: &PartitionedFile) -> Option<Range<u64>> {
    let offset = |at: i64| u64::try_from(at).unwrap_or(0);
    piece.range.as_ref().map(|range| offset(range.start)..offset(range.end))
}

fn weight(shard: &Shard) -> u64 {
    shard.row_groups().iter().map(|group| group.bytes).fold(0, u64::saturating_add)
}

fn offset(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
