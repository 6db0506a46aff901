//! Decisions on rows, stored by block in bounded memory.

use std::borrow::Cow;
use std::sync::Arc;

use crate::engine::spill::{Segment, Spill, SpillFile};
use crate::error::{Error, Result};
use crate::sampling::Decisions;

/// The decisions of a block, in memory or on disk.
#[derive(Debug)]
enum StoredBlock {
    Held(Decisions),
    Spilled { part: usize, segment: Segment },
}

/// The decisions of one thread.
#[derive(Debug)]
pub(super) struct ThreadDecisions {
    budget: usize,
    file: SpillFile,
    /// Shard, first row within the shard, decisions.
    blocks: Vec<(usize, u64, StoredBlock)>,
}

impl ThreadDecisions {
    /// No decisions; keeps up to `budget` bytes in memory.
    pub(super) fn new(spill: Arc<Spill>, budget: usize) -> Self {
        Self { budget, file: SpillFile::new(spill), blocks: Vec::new() }
    }

    pub(super) fn push(&mut self, shard: usize, decisions: Decisions) -> Result<()> {
        let bytes = decisions.bytes() + size_of::<StoredBlock>();
        let first_row = decisions.first_row;
        let stored = if bytes <= self.budget {
            self.budget -= bytes;
            StoredBlock::Held(decisions)
        } else {
            let raw = postcard::to_stdvec(&decisions).map_err(|cause| Error::internal(cause.to_string()))?;
            StoredBlock::Spilled { part: 0, segment: self.file.append(&raw)? }
        };
        self.blocks.push((shard, first_row, stored));
        Ok(())
    }
}

/// The decisions on all rows, by shard.
#[derive(Debug)]
pub(crate) struct RowDecisions {
    /// Shard, first row within the shard, decisions; in this order.
    blocks: Vec<(usize, u64, StoredBlock)>,
    files: Vec<SpillFile>,
}

impl RowDecisions {
    /// The decisions of all threads.
    pub(super) fn join(parts: Vec<ThreadDecisions>) -> Self {
        let (mut blocks, mut files) = (Vec::new(), Vec::new());
        for (number, part) in parts.into_iter().enumerate() {
            blocks.extend(part.blocks.into_iter().map(|(shard, first_row, stored)| match stored {
                StoredBlock::Spilled { segment, .. } => {
                    (shard, first_row, StoredBlock::Spilled { part: number, segment })
                }
                held @ StoredBlock::Held(_) => (shard, first_row, held),
            }));
            files.push(part.file);
        }
        blocks.sort_by_key(|(shard, first_row, _)| (*shard, *first_row));
        Self { blocks, files }
    }

    /// The decisions on the rows of a shard, in order.
    ///
    /// # Errors
    /// [`Error::Resource`] when a spill file cannot be read back.
    pub(crate) fn of_shard(&self, shard: usize) -> impl Iterator<Item = Result<Cow<'_, Decisions>>> {
        let start = self.blocks.partition_point(|(at, ..)| *at < shard);
        let blocks = self.blocks[start..].iter().take_while(move |(at, ..)| *at == shard);
        blocks.map(|(_, _, stored)| match stored {
            StoredBlock::Held(decisions) => Ok(Cow::Borrowed(decisions)),
            StoredBlock::Spilled { part, segment } => {
                let raw = self.files[*part].read(*segment)?;
                let damaged = |_| Error::resource("a spill file is damaged").hint("run again");
                postcard::from_bytes(&raw).map(Cow::Owned).map_err(damaged)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::Values;

    #[test]
    fn decisions_come_back_in_order_from_memory_and_disk() {
        let spill = Spill::new(None, 1 << 20, Arc::default());
        let mut parts =
            [ThreadDecisions::new(Arc::clone(&spill), 0), ThreadDecisions::new(Arc::clone(&spill), 1 << 20)];
        let block = |first_row| Decisions {
            first_row,
            rows: 3,
            chosen: Some(vec![0, 2]),
            values: Values::Small(vec![3, 1]),
            weights: Some(vec![0.5, 1.0]),
        };
        for (i, (shard, first_row)) in [(1, 3), (0, 0), (1, 0), (1, 6)].into_iter().enumerate() {
            parts[i % 2].push(shard, block(first_row)).unwrap();
        }
        let decided = RowDecisions::join(parts.into());
        let found: Vec<_> = decided.of_shard(1).map(|decisions| decisions.unwrap().into_owned()).collect();
        assert_eq!((found, spill.spilled().files), ([0, 3, 6].map(block).to_vec(), 1));
    }
}
