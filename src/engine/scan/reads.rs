//! Column chunks that lie side by side are read in one piece.

use std::fs::File;
use std::io::{Read as _, Seek, SeekFrom};
use std::ops::Range;

use parquet::file::metadata::RowGroupMetaData;

use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// Most bytes of one read, unless a single chunk is larger.
const READ_BYTES: u64 = 4 << 20;
/// Bytes between two chunks that are read along rather than left out.
const GAP_BYTES: u64 = 64 << 10;

/// A column chunk to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Wanted {
    /// Position of its column among the label columns.
    pub(in crate::engine) column: usize,
    /// Position of its column among the leaves of the file.
    pub(in crate::engine) leaf: usize,
}

/// One read, and where the chunks lie in it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) struct Read {
    start: u64,
    bytes: usize,
    pub(in crate::engine) chunks: Vec<(Wanted, Range<usize>)>,
}

/// The fewest reads that give `wanted`, in the order of the file.
pub(in crate::engine) fn plan(group: &RowGroupMetaData, wanted: &[Wanted]) -> Vec<Read> {
    let places = wanted.iter().map(|&wanted| {
        let (start, bytes) = group.column(wanted.leaf).byte_range();
        (wanted, start, start.saturating_add(bytes))
    });
    coalesce(places.collect())
}

fn coalesce(mut places: Vec<(Wanted, u64, u64)>) -> Vec<Read> {
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    places.sort_by_key(|&(_, start, _)| start);
    let mut reads: Vec<Read> = Vec::new();
    for (wanted, start, end) in places {
        let joins = reads.last().is_some_and(|read| {
            let read_end = read.start + read.bytes as u64;
            start <= read_end.saturating_add(GAP_BYTES) && end.max(read_end) - read.start <= READ_BYTES
        });
        if !joins {
            reads.push(Read { start, bytes: 0, chunks: Vec::new() });
        }
        if let Some(read) = reads.last_mut() {
            read.bytes = read.bytes.max(size(end - read.start));
            read.chunks.push((wanted, size(start - read.start)..size(end - read.start)));
        }
    }
    reads
}

impl Read {
    /// Fills the front of `buffer`.
    pub(in crate::engine) fn fetch<'b>(
        &self,
        shard: &Shard,
        file: &mut File,
        buffer: &'b mut Vec<u8>,
    ) -> Result<&'b [u8]> {
        if buffer.len() < self.bytes {
            buffer.resize(self.bytes, 0);
        }
        let bytes = &mut buffer[..self.bytes];
        file.seek(SeekFrom::Start(self.start))
            .and_then(|_| file.read_exact(bytes))
            .map_err(|cause| Error::reading(&shard.path, &cause))?;
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
        let reads = coalesce(vec![
            (wanted(1), 110, 200),
            (wanted(0), 0, 100),
            (wanted(2), far, far + 10),
            (wanted(3), far + 10, far + READ_BYTES + 1),
        ]);
        assert_eq!(
            reads,
            [
                Read { start: 0, bytes: 200, chunks: vec![(wanted(0), 0..100), (wanted(1), 110..200)] },
                Read { start: far, bytes: 10, chunks: vec![(wanted(2), 0..10)] },
                Read { start: far + 10, bytes: size_of_big(), chunks: vec![(wanted(3), 0..size_of_big())] },
            ]
        );
    }

    fn size_of_big() -> usize {
        usize::try_from(READ_BYTES).unwrap() - 9
    }
}
