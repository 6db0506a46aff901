//! Which pages of a row group have to be decoded, where statistics are to be believed.
//!
//! ```text
//! file:  … │ chunks │ … │ column indexes │ offset indexes │ footer
//!                         what a page holds │ where it lies: read only of chunks with a page that is known
//! ```
//!
//! Only of files. Of an object every row group would take one or two requests more before its pages could be
//! asked for, to save a part of the few in which its label columns come side by side.

use std::collections::HashMap;
use std::ops::Range;

use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use crate::engine::read::reads::{ChunkRead, Wanted, plan_parts};
use crate::error::Result;
use crate::pages::{Chosen, known_pages};
use crate::source::shards::Shard;
use crate::store::Reader;

/// By position among the label columns, the pages of chunks that not all have to be decoded.
pub(super) type ChosenPages = HashMap<usize, Chosen>;

/// What the page indexes of the `wanted` chunks choose, and how many bytes of them were read.
pub(super) fn choose_pages(
    shard: &Shard,
    group: usize,
    wanted: &[Wanted],
    file: &mut Reader,
    buffer: &mut Vec<u8>,
) -> Result<(ChosenPages, u64)> {
    let metadata = shard.metadata.row_group(group);
    let rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
    let mut indexes = Indexes { shard, metadata, file, buffer, bytes: 0 };
    let (mut known, mut choice) = (HashMap::new(), ChosenPages::new());
    let place = |chunk: &ColumnChunkMetaData| (chunk.column_index_offset(), chunk.column_index_length());
    indexes.each(wanted, place, |wanted, chunk, index| {
        known.extend(known_pages(chunk, index).map(|pages| (wanted, pages)));
    })?;
    let wanted: Vec<Wanted> = known.keys().copied().collect();
    let place = |chunk: &ColumnChunkMetaData| (chunk.offset_index_offset(), chunk.offset_index_length());
    indexes.each(&wanted, place, |wanted, chunk, index| {
        let chosen = known.get(&wanted).and_then(|pages| pages.choose(chunk, index, rows));
        choice.extend(chosen.map(|chosen| (wanted.column, chosen)));
    })?;
    Ok((choice, indexes.bytes))
}

/// The reads of the `wanted` chunks, or of the pages that are chosen of them.
pub(super) fn plan(group: &RowGroupMetaData, wanted: &[Wanted], choice: &ChosenPages) -> Vec<ChunkRead> {
    let mut parts = Vec::new();
    for wanted in wanted {
        if let Some(chosen) = choice.get(&wanted.column) {
            parts.extend(chosen.parts().map(|part| (*wanted, part)));
        } else {
            let (start, bytes) = group.column(wanted.leaf).byte_range();
            parts.push((*wanted, start..start.saturating_add(bytes)));
        }
    }
    plan_parts(parts)
}

/// Reads page indexes of a row group.
struct Indexes<'a> {
    shard: &'a Shard,
    metadata: &'a RowGroupMetaData,
    file: &'a mut Reader,
    buffer: &'a mut Vec<u8>,
    /// Bytes read so far.
    bytes: u64,
}

impl Indexes<'_> {
    /// Calls `each` with the index that lies at a `place` of the `wanted` chunks, where they have one.
    fn each(
        &mut self,
        wanted: &[Wanted],
        place: impl Fn(&ColumnChunkMetaData) -> (Option<i64>, Option<i32>),
        mut each: impl FnMut(Wanted, &ColumnChunkMetaData, &[u8]),
    ) -> Result<()> {
        let parts = wanted.iter().filter_map(|wanted| {
            let chunk = self.metadata.column(wanted.leaf);
            let range = range(place(chunk), self.shard.bytes)?;
            // An index longer than the pages costs more than it saves.
            (range.end - range.start <= chunk.byte_range().1).then_some((*wanted, range))
        });
        for read in plan_parts(parts.collect()) {
            let bytes = read.fetch(self.shard, self.file, self.buffer)?;
            self.bytes += read.len() as u64;
            for (wanted, range) in &read.chunks {
                each(*wanted, self.metadata.column(wanted.leaf), &bytes[range.clone()]);
            }
        }
        Ok(())
    }
}

/// Where an index lies, if that is within a file of `bytes` bytes.
fn range((offset, length): (Option<i64>, Option<i32>), bytes: u64) -> Option<Range<u64>> {
    let start = u64::try_from(offset?).ok()?;
    let end = start.checked_add(u64::try_from(length?).ok()?)?;
    (start < end && end <= bytes).then_some(start..end)
}
