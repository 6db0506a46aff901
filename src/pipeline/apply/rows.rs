//! Rows that are read become encoded columns, row group by row group.

use std::sync::Arc;

use super::arrays::{ColumnMaker, TargetSums};
use super::handover::Handover;
use crate::artifact::appended::{ColumnEncoder, EncodedColumns, GroupColumns};
use crate::engine::rows::{Block, RowSink};
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// Encodes the added columns of the rows that one thread reads.
pub(super) struct EncodingSink {
    maker: ColumnMaker,
    shards: Arc<Vec<Shard>>,
    handover: Arc<Handover<EncodedColumns>>,
    /// All rows of this thread have come.
    is_whole: bool,
    encoder: Option<(usize, ColumnEncoder)>,
    current: Option<CurrentGroup>,
}

/// The row group whose rows come.
struct CurrentGroup {
    place: (usize, usize),
    rows_left: u64,
    columns: GroupColumns,
}

impl EncodingSink {
    pub(super) fn new(
        maker: ColumnMaker,
        shards: &Arc<Vec<Shard>>,
        handover: &Arc<Handover<EncodedColumns>>,
    ) -> Self {
        let (shards, handover) = (Arc::clone(shards), Arc::clone(handover));
        Self { maker, shards, handover, is_whole: false, encoder: None, current: None }
    }

    /// Begins the row group of `shard` that has this row.
    fn begin_at(&mut self, shard: usize, row: u64) -> Result<CurrentGroup> {
        let of = &self.shards[shard];
        if self.encoder.as_ref().is_none_or(|(known, _)| *known != shard) {
            let encoder = ColumnEncoder::new(self.maker.schema(), &of.with_footer()?.metadata)?;
            self.encoder = Some((shard, encoder));
        }
        let mut before = 0;
        for (group, outline) in of.row_groups().iter().enumerate() {
            if row < before + outline.rows {
                let Some((_, encoder)) = &self.encoder else { break };
                let place = (shard, group);
                return Ok(CurrentGroup { place, rows_left: outline.rows, columns: encoder.begin()? });
            }
            before += outline.rows;
        }
        Err(Error::internal(format!("{}: there is no row {row}", of.name)))
    }
}

impl RowSink for EncodingSink {
    type Found = TargetSums;

    fn take(&mut self, block: &mut Block) -> Result<()> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.begin_at(block.shard, block.first_row)?,
        };
        let rows = block.rows() as u64;
        if current.place.0 != block.shard || rows > current.rows_left {
            return Err(Error::internal("a row group has more rows than its footer says"));
        }
        let place = (block.shard, block.first_row);
        self.maker
            .make(place, self.shards.get(block.shard), &block.sets, |arrays| current.columns.write(arrays))?;
        current.rows_left -= rows;
        if current.rows_left > 0 {
            self.current = Some(current);
            return Ok(());
        }
        self.handover.put(current.place, current.columns.finish()?)
    }

    fn finish(mut self) -> TargetSums {
        self.is_whole = true;
        self.maker.sums.clone()
    }
}

impl Drop for EncodingSink {
    /// A thread that fails gives no more row groups, so no other thread may wait for them.
    fn drop(&mut self) {
        if !self.is_whole {
            self.handover.end();
        }
    }
}
