//! Column chunks that lie side by side are read in one piece.

use std::iter::once;
use std::ops::Range;

use parquet::file::metadata::RowGroupMetaData;

use crate::error::Result;
use crate::source::shards::Shard;
use crate::store::Reader;

/// Most bytes of one read, unless a single chunk is larger.
pub(super) const READ_BYTES: u64 = 4 << 20;
/// Bytes between two chunks that are read along rather than left out.
const GAP_BYTES: u64 = 64 << 10;
/// Of an object no more than this part of what is read may lie between chunks.
const GAP_SHARE: u64 = 16;

/// A column chunk to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    /// Position of its column among the label columns.
    pub(crate) column: usize,
    /// Position of its column among the leaves of the file.
    pub(crate) leaf: usize,
}

/// One read, and where the chunks lie in it; those of one column side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChunkRead {
    start: u64,
    bytes: usize,
    pub(super) chunks: Vec<(Wanted, Range<usize>)>,
    /// Parts that no chunk needs and that are not read, in their order.
    holes: Vec<Range<usize>>,
}

/// The fewest reads that give `wanted`, in the order of the file. Leaves of one column are neighbours in
/// `wanted`, and come in one read. `far`: every byte comes over a network.
pub(crate) fn plan(group: &RowGroupMetaData, wanted: &[Wanted], far: bool) -> Vec<ChunkRead> {
    let chunks = wanted.iter().map(|&wanted| {
        let (start, bytes) = group.column(wanted.leaf).byte_range();
        (wanted, start..start.saturating_add(bytes))
    });
    let chunks: Vec<_> = chunks.collect();
    if far { coalesce(&chunks, true) } else { plan_parts(chunks) }
}

/// The fewest reads of a file that give these parts of it. Those of one chunk are neighbours, in their
/// order: it is read from the first to the last, without what lies between two parts and is longer than a gap.
pub(super) fn plan_parts(mut parts: Vec<(Wanted, Range<u64>)>) -> Vec<ChunkRead> {
    let mut chunks: Vec<(Wanted, Range<u64>)> = Vec::new();
    for (wanted, part) in &parts {
        match chunks.last_mut() {
            Some((last, chunk)) if last == wanted => chunk.end = part.end,
            _ => chunks.push((*wanted, part.clone())),
        }
    }
    let mut reads = coalesce(&chunks, false);
    parts.sort_by_key(|(_, part)| part.start);
    for read in &mut reads {
        read.leave_out(&parts);
    }
    reads
}

/// Over a network, gaps cost more than the next read.
fn coalesce(chunks: &[(Wanted, Range<u64>)], far: bool) -> Vec<ChunkRead> {
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let mut columns: Vec<&[(Wanted, Range<u64>)]> =
        chunks.chunk_by(|(a, _), (b, _)| a.column == b.column).collect();
    columns.sort_by_key(|leaves| leaves.iter().map(|(_, chunk)| chunk.start).min());
    let mut reads: Vec<ChunkRead> = Vec::new();
    // Bytes of the last read that lie between chunks.
    let mut gaps = 0;
    for leaves in columns {
        let start = leaves.iter().map(|(_, chunk)| chunk.start).min().unwrap_or(0);
        let end = leaves.iter().map(|(_, chunk)| chunk.end).max().unwrap_or(start);
        let joins = reads.last().is_some_and(|read| {
            let read_end = read.start + read.bytes as u64;
            let gap = start.saturating_sub(read_end);
            let is_cheap = !far || (gaps + gap) * GAP_SHARE <= read.bytes as u64;
            gap <= GAP_BYTES && is_cheap && end.max(read_end) - read.start <= READ_BYTES
        });
        let read_end = reads.last().map_or(0, |read| read.start + read.bytes as u64);
        gaps = if joins { gaps + start.saturating_sub(read_end) } else { 0 };
        if !joins {
            reads.push(ChunkRead { start, bytes: 0, chunks: Vec::new(), holes: Vec::new() });
        }
        if let Some(read) = reads.last_mut() {
            read.bytes = read.bytes.max(size(end - read.start));
            read.chunks.extend(leaves.iter().map(|(wanted, chunk)| {
                (*wanted, size(chunk.start - read.start)..size(chunk.end - read.start))
            }));
        }
    }
    reads
}

impl ChunkRead {
    /// The bytes that are read.
    pub(super) fn range(&self) -> Range<u64> {
        self.start..self.start + self.bytes as u64
    }

    /// How many bytes are read.
    pub(super) fn len(&self) -> usize {
        self.bytes - self.holes.iter().map(Range::len).sum::<usize>()
    }

    /// Makes holes between `parts`, which are sorted.
    fn leave_out(&mut self, parts: &[(Wanted, Range<u64>)]) {
        let Range { start, end } = self.range();
        let place = |at: u64| usize::try_from(at - start).unwrap_or(self.bytes);
        let first = parts.partition_point(|(_, part)| part.start < start);
        let mut done = start;
        for (_, part) in parts[first..].iter().take_while(|(_, part)| part.start < end) {
            if part.start.saturating_sub(done) > GAP_BYTES {
                self.holes.push(place(done)..place(part.start));
            }
            done = done.max(part.end);
        }
    }

    /// Fills the front of `buffer`; holes stay as they are.
    pub(super) fn fetch<'b>(
        &self,
        shard: &Shard,
        file: &mut Reader,
        buffer: &'b mut Vec<u8>,
    ) -> Result<&'b [u8]> {
        if buffer.len() < self.bytes {
            buffer.resize(self.bytes, 0);
        }
        let bytes = &mut buffer[..self.bytes];
        let mut from = 0;
        for hole in self.holes.iter().cloned().chain(once(self.bytes..self.bytes)) {
            let part = &mut bytes[from..hole.start];
            file.read_at(self.start + from as u64, part).map_err(|cause| shard.place.failed(&cause))?;
            from = hole.end;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_read_together_up_to_a_limit() {
        let wanted = |column| Wanted { column, leaf: column };
        let far = 200 << 10;
        let reads = coalesce(
            &[
                (wanted(1), 110..200),
                (wanted(0), 0..100),
                (wanted(2), far..far + 10),
                (wanted(3), far + 10..far + READ_BYTES + 1),
            ],
            false,
        );
        assert_eq!(
            reads,
            [
                whole(0, 200, vec![(wanted(0), 0..100), (wanted(1), 110..200)]),
                whole(far, 10, vec![(wanted(2), 0..10)]),
                whole(far + 10, size_of_big(), vec![(wanted(3), 0..size_of_big())]),
            ]
        );
    }

    #[test]
    fn over_a_network_little_is_read_that_is_not_wanted() {
        let wanted = |column| Wanted { column, leaf: column };
        let places = || {
            vec![
                (wanted(0), 0..1600),
                (wanted(1), 1700..1800),
                (wanted(2), 1821..1900),
                (wanted(3), 5000..5100),
            ]
        };
        let sizes = |far| coalesce(&places(), far).iter().map(|read| read.bytes).collect::<Vec<_>>();
        assert_eq!(sizes(true), [1800, 79, 100]);
        assert_eq!(sizes(false), [5100]);
    }

    #[test]
    fn leaves_of_one_column_come_in_one_read() {
        let gap = 3 * GAP_BYTES;
        let wanted = |column, leaf| Wanted { column, leaf };
        let chunks = || {
            vec![(wanted(0, 4), gap..gap + 10), (wanted(0, 1), 0..10), (wanted(1, 9), 2 * gap..2 * gap + 5)]
        };
        for far in [false, true] {
            let reads = if far { coalesce(&chunks(), true) } else { plan_parts(chunks()) };
            let found: Vec<Vec<usize>> = reads
                .iter()
                .map(|read| read.chunks.iter().map(|(wanted, _)| wanted.leaf).collect())
                .collect();
            assert_eq!(found, [vec![4, 1], vec![9]], "{far}");
            assert_eq!(reads[0].len() as u64, if far { gap + 10 } else { 20 });
        }
    }

    #[test]
    fn long_parts_that_no_chunk_needs_are_left_out() {
        let wanted = |column| Wanted { column, leaf: column };
        let gap = usize::try_from(GAP_BYTES).unwrap();
        let part = |column, range: Range<usize>| (wanted(column), range.start as u64..range.end as u64);
        let reads = plan_parts(vec![
            part(1, 500 + 2 * gap..600 + 2 * gap),
            part(0, 100..200),
            part(0, 200 + gap..300 + gap),
            part(0, 301 + 2 * gap..400 + 2 * gap),
        ]);
        let chunks = vec![(wanted(0), 0..300 + 2 * gap), (wanted(1), 400 + 2 * gap..500 + 2 * gap)];
        let mut expected = whole(100, 500 + 2 * gap, chunks);
        expected.holes.push(200 + gap..201 + 2 * gap);
        assert_eq!(reads, [expected]);
        assert_eq!(reads[0].len(), 499 + gap);
    }

    fn whole(start: u64, bytes: usize, chunks: Vec<(Wanted, Range<usize>)>) -> ChunkRead {
        ChunkRead { start, bytes, chunks, holes: Vec::new() }
    }

    fn size_of_big() -> usize {
        usize::try_from(READ_BYTES).unwrap() - 9
    }
}
