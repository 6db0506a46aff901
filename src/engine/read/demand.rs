//! What a count will read, before it reads anything.

use std::collections::{BTreeSet, HashSet};

use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::read::reads;
use crate::engine::read::reads::Wanted;
use crate::error::Result;
use crate::source::shards::Shard;

/// Bytes and requests of a count, and what its footers take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Shards.
    pub shards: u64,
    /// Row groups.
    pub row_groups: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of the column chunks that are counted.
    pub chunk_bytes: u64,
    /// Values in them.
    pub values: u64,
    /// Bytes that are read: those, and what lies between them.
    pub read_bytes: u64,
    /// Reads that give them.
    pub reads: u64,
    /// Memory that all footers take.
    pub footer_bytes: u64,
    /// Whether some shards are objects, whose reads are requests.
    pub is_far: bool,
}

/// What counting all shards of `dataset` demands.
///
/// # Errors
/// As reading the footer of a shard once more.
pub(crate) fn demand(dataset: &Dataset, counting: &Counting) -> Result<Demand> {
    let asked: HashSet<&str> = counting
        .layout
        .columns()
        .chain(counting.by.iter().map(String::as_str))
        .chain(counting.sample_weight.as_deref())
        .collect();
    let mut demand = Demand::default();
    for shard in dataset.shards.iter() {
        demand.footer_bytes += kept_bytes(shard);
        let shard = shard.with_footer()?;
        let far = shard.place.object().is_some();
        let columns = shard.schema.fields().iter().zip(shard.leaves());
        let asked = columns.filter(|(field, _)| asked.contains(field.name().as_str()));
        let wanted: BTreeSet<usize> = asked.flat_map(|(_, leaves)| leaves).collect();
        let wanted: Vec<Wanted> = wanted.into_iter().map(|leaf| Wanted { column: leaf, leaf }).collect();
        demand.shards += 1;
        demand.rows = demand.rows.saturating_add(shard.rows);
        demand.is_far |= far;
        for group in shard.metadata.row_groups() {
            demand.row_groups += 1;
            for chunk in wanted.iter().map(|wanted| group.column(wanted.leaf)) {
                demand.chunk_bytes += chunk.byte_range().1;
                demand.values = demand.values.saturating_add(chunk.num_values().try_into().unwrap_or(0));
            }
            for read in reads::plan(group, &wanted, far) {
                demand.reads += 1;
                demand.read_bytes += read.range().end - read.range().start;
            }
        }
    }
    Ok(demand)
}

/// Bytes that stay in memory of the footer of a shard.
fn kept_bytes(shard: &Shard) -> u64 {
    let kept = match &shard.groups {
        Some(groups) => size_of_val::<[_]>(groups),
        None => shard.metadata.memory_size(),
    };
    kept as u64
}
